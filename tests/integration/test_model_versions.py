"""A column leaves a mart: one release shows both versions, the older one as deprecated; the next shows only the new.

A mart of a toy's own in a copy of the project, through dbt, the lake, the release and Superset's dataset.
"""

from __future__ import annotations

import datetime as dt
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
import yaml

from governance.marts import read_manifest
from governance.release import publish
from infra.build import dbt, export, pin, steps
from infra.build.settings import PROJECT, BuildSettings
from infra.superset.bundle import dataset_file
from infra.superset.definition import Dashboard, Dataset
from infra.superset.marts import read_marts
from tests.integration.test_build import PLAN, prepared

pytestmark = pytest.mark.integration

COLUMNS = {"period_type": "string", "period_start": "date", "period_label": "string", "old_label": "string"}
SQL = "select period_type, period_start, period_label{more} from {{{{ ref('int_periods') }}}}"
MART = Path("models/marts/operations")
BOTH: list[dict[str, Any]] = [{"v": 1}, {"v": 2, "columns": [{"include": "all", "exclude": ["old_label"]}]}]


def declared(versions: list[dict[str, Any]], columns: dict[str, str]) -> dict[str, Any]:
    meta = {
        "audience": "operations",
        "owner": "Bappeda",
        "grain": ["period_type", "period_start"],
        "disclosure": "no counts",
    }
    model: dict[str, Any] = {
        "name": "toy_periods",
        "description": "Periods.",
        "config": {"meta": meta},
        "columns": [{"name": name, "data_type": kind} for name, kind in columns.items()],
    }
    if versions:
        model |= {"latest_version": max(each["v"] for each in versions), "versions": versions}
    return {"models": [model]}


def released(
    settings: BuildSettings, serving: Path, monkeypatch: pytest.MonkeyPatch, day: dt.date
) -> dict[str, list[str]]:
    """Builds the toy's marts and publishes them; table -> columns of the release."""
    monkeypatch.setattr(dbt, "PHASES", {"count": ("int_periods",), "present": ("toy_periods",)})
    pins = steps.pin(settings) or pin.pinned(settings)
    steps.count(settings, pins)
    results = dbt.run(settings, "present", dbt.variables(settings, pins))
    report = export.with_rows(results, export.export(settings, "marts", pins))
    # Each version is reported with its own table.
    assert len({(line.model, line.version) for line in report}) == len(report)
    toys = tuple(mart for mart in read_manifest(settings.target_dir / "manifest.json") if "toy" in mart.name)
    outcome = publish(settings.lake, serving, toys, code_digest="code", city="kota-uji", as_of=day)
    assert outcome.published == ("operations",)
    assert {line.model for line in report if line.rows} == {mart.name for mart in toys}
    with duckdb.connect(str(serving / "operations/current.duckdb"), read_only=True) as connection:
        found: dict[str, list[str]] = {}
        for table, column in connection.execute(
            "select table_name, column_name from information_schema.columns where table_name like 'toy_%' order by all"
        ).fetchall():
            found.setdefault(table, []).append(column)
    return found


def dataset(project: Path, mart: str) -> dict[str, Any]:
    """Superset's dataset of a mart, as its dashboards would import it."""
    dashboard = Dashboard("toy.yaml", "toy", "Toy", "operations", "role", "user", {}, {}, (), ())
    return dataset_file(dashboard, Dataset(mart), read_marts(project / "models/marts")[mart])


def test_a_removed_column_lives_one_release_as_deprecated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project, serving = tmp_path / "dbt_project", tmp_path / "serving"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    settings = replace(prepared(tmp_path / "city"), project_dir=project)
    yml = project / MART / "toy_periods.yml"

    # As it was.
    yml.write_text(yaml.safe_dump(declared([], COLUMNS)))
    only = project / MART / "toy_periods.sql"
    only.write_text(SQL.format(more=", period_label as old_label"))
    everything = sorted(COLUMNS)
    assert released(settings, serving, monkeypatch, PLAN.as_of) == {"toy_periods": everything}

    # The column goes: the mart is without it, what still needs it has one release to move.
    yml.write_text(yaml.safe_dump(declared(BOTH, COLUMNS)))
    only.rename(project / MART / "toy_periods_v1.sql")
    (project / MART / "toy_periods_v2.sql").write_text(SQL.format(more=""))
    fewer = [name for name in everything if name != "old_label"]
    settings = replace(settings, run_id="r2")
    assert released(settings, serving, monkeypatch, PLAN.as_of) == {"toy_periods": fewer, "toy_periods_v1": everything}
    new, old = dataset(project, "toy_periods"), dataset(project, "toy_periods_v1")
    assert sorted(column["column_name"] for column in new["columns"]) == fewer
    assert sorted(column["column_name"] for column in old["columns"]) == everything
    assert old["description"].startswith("Usang") and new["description"] == "Periods."

    # The next release has only the new one.
    yml.write_text(yaml.safe_dump(declared([{"v": 2}], {name: COLUMNS[name] for name in COLUMNS if name in fewer})))
    (project / MART / "toy_periods_v1.sql").unlink()
    settings = replace(settings, run_id="r3")
    assert released(settings, serving, monkeypatch, PLAN.as_of + dt.timedelta(days=1)) == {"toy_periods": fewer}
    assert "toy_periods_v1" not in read_marts(project / "models/marts")
