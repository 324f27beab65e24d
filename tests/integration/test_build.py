"""The whole build over a small lake: pin, count, judge, present, with real dbt runs and Delta tables."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import polars as pl
import pytest

from infra.build import dbt, pin, steps
from infra.build.pin import build_log, pinned
from infra.build.planning import FIFTHS, UNKNOWN_FIFTH
from infra.build.settings import PROJECT, BuildFailed, BuildSettings
from infra.build.steps import Pins
from ingestion.lake import Lake
from tests.support.minimised_lake import Plan, emergency_calls, make_city, write_city

pytestmark = pytest.mark.integration

PLAN = Plan(incidents=2000, calls=900, events=1500)
LEVELS = ("provinsi", "kabupaten_kota", "kecamatan")
REAL_DIGEST = pin.code_digest
KINDS = ("aggregates", "estimates", "marts")


@dataclass(frozen=True)
class Built:
    """A lake, the settings of its build, and what the build reported of each model."""

    settings: BuildSettings
    report: dict[str, dict[str, object]]

    @property
    def lake(self) -> Lake:
        return self.settings.lake

    def mart(self, name: str) -> pl.DataFrame:
        return self.lake.read("marts", name).collect()


def prepared(folder: Path, plan: Plan = PLAN, **city: object) -> BuildSettings:
    """A lake of minimised tables, nothing built yet."""
    made = make_city(folder / "city", plan, **city)  # type: ignore[arg-type]
    lake = Lake(str(folder / "lake"))
    write_city(lake, made, plan)
    return BuildSettings(
        lake=lake,
        city=made,
        as_of=plan.as_of,
        run_id="r1",
        build_dir=folder / "build",
        extension_dir=folder.parent / "duckdb_extensions",
        logs_dir=folder / "logs",
    )


def build(settings: BuildSettings, pins: Pins | None = None) -> Built:
    pins = pins or steps.pin(settings)
    assert pins is not None
    report = [row for step in (steps.count, steps.judge, steps.present) for row in step(settings, pins)]
    return Built(settings, {str(row["model"]): row for row in report})


def versions(lake: Lake, kinds: tuple[str, ...] = KINDS) -> dict[str, int | None]:
    """Version of every table of the kinds."""
    root = Path(lake.uri)
    found = {}
    for kind in kinds:
        for path in sorted((root / kind).iterdir()) if (root / kind).exists() else ():
            found[f"{kind}/{path.name}"] = lake.version(kind, path.name)
    return found


@pytest.fixture(scope="module", autouse=True)
def code_as_it_stands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The code's digest when the tests began: someone may be editing it while they run."""
    digest = REAL_DIGEST(prepared(tmp_path_factory.mktemp("code")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pin, "code_digest", lambda settings: digest)
        yield


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    return build(prepared(tmp_path_factory.mktemp("builds") / "first"))


def test_every_region_has_a_row_for_every_period(built: Built) -> None:
    index = built.mart("region_security_index")
    regions = built.lake.read("aggregates", "int_regions").collect()
    periods = built.lake.read("aggregates", "int_periods").collect()
    assert regions.height == 13
    assert index.height == regions.height * periods.height == 13 * 32
    assert index.select("region_code", "period_type", "period_start").n_unique() == index.height
    assert index.filter(pl.col("is_latest"))["period_label"].unique().sort().to_list() == ["2026-06", "2026-Q2"]
    shown = index.filter(pl.col("status") != "withheld")
    assert shown.height > index.height / 2
    assert shown["index_value"].null_count() == 0
    withheld = index.filter(pl.col("status") == "withheld")
    assert withheld["index_value"].null_count() == withheld.height
    assert withheld["status_reason"].null_count() == 0


def test_the_region_made_dangerous_is_the_least_safe(built: Built) -> None:
    latest = built.mart("region_security_index").filter(is_latest=True, period_type="quarter", level="kecamatan")
    worst = latest.sort("index_value").row(0, named=True)
    assert worst["region_code"] == "64.00.00"
    assert worst["rank_upper"] == 9


def test_the_parts_of_an_index_add_up_to_what_is_missing_from_a_hundred(built: Built) -> None:
    parts = built.mart("region_security_index_components")
    grain = ["region_code", "period_type", "period_start"]
    summed = parts.group_by(grain).agg(pl.col("share_points").sum(), pl.col("index_value").first())
    shown = built.mart("region_security_index").filter(pl.col("status") != "withheld")
    assert summed.height == shown.height
    assert (summed["share_points"] + summed["index_value"] == 100).all()


def test_the_risk_map_is_drawn_and_its_hotspot_is_the_planted_one(built: Built) -> None:
    surface = built.mart("risk_surface")
    assert surface.height > 0
    assert surface["week_start"].n_unique() == built.settings.surface_weeks
    assert surface["boundary_json"].null_count() == 0
    latest = surface.filter(is_latest=True).group_by("h3_cell").agg(pl.col("relative_risk").sum())
    counts = built.lake.read("aggregates", "int_incidents__cell_day").collect()
    hottest = counts.group_by("h3_cell").agg(pl.col("n").sum()).sort("n")["h3_cell"][-1]
    assert latest.sort("relative_risk")["h3_cell"][-1] == hottest


def test_every_mart_is_in_the_lake_and_labelled(built: Built) -> None:
    marts = [name for name in versions(built.lake) if name.startswith("marts/")]
    assert {"marts/feed_quality", "marts/oversight_kpis", "marts/redaction_report", "marts/response_times"} <= set(
        marts
    )
    for table in marts:
        frame = built.mart(table.removeprefix("marts/"))
        assert set(frame["data_label"].unique()) <= {"SINTETIS"}, table
        assert set(frame["as_of"].unique()) <= {PLAN.as_of}, table
    assert "passed" in str(built.report["data tests"]["status"])
    assert built.report["region_security_index"]["rows"] == 13 * 32


def test_no_clear_count_under_eight_reaches_a_mart(built: Built) -> None:
    bands = set(built.mart("region_security_index")["incidents_band"].drop_nulls())
    bands |= set(built.mart("response_times")["calls_band"].drop_nulls())
    bands |= set(built.mart("early_warnings")["observed_band"].drop_nulls())
    bands |= set(built.mart("pattern_time_modus")["observed_band"])
    assert "<8" in bands
    assert all(band in ("0", "<8") or (int(band) >= 10 and int(band) % 5 == 0) for band in bands)


def test_warnings_speak_of_each_region_and_name_nothing_sensitive(built: Built) -> None:
    warnings = built.mart("early_warnings")
    assert warnings["region_code"].n_unique() == 13
    # Domestic violence counts, and is told as part of violence: never by its own name or its group's.
    assert {kind: set(of["category_group"]) for (kind,), of in warnings.group_by("kind")} == {
        "laporan_warga": {"property", "violence"},
        "deteksi": {"red_light", "speeding", "crowd"},
    }
    assert "domestic_violence" not in built.lake.read("estimates", "early_warnings").collect()["driver_part"].to_list()
    # Nobody has told of the days after the newest record: they are not quiet.
    newest = built.lake.read("aggregates", "int_incidents__region_day").collect()["local_date"].max()
    assert warnings.filter(kind="laporan_warga")["period_end"].max() == newest
    assert (warnings["is_signal"] == warnings["warning_level"].is_in(["waspada", "siaga", "awas"])).all()


def test_patrols_are_ranked_where_some_are_planned(built: Built) -> None:
    ranked = built.mart("patrol_priorities").sort("region_code")
    assert ranked["status"].to_list() == ["published"] * 8 + ["no_plan"]
    # As many hours everywhere: the region made dangerous is the one with most harm an hour.
    assert ranked.filter(priority_rank=1)["region_code"].to_list() == ["64.00.00"]
    assert ranked["patrol_hours"].to_list() == [14] * 8 + [0]
    groups = ranked["area_group"].to_list()
    assert (groups[0], groups[-2:]) == (FIFTHS[0], [FIFTHS[-1], UNKNOWN_FIFTH])
    assert not set(ranked["reason"].drop_nulls()) & {"Kekerasan dalam rumah tangga", "Gabungan kategori lain"}


def test_what_happens_at_any_time_has_a_pattern_and_nothing_unusual(built: Built) -> None:
    patterns = built.mart("pattern_time_modus")
    assert set(patterns["region_code"]) == {"64.00", "64.01", "64.02"}
    assert ("theft", "snatch", "Menjambret") in patterns.select("category", "modus", "modus_title").rows()
    assert "domestic_violence" not in patterns["category"].to_list()
    assert not patterns["is_unusual"].any()
    # Few events: hours are merged, and each modus's bands still hold the whole day.
    hours = (pl.col("hour_to") - pl.col("hour_from")) * (pl.col("weekday_to") - pl.col("weekday_from") + 1)
    assert set(patterns.group_by("region_code", "category", "modus").agg(hours.sum().alias("h"))["h"]) == {7 * 24}


def test_fairness_tells_each_measure_or_why_not(built: Built) -> None:
    fairness = built.mart("index_fairness")
    assert fairness["measure"].n_unique() == 9
    assert fairness.select("measure", "subject").n_unique() == fairness.height
    assert (fairness["status_reason"].is_not_null() == (fairness["status"] == "withheld")).all()
    shares = fairness.filter(measure="patrol_share")
    assert set(shares["subject"]) == {*FIFTHS, UNKNOWN_FIFTH}
    # The last region, whose poverty is unknown, has no patrol; the one made dangerous has less than its share.
    assert shares.filter(subject=UNKNOWN_FIFTH)["value"].to_list() == [0]
    assert fairness.filter(measure="patrol_to_harm", subject=FIFTHS[0])["value"][0] < 1


def test_nothing_new_is_nothing_to_build(built: Built) -> None:
    assert steps.pin(built.settings) is None
    assert steps.pin(replace(built.settings, run_id="another")) is None
    assert steps.pin(replace(built.settings, run_id="later", months=12)) is not None


def test_a_second_build_into_a_new_lake_is_the_same_bit_for_bit(built: Built, tmp_path: Path) -> None:
    again = build(prepared(tmp_path / "second"))
    tables = versions(built.lake)
    assert tables.keys() == versions(again.lake).keys()
    for table in tables:
        kind, name = table.split("/")
        first, second = (one.lake.read(kind, name).collect() for one in (built, again))
        assert first.equals(second), table


def test_new_calls_change_what_depends_on_calls_and_nothing_else(built: Built, tmp_path: Path) -> None:
    # Delta tables hold paths relative to themselves: a copied lake is a lake.
    shutil.copytree(built.lake.uri, tmp_path / "lake")
    settings = replace(built.settings, lake=Lake(str(tmp_path / "lake")), build_dir=tmp_path / "build", run_id="r2")
    assert steps.pin(settings) is None
    before = versions(settings.lake)
    calls = settings.lake.read("minimised", "emergency_call").collect()
    finest = settings.lake.read("minimised", "region").filter(pl.col("level") == LEVELS[-1]).collect()
    more = emergency_calls(replace(PLAN, seed=99, calls=60), finest)
    more = more.with_columns(batch_id=pl.lit("b2"), record_key=pl.col("record_key") + "2")
    settings.lake.replace("minimised", "emergency_call", pl.concat([calls, more]))

    build(settings)
    after = versions(settings.lake)
    assert {table for table in after if after[table] != before.get(table)} == {
        "aggregates/int_calls__region_day",
        "aggregates/int_calls__region_month",
        "aggregates/int_indicators",
        "marts/oversight_kpis",
        "marts/regional_head_scorecard",
        "marts/response_times",
    }
    assert steps.pin(settings) is None


def test_a_failing_data_test_stops_the_build_and_nothing_is_published(tmp_path: Path) -> None:
    settings = prepared(tmp_path / "failing")
    records = settings.lake.read("minimised", "police_record").collect()
    broken = records.with_columns(
        answer_seconds=pl.when(pl.int_range(pl.len()) < 3).then(-5).otherwise("answer_seconds")
    )
    settings.lake.replace("minimised", "police_record", broken)
    pins = steps.pin(settings)
    assert pins is not None

    with pytest.raises(BuildFailed, match=r"stamps_not_negative.*3 rows.*nothing was published"):
        steps.count(settings, pins)
    assert versions(settings.lake) == {}
    assert build_log(settings)["event"].to_list() == ["intent"]
    assert steps.pin(replace(settings, run_id="r2")) is not None


def test_a_step_tried_again_reads_what_was_pinned(tmp_path: Path) -> None:
    settings = prepared(tmp_path / "pinned")
    pins = steps.pin(settings)
    assert pins is not None
    calls = settings.lake.read("minimised", "emergency_call").collect()
    settings.lake.replace("minimised", "emergency_call", calls.head(5))
    assert pinned(settings).versions == pins.versions
    assert Pins.from_json(json.loads(json.dumps(pins.to_json()))) == pins
    with pytest.raises(BuildFailed, match="has pinned no inputs"):
        pinned(replace(settings, run_id="unknown"))
    with pytest.raises(BuildFailed, match="clear the task judge"):
        steps.present(settings, pins)
    with pytest.raises(BuildFailed, match="clear the task count"):
        steps.judge(settings, pins)


def test_without_regions_there_is_nothing_to_count(tmp_path: Path) -> None:
    settings = replace(prepared(tmp_path / "regions"), lake=Lake(str(tmp_path / "empty")))
    with pytest.raises(BuildFailed, match="no regions have landed yet: run the DAG pull_city_spatial"):
        steps.pin(settings)


def test_a_city_of_two_levels_without_calls_and_cameras_is_built_too(tmp_path: Path) -> None:
    plan = replace(PLAN, calls=0, events=0, patrol_days=0, synthetic=False)
    settings = prepared(
        tmp_path / "bare", plan, levels=(("city", "Kota"), ("area", "Wilayah")), time_zone="America/Chicago"
    )
    bare = build(settings)
    assert bare.mart("region_security_index")["level"].unique().sort().to_list() == ["area", "city"]
    assert bare.mart("region_security_index")["data_label"].unique().to_list() == ["NYATA"]
    assert bare.mart("response_times").height == 0
    assert bare.mart("risk_surface").height > 0
    assert bare.mart("early_warnings").height > 0
    assert set(bare.mart("patrol_priorities")["status"]) == {"no_plan"}
    assert bare.mart("pattern_time_modus").is_empty()
    assert "Tidak ada rencana patroli" in bare.mart("index_fairness")["status_reason"].to_list()


def run_dbt(settings: BuildSettings, folder: Path, *arguments: str) -> Path:
    """dbt with what the build hands it, in a folder of its own; returns the folder of its results."""
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "--warn-error", *arguments]
    command += ["--project-dir", str(settings.project_dir), "--profiles-dir", str(settings.project_dir)]
    command += ["--target-path", str(folder / "target"), "--log-path", str(folder / "logs"), "--no-partial-parse"]
    ended = subprocess.run(command, env=dbt.environment(settings), cwd=folder, capture_output=True, text=True)
    assert ended.returncode == 0, ended.stdout[-3000:]
    return folder / "target"


def test_the_unit_tests_of_the_models_pass_without_a_warning(built: Built, tmp_path: Path) -> None:
    """On empty tables in a database of their own: what a unit test reads stands in its own rows."""
    settings = replace(built.settings, build_dir=tmp_path)
    exclude = ("--exclude-resource-type", "test", "--exclude-resource-type", "exposure")
    target = run_dbt(settings, tmp_path, "build", "--empty", *exclude)
    results = json.loads((target / "run_results.json").read_text())["results"]
    unit = [result for result in results if result["unique_id"].startswith("unit_test.")]
    assert len(unit) >= 19
    assert {result["status"] for result in unit} == {"pass"}


def test_sources_are_fresh_by_the_clock_of_the_build(built: Built, tmp_path: Path) -> None:
    settings = replace(built.settings, build_dir=tmp_path)
    given = dbt.variables(settings, pinned(settings))
    target = run_dbt(settings, tmp_path, "source", "freshness", "--vars", json.dumps(given))
    found = {
        result["unique_id"].split(".")[-1]: result
        for result in json.loads((target / "sources.json").read_text())["results"]
    }
    assert set(found) == {"police_record", "emergency_call", "camera_event"}
    for result in found.values():
        assert result["status"] == "pass"
        assert result["snapshotted_at"].startswith(PLAN.as_of.isoformat())


def test_a_change_of_a_model_or_of_the_city_is_a_new_build(tmp_path: Path) -> None:
    project = tmp_path / "dbt_project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    settings = replace(prepared(tmp_path / "code"), project_dir=project)
    before = REAL_DIGEST(settings)
    assert REAL_DIGEST(settings) == before
    (project / "target").mkdir()
    (project / "target/manifest.yml").write_text("what dbt leaves behind is no code")
    assert REAL_DIGEST(settings) == before
    with (project / "models/staging/stg_region.sql").open("a") as model:
        model.write("\n-- another comment")
    changed = REAL_DIGEST(settings)
    assert changed != before
    (settings.city.dir / "city.yaml").write_text("name: kota-lain\n")
    assert REAL_DIGEST(settings) not in (before, changed)
