"""Patrol priorities: what ranks an area, what never does, and what is said beside it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import polars as pl
import pytest

from estimation.patrol import MERGED_REASON, PATROL_SCHEMA, PatrolSettings, Scenario, patrol_priorities

AS_OF = date(2025, 12, 28)
SETTINGS = PatrolSettings(AS_OF, {"theft": 20.0, "assault": 200.0, "narcotics": 500.0, "sexual": 2000.0})
AREAS = pl.DataFrame(
    {"region_code": ["a", "b", "c"], "patrol_hours": [10.0, 10.0, 20.0], "area_group": ["x", "x", "y"]}
)


def _counts(weekly: dict[tuple[str, str], int]) -> pl.DataFrame:
    rows = [
        (region, AS_OF - timedelta(days=7 * week), category, n)
        for (region, category), n in weekly.items()
        for week in range(52)
    ]
    return pl.DataFrame(rows, schema=["region_code", "period_start", "category", "n"], orient="row")


USUAL = _counts({("a", "theft"): 4, ("b", "theft"): 8, ("c", "theft"): 8, ("a", "assault"): 1, ("b", "assault"): 2})


def test_ranked_by_harm_per_patrol_hour() -> None:
    table = patrol_priorities(USUAL, AREAS, SETTINGS)
    assert dict(table.schema) == PATROL_SCHEMA
    assert table["region_code"].to_list() == ["b", "a", "c"]
    assert table["priority_rank"].to_list() == [1, 2, 3]
    b = table.row(0, named=True)
    assert b["expected_harm"] == pytest.approx(8 * 20 + 2 * 200, rel=0.05)
    assert b["harm_lower"] < b["expected_harm"] < b["harm_upper"]
    assert b["harm_per_hour"] == pytest.approx(b["expected_harm"] / 10, rel=1e-3)
    assert b["week_start"] == AS_OF + timedelta(days=1)
    assert b["reason"] == "assault"
    assert all(row["rank_lower"] <= row["priority_rank"] <= row["rank_upper"] for row in table.rows(named=True))


def test_more_hours_lower_the_rank_and_not_the_harm() -> None:
    more = AREAS.with_columns(patrol_hours=pl.when(pl.col("region_code") == "b").then(100.0).otherwise("patrol_hours"))
    before, after = (patrol_priorities(USUAL, areas, SETTINGS) for areas in (AREAS, more))
    b = [table.filter(pl.col("region_code") == "b").row(0, named=True) for table in (before, after)]
    assert b[0]["expected_harm"] == b[1]["expected_harm"]
    assert (b[0]["priority_rank"], b[1]["priority_rank"]) == (1, 3)
    assert b[1]["patrol_to_harm"] > 1 > b[0]["patrol_to_harm"]


def test_what_police_discover_moves_nothing() -> None:
    found = _counts({("c", "narcotics"): 50})
    usual = USUAL.with_columns(reported_by=pl.lit("citizen"))
    by_label = pl.concat([usual, found.with_columns(reported_by=pl.lit("officer"))])
    assert patrol_priorities(by_label, AREAS, SETTINGS).equals(patrol_priorities(USUAL, AREAS, SETTINGS))
    excluded = replace(SETTINGS, excluded_categories=frozenset({"narcotics"}))
    assert patrol_priorities(pl.concat([USUAL, found]), AREAS, excluded).equals(
        patrol_priorities(USUAL, AREAS, SETTINGS)
    )


def test_a_sensitive_category_counts_and_is_not_named() -> None:
    counts = pl.concat([USUAL, _counts({("c", "sexual"): 2})])
    hidden = replace(SETTINGS, hidden_categories=frozenset({"sexual"}))
    first = patrol_priorities(counts, AREAS, hidden).row(0, named=True)
    assert (first["region_code"], first["reason"]) == ("c", MERGED_REASON)


def test_few_events_are_withheld_and_no_hours_have_no_rank() -> None:
    counts = pl.concat([USUAL.filter(pl.col("region_code") != "a"), USUAL.filter(pl.col("region_code") == "a").head(1)])
    idle = AREAS.with_columns(patrol_hours=pl.when(pl.col("region_code") == "c").then(None).otherwise("patrol_hours"))
    table = {row["region_code"]: row for row in patrol_priorities(counts, idle, SETTINGS).rows(named=True)}
    assert table["a"]["status"] == "withheld" and table["a"]["expected_harm"] is None
    assert table["c"]["status"] == "tanpa rencana patroli" and table["c"]["priority_rank"] is None
    assert table["c"]["expected_harm"] > 0 and table["b"]["priority_rank"] == 1


def test_nothing_is_prevented_without_a_labelled_scenario() -> None:
    assert patrol_priorities(USUAL, AREAS, SETTINGS)["scenario_prevented_harm"].null_count() == 3
    scenario = replace(SETTINGS, scenario=Scenario(0.16, "Braga 2019"))
    row = patrol_priorities(USUAL, AREAS, scenario).row(0, named=True)
    assert "Braga 2019" in row["scenario"]
    assert row["scenario_prevented_harm"] == pytest.approx(0.16 * row["expected_harm"], rel=1e-3)


def test_draws_of_an_area_do_not_hang_on_the_order() -> None:
    assert patrol_priorities(USUAL.reverse(), AREAS.reverse(), SETTINGS).equals(
        patrol_priorities(USUAL, AREAS, SETTINGS)
    )


def test_errors_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="one row an area"):
        patrol_priorities(USUAL, pl.concat([AREAS, AREAS]), SETTINGS)
    with pytest.raises(ValueError, match="no severity; add them"):
        patrol_priorities(USUAL.with_columns(category=pl.lit("arson")), AREAS, SETTINGS)
    assert patrol_priorities(USUAL.clear(), AREAS, SETTINGS).is_empty()
