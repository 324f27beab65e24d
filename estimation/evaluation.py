"""How well a map of risk does: hits in a share of the area, paired comparison, calibration.

Sources: Chainey, Tompson and Uhlig 2008 (PAI), Hunt 2016 (PEI), Czado, Gneiting and Held 2009 (PIT of counts).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from estimation.seeds import generator

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """A value with its bounds."""

    value: float
    lower: float
    upper: float


def leading_cells(score: Floats, tie: Floats, area: Floats, share: float) -> Integers:
    """Cells by falling score, ties by falling `tie`, then by place, as many as fit whole into `share` of the area.

    All [cell]; `area` in any one unit; `share` 0 - 1.
    """
    order = np.lexsort((np.arange(score.size), -tie, -score))
    # A share that is met to the last digit counts as met, whatever order the areas were summed in.
    return order[: np.searchsorted(np.cumsum(area[order]), share * area.sum() * (1 + 1e-9), side="right")]


def hits_by_share(score: Floats, tie: Floats, area: Floats, events: Floats, shares: Sequence[float]) -> Floats:
    """Events in the leading cells at each share of the area, [share]; all but `shares` are [cell]."""
    order = np.lexsort((np.arange(score.size), -tie, -score))
    taken = np.searchsorted(np.cumsum(area[order]), np.asarray(shares) * area.sum() * (1 + 1e-9), side="right")
    return np.concatenate([[0.0], np.cumsum(events[order])])[taken]


def most_hits(area: Floats, events: Floats, shares: Sequence[float]) -> Floats:
    """Hits of the choice that knows the events, [share]; of cells with as many events the smaller come first."""
    return hits_by_share(events, -area, area, events, shares)


def hit_rate(hits: float, total: float) -> float:
    """Share of the events that the chosen cells caught; nan without events."""
    return hits / total if total > 0 else float("nan")


def pai(hits: float, total: float, area: float, total_area: float) -> float:
    """Prediction accuracy index: the hit rate over the share of the area; nan without events or area."""
    return hit_rate(hits, total) / (area / total_area) if area > 0 else float("nan")


def pei(hits: float, most: float) -> float:
    """Prediction efficiency index: hits over those that the best choice of as large an area would have had."""
    return hits / most if most > 0 else float("nan")


def bootstrap_share(
    hits: Sequence[float] | Floats, totals: Sequence[float] | Floats, seed: object, draws: int = 4000
) -> Interval:
    """sum(hits) / sum(totals) over origins with its 95 % interval; origins are drawn anew, whole.

    For a paired comparison give differences of hits: both methods then share each draw's origins and events.
    """
    hits, totals = np.asarray(hits, dtype=float), np.asarray(totals, dtype=float)
    chosen = generator("bootstrap", seed).integers(0, hits.size, (draws, hits.size))
    drawn = hits[chosen].sum(axis=1) / np.maximum(totals[chosen].sum(axis=1), 1e-12)
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(hit_rate(float(hits.sum()), float(totals.sum())), float(low), float(high))


def count_coverage(count: Floats, mean: Floats, variance: Floats, level: float = 0.90) -> Floats:
    """How far each count lies within the central `level` of its prediction, 0 - 1, [cell].

    Counts are Poisson around Gamma rates of this mean and variance. A count has a range of the distribution function
    (its probability) rather than a point: the part of that range between the tails is what it covers. The mean over
    cells is `level` for a true prediction however small the counts are, where plain intervals would cover too much.
    """
    from scipy.stats import nbinom

    safe = np.maximum(mean, 1e-12)
    shape = safe**2 / np.maximum(variance, 1e-18)
    chance = shape / (shape + safe)
    below, upto = nbinom.cdf(count - 1, shape, chance), nbinom.cdf(count, shape, chance)
    tail = (1 - level) / 2
    inside = np.minimum(upto, 1 - tail) - np.maximum(below, tail)
    return np.clip(inside / np.maximum(upto - below, 1e-300), 0, 1)


def equal_groups(score: Floats, groups: int = 10) -> Integers:
    """Group of each cell by rising score, 0 .. groups - 1, of equal size to within one."""
    place = np.empty(score.size, dtype=np.int64)
    place[np.argsort(score, kind="stable")] = np.arange(score.size)
    return place * groups // score.size
