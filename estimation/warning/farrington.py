"""Farrington Flexible (Noufaily et al. 2013), for many series at once.

Weekly totals, five years back with half-windows of three weeks, the rest of the year in ten periods, the latest 26
weeks left out, a linear trend, past outbreaks weighed down by their Anscombe residuals, and the negative binomial
quantile of the plug-in mean as bound. A day is judged by the total of the seven days that end with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from estimation.warning.ears import Alarm
from estimation.warning.regression import Regression

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class FarringtonSettings:
    """Published settings. `limit` = (5, 4): no alarm with fewer than 5 events in the latest 4 weeks."""

    years: int = 5
    half_window: int = 3
    periods: int = 10
    weeks_left_out: int = 26
    weeks_a_year: int = 52
    reweight_above: float = 2.58
    alpha: float = 0.005
    limit: tuple[int, int] = (5, 4)
    minimum_weeks: int = 52


def farrington_flexible(counts: Floats, first: int, settings: FarringtonSettings | None = None) -> Alarm:
    """Judges the days from `first` on of daily `counts` [series, day]; alarm where the score exceeds 1.

    The result is of the days from `first` on: expected weekly total, its bound, and the exceedance score
    (total - expected) / (bound - expected). With less than five years of history what there is is used; NaN where
    that is under `minimum_weeks`.
    """
    settings = settings or FarringtonSettings()
    series, days = counts.shape
    running = np.concatenate([np.zeros((series, 1)), np.cumsum(counts, axis=1)], axis=1)
    weekly = np.full((series, days), np.nan)
    weekly[:, 6:] = running[:, 7:] - running[:, :-7]
    expected = np.full((series, days - first), np.nan)
    phi = np.ones((series, days - first))
    lags, groups = reference_weeks(settings)
    warm: dict[int, tuple[int, Floats]] = {}
    models: dict[int, Regression] = {}
    for day in range(first, days):
        inside = int(((day - 7 * lags) >= 6).sum())
        if inside < settings.minimum_weeks:
            continue
        if inside not in models:
            models[inside] = _model(lags[:inside], groups[:inside], settings)
        reference = weekly[:, day - 7 * lags[:inside]]
        # Series that share their history (one background, several outbreaks) are fitted once.
        marks = reference @ np.sin(np.arange(1, inside + 1) * 1.7)
        _, rows, back = np.unique(marks, return_index=True, return_inverse=True)
        seen = warm.get(day % 7)
        start = seen[1][rows] if seen is not None and seen[0] == series else None
        fitted, dispersion, coefficients = _fit(models[inside], reference[rows], settings, start)
        expected[:, day - first], phi[:, day - first] = fitted[back], dispersion[back]
        warm[day % 7] = (series, coefficients[back])
    bound = negative_binomial_quantile(expected, phi, 1 - settings.alpha)
    total = weekly[:, first:]
    with np.errstate(invalid="ignore"):
        # A bound of 0 lies below the mean; any event is then above it.
        score = (total - expected) / np.maximum(bound - expected, 0.5)
    recent = running[:, first + 1 :] - running[:, np.maximum(np.arange(first + 1, days + 1) - 7 * settings.limit[1], 0)]
    score = np.where((recent >= settings.limit[0]) & (total > 0), score, np.where(np.isnan(score), np.nan, 0.0))
    return Alarm(expected, bound, score)


def reference_weeks(settings: FarringtonSettings) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Lags in weeks of the reference weeks, near to far, and the period of the year each lies in.

    Period 0 is the window around this week of each year; 1, 2, ... follow it in the order of time.
    """
    year, half = settings.weeks_a_year, settings.half_window
    between = year - 2 * half - 1
    lengths = np.full(settings.periods - 1, between // (settings.periods - 1))
    lengths[: between % (settings.periods - 1)] += 1
    after_window = np.repeat(np.arange(1, settings.periods), lengths)
    lags = np.arange(settings.weeks_left_out + 1, settings.years * year + half + 1)
    # Weeks since the older window's centre, in the order of time.
    since = -lags % year
    groups = np.zeros(len(lags), dtype=np.int64)
    inside = (since > half) & (since < year - half)
    groups[inside] = after_window[since[inside] - half - 1]
    return lags, groups


def _model(lags: NDArray[np.int64], groups: NDArray[np.int64], settings: FarringtonSettings) -> Regression:
    # Time counts back from now, so that the prediction is the intercept: this week lies in period 0.
    columns = [np.ones(len(lags)), -lags / settings.weeks_a_year]
    columns += [(groups == group).astype(float) for group in range(1, settings.periods) if (groups == group).any()]
    # A period without any event has no finite maximum: a trace of ridge stops it, where the published fit just ends.
    return Regression(np.stack(columns, axis=1), np.full(len(columns), 1e-2))


def _fit(
    model: Regression, reference: Floats, settings: FarringtonSettings, start: Floats | None
) -> tuple[Floats, Floats, Floats]:
    """Expected total of this week, dispersion (>= 1) and coefficients, for each row of `reference` [series, week]."""
    coefficients = model.fit(reference, start=start, tolerance=1e-3)
    mean = model.predict(coefficients)
    phi = _dispersion(model, reference, mean, 1.0)
    leverage = np.clip(model.leverage(mean), 0, 0.999)
    weights = anscombe_weights(reference, mean, phi, leverage, settings.reweight_above)
    coefficients = model.fit(reference, weights=weights, start=coefficients, tolerance=1e-3)
    expected = np.exp(coefficients[:, 0])
    # Published rule: a trend whose forecast passes every count seen is left out.
    wild = np.flatnonzero(expected > reference.max(axis=1))
    if wild.size:
        flat = Regression(np.delete(model.design, 1, axis=1), np.delete(model.ridge, 1))
        without = flat.fit(reference[wild], weights=weights[wild], tolerance=1e-3)
        expected[wild] = np.exp(without[:, 0])
        coefficients[wild] = np.insert(without, 1, 0.0, axis=1)
    phi = _dispersion(model, reference, model.predict(coefficients), weights)
    return expected, phi, coefficients


def _dispersion(model: Regression, reference: Floats, mean: Floats, weights: Floats | float) -> Floats:
    pearson = weights * (reference - mean) ** 2 / np.maximum(mean, 1e-9)
    return np.maximum(pearson.sum(axis=1) / (reference.shape[1] - model.design.shape[1]), 1.0)


def anscombe_weights(counts: Floats, mean: Floats, phi: Floats, leverage: Floats, above: float) -> Floats:
    """Weights [series, week] of past counts: 1 up to an Anscombe residual of `above`, then 1 / residual^2, scaled to
    sum to the number of weeks (Farrington 1996, with Noufaily's threshold)."""
    residual = 1.5 * (counts ** (2 / 3) * mean ** (-1 / 6) - np.sqrt(mean))
    residual = residual / np.sqrt(phi[:, None] * (1 - leverage))
    return scaled_weights(residual, above)


def scaled_weights(residual: Floats, above: float) -> Floats:
    """The weights of `residual` [series, week]."""
    weights = np.where(residual > above, 1 / np.maximum(residual, 1e-9) ** 2, 1.0)
    return weights * (weights.shape[1] / weights.sum(axis=1, keepdims=True))


def negative_binomial_quantile(mean: Floats, phi: Floats, level: float) -> Floats:
    """Quantile of a count with `mean` and variance phi x mean (Poisson where phi is 1): NaN where the mean is."""
    from scipy.stats import nbinom, poisson

    over = phi > 1 + 1e-9
    result = np.full(mean.shape, np.nan)
    plain = ~over & ~np.isnan(mean)
    result[plain] = poisson.ppf(level, mean[plain])
    spread = over & ~np.isnan(mean)
    result[spread] = nbinom.ppf(level, mean[spread] / (phi[spread] - 1), 1 / phi[spread])
    return result
