"""What waits for a person, as the summary of a run and `telaga status` tell it."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from infra.cli import attention, envs
from infra.cli import summary as summaries
from infra.cli.commands import status
from infra.settings import Home
from ingestion.profile import BatchProfile, Verdict
from tests.support.landing import CALLS, COUNTS, House, call, count, lines


def refuse(profile: BatchProfile) -> Verdict:
    return Verdict(False, ("volume: volume_ratio is 0.01, allowed at least 0.1 (1 rows)",))


@pytest.fixture
def home(plain_house: House) -> Home:
    plain_house.city()
    home = Home(plain_house.root).make()
    home.claim("testville", plain_house.root / "city")
    return home


def late(lake: Any, **until: dt.date | None) -> None:
    rows = [
        {"feed": feed, "is_latest": True, "freshness_status": "terlambat" if day else "belum_ada", "data_until": day,
         "freshness_hours": Decimal("24.0")}
        for feed, day in until.items()
    ]  # fmt: skip
    lake.replace("marts", "feed_quality", pl.DataFrame(rows, schema_overrides={"data_until": pl.Date}))


def test_drift_failed_verdicts_late_and_paused_feeds_wait_for_a_person(
    telaga: Any, plain_house: House, home: Home
) -> None:
    plain_house.deliver_calls("c_2026-06-01.csv", [call(1)])
    plain_house.deliver("counts/d_2026-05.csv", lines("kind,at,lat,lon,remark,NEW", [count() + ",x"]))
    plain_house.land(CALLS, judge=refuse)
    plain_house.land(COUNTS)
    telaga("feed", "pause", COUNTS, "--by", "R. Wulandari", "--reason", "columns move")
    late(plain_house.lake, one=dt.date(2026, 6, 1), two=None)
    found = attention.attention(plain_house.lake)
    said = "\n".join(found)
    assert len(found) == 5 and found == sorted(found)
    assert "one: late: data until 2026-06-01, allowed 24 h" in said and "two: never delivered" in said
    assert f"{CALLS}: batch " in said and "judged failed: ./telaga batch accept" in said
    assert f"{COUNTS}: batch " in said and "columns differ from the contract" in said
    assert f"{COUNTS}: paused since " in said and f"(columns move): ./telaga feed resume {COUNTS}" in said
    assert "Wulandari" not in said
    # The run's summary tells the same.
    made = summaries.summarise(home, plain_house.city(), "run1", 1.0, False, [])
    assert made["alerts"] == found
    assert f"alert: {found[0]}" in summaries.table(made)
    telaga("feed", "resume", COUNTS)
    assert not any("paused" in line for line in attention.attention(plain_house.lake))


def test_status_asks_the_lake_and_falls_back_on_the_last_summary(
    telaga: Any, plain_house: House, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    telaga("feed", "pause", COUNTS, "--reason", "columns move")
    code, told, _ = telaga("status")
    assert code == 0
    assert f"waiting   {COUNTS}: paused since " in told, "as the lake says now"
    assert "./telaga status --open builds and opens them" in told
    summaries.write(home, summaries.summarise(home, plain_house.city(), "run1", 1.0, False, []) | {"alerts": ["told"]})
    monkeypatch.setattr(envs, "is_ready", lambda name: False)
    assert "waiting   told\n" in telaga("status")[1]


def test_status_builds_and_opens_the_data_docs(
    telaga: Any, plain_house: House, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    from expectations.judge import Judge
    from expectations.outcomes import Recording

    opened: list[str] = []
    monkeypatch.setattr(status.webbrowser, "open", opened.append)
    plain_house.deliver_calls("c_2026-06-01.csv", [call(number) for number in range(30)])
    plain_house.land(CALLS, judge=Recording(Judge(), plain_house.lake, "run1"))
    code, told, _ = telaga("status", "--open")
    index = attention.docs_path(home)
    assert (code, opened) == (0, [index.as_uri()])
    assert index.as_uri() in told and CALLS in index.read_text()
    monkeypatch.setattr(envs, "is_ready", lambda name: False)
    assert telaga("status", "--open")[0] == 2
