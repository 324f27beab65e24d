"""What the judge is told about a batch, and what it answers: counts and shares of all rows, and a sample to read again.

Landing makes the profile, `expectations.judge` makes the verdict; neither imports the other.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from ingestion.contract import Contract
    from ingestion.entities import Entity

SAMPLE_ROWS = 200_000


@dataclass(frozen=True)
class BatchProfile:
    """One batch before it is committed. Shares lie between 0 and 1; null where there is nothing to measure.

    `history` holds the row counts of the feed's earlier comparable batches, oldest first. `sample` holds at most
    SAMPLE_ROWS raw rows as read (source columns, `_row`); `rejected_rules` what conform found broken, one row a
    rejected row (`_row`, `rule`: names joined by ';'). `coded` counts rows by column and code of ours, `past_shares`
    holds the shares of codes in the feed's earlier batches, by column, oldest first. `time_zone` is the one that local
    times of the feed are read in, `last_day` the day that conform called today.
    """

    feed: str
    batch_id: str
    contract: Contract
    rows_read: int
    rejected: int
    null_shares: Mapping[str, float] = field(default_factory=dict)
    unknown_codes: int = 0
    duplicate_share: float | None = None
    geocoded_share: float | None = None
    history: tuple[int, ...] = ()
    coded: Mapping[tuple[str, str], int] = field(default_factory=dict)
    past_shares: Mapping[str, Sequence[Mapping[str, float]]] = field(default_factory=dict)
    sample: pl.DataFrame | None = field(default=None, repr=False)
    rejected_rules: pl.DataFrame | None = field(default=None, repr=False)
    time_zone: str = "UTC"
    last_day: dt.date | None = None


def coded_columns(entity: Entity) -> tuple[str, ...]:
    """Columns of the entity's minimised table that hold a code of ours in every row: their shares tell what a feed
    speaks of. What comes later, such as an outcome, differs between new records and corrections, and is none."""
    coded = {known.name for known in entity.conformed if known.allowed and known.required}
    return tuple(known.name for known in entity.minimised if known.name in coded)


def shares_of(coded: Mapping[tuple[str, str], int]) -> dict[str, dict[str, float]]:
    """Column -> code -> share of the rows that hold one."""
    totals: dict[str, int] = {}
    for (column, _), count in coded.items():
        totals[column] = totals.get(column, 0) + count
    found: dict[str, dict[str, float]] = {}
    for (column, code), count in sorted(coded.items()):
        found.setdefault(column, {})[code] = count / totals[column]
    return found


def shift(now: Mapping[str, float], past: Sequence[Mapping[str, float]]) -> float:
    """How far shares lie from the mean of earlier ones: total variation distance, from 0 to 1 (nothing in common)."""
    codes = {*now, *(code for one in past for code in one)}
    usual = {code: sum(one.get(code, 0.0) for one in past) / len(past) for code in codes}
    return sum(abs(now.get(code, 0.0) - usual[code]) for code in codes) / 2


@dataclass(frozen=True)
class Verdict:
    """Whether a batch may be committed. `failures` and `warnings` name rule and column, with counts and shares;
    `results` holds one mapping a rule (`rule`, `passed`, `measured`, `allowed`). No value of the data anywhere.
    """

    passed: bool
    failures: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    results: tuple[Mapping[str, object], ...] = ()


def sample_of(raw: pl.DataFrame, batch_id: str, limit: int = SAMPLE_ROWS) -> pl.DataFrame:
    """At most `limit` rows of a frame in their order, the same ones for the same batch."""
    import hashlib

    import polars as pl

    if raw.height <= limit:
        return raw
    seed = int.from_bytes(hashlib.sha256(batch_id.encode()).digest()[:4], "big")
    chosen = pl.int_range(raw.height, eager=True).sample(limit, seed=seed).sort()
    return raw[chosen]


class Sampler:
    """Keeps at most `limit` rows of a stream of raw frames, every row with the same chance, the same ones for the
    same batch whatever its chunks are called. Holds less than twice `limit` rows."""

    def __init__(self, batch_id: str, limit: int = SAMPLE_ROWS) -> None:
        import hashlib

        import numpy as np

        self._limit = limit
        self._random = np.random.default_rng(int.from_bytes(hashlib.sha256(batch_id.encode()).digest()[:8], "big"))
        self._frames: list[pl.DataFrame] = []
        self._held = 0
        self._highest = 1.0

    def add(self, raw: pl.DataFrame) -> None:
        import polars as pl

        lots = pl.Series("_lot", self._random.random(raw.height), dtype=pl.Float64)
        frame = raw.with_columns(lots)
        if self._highest < 1.0:
            frame = frame.filter(pl.col("_lot") < self._highest)
        self._frames.append(frame)
        self._held += frame.height
        if self._held >= 2 * self._limit:
            self._cut()

    def frame(self) -> pl.DataFrame | None:
        """The rows kept, in their order; null before any frame came."""
        if not self._frames:
            return None
        self._cut()
        return self._frames[0].drop("_lot")

    def _cut(self) -> None:
        import polars as pl

        # What Polars makes of a column that is null throughout one chunk differs from the next.
        rows = pl.concat(self._frames, how="diagonal_relaxed")
        if rows.height > self._limit:
            self._highest = float(rows["_lot"].sort()[self._limit])
            rows = rows.filter(pl.col("_lot") < self._highest)
        self._frames, self._held = [rows], rows.height
