"""Checkpoints of a log as signed notes: the text that an officer keeps, and may check with a public key alone.

Formats of C2SP: signed-note and tlog-checkpoint (Ed25519, algorithm 1), tlog-cosignature (algorithm 4, with the second
at which a witness saw the checkpoint). A verifier key is one line: `<name>+<key id, hex>+<algorithm and key, base64>`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

ED25519 = 1
COSIGNATURE = 4
_NAME = re.compile(r"[^\s+]+")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


class BadNote(ValueError):
    """A note that is none, or that the keys at hand do not vouch for."""


@dataclass(frozen=True)
class Checkpoint:
    """What a log said of itself once: `origin` names the log, `size` counts its entries, `root` is 32 bytes."""

    origin: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True)
class Verifier:
    """A public key and the name it signs under. `algorithm` 1 signs notes, 4 cosigns checkpoints."""

    name: str
    key: bytes
    algorithm: int = ED25519

    @classmethod
    def parse(cls, line: str) -> Verifier:
        """Reads a verifier key. Raises BadNote where it is none or its id does not fit."""
        try:
            name, identity, encoded = line.strip().split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
        except (ValueError, binascii.Error):
            raise BadNote("a verifier key is <name>+<id>+<key in base64>") from None
        if len(raw) != 33 or raw[0] not in (ED25519, COSIGNATURE) or not _NAME.fullmatch(name):
            raise BadNote("the verifier key is none of Ed25519 (algorithm 1 or 4)")
        found = cls(name, raw[1:], raw[0])
        if found.identity.hex() != identity:
            raise BadNote(f"the verifier key of {name} does not fit its id: it was copied wrongly")
        return found

    @property
    def identity(self) -> bytes:
        """The 4 bytes by which a signature names its key."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.algorithm]) + self.key).digest()[:4]

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.algorithm]) + self.key).decode()
        return f"{self.name}+{self.identity.hex()}+{encoded}"

    def accepts(self, text: str, signature: bytes) -> bool:
        """Whether the signature (of a cosigner: 8 bytes of time before it) is this key's, over the note's text."""
        message = text.encode()
        if self.algorithm == COSIGNATURE:
            if len(signature) != 72:
                return False
            message = _cosigned(text, int.from_bytes(signature[:8], "big"))
            signature = signature[8:]
        try:
            Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class Signer:
    """A private key (32 bytes) and the name it signs under."""

    name: str
    seed: bytes
    algorithm: int = ED25519

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError("the name of a key has neither spaces nor a plus sign")

    def __repr__(self) -> str:
        return f"Signer({self.name!r})"

    @property
    def verifier(self) -> Verifier:
        public = Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return Verifier(self.name, public, self.algorithm)

    def line(self, text: str, at: int = 0) -> str:
        """The signature line under a note's text; `at`: unix seconds, of a cosigner alone."""
        key = Ed25519PrivateKey.from_private_bytes(self.seed)
        if self.algorithm == COSIGNATURE:
            signature = at.to_bytes(8, "big") + key.sign(_cosigned(text, at))
        else:
            signature = key.sign(text.encode())
        return f"— {self.name} {base64.b64encode(self.verifier.identity + signature).decode()}\n"


def _cosigned(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def sign(checkpoint: Checkpoint, signer: Signer) -> str:
    """The checkpoint as a signed note."""
    return f"{checkpoint.text}\n{signer.line(checkpoint.text)}"


def cosign(note: str, signer: Signer, at: int) -> str:
    """The note with one more line, by a witness (algorithm 4) who saw it at `at` (unix seconds)."""
    text, _ = _parts(note)
    return note + signer.line(text, at)


def open_note(note: str, verifiers: Sequence[Verifier]) -> Checkpoint:
    """The checkpoint of a note that every one of `verifiers` (at least one) has signed.

    Signatures by keys that are not asked for are passed over. Raises BadNote otherwise.
    """
    if not verifiers:
        raise BadNote("without a key nothing vouches for a note")
    text, signatures = _parts(note)
    for verifier in verifiers:
        mine = [raw[4:] for name, raw in signatures if (name, raw[:4]) == (verifier.name, verifier.identity)]
        if not mine:
            raise BadNote(f"the note carries no signature of {verifier.name}")
        if not all(verifier.accepts(text, signature) for signature in mine):
            raise BadNote(f"the signature of {verifier.name} is not over this text: the note was changed")
    return _checkpoint(text)


def _parts(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Text (with its last line end) and signatures, as (name, key id and signature)."""
    head, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n"):
        raise BadNote("no signed note: text, an empty line, signature lines")
    signatures = []
    for line in tail[:-1].split("\n"):
        match = _SIGNATURE.fullmatch(line)
        try:
            raw = base64.b64decode(match[2], validate=True) if match else b""
        except binascii.Error:
            raw = b""
        if match is None or len(raw) < 5:
            raise BadNote("a signature line of the note is none")
        signatures.append((match[1], raw))
    return head + "\n", signatures


def _checkpoint(text: str) -> Checkpoint:
    lines = text.split("\n")
    try:
        origin, size, root = lines[0], lines[1], base64.b64decode(lines[2], validate=True)
    except (IndexError, binascii.Error):
        raise BadNote("the note is no checkpoint: origin, size, root") from None
    if not origin or not re.fullmatch(r"0|[1-9][0-9]*", size) or len(root) != 32:
        raise BadNote("the note is no checkpoint: origin, size, root")
    return Checkpoint(origin, int(size), root)
