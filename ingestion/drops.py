"""A sealed drop: one file that says what it is, is signed by its agency, and only the lakehouse can open.

Three lines and an age file, every byte of it covered by the signature, itself or through the digest:

    telaga-drop/1
    {"agency": ..., "feed": ..., "sha256": ..., ...}        the manifest, one line of JSON
    base64 of the Ed25519 signature over the two lines above, line ends included
    the age file

The manifest stands in the clear, so it tells nothing that the file's name and size do not: no digest of the plaintext.
docs/sealed-drops.md makes the same with plain tools.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import hashlib
import json
import os
import re
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ingestion.sealing import SealBroken, is_signed, open_stream, seal_stream, sign

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from ingestion.connectors.source import Source

MAGIC = b"telaga-drop/1\n"
SUFFIX = ".drop"
LONGEST_LINE = 16_384
_BLOCK = 1 << 20
_TEXT = re.compile(r"[\w.,()+ -]{1,200}")  # a file's name, a key, a digest: nothing that breaks a line or a path
_ID = re.compile(r"\.s(\d+)\.([0-9a-f]{12})$")


class DropRefused(Exception):
    """A drop that may not be opened, or did not open. Says why, and nothing that an unproven drop says of itself."""


@dataclass(frozen=True)
class Manifest:
    """What an agency says of a drop. `name` is the plain file's; `sha256` and `size` are the age file's; `sequence`
    counts the feed's drops from 1; `rows` (records, without header) may be null; `period_from` and `period_to` are
    days or instants in ISO 8601, the end excluded, null where the name says it; `recipient` is the lakehouse's key."""

    agency: str
    feed: str
    name: str
    sequence: int
    rows: int | None
    period_from: str | None
    period_to: str | None
    recipient: str
    sha256: str
    size: int

    @classmethod
    def read(cls, line: bytes) -> Manifest:
        """Raises ValueError where the line is no manifest."""
        told = json.loads(line)
        if not isinstance(told, Mapping) or set(told) != {field.name for field in fields(cls)}:
            raise ValueError
        texts = ("agency", "feed", "name", "recipient", "sha256")
        numbers = ("sequence", "size", "rows")
        if told["sequence"] is None or told["size"] is None or told["sequence"] == 0:
            raise ValueError
        if not all(isinstance(told[key], str) and _TEXT.fullmatch(told[key]) for key in texts):
            raise ValueError
        if not all(type(told[key]) is int and 0 <= told[key] < 1 << 62 for key in numbers if told[key] is not None):
            raise ValueError
        for key in ("period_from", "period_to"):
            if told[key] is not None:
                dt.datetime.fromisoformat(told[key])
        return cls(**told)


@dataclass(frozen=True)
class Header:
    """The three lines as they stand: nothing in here is proven. `manifest` is null where it cannot be read."""

    signed: bytes
    signature: bytes
    manifest: Manifest | None

    @property
    def lines(self) -> bytes:
        return self.signed + base64.b64encode(self.signature) + b"\n"

    @property
    def mark(self) -> str:
        """Tells two drops apart whatever their files are called."""
        return hashlib.sha256(self.lines).hexdigest()[:12]


def read_header(file: BinaryIO) -> Header:
    """The header of a file from its beginning. Raises DropRefused where it is none."""
    magic, line, signed_by = (file.readline(LONGEST_LINE) for _ in range(3))
    if magic != MAGIC:
        raise DropRefused("is no sealed drop, or its first bytes were changed; seal it with ./telaga seal")
    if not line.endswith(b"\n") or not signed_by.endswith(b"\n"):
        raise DropRefused("is cut within its header; ask for it again")
    if not signed_by.strip():
        raise DropRefused("is unsigned; seal it with ./telaga seal")
    try:
        signature = base64.b64decode(signed_by[:-1], validate=True)
    except binascii.Error:
        raise DropRefused("carries no signature that can be read; ask for it again") from None
    if len(signature) != 64 or base64.b64encode(signature) != signed_by[:-1]:
        raise DropRefused("carries no signature that can be read; ask for it again")
    try:
        manifest = Manifest.read(line)
    except (ValueError, RecursionError):
        manifest = None
    return Header(magic + line, signature, manifest)


@dataclass(frozen=True)
class Drop:
    """A drop whose signature, feed, recipient and digest hold; a source of its plaintext. `digest` is the whole
    file's (sha-256)."""

    sealed: Source
    manifest: Manifest
    start: int
    digest: str
    keys_dir: Path

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def size(self) -> int:
        return self.manifest.size

    def open(self) -> BinaryIO:
        """The plaintext, decrypted while it is read. Raises SealBroken while reading."""
        file = self.sealed.open()
        file.read(self.start)
        return open_stream(_Checked(file, self.manifest.sha256), self.keys_dir)  # type: ignore[arg-type]


def verify(
    source: Source, *, agency: str, feed: str, agency_key: Ed25519PublicKey, recipient: str, keys_dir: Path
) -> Drop:
    """Hold a drop to its agency's key, its feed and the lakehouse's public key, before a byte of it is decrypted.

    Raises DropRefused, OSError where the file cannot be read.
    """
    with source.open() as file:
        header = read_header(file)
        if not is_signed(header.signed, header.signature, agency_key):
            if header.manifest is not None and header.manifest.agency != agency:
                raise DropRefused(f"is by another agency than {agency}")
            raise DropRefused(f"is not signed with the key of {agency}, or was changed after it was signed")
        told = header.manifest
        if told is None:
            raise DropRefused("carries no manifest that can be read; see docs/sealed-drops.md")
        if told.agency != agency:
            raise DropRefused(f"is by another agency than {agency}")
        if told.feed != feed:
            raise DropRefused(f"is for another feed than {feed}")
        if told.recipient != recipient:
            raise DropRefused("is sealed to another key than this lakehouse's; ./telaga keys list shows the right one")
        whole, sealed, size = hashlib.sha256(header.lines), hashlib.sha256(), 0
        while block := file.read(_BLOCK):
            whole.update(block)
            sealed.update(block)
            size += len(block)
    if size != told.size:
        raise DropRefused("is cut; ask for it again" if size < told.size else "holds bytes behind its end")
    if sealed.hexdigest() != told.sha256:
        raise DropRefused("was changed after it was sealed; ask for it again")
    return Drop(source, told, len(header.lines), whole.hexdigest(), keys_dir)


def seal_file(
    plain: Path,
    folder: Path,
    *,
    agency: str,
    feed: str,
    sequence: int,
    rows: int | None,
    period: tuple[str | None, str | None],
    recipient: str,
    key_file: Path,
) -> tuple[Path, Manifest]:
    """Seal one file into `folder` as <name>.drop, whole or not at all; only sealed bytes are written.

    Raises SealBroken for keys that are none, FileExistsError where the drop is there already.
    """
    target = folder / f"{plain.name}{SUFFIX}"
    if target.exists():
        raise FileExistsError(f"{target.name} is there already; move it away or choose another folder")
    mark = uuid.uuid4().hex
    envelope, part = (folder / f".{plain.name}.{mark}.{kind}" for kind in ("age", "part"))
    try:
        with plain.open("rb") as content, envelope.open("xb") as sealed:
            seal_stream(content, sealed, recipient)
        with envelope.open("rb") as sealed:
            digest = hashlib.file_digest(sealed, "sha256").hexdigest()
            size = sealed.tell()
            manifest = Manifest(agency, feed, plain.name, sequence, rows, *period, recipient, digest, size)
            line = json.dumps(asdict(manifest), sort_keys=True).encode() + b"\n"
            try:
                Manifest.read(line)
            except ValueError:
                raise SealBroken(f"{plain.name}: its name or a number cannot stand in a manifest; rename it") from None
            signed = MAGIC + line
            header = signed + base64.b64encode(sign(signed, key_file)) + b"\n"
            sealed.seek(0)
            with part.open("xb") as drop:
                drop.write(header)
                while block := sealed.read(_BLOCK):
                    drop.write(block)
                drop.flush()
                os.fsync(drop.fileno())
        part.rename(target)
    finally:
        envelope.unlink(missing_ok=True)
        part.unlink(missing_ok=True)
    return target, manifest


def id_suffix(header: Header) -> str:
    """What a batch id says of its drop: sequence number and mark."""
    sequence = header.manifest.sequence if header.manifest else 0
    return f".s{sequence}.{header.mark}"


def of_id(batch_id: str) -> tuple[int, str] | None:
    """Sequence number and mark of a drop by its batch's id, null where the batch is no drop."""
    found = _ID.search(batch_id)
    return (int(found[1]), found[2]) if found else None


def missing_drops(batch_ids: Iterable[str]) -> dict[str, str]:
    """Sequence numbers below the highest that never came, as subject -> detail; runs of them together."""
    found = sorted({told[0] for batch_id in batch_ids if (told := of_id(batch_id))})
    gaps: dict[str, str] = {}
    for before, after in zip([0, *found], found, strict=False):
        first, last = before + 1, after - 1
        if first == last:
            gaps[f"drop {first}"] = "never arrived; ask the agency for it"
        elif first < last:
            gaps[f"drops {first} to {last}"] = "never arrived; ask the agency for them"
    return gaps


def doubled_drops(batch_ids: Iterable[str]) -> dict[str, str]:
    """Sequence numbers under which different drops came, as subject -> detail."""
    marks: dict[int, set[str]] = {}
    for batch_id in batch_ids:
        if told := of_id(batch_id):
            marks.setdefault(told[0], set()).add(told[1])
    return {
        f"drop {sequence}": f"{len(different)} different drops carry this number; ask the agency which one holds"
        for sequence, different in sorted(marks.items())
        if len(different) > 1
    }


class _Checked:
    """The age file, digested again while it is decrypted: what was verified is what is read."""

    def __init__(self, file: BinaryIO, sha256: str) -> None:
        self._file, self._wanted, self._digest = file, sha256, hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(size)
        self._digest.update(piece)
        if not piece and self._digest.hexdigest() != self._wanted:
            raise SealBroken("the drop was changed while it was read; ask for it again")
        return piece

    def close(self) -> None:
        self._file.close()
