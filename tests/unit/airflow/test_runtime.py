"""What a DAG run is asked to do, read from its conf, its home and its contracts; no Airflow is needed for that."""

from __future__ import annotations

import datetime as dt
import functools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from lazy_object_proxy import Proxy

from infra.airflow import runtime
from infra.settings import Home, SettingsError

UTC = dt.UTC
CITY = {
    "name": "testville",
    "title": "Testville",
    "time_zone": "Asia/Makassar",
    "is_synthetic": True,
    "h3_resolution": 9,
    "levels": [{"key": "kecamatan", "title_id": "Kecamatan"}],
    "index_level": "kecamatan",
    "discovered_categories": [],
    "sensitive_categories": [],
}


def contract(feed: str, entity: str, cadence: str) -> dict[str, Any]:
    """The least that is a contract."""
    ours = {
        "entity": entity,
        "connector": "folder",
        "cadence": cadence,
        "legal_basis": "a law",
        "is_synthetic": True,
        "format": {"kind": "csv", "encoding": "utf-8", "separator": ","},
    }
    columns = {
        "police_record": [("category", "string", {"codes": {"T": "theft"}}), ("occurred_from_at", "timestamp", {})],
        "emergency_call": [("category", "string", {"codes": {"C": "crime"}}), ("received_at", "timestamp", {})],
        "patrol_plan": [
            ("stated_region", "string", {}),
            ("starts_at", "timestamp", {}),
            ("ends_at", "timestamp", {}),
        ],
    }[entity]
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"testville.{feed}",
        "name": feed,
        "version": "1.0.0",
        "status": "active",
        "tenant": "testville",
        "domain": "security",
        "description": {"purpose": "count places"},
        "team": {"name": "Polda", "members": [{"username": "polda", "role": "owner"}]},
        "slaProperties": [
            {"property": "freshness", "value": 24, "unit": "h"},
            {"property": "retention", "value": 365, "unit": "d"},
        ],
        "servers": [{"server": "drops", "type": "local", "path": "{simulation}/*.csv", "format": "csv"}],
        "schema": [
            {
                "name": feed.split(".")[1],
                "logicalType": "object",
                "physicalType": "file",
                "properties": [
                    {
                        "name": name,
                        "logicalType": logical,
                        "physicalType": "text",
                        "required": True,
                        "classification": "internal",
                        "customProperties": [
                            {
                                "property": "telaga",
                                "value": {
                                    "action": "generalise" if logical == "timestamp" else "keep",
                                    "maps_to": name,
                                    **({"format": "%Y-%m-%d %H:%M:%S"} if logical == "timestamp" else {}),
                                    **more,
                                },
                            }
                        ],
                    }
                    for name, logical, more in columns
                ],
            }
        ],
        "customProperties": [{"property": "telaga", "value": ours}],
    }


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A home of a city with an hourly, a nightly and a yearly feed of one DAG."""
    folder = tmp_path / "testville"
    folder.mkdir()
    (folder / "city.yaml").write_text(yaml.safe_dump(CITY))
    for feed, entity, cadence in (
        ("polri.records", "police_record", "0 * * * *"),
        ("polri.calls", "emergency_call", "0 1 * * *"),
        ("polri.plans", "patrol_plan", "0 2 1 1 *"),
    ):
        (folder / f"{feed}.odcs.yaml").write_text(yaml.safe_dump(contract(feed, entity, cadence)))
    made = Home(tmp_path / "home").make()
    made.claim("testville", folder)
    monkeypatch.setenv("TELAGA_HOME", str(made.root))
    monkeypatch.delenv("TELAGA_LAKE", raising=False)
    return made


def context(conf: dict[str, Any] | None = None, *, kind: str = "manual", **more: Any) -> dict[str, Any]:
    """What Airflow hands a task, as far as it is read."""
    start, end = more.pop("data", (None, None))
    run = SimpleNamespace(
        conf=conf,
        dag_id="pull_police_records",
        run_id=f"{kind}__1",
        run_type=kind,
        data_interval_start=start,
        data_interval_end=end,
    )
    return {"dag_run": run, **more}


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_home_without_a_city_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELAGA_HOME", str(tmp_path))
    for call in (runtime.run_settings, runtime.govern, runtime.maintain):
        with pytest.raises(RuntimeError, match="holds no city yet: run"):
            call(context())


def test_a_run_without_conf_takes_what_is_new_today_in_the_city(home: Home) -> None:
    settings = runtime.run_settings(context())
    assert settings.interval is None
    assert settings.run_id == "manual__1"
    assert settings.airflow_run == "pull_police_records/manual__1"
    assert settings.city.name == "testville"
    assert abs((settings.as_of - dt.datetime.now(dt.timezone(dt.timedelta(hours=8))).date()).days) <= 1


def test_a_home_that_is_no_json_is_named(home: Home) -> None:
    home.state_path.write_text("{")
    with pytest.raises(SettingsError, match=r"home\.json is not JSON"):
        runtime.run_settings(context())


def test_the_conf_goes_before_the_homes_clock_and_that_before_the_real_one(home: Home) -> None:
    home.set_clock(dt.date(2026, 5, 1))
    assert runtime.run_settings(context()).as_of == dt.date(2026, 5, 1)
    assert runtime.run_settings(context({"as_of": "2026-06-30"})).as_of == dt.date(2026, 6, 30)
    assert runtime.run_settings(context({"run_id": "r1"})).run_id == "r1"


def test_an_interval_of_the_conf_is_in_the_citys_days_and_half_open(home: Home) -> None:
    """Midnight in Makassar is 16:00 UTC of the day before."""
    settings = runtime.run_settings(context({"from": "2026-01-01", "to": "2026-02-01"}))
    assert settings.interval == (at("2025-12-31T16:00"), at("2026-01-31T16:00"))


def test_one_end_of_an_interval_may_be_left_out(home: Home) -> None:
    only_from = runtime.run_settings(context({"from": "2026-01-01"})).interval
    only_to = runtime.run_settings(context({"to": "2026-01-01"})).interval
    assert only_from is not None and only_to is not None
    assert only_from[0] == only_to[1] == at("2025-12-31T16:00")
    assert only_from[1].year == 9999
    assert only_to[0].year == 1969


def test_the_engine_is_what_the_run_asked_for(home: Home) -> None:
    assert runtime.run_settings(context()).engine == "duckdb"
    assert runtime.run_settings(context({"engine": "spark"})).engine == "spark"
    with pytest.raises(ValueError, match="one of duckdb, spark"):
        runtime.run_settings(context({"engine": "sparkle"}))


def test_a_day_that_is_none_is_refused(home: Home) -> None:
    with pytest.raises(ValueError, match="yesterday"):
        runtime.run_settings(context({"from": "yesterday"}))


@pytest.mark.parametrize("spelled", ["{}", "DagRunType.{}"], ids=["scheduler", "task"])
def test_a_backfill_takes_its_own_interval_and_a_schedule_takes_what_is_new(home: Home, spelled: str) -> None:
    data = (at("2026-01-01T00:00"), at("2026-01-02T00:00"))
    assert runtime.run_settings(context(kind=spelled.format("BACKFILL"), data=data)).interval == data
    assert runtime.run_settings(context(kind=spelled.format("SCHEDULED"), data=data)).interval is None
    assert runtime.run_settings(context(kind=spelled.format("ASSET_TRIGGERED"))).interval is None


def due(since: str | None, until: str, kind: str = "DagRunType.SCHEDULED", **narrowed: Any) -> list[str]:
    """Airflow works out the last success only where it is asked for: a proxy of a time, or of None."""
    data = (None, at(until))
    success = Proxy(lambda: at(since) if since else None)
    found = context(kind=kind, data=data, prev_data_interval_end_success=success)
    return runtime.due_feeds("pull_police_records", found, **narrowed)


ALL = ["polri.calls", "polri.plans", "polri.records"]


def test_a_schedule_takes_the_feeds_whose_cadence_ticked_since_the_last_success(home: Home) -> None:
    assert due("2026-06-30T09:05", "2026-06-30T10:05") == ["polri.records"]
    assert due("2026-06-30T00:05", "2026-06-30T01:05") == ["polri.calls", "polri.records"]
    assert due("2025-12-31T12:05", "2026-01-01T12:05") == ALL


def test_nothing_is_due_between_two_ticks(home: Home) -> None:
    assert due("2026-06-30T09:05", "2026-06-30T09:20") == []


def test_a_tick_at_the_very_end_is_due_and_one_at_the_very_start_was(home: Home) -> None:
    assert due("2026-06-30T09:30", "2026-06-30T10:00") == ["polri.records"]
    assert due("2026-06-30T10:00", "2026-06-30T10:30") == []


def test_what_failed_runs_left_is_still_due(home: Home) -> None:
    """The last success lies two days back: the nightly feed ticked in between."""
    assert due("2026-06-28T12:05", "2026-06-30T12:05") == ["polri.calls", "polri.records"]


def test_a_first_run_and_a_run_that_somebody_asked_for_take_every_feed(home: Home) -> None:
    assert due(None, "2026-06-30T09:20") == ALL
    assert due("2026-06-30T09:05", "2026-06-30T09:20", kind="manual") == ALL


def test_feeds_are_narrowed_by_entity(home: Home) -> None:
    assert due(None, "2026-06-30T09:20", entities={"emergency_call"}) == ["polri.calls"]
    assert due(None, "2026-06-30T09:20", without={"emergency_call"}) == ["polri.plans", "polri.records"]


def test_a_server_may_name_the_homes_simulation_and_the_citys_data(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TELAGA_CITY_DATA", raising=False)
    assert runtime.places(home) == {"simulation": str(home.simulation_dir)}
    monkeypatch.setenv("TELAGA_CITY_DATA", "/data")
    assert runtime.places(home)["city_data"] == "/data"


def test_a_feed_without_a_connection_needs_no_airflow(home: Home) -> None:
    settings = runtime.run_settings(context())
    assert runtime.credentials(settings.city.feed("polri.records")) == {}


def test_govern_tells_counts_and_names_and_repeats_change_nothing(home: Home) -> None:
    first, second = runtime.govern(context()), runtime.govern(context())
    assert first == second
    assert (first["feeds_recorded"], first["rows_erased"], first["report_lines"]) == (3, 0, 0)
    assert first["done"] and first["not_done"]
    assert home.lake().version("control", "processing_record") == 1


def test_govern_signs_last_months_report_by_the_homes_clock(home: Home) -> None:
    from governance.signed_file import check_file
    from infra.officer import signature_path, signer_of

    home.set_clock(dt.date(2026, 6, 30))
    runtime.govern(context())
    (report,) = sorted((home.root / "reports").glob("*.html"))
    assert report.name == "redaction-2026-05.html"
    note = signature_path(report).read_text()
    assert check_file(report.read_bytes(), note, [signer_of(home, "testville").verifier]).endswith(" 2026-05")


def test_govern_signs_a_checkpoint_of_each_log_and_stops_at_one_that_was_cut(home: Home) -> None:
    from governance.chained_log import BrokenLog, ChainedLog
    from governance.signed_note import Verifier
    from governance.transparency import audit, checkpoint_path, key_path

    log = ChainedLog(home.serving_dir / "releases.jsonl")
    for number in range(3):
        log.append({"event": "released", "number": number})
    assert runtime.govern(context())["checkpoints"] == ("telaga.testville/access", "telaga.testville/releases")
    key = Verifier.parse(key_path(log).read_text())
    assert audit(log.lines(), checkpoint_path(log).read_text(), [key]).size == 3

    log.path.write_bytes(b"".join(line + b"\n" for line in list(log.lines())[:2]))
    with pytest.raises(BrokenLog, match="does not continue its checkpoint of 3 entries"):
        runtime.govern(context())


def test_maintain_leaves_a_table_that_is_written_and_names_it(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    import polars as pl

    from infra.airflow import trimming
    from ingestion.lake import maintenance

    trimmed: list[dt.datetime] = []
    monkeypatch.setattr(trimming, "trim_metadata", lambda home, before: trimmed.append(before))
    hurried = functools.partial(maintenance.maintain_lake, patience=dt.timedelta(0))
    monkeypatch.setattr(maintenance, "maintain_lake", hurried)
    for number in range(3):
        home.lake().append("control", "batch_log", pl.DataFrame({"n": [number]}))
        home.lake().append("minimised", "region", pl.DataFrame({"n": [number]}))
    with runtime.writers(home).writing("control"):
        busy = runtime.maintain(context())
    assert busy["compacted"] == ["minimised/region"]
    assert busy["not_done"] == ["control/batch_log: a writer was at it"]
    free = runtime.maintain(context())
    assert (free["compacted"], free["not_done"]) == (["control/batch_log"], [])
    assert len(trimmed) == 2


def test_maintain_fails_by_name_where_a_table_could_not_be_maintained(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    import polars as pl

    from infra.airflow import trimming

    trimmed: list[object] = []
    monkeypatch.setattr(trimming, "trim_metadata", lambda home, before: trimmed.append(before))
    for number in range(2):
        home.lake().append("control", "batch_log", pl.DataFrame({"n": [number]}))
    for path in Path(home.lake().table("control", "batch_log")).glob("*.parquet"):
        path.write_bytes(b"no parquet")
    with pytest.raises(RuntimeError, match="not maintained: control/batch_log"):
        runtime.maintain(context())
    assert trimmed, "the rest is done first"


def test_publish_before_any_build_says_what_to_run(home: Home) -> None:
    with pytest.raises(RuntimeError, match="build_marts first"):
        runtime.publish(context())
