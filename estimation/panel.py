"""From long frames of counts to arrays of one level: every region, also those without an event."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]
COUNT_COLUMNS = ("region_code", "period_start", "category", "n")


@dataclass(frozen=True)
class RegionTable:
    """Regions of one level in the order of their codes; `population` is 0 where none is known."""

    level: str
    codes: tuple[str, ...]
    parents: tuple[str | None, ...]
    population: Floats
    official: NDArray[np.bool_]


def require_columns(frame: pl.DataFrame, needed: tuple[str, ...], name: str) -> None:
    """Raises ValueError naming the columns that `name` lacks."""
    missing = [column for column in needed if column not in frame.columns]
    if missing:
        raise ValueError(f"{name} lacks column(s) {', '.join(missing)}; it has {', '.join(frame.columns)}")


def region_tables(regions: pl.DataFrame, levels: tuple[str, ...]) -> dict[str, RegionTable]:
    """Tables by level, coarse to fine. A coarser region without a population takes the sum of its children's.

    The sum is official only where every child's population is known and official.
    """
    require_columns(regions, ("region_code", "level", "parent_code", "population", "is_official"), "regions")
    rows = {row["region_code"]: row for row in regions.iter_rows(named=True) if row["level"] in levels}
    if len(rows) != regions.filter(pl.col("level").is_in(list(levels))).height:
        raise ValueError("regions holds a region_code more than once; it must have one row a region")
    for level in reversed(levels[:-1]):
        for code, row in rows.items():
            if row["level"] != level or row["population"]:
                continue
            children = [child for child in rows.values() if child["parent_code"] == code]
            if children and all(child["population"] for child in children):
                total = sum(child["population"] for child in children)
                official = all(bool(child["is_official"]) for child in children)
                rows[code] = {**row, "population": total, "is_official": official}
    tables = {}
    for level in levels:
        chosen = sorted((row for row in rows.values() if row["level"] == level), key=lambda row: row["region_code"])
        if chosen:
            tables[level] = RegionTable(
                level,
                tuple(row["region_code"] for row in chosen),
                tuple(row["parent_code"] for row in chosen),
                np.array([max(float(row["population"] or 0), 0.0) for row in chosen]),
                np.array([bool(row["is_official"]) for row in chosen]),
            )
    return tables


def with_ancestors(counts: pl.DataFrame, regions: pl.DataFrame) -> pl.DataFrame:
    """Counts repeated for each region above their own, so a coarser level is summed from counts, never from rates."""
    parent = dict(zip(regions["region_code"].to_list(), regions["parent_code"].to_list(), strict=True))
    pairs = []
    for code in counts["region_code"].unique().drop_nulls().sort().to_list():
        above, seen = code, set()
        while above is not None and above not in seen:
            pairs.append((code, above))
            seen.add(above)
            above = parent.get(above)
    chain = pl.DataFrame(pairs, schema={"region_code": pl.String, "of": pl.String}, orient="row")
    return counts.join(chain, on="region_code", how="inner").drop("region_code").rename({"of": "region_code"})


def count_array(
    counts: pl.DataFrame, codes: tuple[str, ...], categories: tuple[str, ...], months: list[date]
) -> Floats:
    """Counts [region, category, month] in the order given; what lies outside is left out."""
    array = np.zeros((len(codes), len(categories), len(months)))
    axes: dict[str, dict[Any, int]] = {
        "region_code": {code: i for i, code in enumerate(codes)},
        "category": {category: i for i, category in enumerate(categories)},
        "month": {month: i for i, month in enumerate(months)},
    }
    inside = counts.filter(
        pl.col("region_code").is_in(list(codes))
        & pl.col("category").is_in(list(categories))
        & pl.col("month").is_in(months)
    )
    if inside.height:
        index = tuple(
            inside[name].replace_strict(places, return_dtype=pl.Int64).to_numpy() for name, places in axes.items()
        )
        np.add.at(array, index, inside["n"].to_numpy().astype(float))
    return array
