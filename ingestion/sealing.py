"""Age envelopes, which nobody but the holder of a home's key can read, and the signatures of agencies.

Sealing needs the public key alone. Private keys are files of mode 0600 in a folder of mode 0700.
"""

from __future__ import annotations

import base64
import io
import os
import queue
import re
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

QUARANTINE_KEY = "quarantine.age-key"
DROPS_KEY = "drops.age-key"
# The data protection officer's: landing seals to the public part and never opens; the private one may lie elsewhere.
OFFICER_KEY = "officer.age"
OFFICER_PUBLIC = "officer.pub"
AGENCY_KEY = "agency-{agency}.ed25519"
_AHEAD = 4  # pieces that are decrypted before anyone asks for them
_PIECE = 1 << 20


class SealBroken(Exception):
    """An envelope that this key does not open, or that was changed."""


def recipient_of(keys_dir: Path, name: str = QUARANTINE_KEY) -> str:
    """Public key (age1...) of the home's X25519 identity, which is made on first use (0600, in a 0700 folder)."""
    import pyrage

    path = keys_dir / name
    if not path.exists():
        create_private(path, f"{pyrage.x25519.Identity.generate()}\n".encode())
    return str(_identity(path).to_public())


def officer_recipient(keys_dir: Path) -> str:
    """Public key (age1...) of the data protection officer; both parts are made where there is neither."""
    public = keys_dir / OFFICER_PUBLIC
    if not public.exists():
        create_private(public, f"{recipient_of(keys_dir, OFFICER_KEY)}\n".encode())
    return public.read_text().strip()


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


def seal_stream(plain: BinaryIO, sealed: BinaryIO, recipient: str) -> None:
    """Write an age envelope of all that `plain` holds. Raises SealBroken where `recipient` is no public key."""
    import pyrage

    try:
        key = pyrage.x25519.Recipient.from_str(recipient)
    except pyrage.RecipientError:
        raise SealBroken("the recipient is no age public key (age1...)") from None
    pyrage.encrypt_io(plain, sealed, [key])


def open_stream(sealed: BinaryIO, keys_dir: Path, name: str = DROPS_KEY) -> BinaryIO:
    """What an envelope holds, as a stream that is decrypted while it is read: a few megabytes in memory, none on disk.

    `sealed` is closed with it. Reading raises SealBroken where the envelope was changed or cut, or is for another key.
    """
    try:
        identity = _identity(keys_dir / name)
    except FileNotFoundError:
        raise SealBroken(f"keys/{name} is missing; restore it from your backup, nothing else opens the seal") from None
    return io.BufferedReader(_Opened(sealed, identity), _PIECE)


def _identity(path: Path):  # type: ignore[no-untyped-def]
    import pyrage

    return pyrage.x25519.Identity.from_str(path.read_text().strip())


class _ReaderLeft(Exception):
    """Nobody reads on: the decrypting thread ends."""


class _Opened(io.RawIOBase):
    """The library pushes plaintext into a writer, a parser pulls: a thread and a short queue stand between them."""

    def __init__(self, sealed: BinaryIO, identity: object) -> None:
        self._sealed, self._identity = sealed, identity
        self._pieces: queue.Queue[bytes | None] = queue.Queue(maxsize=_AHEAD)
        self._piece = memoryview(b"")
        self._left = threading.Event()
        self._error: BaseException | None = None
        self._is_over = False
        self._thread = threading.Thread(target=self._decrypt, name="open-seal", daemon=True)
        self._thread.start()

    def readable(self) -> bool:
        return True

    def readinto(self, target: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._piece and not self._is_over:
            piece = self._pieces.get()
            self._is_over = piece is None
            self._piece = memoryview(piece or b"")
        if self._error is not None and self._is_over:
            raise self._error
        size = min(len(self._piece), len(target))
        target[:size] = self._piece[:size]
        self._piece = self._piece[size:]
        return size

    def close(self) -> None:
        if not self.closed:
            self._left.set()
            while self._thread.is_alive():
                try:
                    self._pieces.get(timeout=0.02)
                except queue.Empty:
                    continue
            self._sealed.close()
        super().close()

    def _decrypt(self) -> None:
        import pyrage

        writer = _Pieces(self._hand_on)
        try:
            pyrage.decrypt_io(self._sealed, writer, [self._identity])
            writer.hand_on()
        except _ReaderLeft:
            return
        except (pyrage.DecryptError, OSError):
            self._error = SealBroken("the envelope was changed, was cut, or is sealed to another key")
        except BaseException as error:
            self._error = error
        try:
            self._hand_on(None)
        except _ReaderLeft:
            return

    def _hand_on(self, piece: bytes | None) -> None:
        while not self._left.is_set():
            try:
                return self._pieces.put(piece, timeout=0.5)
            except queue.Full:
                continue
        raise _ReaderLeft


class _Pieces(io.RawIOBase):
    """Gathers the library's 8 kB writes into larger pieces."""

    def __init__(self, hand_on: Callable[[bytes], None]) -> None:
        self._hand_on, self._held = hand_on, bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self._held += data
        if len(self._held) >= _PIECE:
            self.hand_on()
        return len(data)

    def hand_on(self) -> None:
        if self._held:
            self._hand_on(bytes(self._held))
            self._held.clear()


@dataclass(frozen=True)
class Key:
    """What may be shown of a key in the home: its file, what it is for, its public part (null where it has none)."""

    file: str
    use: str
    public: str | None


def make_agency_key(keys_dir: Path, agency: str) -> str:
    """The public part (PEM) of an agency's Ed25519 key, which is made on first use; also written beside it as *.pem.

    Raises ValueError for a name that is none.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    if not re.fullmatch(r"[a-z0-9_]+", agency):
        raise ValueError("an agency is named in lower case letters, digits and _, as in its feeds")
    path = keys_dir / AGENCY_KEY.format(agency=agency)
    if not path.exists():
        made = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        create_private(path, made)
    public = _public_pem(path)
    path.with_name(f"{path.name}.pem").write_text(public)
    return public


def sign(message: bytes, key_file: Path) -> bytes:
    """Ed25519 signature (RFC 8032, 64 bytes). Raises SealBroken where the file is missing or holds no such key."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(key_file.read_bytes(), None)
    except (OSError, ValueError, TypeError):
        raise SealBroken(
            f"{key_file.name} is no private key (PEM); make one with ./telaga keys make --agency"
        ) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise SealBroken(f"{key_file.name} is no Ed25519 key; make one with ./telaga keys make --agency")
    return key.sign(message)


def agency_public_key(key_file: Path) -> Ed25519PublicKey:
    """The key that an agency's signatures are held to: PEM, or one line of base64 (DER). Raises SealBroken."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

    try:
        content = key_file.read_bytes()
        is_pem = content.lstrip().startswith(b"-----BEGIN")
        key = load_pem_public_key(content) if is_pem else load_der_public_key(base64.b64decode(content, validate=False))
    except (OSError, ValueError):
        raise SealBroken(f"{key_file.name} is no public key; ask the agency for its *.pem") from None
    if not isinstance(key, Ed25519PublicKey):
        raise SealBroken(f"{key_file.name} is no Ed25519 key; ask the agency for its *.pem")
    return key


def is_signed(message: bytes, signature: bytes, key: Ed25519PublicKey) -> bool:
    """Whether the signature of the message holds under that key."""
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(signature, message)
    except InvalidSignature:
        return False
    return True


def known_keys(keys_dir: Path) -> list[Key]:
    """Every key file of a home with its public part, by name; never a secret."""
    found = []
    for path in sorted(keys_dir.iterdir()) if keys_dir.is_dir() else ():
        if path.name.endswith((".age-key", OFFICER_KEY)):
            uses = {
                QUARANTINE_KEY: "opens quarantine",
                DROPS_KEY: "opens sealed drops",
                OFFICER_KEY: "opens what is the officer's",
            }
            found.append(Key(path.name, uses.get(path.name, "opens age envelopes"), recipient_of(keys_dir, path.name)))
        elif path.name.endswith(".ed25519"):
            body = "".join(_public_pem(path).splitlines()[1:-1])
            found.append(Key(path.name, "signs an agency's drops", body))
        elif path.name.endswith(".key"):
            found.append(Key(path.name, "secret of this home", None))
    return found


def _public_pem(path: Path) -> str:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    key = load_pem_private_key(path.read_bytes(), None).public_key()
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


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
