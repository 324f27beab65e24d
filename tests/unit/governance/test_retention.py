"""What is due goes, and only that; what goes is told before."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from governance.access_log import AccessLog
from governance.daily import govern
from governance.retention import date_column, enforce_retention
from ingestion.contract import Contract
from ingestion.entities import load_entities
from ingestion.lake import Lake
from tests.support.minimised_lake import Plan, emergency_calls, police_records, regions

AS_OF = dt.date(2026, 6, 30)
PLAN = Plan(as_of=AS_OF, days=730, incidents=400, calls=200)
LEVELS = ("provinsi", "kabupaten_kota", "kecamatan")


@pytest.fixture
def filled(lake: Lake) -> Lake:
    """Two feeds of police records and one of calls, two years of each."""
    layer = regions(PLAN, LEVELS)
    finest = layer.filter(pl.col("level") == LEVELS[-1])
    for feed, seed in (("polri.laporan", 1), ("polsek.laporan", 2)):
        records = police_records(PLAN, finest, feed=feed, seed=seed)
        lake.append("minimised", "police_record", records, partition_by=["feed", "occurred_local_month"])
    calls = emergency_calls(PLAN, finest)
    lake.append("minimised", "emergency_call", calls, partition_by=["feed", "received_local_month"])
    lake.append("minimised", "region", layer, partition_by=["feed"])
    return lake


def rows(lake: Lake, entity: str) -> pl.DataFrame:
    return lake.read("minimised", entity).collect().sort("feed", "record_key")


def test_rows_past_retention_go_and_no_others(filled: Lake, contract: Callable[..., Contract]) -> None:
    before = rows(filled, "police_record")
    first_kept = AS_OF - dt.timedelta(days=365)
    outcome = enforce_retention(filled, [contract(retention_days=365)], as_of=AS_OF)
    after = rows(filled, "police_record")
    is_due = (pl.col("feed") == "polri.laporan") & (pl.col("occurred_local_date") < first_kept)
    assert outcome.rows == before.filter(is_due).height > 0
    assert after.equals(before.filter(~is_due).select(after.columns))


def test_the_first_day_that_stays_is_the_retention_before_today(
    filled: Lake, contract: Callable[..., Contract]
) -> None:
    days = rows(filled, "police_record").filter(feed="polri.laporan")["occurred_local_date"]
    oldest = days.min()
    assert isinstance(oldest, dt.date)
    age = (AS_OF - oldest).days
    assert enforce_retention(filled, [contract(retention_days=age)], as_of=AS_OF).rows == 0
    gone = enforce_retention(filled, [contract(retention_days=age - 1)], as_of=AS_OF)
    assert gone.rows == (days == oldest).sum()
    assert [(erasure.feed, erasure.before) for erasure in gone.erased] == [
        ("polri.laporan", oldest + dt.timedelta(days=1))
    ]


def test_where_nothing_is_due_no_version_is_written(filled: Lake, contract: Callable[..., Contract]) -> None:
    version = filled.version("minimised", "police_record")
    for _ in range(2):
        outcome = enforce_retention(filled, [contract(retention_days=3650)], as_of=AS_OF)
        assert (outcome.rows, outcome.erased[0].version) == (0, None)
    assert filled.version("minimised", "police_record") == version


def test_a_second_run_on_the_same_day_finds_nothing(filled: Lake, contract: Callable[..., Contract]) -> None:
    contracts = [contract(retention_days=100)]
    assert enforce_retention(filled, contracts, as_of=AS_OF).rows > 0
    assert enforce_retention(filled, contracts, as_of=AS_OF).rows == 0


def test_every_feed_has_its_own_retention(filled: Lake, contract: Callable[..., Contract]) -> None:
    contracts = [
        contract(retention_days=30),
        contract("polsek.laporan", retention_days=700),
        contract("polri.panggilan", "emergency_call", retention_days=60),
    ]
    enforce_retention(filled, contracts, as_of=AS_OF)
    oldest = {
        **dict(rows(filled, "police_record").group_by("feed").agg(pl.col("occurred_local_date").min()).iter_rows()),
        "polri.panggilan": rows(filled, "emergency_call")["received_local_date"].min(),
    }
    for feed, days in (("polri.laporan", 30), ("polsek.laporan", 700), ("polri.panggilan", 60)):
        assert oldest[feed] >= AS_OF - dt.timedelta(days=days), feed
    assert oldest["polsek.laporan"] < AS_OF - dt.timedelta(days=365)


def test_what_is_no_event_is_named_as_out_of_reach(filled: Lake, contract: Callable[..., Contract]) -> None:
    before = rows(filled, "region")
    outcome = enforce_retention(filled, [contract("bps.region", "region", retention_days=1)], as_of=AS_OF)
    assert (outcome.undated, outcome.erased) == (("bps.region",), ())
    assert rows(filled, "region").equals(before)


def test_every_entity_of_events_has_the_day_it_is_judged_by() -> None:
    dated = {entity.name: date_column(entity) for entity in load_entities().by_name.values()}
    for name in ("police_record", "camera_event"):
        assert dated[name] == "occurred_local_date"
    assert dated["emergency_call"] == "received_local_date"
    assert dated["region"] is None


def test_an_absent_table_is_no_error(lake: Lake, contract: Callable[..., Contract]) -> None:
    assert enforce_retention(lake, [contract()], as_of=AS_OF).rows == 0


def test_an_erasure_is_told_before_it_is_made_and_not_made_where_it_cannot_be_told(
    filled: Lake, contract: Callable[..., Contract]
) -> None:
    before, files = rows(filled, "police_record"), set(Path(filled.uri).rglob("*.parquet"))

    def refuse(contract: Contract, before: dt.date) -> None:
        raise OSError("the log's disk is full")

    with pytest.raises(OSError, match="full"):
        enforce_retention(filled, [contract(retention_days=30)], as_of=AS_OF, announce=refuse)
    assert rows(filled, "police_record").equals(before)
    assert set(Path(filled.uri).rglob("*.parquet")) == files


def test_govern_erases_records_and_reports_and_says_what_it_does_not_do(
    filled: Lake, contract: Callable[..., Contract], tmp_path: Path
) -> None:
    log = AccessLog(tmp_path / "access.jsonl")
    contracts = [contract(retention_days=100), contract("polsek.laporan", retention_days=3650)]
    stated = {"as_of": AS_OF, "time_zone": "Asia/Makassar", "access_log": log, "actor": "govern_data"}
    outcome = govern(filled, contracts, **stated)
    assert outcome.erased_feeds == ("polri.laporan",)
    assert [(entry["action"], entry["purpose"]) for entry in log.entries()] == [("erase", "retention")]
    assert filled.read("control", "processing_record").collect().height == outcome.feeds_recorded == 2
    assert outcome.report_lines == 0  # nothing has landed here
    assert "erasure on a person's request" in outcome.not_done

    version = filled.version("control", "processing_record")
    again = govern(filled, contracts, **stated)
    assert again.rows_erased == 0
    assert log.verify().entries == 1
    assert filled.version("control", "processing_record") == version
