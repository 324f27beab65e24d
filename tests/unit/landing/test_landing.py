"""What lands: counts that add up, nothing twice, the same table in whatever order, and what an interval replaces."""

from __future__ import annotations

import datetime as dt
import itertools
import json
from pathlib import Path

import polars as pl
import pytest

from ingestion.connectors import ConnectorError
from ingestion.land import FeedOutcome, RegionsMissing
from ingestion.minimise import PolicyBroken
from ingestion.profile import BatchProfile, Verdict
from tests.support.landing import CALLS, COUNTS, REGIONS, House, call, count, regions_geojson, square

UTC = dt.UTC
DAY = dt.timedelta(days=1)


def interval(day: dt.date, days: int = 1) -> tuple[dt.datetime, dt.datetime]:
    """Local days of Testville (UTC+8) as UTC."""
    start = dt.datetime.combine(day, dt.time(), UTC) - dt.timedelta(hours=8)
    return start, start + days * DAY


def tally(outcome: FeedOutcome) -> tuple[int, int, int, int]:
    return outcome.read, outcome.accepted, outcome.duplicate, outcome.quarantined


def adds_up(outcome: FeedOutcome) -> bool:
    return outcome.read == outcome.accepted + outcome.duplicate + outcome.quarantined


# Counts


def test_a_feed_with_a_key_counts_every_row_once(house: House) -> None:
    house.deliver_calls("c_2026-05-01.csv", [call(1), call(2, kind="X"), call(3, lat="95"), call(1), call(4)])
    outcome = house.land(CALLS)
    assert tally(outcome) == (5, 2, 1, 2)
    assert adds_up(outcome)
    assert outcome.reasons == ("codes:kind: 1 rows; coordinate:lat: 1 rows",)
    assert house.table("emergency_call").height == 2
    logged = house.log_rows(CALLS).row(0, named=True)
    assert [logged[name] for name in ("read", "accepted", "duplicate", "quarantined")] == [5, 2, 1, 2]
    assert logged["status"] == "landed"
    assert logged["table_version"] == house.lake.version("minimised", "emergency_call")


def test_a_feed_without_a_key_counts_every_row_once(house: House) -> None:
    house.deliver_counts("i_2026-05.csv", [count(), count(), count(kind="?"), count(kind="R")])
    outcome = house.land(COUNTS)
    assert tally(outcome) == (4, 3, 0, 1)
    assert house.table("police_record").height == 3


def test_a_line_that_cannot_be_split_is_counted_and_kept(house: House) -> None:
    house.deliver_calls("c_2026-05-01.csv", [call(1), "2,K", call(3)])
    outcome = house.land(CALLS)
    assert tally(outcome) == (3, 2, 0, 1)
    assert house.quarantine(CALLS)["rule"].to_list() == ["unreadable_line"]
    assert house.quarantine(CALLS)["positions"].to_list() == [[2]]


def test_a_region_feed_lands_shapes_and_repeats_nothing(house: House) -> None:
    regions = house.table("region")
    assert sorted(regions["region_code"].to_list()) == ["64.01", "64.01.01", "64.01.02", "64.01.03", "64.01.04"]
    assert regions.filter(pl.col("region_code") == "64.01.01")["parent_code"].item() == "64.01"
    # A square of a tenth of a degree at this latitude, on the ellipsoid.
    assert regions.filter(pl.col("region_code") == "64.01.01")["area_km2"].item() == pytest.approx(123.1, abs=0.3)
    house.deliver("regions/regions.geojson", regions_geojson())
    assert tally(house.land(REGIONS)) == (5, 0, 5, 0)


def test_a_region_that_moves_is_a_correction(house: House) -> None:
    before = house.table("region").height
    document = json.loads(regions_geojson())
    document["features"][1] = square("64.01.01", "Kecamatan 1", "kecamatan", "64.01", (116.6, -1.3), 0.09)
    house.deliver("regions/regions_new.geojson", json.dumps(document))
    assert tally(house.land(REGIONS)) == (5, 1, 4, 0)
    assert house.table("region").height == before


def test_nothing_can_be_located_before_regions_landed(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.deliver_calls("c_2026-05-01.csv", [call(1)])
    with pytest.raises(RegionsMissing):
        house.land(CALLS)
    house.with_regions()
    assert tally(house.land(CALLS)) == (1, 1, 0, 0)


def test_an_empty_file_is_a_batch_of_no_rows_that_was_judged(house: House) -> None:
    seen: list[int] = []

    def judge(profile: BatchProfile) -> Verdict:
        seen.append(profile.rows_read)
        return Verdict(True)

    house.deliver("calls/c_2026-05-01.csv", "")
    house.deliver_calls("c_2026-05-02.csv", [])
    outcome = house.land(CALLS, judge=judge)
    assert (outcome.batches, *tally(outcome)) == (2, 0, 0, 0, 0)
    assert seen == [0, 0]
    assert house.log_rows(CALLS)["status"].to_list() == ["empty", "empty"]
    assert house.land(CALLS).batches == 0


def test_what_the_run_has_no_room_for_waits_for_the_next(house: House) -> None:
    from ingestion.land import land_feed
    from tests.support.landing import LandingContext, accept

    for day in range(1, 6):
        house.deliver_calls(f"c_2026-05-0{day}.csv", [call(day)])
    context = LandingContext(house.lake, house.city(), house.keys, "short", None, accept)
    first = land_feed(house.contract(CALLS), house.connector(CALLS), context, max_batches=2)
    assert (first.batches, first.batches_left) == (2, 3)
    none = land_feed(house.contract(CALLS), house.connector(CALLS), context, max_seconds=-1)
    assert (none.batches, none.batches_left) == (0, 3)
    assert house.land(CALLS).accepted == 3


# Once


@pytest.mark.parametrize("feed", [CALLS, COUNTS])
def test_a_redelivered_file_adds_nothing(house: House, feed: str) -> None:
    deliver, row, entity = {
        CALLS: (house.deliver_calls, call(1), "emergency_call"),
        COUNTS: (house.deliver_counts, count(), "police_record"),
    }[feed]
    rows = [row, row.replace("116.64", "116.72"), row]
    deliver("a_2026-05-01.csv", rows)
    first = house.land(feed)
    content, version = house.digest(entity), house.lake.version("minimised", entity)
    deliver("again_2026-05-01.csv", rows)
    again = house.land(feed)
    assert tally(again) == (3, 0, 3, 0)
    assert again.new_versions == 0 and first.new_versions == 1
    assert house.digest(entity) == content
    assert house.lake.version("minimised", entity) == version
    assert house.land(feed).batches == 0


def test_equal_rows_of_one_file_without_key_are_distinct_events(house: House) -> None:
    house.deliver_counts("i_2026-05.csv", [count()] * 7)
    assert tally(house.land(COUNTS)) == (7, 7, 0, 0)
    # A delivery that repeats five of them and one more kind adds only the latter.
    house.deliver_counts("j_2026-05.csv", [count()] * 5 + [count(kind="R")])
    assert tally(house.land(COUNTS)) == (6, 1, 5, 0)
    # One that holds nine adds the two that nobody had told of.
    house.deliver_counts("k_2026-05.csv", [count()] * 9)
    assert tally(house.land(COUNTS)) == (9, 2, 7, 0)
    assert house.table("police_record").height == 10


def test_equal_rows_are_numbered_over_all_chunks_of_a_file(house: House) -> None:
    house.deliver_counts("i_2026-05.csv", [count()] * 11 + [count(kind="R")] + [count()] * 4)
    assert tally(house.land(COUNTS, chunk_rows=3)) == (16, 16, 0, 0)
    assert house.table("police_record")["record_key"].n_unique() == 16


def test_how_a_file_is_cut_into_chunks_changes_nothing(house: House) -> None:
    rows = [count(lat=f"-1.2{n % 7}", kind="TRN"[n % 3]) for n in range(60)]
    house.deliver_counts("i_2026-05.csv", rows)
    house.land(COUNTS, chunk_rows=7)
    cut = house.digest("police_record")
    house.deliver_counts("whole_2026-05.csv", rows)
    assert tally(house.land(COUNTS)) == (60, 0, 60, 0)
    assert house.digest("police_record") == cut


# Order


def deliveries() -> dict[str, list[str]]:
    """Four days of a keyed feed: late corrections, an older version after a newer one, a record in every file."""
    return {
        "c_2026-05-01.csv": [call(1), call(2), call(9, changed="2026-05-01 10:00:00")],
        "c_2026-05-02.csv": [call(1, kind="F", changed="2026-05-02 09:00:00"), call(9, changed="2026-05-02 10:00:00")],
        "c_2026-05-03.csv": [call(3), call(1, changed="2026-05-01 11:30:00"), call(9, changed="")],
        "c_2026-05-04.csv": [call(2), call(9, kind="F", changed="2026-05-02 10:00:00"), call(4, changed="")],
    }


@pytest.mark.parametrize("order", list(itertools.permutations(range(4)))[::5])
def test_late_and_shuffled_batches_end_in_the_same_table(house: House, order: tuple[int, ...]) -> None:
    named = list(deliveries().items())
    for number in order:
        house.deliver_calls(*named[number])
        assert adds_up(house.land(CALLS))
    table = house.table("emergency_call")
    assert table.height == 5
    shuffled = house.digest("emergency_call")
    # All at once, in order, in a fresh table of the same keys: the same content.
    other = House(house.root / "other")
    other.root.mkdir()
    (other.root / "keys").symlink_to(house.root / "keys")
    other.with_regions()
    for name, rows in deliveries().items():
        other.deliver_calls(name, rows)
    other.land(CALLS)
    assert other.digest("emergency_call") == shuffled


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_without_a_time_of_change_the_later_delivery_wins_whenever_it_comes(
    house: House, order: tuple[int, ...]
) -> None:
    house.documents[CALLS]["schema"][0]["properties"][6] = {
        **house.documents[CALLS]["schema"][0]["properties"][6],
        "customProperties": [{"property": "telaga", "value": {"action": "drop", "format": "%Y-%m-%d %H:%M:%S"}}],
    }
    days = {
        "c_2026-05-01.csv": call(1),
        "c_2026-05-02.csv": call(1, kind="F"),
        "c_2026-05-03.csv": call(1, lat="-1.15"),
    }
    named = list(days.items())
    for number in order:
        house.deliver_calls(named[number][0], [named[number][1]])
        house.land(CALLS)
    row = house.table("emergency_call").row(0, named=True)
    assert (row["category"], row["region_code"]) == ("crime", "64.01.03")


def test_a_corrected_record_replaces_and_an_older_version_does_not(house: House) -> None:
    house.deliver_calls("c_2026-05-02.csv", [call(1, kind="F", changed="2026-05-02 12:00:00")])
    house.land(CALLS)
    house.deliver_calls("c_2026-05-03.csv", [call(1, changed="2026-05-02 11:59:59")])
    assert tally(house.land(CALLS)) == (1, 0, 1, 0)
    assert house.table("emergency_call")["category"].to_list() == ["fire"]
    house.deliver_calls("c_2026-05-04.csv", [call(1, changed="2026-05-02 12:00:01")])
    assert tally(house.land(CALLS)) == (1, 1, 0, 0)
    assert house.table("emergency_call")["category"].to_list() == ["crime"]


def test_a_correction_may_move_a_record_to_another_month(house: House) -> None:
    house.deliver_calls("c_2026-05-01.csv", [call(1), call(2)])
    house.land(CALLS)
    moved = call(1, at="2026-04-30 10:00:00", answered="", changed="2026-05-03 00:00:00")
    house.deliver_calls("c_2026-05-03.csv", [moved])
    assert tally(house.land(CALLS)) == (1, 1, 0, 0)
    assert sorted(house.table("emergency_call")["received_local_month"].to_list()) == ["2026-04", "2026-05"]


def test_a_newer_version_of_one_delivery_wins_whatever_its_line(house: House) -> None:
    newer = call(1, kind="F", changed="2026-05-02 00:00:00")
    house.deliver_calls("c_2026-05-01.csv", [newer, call(1)])
    assert tally(house.land(CALLS)) == (2, 1, 1, 0)
    assert house.table("emergency_call")["category"].to_list() == ["fire"]


# Intervals


def test_an_interval_run_replaces_what_those_days_hold_once(house: House) -> None:
    for day in (1, 2, 3):
        house.deliver_calls(f"c_2026-05-0{day}.csv", [call(10 * day), call(10 * day + 1, kind="F")])
    house.land(CALLS)
    # The contract had the code of fires wrong.
    columns = house.documents[CALLS]["schema"][0]["properties"]
    columns[1]["customProperties"][0]["value"]["codes"] = {"K": "crime", "F": "medical"}
    first = house.land(CALLS, interval=interval(dt.date(2026, 5, 1), 2))
    # What stands as the batch wrote it is accepted again, not a duplicate of itself.
    assert (first.batches, *tally(first)) == (2, 4, 4, 0, 0)
    found = house.table("emergency_call").group_by("category").len().sort("category").rows()
    assert found == [("crime", 3), ("fire", 1), ("medical", 2)]
    again = house.land(CALLS, interval=interval(dt.date(2026, 5, 1), 2))
    assert (tally(again), again.new_versions) == ((4, 4, 0, 0), 0)
    # The runs of one backfill have one id: what one of them replaced, the others leave alone.
    assert house.land(CALLS, run_id="b", interval=interval(dt.date(2026, 5, 1))).batches == 1
    assert house.land(CALLS, run_id="b", interval=interval(dt.date(2026, 5, 1), 2)).batches == 1


def test_an_interval_run_takes_out_what_the_batch_no_longer_gives(house: House) -> None:
    house.deliver_counts("i_2026-05.csv", [count(), count(kind="N"), count(kind="R")])
    house.deliver_counts("i_2026-04.csv", [count(kind="N", at="2026-04-02 10:00")])
    house.land(COUNTS)
    columns = house.documents[COUNTS]["schema"][0]["properties"]
    columns[0]["customProperties"][0]["value"]["codes"] = {"T": "theft", "R": "burglary"}
    outcome = house.land(COUNTS, interval=interval(dt.date(2026, 5, 4)))
    assert tally(outcome) == (3, 2, 0, 1)
    found = house.table("police_record").sort("occurred_local_month", "category")
    assert found.select("occurred_local_month", "category").rows() == [
        ("2026-04", "narcotics"),
        ("2026-05", "burglary"),
        ("2026-05", "theft"),
    ]
    assert tally(house.land(COUNTS, interval=interval(dt.date(2026, 5, 4)))) == (3, 2, 0, 1)


def test_a_batch_first_met_in_an_interval_lands_as_any_other(house: House) -> None:
    house.deliver_calls("c_2026-05-02.csv", [call(1, kind="F", changed="2026-05-03 00:00:00")])
    house.land(CALLS)
    house.deliver_calls("c_2026-05-01.csv", [call(1)])
    assert tally(house.land(CALLS, interval=interval(dt.date(2026, 5, 1)))) == (1, 0, 1, 0)
    assert house.table("emergency_call")["category"].to_list() == ["fire"]


# Clock


def test_a_time_after_the_day_of_the_run_is_refused(house: House) -> None:
    rows = [call(1, at="2026-05-02 23:59:59", answered=""), call(2, at="2026-05-04 00:00:00", answered="")]
    house.deliver_calls("c_2026-05-01.csv", rows)
    outcome = house.land(CALLS, as_of=dt.date(2026, 5, 2))
    assert tally(outcome) == (2, 1, 0, 1)
    assert outcome.reasons == ("time:at: 1 rows",)


def test_without_a_day_of_the_run_the_citys_own_counts(house: House) -> None:
    rows = [call(1, at="2026-06-30 10:00:00", answered=""), call(2, at="2026-07-02 00:00:00", answered="")]
    house.deliver_calls("c_2026-05-01.csv", rows)
    assert tally(house.land(CALLS)) == (2, 1, 0, 1)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_jumps_an_hour_during_a_run_logs_nothing_twice(house: House, hours: int) -> None:
    house.deliver_calls("c_2026-05-01.csv", [call(1)])
    house.deliver_calls("c_2026-05-02.csv", [call(2)])
    told = iter(range(100))

    def clock() -> dt.datetime:
        # The intent is written by one clock, all that follows by another.
        return dt.datetime.now(UTC) + (dt.timedelta(hours=hours) if next(told) else dt.timedelta())

    assert house.land(CALLS, clock=clock).accepted == 2
    content = house.digest("emergency_call")
    assert house.land(CALLS).batches == 0
    assert house.log_rows(CALLS)["accepted"].to_list() == [1, 1]
    assert house.digest("emergency_call") == content


# Faults of one feed


def test_a_source_that_cannot_be_read_fails_the_batch_and_it_is_taken_again(house: House) -> None:
    path = house.deliver_calls("c_2026-05-01.csv", [call(1)])
    connector = house.connector(CALLS)
    batches = connector.batches(frozenset())
    content = path.read_bytes()
    path.unlink()
    with pytest.raises(ConnectorError):
        connector.open(batches[0])
    path.write_bytes(content)
    assert tally(house.land(CALLS)) == (1, 1, 0, 0)


def test_a_judge_that_breaks_fails_the_batch_and_the_next_run_lands_it(house: House) -> None:
    house.deliver_calls("c_2026-05-01.csv", [call(1, caller="Siti Nurhaliza")])

    def judge(profile: BatchProfile) -> Verdict:
        raise ValueError("Siti Nurhaliza")

    with pytest.raises(ValueError, match="Siti"):
        house.land(CALLS, judge=judge)
    # The class of a foreign error is told, never its message.
    assert house.log_rows(CALLS).select("status", "reason").rows() == [("failed", "ValueError")]
    assert tally(house.land(CALLS)) == (1, 1, 0, 0)


def test_a_contract_that_would_let_personal_data_past_lands_nothing(house: House) -> None:
    from dataclasses import replace

    from ingestion.land import land_feed
    from tests.support.landing import LandingContext, accept

    contract = house.contract(CALLS)
    columns = tuple(replace(c, action="keep") if c.name == "caller" else c for c in contract.columns)
    house.deliver_calls("c_2026-05-01.csv", [call(1)])
    context = LandingContext(house.lake, house.city(), house.keys, "run", None, accept)
    with pytest.raises(PolicyBroken, match="caller"):
        land_feed(replace(contract, columns=columns), house.connector(CALLS), context)
    assert house.lake.version("minimised", "emergency_call") is None
