"""Bands of counts that hold still from release to release, so that one late record gives no count away.

A count at the edge of its band would change the band with a single record: who knows of that record knows the count.
So a published band stays until the count has moved two bands away, or a new year's first release tells all anew. What
is wider than a region and month is the sum of the bands in it, before and after.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

# What '<8' stands for in a sum, as in dbt's macro shown_count.
SMALL, SMALL_STANDS_FOR, SMALLEST = "<8", 4, 8


def number(band: str) -> int:
    """What a band stands for in a sum."""
    return SMALL_STANDS_FOR if band == SMALL else int(band)


def band_of(total: int) -> str:
    """The band of a count, or of a sum of shown counts: 0, <8, or the nearest 5."""
    if total == 0:
        return "0"
    return SMALL if total < SMALLEST else str((total + 2) // 5 * 5)


def _place(band: str) -> int:
    return 0 if band == "0" else 1 if band == SMALL else number(band) // 5


def settled(frame: pl.DataFrame, before: pl.DataFrame, column: str, grain: Iterable[str]) -> pl.DataFrame:
    """`frame` with the bands of `before` where they are next to its own, and with totals made of the bands again.

    Both hold `region_code`, `parent_code`, the rest of `grain` (`period_type` month and quarter with `period_start`,
    or one column that names the month) and `column`. Bands that are null, or new, stay as they are.
    """
    import polars as pl

    keys = list(grain)
    if column not in before.columns or not set(keys) <= set(before.columns):
        return frame
    by_quarter = "period_type" in keys
    parents = dict(frame.select("region_code", "parent_code").unique().iter_rows())
    known = frame.filter(pl.col(column).is_not_null())
    finest = set(known["region_code"]) - {parents.get(code) for code in known["region_code"]}
    when = [name for name in keys if name not in ("region_code", "period_type")]
    old = {row[:-1]: row[-1] for row in before.select(*keys, column).iter_rows()}
    shown: dict[tuple[object, ...], str] = {}
    for named in frame.select(*keys, column).iter_rows(named=True):
        band, key = named[column], tuple(named[name] for name in keys)
        is_part = named["region_code"] in finest and (not by_quarter or named["period_type"] == "month")
        if band is not None and is_part:
            earlier = old.get(key)
            shown[named["region_code"], *(named[name] for name in when)] = (
                earlier if earlier is not None and abs(_place(earlier) - _place(band)) == 1 else band
            )
    totals: dict[tuple[object, ...], int] = {}
    for (code, *period), band in shown.items():
        at: object = code
        while at is not None:
            for key in _spans(at, period, by_quarter):
                totals[key] = totals.get(key, 0) + number(band)
            at = parents.get(at)
    values = []
    for row in frame.select("region_code", *(["period_type"] if by_quarter else []), *when, column).iter_rows():
        band, total = row[-1], totals.get(row[:-1])
        values.append(band if band is None or total is None else band_of(total))
    return frame.with_columns(pl.Series(column, values, dtype=pl.String))


def _spans(code: object, period: list[object], by_quarter: bool) -> list[tuple[object, ...]]:
    """The rows that a region's month is part of: its month, and its quarter where there are quarters."""
    if not by_quarter:
        return [(code, *period)]
    (start,) = period
    quarter = start.replace(month=(start.month - 1) // 3 * 3 + 1)  # type: ignore[attr-defined]
    return [(code, "month", start), (code, "quarter", quarter)]
