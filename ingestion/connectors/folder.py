"""Deliveries as files in a folder: an inbox, a mounted share, a published data set."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.connectors import CHUNK_ROWS, Batch, ConnectorError, Delivery, Interval
from ingestion.connectors.files import due, file_batch
from ingestion.connectors.formats import expand, frames_of
from ingestion.connectors.source import FileSource, Source

if TYPE_CHECKING:
    import polars as pl

    from ingestion.contract import Contract


class FolderConnector:
    """Lists the files that the contract's path names, one batch a file; names that start with a dot are unfinished.

    A batch is known by its path below the first folder without a wildcard, its size and its time of change: a file
    delivered again under its old name is a new batch, which the landing recognises by content.
    """

    def __init__(self, contract: Contract, places: Mapping[str, str], chunk_rows: int = CHUNK_ROWS) -> None:
        self.contract = contract
        self.places = places
        self.chunk_rows = chunk_rows
        pattern = Path(expand(str(contract.server["path"]), places, contract.feed))
        fixed = [part for part in pattern.parts[:-1] if not re.search(r"[*?\[]", part)]
        self.root = Path(*fixed)
        self.pattern = str(pattern.relative_to(self.root))

    def batches(
        self, acknowledged: frozenset[str], position: str | None = None, interval: Interval | None = None
    ) -> list[Batch]:
        """Files not acknowledged, oldest period first; `position` is not needed, late files are found by their id."""
        return due((self._batch(path) for path in self._files()), acknowledged, interval)

    def open(self, batch: Batch) -> Delivery:
        """Open a file: its digest is taken first, then it is read in chunks."""
        path = self.root / batch.location
        try:
            digest = _digest(path)
        except OSError as error:
            raise ConnectorError(
                f"{self.contract.feed}: {batch.location} cannot be read ({error.strerror}); check its rights"
            ) from None
        return Delivery(self.frames(FileSource(path)), digest)

    def original(self, batch: Batch) -> Source | None:
        """The delivery's bytes as they came, null where they are gone."""
        path = self.root / batch.location
        return FileSource(path) if path.is_file() else None

    def remove(self, batch: Batch) -> bool:
        """Delete the delivered copy, where the lake keeps the only one; false where the inbox cannot be written."""
        try:
            (self.root / batch.location).unlink(missing_ok=True)
        except OSError:
            return False
        return True

    def frames(self, source: Source) -> Iterator[pl.DataFrame]:
        """Raw frames of a delivery's bytes, wherever they lie."""
        return frames_of(source, self.contract, self.places, self.chunk_rows)

    def _files(self) -> list[Path]:
        if not self.root.is_dir():
            # An agency that has delivered nothing yet has no folder; that is for freshness to report.
            return []
        paths = self.root.glob(self.pattern)
        return [path for path in paths if path.is_file() and not path.name.startswith(".")]

    def _batch(self, path: Path) -> Batch:
        state = path.stat()
        location = path.relative_to(self.root).as_posix()
        delivered = dt.datetime.fromtimestamp(state.st_mtime, dt.UTC)
        mark = f"{state.st_size}|{state.st_mtime_ns}"
        return file_batch(self.contract, location, mark, delivered, state.st_size)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
