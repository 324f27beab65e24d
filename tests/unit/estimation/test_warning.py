"""Detectors on arrays: hand-worked vectors, published ones, and what they must never do."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import nbinom, norm, poisson

from estimation.warning.detector import DetectorSettings, detect, limit_for, power_bound, power_score
from estimation.warning.ears import CUSUM_H, cusum, ears_c1, ears_c2, ears_c3
from estimation.warning.farrington import (
    FarringtonSettings,
    farrington_flexible,
    negative_binomial_quantile,
    reference_weeks,
    scaled_weights,
)
from estimation.warning.regression import Regression


def test_c1_is_mean_plus_limit_times_sd_of_the_seven_days_before() -> None:
    alarm = ears_c1(np.array([[1.0, 2, 3, 4, 5, 6, 7, 11]]))
    assert np.isnan(alarm.score[0, :7]).all()
    assert alarm.expected[0, 7] == 4
    # sd of 1 - 7 with n - 1 is sqrt(28 / 6)
    assert alarm.bound[0, 7] == pytest.approx(4 + 3.09 * np.sqrt(28 / 6))
    assert alarm.score[0, 7] == pytest.approx(7 / np.sqrt(28 / 6))


def test_c2_leaves_two_days_between() -> None:
    alarm = ears_c2(np.array([[1.0, 2, 3, 4, 5, 6, 7, 50, 60, 11]]))
    assert np.isnan(alarm.score[0, :9]).all()
    assert alarm.score[0, 9] == pytest.approx(7 / np.sqrt(28 / 6))


def test_c3_adds_what_c2_exceeded_one_by_on_two_days_before() -> None:
    counts = np.zeros((1, 12))
    counts[0, 9:] = [1, 1.2, 0]  # sigma is the minimum, 0.5: C2 is 2.0, then 2.4, then 0
    alarm = ears_c3(counts)
    assert np.isnan(alarm.score[0, :11]).all()
    assert alarm.score[0, 11] == pytest.approx(0 + 1.0 + 1.4)
    assert alarm.bound[0, 11] == 0


def test_ears_needs_a_minimum_sigma() -> None:
    quiet = np.zeros((1, 8))
    quiet[0, 7] = 1
    assert ears_c1(quiet).score[0, 7] == pytest.approx(2.0)
    with np.errstate(divide="ignore"):
        assert np.isinf(ears_c1(quiet, minimum_sigma=0.0).score[0, 7])


def test_cusum_by_hand() -> None:
    # Rossi's z of 1 and 4 against a mean of 1 are 0 and 2.5.
    alarm = cusum(np.array([[1.0, 4, 4, 0]]), np.ones((1, 4)))
    assert alarm.score[0] == pytest.approx([0, 1.46, 2.92, 2.92 - 1.5 - 1.04])
    assert (alarm.score[0] >= CUSUM_H).tolist() == [False, False, True, False]
    at_bound = cusum(np.array([[1.0, 4, alarm.bound[0, 2]]]), np.ones((1, 3)))
    assert at_bound.score[0, 2] == pytest.approx(CUSUM_H)


@pytest.mark.parametrize(
    ("phi", "level", "quantile"), [(1.5, 0.95, 10), (1.5, 0.05, 1), (1.0, 0.95, 9), (1.0, 0.05, 2)]
)
def test_nb_plugin_bound_as_published(phi: float, level: float, quantile: float) -> None:
    """Mean 5: the vectors of the R package surveillance's own tests of thresholdMethod 'nbPlugin'."""
    assert negative_binomial_quantile(np.array([5.0]), np.array([phi]), level)[0] == quantile


def test_weights_as_published() -> None:
    """Five residuals of 0 and five of 2 above a threshold of 0: 1.6 and 0.4, as in surveillance's tests."""
    residual = np.array([[0.0] * 5 + [2.0] * 5])
    assert scaled_weights(residual, 0.0)[0] == pytest.approx([1.6] * 5 + [0.4] * 5)


def test_reference_weeks_of_five_years() -> None:
    lags, groups = reference_weeks(FarringtonSettings())
    assert (lags[0], lags[-1]) == (27, 263)
    window = lags[groups == 0]
    assert window.tolist() == [week for year in range(1, 6) for week in range(52 * year - 3, 52 * year + 4)]
    # The other 45 weeks of a full year fall into nine periods of five.
    year = (lags > 3 * 52 + 3) & (lags < 4 * 52 - 3)
    assert np.bincount(groups[year])[1:].tolist() == [5] * 9
    assert groups[lags == 4 * 52 - 4][0] == 1


def _series(mean: float, days: int, seed: int, rows: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).poisson(mean, (rows, days)).astype(float)


def test_farrington_expects_what_was() -> None:
    counts = np.full((1, 7 * 320), 3.0)
    alarm = farrington_flexible(counts, 7 * 319)
    assert alarm.expected == pytest.approx(np.full((1, 7), 21.0), rel=1e-3)
    assert (alarm.bound == poisson.ppf(0.995, alarm.expected)).all()
    assert (alarm.score <= 1).all()


def test_farrington_forgets_a_past_outbreak_and_sees_the_next() -> None:
    counts = _series(3, 7 * 320, 1)
    quiet = farrington_flexible(counts, 7 * 319).expected
    counts[0, 7 * 160 : 7 * 162] += 30
    counts[0, -3:] += 12
    alarm = farrington_flexible(counts, 7 * 319)
    plain = farrington_flexible(counts, 7 * 319, FarringtonSettings(reweight_above=np.inf))
    assert alarm.expected == pytest.approx(quiet, rel=0.12)
    assert (plain.expected - quiet).mean() > 2 * (alarm.expected - quiet).mean()
    assert alarm.score[0, -1] > 1


def test_farrington_is_silent_under_five_events_in_four_weeks() -> None:
    counts = np.zeros((1, 7 * 320))
    counts[0, -1] = 4
    assert farrington_flexible(counts, 7 * 319).score[0, -1] == 0
    counts[0, -1] = 5
    assert farrington_flexible(counts, 7 * 319).score[0, -1] > 1


def test_farrington_without_a_year_says_nothing() -> None:
    assert np.isnan(farrington_flexible(_series(3, 300, 2), 290).score).all()


def test_regression_fits_group_rates() -> None:
    """With one dummy a group the maximum likelihood means are the groups' own."""
    group = np.arange(60) % 3
    design = np.stack([np.ones(60), group == 1, group == 2], axis=1).astype(float)
    counts = np.random.default_rng(3).poisson(4, (5, 60)).astype(float)
    model = Regression(design, np.zeros(3))
    mean = model.predict(model.fit(counts))
    for g in range(3):
        assert mean[:, group == g] == pytest.approx(
            np.repeat(counts[:, group == g].mean(axis=1, keepdims=True), 20, axis=1), rel=1e-4
        )
    assert model.leverage(mean).sum(axis=1) == pytest.approx(np.full(5, 3.0))


def test_regression_counts_exposure() -> None:
    design = np.ones((50, 1))
    exposure = np.tile([[0.0, 2.0]], (1, 25))
    counts = exposure * 3 + np.where(exposure == 0, 7, 0)  # what stands where nothing was watched is not read
    model = Regression(design, np.zeros(1))
    assert np.exp(model.fit(counts, exposure=exposure))[0, 0] == pytest.approx(3)


@pytest.mark.parametrize("mean", [1.0, 5.0, 50.0])
@pytest.mark.parametrize("phi", [1.0, 1.5, 4.0])
def test_score_is_the_normal_deviate_of_the_tail(mean: float, phi: float) -> None:
    counts = np.arange(1, 400)
    tail = poisson.sf(counts - 1, mean) if phi == 1 else nbinom.sf(counts - 1, mean / (phi - 1), 1 / phi)
    near = (tail < 0.05) & (tail > 0.001)
    score = power_score(counts[near].astype(float), np.array(mean), np.array(phi))
    assert np.abs(score - norm.isf(tail[near])).max() < 0.2
    assert power_bound(np.array(mean), np.array(phi), score) == pytest.approx(counts[near])


def test_nothing_is_never_a_warning() -> None:
    assert (power_score(np.zeros(4), np.array([1e-6, 0.01, 1, 100]), np.array([1.0, 3, 1, 2])) <= 0).all()


def test_quiet_series_keep_to_the_nominal_rate() -> None:
    rng = np.random.default_rng(5)
    day = np.arange(1100)
    mean = 4 * np.exp(0.4 * np.cos(2 * np.pi * day / 365.25) + 0.5 * (day % 7 == 5))
    counts = rng.negative_binomial(mean / 0.5, 1 / 1.5, (40, 1100)).astype(float)
    found = detect(counts, 900)
    rate = (found.best > limit_for(0.01, 2)).mean()
    assert 0.003 < rate < 0.012
    assert found.expected[0].mean() == pytest.approx(mean[900:].mean(), rel=0.05)
    assert found.dispersion[0].mean() == pytest.approx(1.5, rel=0.1)
    assert found.weekday[0][(day[900:] % 7) == 5].mean() > 1.3 > found.weekday[0][(day[900:] % 7) == 1].mean()


def test_outbreak_is_seen_and_the_days_after_it_are_quiet() -> None:
    counts = _series(5, 800, 6, rows=20)
    counts[:, 770:776] += 9
    found = detect(counts, 760)
    alarm = found.best > limit_for(0.01, 2)
    assert alarm[:, 10:16].any(axis=1).all()
    assert alarm[:, 16:23].mean() < 0.1


def test_a_verdict_uses_no_later_day() -> None:
    counts = _series(5, 600, 7, rows=3)
    changed = counts.copy()
    changed[:, 580:] += 40
    before, after = detect(counts, 560), detect(changed, 560)
    assert (before.score[:, :, :20] == after.score[:, :, :20]).all()


def test_level_follows_a_lasting_change() -> None:
    counts = _series(10, 900, 8, rows=5)
    counts[:, 700:] = _series(20, 200, 9, rows=5)
    found = detect(counts, 870)
    assert found.expected[0].mean() == pytest.approx(20, rel=0.15)


def test_a_holiday_known_in_advance_is_no_outbreak() -> None:
    day = np.arange(900)
    holidays = day % 60 == 30
    mean = 10 * np.where(holidays, 2.5, 1.0)
    counts = np.random.default_rng(12).poisson(mean, (10, 900)).astype(float)
    limit = limit_for(0.01, 2)
    told, untold = (detect(counts, 780, holidays=h).best[:, holidays[780:]] > limit for h in (holidays, None))
    assert told.mean() < 0.1 < 0.5 < untold.mean()


def test_short_history_says_nothing() -> None:
    found = detect(_series(5, 60, 10), 50, DetectorSettings())
    assert np.isnan(found.score).all()
    assert np.isneginf(np.nan_to_num(found.best, nan=-np.inf)).all()


def test_detections_are_judged_by_hour_of_uptime() -> None:
    rng = np.random.default_rng(11)
    hours = np.where(np.arange(500) >= 480, 40.0, 10.0)[None]
    counts = rng.poisson(hours * 0.5).astype(float)
    judged = detect(counts, 480, exposure=hours)
    blind = detect(counts, 480)
    limit = limit_for(0.01, 2)
    assert (judged.best > limit).mean() < 0.15
    assert (blind.best > limit).mean() > 0.5
