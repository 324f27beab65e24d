"""How many rows stand alone, counted by hand; and what the day's close does beside it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path

import polars as pl

from governance.access_log import AccessLog
from governance.daily import govern
from governance.uniqueness import keep_uniqueness, quasi_identifiers, uniqueness
from ingestion.contract import Contract
from ingestion.entities import load_entities, polars_type
from ingestion.lake import Lake

AS_OF = dt.date(2026, 6, 30)
HOUR = dt.datetime(2026, 6, 1, 10, tzinfo=dt.UTC)
NEXT = HOUR + dt.timedelta(hours=1)
ROWS = [
    ("theft", "c1", "64.01", HOUR),
    ("theft", "c1", "64.01", HOUR),
    ("theft", "c1", "64.01", NEXT),  # alone by its hour
    ("robbery", "c1", "64.01", HOUR),  # alone by its category
    ("theft", None, "64.01", HOUR),
    ("theft", None, "64.01", HOUR),
    ("theft", None, "64.02", HOUR),  # alone by its region, where no cell is known
]


def landed(lake: Lake, feed: str, rows: list[tuple[str, str | None, str, dt.datetime]]) -> None:
    entities = load_entities()
    fields = (*entities.every_table, *entities["police_record"].minimised)
    names = ("category", "h3_cell", "region_code", "occurred_at")
    frame = pl.DataFrame(rows, schema=list(names), orient="row").with_columns(
        feed=pl.lit(feed), occurred_local_date=pl.col("occurred_at").dt.date(), occurred_local_month=pl.lit("2026-06")
    )
    frame = frame.select(
        (pl.col(field.name) if field.name in frame.columns else pl.lit(None))
        .cast(polars_type(field.type))
        .alias(field.name)
        for field in fields
    )
    lake.append("minimised", "police_record", frame, partition_by=["feed", "occurred_local_month"])


def test_rows_that_share_category_place_and_hour_with_no_other_are_counted(
    lake: Lake, contract: Callable[..., Contract]
) -> None:
    landed(lake, "polri.laporan", ROWS)
    landed(lake, "polsek.laporan", ROWS[:2])
    measured = uniqueness(lake, [contract(), contract("polsek.laporan")], as_of=AS_OF)
    assert measured.rows() == [
        ("polri.laporan", "police_record", AS_OF, 7, 3, 0.4286),
        ("polsek.laporan", "police_record", AS_OF, 2, 0, 0.0),
    ]


def test_a_day_is_stored_once_and_days_stay(lake: Lake, contract: Callable[..., Contract]) -> None:
    landed(lake, "polri.laporan", ROWS)
    for day in (AS_OF, AS_OF, AS_OF + dt.timedelta(days=1)):
        keep_uniqueness(lake, [contract()], as_of=day)
    stored = lake.read("control", "uniqueness").collect()
    assert stored["as_of"].to_list() == [AS_OF, AS_OF + dt.timedelta(days=1)]


def test_events_at_a_place_have_quasi_identifiers_and_layers_none() -> None:
    found = {entity.name: quasi_identifiers(entity) for entity in load_entities().by_name.values()}
    assert found["camera_event"] == ("event_type", "h3_cell", "region_code", "occurred_at")
    assert {name for name, columns in found.items() if columns} == {"police_record", "emergency_call", "camera_event"}


def test_govern_measures_and_tells_what_it_deletes(
    lake: Lake, contract: Callable[..., Contract], tmp_path: Path
) -> None:
    landed(lake, "polri.laporan", ROWS)
    lake.put("officer/narratives/polri.laporan/2026-01/b.age", b"sealed")
    log = AccessLog(tmp_path / "access.jsonl")
    outcome = govern(
        lake,
        [contract(retention_days=3650)],
        as_of=AS_OF,
        time_zone="Asia/Makassar",
        access_log=log,
        actor="govern_data",
    )
    assert outcome.texts_deleted == 1
    assert [entry["subject"] for entry in log.entries()] == ["officer's texts of polri.laporan past 90 days"]
    assert lake.read("control", "uniqueness").collect()["unique_rows"].to_list() == [3]
