"""Goalposts stand where the base period put them, for every region and period."""

from __future__ import annotations

import numpy as np
import pytest

from estimation.goalposts import Goalposts, base_goalposts, weighted_quantile

POSTS = Goalposts(best=10.0, worst=1000.0)


def test_the_ends_and_the_middle() -> None:
    assert POSTS.score(np.array([10.0, 100.0, 1000.0])) == pytest.approx([100, 50, 0])


def test_beyond_the_ends_nothing_is_gained_or_lost() -> None:
    assert POSTS.score(np.array([0.0, 1.0, 5000.0])).tolist() == [100, 100, 0]


def test_halving_harm_is_worth_the_same_anywhere() -> None:
    score = POSTS.score(np.array([400.0, 200.0, 100.0]))
    assert score[1] - score[0] == pytest.approx(score[2] - score[1])


def test_weighted_quantile_runs_between_midpoints() -> None:
    values, weights = np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 2.0])
    assert weighted_quantile(values, weights, 0.5) == pytest.approx(2.0)
    assert weighted_quantile(values, weights, 0.0) == 1 and weighted_quantile(values, weights, 1.0) == 3
    assert weighted_quantile(values, weights, 0.3125) == pytest.approx(1.5)


def test_base_goalposts_leave_room_to_halve_and_double() -> None:
    exposure = np.full(5, 1e6)
    counts = exposure[:, None] * np.array([[10.0], [20.0], [30.0], [40.0], [50.0]])
    found = base_goalposts(counts, exposure, np.array([2.0]))
    assert found is not None
    # Large counts are hardly shrunk: the tenths from either side lie at 10 and 50, each event weighs 2 days.
    assert found.best == pytest.approx(10.0, rel=1e-3) and found.worst == pytest.approx(200.0, rel=1e-3)


def test_a_base_period_without_harm_has_no_goalposts() -> None:
    assert base_goalposts(np.zeros((3, 2)), np.ones(3), np.array([1.0, 5.0])) is None


def test_mostly_empty_regions_still_give_a_scale() -> None:
    counts = np.zeros((30, 1))
    counts[4] = 25
    found = base_goalposts(counts, np.ones(30), np.array([1.0]))
    assert found is not None and 0 < found.best < found.worst
    assert np.isfinite(found.score(np.array([0.0, 1.0, 25.0]))).all()
