"""The simple rules that a forecast of hotspots must beat, each with the settings it may be tuned over."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.hotspot_cells import Cells
from estimation.hotspots import Events, decayed

Floats = NDArray[np.float64]
EVER = 36_500


@dataclass(frozen=True)
class Rule:
    """One setting of a rule: `score(events, origin)` is [cell], from the days before the origin."""

    name: str
    setting: str
    score: Callable[[Events, int], Floats]


def rules(cells: Cells) -> dict[str, list[Rule]]:
    """Settings by rule: counts of the last weeks, of all history (plain or fading), KDE, near repeats."""
    month = [Rule("last month", f"{days} days", partial(_count, cells, days, np.inf)) for days in (28, 30, 31)]
    history = [
        Rule("all history", f"half-life {half}", partial(_count, cells, EVER, half))
        for half in (np.inf, 730, 365, 180, 90)
    ]
    kernel = [
        Rule("KDE", f"{width} m, {name}", partial(_kernel, cells, width, days))
        for width in (125, 185, 250, 375, 500, 750)
        for days, name in ((56, "8 weeks"), (365, "a year"), (EVER, "all history"))
    ]
    near = [
        Rule("near repeats", f"{reach} m, {weeks} weeks", partial(_near, cells, reach, weeks))
        for reach in (250, 375, 500, 750)
        for weeks in (4, 8, 26, 104)
    ]
    return {rule[0].name: rule for rule in (month, history, kernel, near)}


def _count(cells: Cells, days: float, half_life: float, own: Events, origin: int) -> Floats:
    return decayed(own, cells.size, origin, days, half_life)


def _kernel(cells: Cells, width: float, days: int, own: Events, origin: int) -> Floats:
    """Counts of the window under a Gaussian kernel of `width` metres, cut at four widths."""
    picture = cells.raster(_count(cells, days, np.inf, own, origin))
    return cells.read(ndimage.gaussian_filter(picture, width / cells.side, mode="constant", truncate=4))


def _near(cells: Cells, reach: float, weeks: int, own: Events, origin: int) -> Floats:
    """Prospective mapping (Bowers et al. 2004): each event counts 1 / (1 + cells away) x 1 / (1 + weeks ago)."""
    past = own.between(origin - 7 * weeks, origin)
    weight = past.n / (1 + (origin - 1 - past.day) // 7)
    picture = cells.raster(np.bincount(past.cell, weights=weight, minlength=cells.size).astype(float))
    far = int(np.ceil(reach / cells.side))
    across, up = np.mgrid[-far : far + 1, -far : far + 1]
    distance = np.hypot(across, up)
    kernel = np.where(distance * cells.side <= reach, 1 / (1 + distance), 0)
    return cells.read(ndimage.convolve(picture, kernel, mode="constant"))
