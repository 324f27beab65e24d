"""A build whose models read what ends in staging is refused before it counts anything."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from infra.build import lineage, steps
from infra.build.settings import PROJECT, BuildFailed, BuildSettings
from tests.integration.test_build import prepared, versions

pytestmark = pytest.mark.integration

RECORDS = "{{ ref('stg_police_record') }}"
VIOLATIONS = {
    "by_rename": f"select record_key as case_name, region_code from {RECORDS}",
    "by_hash": f"select md5(record_key) as x, region_code from {RECORDS}",
    "by_concatenation": f"select concat(region_code, '-', record_key) as x from {RECORDS}",
    "by_struct": f"select {{'a': region_code, 'b': record_key}} as x from {RECORDS}",
    "by_join": (
        f"select a.region_code, count(*) as n from {RECORDS} as a inner join {RECORDS} as b "
        "on a.record_key = b.record_key group by a.region_code"
    ),
    "by_filter": f"select region_code, count(*) as n from {RECORDS} where record_key > '8' group by region_code",
    "by_count": f"select region_code, count(distinct record_key) as n from {RECORDS} group by region_code",
    "by_moment": f"select occurred_at as at_hour, count(*) as n from {RECORDS} group by occurred_at",
}


@pytest.fixture
def settings(tmp_path: Path) -> BuildSettings:
    """A lake ready to build, and a copy of the project to spoil."""
    project = tmp_path / "dbt_project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    return replace(prepared(tmp_path / "city"), project_dir=project)


def test_every_violating_model_fails_the_build_by_name(settings: BuildSettings) -> None:
    pins = steps.pin(settings)
    for name, sql in VIOLATIONS.items():
        folder = "estimates" if name == "by_hash" else "intermediate"
        (settings.project_dir / "models" / folder / f"int_{name}.sql").write_text(sql, encoding="utf-8")
    with pytest.raises(BuildFailed) as refused:
        steps.count(settings, pins)
    said = str(refused.value)
    for name in VIOLATIONS:
        source = "occurred_at (exact time)" if name == "by_moment" else "record_key (record key)"
        (line,) = [line for line in said.splitlines() if line.startswith((f"int_{name} ", f"int_{name}."))]
        assert f"stg_police_record.{source}" in line
    assert versions(settings.lake) == {}


def test_the_project_as_it_stands_passes_and_so_does_a_declared_count(settings: BuildSettings) -> None:
    models = settings.project_dir / "models"
    (models / "staging/stg_case_count.sql").write_text(
        "select region_code, count(distinct record_key) as n_cases "
        "from {{ pinned('minimised', 'police_record') }} group by region_code",
        encoding="utf-8",
    )
    (models / "intermediate/int_case_count.sql").write_text(
        "select region_code, sum(n_cases) as n from {{ ref('stg_case_count') }} group by region_code", encoding="utf-8"
    )
    settings.build_dir.mkdir(parents=True, exist_ok=True)
    with pytest.raises(BuildFailed, match=r"int_case_count\.n is made of stg_case_count\.n_cases \(record key\)"):
        lineage.check(settings)
    (models / "staging/_case_count.yml").write_text(
        "models:\n  - name: stg_case_count\n    description: How many.\n    columns:\n      - name: n_cases\n"
        "        description: Records, each once.\n        config: {meta: {count_of: record_key}}\n",
        encoding="utf-8",
    )
    lineage.check(settings)
    # What was found good is not compiled again.
    good = (settings.build_dir / "lineage.txt").read_text()
    assert lineage._digest(settings) == good.strip()
