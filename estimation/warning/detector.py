"""Our detector: is today, or are the last seven days, above what weekday, season and level lead one to expect?

The mean is a weekday-and-season negative binomial regression with a linear trend, carried by a level that follows the
latest weeks where that forecast the past better. The variance is dispersion x mean, with a dispersion of the time of
the year; dispersion and upper tail are calibrated on how each year of the series' own past is forecast from the others,
so that the real rate of false alarms keeps near or under the nominal. Only days before the judged one, less a guard,
are used.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from estimation.warning.regression import Regression

Floats = NDArray[np.float64]
# The least dispersion: counts less varied than this share of a Poisson's are no counts of separate events.
SMALLEST = 0.01
# Memory of the level: half-life in days, and the prior events (x dispersion) that hold it at 1.
LEVELS = ((56.0, 25.0), (14.0, 6.0), (5.0, 2.0))


@dataclass(frozen=True)
class DetectorSettings:
    """Settings of `detect`.

    alpha: nominal share of days with a warning where nothing happens. windows: totals of so many latest days are
    judged; alpha is shared among them. gate: what the day itself must score, so that an outbreak which is over does
    not go on warning through the days before it. guard_days: latest days that neither regression nor level sees, so
    that an outbreak does not raise its own bound. refit_days: days between two regressions. season_days: length of a
    year. harmonics: of the year, at most one more than there are whole years of history. minimum_days: history a
    series needs; memory_days: of it, what is used.
    """

    alpha: float = 0.01
    windows: tuple[int, ...] = (1, 7)
    gate: float = 1.0
    guard_days: int = 7
    refit_days: int = 28
    season_days: float = 365.25
    harmonics: int = 6
    minimum_days: int = 56
    memory_days: int = 1826


@dataclass(frozen=True)
class Detection:
    """What is said of each judged day. Arrays [window, series, day], from the first judged day on.

    `observed` and `expected` totals of the window, `dispersion` variance over mean of its total, `tail` what the score
    was divided by, `score` calibrated standard normal deviate (NaN without enough history). `today` [series, day] the
    score of the day alone. `weekday` and `season` [series, day]: factors by which they move the day's expectation.
    """

    windows: tuple[int, ...]
    observed: Floats
    expected: Floats
    dispersion: Floats
    tail: Floats
    score: Floats
    today: Floats
    weekday: Floats
    season: Floats
    gate: float

    def bound(self, limit: float) -> Floats:
        """The total above which the score passes `limit`, [window, series, day]."""
        return power_bound(self.expected, self.dispersion, limit * self.tail)

    @property
    def best(self) -> Floats:
        """The largest score of the windows on days that pass the gate, else minus infinity, [series, day]."""
        passed = (self.today > self.gate) | np.isnan(self.today)
        return np.where(passed, self.score.max(axis=0), -np.inf)


def limit_for(alpha: float, windows: int) -> float:
    """The score a day must pass to be a warning at `alpha`, shared among so many windows.

    The windows overlap and the gate closes on half of what they would add, so that a share of alpha / sqrt(windows)
    each keeps near or under alpha in all; `bench early-warning` measures the real rate.
    """
    from scipy.stats import norm

    return float(norm.isf(alpha / np.sqrt(windows)))


def detect(
    counts: Floats,
    first: int,
    settings: DetectorSettings | None = None,
    *,
    weekday: int = 0,
    day_of_year: int = 0,
    exposure: Floats | None = None,
    holidays: NDArray[np.bool_] | None = None,
) -> Detection:
    """Judges the days from `first` on of daily `counts` [series, day].

    `weekday` (0 - 6) and `day_of_year` of the first day; `exposure` [series, day] multiplies the mean (uptime; 0 where
    nothing could be counted); `holidays` [day] known in advance and the days after them get effects of their own.
    """
    settings = settings or DetectorSettings()
    series, days = counts.shape
    windows = tuple(dict.fromkeys((*settings.windows, 1)))
    shape = (len(windows), series, days - first)
    observed, expected, dispersion, tail = (np.full(shape, np.nan) for _ in range(4))
    effects = np.full((2, series, days - first), np.nan)
    start = max(first, settings.minimum_days + settings.guard_days)
    while start < days:
        end = min(start + settings.refit_days, days)
        since = max(0, start - settings.memory_days)
        known = start - since - settings.guard_days
        part, shown = counts[:, since:end], None if exposure is None else exposure[:, since:end]
        calendar = None if holidays is None else holidays[since:end]
        place = (weekday + since, day_of_year + since)
        design, ridge = _design(end - since, known, settings, place, calendar)
        forecast, past, coefficients = _means(part, design, ridge, known, shown, settings)
        forecast, past = _follow(part, forecast, past, known, settings)
        season = (place[1] + np.arange(end - since)) % settings.season_days
        judged, inside = slice(start - since, end - since), slice(start - first, end - first)
        effects[:, :, inside] = _effects(coefficients, design[judged], known, settings)
        for w, window in enumerate(windows):
            totals, means = _totals(part, window), _totals(past, window)
            scale = _dispersion(totals, means, known, season, settings)
            seen = slice(window - 1, known)
            history = power_score(totals[:, seen], means[:, seen], scale[:, seen])
            observed[w, :, inside] = totals[:, judged]
            expected[w, :, inside] = _totals(forecast, window)[:, judged]
            dispersion[w, :, inside] = scale[:, judged]
            tail[w, :, inside] = _tail(history)[:, None]
        start = end
    score = power_score(observed, expected, dispersion) / tail
    used = slice(0, len(settings.windows))
    return Detection(
        settings.windows, observed[used], expected[used], dispersion[used], tail[used], score[used],
        score[windows.index(1)], effects[0], effects[1], settings.gate,
    )  # fmt: skip


def _means(
    counts: Floats, design: Floats, ridge: Floats, known: int, exposure: Floats | None, settings: DetectorSettings
) -> tuple[Floats, Floats, Floats]:
    """The regression's mean of every day, the same with each year of the past forecast from the other years, and the
    coefficients.

    The second says what a forecast is worth; a fit to the very days it is judged by would flatter it.
    """
    model = Regression(design[:known], ridge)
    shown = None if exposure is None else exposure[:, :known]
    coefficients = model.fit(counts[:, :known], exposure=shown, tolerance=1e-3)
    forecast = model.predict(coefficients, design)
    past = forecast.copy()
    folds = min(3, int(known / settings.season_days + 0.1))
    edges = np.linspace(0, known, max(folds, 0) + 1).round().astype(int)
    for low, high in pairwise(edges.tolist()) if folds >= 2 else ():
        others = np.ones((1, known))
        others[:, low:high] = 0.0
        held = model.fit(counts[:, :known], exposure=shown, weights=others, start=coefficients, tolerance=1e-3)
        past[:, low:high] = model.predict(held, design[low:high])
    if exposure is not None:
        forecast, past = forecast * exposure, past * exposure
    return forecast, past, coefficients


def _has_trend(known: int, settings: DetectorSettings) -> bool:
    return known / settings.season_days >= 1.9


def _harmonics(known: int, settings: DetectorSettings) -> int:
    years = known / settings.season_days
    return 0 if years < 1.5 else min(settings.harmonics, 1 + int(years))


def _effects(coefficients: Floats, design: Floats, known: int, settings: DetectorSettings) -> Floats:
    """Factors of weekday (over the mean weekday) and season (over the year's middle) of each day, [2, series, day]."""
    first = 2 if _has_trend(known, settings) else 1
    weekday = np.exp(coefficients[:, first : first + 6] @ design[:, first : first + 6].T)
    mean = (1 + np.exp(coefficients[:, first : first + 6]).sum(axis=1, keepdims=True)) / 7
    season = slice(first + 6, first + 6 + 2 * _harmonics(known, settings))
    return np.stack([weekday / mean, np.exp(coefficients[:, season] @ design[:, season].T)])


def _design(
    days: int, known: int, settings: DetectorSettings, place: tuple[int, int], holidays: NDArray[np.bool_] | None
) -> tuple[Floats, Floats]:
    """Terms of every day [day, term] and their ridge: what a short history cannot tell is left out or held back."""
    day = np.arange(days)
    columns, ridge = [np.ones(days)], [0.0]
    if _has_trend(known, settings):
        columns.append((day - known) / settings.season_days)
        ridge.append(1 / 0.3**2)
    columns += [((day + place[0]) % 7 == d).astype(float) for d in range(1, 7)]
    ridge += [1 / 2.0**2] * 6
    if _harmonics(known, settings):
        angle = 2 * np.pi * (day + place[1]) / settings.season_days
        for harmonic in range(1, _harmonics(known, settings) + 1):
            columns += [np.cos(harmonic * angle), np.sin(harmonic * angle)]
            ridge += [harmonic**2 / 1.0**2] * 2
    if holidays is not None and holidays[:known].any():
        closed = holidays[:days].astype(float)
        # What was not reported on a holiday is reported on the day after.
        columns += [closed, np.append(0.0, closed[:-1]) * (1 - closed)]
        ridge += [1 / 2.0**2, 1 / 1.0**2]
    return np.stack(columns, axis=1), np.array(ridge)


def _follow(
    counts: Floats, forecast: Floats, past: Floats, known: int, settings: DetectorSettings
) -> tuple[Floats, Floats]:
    """Both means times the level of each series: that memory of LEVELS, or none, which forecast its past best."""
    from scipy.signal import lfilter

    inside = slice(settings.minimum_days, known)
    spread, total = ((counts - past) ** 2)[:, :known].sum(axis=1), past[:, :known].sum(axis=1)
    phi = np.maximum(spread / np.maximum(total, 1e-9), SMALLEST)
    lag = settings.guard_days + 1
    results = [forecast, past]
    fit = _likelihood(counts[:, inside], past[:, inside]) / phi
    for half_life, prior in LEVELS:
        decay = 0.5 ** (1 / half_life)
        hold = prior * phi[:, None]

        def memory(values: Floats, decay: float = decay) -> Floats:
            seen = np.zeros(values.shape)
            seen[:, lag:] = lfilter([1.0], [1.0, -decay], values, axis=1)[:, :-lag]
            return seen

        told = hold + memory(counts)
        moved = past * told / (hold + memory(past))
        gain = _likelihood(counts[:, inside], moved[:, inside]) / phi
        # A level that moves must earn it: three units of log likelihood, the usual evidence for one more freedom.
        better = (gain > fit + 3.0)[:, None]
        fit = np.where(better[:, 0], gain, fit)
        if better.any():
            results = [
                np.where(better, forecast * told / (hold + memory(forecast)), results[0]),
                np.where(better, moved, results[1]),
            ]
    return results[0], results[1]


def _likelihood(counts: Floats, mean: Floats) -> Floats:
    return (counts * np.log(np.maximum(mean, 1e-9)) - mean).sum(axis=1)


def _totals(values: Floats, window: int) -> Floats:
    """Total of the `window` days that end with each day; the first days have what there is."""
    if window == 1:
        return values
    running = np.cumsum(values, axis=1)
    total = running.copy()
    total[:, window:] -= running[:, :-window]
    return total


def _dispersion(totals: Floats, means: Floats, known: int, season: Floats, settings: DetectorSettings) -> Floats:
    """Variance over mean of each day [series, day]: that of the days within three weeks of its time of the year in all
    years, drawn to the middle of the year's as if 40 more days had shown that."""
    free = means[:, :known]
    square = (totals[:, :known] - free) ** 2
    overall = np.maximum(square.sum(axis=1) / np.maximum(free.sum(axis=1), 1e-9), SMALLEST)[:, None]
    # One outbreak of the past must not hide the next: what it adds to the variance is capped.
    square = np.minimum(square, 16 * overall * np.maximum(free, 1e-9) + 4)
    bins = int(settings.season_days // 7) + 1
    week = (season // 7).astype(int)
    member = np.zeros((known, bins))
    member[np.arange(known), week[:known]] = 1.0
    near = np.zeros((bins, bins))
    for shift in range(-3, 4):
        near += np.eye(bins)[:, (np.arange(bins) + shift) % bins]
    spread, base = square @ member @ near, free @ member @ near
    seen = (member.sum(axis=0) @ near) > 0
    middle = np.median(spread[:, seen] / np.maximum(base[:, seen], 1e-9), axis=1, keepdims=True)
    hold = 40 * free.mean(axis=1, keepdims=True)
    local = np.maximum((spread + hold * middle) / np.maximum(base + hold, 1e-9), SMALLEST)
    return local[:, week]


def _tail(history: Floats) -> Floats:
    """By how much the upper tail of past scores is wider than a standard normal's: mean of the top 2.5 % over 2.338.

    Never less than 1: scores of small counts lie below a normal's because counts are whole, not because they vary less.
    """
    count = max(1, round(0.025 * history.shape[1]))
    top = np.partition(history, history.shape[1] - count, axis=1)[:, -count:]
    return np.maximum(top.mean(axis=1) / 2.338, 1.0)


def _power(dispersion: Floats) -> Floats:
    """The power that takes the skewness out of a negative binomial of variance dispersion x mean: 2/3 for a Poisson
    (Anscombe), towards 1/3 (Wilson and Hilferty) as it nears a gamma."""
    phi = np.maximum(dispersion, 1.0)
    return (phi + 1) / (3 * phi)


def power_score(count: Floats, mean: Floats, dispersion: Floats) -> Floats:
    """Standard normal deviate of P(Y >= count) for a count of `mean` and variance dispersion x mean; any one shape."""
    power = _power(dispersion)
    mean = np.maximum(mean, 1e-6)
    centre = mean**power * np.maximum(1 + power * (power - 1) * dispersion / (2 * mean), 0)
    spread = power * mean ** (power - 0.5) * np.sqrt(dispersion)
    return (np.maximum(count - 0.5, 0) ** power - centre) / spread


def power_bound(mean: Floats, dispersion: Floats, score: Floats | float) -> Floats:
    """The count at which `power_score` is `score`."""
    power = _power(dispersion)
    mean = np.maximum(mean, 1e-6)
    centre = mean**power * np.maximum(1 + power * (power - 1) * dispersion / (2 * mean), 0)
    spread = power * mean ** (power - 0.5) * np.sqrt(dispersion)
    return np.maximum(centre + score * spread, 0) ** (1 / power) + 0.5
