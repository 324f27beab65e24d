"""What every model must say of itself, read from the files: no database, no dbt."""

from __future__ import annotations

import re

import yaml

from infra.build import sources
from tests.unit.models.conftest import PROJECT, ROOT, Model, read_yaml

AUDIENCES = {"engineering", "executive", "operations", "oversight", "privacy"}
LAYERS = {"staging": 0, "intermediate": 1, "estimates": 2, "marts": 3}
# What a model must not ask the machine: there is one clock, as-of.
CLOCKS = re.compile(
    r"current_date|current_timestamp|localtimestamp|getdate|\bnow\s*\(|\btoday\s*\(|sysdate", re.IGNORECASE
)
# Identifiers, exact times and points of single events end in staging.
OF_ONE_EVENT = {
    "record_key",
    "row_digest",
    "camera_key",
    "plate_token",
    "occurred_at",
    "received_at",
    "longitude",
    "latitude",
}
FORMULA = re.compile(r"\bcase\b|over \(|join|percentile|coalesce")


def test_every_mart_declares_what_a_reader_needs(marts: dict[str, Model]) -> None:
    assert {"region_security_index", "risk_surface"} <= marts.keys()
    for name, mart in marts.items():
        for declared in ("audience", "owner", "grain", "disclosure", "freshness"):
            assert mart.meta.get(declared), f"{name} declares no {declared}"
        assert mart.meta["audience"] in AUDIENCES, name
        assert len(mart.said["description"]) > 40, name


def test_the_contract_of_every_mart_is_enforced(marts: dict[str, Model]) -> None:
    project = yaml.safe_load((PROJECT / "dbt_project.yml").read_text(encoding="utf-8"))
    assert project["models"]["telaga"]["marts"]["+contract"] == {"enforced": True}
    for name, mart in marts.items():
        assert "contract" not in mart.said.get("config", {}), f"{name} sets a contract of its own"
        for column, said in mart.columns.items():
            assert said.get("data_type"), f"{name}.{column} has no type"
            assert said.get("description"), f"{name}.{column} is not described"


def test_every_column_of_a_mart_is_described_in_two_languages(marts: dict[str, Model]) -> None:
    for name, mart in marts.items():
        for column, said in mart.columns.items():
            assert " / " in said["description"], f"{name}.{column}: Indonesian / English"


def test_the_grain_of_every_model_is_tested(models: dict[str, Model]) -> None:
    for name, model in models.items():
        if model.folder == "staging":
            continue
        grain = model.meta.get("grain")
        assert grain, f"{name} declares no grain"
        tested = [
            test["unique_grain"]["arguments"]["columns"]
            for test in model.said.get("data_tests", [])
            if isinstance(test, dict) and "unique_grain" in test
        ]
        assert tested == [grain], f"{name}: unique_grain tests {tested}, the grain is {grain}"
        if model.folder == "marts":
            assert set(grain) <= mart_columns(model), name


def mart_columns(mart: Model) -> set[str]:
    return set(mart.columns)


def test_every_mart_says_whose_data_it_shows_and_of_which_day(marts: dict[str, Model]) -> None:
    for name, mart in marts.items():
        assert {"data_label", "as_of"} <= mart_columns(mart), name


def test_no_model_asks_the_machine_for_the_date(models: dict[str, Model]) -> None:
    macros = {path.name: path.read_text(encoding="utf-8") for path in (PROJECT / "macros").glob("*.sql")}
    for name, text in {**{name: model.sql for name, model in models.items()}, **macros}.items():
        assert not CLOCKS.search(_without_comments(text)), f"{name} asks the machine for the time"


def test_the_check_of_clocks_finds_one() -> None:
    assert CLOCKS.search("where day <= current_date")
    assert CLOCKS.search("select now()")
    assert not CLOCKS.search("select known, nowhere from t")


def _without_comments(sql: str) -> str:
    return re.sub(r"\{#.*?#\}", "", re.sub(r"--[^\n]*", "", sql), flags=re.DOTALL)


def test_models_read_only_what_lies_before_them(models: dict[str, Model]) -> None:
    for name, model in models.items():
        read = re.findall(r"ref\('(\w+)'\)", model.sql)
        for other in read:
            if other in models:
                assert LAYERS[models[other].folder] <= LAYERS[model.folder], f"{name} reads {other}"
        assert ("pinned(" in model.sql) == (model.folder in ("staging", "estimates")), name
        assert "source(" not in model.sql, f"{name} reads a source at no pinned version"
        if model.folder == "staging":
            assert read == [], f"{name} is staging and reads a model"


def test_what_identifies_one_event_ends_in_staging(models: dict[str, Model]) -> None:
    for name, model in models.items():
        if model.folder in ("intermediate", "marts"):
            assert not OF_ONE_EVENT & model.columns.keys(), name
    # What each model reads, under whatever name, is looked at by governance.lineage.
    used = [name for name, model in models.items() if model.folder != "staging" and "record_key" in model.sql]
    assert used == []


def test_the_sources_are_derived_from_the_entities() -> None:
    assert sources.TARGET.read_text(encoding="utf-8") == sources.current(), "run `python -m infra.build.sources`"


def test_exposures_name_real_dashboards_and_read_their_audience_only(marts: dict[str, Model]) -> None:
    folder = ROOT / "infra/superset/dashboards"
    said = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in folder.glob("*.yaml")]
    dashboards = {dashboard["slug"]: dashboard for dashboard in said}
    exposures = read_yaml("models/**/*.yml", "exposures")
    assert {exposure["config"]["meta"]["slug"] for exposure in exposures} == set(dashboards)
    shown: set[str] = set()
    for exposure in exposures:
        meta = exposure["config"]["meta"]
        read = {ref.removeprefix("ref('").removesuffix("')") for ref in exposure["depends_on"]}
        assert dashboards[meta["slug"]]["audience"] == meta["audience"], exposure["name"]
        assert {marts[mart].meta["audience"] for mart in read} == {meta["audience"]}, exposure["name"]
        assert set(dashboards[meta["slug"]]["datasets"]) == read, exposure["name"]
        shown |= read
    assert shown == set(marts), "a mart that no dashboard opens"


def test_models_with_a_formula_have_a_unit_test(models: dict[str, Model]) -> None:
    tested = {entry["model"] for entry in read_yaml("models/**/*.yml", "unit_tests")}
    assert tested <= models.keys()
    # A view of one table, typed, and plain sums by day and region hold no formula.
    counted = {name: model for name, model in models.items() if model.folder in ("intermediate", "marts")}
    formulas = {name for name, model in counted.items() if FORMULA.search(model.sql)}
    assert formulas - tested == set()


def test_every_model_and_its_columns_are_written_up(models: dict[str, Model]) -> None:
    for name, model in models.items():
        assert model.said.get("description"), f"{name} has no description"
