"""Which earlier batches a batch is compared with: like with like."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from ingestion.connectors import Batch
from ingestion.lake import Lake
from ingestion.lake.log import BatchLog, FeedState, PastBatch
from ingestion.lake.upsert import Counts
from ingestion.minimise import KeyRing

ZONE = "Asia/Makassar"
MIDNIGHT = dt.datetime(2026, 6, 7, 16, tzinfo=dt.UTC)  # of Monday the 8th, where the city lies
DAY = dt.timedelta(days=1)


def state(*past: PastBatch) -> FeedState:
    return FeedState(frozenset(), None, {}, frozenset(), (), past)


def batch(start: dt.datetime | None, length: dt.timedelta = DAY, position: str = "p") -> Batch:
    end = None if start is None else start + length
    return Batch("a.b", "id", position, start, end, "", None)


def past(rows: int, start: dt.datetime | None, length: dt.timedelta = DAY, *, is_backfill: bool = False) -> PastBatch:
    return PastBatch(rows, start, None if start is None else start + length, is_backfill)


def test_days_are_compared_with_days_of_the_same_weekday_of_the_city() -> None:
    earlier = state(*(past(number, MIDNIGHT - number * DAY) for number in range(21, 0, -1)))
    assert earlier.comparable(batch(MIDNIGHT), ZONE) == (21, 14, 7)
    # In another zone the same moments lie in another day.
    assert earlier.comparable(batch(MIDNIGHT + DAY), ZONE) == (20, 13, 6)


def test_months_are_compared_with_months_and_what_states_no_period_with_its_like() -> None:
    months = [past(31, MIDNIGHT - 31 * DAY, 31 * DAY), past(28, MIDNIGHT - 59 * DAY, 28 * DAY)]
    earlier = state(*months, past(1, MIDNIGHT - 7 * DAY), past(365, MIDNIGHT - 365 * DAY, 365 * DAY), past(5, None))
    assert earlier.comparable(batch(MIDNIGHT, 30 * DAY), ZONE) == (31, 28)
    assert earlier.comparable(batch(None), ZONE) == (5,)


def test_backfills_stand_apart() -> None:
    earlier = state(past(7, MIDNIGHT - 7 * DAY), past(9_000, MIDNIGHT - 14 * DAY, is_backfill=True))
    assert earlier.comparable(batch(MIDNIGHT), ZONE) == (7,)
    assert earlier.comparable(batch(MIDNIGHT, position=""), ZONE) == (9_000,)


def test_a_run_that_goes_on_after_a_cut_judges_by_what_stood_before_it(tmp_path: Path) -> None:
    def log(run_id: str) -> BatchLog:
        return BatchLog(Lake(str(tmp_path / "lake")), KeyRing(tmp_path / "keys"), run_id, "a.b", "toy", None)

    first = log("first")
    first.outcome("id", "landed", Counts(7, 7, 0, 0), batch=batch(MIDNIGHT - 7 * DAY))
    first.flush()
    assert log("first").state().comparable(batch(MIDNIGHT), ZONE) == ()
    assert log("first").state().acknowledged == {"id"}
    assert log("second").state().comparable(batch(MIDNIGHT), ZONE) == (7,)
