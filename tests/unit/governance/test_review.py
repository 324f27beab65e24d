"""Samples are opened one by one, marked without keeping text, a tenth twice; shares and intervals by hand."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import polars as pl
import pytest

from governance.access_log import AccessLog
from governance.review import (
    BadMarks,
    Marks,
    Sample,
    agreement,
    marks_of,
    measured,
    note_opening,
    open_samples,
    record,
    reviews,
    sealed_files,
    waiting,
    wilson,
)
from ingestion.lake import Lake
from ingestion.sealing import OFFICER_KEY, SealBroken, recipient_of
from tests.support.tallies import COLUMN, FEED, sealed_samples

NOW = dt.datetime(2026, 6, 10, 9, tzinfo=dt.UTC)
TEXT = "Korban Budi Santoso melapor, saksi Siti."
FOUND = [("PERSON", 7, 19), ("PERSON", 0, 6)]


def sample(name: str = "s1", *, case: str = "mixed", size: int = 50, batch: str = "b1") -> Sample:
    spans = tuple((kind, start, end, 0.9, "title") for kind, start, end in FOUND)
    return Sample(name, FEED, COLUMN, batch, case, size, TEXT, spans, "Korban <PERSON> melapor, saksi Siti.")


def mark(lake: Lake, one: Sample, marks: Marks = Marks(), *, by: str = "Ani", reading: int = 1, at: int = 0) -> None:  # noqa: B008
    when = NOW + dt.timedelta(minutes=at)
    record(lake, one, marks, reviewer=by, reading=reading, found_by="rules only", now=when)


def test_only_the_officers_key_opens_a_sample(lake: Lake, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    (identity,) = sealed_samples(lake, keys, [(TEXT, FOUND)])
    (path,) = sealed_files(lake)
    assert sealed_files(lake, "another.feed") == []
    (opened,) = open_samples(lake, path, keys / OFFICER_KEY)
    assert (opened.id, opened.original, opened.spans[0][:3]) == (identity, TEXT, FOUND[0])
    assert TEXT not in repr(opened)
    recipient_of(tmp_path / "other", OFFICER_KEY)
    with pytest.raises(SealBroken):
        open_samples(lake, path, tmp_path / "other" / OFFICER_KEY)


def test_marks_are_kept_as_positions_types_and_counts_never_as_text(lake: Lake) -> None:
    mark(lake, sample(), Marks(missed=((35, 39, "PERSON"),), excessive=(1,)))
    told = reviews(lake)
    (person,) = told.filter(entity_type="PERSON").to_dicts()
    assert (person["found"], person["excessive"], person["missed"]) == (2, 1, 1)
    assert (person["missed_at"], person["excessive_at"]) == ("35-39", "0-6")
    for path in Path(lake.uri).rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert b"Siti" not in content and b"Santoso" not in content
    assert not told.select(pl.concat_str(pl.all().cast(pl.String)).str.contains("Siti|Budi").any()).item()


@pytest.mark.parametrize(
    ("marks", "message"),
    [
        (Marks(missed=((35, 99, "PERSON"),)), "within the text; 35-99 is none"),
        (Marks(missed=((39, 35, "PERSON"),)), "39-35 is none"),
        (Marks(missed=((8, 12, "PERSON"),)), "8-12 was found"),
        (Marks(missed=((35, 39, "SITI"),)), "type is one of PERSON, ADDRESS"),
        (Marks(excessive=(2,)), "it has 2 spans, counted from 0; 2 is none"),
        (Marks(excessive=(1, 1)), "twice"),
    ],
)
def test_marks_that_do_not_fit_are_refused_without_a_word_of_the_text(lake: Lake, marks: Marks, message: str) -> None:
    with pytest.raises(BadMarks, match=message) as raised:
        mark(lake, sample(), marks)
    assert "siti" not in str(raised.value).lower()
    assert reviews(lake).is_empty()


def test_marks_in_json_are_held_to_their_form() -> None:
    assert marks_of({"missed": [[1, 2, "PERSON"]]}, sample()) == Marks(missed=((1, 2, "PERSON"),))
    with pytest.raises(BadMarks, match="missed is"):
        marks_of({"missed": [[1, 2]]}, sample())


def once(count: int) -> list[Sample]:
    """Samples that are marked once, and as many of those that are marked twice."""
    return [one for number in range(count * 20) if not (one := sample(f"n{number}")).is_twice][:count]


def twice(count: int) -> list[Sample]:
    return [one for number in range(count * 200) if (one := sample(f"n{number}")).is_twice][:count]


def test_a_tenth_is_marked_twice() -> None:
    chosen = sum(sample(f"n{number}").is_twice for number in range(5000))
    assert 440 <= chosen <= 560


def test_a_second_reading_is_another_reviewers_or_the_same_ones_a_day_later(lake: Lake) -> None:
    (again,), (single,) = twice(1), once(1)
    for one in (again, single):
        mark(lake, one)

    def offered(reviewer: str, hours: int) -> list[tuple[Sample, int]]:
        return waiting([again, single], reviews(lake), reviewer=reviewer, now=NOW + dt.timedelta(hours=hours))

    assert offered("Ani", 1) == []
    assert offered("Ani", 25) == [(again, 2)]
    assert offered("Budi", 1) == [(again, 2)]
    mark(lake, again, by="Budi", reading=2)
    assert offered("Citra", 48) == []


def test_strata_are_read_in_turn_beginning_with_those_least_read(lake: Lake) -> None:
    lower = [sample(f"l{number}", case="lower") for number in range(4)]
    capitals = [sample(f"c{number}", case="capitals") for number in range(4)]
    for one in lower[:2]:
        mark(lake, one)
    left = waiting([*lower, *capitals], reviews(lake), reviewer="Ani", now=NOW)
    cases = [one.letter_case for one, reading in left if reading == 1]
    assert cases[:2] == ["capitals", "capitals"]
    assert set(cases[2:4]) == set(cases[4:]) == {"capitals", "lower"}
    assert sorted(cases) == ["capitals"] * 4 + ["lower"] * 2
    assert left == waiting([*capitals, *lower], reviews(lake), reviewer="Ani", now=NOW)


def test_wilson_as_published() -> None:
    """Newcombe 1998, table I: 81 of 263 gives .2553 to .3662; 0 of 20 gives 0 to .1611."""
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(0, 0) == (0.0, 1.0)


def test_recall_and_excess_of_equal_weights_are_plain_shares(lake: Lake) -> None:
    """Four samples of two spans, one of them no name and one name missed in the first: 7 of 8 found, 1 of 8 taken."""
    chosen = once(4)
    mark(lake, chosen[0], Marks(missed=((35, 39, "PERSON"),), excessive=(1,)))
    for one in chosen[1:]:
        mark(lake, one)
    (told,) = measured(reviews(lake), ["feed", "column"]).to_dicts()
    assert (told["samples"], told["spans"], told["missed"], told["found"], told["excessive"]) == (4, 8, 1, 8, 1)
    assert told["recall"] == pytest.approx(7 / 8)
    assert (told["recall_lower"], told["recall_upper"]) == pytest.approx(wilson(7, 8), abs=1e-6)
    assert (told["excess"], told["excess_lower"]) == pytest.approx((1 / 8, wilson(1, 8)[0]), abs=1e-6)


def test_a_sample_weighs_as_many_narratives_as_it_stands_for(lake: Lake) -> None:
    """Of 900 narratives in capitals one was read, with 2 of its 3 spans found; of 100 in lower case two, with both of
    their two spans each. A span in capitals stands for 900, one in lower case for 50:
    (900 x 2 + 50 x 4) / (900 x 3 + 50 x 4).
    """
    capitals = sample("c", case="capitals", size=900)
    mark(lake, capitals, Marks(missed=((35, 39, "PERSON"),)))
    for name in ("l1", "l2"):
        mark(lake, sample(name, case="lower", size=100))
    (told,) = measured(reviews(lake), ["feed"]).to_dicts()
    assert told["recall"] == pytest.approx(2000 / 2900)
    effective = 2900**2 / (3 * 900**2 + 4 * 50**2)
    assert told["recall_lower"] == pytest.approx(wilson(2000 / 2900 * effective, effective)[0], abs=1e-6)
    by_case = measured(reviews(lake), ["letter_case"])
    assert dict(by_case.select("letter_case", "recall").iter_rows()) == pytest.approx({"capitals": 2 / 3, "lower": 1.0})


def test_a_type_that_was_only_missed_has_recall_zero_and_no_excess(lake: Lake) -> None:
    mark(lake, once(1)[0], Marks(missed=((35, 39, "NIK"),)))
    told = {row["entity_type"]: row for row in measured(reviews(lake), ["entity_type"]).to_dicts()}
    assert (told["NIK"]["recall"], told["NIK"]["excess"]) == (0.0, None)
    assert told["PERSON"]["recall"] == 1.0


def test_a_sample_in_which_nothing_was_and_nothing_missed_is_still_read(lake: Lake) -> None:
    empty = Sample("e", FEED, COLUMN, "b1", "mixed", 5, "Motor hilang.", (), "Motor hilang.")
    record(lake, empty, Marks(), reviewer="Ani", reading=1, found_by="rules only", now=NOW)
    (told,) = measured(reviews(lake), ["feed"]).to_dicts()
    assert (told["samples"], told["spans"], told["recall"], told["recall_lower"]) == (1, 0, None, None)
    assert waiting([empty], reviews(lake), reviewer="Ani", now=NOW) == []


def test_second_readings_tell_of_agreement_and_count_in_no_share(lake: Lake) -> None:
    """Two samples read twice: the very same marks on one; on the other the first misses what the second marks."""
    one, two = twice(2)
    miss = ((35, 39, "PERSON"),)
    for target, first, second in ((one, Marks(missed=miss), Marks(missed=miss)), (two, Marks(), Marks(missed=miss))):
        mark(lake, target, first)
        mark(lake, target, second, by="Budi", reading=2, at=5)
    told = agreement(reviews(lake))
    assert (told.samples, told.same) == (2, 1)
    assert (told.lower, told.upper) == pytest.approx(wilson(1, 2))
    assert told.shared == pytest.approx(2 * 1 / 3)
    assert measured(reviews(lake), ["feed"])["missed"].to_list() == [1]


def test_each_opening_stands_in_the_access_log_without_text(tmp_path: Path) -> None:
    log = AccessLog(tmp_path / "access.jsonl")
    note_opening(log, sample(), "Ani")
    (entry,) = log.entries()
    assert (entry["actor"], entry["action"], entry["purpose"]) == ("Ani", "review", "residual-risk review")
    assert entry["subject"] == f"officer/samples {FEED} {COLUMN} s1"
    assert "Siti" not in log.path.read_text()
