"""Deliveries of a feed whose plates are linked, as they came, sealed under a day's key in place of the delivered copy.

An original with camera and time undoes any token, so it is sealed under the key of the first of its days whose window
is open, and of no day after: when that key goes, nothing leads back. What has only closed days is not kept at all. The
digest in the batch log stays.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from ingestion.lake.sync import delete_object, list_objects
from ingestion.sealing import SealBroken, open_sealed, seal

if TYPE_CHECKING:
    from ingestion.connectors.source import Source
    from ingestion.lake import Lake

FOLDER = "originals"
BYTES_PER_ENVELOPE = 128 * 2**20


@dataclass(frozen=True)
class KeptOriginal:
    """A source of a delivery's bytes as they came; one envelope at a time lies in memory."""

    name: str
    lake: Lake
    paths: tuple[str, ...]
    keys: Path

    @property
    def size(self) -> int:
        return sum(len(piece) for piece in self._pieces())

    @property
    def is_open(self) -> bool:
        """Whether the key that it is sealed under still exists."""
        return (self.keys / self._key).is_file()

    def open(self) -> BinaryIO:
        """The bytes as delivered."""
        return io.BufferedReader(Joined(self._pieces()))

    @property
    def _key(self) -> str:
        return f"{self.paths[0].split('/')[-2]}.age-key"

    def _pieces(self) -> Iterator[bytes]:
        if not self.is_open:
            raise SealBroken(f"{self.name}: the key of its day was destroyed; have the agency deliver it again")
        return (open_sealed(self.lake.get(path), self.keys, self._key) for path in self.paths)


def seal_original(lake: Lake, feed: str, batch_id: str, day: str, recipient: str, source: Source) -> None:
    """Seal a delivery under a day's key (`originals/<feed>/<day>/<batch>[.n].age`), in place of what was kept of the
    batch before."""
    written: list[str] = []
    with source.open() as file:
        while (piece := file.read(BYTES_PER_ENVELOPE)) or not written:
            number = f".{len(written) + 1}" if written else ""
            path = f"{FOLDER}/{feed}/{day}/{batch_id}{number}.age"
            lake.put(path, seal(piece, recipient))
            written.append(path)
    for path in _of_batch(lake, feed, batch_id):
        if path not in written:
            delete_object(lake, path)


def kept_original(lake: Lake, feed: str, batch_id: str, name: str, keys: Path) -> KeptOriginal | None:
    """What is kept of a batch's delivery (`name` as delivered, `keys` the folder of the feed's day keys), or None."""
    paths = _of_batch(lake, feed, batch_id)
    return KeptOriginal(name, lake, tuple(sorted(paths, key=lambda path: (len(path), path))), keys) if paths else None


def _of_batch(lake: Lake, feed: str, batch_id: str) -> list[str]:
    name = re.compile(rf"{re.escape(batch_id)}(\.\d+)?\.age")
    found = list_objects(lake, f"{FOLDER}/{feed}")
    return [file.path for file in found if name.fullmatch(file.path.rsplit("/", 1)[-1])]


class Joined(io.RawIOBase):
    """Pieces one after the other, as a stream; closed, it closes what they come from."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._piece = pieces, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: bytearray | memoryview) -> int:  # type: ignore[override]
        while not self._piece:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._piece = memoryview(piece)
        size = min(len(self._piece), len(target))
        target[:size] = self._piece[:size]
        self._piece = self._piece[size:]
        return size

    def close(self) -> None:
        getattr(self._pieces, "close", lambda: None)()
        super().close()
