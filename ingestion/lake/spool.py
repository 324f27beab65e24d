"""Minimised rows of a batch on their way to the table: encoded as the files they will become, held until the verdict.

Up to a limit they stay in memory, compressed; beyond it they lie in the lake's own scratch folder, never elsewhere.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ingestion.lake.commit import encode, split

if TYPE_CHECKING:
    from ingestion.lake import Lake

ORDINAL = "_row"  # position of a row in the delivery; decides between versions where the agency states no time


@dataclass(frozen=True)
class Part:
    """One future data file: its partition, number of rows, Parquet bytes (or where they lie) and row positions."""

    partition: Mapping[str, str]
    rows: int
    content: bytes | None
    scratch: str | None
    ordinals: bytes


class Spool:
    """Collects minimised frames of one batch (with `_row`) and gives them back as parts, one or more a partition."""

    def __init__(
        self,
        lake: Lake,
        scratch: str,
        partition_by: Sequence[str],
        *,
        finish: Callable[[pl.DataFrame], pl.DataFrame] = lambda frame: frame,
        rows_per_part: int = 400_000,
        memory_bytes: int = 384 * 2**20,
    ) -> None:
        """`finish` completes rows when a group of frames is encoded (it may drop helper columns)."""
        self._lake, self._scratch, self._partition_by = lake, scratch, tuple(partition_by)
        self._finish, self._rows_per_part, self._memory = finish, rows_per_part, memory_bytes
        self._pending: list[pl.DataFrame] = []
        self._pending_rows = 0
        self._held = 0
        self.parts: list[Part] = []

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts) + self._pending_rows

    def add(self, frame: pl.DataFrame) -> None:
        if frame.height == 0:
            return
        self._pending.append(frame)
        self._pending_rows += frame.height
        if self._pending_rows >= self._rows_per_part:
            self.flush()

    def flush(self) -> None:
        """Encode what is pending."""
        if not self._pending:
            return
        rows = self._finish(pl.concat(self._pending, rechunk=True))
        self._pending, self._pending_rows = [], 0
        for partition, part in split(rows, self._partition_by):
            ordinals = io.BytesIO()
            part.select(ORDINAL).write_ipc(ordinals, compression="zstd")
            self._keep(partition, part.height, encode(part.drop(ORDINAL)), ordinals.getvalue())

    def _keep(self, partition: Mapping[str, str], rows: int, content: bytes, ordinals: bytes) -> None:
        if self._held + len(content) <= self._memory:
            self._held += len(content)
            self.parts.append(Part(partition, rows, content, None, ordinals))
            return
        path = f"{self._scratch}/{len(self.parts)}.parquet"
        self._lake.put(path, content)
        self.parts.append(Part(partition, rows, None, path, ordinals))

    def content(self, part: Part) -> bytes:
        """Parquet bytes of a part."""
        return part.content if part.content is not None else self._lake.get(part.scratch or "")

    def read(self, part: Part, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """Rows of a part, without partition columns and `_row`."""
        return pl.read_parquet(io.BytesIO(self.content(part)), columns=None if columns is None else list(columns))

    def ordinals(self, part: Part) -> pl.Series:
        """Positions in the delivery of a part's rows, Int64, in their order."""
        return pl.read_ipc(io.BytesIO(part.ordinals))[ORDINAL].cast(pl.Int64)

    def frames(self) -> Iterator[pl.DataFrame]:
        for part in self.parts:
            yield self.read(part)

    def close(self) -> None:
        """Delete what lies in the scratch folder."""
        clear_scratch(self._lake, self._scratch)
        self.parts, self._pending = [], []


def clear_scratch(lake: Lake, scratch: str) -> None:
    """Delete a scratch folder, also one that a crash left behind."""
    import shutil

    if lake.is_local:
        shutil.rmtree(Path(lake.uri) / scratch, ignore_errors=True)
        return
    from ingestion.lake.sync import delete_folder

    delete_folder(lake, scratch)
