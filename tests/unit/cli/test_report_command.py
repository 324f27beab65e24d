"""`./telaga report`: a page and its signature, held to each other; nothing new is written twice."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from governance.access_log import AccessLog
from infra.cli.commands import report as command
from infra.officer import signature_path, signer_of
from infra.settings import FEEDS, Home, SettingsError
from tests.support.tallies import landed

FEED = "polda_kaltim.police_records"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("TELAGA_HOME", str(tmp_path / "home"))
    made = Home(tmp_path / "home").make()
    made.claim("nusantara", FEEDS / "nusantara")
    landed(made.lake(), feed=FEED)
    return made


def telaga(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(words))


def test_a_report_is_written_signed_and_verified(
    home: Home, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    out = tmp_path / "may.html"
    assert telaga("redaction", "--period", "2026-05", "--out", str(out)) == 0
    told = capsys.readouterr()
    assert told.out.strip() == str(out)
    key = next(line.split(" ", 2)[2] for line in told.err.splitlines() if line.startswith("public key"))
    assert "SINTETIS" in out.read_text() and "polda_kaltim.police_records" in out.read_text()
    assert telaga("verify", str(out), "--key", key) == 0
    assert telaga("verify", str(out)) == 0
    assert "signed as telaga.nusantara/redaction 2026-05, unchanged" in capsys.readouterr().out
    out.write_text(out.read_text().replace("100", "101"))
    assert telaga("verify", str(out), "--key", key) == 1
    assert "it was changed" in capsys.readouterr().err


def test_another_homes_key_does_not_vouch(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "may.html"
    telaga("redaction", "--period", "2026-05", "--out", str(out))
    other = tmp_path / "other.vkey"
    other.write_text(f"{signer_of(Home(tmp_path / 'another'), 'nusantara').verifier}\n")
    assert telaga("verify", str(out), "--key", str(other)) == 1
    assert "no signature of" in capsys.readouterr().err


def test_each_report_stands_in_the_access_log_once(home: Home) -> None:
    for _ in range(2):
        telaga("redaction", "--period", "2026-Q2")
    path = home.root / "reports" / "redaction-2026-Q2.html"
    assert signature_path(path).exists()
    (entry,) = AccessLog(home.serving_dir / "access.jsonl").entries()
    assert (entry["action"], entry["subject"]) == ("report", "redaction report 2026-Q2")
    assert len(entry["content_digest"]) == 64


def test_what_cannot_be_done_says_why(home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SettingsError, match="is no period; write"):
        telaga("redaction", "--period", "May")
    with pytest.raises(SettingsError, match="are handed on together"):
        telaga("verify", str(tmp_path / "absent.html"))
    monkeypatch.setenv("TELAGA_HOME", str(tmp_path / "empty"))
    with pytest.raises(SettingsError, match="holds no city yet"):
        telaga("redaction", "--period", "2026-05")
