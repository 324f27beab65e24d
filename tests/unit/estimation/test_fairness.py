"""Fairness: shares by hand, movement that can be worked out, and an urn that can run away."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from estimation.fairness import (
    FAIRNESS_SCHEMA,
    UrnSettings,
    area_group_shares,
    has_diverged,
    movement_under_factors,
    movement_under_reporting,
    persistence_of_top,
    records_against_calls,
    shrunk_harm,
    urn_replay,
)
from estimation.shrinkage import marshall

SEEDS = range(10)


def test_ours_does_not_run_away() -> None:
    assert not any(has_diverged(urn_replay(UrnSettings(), discovered_in=False, seed=seed)) for seed in SEEDS)


def test_with_discovered_events_let_in_it_runs_away() -> None:
    """The test above can fail: the same replay, fed with what patrols discover."""
    assert all(has_diverged(urn_replay(UrnSettings(), discovered_in=True, seed=seed)) for seed in SEEDS)


def test_shrinkage_alone_is_no_guard() -> None:
    """Shrunk rates damp the loop, but what patrols discover still drives some replays apart."""
    settings = UrnSettings(discovered=60.0)
    shrunk = [
        urn_replay(settings, discovered_in=True, seed=s, forecast=lambda c: marshall(c, np.ones(2))) for s in range(40)
    ]
    assert any(has_diverged(shares) for shares in shrunk)


def test_patrol_against_harm_by_group() -> None:
    areas = pl.DataFrame(
        {
            "region_code": ["a", "b", "c", "d"], "area_group": ["poor", "poor", "rich", "rich"],
            "patrol_hours": [30, 30, 20, 20], "reported_n": [100, 100, 100, 100],
            "reported_harm": [1000.0, 1000.0, 1000.0, 1000.0], "discovered_n": [300, 100, 0, 0],
        }
    )  # fmt: skip
    table = area_group_shares(areas)
    assert dict(table.schema) == FAIRNESS_SCHEMA
    poor, rich = table.rows(named=True)
    assert (poor["patrol_share"], poor["harm_share"], poor["patrol_to_harm"]) == (0.6, 0.5, 1.2)
    assert poor["patrol_to_harm_lower"] < 1.2 < poor["patrol_to_harm_upper"]
    assert poor["discovered_share"] == pytest.approx(400 / 600, abs=1e-3)
    assert rich["patrol_to_harm"] == 0.8 and rich["discovered_share"] == 0
    assert area_group_shares(areas.reverse()).equals(table)


def test_shares_of_nothing_are_null() -> None:
    areas = pl.DataFrame(
        {"region_code": ["a"], "area_group": ["x"], "patrol_hours": [0], "reported_n": [0], "reported_harm": [0.0],
         "discovered_n": [0]}
    )  # fmt: skip
    row = area_group_shares(areas).row(0, named=True)
    assert row["patrol_share"] is None and row["patrol_to_harm"] is None and row["discovered_share"] is None


def test_persistence_by_hand() -> None:
    counts = np.zeros((3, 20))
    counts[0, :2], counts[1, 1:3], counts[2, 1:3] = 5, 5, 5
    found = persistence_of_top(counts, share=0.1)
    assert found.overlap.tolist() == [0.5, 1.0]
    assert found.by_chance == 0.1
    assert found.concentration.tolist() == [1, 1, 1]


def test_equal_reporting_moves_nothing_and_unequal_does() -> None:
    counts = np.random.default_rng(1).poisson(50, (20, 3)).astype(float)
    score = shrunk_harm(np.ones(20), np.array([1.0, 10.0, 100.0]))
    still = movement_under_factors(counts, score, np.ones(20))
    assert still.rank_shift.max() == 0 and still.kept == 1 and still.correlation == pytest.approx(1)
    moved = movement_under_reporting(counts, score, draws=200)
    assert moved.rank_shift.mean() > 1 and moved.correlation < 0.95
    assert (moved.lower <= moved.upper).all()


def test_a_region_that_reports_less_falls_in_rank() -> None:
    counts = np.repeat(np.arange(100.0, 120.0)[:, None], 2, axis=1) * 10
    factors = np.ones(20)
    factors[19] = 0.7
    moved = movement_under_factors(counts, shrunk_harm(np.ones(20), np.ones(2)), factors)
    assert moved.lower[19] == 20 and moved.rank_shift[19] == 19


def test_records_that_fall_while_calls_do_not() -> None:
    regions = pl.DataFrame(
        {
            "region_code": ["apart", "alike", "few"], "records_before": [400, 400, 4], "records_now": [200, 200, 2],
            "calls_before": [900, 900, 9], "calls_now": [910, 450, 9],
        }
    )  # fmt: skip
    found = dict(records_against_calls(regions).select("region_code", "is_falling_apart").iter_rows())
    assert found == {"apart": True, "alike": False, "few": False}
