"""Dashboards stand on marts: every column, metric and condition is one that dbt declares for that audience."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from infra.superset.definition import DASHBOARDS, Dashboard, DefinitionError, check, read_dashboard, read_dashboards
from infra.superset.marts import MARTS, Mart, read_marts

FILES = sorted(DASHBOARDS.glob("*.yaml"))


@pytest.fixture(scope="module")
def marts() -> dict[str, Mart]:
    return read_marts()


@pytest.fixture(scope="module")
def empty(marts: dict[str, Mart]) -> Iterator[duckdb.DuckDBPyConnection]:
    """Every mart as an empty table of the declared types."""
    with duckdb.connect() as connection:
        for mart in marts.values():
            columns = ", ".join(f'"{column.name}" {column.superset_type}' for column in mart.columns.values())
            if columns:
                connection.execute(f"CREATE TABLE {mart.name} ({columns})")
        yield connection


def test_each_audience_has_a_dashboard_of_its_own(marts: dict[str, Mart]) -> None:
    dashboards = read_dashboards(marts)
    audiences = ["engineering", "executive", "operations", "oversight", "privacy"]
    assert sorted(each.audience for each in dashboards) == audiences
    for part in ("slug", "role", "user"):
        assert len({getattr(each, part) for each in dashboards}) == len(dashboards)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_sql_of_a_dashboard_runs_on_its_marts(
    path: Path, marts: dict[str, Mart], empty: duckdb.DuckDBPyConnection
) -> None:
    dashboard = check(read_dashboard(path), marts)
    for dataset in dashboard.datasets.values():
        for metric in dataset.metrics:
            empty.execute(f"SELECT {metric.sql} FROM {dataset.mart}")
        for column in dataset.computed:
            empty.execute(f"SELECT {column.sql} FROM {dataset.mart}")
    for chart in dashboard.charts.values():
        for condition in chart.where:
            empty.execute(f"SELECT 1 FROM {chart.dataset} WHERE {condition}")


def test_sql_on_a_column_that_the_mart_lacks_does_not_run(empty: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(duckdb.BinderException):
        empty.execute("SELECT AVG(victim_count) FROM region_security_index")


FAULTS: list[tuple[str, list[Any], Any, str]] = [
    ("an axis", ["charts", "tren", "x"], "month", "chart tren.*no column month"),
    ("a tooltip", ["charts", "peta_risiko", "tooltip"], ["plate"], "chart peta_risiko.*no column plate"),
    ("a table's column", ["charts", "peringkat", "columns"], ["nik"], "chart peringkat.*no column nik"),
    ("a metric", ["charts", "terbit", "metric"], "persons", "chart terbit.*no metric persons"),
    ("an interval", ["charts", "tren", "band"], ["low", "high"], "chart tren.*no metric low"),
    ("an order of bars", ["charts", "komponen", "sort"], "points", "chart komponen.*no metric points"),
    ("an order of rows", ["charts", "peringkat", "order_by"], [["rank", True]], "neither column nor metric rank"),
    ("a colour", ["charts", "peringkat", "colours"], [{"column": "severity"}], "neither column nor metric severity"),
    ("a label", ["datasets", "risk_surface", "labels", "victim"], "Korban", "no column victim"),
    ("a time", ["datasets", "risk_surface", "time"], "happened_at", "no column happened_at"),
    ("a filter", ["filters", "tingkat", "column"], "tier", "filter tingkat.*no column tier"),
    ("a filter's order", ["filters", "tingkat", "order"], "biggest", "filter tingkat.*no metric biggest"),
    ("a skipped chart", ["filters", "tingkat", "skips"], ["pie"], "there is no chart pie"),
    ("a dataset", ["charts", "tren", "dataset"], "stg_incident", "the file has no dataset stg_incident"),
    ("an audience", ["audience"], "oversight", "its mart is for executive, not oversight"),
    ("a kind", ["charts", "tren", "kind"], "pie", "kind pie is none of"),
    ("a row", ["rows"], [], "every chart stands in exactly one row"),
]


@pytest.mark.parametrize(("keys", "value", "message"), [fault[1:] for fault in FAULTS], ids=[f[0] for f in FAULTS])
def test_what_does_not_exist_is_refused_by_name(
    keys: list[Any], value: object, message: str, marts: dict[str, Mart], tmp_path: Path
) -> None:
    said = yaml.safe_load((DASHBOARDS / "eksekutif.yaml").read_text())
    part = said
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    path = tmp_path / "changed.yaml"
    path.write_text(yaml.safe_dump(said))
    with pytest.raises(DefinitionError, match=f"changed.yaml: .*{message}"):
        check(read_dashboard(path), marts)


def test_the_executive_dashboard_shows_index_interval_trend_and_both_maps(marts: dict[str, Mart]) -> None:
    dashboard = check(read_dashboard(DASHBOARDS / "eksekutif.yaml"), marts)
    maps = {chart.dataset for chart in dashboard.charts.values() if chart.kind == "map"}
    assert maps == {"region_security_index", "risk_surface"}
    trend = dashboard.charts["tren"]
    assert (trend.options["metrics"], trend.options["band"]) == (["index"], ["index_lower", "index_upper"])
    assert {"index_value", "interval_text", "status_text", "reason_text"} <= set(
        dashboard.charts["peringkat"].options["columns"]
    )


def test_exposures_in_dbt_name_the_same_dashboards(marts: dict[str, Mart]) -> None:
    exposures = yaml.safe_load((MARTS / "_exposures.yml").read_text())["exposures"]
    declared = {each["config"]["meta"]["slug"]: (each["config"]["meta"]["audience"], _refs(each)) for each in exposures}
    assert declared == {each.slug: (each.audience, _datasets(each)) for each in read_dashboards(marts)}


def _refs(exposure: dict[str, Any]) -> set[str]:
    return {reference.removeprefix("ref('").removesuffix("')") for reference in exposure["depends_on"]}


def _datasets(dashboard: Dashboard) -> set[str]:
    return set(dashboard.datasets)


def test_no_mart_keeps_more_than_one_older_version() -> None:
    """A removed column lives one release as deprecated: who adds a version takes the one before last away."""
    for path in sorted(MARTS.rglob("*.yml")):
        for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models", []):
            assert len(model.get("versions") or []) <= 2, f"{path.name}: {model['name']}"
