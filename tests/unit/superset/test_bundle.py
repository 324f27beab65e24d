"""What Superset imports: the same files every time, whole, and a database that can only be read."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import pytest
import yaml

from infra.superset.access import VIEWER_PERMISSIONS
from infra.superset.bundle import Setting, assets, database
from infra.superset.definition import Dashboard, read_dashboards
from infra.superset.marts import Mart, read_marts

SETTING = Setting(Path("/srv/home/serving"), "Nusantara", "SINTETIS", "provinsi")


@pytest.fixture(scope="module")
def marts() -> dict[str, Mart]:
    return read_marts()


@pytest.fixture(scope="module")
def dashboards(marts: dict[str, Mart]) -> tuple[Dashboard, ...]:
    return read_dashboards(marts)


@pytest.fixture(scope="module")
def files(marts: dict[str, Mart], dashboards: tuple[Dashboard, ...]) -> dict[str, dict[str, Any]]:
    return {path: yaml.safe_load(text) for path, text in assets(dashboards, marts, SETTING).items()}


def below(files: dict[str, dict[str, Any]], folder: str) -> dict[str, dict[str, Any]]:
    return {path: content for path, content in files.items() if path.startswith(f"{folder}/")}


def test_the_same_definitions_make_the_same_bundle(
    marts: dict[str, Mart], dashboards: tuple[Dashboard, ...], files: dict[str, dict[str, Any]]
) -> None:
    again = assets(reversed(dashboards), marts, SETTING)
    assert list(again) == sorted(again)
    assert {path: yaml.safe_load(text) for path, text in again.items()} == files


def test_ids_are_of_names_and_the_same_in_every_home(
    marts: dict[str, Mart], dashboards: tuple[Dashboard, ...], files: dict[str, dict[str, Any]]
) -> None:
    elsewhere = assets(dashboards, marts, Setting(Path("/other"), "Chicago", "NYATA", "city"))
    ids = {path: content["uuid"] for path, content in files.items() if "uuid" in content}
    assert ids == {path: yaml.safe_load(text)["uuid"] for path, text in elsewhere.items() if path in ids}
    assert len(set(ids.values())) == len(ids) == len(files) - 1
    assert {UUID(each).version for each in ids.values()} == {5}


def test_every_reference_in_the_bundle_leads_somewhere(files: dict[str, dict[str, Any]]) -> None:
    databases = {content["uuid"] for content in below(files, "databases").values()}
    datasets = {content["uuid"] for content in below(files, "datasets").values()}
    charts = {content["uuid"] for content in below(files, "charts").values()}
    assert {content["database_uuid"] for content in below(files, "datasets").values()} == databases
    assert {content["dataset_uuid"] for content in below(files, "charts").values()} <= datasets
    placed = [
        cell["meta"]["uuid"]
        for content in below(files, "dashboards").values()
        for cell in content["position"].values()
        if isinstance(cell, dict) and cell["type"] == "CHART"
    ]
    assert sorted(placed) == sorted(charts)
    for content in below(files, "dashboards").values():
        for each in content["metadata"]["native_filter_configuration"]:
            assert {target["datasetUuid"] for target in each["targets"]} <= datasets


def test_the_words_of_a_city_stand_for_its_placeholders(files: dict[str, dict[str, Any]]) -> None:
    for path, content in files.items():
        assert "{" not in "".join(texts(content)), path
    conditions = [
        each["sqlExpression"] for each in files["charts/eksekutif-keamanan_komponen.yaml"]["params"]["adhoc_filters"]
    ]
    assert conditions == ["level = 'provinsi'"]


@pytest.mark.parametrize(("label", "said"), [("SINTETIS", "**DATA SINTETIS.**"), ("NYATA", "**DATA NYATA.**")])
def test_every_dashboard_begins_with_the_kind_of_its_data(
    label: str, said: str, marts: dict[str, Mart], dashboards: tuple[Dashboard, ...]
) -> None:
    made = assets(dashboards, marts, Setting(Path("/srv"), "Kota", label, "kota"))
    for path, text in made.items():
        if path.startswith("dashboards/"):
            position = yaml.safe_load(text)["position"]
            first = position[position[position["GRID_ID"]["children"][0]]["children"][0]]
            assert said in first["meta"]["code"], path
            # Markdown inside HTML is read as such only after a blank line.
            assert f"\n\n{said}" in first["meta"]["code"], path


def test_a_filter_that_chooses_its_first_value_applies_it(files: dict[str, dict[str, Any]]) -> None:
    filters = files["dashboards/eksekutif-keamanan.yaml"]["metadata"]["native_filter_configuration"]
    first = {
        each["name"]: each.get("requiredFirst", False)
        for each in filters
        if each["controlValues"]["defaultToFirstItem"]
    }
    assert first == {"Periode": True, "Tingkat": True, "Jam risiko": True}


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE mine (a INTEGER)",
        "INSERT INTO marts.risk_surface VALUES (1)",
        "DELETE FROM marts.risk_surface",
        "DROP TABLE marts.risk_surface",
        "COPY marts.risk_surface TO '{folder}/out.csv'",
        "SELECT * FROM read_csv('{folder}/secret.csv')",
        "SELECT * FROM '{folder}/secret.csv'",
        "SELECT * FROM glob('{folder}/*')",
        "ATTACH '{folder}/other.duckdb'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET memory_limit = '64GB'",
    ],
)
def test_the_database_refuses_all_but_reading(statement: str, tmp_path: Path) -> None:
    release = tmp_path / "executive" / "current.duckdb"
    release.parent.mkdir()
    with duckdb.connect(str(release)) as connection:
        connection.execute("CREATE SCHEMA marts; CREATE TABLE marts.risk_surface AS SELECT 2 AS relative_risk")
    (tmp_path / "secret.csv").write_text("a,b\n1,2\n")
    duckdb.connect(str(tmp_path / "other.duckdb")).close()
    said = database("executive", Setting(tmp_path, "Kota", "SINTETIS", "kota"))
    assert said["sqlalchemy_uri"] == f"duckdb:///{release}"
    arguments = said["extra"]["engine_params"]["connect_args"]
    with duckdb.connect(str(release), **arguments) as connection:
        assert connection.execute("SELECT relative_risk FROM marts.risk_surface").fetchone() == (2,)
        with pytest.raises(duckdb.Error):
            connection.execute(statement.format(folder=tmp_path))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["executive", "other.duckdb", "secret.csv"]


def test_a_viewer_may_neither_write_nor_ask_on_its_own() -> None:
    views = {view for _, view in VIEWER_PERMISSIONS}
    assert not views & {"SQLLab", "SQL Lab", "Dataset", "Database", "Datasource", "all_datasource_access", "Explore"}
    writes = {view for action, view in VIEWER_PERMISSIONS if action in ("can_write", "can_export", "can_csv")}
    assert writes == {"DashboardFilterStateRestApi", "DashboardPermalinkRestApi"}


def texts(content: Any) -> list[str]:
    """The texts of markdown cells and SQL conditions in a file of the bundle."""
    if isinstance(content, dict):
        own = [value for key, value in content.items() if key in ("code", "sqlExpression") and isinstance(value, str)]
        return own + [text for value in content.values() for text in texts(value)]
    return [text for value in content for text in texts(value)] if isinstance(content, list) else []
