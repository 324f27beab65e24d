"""Where the next events of one kind are expected, over the cells of any regular grid.

Three steps, each learnt from forecasts of past weeks that knew only the days before them:

1. Surroundings: a mixture of densities over the cells. What happened around the cell (counts diffused to neighbours,
   over the whole window and lately), what other kinds of events happened in it, and the area itself. Shares by maximum
   likelihood (expectation maximisation).
2. Memory: a cell's own decayed count against what its surroundings lead to expect. The rate is Gamma (Clayton and
   Kaldor 1987), so a cell where much is expected is judged by its own record, a quiet one by its surroundings. How fast
   a record fades and how many events the surroundings are worth are chosen by likelihood.
3. Near repeats: what happened in the cell and next to it in the last days (Townsley et al. 2003), mixed in by a share
   fitted as in step 1.

The rate of a cell is then Gamma distributed around its expectation with variance a x mean + b x mean^2, both fitted on
the same past weeks, so that counts are negative binomial and an interval says how sure the expectation is.
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
# A past week teaches only with some weeks of history before it.
LEAST_HISTORY = 4 * WEEK
# Weight of the prior in a mixture, in events: without events every part counts alike.
PRIOR_EVENTS = 10.0
# Prior of log a and log b: centre and standard deviation. It matters where there are hardly any events.
SPREAD_CENTRE, SPREAD_SD = (0.1, 0.1), 2.0


@dataclass(frozen=True)
class Grid:
    """`size` cells and the kernel that spreads a cell's events over it and its neighbours.

    The kernel is symmetric and its rows sum to 1, so that no event is lost at the edge of the area. `copies` [cell]:
    how many cells each stands for: 1, but for the cells far from any event, which are all alike and kept as one.
    """

    size: int
    kernel: sparse.csr_array
    copies: Floats

    @classmethod
    def from_links(cls, size: int, links: Integers, neighbours: int, alike: int = 0) -> Grid:
        """A grid from `links` [m, 2], each pair of touching cells once; inside, a cell has `neighbours` of them.

        The last cell stands for `alike` cells where that is not 0.
        """
        pairs = np.concatenate([links, links[:, ::-1]])
        share = 1 / (neighbours + 1)
        touching = sparse.csr_array((np.full(len(pairs), share), (pairs[:, 0], pairs[:, 1])), shape=(size, size))
        stay = 1 - touching.sum(axis=1)
        copies = np.ones(size)
        if alike:
            copies[-1] = alike
        return cls(size, sparse.csr_array(touching + sparse.diags_array(stay)), copies)

    def density(self, values: Floats) -> Floats:
        """Values [cell] as shares of their sum over all cells; without any, the plain area."""
        total = float((values * self.copies).sum())
        return values / total if total > 0 else np.full(self.size, 1 / self.copies.sum())

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
class HotspotModel:
    """What may be learnt, and from how much.

    window: days of history a forecast looks at. weeks: past horizons to learn from. horizon: days forecast at once.
    spreads: steps of diffusion that make the surroundings: about one cell, two and four.
    half_lives: candidates, in days, for the memory of a cell; infinite is a plain count.
    strengths: candidates for what the surroundings are worth against a cell's own record, in events.
    recent_half_life: of what lately happened around. near_days, near_rings: reach of near repeats.
    level_half_lives: candidates for the memory of the whole area's total.
    """

    window: int = 730
    weeks: int = 13
    horizon: int = WEEK
    spreads: tuple[int, ...] = (1, 4, 16)
    half_lives: tuple[float, ...] = (np.inf, 730.0, 365.0, 180.0, 90.0)
    strengths: tuple[float, ...] = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)
    recent_half_life: float = 28.0
    near_days: int = 21
    near_rings: int = 2
    level_half_lives: tuple[float, ...] = (7.0, 14.0, 28.0, 56.0, np.inf)


@dataclass(frozen=True)
class Fitted:
    """What past weeks taught: shares of the surroundings (the plain area last), memory, shares of the whole
    (surroundings, memory, near repeats by ring), half-life of the level, and the variance's a and b."""

    model: HotspotModel
    surroundings: Floats
    half_life: float
    strength: float
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


def decayed(events: Events, size: int, origin: int, days: float, half_life: float) -> Floats:
    """Counts by cell of the `days` before `origin`, each weighed by its age."""
    past = events.between(origin - int(days), origin)
    weight = past.n * 0.5 ** ((origin - 1 - past.day) / half_life)
    return np.bincount(past.cell, weights=weight, minlength=size).astype(float)


def surroundings(grid: Grid, own: Events, others: Sequence[Events], origin: int, model: HotspotModel) -> Floats:
    """Densities that know nothing of the cell's own record of this kind, [cell, part], from the days before `origin`.

    Own events of the window and recent ones, each at every spread; each other kind in the cell and around it; the area.
    """
    own_counts = [
        decayed(own, grid.size, origin, model.window, half_life) for half_life in (np.inf, model.recent_half_life)
    ]
    other_counts = [decayed(kind, grid.size, origin, model.window, np.inf) for kind in others]
    current, done, columns = np.stack([*own_counts, *other_counts], axis=1), 0, list(other_counts)
    for steps in model.spreads:
        current = grid.diffused(current, steps - done)
        done = steps
        columns += [current[:, index] for index in range(len(own_counts))]
        if steps == model.spreads[len(model.spreads) // 2]:
            columns += [current[:, len(own_counts) + index] for index in range(len(others))]
    columns.append(np.ones(grid.size))
    return np.stack([grid.density(column) for column in columns], axis=1)


@dataclass(frozen=True)
class Record:
    """A kind's own fading record: `count` [cell], and over how many full days (`exposure`) it was gathered."""

    grid: Grid
    count: Floats
    exposure: float

    @classmethod
    def before(cls, grid: Grid, own: Events, origin: int, model: HotspotModel, half_life: float) -> Record:
        first = own.between(origin - model.window, origin).day.min(initial=origin)
        exposure = float((0.5 ** (np.arange(origin - int(first)) / half_life)).sum())
        return cls(grid, decayed(own, grid.size, origin, model.window, half_life), exposure)

    def given(self, expected: Floats, strength: float) -> Floats:
        """Density of the cells' Gamma rates, where their surroundings lead to expect the density `expected`.

        With n events over E days and a prior worth `strength` events at m a day: (strength + n) / (strength / m + E).
        """
        if self.count.sum() <= 0:
            return expected
        mean = np.maximum(expected, 1e-12) * self.count.sum() / self.exposure
        return self.grid.density((strength + self.count) / (strength / mean + self.exposure))


def near_repeats(grid: Grid, own: Events, origin: int, model: HotspotModel) -> Floats:
    """Densities of the last `near_days` days, halving in a third of them: the cell and each ring, [cell, rings + 1]."""
    current = decayed(own, grid.size, origin, model.near_days, model.near_days / 3)[:, None]
    columns = [current]
    for _ in range(model.near_rings):
        current = grid.diffused(current, 1)
        columns.append(current)
    return np.stack([grid.density(column[:, 0]) for column in columns], axis=1)


def expected_total(own: Events, origin: int, model: HotspotModel, half_life: float) -> float:
    """Events of the whole area expected in the horizon: its weighted daily mean since the first day in the window."""
    past = own.between(origin - model.window, origin)
    if past.day.size == 0:
        return 0.0
    ages = origin - 1 - np.arange(past.day.min(), origin)
    weighted = float((past.n * 0.5 ** ((origin - 1 - past.day) / half_life)).sum())
    return weighted / float((0.5 ** (ages / half_life)).sum()) * model.horizon


def fit(grid: Grid, own: Events, others: Sequence[Events], origin: int, model: HotspotModel) -> Fitted:
    """Learns from the `model.weeks` horizons that end at or before `origin`; no later day is looked at.

    `own` are the events to be expected, `others` further kinds of events that may tell where.
    """
    past = own.between(origin - model.window - model.weeks * model.horizon, origin)
    first = int(past.day.min()) if past.day.size else origin
    origins = [origin - back * model.horizon for back in range(model.weeks, 0, -1)]
    origins = [each for each in origins if each - first >= LEAST_HISTORY]
    found = [own.between(each, each + model.horizon).by_cell(grid.size) for each in origins]
    around = [surroundings(grid, own, others, each, model) for each in origins]
    parts = around[0].shape[1] if around else surroundings(grid, own, others, origin, model).shape[1]
    weights = _mixture(around, found, parts)
    expected = [columns @ weights for columns in around]
    half_life, strength = _memory(grid, own, origins, expected, found, model)
    whole = [
        _whole(grid, own, mean, each, model, half_life, strength) for each, mean in zip(origins, expected, strict=True)
    ]
    shares = _mixture(whole, found, model.near_rings + 3)
    level = _level(own, origins, found, model)
    means = [
        expected_total(own, each, model, level) * (columns @ shares)
        for each, columns in zip(origins, whole, strict=True)
    ]
    return Fitted(model, weights, half_life, strength, shares, level, *_spread(grid, means, found))


def forecast(grid: Grid, own: Events, others: Sequence[Events], origin: int, fitted: Fitted) -> Forecast:
    """Expected events of each cell in the horizon that starts on day `origin`, from the days before it."""
    model = fitted.model
    expected = surroundings(grid, own, others, origin, model) @ fitted.surroundings
    share = _whole(grid, own, expected, origin, model, fitted.half_life, fitted.strength) @ fitted.shares
    mean = expected_total(own, origin, model, fitted.level_half_life) * share
    return Forecast(mean, fitted.a * mean + fitted.b * mean**2)


def _whole(
    grid: Grid, own: Events, expected: Floats, origin: int, model: HotspotModel, half_life: float, strength: float
) -> Floats:
    """The densities that the last mixture weighs: surroundings, memory, near repeats by ring."""
    memory = Record.before(grid, own, origin, model, half_life).given(expected, strength)
    return np.column_stack([expected, memory, near_repeats(grid, own, origin, model)])


def _memory(
    grid: Grid, own: Events, origins: Sequence[int], expected: Sequence[Floats], found: Sequence[Floats],
    model: HotspotModel,
) -> tuple[float, float]:  # fmt: skip
    """Half-life and strength with the highest likelihood; the longest memory and middle strength without past weeks."""
    best = (max(model.half_lives), sorted(model.strengths)[len(model.strengths) // 2])
    best_likelihood = -np.inf
    if not sum(float(events.sum()) for events in found):
        return best
    at = [np.flatnonzero(events) for events in found]
    for half_life in sorted(model.half_lives, reverse=True):
        records = [Record.before(grid, own, each, model, half_life) for each in origins]
        for strength in model.strengths:
            likelihood = sum(
                float(events[rows] @ np.log(record.given(mean, strength)[rows]))
                for record, mean, events, rows in zip(records, expected, found, at, strict=True)
            )
            if likelihood > best_likelihood:
                best, best_likelihood = (half_life, strength), likelihood
    return best


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
    """The longest half-life whose Poisson likelihood is within a unit of the best: few events prove little."""
    totals = [float(events.sum()) for events in found]
    likelihood = {}
    for half_life in model.level_half_lives:
        expected = [max(expected_total(own, each, model, half_life), 1e-9) for each in origins]
        likelihood[half_life] = sum(total * np.log(mean) - mean for total, mean in zip(totals, expected, strict=True))
    best = max(likelihood.values())
    return max(half_life for half_life, value in likelihood.items() if value >= best - 1)


def _spread(grid: Grid, means: Sequence[Floats], found: Sequence[Floats], bins: int = 200) -> tuple[float, float]:
    """a and b of the rates' variance a x mean + b x mean^2, by penalised negative-binomial likelihood.

    Cells are grouped by expectation into `bins` first: the likelihood then runs over a small table of counts.
    """
    centre = np.log(np.array(SPREAD_CENTRE))
    if not means or not sum(mean.sum() for mean in means):
        return SPREAD_CENTRE
    mean = np.concatenate(list(means))
    count = np.concatenate(list(found)).astype(np.int64)
    copies = np.tile(grid.copies, len(means))
    order = np.argsort(mean, kind="stable")
    # Groups of about equal expectation, so that the few cells with many events are told apart.
    mass = np.cumsum((mean * copies)[order])
    place = np.minimum((mass / mass[-1] * bins).astype(np.int64), bins - 1)
    group = np.empty_like(place)
    group[order] = place
    size = np.bincount(group, weights=copies, minlength=bins)
    typical = np.bincount(group, weights=mean * copies, minlength=bins) / np.maximum(size, 1)
    width = int(count.max()) + 1
    cells = np.bincount(group * width + count, weights=copies, minlength=bins * width)
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
