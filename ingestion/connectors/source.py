"""Where a delivery's bytes come from: a file, a sealed drop, a copy in quarantine. Readers see no difference."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Protocol

from ingestion.connectors.drift import UnreadableBatch

# Formats that are not read from front to back have to lie in memory whole where they are no plain file.
LARGEST_IN_MEMORY = 1 << 30


class Source(Protocol):
    """Bytes of one delivery, unsealed but not decompressed. `size` is what was delivered, in bytes."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int: ...

    def open(self) -> BinaryIO:
        """The bytes from their beginning, as a stream that its reader closes."""
        ...


@dataclass(frozen=True)
class FileSource:
    """A file as it lies there."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def size(self) -> int:
        return self.path.stat().st_size

    def open(self) -> BinaryIO:
        return self.path.open("rb")


def whole(source: Source) -> Path | bytes:
    """The source for a reader that moves about in it: where the file lies, else its bytes in memory.

    Raises UnreadableBatch where they are too many.
    """
    if isinstance(source, FileSource):
        return source.path
    with source.open() as stream:
        content = stream.read(LARGEST_IN_MEMORY + 1)
    if len(content) > LARGEST_IN_MEMORY:
        raise UnreadableBatch(
            f"{source.name}: over {LARGEST_IN_MEMORY >> 30} GB of a format that is read whole; deliver it in parts"
        )
    return content
