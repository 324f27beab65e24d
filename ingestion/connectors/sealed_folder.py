"""Sealed drops in a folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.connectors import CHUNK_ROWS, Batch, Delivery, Interval
from ingestion.connectors.folder import FolderConnector
from ingestion.connectors.sealed_drops import ASIDE, SealedDrops
from ingestion.connectors.source import FileSource, Source
from ingestion.drops import DropRefused, read_header

if TYPE_CHECKING:
    import polars as pl

    from ingestion.contract import Contract


class SealedFolderConnector(FolderConnector):
    """As a folder, but every file is a drop (see ingestion.drops)."""

    def __init__(
        self, contract: Contract, places: Mapping[str, str], keys_dir: Path, chunk_rows: int = CHUNK_ROWS
    ) -> None:
        super().__init__(contract, places, chunk_rows)
        self._drops = SealedDrops(contract, places, keys_dir, chunk_rows)

    def batches(
        self, acknowledged: frozenset[str], position: str | None = None, interval: Interval | None = None
    ) -> list[Batch]:
        """As a folder's. `acknowledged` are the batches whose drops were accepted: they may not come again."""
        self._drops.remember(acknowledged)
        return super().batches(acknowledged, position, interval)

    def open(self, batch: Batch) -> Delivery:
        """Verify a drop, then open it. Raises DropRefused, also while iterating."""
        return self._drops.open(batch, FileSource(self.root / batch.location))

    def frames(self, source: Source) -> Iterator[pl.DataFrame]:
        """Raw frames of a drop, wherever it lies. Raises DropRefused."""
        return self._drops.frames(source)

    def set_aside(self, batch: Batch) -> bool:
        """Move a refused drop out of the way, as evidence; false where the inbox cannot be written."""
        path = self.root / batch.location
        aside = self.root / ASIDE / batch.batch_id
        try:
            aside.parent.mkdir(exist_ok=True)
            path.rename(aside)
        except OSError:
            return False
        return True

    def _files(self) -> list[Path]:
        return [path for path in super()._files() if ASIDE not in path.relative_to(self.root).parts]

    def _batch(self, path: Path) -> Batch:
        batch = super()._batch(path)
        try:
            with path.open("rb") as file:
                header = read_header(file)
        except (DropRefused, OSError):
            return batch
        return self._drops.marked(batch, header)
