"""Every contract file, and what `feed new` drafts, is accepted by datacontract's own lint, without a call outside."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
import yaml

from infra.cli import envs
from ingestion.draft import draft_contract
from ingestion.entities import load_entities
from ingestion.sample import read_sample

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = sorted((ROOT / "ingestion" / "feeds").rglob("*.odcs.yaml"))
# One process for all: the import takes longest. A connection would end it.
LINT = """
import json, socket, sys
def refuse(*given): raise SystemExit("lint opened a connection")
socket.socket.connect = refuse
from datacontract.data_contract import DataContract
found = {}
for path in sys.argv[1:]:
    run = DataContract(data_contract_file=path).lint()
    found[path] = [run.result, *(f"{c.name}: {c.reason}" for c in run.checks if c.result != "passed")]
print("RESULT" + json.dumps(found, default=str))
"""


def lint(*paths: Path) -> dict[str, list[str]]:
    python = envs.ensure("peers", print)
    done = subprocess.run(
        [str(python), "-c", LINT, *map(str, paths)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, list[str]] = json.loads(done.stdout.split("RESULT", 1)[1])
    return found


def test_every_contract_is_accepted() -> None:
    assert len(CONTRACTS) >= 20
    found = lint(*CONTRACTS)
    assert {path: told for path, told in found.items() if told != ["passed"]} == {}
    assert len(found) == len(CONTRACTS)


def test_a_draft_is_accepted_as_it_stands_and_a_broken_contract_is_not(tmp_path: Path) -> None:
    sample = tmp_path / "kejadian.csv"
    rows = ["1,curat,2026-05-01 10:00,-1.2,116.6", "2,curas,2026-05-02 11:00,-1.3,116.7"]
    sample.write_text("\n".join(["nomor,jenis,waktu,lat,lon", *rows]) + "\n")
    drafted = tmp_path / "agency.kejadian.odcs.yaml"
    drafted.write_text(
        draft_contract(read_sample(sample), "agency.kejadian", "testville", load_entities()["police_record"])
    )
    broken = tmp_path / "broken.odcs.yaml"
    document = yaml.safe_load(CONTRACTS[0].read_text())
    document["schema"][0]["properties"][0]["logicalType"] = "varchar"
    broken.write_text(yaml.safe_dump(document))
    found = lint(drafted, broken)
    assert found[str(drafted)] == ["passed"]
    assert found[str(broken)][0] != "passed"
