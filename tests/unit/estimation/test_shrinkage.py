"""Published estimators, against values worked by hand and exact quantiles."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import gamma, norm

from estimation.shrinkage import GammaPrior, clayton_kaldor, fay_feuer, marshall, wilson_hilferty

Z90, Z95 = float(norm.ppf(0.95)), 1.96


def test_marshall_by_hand() -> None:
    # b = .6, s2 = .16, a = .16 - .6 / 10 = .1; .6 -+ .1 x .4 / (.1 + .06)
    assert marshall(np.array([2.0, 10.0]), np.array([10.0, 10.0])) == pytest.approx([0.35, 0.85])


def test_marshall_leaves_large_areas_and_moves_small_ones() -> None:
    rate = marshall(np.array([1000.0, 300.0, 3.0]), np.array([1000.0, 1000.0, 3.0]))
    overall = 1303 / 2003
    assert rate[0] == pytest.approx(1.0, abs=0.01) and rate[1] == pytest.approx(0.3, abs=0.01)
    assert overall < rate[2] < 0.85


def test_marshall_knows_no_difference_where_chance_explains_it() -> None:
    assert marshall(np.array([5.0, 6.0, 4.0]), np.array([10.0, 10.0, 10.0])) == pytest.approx([0.5] * 3)
    assert (marshall(np.zeros(3), np.ones(3)) == 0).all()


def test_clayton_kaldor_finds_the_prior_it_was_drawn_from() -> None:
    random = np.random.default_rng(3)
    expected = random.uniform(5, 50, 4000)
    observed = random.poisson(expected * random.gamma(4.0, 1 / 4.0, 4000)).astype(float)
    prior = clayton_kaldor(observed, expected)
    assert prior.mean == pytest.approx(1, rel=0.05)
    assert prior.shape == pytest.approx(4, rel=0.1)


def test_clayton_kaldor_solves_its_own_moment_equations() -> None:
    observed, expected = np.array([2.0, 30.0, 9.0, 1.0, 55.0]), np.array([10.0, 12.0, 9.0, 8.0, 20.0])
    prior = clayton_kaldor(observed, expected, iterations=500)
    theta = (observed + prior.shape) / (expected + prior.rate)
    variance = ((1 + prior.rate / expected) * (theta - theta.mean()) ** 2).sum() / 4
    assert prior.mean == pytest.approx(theta.mean())
    assert prior.shape / prior.rate**2 == pytest.approx(variance)


def test_clayton_kaldor_without_spread_holds_to_the_mean() -> None:
    prior = clayton_kaldor(np.full(6, 10.0), np.full(6, 10.0))
    assert prior.mean == pytest.approx(1) and prior.shape > 1e5
    with pytest.raises(ValueError, match="two areas"):
        clayton_kaldor(np.array([1.0]), np.array([1.0]))
    assert GammaPrior(6.0, 3.0).mean == 2


@pytest.mark.parametrize(
    ("z", "low", "high", "exact_low", "exact_high"),
    [(Z95, 1.611, 10.241, 1.623, 10.242), (Z90, 1.966, 9.146, 1.970, 9.154)],
)
def test_wilson_hilferty_of_five(z: float, low: float, high: float, exact_low: float, exact_high: float) -> None:
    assert float(wilson_hilferty(5, 1, -z)) == pytest.approx(low, abs=6e-4)
    assert float(wilson_hilferty(5, 1, z)) == pytest.approx(high, abs=6e-4)
    tail = float(norm.cdf(-z))
    assert gamma.ppf([tail, 1 - tail], 5) == pytest.approx([exact_low, exact_high], abs=6e-4)


def test_wilson_hilferty_scales_and_never_falls_below_nothing() -> None:
    assert wilson_hilferty(np.array([5.0, 50.0]), 10.0, Z90) == pytest.approx(
        wilson_hilferty(np.array([5.0, 50.0]), 1, Z90) / 10
    )
    assert float(wilson_hilferty(0.05, 1, -Z90)) == 0


@pytest.mark.parametrize(("count", "low", "high"), [(0, 0, 2.996), (1, 0.0513, 4.744), (10, 5.425, 16.962)])
def test_fay_feuer_of_one_class_is_the_exact_interval(count: int, low: float, high: float) -> None:
    found = fay_feuer(np.array([float(count)]), np.array([1.0]))
    assert found == pytest.approx((low, high), abs=1e-3)


def test_fay_feuer_covers_a_weighted_sum() -> None:
    random = np.random.default_rng(5)
    expected, weights = np.array([3.0, 8.0, 40.0]), np.array([100.0, 10.0, 1.0])
    inside = [
        low <= (weights * expected).sum() <= high
        for low, high in (fay_feuer(random.poisson(expected).astype(float), weights) for _ in range(1500))
    ]
    assert np.mean(inside) >= 0.90
