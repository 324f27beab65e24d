"""Keyed digests: what may link the rows of one feed for one purpose, and nothing else.

Every digest is HMAC-SHA-256, cut to 128 bits (RFC 2104 allows it), in hexadecimal. Its key is derived (HKDF) for one
scope and one purpose from a secret that lies outside the lake: without it a record number cannot be tried out.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Protocol

from ingestion.sealing import create_private

PSEUDONYM_KEY = "pseudonym.key"
USES = "key-uses.jsonl"
DIGEST_BYTES = 16
_BLOCK = 64  # SHA-256's


@dataclass(frozen=True)
class Digester:
    """HMAC-SHA-256 under one key, over many values. The two padded keys are what HMAC (RFC 2104) makes of it."""

    inner: bytes = field(repr=False)
    outer: bytes = field(repr=False)

    @classmethod
    def of_key(cls, key: bytes) -> Digester:
        """`key` of at most 64 bytes."""
        padded = key.ljust(_BLOCK, b"\0")
        return cls(bytes(byte ^ 0x36 for byte in padded), bytes(byte ^ 0x5C for byte in padded))

    def raw(self, values: Iterable[bytes]) -> list[bytes]:
        """32 bytes a value, in order."""
        # Spelt out, from the states behind the padded keys: a million calls of hmac.digest take twice as long, and the
        # walk makes two a row.
        inner, outer = hashlib.sha256(self.inner).copy, hashlib.sha256(self.outer).copy
        found = []
        for value in values:
            first, second = inner(), outer()
            first.update(value)
            second.update(first.digest())
            found.append(second.digest())
        return found

    def hexadecimal(self, values: Iterable[str]) -> list[str]:
        """32 hexadecimal characters a value, in order."""
        return [digest[:DIGEST_BYTES].hex() for digest in self.raw(value.encode() for value in values)]


class KeyProvider(Protocol):
    """Where secrets come from: files of the home, or a key management service that hands them over."""

    def secret(self, name: str) -> bytes:
        """32 bytes, the same for the same name, made on first use."""
        ...


@dataclass(frozen=True)
class KeyFiles:
    """Secrets as files of mode 0600, in hexadecimal."""

    folder: Path

    def secret(self, name: str) -> bytes:
        """The secret of that file, which is made on first use."""
        path = self.folder / name
        if not path.exists():
            create_private(path, os.urandom(32).hex().encode())
        return bytes.fromhex(path.read_text().strip())


@dataclass(frozen=True)
class KeyRing:
    """The home's secret keys; every use is counted. `provider` gives the secret that pseudonyms are derived from, null:
    the key service that the environment names (vault.py), else a file of mode 0600 in `folder`, where keys that are
    destroyed by day and those that open envelopes always lie."""

    folder: Path
    provider: KeyProvider | None = field(default=None, repr=False, compare=False)
    uses: Counter[tuple[str, str, str]] = field(default_factory=Counter, repr=False, compare=False)

    def digester(self, scope: str, purpose: str, values: int, period: str = "") -> Digester:
        """The digester of a scope (a feed, or an agency), purpose and period (none: for as long as the key lives);
        `values` is how many it will be used on."""
        self.uses[PSEUDONYM_KEY, scope, purpose] += values
        return Digester.of_key(self._derived(scope, f"{purpose}/{period}" if period else purpose))

    def hide(self, text: str, scope: str, purpose: str) -> str:
        """`text` under authenticated encryption (AES-SIV: equal texts give equal results), for what only we read."""
        import base64

        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        self.uses[PSEUDONYM_KEY, scope, purpose] += 1
        hidden = AESSIV(self._derived(scope, purpose)).encrypt(text.encode() or b"\0", [purpose.encode()])
        return base64.urlsafe_b64encode(hidden).decode()

    def reveal(self, hidden: str, scope: str, purpose: str) -> str:
        """What `hide` was given. Raises ValueError where it was changed or hidden under another key."""
        import base64

        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESSIV

        self.uses[PSEUDONYM_KEY, scope, purpose] += 1
        try:
            text = AESSIV(self._derived(scope, purpose)).decrypt(base64.urlsafe_b64decode(hidden), [purpose.encode()])
        except (InvalidTag, ValueError):
            raise ValueError(f"{scope}: {purpose} was hidden under another key than keys/{PSEUDONYM_KEY}") from None
        return "" if text == b"\0" else text.decode()

    def write_uses(self, run_id: str) -> None:
        """Add the counts since the last call to the folder's record of uses, and begin anew."""
        if not self.uses:
            return
        now = datetime.now(UTC).isoformat(timespec="seconds")
        lines = "".join(
            json.dumps({"at": now, "run_id": run_id, "key": key, "scope": scope, "purpose": purpose, "values": count})
            + "\n"
            for (key, scope, purpose), count in sorted(self.uses.items())
        )
        descriptor = os.open(self.folder / USES, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        with os.fdopen(descriptor, "ab") as file:
            file.write(lines.encode())
        self.uses.clear()

    def _derived(self, scope: str, purpose: str) -> bytes:
        return derived(self._secret(), scope, purpose)

    def _secret(self) -> bytes:
        return (self.provider or _service() or KeyFiles(self.folder)).secret(PSEUDONYM_KEY)


@cache
def _service() -> KeyProvider | None:
    """The key service that the environment names, asked once a process for each secret."""
    if not any(name.startswith("TELAGA_VAULT_") for name in os.environ):
        return None
    from ingestion.minimise.vault import VaultKeys

    return VaultKeys.of_environment()


def derived(secret: bytes, scope: str, purpose: str) -> bytes:
    """32 bytes from a secret for one scope and purpose (HKDF-SHA-256, RFC 5869)."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    info = json.dumps(["telaga", scope, purpose]).encode()
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret)
