"""Days that commits touched: found from two versions of a table, none too many and none missing."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from infra.build import touched
from infra.build.settings import BuildSettings, Pins
from infra.build.touched import Base, changed_days
from ingestion.lake import Lake
from tests.support.landings import KINDS, MAKERS, land, store
from tests.support.minimised_lake import Plan, make_city, regions

PLAN = Plan(incidents=120, calls=80, events=90, days=200)
LEVELS = ("provinsi", "kabupaten_kota", "kecamatan")


@pytest.fixture
def finest() -> pl.DataFrame:
    return regions(PLAN, LEVELS).filter(pl.col("level") == LEVELS[-1])


@pytest.fixture
def lake(tmp_path: Path, finest: pl.DataFrame) -> Lake:
    made = Lake(str(tmp_path / "lake"))
    for entity, make in MAKERS.items():
        store(made, entity, make(PLAN, finest))
    return made


def days_that_differ(lake: Lake, entity: str, before: int, now: int) -> set[dt.date]:
    """The same answer the slow way: every day's rows, compared as sets."""
    day = touched.DAYS[entity]
    found = []
    for version in (before, now):
        rows = lake.read("minimised", entity, version).drop("batch_id").collect()
        found.append({key[0]: sorted(map(repr, part.rows())) for key, part in rows.group_by(day)})
    return {key for key in found[0].keys() | found[1].keys() if found[0].get(key) != found[1].get(key)}


@pytest.mark.parametrize("entity", sorted(MAKERS))
@pytest.mark.parametrize("kind", KINDS)
def test_days_are_those_whose_rows_differ(lake: Lake, finest: pl.DataFrame, kind: str, entity: str) -> None:
    before = lake.version("minimised", entity)
    land(lake, PLAN, finest, kind, entity, np.random.default_rng(5))
    now = lake.version("minimised", entity)
    assert before is not None and now is not None and now > before
    expected = days_that_differ(lake, entity, before, now)
    assert changed_days(lake, entity, before, now) == expected
    assert bool(expected) == (kind not in ("repeated", "compacted"))


def test_a_version_that_is_gone_is_not_guessed(lake: Lake, finest: pl.DataFrame) -> None:
    before = lake.version("minimised", "police_record")
    land(lake, PLAN, finest, "corrected", "police_record", np.random.default_rng(5))
    table = lake.open("minimised", "police_record")
    assert table is not None and before is not None
    table.vacuum(retention_hours=0, enforce_retention_duration=False, dry_run=False)
    assert changed_days(lake, "police_record", before, table.version()) is None


def settings_and_pins(lake: Lake, folder: Path, as_of: dt.date) -> tuple[BuildSettings, Pins]:
    city = make_city(folder / "city", PLAN)
    settings = BuildSettings(lake, city, as_of, "r", folder / "build", folder / "extensions", folder / "logs")
    versions = {f"minimised__{entity}": lake.version("minimised", entity) or 0 for entity in MAKERS}
    return settings, Pins("r", as_of, versions, "code", "input")


def test_a_clock_that_went_on_shows_days_that_lay_ahead(lake: Lake, tmp_path: Path) -> None:
    settings, pins = settings_and_pins(lake, tmp_path, PLAN.as_of)
    everything = {name: 0 for names in touched.AGGREGATES.values() for name in names}
    base = Base(PLAN.as_of - dt.timedelta(days=20), pins.versions, everything)
    days = touched.touched(settings, pins, base)
    rows = lake.read("minimised", "police_record").collect()["occurred_local_date"]
    assert set(days) == set(MAKERS)
    assert set(days["police_record"]) == {day for day in rows if day > base.as_of}
    assert touched.touched(settings, pins, replace(base, as_of=PLAN.as_of))["police_record"] == []


def test_without_anything_to_start_from_everything_is_counted(lake: Lake, tmp_path: Path) -> None:
    settings, pins = settings_and_pins(lake, tmp_path, PLAN.as_of)
    ahead = Base(PLAN.as_of + dt.timedelta(days=1), pins.versions, {})
    assert touched.touched(settings, pins, None) == {}
    assert touched.touched(settings, pins, ahead) == {}
    assert touched.touched(settings, pins, replace(ahead, as_of=PLAN.as_of)) == {}
    assert touched.told({"police_record": []}).startswith("police_record 0, emergency_call all")
