"""What was found in narratives, by hand: counts as last landed, and what is called usual."""

from __future__ import annotations

import datetime as dt

import pytest

from governance.findings import FEWEST_EARLIER, narrative_batches, narrative_findings
from ingestion.lake import Lake
from tests.support.tallies import FIRST, landed

ZONE = "Asia/Makassar"


def days(lake: Lake, shares: list[int], **said: object) -> None:
    """A batch a day of 100 narratives, so many of them touched."""
    for number, touched in enumerate(shares):
        landed(lake, f"b{number:02d}", day=FIRST + dt.timedelta(days=number), touched=touched, **said)  # type: ignore[arg-type]


def test_an_empty_lake_has_no_batches_and_the_same_columns(lake: Lake) -> None:
    empty = narrative_batches(lake, time_zone=ZONE)
    nothing = narrative_findings(lake, time_zone=ZONE)
    landed(lake)
    assert (empty.height, nothing.height) == (0, 0)
    assert set(empty.columns) == set(narrative_batches(lake, time_zone=ZONE).columns)
    assert set(nothing.columns) == set(narrative_findings(lake, time_zone=ZONE).columns)


def test_under_fourteen_earlier_batches_nothing_is_usual(lake: Lake) -> None:
    days(lake, [50] * FEWEST_EARLIER + [90])
    batches = narrative_batches(lake, time_zone=ZONE)
    assert batches["deviation"].to_list() == ["no_usual_yet"] * FEWEST_EARLIER + ["high"]
    assert batches["usual_percent"].to_list() == [None] * FEWEST_EARLIER + [50.0]
    assert batches["earlier_batches"].to_list() == list(range(FEWEST_EARLIER + 1))


def test_the_spread_of_earlier_batches_says_how_far_is_unusual(lake: Lake) -> None:
    """Earlier shares 48 and 52 by turns: median 50, MAD 2, limit 3 x 1.4826 x 2 = 8.9."""
    days(lake, [48, 52] * 7)
    for batch, touched in (("c1", 58), ("c2", 59), ("c3", 42), ("c4", 41)):
        landed(lake, batch, day=FIRST + dt.timedelta(days=30), touched=touched)
    told = narrative_batches(lake, time_zone=ZONE).tail(4)
    assert told["usual_spread"].to_list() == [2.0] * 4
    assert told["deviation"].to_list() == ["usual", "high", "usual", "low"]


def test_where_earlier_batches_are_all_alike_a_point_is_still_usual(lake: Lake) -> None:
    days(lake, [50] * FEWEST_EARLIER)
    landed(lake, "c1", day=FIRST + dt.timedelta(days=30), touched=51)
    landed(lake, "c2", day=FIRST + dt.timedelta(days=30), touched=52)
    assert narrative_batches(lake, time_zone=ZONE).tail(2)["deviation"].to_list() == ["usual", "high"]


@pytest.mark.parametrize(
    "other",
    [
        {"narratives": 401, "touched": 300},
        {"narratives": 24, "touched": 20},
        {"found_by": "name model 0123456789ab"},
        {"action": "redact"},
        {"feed": "polri.lain"},
    ],
    ids=lambda said: next(iter(said)),
)
def test_another_kind_of_batch_is_not_compared(lake: Lake, other: dict[str, object]) -> None:
    days(lake, [50] * FEWEST_EARLIER)
    said = {"touched": 90, **other}
    landed(lake, "other", day=FIRST + dt.timedelta(days=30), **said)  # type: ignore[arg-type]
    (told,) = narrative_batches(lake, time_zone=ZONE).filter(batch_id="other").to_dicts()
    assert (told["earlier_batches"], told["deviation"]) == (0, "no_usual_yet")


def test_a_batch_landed_again_counts_once_with_what_was_found_then(lake: Lake) -> None:
    landed(lake, touched=50, findings={("PERSON", "title", 0.8): 50, ("ID_NIK", "nik", 0.9): 3})
    later = dt.datetime(2026, 6, 2, tzinfo=dt.UTC)
    landed(lake, touched=7, findings={("PERSON", "title", 0.5): 7}, run_id="run2", at=later)
    assert narrative_batches(lake, time_zone=ZONE)["touched"].to_list() == [7]
    told = narrative_findings(lake, time_zone=ZONE)
    assert told.select("entity_type", "findings", "score_low", "score_high").rows() == [("PERSON", 7, 7, 0)]


def test_scores_fall_into_three_bands(lake: Lake) -> None:
    landed(lake, findings={("PERSON", "title", score / 10): score for score in range(4, 10)})
    (told,) = narrative_findings(lake, time_zone=ZONE).to_dicts()
    bands = [told[name] for name in ("score_low", "score_middle", "score_high")]
    assert bands == [4 + 5, 6 + 7, 8 + 9]
    assert told["findings"] == sum(bands) == told["per_100"]


def test_a_rule_that_found_nothing_before_is_unusual_when_it_does(lake: Lake) -> None:
    """Found in 14 batches never: usual is 0; then 30 among 100 narratives."""
    days(lake, [50] * FEWEST_EARLIER)
    both = {("PERSON", "title", 0.8): 50, ("ID_NIK", "nik", 0.9): 30}
    landed(lake, "c1", day=FIRST + dt.timedelta(days=30), findings=both)
    told = narrative_findings(lake, time_zone=ZONE).filter(batch_id="c1")
    assert dict(told.select("entity_type", "deviation").iter_rows()) == {"ID_NIK": "high", "PERSON": "usual"}
    assert told.filter(entity_type="ID_NIK")["usual_per_100"].to_list() == [0.0]


def test_a_batch_is_of_the_last_day_that_it_tells_of_else_of_its_landing(lake: Lake) -> None:
    """Ends at 00:00 UTC of 2 May, which is 08:00 there; landed at 20:00 UTC of 1 June, which is 2 June there."""
    landed(lake, "told", day=FIRST)
    landed(lake, "untold", day=None, at=dt.datetime(2026, 6, 1, 20, tzinfo=dt.UTC))
    told = dict(narrative_batches(lake, time_zone=ZONE).select("batch_id", "day").iter_rows())
    assert told == {"told": dt.date(2026, 5, 2), "untold": dt.date(2026, 6, 2)}
    assert narrative_batches(lake, time_zone="UTC").filter(batch_id="told")["day"].to_list() == [FIRST]
    # A home whose clock stands still: nothing is of a day that it has not reached.
    stopped = narrative_batches(lake, time_zone=ZONE, as_of=dt.date(2026, 5, 20))
    assert dict(stopped.select("batch_id", "day").iter_rows()) == {**told, "untold": dt.date(2026, 5, 20)}


def test_a_batch_without_narratives_has_no_share(lake: Lake) -> None:
    landed(lake, narratives=0, touched=0, refused=3)
    (told,) = narrative_batches(lake, time_zone=ZONE).to_dicts()
    assert (told["touched_percent"], told["refused"], told["deviation"]) == (None, 3, "no_usual_yet")
