"""Where the next events of one kind are expected: a mixture of densities over the cells of any regular grid.

The expected share of a cell is a weighted sum of parts: what happened in the cell over the long run and lately, what
happened around it (the same counts, diffused over neighbouring cells), near repeats of the last days, the same of all
kinds of events together, and the area itself. How much each part counts is fitted by maximum likelihood (expectation
maximisation) on forecasts of past weeks, each made from the days before it alone: nothing is set by hand but the list
of parts. Additive excitation follows Mohler et al. 2011; the near repeats are those of Townsley et al. 2003.

The rate of a cell is Gamma distributed around its expectation with variance a x mean + b x mean^2, both fitted on the
same past weeks, so that counts are negative binomial and an interval says how sure the expectation is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import minimize
from scipy.special import gammaincinv, gammaln

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
WEEK = 7
# Weight of the prior in the mixture, in events: without events every part counts alike.
PRIOR_EVENTS = 10.0
# Prior of log a and log b: centre and standard deviation. It matters where there are hardly any events.
SPREAD_CENTRE, SPREAD_SD = (0.1, 0.1), 2.0


@dataclass(frozen=True)
class Grid:
    """`size` cells and the kernel that spreads a cell's events over it and its neighbours.

    The kernel is symmetric and its rows sum to 1, so that no event is lost at the edge of the area.
    """

    size: int
    kernel: sparse.csr_array

    @classmethod
    def from_links(cls, size: int, links: Integers, neighbours: int) -> Grid:
        """A grid from `links` [m, 2], each pair of touching cells once; inside, a cell has `neighbours` of them."""
        pairs = np.concatenate([links, links[:, ::-1]])
        share = 1 / (neighbours + 1)
        touching = sparse.csr_array((np.full(len(pairs), share), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
        stay = 1 - touching.sum(axis=1)
        return cls(size, sparse.csr_array(touching + sparse.diags_array(stay)))

    def diffused(self, values: Floats, steps: int) -> Floats:
        """`values` [cell, column] after so many steps to the neighbours."""
        for _ in range(steps):
            values = self.kernel @ values
        return values


@dataclass(frozen=True)
class Events:
    """Counts by cell and day: `cell` (0 .. size - 1), `day` (any running number of days) and `n`, of one length."""

    cell: Integers
    day: Integers
    n: Floats

    def between(self, first: int, end: int) -> Events:
        """Events of the days first <= day < end."""
        inside = (self.day >= first) & (self.day < end)
        return Events(self.cell[inside], self.day[inside], self.n[inside])

    def by_cell(self, size: int) -> Floats:
        return np.bincount(self.cell, weights=self.n, minlength=size).astype(float)


@dataclass(frozen=True)
class Part:
    """One part of the mixture: events weighed by a half-life, diffused by `steps`; `of_all`: of all kinds of events.

    An infinite half-life is a plain count; events older than `reach` days are left out.
    """

    half_life: float
    steps: int = 0
    reach: float = np.inf
    of_all: bool = False

    @property
    def memory(self) -> tuple[bool, float, float]:
        return (self.of_all, self.half_life, self.reach)


@dataclass(frozen=True)
class HotspotModel:
    """Parts to mix, how many past weeks to learn from, and how far back (`window` days) a forecast looks.

    `level_half_lives`: candidates, in days, for the memory of the city's weekly total.
    """

    parts: tuple[Part, ...]
    weeks: int = 13
    window: int = 730
    horizon: int = WEEK
    level_half_lives: tuple[float, ...] = (14.0, 28.0, 56.0, np.inf)


@dataclass(frozen=True)
class Fitted:
    """Shares of the parts and of the plain area (last), half-life of the level, and the variance's a and b."""

    model: HotspotModel
    shares: Floats
    level_half_life: float
    a: float
    b: float


@dataclass(frozen=True)
class Forecast:
    """Expected events of each cell in the horizon, [cell], and the variance of its true rate around that."""

    mean: Floats
    variance: Floats


def rate_interval(mean: Floats, variance: Floats, level: float) -> tuple[Floats, Floats]:
    """Equal-tailed interval of Gamma rates with these means and variances; it always holds the mean."""
    tail = (1 - level) / 2
    positive = mean > 0
    safe_mean, safe_variance = np.where(positive, mean, 1.0), np.where(positive, variance, 1.0)
    shape, scale = safe_mean**2 / safe_variance, safe_variance / safe_mean
    low = np.where(positive, gammaincinv(shape, tail) * scale, 0.0)
    high = np.where(positive, gammaincinv(shape, 1 - tail) * scale, 0.0)
    return np.minimum(low, mean), np.maximum(high, mean)


def densities(grid: Grid, own: Events, every: Events, origin: int, model: HotspotModel) -> Floats:
    """The parts as shares of events by cell, [cell, part + 1], from the days before `origin`; the last is the area.

    A part without any event is the area as well.
    """
    columns = np.full((grid.size, len(model.parts) + 1), 1 / grid.size)
    memories = sorted({part.memory for part in model.parts})
    counted: dict[tuple[bool, float, float], Floats] = {}
    for of_all, half_life, reach in memories:
        first = origin - int(min(reach, model.window))
        past = (every if of_all else own).between(first, origin)
        weight = past.n * 0.5 ** ((origin - 1 - past.day) / half_life)
        counted[of_all, half_life, reach] = np.bincount(past.cell, weights=weight, minlength=grid.size).astype(float)
    done = 0
    current: Floats = np.stack([counted[memory] for memory in memories], axis=1)
    for steps in sorted({part.steps for part in model.parts}):
        current = grid.diffused(current, steps - done)
        done = steps
        for index, part in enumerate(model.parts):
            if part.steps == steps:
                column = current[:, memories.index(part.memory)]
                if column.sum() > 0:
                    columns[:, index] = column / column.sum()
    return columns


def expected_total(own: Events, origin: int, model: HotspotModel, half_life: float) -> float:
    """Events of the whole area expected in the horizon: its weighted daily mean since the first day in the window."""
    past = own.between(origin - model.window, origin)
    if past.day.size == 0:
        return 0.0
    ages = origin - 1 - np.arange(past.day.min(), origin)
    weighted = float((past.n * 0.5 ** ((origin - 1 - past.day) / half_life)).sum())
    return weighted / float((0.5 ** (ages / half_life)).sum()) * model.horizon


def fit(grid: Grid, own: Events, every: Events, origin: int, model: HotspotModel) -> Fitted:
    """Learns from the `model.weeks` horizons that end at or before `origin`; no later day is looked at.

    `own` are the events to be expected, `every` all kinds of events together (the same again where there is one kind).
    """
    past = own.between(origin - model.window - model.weeks * model.horizon, origin)
    first = int(past.day.min()) if past.day.size else origin
    origins = [origin - back * model.horizon for back in range(model.weeks, 0, -1)]
    # A week needs some weeks of history before it to teach anything.
    origins = [each for each in origins if each - first >= 4 * WEEK]
    parts = [densities(grid, own, every, each, model) for each in origins]
    found = [own.between(each, each + model.horizon).by_cell(grid.size) for each in origins]
    shares = _mixture(parts, found, len(model.parts) + 1)
    level = _level(own, origins, found, model)
    means = [
        expected_total(own, each, model, level) * (part @ shares) for each, part in zip(origins, parts, strict=True)
    ]
    a, b = _spread(means, found)
    return Fitted(model, shares, level, a, b)


def forecast(grid: Grid, own: Events, every: Events, origin: int, fitted: Fitted) -> Forecast:
    """Expected events of each cell in the horizon that starts on day `origin`, from the days before it."""
    share = densities(grid, own, every, origin, fitted.model) @ fitted.shares
    mean = expected_total(own, origin, fitted.model, fitted.level_half_life) * share
    return Forecast(mean, fitted.a * mean + fitted.b * mean**2)


def _mixture(parts: Sequence[Floats], found: Sequence[Floats], count: int, rounds: int = 200) -> Floats:
    """Shares of the parts by expectation maximisation, with a prior of PRIOR_EVENTS spread evenly."""
    shares = np.full(count, 1 / count)
    at = [np.flatnonzero(events) for events in found]
    if not sum(rows.size for rows in at):
        return shares
    density = np.concatenate([part[rows] for part, rows in zip(parts, at, strict=True)])
    n = np.concatenate([events[rows] for events, rows in zip(found, at, strict=True)])
    for _ in range(rounds):
        joint = density * shares
        owed = (n / joint.sum(axis=1)) @ joint
        new = (owed + PRIOR_EVENTS / count) / (n.sum() + PRIOR_EVENTS)
        settled = float(np.abs(new - shares).max()) < 1e-5
        shares = new
        if settled:
            break
    return shares


def _level(own: Events, origins: Sequence[int], found: Sequence[Floats], model: HotspotModel) -> float:
    """The half-life whose totals have the highest Poisson likelihood; the longest where there is nothing to learn."""
    totals = [float(events.sum()) for events in found]
    best, best_likelihood = max(model.level_half_lives), -np.inf
    for half_life in sorted(model.level_half_lives, reverse=True):
        expected = [max(expected_total(own, each, model, half_life), 1e-9) for each in origins]
        likelihood = sum(total * np.log(mean) - mean for total, mean in zip(totals, expected, strict=True))
        if origins and likelihood > best_likelihood:
            best, best_likelihood = half_life, likelihood
    return best


def _spread(means: Sequence[Floats], found: Sequence[Floats], bins: int = 200) -> tuple[float, float]:
    """a and b of the rates' variance a x mean + b x mean^2, by penalised negative-binomial likelihood.

    Cells are grouped by expectation into `bins` first: the likelihood then runs over a small table of counts.
    """
    centre = np.log(np.array(SPREAD_CENTRE))
    if not means or not sum(mean.sum() for mean in means):
        return SPREAD_CENTRE
    mean = np.concatenate(list(means))
    count = np.concatenate(list(found)).astype(np.int64)
    order = np.argsort(mean, kind="stable")
    # Groups of about equal expectation, so that the few cells with many events are told apart.
    place = np.minimum((np.cumsum(mean[order]) / mean.sum() * bins).astype(np.int64), bins - 1)
    group = np.empty_like(place)
    group[order] = place
    size = np.bincount(group, minlength=bins)
    typical = np.bincount(group, weights=mean, minlength=bins) / np.maximum(size, 1)
    width = int(count.max()) + 1
    cells = np.bincount(group * width + count, minlength=bins * width)
    table = np.flatnonzero(cells)
    times, mu, y = cells[table], np.maximum(typical[table // width], 1e-12), (table % width).astype(float)

    def cost(point: Floats) -> float:
        a, b = np.exp(point)
        shape = mu / (a + b * mu)
        terms = (
            gammaln(y + shape) - gammaln(shape) + shape * np.log(shape / (shape + mu)) + y * np.log(mu / (shape + mu))
        )
        return float(-(times * terms).sum() + 0.5 * (((point - centre) / SPREAD_SD) ** 2).sum())

    point = minimize(cost, centre, method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-3, "maxiter": 400}).x
    a, b = np.exp(point)
    return float(a), float(b)
