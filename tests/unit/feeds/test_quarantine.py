"""Quarantine is listed without a value, replayed after a contract fix without loss or double, and accepted by name."""

from __future__ import annotations

import datetime as dt
import gzip
import random
import re
from dataclasses import replace

import pytest

from infra.settings import Home, SettingsError
from ingestion import land
from ingestion.connectors import ConnectorError
from ingestion.lake.quarantine import index
from ingestion.land import LandingContext, land_feed
from ingestion.profile import Verdict
from ingestion.replay import replay, spans
from tests.support.landing import (
    CALL_HEADER,
    CALLS,
    COUNTS,
    House,
    accept,
    call,
    call_columns,
    call_feed,
    column,
    count,
    count_feed,
)
from tests.support.sealed import sealed_call_feed

NAME = "c_2026-05-01.csv"
AGAIN = r"\.r[0-9a-f]{8}$"


def tally(outcome) -> tuple[int, int, int, int]:
    return outcome.read, outcome.accepted, outcome.duplicate, outcome.quarantined


def refuse(profile) -> Verdict:
    return Verdict(False, ("volume: rows is 2, allowed at least 100 (2 rows)",))


def context_of(house: House, judge=accept, run_id: str = "again") -> LandingContext:
    return LandingContext(house.lake, house.city(), house.keys, run_id, None, judge)


def again(house: House, feed: str, batch_ids=None, judge=accept, run_id: str = "again"):
    frames = house.connector(feed).frames
    return replay(house.contract(feed), context_of(house, judge, run_id), frames, batch_ids)


def with_code(code: str = "X") -> dict:
    columns = call_columns()
    columns[1]["customProperties"][0]["value"]["codes"][code] = "crime"
    return call_feed(columns)


def envelopes(house: House) -> list[str]:
    return sorted(path.name for path in (house.root / "lake" / "quarantine").rglob("*.age"))


def numbers(house: House) -> int:
    return house.table("emergency_call").height


# Rows


def test_rows_that_pass_by_now_land_and_leave_quarantine(plain_house):
    house = plain_house
    house.deliver_calls(NAME, [call(1), call(2, kind="X"), call(3), call(4, kind="X")])
    assert tally(house.land(CALLS)) == (4, 2, 0, 2)
    house.documents[CALLS] = with_code()
    assert tally(again(house, CALLS)) == (2, 2, 0, 0)
    assert numbers(house) == 4
    assert index(house.lake).height == 0
    assert envelopes(house) == []
    assert again(house, CALLS).batches == 0


def test_rows_that_still_fail_stay_with_their_positions(plain_house):
    house = plain_house
    house.deliver_calls(NAME, [call(1), call(2, kind="X"), call(3, lat="95"), call(4, kind="X", lat="95")])
    assert tally(house.land(CALLS)) == (4, 1, 0, 3)
    house.documents[CALLS] = with_code()
    assert tally(again(house, CALLS)) == (3, 1, 0, 2)
    kept = index(house.lake)
    assert kept["positions"].explode().to_list() == [3, 4]
    assert kept["batch_id"].str.contains(AGAIN).all()
    assert len(envelopes(house)) == 1
    assert tally(again(house, CALLS, run_id="third")) == (2, 0, 0, 2)
    assert index(house.lake)["batch_id"].unique().to_list() != kept["batch_id"].unique().to_list()
    assert numbers(house) == 2


@pytest.mark.parametrize("feed", [CALLS, COUNTS])
def test_replaying_ends_in_the_table_that_the_right_contract_would_have_made(plain_house, tmp_path, feed):
    import shutil

    other = House(tmp_path / "other")
    shutil.copytree(plain_house.root, other.root)
    fixed = with_code()
    if feed == COUNTS:
        fixed = count_feed()
        fixed["schema"][0]["properties"][0]["customProperties"][0]["value"]["codes"]["X"] = "robbery"
    other.documents[feed] = fixed
    for house in (plain_house, other):
        house.deliver_calls(NAME, [call(n, kind="X" if n % 3 else "K") for n in range(9)])
        house.deliver_counts("i_2026-05.csv", [count(kind=kind) for kind in "TXXRXT"])
        house.land(feed)
    plain_house.documents[feed] = fixed
    again(plain_house, feed)
    entity = "emergency_call" if feed == CALLS else "police_record"
    assert plain_house.table(entity).height == {CALLS: 9, COUNTS: 6}[feed]
    assert plain_house.digest(entity) == other.digest(entity)


def test_a_redelivery_under_the_right_contract_and_a_replay_count_each_event_once(plain_house):
    house = plain_house
    kinds = "TXXRXT"
    house.deliver_counts("i_2026-05.csv", [count(kind=kind) for kind in kinds])
    assert tally(house.land(COUNTS)) == (6, 3, 0, 3)
    house.documents[COUNTS] = count_feed()
    codes = house.documents[COUNTS]["schema"][0]["properties"][0]["customProperties"][0]["value"]["codes"]
    codes["X"] = "robbery"
    house.deliver_counts("i_2026-05-again.csv", [count(kind=kind) for kind in kinds])
    assert tally(house.land(COUNTS)) == (6, 3, 3, 0)
    assert tally(again(house, COUNTS)) == (3, 0, 3, 0)
    assert house.table("police_record").height == 6


def test_what_a_later_backfill_leaves_again_is_not_taken_for_what_was_replayed(plain_house):
    house = plain_house
    house.deliver_calls(NAME, [call(1), call(2, kind="X")])
    house.land(CALLS, run_id="first")
    wrong = house.documents[CALLS]
    house.documents[CALLS] = with_code()
    assert tally(again(house, CALLS)) == (1, 1, 0, 0)
    house.documents[CALLS] = wrong
    day = dt.datetime(2026, 4, 30, 16, tzinfo=dt.UTC)
    outcome = house.land(CALLS, run_id="backfill", interval=(day, day + dt.timedelta(days=1)))
    assert tally(outcome) == (2, 1, 0, 1)
    house.documents[CALLS] = with_code()
    assert tally(again(house, CALLS, run_id="third")) == (1, 0, 1, 0)
    assert (numbers(house), index(house.lake).height) == (2, 0)


def test_a_correction_that_came_meanwhile_is_not_undone(plain_house):
    house = plain_house
    house.deliver_calls(NAME, [call(1, kind="X", changed="2026-05-01 11:00:00")])
    house.land(CALLS)
    house.deliver_calls("c_2026-05-02.csv", [call(1, kind="F", changed="2026-05-02 11:00:00")])
    house.land(CALLS)
    house.documents[CALLS] = with_code()
    assert tally(again(house, CALLS)) == (1, 0, 1, 0)
    assert house.table("emergency_call")["category"].to_list() == ["fire"]


def test_many_rows_that_are_all_of_another_type_hold_up_none_that_pass(plain_house):
    house = plain_house
    rows = [call(n, lat="north") for n in range(30)] + [call(100 + n) for n in range(5)]
    house.deliver_calls(NAME, [*rows, call(200, kind="X", lat=""), call(201, kind="X", lat="")])
    assert tally(house.land(CALLS)) == (37, 5, 0, 32)
    house.documents[CALLS] = with_code()
    assert tally(again(house, CALLS)) == (32, 2, 0, 30)


def test_a_replay_is_judged_by_its_rows_and_not_by_its_shares(plain_house):
    from expectations.judge import Judge

    house = plain_house
    fixed = with_code()
    for document in (house.documents[CALLS], fixed):
        document["schema"][0]["quality"] = [
            {"name": "enough", "type": "library", "metric": "rowCount", "mustBeGreaterOrEqualTo": 40}
        ]
    house.deliver_calls(NAME, [call(n, kind="X" if n < 3 else "K") for n in range(50)])
    judge = Judge()
    assert tally(house.land(CALLS, judge=judge)) == (50, 47, 0, 3)
    house.documents[CALLS] = fixed
    assert tally(again(house, CALLS, judge=judge)) == (3, 3, 0, 0)
    # The next delivery is compared with deliveries, not with what came out of quarantine.
    assert context_history(house) == (50,)


def context_history(house: House) -> tuple[int, ...]:
    from ingestion.lake.log import BatchLog

    state = BatchLog(house.lake, house.keys, "x", CALLS, "emergency_call", None).state()
    return tuple(batch.rows for batch in state.past)


def test_rows_whose_columns_the_contract_no_longer_has_stay_where_they_are(plain_house):
    house = plain_house
    house.deliver_calls(NAME, [call(1), call(2, kind="X")])
    house.land(CALLS)
    columns = call_columns()
    columns[1]["name"] = "sort"
    house.documents[CALLS] = call_feed(columns)
    before = index(house.lake)
    with pytest.raises(ConnectorError, match=r"stays in quarantine: .*new: kind; missing: sort"):
        again(house, CALLS)
    assert index(house.lake).equals(before)
    house.documents[CALLS] = with_code()
    assert tally(again(house, CALLS)) == (1, 1, 0, 0)


@pytest.mark.parametrize("step", ["delete", "index"])
def test_a_replay_that_was_cut_after_landing_is_finished_and_lands_nothing_twice(plain_house, monkeypatch, step):
    from ingestion.lake import quarantine

    house = plain_house
    house.deliver_calls(NAME, [call(1), call(2, kind="X"), call(3, lat="95")])
    house.land(CALLS)
    house.documents[CALLS] = with_code()
    with monkeypatch.context() as cut:

        def fail(*args, **kwargs):
            raise KeyboardInterrupt

        if step == "delete":
            cut.setattr(land, "forget", fail)
        else:
            cut.setattr(quarantine, "replace_where", fail)
        with pytest.raises(KeyboardInterrupt):
            again(house, CALLS, run_id="cut")
    table = house.digest("emergency_call")
    ids = index(house.lake)["batch_id"].unique().to_list()
    original = [batch_id for batch_id in ids if not re.search(AGAIN, batch_id)]
    assert len(original) == 1
    assert again(house, CALLS, original, run_id="finish").batches == 0
    assert house.digest("emergency_call") == table
    assert index(house.lake)["positions"].explode().to_list() == [3]
    assert len(envelopes(house)) == 1


# Whole deliveries


def test_a_file_stopped_for_its_columns_lands_from_quarantine_alone(plain_house):
    house = plain_house
    content = gzip.compress((CALL_HEADER + ",surprise\n" + call(1) + ",s\n" + call(2, kind="?") + ",s\n").encode())
    path = house.deliver("calls/c_2026-05-01.csv.gz", content)
    assert tally(house.land(CALLS)) == (0, 0, 0, 0)
    path.unlink()
    assert tally(again(house, CALLS)) == (0, 0, 0, 0)  # nothing was corrected: stopped again, kept again
    assert len(envelopes(house)) == 1
    house.documents[CALLS] = call_feed(ignored=["surprise"])
    assert tally(again(house, CALLS, run_id="third")) == (2, 1, 0, 1)
    assert index(house.lake)["rule"].to_list() == ["codes:kind"]


def test_a_file_in_many_envelopes_is_put_together_in_order(plain_house, monkeypatch):
    monkeypatch.setattr("ingestion.lake.quarantine.BYTES_PER_ENVELOPE", 101)
    house = plain_house
    house.deliver(f"calls/{NAME}", CALL_HEADER + ",surprise\n" + "".join(call(n) + ",s\n" for n in range(25)))
    house.land(CALLS)
    assert len(envelopes(house)) > 11
    house.documents[CALLS] = call_feed(ignored=["surprise"])
    assert tally(again(house, CALLS)) == (25, 25, 0, 0)
    assert envelopes(house) == []


def test_a_sealed_drop_is_verified_again_before_it_lands_from_quarantine(house):
    (house.root / "inbox").mkdir(exist_ok=True)
    content = (CALL_HEADER + ",surprise\n" + call(1) + ",s\n").encode()
    path = house.deliver_drop(f"{NAME}.drop", house.drop_of(NAME, content, 1))
    house.land(CALLS)
    path.unlink()
    house.documents[CALLS] = sealed_call_feed(ignored=["surprise"])
    pem = house.agency / "police.pem"
    right = pem.read_text()
    from ingestion.sealing import make_agency_key

    pem.write_text(make_agency_key(house.agency, "stranger"))
    with pytest.raises(ConnectorError, match="stays in quarantine: is not signed with the key of police"):
        again(house, CALLS)
    pem.write_text(right)
    assert tally(again(house, CALLS, run_id="third")) == (1, 1, 0, 0)


# What people see


def claimed(house: House) -> None:
    house.city()
    (house.root / "simulation").mkdir(exist_ok=True)
    Home(house.root).make().claim("testville", house.root / "city")


def test_listing_and_showing_tell_rules_and_places_and_no_value(plain_house, telaga):
    house = plain_house
    rows = [call(n, kind="X", caller="Ngurah Marhaen") for n in range(5)]
    house.deliver_calls(NAME, [*rows, call(77), call(88, lat="95.125", caller="Ngurah Marhaen"), "9,K"])
    house.deliver("calls/c_2026-05-02.csv", CALL_HEADER + ",surprise\n" + call(1) + ",s\n")
    house.land(CALLS)
    code, told, _ = telaga("quarantine", "list")
    assert code == 0
    lines_told = [line.split("  ") for line in told.splitlines()]
    assert sorted((line[2], line[3]) for line in lines_told) == [
        ("codes:kind", "5 rows"),
        ("coordinate:lat", "1 rows"),
        ("schema_drift", "1 file"),
        ("unreadable_line", "1 rows"),
    ]
    batch = next(line[1] for line in lines_told if line[2] == "codes:kind")
    _, shown, _ = telaga("quarantine", "show", batch)
    assert "rule     codes:kind: 5 rows, at 1-5" in shown
    assert "rule     coordinate:lat: 1 rows, at 7" in shown
    assert "columns  number, kind, at, answered, lat, lon, changed, caller" in shown
    whole = next(line[1] for line in lines_told if line[2] == "schema_drift")
    _, shown_whole, _ = telaga("quarantine", "show", whole)
    assert "rule     schema_drift: the whole delivery, sealed" in shown_whole
    for value in ("Ngurah", "95.125", "116.64", "10:00:00"):
        assert value not in told + shown + shown_whole


def test_an_unknown_batch_says_where_to_look(plain_house, telaga):
    from ingestion.replay import NotInQuarantine

    with pytest.raises(NotInQuarantine, match="quarantine list"):
        telaga("quarantine", "show", "nothing")
    with pytest.raises(SettingsError, match="quarantine list"):
        telaga("quarantine", "replay", "nothing")
    assert telaga("quarantine", "list") == (0, "", "quarantine is empty\n")


def test_the_command_replays_the_feeds_that_are_named(plain_house, telaga):
    house = plain_house
    house.deliver_calls(NAME, [call(n, kind="X" if n == 1 else "K") for n in range(30)])
    house.deliver_counts("i_2026-05.csv", [count(kind="?"), count()])
    house.land(CALLS)
    house.land(COUNTS)
    house.documents[CALLS] = with_code()
    claimed(house)
    code, told, _ = telaga("quarantine", "replay", "--feed", CALLS)
    assert (code, told) == (0, "police.calls  1 batches  read 1  accepted 1  duplicate 0  quarantined 0\n")
    assert index(house.lake)["feed"].to_list() == [COUNTS]


def test_positions_are_told_in_runs():
    assert spans([1, 2, 3, 7, 9, 10]) == "1-3, 7, 9-10"
    assert spans(range(1, 40, 2), 3) == "1, 3, 5 and 17 more"


# Acceptance


def stopped(house: House, telaga) -> str:
    house.deliver_calls(NAME, [call(1), call(2), call(3, kind="X")])
    outcome = house.land(CALLS, judge=refuse)
    assert tally(outcome) == (3, 0, 0, 3)
    claimed(house)
    return index(house.lake)["batch_id"].item()


def test_an_accepted_batch_lands_with_the_next_pull_and_says_who_and_why(plain_house, telaga):
    house = plain_house
    batch = stopped(house, telaga)
    assert tally(house.land(CALLS, judge=refuse)) == (0, 0, 0, 0)
    (house.root / "inbox" / "calls" / NAME).unlink()  # the agency may clean up: what counts is what quarantine keeps
    code, told, _ = telaga("batch", "accept", batch, "--by", "R. Wulandari", "--reason", "a holiday")
    assert code == 0
    assert "accepted by R. Wulandari" in told
    outcome = house.land(CALLS, judge=refuse)
    assert tally(outcome) == (3, 2, 0, 1)
    assert outcome.reasons[0].startswith("accepted by R. Wulandari: a holiday; judged: volume: rows is 2")
    logged = house.log_rows(CALLS).row(-1, named=True)
    assert (re.sub(AGAIN, "", logged["batch_id"]), logged["status"]) == (batch, "landed")
    assert "accepted by R. Wulandari: a holiday" in logged["reason"]
    assert numbers(house) == 2
    assert index(house.lake)["rule"].to_list() == ["codes:kind"]
    assert house.land(CALLS, judge=refuse).batches == 0


def test_an_acceptance_holds_for_its_batch_alone(plain_house, telaga):
    house = plain_house
    batch = stopped(house, telaga)
    telaga("batch", "accept", batch, "--by", "R", "--reason", "r")
    house.deliver_calls("c_2026-05-02.csv", [call(9)])
    outcome = house.land(CALLS, judge=refuse)
    assert (outcome.batches, *tally(outcome)) == (2, 4, 2, 0, 2)
    assert sorted(index(house.lake)["rule"].to_list()) == ["codes:kind", "verdict"]


def test_rows_of_a_database_that_were_judged_failed_land_once_accepted(plain_house, telaga):
    house = plain_house

    class Rows:
        """As a database: no file to go back to."""

        def __init__(self):
            inner = house.connector(CALLS)
            self.batches, self.open = inner.batches, inner.open

    house.deliver_calls(NAME, [call(1), call(2)])
    land_feed(house.contract(CALLS), Rows(), context_of(house, refuse, "one"))
    claimed(house)
    kept = index(house.lake)
    assert kept["positions"].to_list() == [[1, 2]]
    telaga("batch", "accept", kept["batch_id"].item(), "--by", "R", "--reason", "r")
    outcome = land_feed(house.contract(CALLS), Rows(), replace(context_of(house, refuse), run_id="two"))
    assert tally(outcome) == (2, 2, 0, 0)
    assert index(house.lake).height == 0


def test_a_replay_of_two_stopped_batches_lands_the_accepted_one_alone(plain_house, telaga):
    house = plain_house
    batch = stopped(house, telaga)
    house.deliver_calls("c_2026-05-02.csv", [call(9)])
    house.land(CALLS, judge=refuse)
    telaga("batch", "accept", batch, "--by", "R", "--reason", "r")
    assert tally(again(house, CALLS, judge=refuse)) == (4, 2, 0, 2)
    assert sorted(index(house.lake)["rule"].to_list()) == ["codes:kind", "verdict"]


def test_envelopes_are_read_in_the_order_they_were_sealed_in():
    from ingestion.connectors.quarantined import _number

    paths = ["q/a.csv.123456789012.age", *(f"q/a.csv.123456789012.{number}.age" for number in range(2, 1003))]
    shuffled = random.Random(1).sample(paths, len(paths))
    assert sorted(shuffled, key=_number) == paths


def test_only_what_was_judged_failed_can_be_accepted(plain_house, telaga):
    house = plain_house
    house.deliver_calls(NAME, [call(1, kind="X")])
    house.land(CALLS)
    batch = index(house.lake)["batch_id"].item()
    with pytest.raises(SettingsError, match="was stopped by codes:kind, not by its verdict"):
        telaga("batch", "accept", batch, "--by", "R", "--reason", "r")
    with pytest.raises(SettingsError, match="quarantine keeps no batch"):
        telaga("batch", "accept", "other", "--by", "R", "--reason", "r")


def test_an_acceptance_needs_a_name_and_a_reason(plain_house, telaga):
    batch = stopped(plain_house, telaga)
    with pytest.raises(SettingsError, match="needs a name and a reason"):
        telaga("batch", "accept", batch, "--by", " ", "--reason", "r")
    assert plain_house.lake.version("control", "decisions") is None


def test_an_acceptance_holds_in_a_replay_as_well(plain_house, telaga):
    house = plain_house
    batch = stopped(house, telaga)
    telaga("batch", "accept", batch, "--by", "R", "--reason", "r")
    assert tally(again(house, CALLS, [batch], judge=refuse)) == (3, 2, 0, 1)


def test_a_column_that_is_never_delivered_again_is_no_reason_to_lose_a_json_line(plain_house):
    house = plain_house
    columns = call_columns()
    house.documents[CALLS] = call_feed(columns, format={"kind": "jsonl"})
    import json

    row = dict(zip(CALL_HEADER.split(","), call(1, kind="X").split(","), strict=True))
    house.deliver("calls/c_2026-05-01.jsonl", json.dumps(row) + "\n")
    assert tally(house.land(CALLS)) == (1, 0, 0, 1)
    fixed = with_code()["schema"][0]["properties"]
    fixed.append(column("weather", classification="internal", action="drop"))
    house.documents[CALLS] = call_feed(fixed, format={"kind": "jsonl"})
    assert tally(again(house, CALLS)) == (1, 1, 0, 0)
