"""Measures of a risk map, on cases small enough to count by hand."""

from __future__ import annotations

import numpy as np
import pytest

from estimation.evaluation import (
    bootstrap_share,
    count_coverage,
    equal_groups,
    hit_rate,
    hits_by_share,
    leading_cells,
    most_hits,
    pai,
    pei,
)  # fmt: skip

AREA = np.ones(10)
SCORE = np.array([0.0, 5, 3, 3, 1, 0, 0, 0, 0, 9])


def test_the_riskiest_cells_lead_and_ties_go_to_the_denser() -> None:
    tie = np.array([0.0, 0, 1, 2, 0, 0, 0, 0, 0, 0])
    assert leading_cells(SCORE, tie, AREA, 0.3).tolist() == [9, 1, 3]
    assert leading_cells(SCORE, -tie, AREA, 0.3).tolist() == [9, 1, 2]
    assert leading_cells(np.zeros(10), np.zeros(10), AREA, 0.2).tolist() == [0, 1]


def test_only_whole_cells_that_fit_are_taken() -> None:
    area = AREA.copy()
    area[1] = 0.5  # clipped at the edge: 9.5 in all, .95 for a tenth
    assert leading_cells(SCORE, SCORE, area, 0.10).size == 0
    assert leading_cells(SCORE, SCORE, area, 0.16).tolist() == [9, 1]
    assert leading_cells(SCORE, SCORE, area, 1.0).size == 10


def test_hits_are_those_of_the_leading_cells() -> None:
    random = np.random.default_rng(1)
    area, events = random.uniform(0.1, 1, 300), random.poisson(2, 300).astype(float)
    score, tie = random.integers(0, 4, 300).astype(float), random.integers(0, 3, 300).astype(float)
    shares = [0.0, 0.001, 0.01, 0.05, 0.33, 1.0]
    expected = [events[leading_cells(score, tie, area, share)].sum() for share in shares]
    assert hits_by_share(score, tie, area, events, shares).tolist() == expected
    assert expected[0] == 0 and expected[-1] == events.sum()


def test_a_map_that_catches_half_in_a_tenth_has_a_pai_of_five() -> None:
    assert hit_rate(20, 40) == 0.5
    assert pai(20, 40, 1, 10) == pytest.approx(5)
    assert pai(54, 799, 0.25, 147.7) == pytest.approx(39.9, abs=0.1)  # as published for Portland
    assert np.isnan(hit_rate(0, 0)) and np.isnan(pai(1, 2, 0, 10))


def test_pei_is_one_for_the_map_that_knows() -> None:
    events = np.array([3.0, 0, 0, 4, 1, 0, 0, 0, 0, 2])
    assert most_hits(AREA, events, [0.1, 0.2, 0.3]).tolist() == [4, 7, 9]
    assert pei(hits_by_share(events, AREA, AREA, events, [0.2])[0], most_hits(AREA, events, [0.2])[0]) == 1
    assert pei(5, 7) == pytest.approx(5 / 7)
    assert np.isnan(pei(0, 0))


def test_a_paired_difference_is_surer_than_its_parts() -> None:
    random = np.random.default_rng(2)
    totals = random.integers(50, 400, 13).astype(float)
    ours, theirs = 0.30 * totals, 0.29 * totals
    difference = bootstrap_share(ours - theirs, totals, "x")
    assert difference.value == pytest.approx(0.01)
    assert difference.lower == pytest.approx(0.01) and difference.upper == pytest.approx(0.01)
    noisy_hits = ours + random.normal(0, 20, 13)
    noisy = bootstrap_share(noisy_hits, totals, "x")
    assert noisy.lower < noisy.value < noisy.upper
    assert noisy == bootstrap_share(noisy_hits, totals, "x")


def test_the_bootstrap_covers() -> None:
    random = np.random.default_rng(4)
    inside = []
    for seed in range(200):
        hits = random.binomial(200, 0.3, 26).astype(float)
        found = bootstrap_share(hits, np.full(26, 200.0), seed, draws=400)
        inside.append(found.lower <= 0.3 <= found.upper)
    assert 0.88 <= np.mean(inside) <= 0.99


@pytest.mark.parametrize("mean", [0.01, 0.3, 4.0, 60.0])
def test_a_true_prediction_covers_ninety_percent_whatever_its_counts(mean: float) -> None:
    random = np.random.default_rng(7)
    variance = 0.1 * mean + 0.2 * mean**2
    rate = random.gamma(mean**2 / variance, variance / mean, 40_000)
    count = random.poisson(rate).astype(float)
    means, variances = np.full(40_000, mean), np.full(40_000, variance)
    assert count_coverage(count, means, variances).mean() == pytest.approx(0.90, abs=0.01)


def test_a_prediction_too_sure_of_itself_covers_less() -> None:
    random = np.random.default_rng(8)
    count = random.poisson(random.gamma(2.0, 5.0, 20_000)).astype(float)
    sure = count_coverage(count, np.full(20_000, 10.0), np.full(20_000, 1.0)).mean()
    true = count_coverage(count, np.full(20_000, 10.0), np.full(20_000, 50.0)).mean()
    vague = count_coverage(count, np.full(20_000, 10.0), np.full(20_000, 400.0)).mean()
    assert sure < 0.7 < true == pytest.approx(0.90, abs=0.01)
    assert vague != pytest.approx(0.90, abs=0.02)


def test_groups_are_equal_and_ordered() -> None:
    groups = equal_groups(np.array([5.0, 1, 4, 2, 3, 0]), 3)
    assert groups.tolist() == [2, 0, 2, 1, 1, 0]
    assert np.bincount(equal_groups(np.zeros(25))).tolist() == [3, 2, 3, 2, 3, 2, 3, 2, 3, 2]
