"""Every contract is held to the standard, to our schema, and to what neither can say."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingestion.contract import ContractError, check_contract, load_contract
from tests.unit.contracts.conftest import calls, column

FEEDS = sorted((Path(__file__).parents[3] / "ingestion" / "feeds").glob("*/*.odcs.yaml"))


def properties(document):
    return document["schema"][0]["properties"]


def change(document, name, **ours):
    for prop in properties(document):
        if prop["name"] == name:
            value = prop["customProperties"][0]["value"]
            value.update(ours)
            for key in [key for key, item in ours.items() if item is ...]:
                del value[key]
    return document


@pytest.mark.parametrize("path", FEEDS, ids=lambda path: path.name)
def test_every_contract_of_the_house_can_be_used(path):
    assert check_contract(path) == []


def test_there_are_contracts_to_check():
    assert len(FEEDS) >= 20


def test_a_good_contract_has_no_fault(write):
    assert check_contract(write(calls())) == []


def test_what_the_file_says_is_what_is_loaded(contract):
    loaded = contract()
    assert (loaded.feed, loaded.city, loaded.entity, loaded.key) == (
        "police.calls",
        "testville",
        "emergency_call",
        ("number",),
    )
    assert (loaded.freshness_hours, loaded.retention_days, loaded.owner) == (24.0, 30, "Police")
    assert loaded.column("kind").codes == {"K": "crime", "F": "fire"}
    assert loaded.mapped()["received_at"].name == "at"
    assert loaded.unknown_columns == "stop"
    assert len(loaded.digest) == 64


def test_rules_are_derived_from_types_keys_codes_and_limits(contract):
    names = {rule.name for rule in contract().row_rules}
    expected = {"key:number", "required:kind", "codes:kind", "type:at", "time:at", "coordinate:lat", "order:arrived"}
    assert expected <= names
    assert not {name for name in names if name.endswith(":caller")}, "a dropped column has no rule to break"


def one_fault(write, document):
    faults = check_contract(write(document))
    assert len(faults) == 1, faults
    assert "\n" not in faults[0]
    return faults[0]


def test_a_classification_without_an_action_is_refused(write):
    fault = one_fault(write, change(calls(), "lat", action=...))
    assert "column lat" in fault and "without an action" in fault


@pytest.mark.parametrize("subject", ["suspect", "victim", "witness", "child", "health", "biometrics", "account"])
@pytest.mark.parametrize("action", ["keep", "generalise", "pseudonymise", "redact"])
def test_columns_about_people_at_risk_allow_only_drop(write, subject, action):
    document = change(calls(), "caller", about=subject, action=action)
    assert any("may only be dropped" in fault and "caller" in fault for fault in check_contract(write(document)))
    assert check_contract(write(change(document, "caller", action="drop"))) == []


@pytest.mark.parametrize("name", ["nama_korban", "victim_age", "tersangka", "nama_saksi", "umur_anak", "no_rekening"])
def test_such_a_column_is_known_by_its_name_too(write, name):
    document = calls()
    properties(document).append(column(name, action="pseudonymise", classification="internal"))
    assert any(name in fault and "may only be dropped" in fault for fault in check_contract(write(document)))


def test_specific_data_is_never_kept_or_pseudonymised(write):
    document = calls()
    properties(document).append(column("belief", action="pseudonymise", classification="specific"))
    assert "specific personal data" in one_fault(write, document)


def test_personal_data_is_not_kept(write):
    document = calls()
    next(p for p in properties(document) if p["name"] == "lat")["classification"] = "personal"
    assert "personal data is not kept" in one_fault(write, document)


def test_a_plate_under_a_harmless_class_is_noticed(write):
    document = calls()
    properties(document).append(column("plat_nomor", action="pseudonymise", classification="public"))
    assert "sounds personal" in one_fault(write, document)


def test_a_dropped_column_maps_to_nothing(write):
    assert "dropped and cannot map" in one_fault(write, change(calls(), "caller", maps_to="channel"))


def test_a_column_that_nobody_uses_is_dropped_by_name(write):
    document = calls()
    properties(document).append(column("weather"))
    assert "maps to nothing" in one_fault(write, document)


def test_an_unknown_target_is_named(write):
    fault = one_fault(write, change(calls(), "lat", maps_to="altitude"))
    assert "altitude" in fault and "emergency_call" in fault


def test_a_required_target_must_be_filled(write):
    document = calls()
    properties(document)[:] = [p for p in properties(document) if p["name"] != "kind"]
    assert "nothing fills emergency_call.category" in one_fault(write, document)


def test_a_required_target_needs_a_required_column(write):
    document = calls()
    del properties(document)[1]["required"]
    assert "say required: true" in one_fault(write, document)


def test_two_columns_cannot_fill_one_target(write):
    assert any(
        "filled twice" in fault for fault in check_contract(write(change(calls(), "arrived", maps_to="received_at")))
    )


def test_codes_end_in_what_the_entity_allows(write):
    assert "murder not allowed in category" in one_fault(write, change(calls(), "kind", codes={"K": "murder"}))


def test_an_allowed_list_needs_codes(write):
    assert "list the agency's codes" in one_fault(write, change(calls(), "kind", codes=...))


def test_a_required_target_cannot_take_a_code_without_equivalent(write):
    assert "without equivalent" in one_fault(write, change(calls(), "kind", codes={"K": None}))


def test_a_type_that_cannot_become_the_target_is_refused(write):
    document = calls()
    properties(document)[4]["logicalType"] = "boolean"
    assert "cannot become a number" in one_fault(write, document)


def test_an_entity_that_is_unknown_is_refused(write):
    assert "is none of entities.yaml" in one_fault(write, calls(entity="ufo_sighting"))


def test_a_property_of_ours_that_is_misspelt_is_refused(write):
    assert "mapsto" in one_fault(write, change(calls(), "caller", mapsto="channel"))


def test_a_property_of_the_standard_that_is_misspelt_is_refused(write):
    document = calls()
    document["ovner"] = "someone"
    assert "Open Data Contract Standard" in one_fault(write, document)


def test_an_old_standard_is_refused(write):
    document = calls()
    document["apiVersion"] = "v3.0.2"
    assert "v3.1.0 or later" in one_fault(write, document)


@pytest.mark.parametrize("name", ["freshness", "retention"])
def test_service_levels_must_be_stated(write, name):
    document = calls()
    document["slaProperties"] = [item for item in document["slaProperties"] if item["property"] != name]
    assert name in one_fault(write, document)


def test_a_refinement_reads_only_declared_columns(write):
    refine = [{"when": {"column": "mood", "equals": True}, "to": "fire"}]
    assert "mood" in one_fault(write, change(calls(), "kind", refine=refine))


def test_name_and_file_agree(write, tmp_path):
    path = write(calls()).rename(tmp_path / "police.alarms.odcs.yaml")
    assert "must agree" in check_contract(path)[0]


def test_what_is_no_yaml_is_said_with_its_line(tmp_path):
    path = tmp_path / "police.calls.odcs.yaml"
    path.write_text("name: x\n  bad: [\n")
    assert "line" in check_contract(path)[0]
    assert "cannot be read" in check_contract(tmp_path / "absent.odcs.yaml")[0]


def test_loading_a_faulty_contract_says_every_fault(write):
    document = change(change(calls(), "lat", action=...), "lon", action=...)
    with pytest.raises(ContractError) as error:
        load_contract(write(document))
    assert len(str(error.value).splitlines()) == 2


def test_a_fault_shows_no_value_of_the_file(write):
    document = change(calls(), "caller", about="Budi Santoso")
    assert all("Budi" not in fault for fault in check_contract(write(document)))


def stated(document, rule, column=None):
    rule = {"type": "library", **rule}
    if column is None:
        document["schema"][0].setdefault("quality", []).append(rule)
    else:
        next(prop for prop in properties(document) if prop["name"] == column)["quality"] = [rule]
    return document


def test_percents_of_a_limit_are_shares_and_a_columns_rule_is_about_it(contract):
    rule = {"name": "told", "metric": "nullValues", "unit": "percent", "mustBeLessOrEqualTo": 5}
    (found,) = (r for r in contract(stated(calls(), rule, "lat")).batch_rules if r.name == "told")
    assert (found.kind, found.columns, found.argument["max"]) == ("missing_share", ("lat",), 0.05)


LIMITS = [
    ({"metric": "nullValues", "mustBeLessOrEqualTo": 5}, "lat", "say unit: percent"),
    ({"metric": "nullValues", "unit": "percent", "mustBeLessOrEqualTo": 5}, None, "belongs to one column"),
    ({"metric": "rowCount", "mustBeGreaterOrEqualTo": 5}, "lat", "belongs to the schema"),
    ({"metric": "rowCount", "mustBeGreaterThan": 5}, None, "no other limit is read"),
    ({"metric": "missingValues", "mustBe": 0}, "lat", "metric must be rowCount, nullValues, duplicateValues"),
]


@pytest.mark.parametrize(("rule", "column", "told"), LIMITS)
def test_a_rule_that_would_stop_nothing_is_a_fault(write, rule, column, told):
    assert told in one_fault(write, stated(calls(), {"name": "rule", **rule}, column))
