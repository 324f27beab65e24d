"""What is worked out while values are exact: the city's own days, durations, and places that are met again."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml

from ingestion.city import City, load_city
from ingestion.conform import conform
from ingestion.contract import Contract, load_contract
from ingestion.derive import MOMENT, POINT, backwards, derive, mark_repeat_locations
from ingestion.entities import load_entities, polars_type
from tests.support.landing import CITY, call_feed, column, count_feed, document

UTC = dt.UTC
ENTITIES = load_entities()


def city_of(folder: Path, **changed: Any) -> City:
    folder.mkdir(exist_ok=True)
    (folder / "city.yaml").write_text(yaml.safe_dump({**CITY, **changed}))
    return load_city(folder)


def contract_of(folder: Path, stated: dict[str, Any]) -> Contract:
    path = folder / f"{stated['name']}.odcs.yaml"
    path.write_text(yaml.safe_dump(stated, sort_keys=False))
    return load_contract(path)


@pytest.fixture
def city(tmp_path: Path) -> City:
    return city_of(tmp_path / "city")


@pytest.fixture
def chicago(tmp_path: Path) -> City:
    return city_of(tmp_path / "chicago", time_zone="America/Chicago", as_of=dt.date(2022, 11, 30))


def utc(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=UTC)


def conformed(entity: str, *rows: dict[str, Any]) -> pl.DataFrame:
    """Conformed, located rows: null where the test says nothing."""
    schema = {field.name: polars_type(field.type) for field in ENTITIES[entity].conformed}
    full = [{**dict.fromkeys(schema), **row} for row in rows]
    frame = pl.DataFrame([{name: row[name] for name in schema} for row in full], schema=schema)
    return frame.with_columns(pl.lit("exact").alias("location_quality"))


# The city's own clock


@pytest.mark.parametrize(
    ("at", "day", "hour", "month"),
    [
        ("2026-05-31T15:59:59", dt.date(2026, 5, 31), 23, "2026-05"),
        ("2026-05-31T16:00:00", dt.date(2026, 6, 1), 0, "2026-06"),
        ("2025-12-31T16:00:00", dt.date(2026, 1, 1), 0, "2026-01"),
        ("2026-06-01T00:00:00", dt.date(2026, 6, 1), 8, "2026-06"),
    ],
)
def test_midnight_of_nusantara_is_at_four_in_the_afternoon_of_utc(
    city: City, tmp_path: Path, at: str, day: dt.date, hour: int, month: str
) -> None:
    rows = conformed("emergency_call", {"received_at": utc(at)})
    made = derive(rows, contract_of(tmp_path, call_feed()), city, ENTITIES["emergency_call"]).row(0, named=True)
    assert (made["received_local_date"], made["received_local_hour"], made["received_local_month"]) == (
        day,
        hour,
        month,
    )


@pytest.mark.parametrize(
    ("at", "day", "hour"),
    [
        ("2018-03-11T07:59:59", dt.date(2018, 3, 11), 1),
        ("2018-03-11T08:00:00", dt.date(2018, 3, 11), 3),  # two o'clock was skipped
        ("2018-03-12T04:59:59", dt.date(2018, 3, 11), 23),
        ("2018-03-12T05:00:00", dt.date(2018, 3, 12), 0),
        ("2018-11-04T06:30:00", dt.date(2018, 11, 4), 1),
        ("2018-11-04T07:30:00", dt.date(2018, 11, 4), 1),  # the hour that comes twice
        ("2018-11-04T08:00:00", dt.date(2018, 11, 4), 2),
        ("2018-11-05T05:59:59", dt.date(2018, 11, 4), 23),
    ],
)
def test_both_daylight_saving_days_of_chicago(chicago: City, tmp_path: Path, at: str, day: dt.date, hour: int) -> None:
    rows = conformed("police_record", {"occurred_from_at": utc(at), "category": "theft"})
    made = derive(rows, contract_of(tmp_path, count_feed()), chicago, ENTITIES["police_record"]).row(0, named=True)
    assert (made["occurred_local_date"], made["occurred_local_hour"]) == (day, hour)


def at_local(chicago: City, tmp_path: Path, *stamps: str) -> tuple[list[dt.datetime], list[str]]:
    """UTC of local stamps as the counts feed delivers them, and the rules that refused the others."""
    raw = pl.DataFrame(
        {
            "kind": ["T"] * len(stamps),
            "at": list(stamps),
            "lat": ["41.9"] * len(stamps),
            "lon": ["-87.6"] * len(stamps),
            "remark": ["-"] * len(stamps),
        }
    ).with_row_index("_row", 1)
    result = conform(raw, contract_of(tmp_path, count_feed()), chicago)
    return result.rows["occurred_from_at"].to_list(), result.rejected["rule"].to_list()


def test_a_local_time_that_was_skipped_is_refused_and_one_that_came_twice_is_the_first(
    chicago: City, tmp_path: Path
) -> None:
    found, refused = at_local(
        chicago, tmp_path, "2018-03-11 01:59", "2018-03-11 02:30", "2018-03-11 03:00", "2018-11-04 01:30"
    )
    assert found == [utc("2018-03-11T07:59:00"), utc("2018-03-11T08:00:00"), utc("2018-11-04T06:30:00")]
    assert refused == ["nonexistent_local_time:at"]


def test_every_hour_of_the_long_and_the_short_day_is_counted_on_its_day(chicago: City, tmp_path: Path) -> None:
    for day, hours in ((dt.date(2018, 3, 11), 23), (dt.date(2018, 11, 4), 25), (dt.date(2018, 7, 1), 24)):
        start = dt.datetime.combine(day, dt.time(), chicago.zone).astimezone(UTC)
        stamps = [start + dt.timedelta(hours=n) for n in range(-2, 27)]
        rows = conformed("police_record", *({"occurred_from_at": at, "category": "theft"} for at in stamps))
        made = derive(rows, contract_of(tmp_path, count_feed()), chicago, ENTITIES["police_record"])
        assert made.filter(pl.col("occurred_local_date") == day).height == hours


# Durations


def test_durations_run_from_received_and_never_backwards(city: City, tmp_path: Path) -> None:
    received = utc("2026-05-01T02:00:00")
    stamps = {"answered_at": 9, "dispatched_at": 125, "arrived_at": -1}
    rows = conformed(
        "emergency_call",
        {"received_at": received, **{name: received + dt.timedelta(seconds=n) for name, n in stamps.items()}},
        {"received_at": received},
        {"received_at": received, "answered_at": received, "arrived_at": received + dt.timedelta(seconds=1.9)},
    )
    contract, entity = contract_of(tmp_path, call_feed()), ENTITIES["emergency_call"]
    made = derive(rows, contract, city, entity)
    assert made.select("answer_seconds", "dispatch_seconds", "arrival_seconds").rows() == [
        (9, 125, None),
        (None, None, None),
        (0, None, 1),
    ]
    assert backwards(rows, entity) == {"arrival_seconds": 1}


def test_a_span_is_whole_hours_and_nothing_where_one_stamp_is_missing(city: City, tmp_path: Path) -> None:
    start = utc("2026-05-01T02:00:00")
    ends = [None, start, start + dt.timedelta(minutes=119), start + dt.timedelta(days=3), start - dt.timedelta(hours=1)]
    rows = conformed(
        "police_record", *({"occurred_from_at": start, "occurred_to_at": end, "category": "theft"} for end in ends)
    )
    entity = ENTITIES["police_record"]
    made = derive(rows, contract_of(tmp_path, count_feed()), city, entity)
    assert made["occurred_span_hours"].to_list() == [0, 0, 1, 72, None]
    assert backwards(rows, entity) == {"occurred_span_hours": 1}


def test_a_duration_over_a_clock_change_is_what_a_stopwatch_shows(chicago: City, tmp_path: Path) -> None:
    start = utc("2018-03-11T07:30:00")  # half past one; an hour later it is half past three
    rows = conformed(
        "police_record",
        {"occurred_from_at": start, "occurred_to_at": start + dt.timedelta(hours=1), "category": "theft"},
    )
    made = derive(rows, contract_of(tmp_path, count_feed()), chicago, ENTITIES["police_record"])
    assert made["occurred_span_hours"].to_list() == [1]


def test_a_patrol_belongs_to_the_local_day_on_which_it_begins(city: City, tmp_path: Path) -> None:
    columns = [
        column("plan", key=1, maps_to="source_key"),
        column("region", required=True, maps_to="stated_region"),
        column("from", "timestamp", required=True, maps_to="starts_at"),
        column("to", "timestamp", required=True, maps_to="ends_at"),
    ]
    stated = document("police.plans", columns, "plans/*", entity="patrol_plan", format={"kind": "csv"})
    rows = conformed(
        "patrol_plan", {"starts_at": utc("2026-05-31T15:30:00"), "ends_at": utc("2026-05-31T23:29:59"), "officers": 2}
    )
    made = derive(rows, contract_of(tmp_path, stated), city, ENTITIES["patrol_plan"])
    assert made.select("plan_local_date", "patrol_minutes").row(0) == (dt.date(2026, 5, 31), 479)


# Repeat locations


def slowly(points: list[str | None], moments: list[dt.datetime], days: int) -> list[bool | None]:
    """The same by comparing every pair."""
    limit = dt.timedelta(days=days)
    return [
        None
        if point is None
        else any(
            other == point and before < moment and moment - before <= limit
            for other, before in zip(points, moments, strict=True)
        )
        for point, moment in zip(points, moments, strict=True)
    ]


@pytest.mark.parametrize("seed", range(6))
def test_a_place_is_met_again_when_an_earlier_row_lies_on_it(seed: int) -> None:
    random = np.random.default_rng(seed)
    points = [None if n == 0 else f"p{n}" for n in random.integers(0, 6, 200)]
    start = utc("2026-01-01T00:00:00")
    # Whole days, so that equal moments and exact limits are common.
    moments = [start + dt.timedelta(days=int(n)) for n in random.integers(0, 120, 200)]
    frame = pl.DataFrame(
        {
            "n": list(range(200)),
            "is_repeat_location": pl.Series([None] * 200, dtype=pl.Boolean),
            POINT: points,
            MOMENT: moments,
        }
    )
    marked = mark_repeat_locations(frame, 7)
    assert marked["is_repeat_location"].to_list() == slowly(points, moments, 7)
    assert marked["n"].to_list() == list(range(200))
    assert marked.columns == ["n", "is_repeat_location"]


def test_only_exact_points_are_compared_and_none_is_kept_without_being_asked_for(city: City, tmp_path: Path) -> None:
    at = utc("2026-05-01T02:00:00")
    rows = conformed(
        "police_record", *({"occurred_from_at": at, "longitude": 116.6, "latitude": -1.2, "category": "theft"},) * 2
    ).with_columns(location_quality=pl.Series(["exact", "placeholder"]))
    entity = ENTITIES["police_record"]
    plain = derive(rows, contract_of(tmp_path, count_feed()), city, entity)
    assert POINT not in plain.columns and plain["is_repeat_location"].to_list() == [None, None]
    asked = derive(rows, contract_of(tmp_path, count_feed(derive={"repeat_location_days": 30})), city, entity)
    assert asked[POINT].to_list() == ["116.6 -1.2", None]
    assert asked[MOMENT].to_list() == [at, at]
