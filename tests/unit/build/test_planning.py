"""What helps to plan: since when it looks back, under which names, and how uncertain hours are spread."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from infra.build.planning import counted_categories, covered_since, spread_hours
from infra.build.settings import BuildSettings
from ingestion.lake import Lake
from tests.support.minimised_lake import Plan, make_city


def completeness(covered: list[str]) -> pl.DataFrame:
    months = [dt.date.fromisoformat(f"{month}-01") for month in covered]
    return pl.DataFrame(
        {"period_type": ["month"] * len(months), "period_start": months, "is_covered": [True] * len(months)},
        schema={"period_type": pl.String, "period_start": pl.Date, "is_covered": pl.Boolean},
    )


@pytest.mark.parametrize(
    ("covered", "since"),
    [
        (["2018-06", "2018-07", "2022-10", "2022-11"], dt.date(2022, 10, 1)),
        (["2022-10"], dt.date(2022, 10, 1)),
        (["2022-09"], dt.date(2022, 11, 1)),
        ([], dt.date(2022, 11, 1)),
    ],
)
def test_a_gap_in_the_data_is_not_looked_across(covered: list[str], since: dt.date) -> None:
    assert covered_since(completeness(covered), dt.date(2022, 11, 30)) == since


def test_sensitive_categories_count_in_a_group_that_tells_nothing_of_them(tmp_path: Path) -> None:
    settings = BuildSettings(
        lake=Lake(str(tmp_path / "lake")),
        city=make_city(tmp_path / "city", Plan()),
        as_of=Plan().as_of,
        run_id="r1",
        build_dir=tmp_path,
        extension_dir=tmp_path,
        logs_dir=tmp_path,
    )
    counted = {row["category"]: row for row in counted_categories(settings).iter_rows(named=True)}
    assert "narcotics" not in counted and "traffic_offence" not in counted
    for sensitive in settings.city.sensitive_categories:
        assert (counted[sensitive]["shown_group"], counted[sensitive]["is_named"]) == ("violence", False)
    # Were the others of that group named, what is left unnamed would be the sensitive ones.
    assert not counted["homicide"]["is_named"]
    assert counted["theft"]["is_named"]
    assert "protected" not in {row["shown_group"] for row in counted.values()}


def test_an_uncertain_hour_is_spread_over_midnight_and_sunday() -> None:
    counts = pl.DataFrame(
        {"modus": ["a", "b", "c"], "weekday": [6, 2, 0], "hour": [22, 5, 0], "span_hours": [3, 0, 169], "n": [2, 7, 1]}
    )
    spread = spread_hours(counts).sort("modus", "weekday", "hour")
    assert spread.select("modus", "weekday", "hour", "n").rows() == [
        ("a", 0, 0, 0.5),
        ("a", 0, 1, 0.5),
        ("a", 6, 22, 0.5),
        ("a", 6, 23, 0.5),
        ("b", 2, 5, 7.0),
    ]
