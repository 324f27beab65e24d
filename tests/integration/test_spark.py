"""The same project on a real Spark Connect server: the same tables as DuckDB's, in the same places."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from governance.marts import read_manifest
from infra.build import dbt, pin, spark, steps
from infra.build.settings import BuildFailed, BuildSettings
from infra.build.touched import AGGREGATES
from infra.cli import envs
from infra.settings import city_folder
from ingestion.city import load_city
from ingestion.lake import Lake
from tests.integration.test_build import LEVELS, PLAN, Built, build, prepared, versions
from tests.support.landings import land, partition
from tests.support.spark_server import Unavailable, spark_server

pytestmark = pytest.mark.integration

SMALL = replace(PLAN, incidents=1200, calls=500, events=800)
TOLERANCE = 1e-6


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """SPARK_REMOTE of a server of this module's own."""
    try:
        with spark_server(tmp_path_factory.mktemp("spark")) as remote, pytest.MonkeyPatch.context() as patch:
            patch.setenv("SPARK_REMOTE", remote)
            yield remote
    except Unavailable as reason:
        pytest.skip(f"no Spark server: {reason}")


@pytest.fixture(scope="module", autouse=True)
def code_as_it_stands() -> Iterator[None]:
    """One digest for all builds: someone may be editing the code while they run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pin, "code_digest", lambda settings: "0" * 64)
        yield


@pytest.fixture(scope="module")
def engines(server: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Built]:
    """One lake built by both, each in a copy of its own."""
    folder = tmp_path_factory.mktemp("engines")
    settings = prepared(folder / "duckdb", SMALL)
    partition(settings.lake)
    # Contracts make the marts of feeds speak of some.
    contracts = load_city(city_folder("nusantara")).contracts
    settings = replace(settings, city=replace(settings.city, contracts=contracts))
    shutil.copytree(settings.lake.uri, folder / "spark" / "lake")
    other = replace(
        settings,
        lake=Lake(str(folder / "spark" / "lake")),
        build_dir=folder / "spark" / "build",
        logs_dir=folder / "spark" / "logs",
        engine="spark",
    )
    return {"duckdb": build(settings), "spark": build(other)}


def test_every_table_is_the_same_whichever_engine_built_it(engines: dict[str, Built]) -> None:
    first, second = engines["duckdb"].lake, engines["spark"].lake
    tables = versions(first)
    assert len(tables) > 30
    assert tables.keys() == versions(second).keys()
    for table in tables:
        kind, name = table.split("/")
        one, other = (lake.read(kind, name).collect() for lake in (first, second))
        # Types too: a build by the other engine then finds nothing to rewrite.
        assert one.schema == other.schema, table
        assert_frame_equal(one.sort(one.columns), other.sort(one.columns), rel_tol=0, abs_tol=TOLERANCE)


def test_the_history_says_who_built(engines: dict[str, Built]) -> None:
    for engine, made in engines.items():
        for kind, name in (("aggregates", "int_incidents__region_day"), ("marts", "region_security_index")):
            table = made.lake.open(kind, name)
            assert table is not None
            assert table.history(1)[0]["telaga.engine"] == engine


def test_what_a_release_reads_of_the_marts_is_the_same(engines: dict[str, Built]) -> None:
    first, second = (read_manifest(made.settings.target_dir / "manifest.json") for made in engines.values())
    assert first == second


def test_no_scratch_is_left_on_the_server(engines: dict[str, Built]) -> None:
    code = "from pyspark.sql import SparkSession as S; print(S.builder.getOrCreate().sql('show databases').collect())"
    listed = subprocess.run([str(envs.python("spark")), "-c", code], capture_output=True, text=True, check=True).stdout
    assert "default" in listed
    assert "telaga_" not in listed


def test_what_a_contract_calls_never_null_is_never_null_on_spark_either(
    engines: dict[str, Built], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Spark's Parquet tables take no constraint, so the project asks for itself."""
    shutil.copytree(engines["spark"].lake.uri, tmp_path / "lake")
    settings = replace(engines["spark"].settings, lake=Lake(str(tmp_path / "lake")), run_id="broken")
    log = settings.lake.read("control", "redaction").collect()
    settings.lake.replace("control", "redaction", log.with_columns(action=pl.lit(None, dtype=pl.String)))
    monkeypatch.setattr(dbt, "PHASES", {"present": ("stg_redaction", "redaction_report")})
    pins = pin.pinned(engines["spark"].settings)
    newest = {**pins.versions, "control__redaction": settings.lake.version("control", "redaction") or 0}
    with pytest.raises(BuildFailed, match="model redaction_report error"):
        dbt.run(settings, "present", dbt.variables(settings, replace(pins, versions=newest)))
    told = (settings.logs_dir / "dbt-present.log").read_text()
    assert "redaction_report.action is null in 1 rows" in told
    spark.clear(settings)


def test_days_that_were_not_touched_are_kept_on_spark_too(
    engines: dict[str, Built], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal to DuckDB's count of everything; the models of days alone, the others know nothing of it."""
    shutil.copytree(engines["spark"].lake.uri, tmp_path / "lake")
    settings = replace(engines["spark"].settings, lake=Lake(str(tmp_path / "lake")), run_id="r2")
    finest = settings.lake.read("minimised", "region").filter(pl.col("level") == LEVELS[-1]).collect()
    rng = np.random.default_rng(11)
    for kind, entity in (("late", "police_record"), ("erased", "emergency_call"), ("moved", "camera_event")):
        land(settings.lake, SMALL, finest, kind, entity, rng)
    shutil.copytree(tmp_path / "lake", tmp_path / "full" / "lake", ignore=shutil.ignore_patterns("build_log"))
    full = replace(settings, lake=Lake(str(tmp_path / "full" / "lake")), engine="duckdb")
    pins = steps.pin(settings)
    assert pins is not None
    entities = {"stg_police_record", "stg_emergency_call", "stg_camera_event", "stg_camera_uptime", "stg_patrol_plan"}
    names = [name for of in AGGREGATES.values() for name in of]
    monkeypatch.setattr(dbt, "PHASES", {"count": (*sorted(entities), *names)})
    monkeypatch.setattr(dbt, "SKIPPED", (*dbt.SKIPPED, "test"))
    told = steps.count(settings, pins)[0]["status"]
    in_full = steps.pin(full)
    assert in_full is not None
    steps.count(full, in_full)
    assert re.fullmatch(
        r"police_record \d+, emergency_call \d+, camera_event \d+, camera_uptime 0, patrol_plan 0", told
    )
    for name in names:
        one, other = (each.lake.read("aggregates", name).collect() for each in (settings, full))
        assert one.schema == other.schema
        assert one.sort(one.columns).equals(other.sort(one.columns)), name


def test_the_other_engine_takes_over_where_one_left_off(engines: dict[str, Built], tmp_path: Path) -> None:
    """Asked for by name, an engine counts also what the other one counted, all of it; what is the same keeps its
    version."""
    shutil.copytree(engines["spark"].lake.uri, tmp_path / "lake")
    settings: BuildSettings = replace(
        engines["duckdb"].settings, lake=Lake(str(tmp_path / "lake")), build_dir=tmp_path / "build", run_id="r2"
    )
    before = versions(settings.lake)
    pins = steps.pin(settings)
    assert pins is not None
    assert "camera_event all" in str(steps.count(settings, pins)[0]["status"])
    assert versions(settings.lake) == before
