"""Age envelopes: what nobody but the holder of a home's key can read. Sealing needs the public key alone."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

QUARANTINE_KEY = "quarantine.age-key"


class SealBroken(Exception):
    """An envelope that this key does not open, or that was changed."""


def recipient_of(keys_dir: Path, name: str = QUARANTINE_KEY) -> str:
    """Public key (age1...) of the home's X25519 identity, which is made on first use (0600, in a 0700 folder)."""
    import pyrage

    path = keys_dir / name
    if not path.exists():
        create_private(path, f"{pyrage.x25519.Identity.generate()}\n".encode())
    return str(_identity(path).to_public())


def seal(content: bytes, recipient: str) -> bytes:
    """An age envelope of `content` for the public key `recipient`."""
    import pyrage

    return pyrage.encrypt(content, [pyrage.x25519.Recipient.from_str(recipient)])


def open_sealed(envelope: bytes, keys_dir: Path, name: str = QUARANTINE_KEY) -> bytes:
    """Content of an envelope sealed to the home's key. Raises SealBroken where it does not open."""
    import pyrage

    path = keys_dir / name
    try:
        return pyrage.decrypt(envelope, [_identity(path)])
    except FileNotFoundError:
        raise SealBroken(f"keys/{name} is missing; restore it from your backup, nothing else opens the seal") from None
    except pyrage.DecryptError:
        raise SealBroken(f"the envelope was changed or sealed to another key than keys/{name}") from None


def _identity(path: Path):  # type: ignore[no-untyped-def]
    import pyrage

    return pyrage.x25519.Identity.from_str(path.read_text().strip())


def create_private(path: Path, content: bytes) -> None:
    """Create a file of mode 0600 with its content in one step; where a rival was first, its file stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(part, path)  # unlike a rename, a link never replaces a key that is already in use
        except FileExistsError:
            return
    finally:
        part.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
