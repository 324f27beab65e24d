"""What quarantine keeps of batches, as batches that can be landed: rows that broke a rule, or whole deliveries.

Each comes under an id that follows from its own and from the run that left it, so that landing it twice is one batch.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import polars as pl

from ingestion.connectors import Batch, ConnectorError, Delivery, Interval, SchemaDrift, check_columns
from ingestion.drops import DropRefused
from ingestion.lake.log import BatchLog, next_id
from ingestion.lake.originals import Joined
from ingestion.lake.quarantine import index, open_kept, open_rows
from ingestion.sealing import SealBroken

if TYPE_CHECKING:
    from ingestion.connectors.source import Source
    from ingestion.contract import Contract
    from ingestion.lake import Lake
    from ingestion.minimise.pseudonyms import KeyRing

Frames = Callable[["Source"], Iterator[pl.DataFrame]]
# What a folder's batch id adds to the file's name: its print, a drop's sequence and mark, replays.
_ADDED = re.compile(r"\.[0-9a-f]{12}(\.s\d+\.[0-9a-f]{12})?(\.r[0-9a-f]{8})?$")


@dataclass(frozen=True)
class KeptFile:
    """A delivery that was sealed whole, in one envelope or several; a source of its bytes."""

    name: str
    lake: Lake
    paths: tuple[str, ...]
    keys_dir: Path

    @property
    def size(self) -> int:
        return sum(len(self._content(path)) for path in self.paths)

    def open(self) -> BinaryIO:
        """The bytes as delivered; one envelope at a time lies in memory."""
        return io.BufferedReader(Joined(self._content(path) for path in self.paths))

    def _content(self, path: str) -> bytes:
        return open_kept(self.lake, path, self.keys_dir)


class QuarantinedConnector:
    """Batches of one feed by the ids under which quarantine keeps them; `frames` reads a whole delivery's bytes, null
    where the feed has none (a database). `ids`: kept id -> the id under which it is landed."""

    def __init__(
        self, contract: Contract, lake: Lake, keys: KeyRing, batch_ids: Sequence[str], frames: Frames | None
    ) -> None:
        self.contract, self.lake, self.keys, self.frames = contract, lake, keys, frames
        kept = index(lake, contract.feed).filter(pl.col("batch_id").is_in(list(batch_ids)))
        self._kept = kept.filter(pl.col("sealed_path").is_not_null())
        left = self._kept.select("batch_id", "run_id").unique(maintain_order=True)
        self.ids = {batch_id: next_id(batch_id, run_id) for batch_id, run_id in left.iter_rows()}

    def batches(
        self, acknowledged: frozenset[str], position: str | None = None, interval: Interval | None = None
    ) -> list[Batch]:
        """What is kept, in the order it was delivered in, without what was landed from here before."""
        positions = BatchLog(self.lake, self.keys, "", self.contract.feed, self.contract.entity, None).state().positions
        found = [
            Batch(self.contract.feed, batch_id, positions.get(kept, ""), None, None, kept, None)
            for kept, batch_id in self.ids.items()
        ]
        return sorted(
            (batch for batch in found if batch.batch_id not in acknowledged), key=lambda batch: batch.position
        )

    def open(self, batch: Batch) -> Delivery:
        """Open what is kept. Raises ConnectorError where it cannot be opened or its columns are not the contract's, so
        that it stays where it is."""
        try:
            whole = self.original(batch)
            if whole is None:
                return Delivery(self._rows(batch), None, is_rest=True)
            if self.frames is None:
                raise ConnectorError(f"{self.contract.feed}: {batch.location} is a file, the feed has none by now")
            return Delivery(self._opened(self.frames(whole), batch), None)
        except (SealBroken, DropRefused) as error:
            raise self._closed(batch, error) from None

    def original(self, batch: Batch) -> KeptFile | None:
        """The delivery as it came where it was kept whole, null where its rows were kept."""
        kept = self._of(batch)
        if kept["positions"].list.len().sum():
            return None
        paths = tuple(dict.fromkeys(kept["sealed_path"].to_list()))
        name = _ADDED.sub("", batch.location)
        return KeptFile(name, self.lake, tuple(sorted(paths, key=_number)), self.keys.folder)

    def _rows(self, batch: Batch) -> Iterator[pl.DataFrame]:
        """Raw rows as delivered, with their positions of then; columns are checked before the first is read."""
        paths = sorted(dict.fromkeys(self._of(batch)["sealed_path"].to_list()), key=_number)
        first = self._opened_rows(paths[0], batch)
        return (first if path == paths[0] else self._opened_rows(path, batch) for path in paths)

    def _opened_rows(self, path: str, batch: Batch) -> pl.DataFrame:
        rows = open_rows(self.lake, path, self.keys.folder).drop("rule")
        is_loose = self.contract.format.get("kind") == "jsonl"
        optional = {column.name for column in self.contract.columns if not column.required} if is_loose else set()
        try:
            check_columns([name for name in rows.columns if not name.startswith("_")], self.contract, may_miss=optional)
        except SchemaDrift as error:
            raise self._closed(batch, error) from None
        missing = [name for name in optional if name not in rows.columns]
        return rows.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)

    def _opened(self, frames: Iterator[pl.DataFrame], batch: Batch) -> Iterator[pl.DataFrame]:
        try:
            yield from frames
        except (SealBroken, DropRefused) as error:
            raise self._closed(batch, error) from None

    def _closed(self, batch: Batch, error: Exception) -> ConnectorError:
        return ConnectorError(f"{self.contract.feed}: {batch.location} stays in quarantine: {error}")

    def _of(self, batch: Batch) -> pl.DataFrame:
        return self._kept.filter(pl.col("batch_id") == batch.location)


def _number(path: str) -> tuple[int, int]:
    """Order of a batch's envelopes: x.age, x.2.age, x.3.age ... (a batch's own name may end in digits, too)."""
    found = re.search(r"\.(\d+)\.age$", path)
    return (len(path), int(found[1])) if found else (len(path), 1)
