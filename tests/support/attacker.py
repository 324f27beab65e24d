"""Someone who has a release, its documentation and a good head, and wants a count of 1 - 7.

Each attack claims only what it is sure of: the one value that everything published allows. It is told more than
anyone outside would know: the method, its goalposts, and, to invert the index, how shrinkage bends each region's
counts. `claims` maps a cell to the count claimed; a test compares it with the truth.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

MOST = 10**9
Cell = tuple[object, ...]
Bounds = tuple[int, int]


def bounds_of(band: str) -> Bounds:
    """What a band says of its count. A plain number above 7 that is no multiple of 5, or below 8, is the count."""
    if band == "<8":
        return 1, 7
    n = int(band)
    return (n, n) if n < 8 or n % 5 else (max(8, n - 2), n + 2)


def narrowed(bounds: Mapping[Cell, Bounds], wholes: Iterable[tuple[Bounds, list[Cell]]]) -> dict[Cell, Bounds]:
    """Bounds of parts after each whole has been held against the sum of its parts, until nothing moves."""
    known, rules = dict(bounds), list(wholes)
    for _ in range(50):
        before = dict(known)
        for (low, high), parts in rules:
            least, most = sum(known[p][0] for p in parts), sum(known[p][1] for p in parts)
            for part in parts:
                a, b = known[part]
                known[part] = max(a, low - (most - b)), min(b, high - (least - a))
        if known == before:
            break
    return known


def subtract_parts(
    frame: pl.DataFrame, column: str, when: list[str], *, finest: set[str], parents: Mapping[str, str | None]
) -> dict[Cell, Bounds]:
    """Bounds of the finest regions' counts by period from bands: their own, those of wider regions, and of quarters.

    Totals that are everywhere the sums of what their parts show are made of them and tell nothing more; then, and only
    then, they are left alone. `when` names the period's columns (period_type first where there is one).
    """
    rows = {row[:-1]: row[-1] for row in frame.select("region_code", *when, column).drop_nulls(column).iter_rows()}
    by_quarter = when[0] == "period_type"
    parts = {
        key: bounds_of(band) for key, band in rows.items() if key[0] in finest and (not by_quarter or key[1] == "month")
    }
    inside: dict[Cell, list[Cell]] = {}
    for key in parts:
        code: str | None = str(key[0])
        while code is not None:
            spans = [key[1:]]
            if by_quarter:
                start = key[2]
                quarter = start.replace(month=(start.month - 1) // 3 * 3 + 1)
                spans.append(("quarter", quarter))
            for span in spans:
                if (code, *span) != key:
                    inside.setdefault((code, *span), []).append(key)
            code = parents.get(code)
    wholes = {whole: cells for whole, cells in inside.items() if whole in rows}
    stand_for = {key: 4 if rows[key] == "<8" else int(rows[key]) for key in parts}
    sums = {whole: sum(stand_for[cell] for cell in cells) for whole, cells in wholes.items()}
    if all(_shown(total) == rows[whole] for whole, total in sums.items()):
        return parts
    return narrowed(parts, [(bounds_of(rows[whole]), cells) for whole, cells in wholes.items()])


def _shown(total: int) -> str:
    return "0" if total == 0 else "<8" if total < 8 else str((total + 2) // 5 * 5)


def sure(bounds: Mapping[Cell, Bounds]) -> dict[Cell, int]:
    """What is certain of the bounds, where it is a count of 1 - 7."""
    return {cell: low for cell, (low, high) in bounds.items() if low == high and 1 <= low <= 7}


def late_record(before: Mapping[Cell, str], after: Mapping[Cell, str]) -> dict[Cell, int]:
    """Counts before one record came late, of which the attacker knows: a band that it moved had been at its edge."""
    found = {}
    for cell, band in after.items():
        if cell in before and before[cell] != band:
            low, high = bounds_of(before[cell])
            fits = [n for n in range(low, high + 1) if bounds_of(band)[0] <= n + 1 <= bounds_of(band)[1]]
            if len(fits) == 1 and 1 <= fits[0] <= 7:
                found[cell] = fits[0]
    return found


def of_a_share(percent: float, whole: Bounds, step: float) -> int | None:
    """The part of a whole that a share in steps of `step` percent allows, None unless it is one of 1 - 7."""
    fits = {
        k
        for n in range(whole[0], whole[1] + 1)
        for k in range(n + 1)
        if n and abs(100 * k / n - percent) <= step / 2 + 1e-9
    }
    return next(iter(fits)) if len(fits) == 1 and 1 <= min(fits) <= 7 else None


def of_a_rate(rate: float, population: int, step: float, shown: Iterable[int] | None = None) -> int | None:
    """The count behind a rate per 100,000; `shown` are the numbers that a rate may stand on, as documented."""
    low, high = ((rate + side * step / 2) * population / 1e5 for side in (-1, 1))
    fits = [n for n in range(max(0, int(low) - 1), int(high) + 2) if low - 1e-6 <= n <= high + 1e-6]
    if shown is not None:
        # Each number stands for a band of counts.
        fits = [count for n in fits if n in set(shown) for count in (range(1, 8) if n == 4 else range(n - 2, n + 3))]
    return fits[0] if len(fits) == 1 and 1 <= fits[0] <= 7 else None


@dataclass(frozen=True)
class Scale:
    """How the index is made of harm, as the method paper and frozen goalposts tell."""

    best: float
    worst: float

    def harm(self, index: float) -> float:
        return float(np.exp(np.log(self.worst) - index / 100 * (np.log(self.worst) - np.log(self.best))))


KEYS = ["region_code", "period_type", "period_start"]


@dataclass(frozen=True)
class Learned:
    """Harm as counts make it: a level, what one event of each category adds, and how far off that is (a median)."""

    categories: tuple[str, ...]
    level: float
    slopes: tuple[float, ...]
    noise: float


def learn(index: pl.DataFrame, counts: pl.DataFrame, scale: Scale) -> Learned:
    """From an index told exactly beside its counts (KEYS, category, n) of regions alike: more than anyone has."""
    wide = counts.pivot("category", index=KEYS, values="n").fill_null(0)
    joined = wide.join(index.select(*KEYS, "index_value"), on=KEYS).filter(pl.col("index_value").is_between(1, 99))
    categories = tuple(sorted(counts["category"].unique()))
    harm = np.array([scale.harm(value) for value in joined["index_value"]])
    design = np.column_stack([np.ones(len(harm)), *(joined[name].to_numpy() for name in categories)]).astype(float)
    found, *_ = np.linalg.lstsq(design, harm, rcond=None)
    noise = float(np.median(np.abs(design @ found - harm)))
    return Learned(categories, float(found[0]), tuple(float(x) for x in found[1:]), noise)


def invert_parts(
    index: pl.DataFrame,
    components: pl.DataFrame,
    scale: Scale,
    learned: Learned,
    groups: Mapping[str, str],
    step: float,
) -> dict[Cell, int]:
    """Counts of groups that hold one category and are named: the group's share of the harm, by what one event adds.

    `groups` names each category's group, `step` how finely the numbers are told. Without noise a count is certain where
    the rounding leaves one whole number; the attacker takes half an event for the noise of what was learned.
    """
    alone = {g: c for c, g in groups.items() if list(groups.values()).count(g) == 1}
    values = {row[:3]: row[3] for row in index.select(*KEYS, "index_value").drop_nulls().iter_rows()}
    claimed: dict[Cell, int] = {}
    for *key, group, points in components.select(*KEYS, "category_group", "share_points").iter_rows():
        value = values.get(tuple(key))
        if value is None or group not in alone or not 0 < value < 100:
            continue
        slope = learned.slopes[learned.categories.index(alone[group])]
        ends = []
        for side in (-1, 1):
            lost = 100 - min(max(value + side * step / 2, 0), 99.999)
            ends += [scale.harm(100 - lost) * min(max(points + s * step / 2, 0), lost) / lost / slope for s in (-1, 1)]
        fits = [n for n in range(60) if min(ends) - 0.5 <= n <= max(ends) + 0.5]
        if len(fits) == 1 and 1 <= fits[0] <= 7:
            claimed[*key, group] = fits[0]
    return claimed


def solve_together(
    index: pl.DataFrame,
    components: pl.DataFrame,
    scale: Scale,
    learned: Learned,
    groups: Mapping[str, str],
    bands: Mapping[Cell, str],
    step: float,
) -> dict[Cell, int]:
    """Counts of groups where everything is told as one: all counts that the total harm and the band of incidents allow,
    claimed where all of them agree on a group."""
    every = _compositions(len(learned.categories), 12)
    harm = learned.level + every @ np.array(learned.slopes)
    total = every.sum(axis=1)
    by_group = {
        group: every[:, [i for i, c in enumerate(learned.categories) if groups[c] == group]].sum(axis=1)
        for group in set(groups.values())
    }
    merged = components.group_by(KEYS).agg(pl.col("category_group"))
    is_merged = {row[:3] for row in merged.iter_rows() if row[3] == ["merged"]}
    claimed: dict[Cell, int] = {}
    for row in index.select(*KEYS, "index_value").drop_nulls().iter_rows():
        key, value = row[:3], row[3]
        low_n, high_n = bounds_of(bands[key]) if key in bands else (0, 0)
        if key not in is_merged or not 1 <= high_n <= 12:
            continue
        low, high = sorted(scale.harm(min(max(value + side * step / 2, 0), 100)) for side in (-1, 1))
        fits = (total >= low_n) & (total <= high_n) & (harm >= low - learned.noise) & (harm <= high + learned.noise)
        for group, counts in by_group.items():
            seen = np.unique(counts[fits])
            if len(seen) == 1 and 1 <= seen[0] <= 7:
                claimed[*key, group] = int(seen[0])
    return claimed


def _compositions(parts: int, most: int) -> np.ndarray:
    """All counts of `parts` categories with at most `most` events."""
    found: list[tuple[int, ...]] = [()]
    for _ in range(parts):
        found = [(*row, n) for row in found for n in range(most - sum(row) + 1)]
    return np.array(found)
