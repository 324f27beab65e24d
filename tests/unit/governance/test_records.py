"""The record of processing and the redaction report: derived, never written by hand; names and counts, no values."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import polars as pl
import pytest

from governance.marts import Mart
from governance.records import TITLES, as_markdown, processing_record
from governance.redaction_report import redaction_report
from ingestion.city import load_city
from ingestion.contract import Column, Contract
from ingestion.lake import Lake
from ingestion.lake.tables import REDACTION


def test_what_a_contract_says_is_what_the_record_says(contract: Callable[..., Contract]) -> None:
    actions = ("keep", "generalise", "pseudonymise", "extract", "redact", "drop")
    columns = tuple(
        Column(f"c_{action}", "string", "text", False, "personal" if action != "keep" else "internal", action)
        for action in actions
    )
    (row,) = processing_record([contract(columns=columns, purpose="count", retention_days=90)]).to_dicts()
    assert (row["purpose"], row["legal_basis"], row["retention_days"]) == ("count", "a law", 90)
    said = {name: row[name] for name in ("kept", "generalised", "pseudonymised", "extracted", "redacted", "dropped")}
    assert list(said.values()) == [f"c_{action}" for action in actions]
    assert row["personal_columns"] == "c_generalise, c_pseudonymise, c_extract, c_redact, c_drop"


@pytest.mark.parametrize("city", ["nusantara", "chicago"])
def test_every_feed_of_a_shipped_city_has_its_row_and_every_column_its_fate(city: str) -> None:
    contracts = load_city(city).contracts
    record = processing_record(contracts)
    assert record["feed"].to_list() == sorted(contract.feed for contract in contracts)
    by_feed = {contract.feed: contract for contract in contracts}
    for row in record.iter_rows(named=True):
        fates = [row[name] for name in ("kept", "generalised", "pseudonymised", "extracted", "redacted", "dropped")]
        told = [name for fate in fates if fate for name in fate.split(", ")]
        assert sorted(told) == sorted(by_feed[row["feed"]].names), row["feed"]
        assert row["legal_basis"] and row["purpose"] and row["owner"]


def test_no_feeds_give_an_empty_record_of_the_same_columns() -> None:
    record = processing_record([])
    assert (record.height, record.columns) == (0, list(TITLES))


def test_the_document_names_every_feed_and_who_receives_what(
    contract: Callable[..., Contract], mart: Callable[..., Mart]
) -> None:
    text = as_markdown(
        [contract(purpose="a | b"), contract("bps.region", "region")], [mart("risk", owner="")], controller="Testville"
    )
    assert text.count("\n## ") == 3
    assert "| Tujuan | a \\| b |" in text
    assert "| risk | executive | - | rates only |" in text


def tally(lake: Lake, **stated: object) -> None:
    row = {
        "run_id": "one",
        "feed": "polri.laporan",
        "batch_id": "b1",
        "column": "nik",
        "classification": "specific",
        "action": "drop",
        "entity_type": None,
        "rows": 100,
        "affected": 80,
        "logged_at": dt.datetime(2026, 6, 29, 15, 30, tzinfo=dt.UTC),
        **stated,
    }
    frame = pl.DataFrame([row], schema=dict(REDACTION))
    lake.append("control", "redaction", frame, partition_by=["feed"])


def test_a_report_sums_batches_and_gives_the_share(lake: Lake) -> None:
    tally(lake)
    tally(lake, batch_id="b2", rows=200, affected=10)
    tally(lake, batch_id="b3", feed="dishub.etle", column="plate", rows=0, affected=0)
    report = redaction_report(lake, time_zone="Asia/Makassar").select(
        "feed", "batches", "rows", "affected", "affected_share"
    )
    assert report.rows() == [("dishub.etle", 1, 0, 0, None), ("polri.laporan", 2, 300, 90, 0.3)]


def test_a_batch_landed_again_counts_once_as_last_landed(lake: Lake) -> None:
    tally(lake)
    tally(lake, run_id="two", affected=5, logged_at=dt.datetime(2026, 6, 30, tzinfo=dt.UTC))
    assert redaction_report(lake, time_zone="Asia/Makassar").select("batches", "affected").rows() == [(1, 5)]


def test_the_period_is_by_the_citys_own_day(lake: Lake) -> None:
    """15:30 UTC is 23:30 of the same day in Makassar; an hour later it is the next day there."""
    tally(lake)
    tally(lake, batch_id="b2", logged_at=dt.datetime(2026, 6, 29, 16, 30, tzinfo=dt.UTC))
    for day, batches in ((dt.date(2026, 6, 29), 1), (dt.date(2026, 6, 30), 1)):
        report = redaction_report(lake, time_zone="Asia/Makassar", start=day, end=day)
        assert report["batches"].to_list() == [batches]
    assert redaction_report(lake, time_zone="UTC", end=dt.date(2026, 6, 29))["batches"].to_list() == [2]


def test_per_batch_names_the_batch(lake: Lake) -> None:
    tally(lake)
    tally(lake, batch_id="b2")
    report = redaction_report(lake, time_zone="UTC", per_batch=True)
    assert report["batch_id"].to_list() == ["b1", "b2"]
    assert "batches" not in report.columns


@pytest.mark.parametrize("per_batch", [False, True])
def test_a_lake_without_landings_gives_the_same_columns_and_no_rows(lake: Lake, per_batch: bool) -> None:
    empty = redaction_report(lake, time_zone="UTC", per_batch=per_batch)
    tally(lake)
    report = redaction_report(lake, time_zone="UTC", per_batch=per_batch)
    assert empty.height == 0
    assert empty.columns == report.columns
    assert empty.schema == report.schema
