"""`telaga feed check`: every fault is one line that names the file and what to do."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from ingestion.city import FEEDS
from ingestion.contract import SUFFIX
from tests.unit.contracts.conftest import CITY, calls

SHIPPED = sorted(FEEDS.glob(f"*/*{SUFFIX}"))


def written(folder: Path, document: dict) -> Path:
    path = folder / f"{document['name']}{SUFFIX}"
    path.write_text(yaml.safe_dump(document, sort_keys=False))
    return path


def a_city(folder: Path, **changed: object) -> Path:
    folder.mkdir()
    stated = {**CITY, **changed}
    (folder / "city.yaml").write_text(yaml.safe_dump(stated).replace("'2026-06-30'", "2026-06-30"))
    return folder


@pytest.mark.parametrize("city", sorted({path.parent for path in SHIPPED}), ids=lambda folder: folder.name)
def test_every_contract_of_the_house_passes(telaga, city):
    assert telaga("feed", "check", city)[:2] == (0, "")


def test_a_single_contract_passes_and_says_so_beside_its_empty_result(telaga):
    assert telaga("feed", "check", SHIPPED[0]) == (0, "", "1 contract without fault\n")


def test_each_fault_is_one_line_that_names_the_file(telaga, tmp_path):
    document = calls(cadence="hourly", entity="emergency_call")
    document["schema"][0]["properties"][6]["customProperties"][0]["value"] = {}
    del document["schema"][0]["properties"][4]["classification"]
    code, told, _ = telaga("feed", "check", written(tmp_path, document))
    lines = told.splitlines()
    assert code == 1
    assert len(lines) == 3
    assert all(line.startswith("police.calls.odcs.yaml: ") for line in lines)
    for words in ("cadence breaks pattern", "classification is missing", "a classification without an action"):
        assert words in told


def test_a_city_tells_the_faults_of_all_its_contracts(telaga, tmp_path):
    city = a_city(tmp_path / "city")
    first, second = calls(entity="nothing"), calls(cadence="x")
    second["name"] = "police.more"
    written(city, first)
    written(city, second)
    code, told, _ = telaga("feed", "check", city)
    assert code == 1
    assert [line.split(":")[0] for line in told.splitlines()] == ["police.calls.odcs.yaml", "police.more.odcs.yaml"]


def test_faults_of_city_yaml_are_told_once_its_contracts_hold(telaga, tmp_path):
    city = a_city(tmp_path / "city", index_level="galaxy", time_zone="Mars/Olympus")
    written(city, calls())
    code, told, _ = telaga("feed", "check", city)
    assert (code, len(told.splitlines())) == (1, 2)
    assert "index_level galaxy" in told
    assert "time_zone Mars/Olympus" in told


@pytest.mark.parametrize(
    ("path", "words"),
    [("nowhere.odcs.yaml", "is not there"), ("empty", "holds no *.odcs.yaml"), ("broken.odcs.yaml", "is not YAML")],
)
def test_what_is_no_contract_says_why(telaga, tmp_path, path, words):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.odcs.yaml").write_text("a: [1,\nb: 2")
    code, told, _ = telaga("feed", "check", tmp_path / path)
    assert code == 1
    assert words in told


def test_a_sealed_feed_needs_the_public_key_that_it_names(telaga, tmp_path):
    from ingestion.sealing import make_agency_key

    document = calls()
    value = {"sealed": True, "agency_key": "keys/police.pem"}
    document["servers"][0]["customProperties"] = [{"property": "telaga", "value": value}]
    path = written(tmp_path, document)
    (tmp_path / "keys").mkdir()
    for content in (None, "no key", (tmp_path / "k" / "agency-police.ed25519")):
        if isinstance(content, Path):
            make_agency_key(tmp_path / "k", "police")
            content = content.read_text()  # the private key, by mistake
        if content:
            (tmp_path / "keys" / "police.pem").write_text(content)
        code, told, _ = telaga("feed", "check", path)
        assert (code, len(told.splitlines())) == (1, 1)
        assert "agency_key: police.pem is no public key; ask the agency for its *.pem" in told
        assert "PRIVATE" not in told
    (tmp_path / "keys" / "police.pem").write_text(make_agency_key(tmp_path / "k", "police"))
    assert telaga("feed", "check", path)[0] == 0
    del value["agency_key"]
    assert "sealed drops need agency_key" in telaga("feed", "check", written(tmp_path, document))[1]
    value |= {"sealed": False, "agency_key": "keys/police.pem"}
    assert "mean nothing without sealed: true" in telaga("feed", "check", written(tmp_path, document))[1]
