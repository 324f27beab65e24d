"""A drifted batch comes with the contract change that would take it in; taken over, the batch lands."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from infra.settings import Home
from ingestion.connectors.drift import SchemaDrift
from ingestion.drift_proposal import proposal
from tests.support.landing import CALL_HEADER, CALLS, House, call, lines


@pytest.fixture
def home(plain_house: House) -> Home:
    plain_house.city()
    home = Home(plain_house.root).make()
    home.claim("testville", plain_house.root / "city")
    return home


def test_show_tells_the_difference_and_a_change_that_works(telaga: Any, plain_house: House, home: Home) -> None:
    plain_house.deliver("calls/c_2026-06-01.csv", lines(f"{CALL_HEADER},unit", [f"{call(1)},R4"]))
    plain_house.land(CALLS)
    batch = plain_house.quarantine(CALLS)["batch_id"][0]
    code, told, _ = telaga("quarantine", "show", batch)
    assert code == 0 and "differs  1 file whose rows" in told and "differ from the contract (new: unit)" in told
    proposed = [line.removeprefix("proposed ") for line in told.splitlines() if line.startswith("proposed ")]
    assert "R4" not in told and "raise version 1.0.0" in proposed[-2]
    (added,) = yaml.safe_load("\n".join(line for line in proposed if line.startswith(" ")))
    document = plain_house.documents[CALLS]
    document["schema"][0]["properties"].append(added)
    document["version"] = "1.0.1"
    plain_house.city()
    code, told, _ = telaga("quarantine", "replay", batch)
    assert code == 0 and "accepted 1" in told


def told_of(house: House, **difference: tuple[str, ...]) -> str:
    return "\n".join(proposal(house.contract(CALLS), str(SchemaDrift(CALLS, **difference))))


def test_each_kind_of_difference_has_its_proposal(plain_house: House) -> None:
    renamed = told_of(plain_house, new=("dijawab",), missing=("answered",))
    assert "dijawab may be answered under a new name: give that property physicalName: dijawab" in renamed
    assert "answered is no longer delivered: take its property out" in renamed
    assert "cannot be done without" in told_of(plain_house, missing=("number",))
    assert "category must stand in every row" in told_of(plain_house, missing=("kind",))
    assert "give it physicalType: double precision" in told_of(plain_house, changed=("lat (text became number)",))
    hidden = told_of(plain_house, new=("2 not shown, as a row of data may stand there",))
    assert "the delivery may have no header" in hidden and "- {name" not in hidden
    assert proposal(plain_house.contract(CALLS), "codes:kind: 3 rows") == []
