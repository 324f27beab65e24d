"""`./telaga review`: samples opened, marked by hand or from a file, told twice, and a floor lifted."""

from __future__ import annotations

import argparse
import datetime as dt
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from governance.access_log import AccessLog
from governance.review import Marks, Sample, reviews
from infra.cli import reviewing
from infra.cli.commands import review as command
from infra.settings import FEEDS, Home, SettingsError
from tests.support.tallies import landed, sealed_samples

FEED, COLUMN = "polda_kaltim.police_records", "uraian"
TEXT = "Korban Budi Santoso melapor, saksi Siti Aminah."
SPANS = [("PERSON", 7, 19), ("PERSON", 0, 6)]
SAMPLE = Sample("s", FEED, COLUMN, "b1", "mixed", 9, TEXT, tuple((*span, 0.9, "title") for span in SPANS), "")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("TELAGA_HOME", str(tmp_path / "home"))
    made = Home(tmp_path / "home").make()
    made.claim("nusantara", FEEDS / "nusantara")
    landed(made.lake(), feed=FEED, found_by="rules only")
    return made


@pytest.fixture
def samples(home: Home) -> list[str]:
    return sealed_samples(home.lake(), home.keys_dir, [(TEXT, SPANS)] * 30, feed=FEED)


def telaga(*words: str) -> int:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return command.run(parser.parse_args(words))


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def type_in(*lines: str) -> None:
        waiting: Iterator[str] = iter(lines)

        def answer(prompt: object = "") -> str:
            try:
                return next(waiting)
            except StopIteration:
                raise EOFError from None

        monkeypatch.setattr("builtins.input", answer)

    return type_in


def marks_file(tmp_path: Path, said: object) -> str:
    path = tmp_path / "marks.json"
    path.write_text(json.dumps(said))
    return str(path)


def test_narratives_are_marked_one_by_one(
    home: Home, samples: list[str], typed: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    typed("x 2", "m person siti aminah", "d", "s", "q")
    assert telaga("open", "--reviewer", "Ani", "--count", "5") == 0
    told = capsys.readouterr()
    assert "1 of 5" in told.out and "Budi Santoso" in told.out
    assert "1 samples marked by Ani; 29 more wait" in told.err
    (line,) = reviews(home.lake()).filter(entity_type="PERSON").to_dicts()
    assert (line["reviewer"], line["found_by"], line["missed_at"], line["excessive_at"]) == (
        "Ani",
        "rules only",
        "35-46",
        "0-6",
    )
    # Three were shown: one marked, one skipped, and the one before which the reader stopped.
    entries = list(AccessLog(home.serving_dir / "access.jsonl").entries())
    assert [entry["action"] for entry in entries] == ["review"] * 3


def test_marks_come_from_a_file_too(
    home: Home, samples: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [{"id": samples[0], "missed": [[35, 46, "PERSON"]], "excessive": [1]}, {"id": samples[1]}]
    assert telaga("mark", marks_file(tmp_path, said), "--reviewer", "Ani") == 0
    assert "2 samples marked by Ani: 1 spans missed, 1 taken" in capsys.readouterr().out
    assert reviews(home.lake())["sample_id"].n_unique() == 2
    with pytest.raises(SettingsError, match="does not wait for Ani"):
        telaga("mark", marks_file(tmp_path, said), "--reviewer", "Ani")
    assert len(list(AccessLog(home.serving_dir / "access.jsonl").entries())) == 2


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"id": "x"}, "no marks; write a JSON list"),
        ([{"id": "nobody"}], "sample nobody does not wait"),
        ([{"id": "b1-mixed-0000", "missed": [[0, 999, "PERSON"]]}], "nothing was kept"),
        ([{"id": "b1-mixed-0000", "missed": [[35, 46, "Siti"]]}], "type is one of PERSON"),
        ([{"id": "b1-mixed-0000"}, {"id": "b1-mixed-0000"}], "stands there twice"),
    ],
)
def test_marks_that_do_not_fit_keep_nothing(
    home: Home, samples: list[str], tmp_path: Path, said: object, message: str
) -> None:
    with pytest.raises(SettingsError, match=message):
        telaga("mark", marks_file(tmp_path, said), "--reviewer", "Ani")
    assert reviews(home.lake()).is_empty()
    assert not (home.serving_dir / "access.jsonl").exists()


def test_without_the_officers_key_nothing_opens(home: Home, samples: list[str], tmp_path: Path) -> None:
    key = home.keys_dir / "officer.age"
    elsewhere = tmp_path / "officer.age"
    key.rename(elsewhere)
    with pytest.raises(SettingsError, match="no private key at"):
        telaga("mark", marks_file(tmp_path, [{"id": samples[0]}]), "--reviewer", "Ani")
    assert telaga("mark", marks_file(tmp_path, [{"id": samples[0]}]), "--reviewer", "Ani", "--key", str(elsewhere)) == 0


def test_the_list_names_what_waits_and_shows_no_text(
    home: Home, samples: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    telaga("mark", marks_file(tmp_path, [{"id": samples[0]}]), "--reviewer", "Ani")
    capsys.readouterr()
    assert telaga("list") == 0
    plain = capsys.readouterr().out
    assert f"{FEED}  1 batches with samples" in plain and f"{FEED}  {COLUMN}  mixed  1 read, 0 of them twice" in plain
    assert telaga("list", "--ids", "--reviewer", "Ani") == 0
    named = capsys.readouterr().out
    assert samples[1] in named and "Siti" not in named and "Budi" not in named
    with pytest.raises(SettingsError, match="--reviewer"):
        telaga("list", "--ids")


def test_the_result_tells_recall_agreement_and_floors(
    home: Home, samples: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = [{"id": name} for name in samples[1:]] + [{"id": samples[0], "missed": [[35, 46, "PERSON"]]}]
    telaga("mark", marks_file(tmp_path, said), "--reviewer", "Ani")
    telaga("list", "--ids", "--reviewer", "Budi")
    again = [line.split()[0] for line in capsys.readouterr().out.splitlines() if "second reading" in line]
    assert 0 < len(again) < 10
    telaga("mark", marks_file(tmp_path, [{"id": name} for name in again]), "--reviewer", "Budi")
    capsys.readouterr()
    assert telaga("result") == 0
    told = capsys.readouterr().out
    assert "0.984 (" in told  # 60 of 61
    assert f"read twice: {len(again)} samples" in told
    assert "rules only: recall unmeasured, floor 0.95, unmeasured, synthetic data: no review is due" in told


def test_a_floor_is_lifted_by_name_and_reason(home: Home, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = [("PERSON", 10 * n, 10 * n + 5) for n in range(320)]
    (name,) = sealed_samples(home.lake(), home.keys_dir, [("x" * 3600, found)], feed=FEED)
    missed = [[3200 + 10 * n, 3205 + 10 * n, "PERSON"] for n in range(30)]
    telaga("mark", marks_file(tmp_path, [{"id": name, "missed": missed}]), "--reviewer", "Ani")
    telaga("result")
    assert "below" in (told := capsys.readouterr().out) and "RELEASES HELD BACK" in told
    lifted = ("lift", FEED, COLUMN, "--by", "Dewi", "--reason", "names are public officials")
    assert telaga(*lifted) == 0
    capsys.readouterr()
    telaga("result")
    assert "lifted" in (told := capsys.readouterr().out) and "HELD" not in told
    with pytest.raises(SettingsError, match="holds nothing back"):
        telaga(*lifted)
    entry = list(AccessLog(home.serving_dir / "access.jsonl").entries())[-1]
    assert (entry["actor"], entry["action"]) == ("Dewi", "lift")


@pytest.mark.parametrize(
    ("words", "marks"),
    [
        ("x 1", Marks(excessive=(0,))),
        ("m person 35 46", Marks(missed=((35, 46, "PERSON"),))),
        ("m PERSON SITI   AMINAH", Marks(missed=((35, 46, "PERSON"),))),
    ],
)
def test_a_command_is_a_mark(words: str, marks: Marks) -> None:
    assert reviewing.marked(SAMPLE, Marks(), words.split()) == marks
    assert reviewing.marked(SAMPLE, marks, ["u"]) == Marks()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("x 9", "it has 2 spans"),
        ("x first", "no command"),
        ("m person budi santoso", "do not stand in the text, or only where something was found"),
        ("m nobody siti aminah", "type is one of"),
        ("please", "no command"),
    ],
)
def test_what_is_no_mark_says_so(words: str, message: str) -> None:
    with pytest.raises(reviewing.BadMarks, match=message):
        reviewing.marked(SAMPLE, Marks(), words.split())


def test_the_narrative_is_on_the_other_screen_alone(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(force_terminal=True, legacy_windows=False)
    with reviewing.other_screen(console):
        reviewing.show(console, SAMPLE, Marks(), "1 of 1", "")
    told = capsys.readouterr().out
    entered, left = told.index("\x1b[?1049h"), told.rindex("\x1b[?1049l")
    assert entered < told.index("Budi") and told.rindex("Budi") < left


def test_what_is_kept_holds_no_text(home: Home, samples: list[str], tmp_path: Path) -> None:
    telaga("mark", marks_file(tmp_path, [{"id": samples[0], "missed": [[35, 46, "PERSON"]]}]), "--reviewer", "Ani")
    kept = reviews(home.lake())
    assert kept.schema["reviewed_at"] == pl.Datetime("us", "UTC")
    assert kept["reviewed_at"].max() <= dt.datetime.now(dt.UTC)  # type: ignore[operator]
    for path in home.root.rglob("*"):
        assert not path.is_file() or b"Aminah" not in path.read_bytes(), path
