"""A mart that is held back stays as it was last released, or away; whatever else changed is published."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import duckdb
import polars as pl
import pytest

from governance.chained_log import ChainedLog
from governance.marts import Mart, MartColumn
from governance.release import LINK, ReleaseOutcome, current, publish
from ingestion.lake import Lake

WHY = {"patterns": "polri.laporan.uraian: recall of at least 0.910 lies under its floor 0.95"}
Make = Callable[..., Mart]


@pytest.fixture
def serving(tmp_path: Path) -> Path:
    return tmp_path / "serving"


@pytest.fixture
def marts(mart: Make) -> list[Mart]:
    return [mart("index"), mart("patterns", audience="operations"), mart("calls", audience="operations")]


@pytest.fixture
def built(lake: Lake) -> Lake:
    build(lake, 1.0)
    return lake


def build(lake: Lake, value: float) -> None:
    for name in ("index", "patterns", "calls"):
        lake.replace("marts", name, pl.DataFrame({"region_code": ["64.01"], "value": [value]}))


def release(lake: Lake, serving: Path, marts: list[Mart], held: Mapping[str, str] | None = None) -> ReleaseOutcome:
    return publish(lake, serving, marts, code_digest="c", city="testville", as_of=dt.date(2026, 6, 30), held=held)


def values(serving: Path, audience: str) -> dict[str, float]:
    """Mart -> its one value, as a reader finds it."""
    with duckdb.connect(str((serving / audience / LINK).resolve()), read_only=True) as connection:
        names = connection.sql("select mart from marts.release").fetchall()
        found = [(name, connection.sql(f"select value from marts.{name}").fetchone()) for (name,) in names]
    return {name: row[0] for name, row in found if row is not None}


def test_a_held_mart_stays_as_last_released_and_the_others_go_on(built: Lake, serving: Path, marts: list[Mart]) -> None:
    release(built, serving, marts)
    build(built, 2.0)
    outcome = release(built, serving, marts, WHY)
    assert {each.audience: each.status for each in outcome.audiences} == {
        "executive": "published",
        "operations": "published",
    }
    assert values(serving, "operations") == {"patterns": 1.0, "calls": 2.0}
    assert values(serving, "executive") == {"index": 2.0}
    (held,) = outcome.held
    assert (held.mart, held.reason, held.is_shown) == ("patterns", WHY["patterns"], True)
    assert "held back: patterns (as last released): polri.laporan.uraian: recall" in outcome.summary()
    assert current(serving)["operations"].held == outcome.held


def test_without_a_hold_the_same_build_is_released_whole(built: Lake, serving: Path, marts: list[Mart]) -> None:
    release(built, serving, marts)
    build(built, 2.0)
    outcome = release(built, serving, marts)
    assert values(serving, "operations") == {"patterns": 2.0, "calls": 2.0}
    assert outcome.held == ()


def test_what_was_never_released_is_left_out_while_it_is_held(built: Lake, serving: Path, marts: list[Mart]) -> None:
    outcome = release(built, serving, marts, WHY)
    assert values(serving, "operations") == {"calls": 1.0}
    assert [(held.mart, held.is_shown) for held in outcome.held] == [("patterns", False)]


def test_a_hold_of_all_an_audience_has_gives_it_no_release(built: Lake, serving: Path, marts: list[Mart]) -> None:
    outcome = release(built, serving, marts, {"index": "why"})
    assert {each.audience: each.status for each in outcome.audiences} == {
        "executive": "held",
        "operations": "published",
    }
    assert set(current(serving)) == {"operations"}


def test_a_held_mart_stays_over_many_releases_and_comes_back(built: Lake, serving: Path, marts: list[Mart]) -> None:
    release(built, serving, marts)
    for value in (2.0, 3.0):
        build(built, value)
        release(built, serving, marts, WHY)
        assert values(serving, "operations") == {"patterns": 1.0, "calls": value}
    lifted = release(built, serving, marts)
    assert {each.audience: each.status for each in lifted.audiences}["operations"] == "published"
    assert values(serving, "operations") == {"patterns": 3.0, "calls": 3.0}
    assert current(serving)["operations"].held == ()


def test_the_same_hold_twice_publishes_nothing(built: Lake, serving: Path, marts: list[Mart]) -> None:
    release(built, serving, marts)
    build(built, 2.0)
    first = release(built, serving, marts, WHY)
    again = release(built, serving, marts, WHY)
    assert {each.status for each in again.audiences} == {"unchanged"}
    assert again.release_id == first.release_id
    assert again.held == first.held


def test_a_held_mart_that_is_declared_anew_is_left_out(
    built: Lake, serving: Path, marts: list[Mart], mart: Make
) -> None:
    """What the last release shows has not the columns that the audience is told of now."""
    release(built, serving, marts)
    columns = tuple(MartColumn(name) for name in ("region_code", "value", "level"))
    declared = mart("patterns", audience="operations", columns=tuple(column.name for column in columns))
    outcome = release(built, serving, [marts[0], declared, marts[2]], WHY)
    assert values(serving, "operations") == {"calls": 1.0}
    assert [held.is_shown for held in outcome.held] == [False]


def test_the_log_of_releases_says_what_was_held_and_why(built: Lake, serving: Path, marts: list[Mart]) -> None:
    release(built, serving, marts, WHY)
    told = [entry for entry in ChainedLog(serving / "releases.jsonl").entries() if entry["audience"] == "operations"]
    assert told[-1]["held"] == [{"mart": "patterns", "reason": WHY["patterns"], "is_shown": False}]
    described = json.loads((serving / "operations" / LINK).resolve().with_suffix(".json").read_text())
    assert described["held"] == told[-1]["held"]
