"""Quarantine: what was refused, whole, sealed to the home's key, beside an index that holds no value of it."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO

import polars as pl

from ingestion.lake.commit import replace_where
from ingestion.lake.sync import delete_object
from ingestion.lake.tables import QUARANTINE
from ingestion.sealing import SealBroken, open_sealed, seal

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.lake import Lake

NAME = "quarantine"
ROWS_PER_ENVELOPE = 200_000
BYTES_PER_ENVELOPE = 128 * 2**20


@dataclass
class Quarantine:
    """What one batch leaves behind. `add` seals as it goes, so no more than an envelope's rows are held."""

    lake: Lake
    recipient: str
    feed: str
    batch_id: str
    run_id: str
    clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    rows: int = 0
    rules: list[pl.DataFrame] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    _held: list[pl.DataFrame] = field(default_factory=list)
    _sealed_rows: list[tuple[str, pl.DataFrame]] = field(default_factory=list)
    _sealed_files: list[tuple[str | None, str, int]] = field(default_factory=list)

    def add(self, rejected: pl.DataFrame) -> None:
        """Keep rejected raw rows (columns as delivered, `_row`, `rule`)."""
        if not rejected.height:
            return
        self.rows += rejected.height
        self.rules.append(rejected.select(pl.col("_row").cast(pl.Int64), "rule"))
        self._held.append(rejected)
        if sum(frame.height for frame in self._held) >= ROWS_PER_ENVELOPE:
            self._seal_held()

    def seal_file(self, file: BinaryIO, rule: str, rows: int) -> None:
        """Seal a whole delivery as it came, in place of its rows; a large one in several envelopes, in order.

        The index lists `rows` (0 where they cannot be counted) with the first envelope.
        """
        self.discard()
        self.rows = rows
        while (piece := file.read(BYTES_PER_ENVELOPE)) or not self.paths:
            self._sealed_files.append((self._put(piece), rule, 0 if self.paths[1:] else rows))

    def seal_frames(self, frames: Iterator[pl.DataFrame], rule: str) -> None:
        """Seal every raw row of a delivery that is no file, under one rule."""
        self.discard()
        for frame in frames:
            self.add(frame.with_columns(pl.lit(rule).alias("rule")))

    def note(self, rule: str) -> None:
        """List the batch without keeping anything of it, such as a drop that is nobody's."""
        self._sealed_files.append((None, rule, 0))

    def discard(self) -> None:
        """Forget what was sealed for this batch so far."""
        for path in self.paths:
            delete_object(self.lake, path)
        self.rows = 0
        self.rules, self.paths, self._held, self._sealed_rows, self._sealed_files = [], [], [], [], []

    def broken_rules(self) -> pl.DataFrame:
        """`_row` and `rule` of every rejected row."""
        return pl.concat(self.rules) if self.rules else pl.DataFrame(schema=_ROWS)

    def close(self, *, is_again: bool) -> int:
        """Seal what is held and write the index; returns the rows. `is_again`: the batch was begun before, so what the
        index says of it is replaced."""
        self._seal_held()
        found = [
            (path, rule, positions)
            for path, rows in self._sealed_rows
            for rule, positions in rows.group_by("rule", maintain_order=True).agg("_row").iter_rows()
        ]
        entries = [self._entry(path, rule, len(positions), positions) for path, rule, positions in found]
        entries += [self._entry(path, rule, rows, []) for path, rule, rows in self._sealed_files]
        index = pl.DataFrame(entries, schema=dict(QUARANTINE))
        if is_again:
            where = {"feed": self.feed, "batch_id": self.batch_id}
            replace_where(self.lake, "control", NAME, index, where, ["feed"])
        else:
            self.lake.append("control", NAME, index, partition_by=["feed"])
        return self.rows

    def _entry(self, path: str | None, rule: str, rows: int, positions: list[int]) -> dict[str, Any]:
        return {
            "run_id": self.run_id,
            "feed": self.feed,
            "batch_id": self.batch_id,
            "rule": rule,
            "rows": rows,
            "positions": positions,
            "sealed_path": path,
            "sealed_at": self.clock(),
        }

    def _seal_held(self) -> None:
        if not self._held:
            return
        # Chunks of one delivery may differ in what Polars made of a column that is null throughout one of them.
        rows = pl.concat(self._held, how="diagonal_relaxed")
        self._held = []
        buffer = io.BytesIO()
        rows.write_parquet(buffer, compression="zstd")
        self._sealed_rows.append((self._put(buffer.getvalue()), rows.select(pl.col("_row").cast(pl.Int64), "rule")))

    def _put(self, content: bytes) -> str:
        number = f".{len(self.paths) + 1}" if self.paths else ""
        path = f"quarantine/{self.feed}/{self.batch_id}{number}.age"
        self.lake.put(path, seal(content, self.recipient))
        self.paths.append(path)
        return path


_ROWS: Mapping[str, pl.DataType] = {"_row": pl.Int64(), "rule": pl.String()}


def index(lake: Lake, feed: str | None = None) -> pl.DataFrame:
    """What is kept (columns of QUARANTINE), of one feed or of all, as it was sealed."""
    if lake.version("control", NAME) is None:
        return pl.DataFrame(schema=dict(QUARANTINE))
    rows = lake.read("control", NAME).select(list(QUARANTINE))
    return (rows if feed is None else rows.filter(pl.col("feed") == feed)).collect().sort("sealed_at", "batch_id")


def forget(lake: Lake, feed: str, batch_id: str) -> None:
    """Delete what is kept of a batch; nothing kept is no error."""
    kept = index(lake, feed).filter(pl.col("batch_id") == batch_id)
    if not kept.height:
        return
    # The index last: while it names a batch, the next call can still finish.
    for path in kept["sealed_path"].drop_nulls().unique().to_list():
        delete_object(lake, path)
    where = {"feed": feed, "batch_id": batch_id}
    replace_where(lake, "control", NAME, pl.DataFrame(schema=dict(QUARANTINE)), where, ["feed"])


def open_rows(lake: Lake, path: str, keys_dir: Path) -> pl.DataFrame:
    """Sealed raw rows, with `_row` and `rule`. Raises SealBroken, or polars' error where a whole file is sealed."""
    return pl.read_parquet(io.BytesIO(open_kept(lake, path, keys_dir)))


def open_kept(lake: Lake, path: str, keys_dir: Path) -> bytes:
    """Content of one envelope of the index. Of a feed whose plates are linked it is sealed under the key of the day of
    landing. Raises SealBroken where no key opens it: that day's may have been destroyed."""
    envelope = lake.get(path)
    days = keys_dir / "days" / path.split("/")[1]
    for key in sorted(days.glob("*.age-key"), reverse=True):
        try:
            return open_sealed(envelope, days, key.name)
        except SealBroken:
            continue
    try:
        return open_sealed(envelope, keys_dir)
    except SealBroken as error:
        if not days.is_dir():
            raise
        raise SealBroken(f"{error}, or the key of its day was destroyed: have the agency deliver it again") from None
