"""`telaga keys` and `telaga seal`, as an agency and a lakehouse use them; and the same with plain tools."""

from __future__ import annotations

import json
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

from infra.settings import SettingsError
from ingestion.connectors import connector_for
from ingestion.contract import load_contract
from ingestion.drops import read_header
from tests.support.landing import CALL_HEADER, CALLS, call, lines
from tests.support.sealed import sealed_call_feed

DOCUMENT = Path(__file__).parents[3] / "docs" / "sealed-drops.md"


@pytest.fixture
def agency(telaga, tmp_path):
    """A contract, an inbox, and keys made by the commands; lakehouse and agency share the test's home."""
    code, recipient, _ = telaga("keys", "make")
    assert code == 0
    code, public, _ = telaga("keys", "make", "--agency", "police")
    assert code == 0
    (tmp_path / "agency").mkdir()
    (tmp_path / "agency" / "police.pem").write_text(public)
    (tmp_path / "inbox" / "calls").mkdir(parents=True)
    contract = tmp_path / f"{CALLS}.odcs.yaml"
    contract.write_text(yaml.safe_dump(sealed_call_feed()))
    plain = tmp_path / "c_2026-05-01.csv"
    plain.write_text(lines(CALL_HEADER, [call(1), call(2)]))
    return {"recipient": recipient.strip(), "contract": contract, "plain": plain, "out": tmp_path / "inbox" / "calls"}


def opened(agency, tmp_path):
    connector = connector_for(
        load_contract(agency["contract"]),
        credentials={},
        places={"simulation": str(tmp_path / "inbox")},
        keys_dir=tmp_path / "home" / "keys",
    )
    return {batch.location: list(connector.open(batch)) for batch in connector.batches(frozenset())}


def test_keys_are_closed_files_and_only_public_parts_are_told(telaga, tmp_path):
    told = [telaga("keys", "make"), telaga("keys", "make", "--agency", "police"), telaga("keys", "list")]
    keys = tmp_path / "home" / "keys"
    secret = {path.name: path.read_text() for path in keys.iterdir() if not path.name.endswith(".pem")}
    assert set(secret) == {"drops.age-key", "agency-police.ed25519"}
    for path in keys.iterdir():
        if path.name in secret:
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(keys.stat().st_mode) == 0o700
    everything = "".join(out + err for _, out, err in told)
    for content in secret.values():
        assert not [line for line in content.splitlines() if line in everything and "PRIVATE" not in line]
    assert re.fullmatch(r"age1[0-9a-z]{58}\n", told[0][1])
    assert told[1][1].startswith("-----BEGIN PUBLIC KEY-----")
    listed = dict(line.split(maxsplit=1) for line in told[2][1].splitlines())
    assert told[0][1].strip() in listed["drops.age-key"]
    assert told[1][1].splitlines()[1] in listed["agency-police.ed25519"]


def test_a_key_is_made_once(telaga):
    assert telaga("keys", "make") == telaga("keys", "make")
    assert telaga("keys", "make", "--agency", "police")[1] == telaga("keys", "make", "--agency", "police")[1]


def test_an_agency_is_named_as_in_its_feeds(telaga):
    with pytest.raises(SettingsError, match="lower case"):
        telaga("keys", "make", "--agency", "../Police")


def test_what_is_sealed_opens_with_its_rows_and_counts_on(telaga, agency, tmp_path):
    again = agency["plain"].with_name("c_2026-05-02.csv")
    again.write_text(lines(CALL_HEADER, [call(3)]))
    shared = ("--feed", CALLS, "--contract", agency["contract"], "--to", agency["recipient"], "--out", agency["out"])
    code, told, _ = telaga("seal", *shared, agency["plain"], again)
    assert code == 0
    assert [line.split("  ")[:3] for line in told.splitlines()] == [
        ["c_2026-05-01.csv.drop", "drop 1", "2 rows"],
        ["c_2026-05-02.csv.drop", "drop 2", "1 rows"],
    ]
    found = opened(agency, tmp_path)
    assert {name: sum(frame.height for frame in frames) for name, frames in found.items()} == {
        "c_2026-05-01.csv.drop": 2,
        "c_2026-05-02.csv.drop": 1,
    }
    third = agency["plain"].with_name("c_2026-05-03.csv")
    third.write_text(lines(CALL_HEADER, []))
    assert "drop 3  0 rows" in telaga("seal", *shared, third)[1]
    assert sorted(path.name for path in agency["out"].iterdir() if path.name.startswith(".")) == []


def test_a_stated_number_and_period_stand_in_the_manifest(telaga, agency):
    given = ("--sequence", 7, "--period", "2026-05-01", "2026-05-02")
    telaga("seal", "--feed", CALLS, "--contract", agency["contract"], "--out", agency["out"], *given, agency["plain"])
    with (agency["out"] / "c_2026-05-01.csv.drop").open("rb") as file:
        manifest = read_header(file).manifest
    assert (manifest.sequence, manifest.rows, manifest.period_from, manifest.period_to) == (
        7,
        2,
        "2026-05-01",
        "2026-05-02",
    )


def test_a_file_that_the_lakehouse_would_stop_is_not_sealed(telaga, agency):
    agency["plain"].write_text("number,surprise\n1,2\n")
    shared = ("--feed", CALLS, "--contract", agency["contract"], "--out", agency["out"])
    code, told, error = telaga("seal", *shared, agency["plain"])
    assert (code, told) == (1, "")
    assert "columns differ from the contract" in error
    assert list(agency["out"].iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        (("--feed", "police.other"), "is the contract of police.calls"),
        (("--to", "age1nothing"), "no age public key"),
        (("--key", "nowhere"), "no signing key"),
        (("--sequence", 0), "counts from 1"),
        (("--period", "May", "June"), "takes two days"),
        (("--period", "2026-05-02", "2026-05-01"), "must lie before"),
        (("--out", "nowhere"), "is not there"),
    ],
)
def test_a_refused_use_names_its_reason(telaga, agency, changed, reason):
    given = ["--feed", CALLS, "--contract", agency["contract"], "--out", agency["out"], *changed, agency["plain"]]
    with pytest.raises(SettingsError, match=reason):
        telaga("seal", *given)
    assert list(agency["out"].iterdir()) == []


@pytest.mark.parametrize("name", ["a&b.csv", "x" * 201 + ".csv", "a:b.csv"])
def test_a_name_that_no_manifest_may_hold_is_refused_before_it_is_sent(telaga, agency, name):
    plain = agency["plain"].with_name(name)
    plain.write_bytes(agency["plain"].read_bytes())
    given = ["--feed", CALLS, "--contract", agency["contract"], "--out", agency["out"], plain]
    with pytest.raises(SettingsError, match="cannot stand in a manifest; rename it"):
        telaga("seal", *given)
    assert list(agency["out"].iterdir()) == []


def test_a_drop_is_never_overwritten(telaga, agency):
    given = ["--feed", CALLS, "--contract", agency["contract"], "--out", agency["out"], agency["plain"]]
    telaga("seal", *given)
    with pytest.raises(SettingsError, match="is there already"):
        telaga("seal", *given)


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl is not installed")
def test_the_document_makes_a_drop_with_plain_tools(agency, tmp_path):
    """The commands of docs/sealed-drops.md, as they stand there; `age` itself may stand for the library's envelope."""
    script = re.findall(r"```sh\n# seal\n(.*?)```", DOCUMENT.read_text(), re.DOTALL)
    assert len(script) == 1
    bin_dir = tmp_path / "bin"
    bin_dir.mkdir()
    if not shutil.which("age"):
        import sys

        # age -r RECIPIENT -o OUT IN
        (bin_dir / "age").write_text(
            f"#!{sys.executable}\nimport sys, pyrage\n_, _, key, _, out, given = sys.argv\n"
            "pyrage.encrypt_file(given, out, [pyrage.x25519.Recipient.from_str(key)])\n"
        )
        (bin_dir / "age").chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    (work / "agency.key").write_bytes((tmp_path / "home" / "keys" / "agency-police.ed25519").read_bytes())
    shutil.copy(agency["plain"], work / "c_2026-05-01.csv")
    values = {
        "AGENCY": "police",
        "FEED": CALLS,
        "FILE": "c_2026-05-01.csv",
        "SEQUENCE": "1",
        "ROWS": "2",
        "RECIPIENT": agency["recipient"],
    }
    import os

    done = subprocess.run(
        ["sh", "-eu", "-c", script[0]],
        cwd=work,
        env={**os.environ, **values, "PATH": f"{bin_dir}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    made = work / "c_2026-05-01.csv.drop"
    assert json.loads(made.read_bytes().split(b"\n")[1])["rows"] == 2
    shutil.copy(made, agency["out"] / made.name)
    assert [frame.height for frame in opened(agency, tmp_path)[made.name]] == [2]
