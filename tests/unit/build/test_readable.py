"""What statistics may read of a minimised table beside the aggregates."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from infra.build.lineage import READABLE, readable
from infra.build.settings import BuildFailed, BuildSettings, Pins
from ingestion.entities import load_entities
from ingestion.lake import Lake
from tests.support.minimised_lake import Plan, make_city, regions

ROOT = Path(__file__).resolve().parents[3]
# The steps between the two dbt runs, in which no lineage can look.
OPAQUE = ["infra/build/estimate.py", "infra/build/planning.py", "infra/build/cells.py", "estimation"]


@pytest.fixture
def settings(tmp_path: Path) -> BuildSettings:
    plan = Plan()
    city = make_city(tmp_path / "city", plan)
    lake = Lake(str(tmp_path / "lake"))
    lake.replace("minimised", "region", regions(plan, city.level_keys))
    return BuildSettings(lake, city, plan.as_of, "r1", tmp_path, tmp_path, tmp_path)


def test_the_shape_of_a_region_may_be_read_and_no_key(settings: BuildSettings) -> None:
    pins = Pins("r1", settings.as_of, {"minimised__region": settings.lake.version("minimised", "region") or 0}, "", "")
    found = readable(settings, pins, "region", ["region_code", "boundary_wkb"]).collect()
    assert found.columns == ["region_code", "boundary_wkb"] and found.height == 13
    with pytest.raises(BuildFailed, match=r"region\.record_key: statistics read aggregates"):
        readable(settings, pins, "region", ["region_code", "record_key"])
    with pytest.raises(BuildFailed, match=r"police_record\.category"):
        readable(settings, pins, "police_record", ["category"])


def test_what_may_be_read_tells_of_nothing_that_ends_in_staging() -> None:
    from governance.lineage import kind_of

    entities = load_entities()
    for entity, columns in READABLE.items():
        types = {f.name: f.type for f in (*entities.every_table, *entities[entity].minimised)}
        assert columns <= types.keys()
        # The outline of a region is no point at which anything happened.
        assert {name for name in columns if kind_of(name, types[name])} <= {"boundary_wkb"}


def test_statistics_read_minimised_tables_in_no_other_way() -> None:
    files = [
        path for name in OPAQUE for path in ([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"))
    ]
    assert len(files) > 20
    for path in files:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"""read\(\s*["']minimised""", text), path.name
        assert "DeltaTable" not in text and "scan_delta" not in text, path.name
