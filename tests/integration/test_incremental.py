"""Incremental equals full: after any sequence of landings, counting only the touched days leaves the same tables."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from infra.build import pin, steps
from infra.build.settings import BuildSettings
from ingestion.lake import Lake
from tests.integration.test_build import KINDS, LEVELS, PLAN, prepared, versions
from tests.support.landings import KINDS as LANDINGS
from tests.support.landings import MAKERS, land, partition, store

pytestmark = pytest.mark.integration

SMALL = replace(PLAN, incidents=600, calls=300, events=400)
STEPS = 2


@pytest.fixture(scope="module", autouse=True)
def code_as_it_stands() -> Iterator[None]:
    """One digest for all builds: someone may be editing the code while they run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pin, "code_digest", lambda settings: "0" * 64)
        yield


def start(folder: Path) -> tuple[BuildSettings, pl.DataFrame]:
    """A lake whose tables are partitioned as landing leaves them, and the regions things happen in."""
    settings = prepared(folder / "city", SMALL)
    partition(settings.lake)
    regions = settings.lake.read("minimised", "region").collect()
    return settings, regions.filter(pl.col("level") == LEVELS[-1])


def counted(settings: BuildSettings, *, to_the_end: bool = False) -> str:
    """Counts what is new (and judges and presents it); returns which days were counted again."""
    pins = steps.pin(settings)
    assert pins is not None
    told = str(steps.count(settings, pins)[0]["status"])
    if to_the_end:
        steps.judge(settings, pins)
        steps.present(settings, pins)
    else:
        # As if the other steps had followed: a build that is not finished is none to start from.
        pin.log_event(settings, pins, "outcome")
    return told


def in_full(settings: BuildSettings, folder: Path) -> BuildSettings:
    """The same minimised tables in a lake that nothing was built from."""
    shutil.rmtree(folder, ignore_errors=True)
    for kind in ("minimised", "control"):
        ignored = shutil.ignore_patterns("build_log")
        shutil.copytree(Path(settings.lake.uri) / kind, folder / "lake" / kind, ignore=ignored)
    return replace(settings, lake=Lake(str(folder / "lake")))


def assert_same(one: Lake, other: Lake, kinds: tuple[str, ...]) -> None:
    assert versions(one, kinds).keys() == versions(other, kinds).keys()
    for table in versions(one, kinds):
        kind, name = table.split("/")
        first, second = (lake.read(kind, name).collect() for lake in (one, other))
        assert first.schema == second.schema, table
        assert first.sort(first.columns).equals(second.sort(second.columns)), table


@pytest.mark.parametrize("seed", [3, 8])
def test_any_sequence_of_landings_ends_in_what_a_full_rebuild_counts(seed: int, tmp_path: Path) -> None:
    settings, finest = start(tmp_path)
    assert counted(replace(settings, run_id="r0")) == (
        "police_record all, emergency_call all, camera_event all, camera_uptime all, patrol_plan all"
    )
    rng = np.random.default_rng(seed)
    for step in range(1, STEPS + 1):
        # Several landings before one build, as a night's backlog has; the clock goes on as well.
        for _ in range(3):
            kind, entity = (str(rng.choice(sorted(names))) for names in (LANDINGS, MAKERS))
            land(settings.lake, SMALL, finest, kind, entity, rng)
        settings = replace(settings, run_id=f"r{step}", as_of=settings.as_of + dt.timedelta(days=int(rng.integers(2))))
        assert " all" not in counted(settings, to_the_end=step == STEPS)
        full = in_full(settings, tmp_path / "full")
        counted(full, to_the_end=step == STEPS)
        assert_same(settings.lake, full.lake, KINDS if step == STEPS else ("aggregates",))


def test_a_late_record_changes_its_own_day_and_nothing_else(tmp_path: Path) -> None:
    settings, _ = start(tmp_path)
    counted(replace(settings, run_id="r0"))
    before = versions(settings.lake, ("aggregates",))
    kept = settings.lake.read("aggregates", "int_incidents__region_day").collect()
    records = settings.lake.read("minimised", "police_record").collect()
    late = records.filter(pl.col("reported_by") == "officer").head(1)
    day = late["occurred_local_date"][0]
    store(settings.lake, "police_record", pl.concat([records, late.with_columns(record_key=pl.lit("late"))]))

    told = counted(replace(settings, run_id="r1"))
    assert told == "police_record 1, emergency_call 0, camera_event 0, camera_uptime 0, patrol_plan 0"
    now = settings.lake.read("aggregates", "int_incidents__region_day").collect()
    changed = now.join(kept, on=now.columns, how="anti", nulls_equal=True)
    assert changed["local_date"].to_list() == [day]
    after = versions(settings.lake, ("aggregates",))
    # An officer's finding is in no rate and on no map: only what counts every record has a new version.
    assert {name for name in after if after[name] != before[name]} == {
        "aggregates/int_incidents__region_day",
        "aggregates/int_incidents__completeness",
    }


def test_a_build_that_was_cut_starts_from_the_last_finished_one(tmp_path: Path) -> None:
    settings, finest = start(tmp_path)
    counted(replace(settings, run_id="r0"))
    rng = np.random.default_rng(1)
    for run, entity in (("cut", "police_record"), ("next", "emergency_call")):
        land(settings.lake, SMALL, finest, "corrected", entity, rng)
        settings = replace(settings, run_id=run)
        pins = steps.pin(settings)
        assert pins is not None
        told = str(steps.count(settings, pins)[0]["status"])
    # Aggregates of the build that was cut lie in the lake; the days that it counted are counted again.
    assert "police_record 0" not in told and " all" not in told
    full = in_full(settings, tmp_path / "full")
    counted(full)
    assert_same(settings.lake, full.lake, ("aggregates",))
