"""The count model: it shrinks, it covers, and it repeats."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from estimation.rate_model import RateFit, fit_rates

Floats = NDArray[np.float64]
R, K, T = 24, 2, 6
EXPOSURE = np.repeat(np.geomspace(0.5, 60, R)[:, None], T, axis=1)


def drawn(seed: int, region_sd: float = 0.5) -> tuple[Floats, Floats]:
    """True rates [R, K, T] and counts of regions from tiny to large."""
    random = np.random.default_rng(seed)
    log_rate = np.log([[[6.0], [1.0]]]) + random.normal(0, region_sd, (R, 1, 1)) + random.normal(0, 0.1, (R, 1, T))
    rate = np.exp(np.broadcast_to(log_rate, (R, K, T))) * random.gamma(100, 0.01, (R, K, T))
    return rate, random.poisson(rate * EXPOSURE[:, None, :]).astype(float)


@pytest.fixture(scope="module")
def fitted() -> tuple[Floats, Floats, RateFit]:
    rate, counts = drawn(1)
    return rate, counts, fit_rates(counts, EXPOSURE, 800, ("test",))


def test_the_interval_covers_the_truth(fitted: tuple[Floats, Floats, RateFit]) -> None:
    rate, _, fit = fitted
    inside = []
    for r in range(R):
        low, high = np.quantile(fit.draw(r, "test", r), [0.05, 0.95], axis=0)
        inside.append((low <= rate[r]) & (rate[r] <= high))
    assert 0.85 <= np.mean(inside) <= 0.95


def test_the_mean_beats_the_raw_rates(fitted: tuple[Floats, Floats, RateFit]) -> None:
    rate, counts, fit = fitted
    raw = counts / EXPOSURE[:, None, :]
    mean = np.stack([fit.mean(r) for r in range(R)])
    assert ((np.log(mean) - np.log(rate)) ** 2).mean() < 0.05
    assert ((mean - rate) ** 2).mean() < 0.5 * ((raw - rate) ** 2).mean()


def test_large_regions_keep_their_rate(fitted: tuple[Floats, Floats, RateFit]) -> None:
    _, counts, fit = fitted
    raw = counts[-1] / EXPOSURE[-1]
    assert fit.mean(R - 1)[0] == pytest.approx(raw[0], rel=0.1)


def test_the_spread_of_the_regions_is_found(fitted: tuple[Floats, Floats, RateFit]) -> None:
    assert fitted[2].hyperparameters["region_sd"] == pytest.approx(0.5, abs=0.2)
    alike = fit_rates(drawn(2, region_sd=0.0)[1], EXPOSURE, 200, ("test",))
    assert alike.hyperparameters["region_sd"] < 0.15


def test_draws_agree_with_the_mean_and_repeat(fitted: tuple[Floats, Floats, RateFit]) -> None:
    _, counts, fit = fitted
    assert fit.draw(3, "a").mean(axis=0) == pytest.approx(fit.mean(3), rel=0.1)
    assert np.array_equal(fit.draw(3, "a"), fit.draw(3, "a"))
    assert not np.array_equal(fit.draw(3, "a"), fit.draw(3, "b"))
    again = fit_rates(counts, EXPOSURE, 800, ("test",))
    assert np.array_equal(again.city, fit.city) and np.array_equal(again.region, fit.region)


def test_a_class_never_seen_stays_finite() -> None:
    counts = drawn(4)[1]
    counts[:, 1] = 0
    fit = fit_rates(counts, EXPOSURE, 200, ("test",))
    mean = fit.mean(0)[1]
    assert np.isfinite(fit.draw(0, "x")).all() and (mean > 0).all()
    assert (mean < 0.05).all()  # under two events where the city had none in 1,400 units of exposure


def test_one_region_and_one_period_are_enough() -> None:
    fit = fit_rates(np.array([[[12.0]]]), np.array([[4.0]]), 400, ("one",))
    low, high = np.quantile(fit.draw(0, "one"), [0.05, 0.95])
    assert low < 3 < high and fit.mean(0)[0, 0] == pytest.approx(3, rel=0.15)


@pytest.mark.parametrize(
    ("counts", "exposure"),
    [
        (np.ones((2, 3)), np.ones((2, 3))),
        (np.ones((2, 1, 3)), np.ones((2, 2))),
        (np.zeros((2, 1, 3)), np.ones((2, 3))),
        (np.ones((2, 1, 3)), np.zeros((2, 3))),
        (np.ones((0, 1, 3)), np.ones((0, 3))),
    ],
)
def test_what_cannot_be_fitted_is_refused(counts: Floats, exposure: Floats) -> None:
    with pytest.raises(ValueError, match="must be"):
        fit_rates(counts, exposure, 10, ("x",))
