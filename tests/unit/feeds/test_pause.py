"""`telaga feed pause` and `resume`: a paused feed is taken by no run, whoever starts it."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from infra.airflow.runtime import due_feeds
from infra.settings import Home, SettingsError
from ingestion.city import CityError
from ingestion.lake.decisions import paused_feeds
from tests.support.landing import CALLS, COUNTS


@pytest.fixture
def home(plain_house) -> Home:
    plain_house.city()
    home = Home(plain_house.root).make()
    home.claim("testville", plain_house.root / "city")
    return home


def taken(run_type: str) -> list[str]:
    end = datetime(2026, 6, 30, 17, tzinfo=UTC)
    run = SimpleNamespace(
        conf={},
        dag_id="pull_police_records",
        run_id="r",
        run_type=run_type,
        data_interval_start=datetime(2026, 6, 29, 17, tzinfo=UTC),
        data_interval_end=end,
    )
    since = datetime(2026, 6, 1, tzinfo=UTC)
    return due_feeds("pull_police_records", {"dag_run": run, "prev_data_interval_end_success": since})


@pytest.mark.parametrize("run_type", ["scheduled", "manual", "backfill"])
def test_a_paused_feed_is_taken_by_no_run_until_it_is_resumed(telaga, home, run_type):
    assert taken(run_type) == [CALLS, COUNTS]
    code, told, _ = telaga("feed", "pause", CALLS, "--by", "R. Wulandari", "--reason", "columns move")
    assert (code, told) == (0, "police.calls is paused: no run takes it\n")
    assert taken(run_type) == [COUNTS]
    pause = paused_feeds(home.lake())[CALLS]
    assert (pause.decided_by, pause.reason) == ("R. Wulandari", "columns move")
    assert telaga("feed", "resume", CALLS)[0] == 0
    assert taken(run_type) == [CALLS, COUNTS]


def test_saying_it_twice_changes_nothing(telaga, home):
    telaga("feed", "resume", CALLS)
    assert home.lake().version("control", "decisions") is None
    telaga("feed", "pause", CALLS)
    version = home.lake().version("control", "decisions")
    telaga("feed", "pause", CALLS)
    assert home.lake().version("control", "decisions") == version


def test_only_a_feed_of_the_city_can_be_paused(telaga, home):
    with pytest.raises(CityError, match="testville has no feed other"):
        telaga("feed", "pause", "other.feed")


def test_a_home_without_a_city_says_what_to_run(telaga):
    with pytest.raises(SettingsError, match="holds no city yet"):
        telaga("feed", "pause", CALLS)
