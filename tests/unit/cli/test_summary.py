"""The summary of a run: counts that add up, marts as released, and what needs a look."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from infra.cli import summary as summaries
from infra.cli.walk import Asked, _run_id, check_city_data
from infra.settings import FEEDS, Home, SettingsError
from ingestion.city import load_city
from ingestion.lake.tables import BATCH_LOG

NAMES = ("read", "accepted", "duplicate", "quarantined")


def entry(
    feed: str, batch: str, run: str, second: int, counts: tuple[int, int, int, int], **other: Any
) -> dict[str, Any]:
    row = dict.fromkeys(BATCH_LOG) | {"feed": feed, "batch_id": batch, "run_id": run, "event": "outcome"}
    row |= {"status": "landed", "logged_at": datetime(2026, 6, 30, 1, 0, second, tzinfo=UTC)}
    return row | dict(zip(NAMES, counts, strict=True)) | other


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home").make()
    home.claim("nusantara", FEEDS / "nusantara")
    rows = [
        entry("oikn.regions", "a", "run-1", 1, (3, 2, 0, 1)),
        entry("oikn.regions", "a", "run-1", 5, (3, 2, 1, 0)),  # taken again in the same run: the later word counts
        entry("oikn.regions", "b", "run-1", 6, (4, 0, 0, 4), status="quarantined", reason="columns differ"),
        entry("oikn.regions", "c", "run-0", 0, (9, 9, 0, 0)),
        entry("oikn.regions", "d", "run-1", 7, (0, 0, 0, 0), status="failed"),
    ]
    home.lake().append("control", "batch_log", pl.DataFrame(rows, schema=dict(BATCH_LOG)), partition_by=["feed"])
    return home


def test_each_feed_of_the_city_has_a_line_that_adds_up(home: Home) -> None:
    city = load_city("nusantara")
    made = summaries.summarise(home, city, "run-1", 12.34, False, ["DAG x, task y failed"])
    assert [feed["feed"] for feed in made["feeds"]] == sorted(contract.feed for contract in city.contracts)
    regions = next(feed for feed in made["feeds"] if feed["feed"] == "oikn.regions")
    assert regions == {"feed": "oikn.regions", "batches": 2, "read": 7, "accepted": 2, "duplicate": 1, "quarantined": 4}
    assert made["attention"][0] == "DAG x, task y failed"
    assert "batch b was stopped whole: columns differ" in made["attention"][1]
    text = summaries.table(made)
    assert "SINTETIS" in text and "nothing new" in text and "all feeds" in text


def test_a_run_without_batches_shows_every_feed_with_nothing(home: Home) -> None:
    made = summaries.summarise(home, load_city("nusantara"), "run-9", 1.0, False, [])
    assert made["feeds"] and all(feed[name] == 0 for feed in made["feeds"] for name in NAMES)
    assert made["marts"] == [] and made["release"] == ""


def test_the_file_is_what_was_summarised(home: Home) -> None:
    made = summaries.summarise(home, load_city("nusantara"), "run-1", 1.0, True, [])
    summaries.write(home, made)
    assert summaries.read(home) == made


def test_an_unfinished_run_of_the_same_command_keeps_its_id(home: Home) -> None:
    asked = Asked(start=date(2026, 6, 1))
    first, resumed = _run_id(home, asked)
    assert not resumed
    assert _run_id(home, asked) == (first, True)
    assert _run_id(home, Asked())[1] is False


def test_the_configuration_of_a_run_holds_only_what_was_stated() -> None:
    assert Asked().conf("r") == {"run_id": "r"}
    assert Asked(date(2026, 1, 2), date(2026, 1, 1), date(2026, 2, 1)).conf("r") == {
        "run_id": "r", "as_of": "2026-01-02", "from": "2026-01-01", "to": "2026-02-01",
    }  # fmt: skip
    assert Asked(engine="spark").conf("r") == {"run_id": "r", "engine": "spark"}


def test_a_city_whose_files_lie_elsewhere_says_which_variable_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TELAGA_CITY_DATA", raising=False)
    with pytest.raises(SettingsError, match="TELAGA_CITY_DATA=<folder>"):
        check_city_data(load_city("chicago"))
    check_city_data(load_city("nusantara"))


def test_the_table_is_aligned_by_its_widest_number() -> None:
    feeds = [
        {"feed": name, "batches": 1, "read": count, "accepted": count, "duplicate": 0, "quarantined": 0}
        for name, count in (("a", 5), ("b", 1_000_000))
    ]
    made = {
        "city": "x",
        "data": "NYATA",
        "feeds": feeds,
        "marts": [],
        "attention": [],
        "published": True,
        "release": "r",
    }
    lines = summaries.table({**made, "seconds": 3.0}).splitlines()
    rows = [line for line in lines if line.startswith(("a ", "b "))]
    assert rows[0].index("5") == rows[1].index("1,000,000") + len("1,000,000") - 1


def test_a_mart_that_a_recall_floor_holds_back_is_listed_with_its_reason(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infra.build import floors

    city = load_city("nusantara")
    assert not any("held back" in line for line in summaries.summarise(home, city, "run-1", 1.0, True, [])["attention"])
    monkeypatch.setattr(floors, "held", lambda home, known: {"patterns": "polda.laporan.uraian: never reviewed"})
    made = summaries.summarise(home, city, "run-1", 1.0, True, [])
    assert "held back: patterns: polda.laporan.uraian: never reviewed" in made["attention"]
    assert "look: held back: patterns" in summaries.table(made)
