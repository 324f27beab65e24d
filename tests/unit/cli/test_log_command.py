"""`./telaga log`: what an officer with a kept key sees."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from governance.chained_log import ChainedLog
from governance.signed_note import Signer
from governance.transparency import check_entry, checkpoint_path, make_checkpoint
from infra.cli.commands import log as command
from infra.settings import Home, SettingsError

SIGNER = Signer("telaga.testville/access", b"\x07" * 32)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ChainedLog:
    monkeypatch.setenv("TELAGA_HOME", str(tmp_path / "home"))
    made = ChainedLog(Home(tmp_path / "home").serving_dir / "access.jsonl")
    for number in range(4):
        made.append({"event": "read", "number": number})
    return made


def telaga(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(words))


def test_a_log_as_signed_is_said_to_be_so(log: ChainedLog, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    kept = tmp_path / "kept.checkpoint"
    kept.write_text(make_checkpoint(log, SIGNER))
    log.append({"event": "read", "number": 4})
    make_checkpoint(log, SIGNER)
    log.append({"event": "read", "number": 5})
    assert telaga("verify", "access", "--key", str(SIGNER.verifier), "--earlier", str(kept)) == 0
    assert "5 entries are those that were signed; 1 came later" in capsys.readouterr().out


def test_a_log_written_anew_is_refused_with_the_reason(
    log: ChainedLog, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    make_checkpoint(log, SIGNER)
    key = tmp_path / "officer.vkey"
    key.write_text(f"{SIGNER.verifier}\n")
    log.path.unlink()
    for number in range(5):
        log.append({"event": "read", "number": number * 2})
    assert telaga("verify", "access", "--key", str(key)) == 1
    assert "not those that were signed" in capsys.readouterr().err


def test_a_key_that_was_not_asked_for_does_not_vouch(log: ChainedLog, capsys: pytest.CaptureFixture[str]) -> None:
    make_checkpoint(log, SIGNER)
    other = Signer("telaga.testville/access", b"\x08" * 32)
    assert telaga("verify", "access", "--key", str(other.verifier)) == 1
    assert "no signature of" in capsys.readouterr().err


def test_a_proof_of_one_entry_is_printed(log: ChainedLog, capsys: pytest.CaptureFixture[str]) -> None:
    make_checkpoint(log, SIGNER)
    assert telaga("prove", "access", "3", "--key", str(SIGNER.verifier)) == 0
    assert check_entry(list(log.lines())[2], capsys.readouterr().out, [SIGNER.verifier]) == 2
    assert telaga("prove", "access", "9", "--key", str(SIGNER.verifier)) == 1


def test_without_a_checkpoint_it_says_who_makes_one(log: ChainedLog) -> None:
    assert not checkpoint_path(log).exists()
    with pytest.raises(SettingsError, match="govern_data"):
        telaga("verify", "access", "--key", str(SIGNER.verifier))
