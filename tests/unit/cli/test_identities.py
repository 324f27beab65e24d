"""Policies of the lake's bucket: nothing by wildcard, nothing outside the lake, and nobody may both land and build."""

from __future__ import annotations

import json
from typing import Any

import pytest

from infra.object_store.identities import IDENTITIES, main, named, policy, seaweedfs, together
from ingestion.lake import KINDS

LAKE = "s3://city/nusantara/lake"


def statements(name: str) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = policy(together(name), LAKE)["Statement"]
    return made


@pytest.mark.parametrize("name", [identity.name for identity in IDENTITIES])
def test_a_policy_names_every_action_and_stays_within_the_lake(name: str) -> None:
    for statement in statements(name):
        assert statement["Effect"] == "Allow"
        assert not any("*" in action for action in statement["Action"])
        for resource in statement["Resource"]:
            assert resource == "arn:aws:s3:::city" or resource.startswith("arn:aws:s3:::city/nusantara/lake/")
        if statement["Action"] == ["s3:ListBucket"]:
            prefixes = statement["Condition"]["StringLike"]["s3:prefix"]
            assert prefixes and all(prefix.startswith("nusantara/lake/") for prefix in prefixes)


def test_every_kind_of_table_has_who_writes_it_and_no_delivery_meets_a_mart() -> None:
    written = {folder for identity in IDENTITIES for folder in identity.writes}
    assert written >= KINDS
    built = {"aggregates", "estimates", "marts"}
    assert not built & set(named("landing").folders)
    assert not {"quarantine", "originals", "officer", "scratch"} & set(named("building").folders)
    assert "officer" not in named("landing").reads
    assert named("reading").writes == named("reading").deletes == ()


def test_who_is_several_has_the_rights_of_each() -> None:
    both = together("landing", "building")
    assert set(both.reads) == {*named("landing").reads, *named("building").reads}
    assert set(both.writes) == {*named("landing").writes, *named("building").writes}


def test_seaweedfs_is_given_each_identity_with_its_policy_alone() -> None:
    config = seaweedfs(LAKE, {"reading": ("access", "secret")})
    assert [(one["actions"], one["policyNames"]) for one in config["identities"]] == [([], ["telaga-reading"])]
    assert [json.loads(one["content"]) for one in config["policies"]] == [policy(named("reading"), LAKE)]


def test_the_command_prints_policies_and_refuses_what_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([LAKE, "landing", "building"]) == 0
    assert json.loads(capsys.readouterr().out) == policy(together("landing", "building"), LAKE)
    assert main([LAKE, "--seaweedfs"]) == 0
    keys = [one["credentials"][0] for one in json.loads(capsys.readouterr().out)["identities"]]
    assert len({key["secretKey"] for key in keys}) == len(keys) == len(IDENTITIES)
    for wrong in ([LAKE], [LAKE, "landing", "--seaweedfs"], [LAKE, "nobody"], ["/a/folder", "landing"]):
        with pytest.raises(SystemExit) as ended:
            main(wrong)
        assert ended.value.code == 2
