"""Plates as they land: dropped, or tokens that live no longer than their day's key, and originals that end with it."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from ingestion.contract import check_contract
from ingestion.minimise.closing import close_days
from ingestion.minimise.day_keys import DayKeys, last_closed
from ingestion.sealing import SealBroken, open_sealed
from tests.support.landing import House, column, digest_of
from tests.support.plates import (
    CLOSED,
    ETLE,
    LINKS,
    OPEN,
    TODAY,
    deliver,
    events,
    plate_feed,
    seen,
    tokens,
    with_plates,
)

UTC = dt.UTC
PLATE, OTHER = "KT 1234 AB", "KT 9 Z"
LATER = TODAY + dt.timedelta(days=1)


def close(house: House, today: dt.date, now: dt.datetime | None = None) -> list[int]:
    """Days closed and tokens cleared of each feed."""
    closed = close_days(house.lake, house.keys, today=today, now=now or dt.datetime.now(UTC), run_id="close")
    return [number for one in closed for number in (len(one.days), one.tokens)]


def interval(day: dt.date) -> tuple[dt.datetime, dt.datetime]:
    start = dt.datetime.combine(day, dt.time(), UTC) - dt.timedelta(hours=8)
    return start, start + dt.timedelta(days=1)


def inbox(house: House) -> list[str]:
    return sorted(path.name for path in (house.root / "inbox" / ETLE).iterdir())


def test_the_window_is_72_hours_after_the_end_of_the_local_day() -> None:
    assert last_closed(TODAY) == CLOSED and CLOSED + dt.timedelta(days=1) == OPEN
    end = dt.datetime.combine(CLOSED + dt.timedelta(days=1), dt.time())
    assert dt.datetime.combine(TODAY, dt.time()) - end == dt.timedelta(hours=72)


def test_a_plate_is_dropped_unless_a_staging_model_is_named(house: House) -> None:
    deliver(with_plates(house, links=None), TODAY, [seen(1, PLATE, TODAY)])
    house.land(ETLE, as_of=TODAY)
    assert tokens(house) == [None]
    assert not (house.root / "keys/days").exists() and inbox(house) == ["e_2026-06-30.csv"]


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"action": "pseudonymise", "about": "plate"}, "a plate is dropped unless links names the staging model"),
        ({"action": "drop", "about": "plate", "links": LINKS}, "links means nothing unless"),
        ({"action": "pseudonymise", "about": "owner", "links": LINKS}, "links means nothing unless"),
        ({"action": "pseudonymise", "about": "plate", "links": {"model": "int_tracks", "by": ["h3_cell"]}}, "pattern"),
        ({"action": "pseudonymise", "about": "plate", "links": {**LINKS, "by": ["camera_key"]}}, "breaks enum"),
    ],
)
def test_a_contract_states_what_tokens_are_counted_for(tmp_path: Path, given: dict, fault: str) -> None:
    import yaml

    document = plate_feed()
    properties = document["schema"][0]["properties"]
    properties[3] = column("plate", classification="personal", **given)
    path = tmp_path / f"{ETLE}.odcs.yaml"
    path.write_text(yaml.safe_dump(document))
    assert any(fault in found for found in check_contract(path)), check_contract(path)
    path.write_text(yaml.safe_dump(plate_feed()))
    assert check_contract(path) == []
    elsewhere = plate_feed()
    elsewhere["customProperties"][0]["value"]["connector"] = "s3"
    path.write_text(yaml.safe_dump(elsewhere))
    assert any("is delivered into a folder" in found for found in check_contract(path))


def test_equal_plates_of_a_day_have_one_token_however_they_are_spelt(house: House) -> None:
    rows = [seen(1, PLATE, TODAY), seen(2, "kt-1234-ab", TODAY), seen(3, OTHER, TODAY), seen(4, "", TODAY)]
    deliver(with_plates(house), TODAY, rows)
    assert house.land(ETLE, as_of=TODAY).accepted == 4
    found = tokens(house)
    assert found.count(None) == 1 and len(set(found) - {None}) == 2
    keys = sorted(path.name for path in (house.root / "keys/days" / ETLE).iterdir())
    assert keys == ["2026-06-30.age-key", "2026-06-30.key"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (house.root / "keys").rglob("*"))
    uses = [json.loads(line) for line in (house.root / "keys/key-uses.jsonl").read_text().splitlines()]
    # Distinct spellings without their punctuation: two plates.
    assert [use["values"] for use in uses if use["purpose"] == LINKS["model"]] == [2]


def test_only_days_within_the_window_have_tokens(house: House) -> None:
    deliver(with_plates(house), OPEN, [seen(1, PLATE, CLOSED), seen(2, PLATE, OPEN)])
    house.land(ETLE, as_of=TODAY)
    closed, opened = tokens(house)
    assert closed is None and opened is not None
    assert not (house.root / "keys/days" / ETLE / "2026-06-26.key").exists()


def test_tokens_are_no_content_and_change_no_key(house: House) -> None:
    """The same rows with and without tokens are one version of one record."""
    deliver(with_plates(house), TODAY, [seen(1, PLATE, TODAY), seen(2, OTHER, TODAY)])
    house.land(ETLE, as_of=TODAY)
    with_tokens = events(house)
    deliver(house, TODAY, [seen(1, "", TODAY), seen(2, "KT 7 Q", TODAY)])
    assert house.land(ETLE, as_of=TODAY).duplicate == 2
    assert events(house).drop("plate_token", "batch_id").equals(with_tokens.drop("plate_token", "batch_id"))
    plain = House(house.root / "plain").with_regions()
    for key in (house.root / "keys").glob("*.key"):
        (plain.root / "keys" / key.name).write_bytes(key.read_bytes())
    deliver(with_plates(plain, links=None), TODAY, [seen(1, PLATE, TODAY), seen(2, OTHER, TODAY)])
    plain.land(ETLE, as_of=TODAY)
    without = [frame.drop("plate_token", "batch_id") for frame in (events(plain), with_tokens)]
    assert digest_of(without[0]) == digest_of(without[1])


def test_the_end_of_a_window_takes_key_and_tokens_of_that_day_alone(house: House) -> None:
    deliver(with_plates(house), OPEN, [seen(1, PLATE, OPEN), seen(2, PLATE, TODAY)])
    house.land(ETLE, as_of=TODAY)
    before = events(house)
    assert close(house, TODAY) == [0, 0]
    assert close(house, LATER) == [1, 1]
    after = events(house)
    assert after["plate_token"].is_null().to_list() == [True, False]
    assert after.drop("plate_token").equals(before.drop("plate_token"))
    folder = house.root / "keys/days" / ETLE
    assert sorted(path.name for path in folder.iterdir()) == ["2026-06-30.age-key", "2026-06-30.key", "closed"]
    assert all(path.stat().st_mode & 0o077 == 0 for path in (house.root / "keys").rglob("*"))
    assert close(house, LATER) == [0, 0]  # once


def test_a_key_that_was_destroyed_is_not_made_again(house: House) -> None:
    deliver(with_plates(house), OPEN, [seen(1, PLATE, OPEN)])
    house.land(ETLE, as_of=TODAY)
    close(house, LATER)
    # A late event, and even a run whose as-of was set back into the window.
    deliver(house, OPEN, [seen(1, PLATE, OPEN), seen(3, PLATE, OPEN)])
    house.land(ETLE, as_of=TODAY)
    assert tokens(house) == [None, None]
    assert DayKeys.of(house.keys, ETLE).digester("x", OPEN, TODAY, 1) is None


def test_the_delivered_copy_is_replaced_by_one_under_its_first_days_key(house: House) -> None:
    deliver(with_plates(house), OPEN, [seen(1, PLATE, OPEN), seen(2, PLATE, TODAY)])
    content = (house.root / "inbox" / ETLE / "e_2026-06-27.csv").read_bytes()
    house.land(ETLE, as_of=TODAY)
    assert inbox(house) == []
    (path,) = (house.root / "lake/originals" / ETLE).rglob("*.age")
    assert path.parent.name == "2026-06-27"
    assert open_sealed(path.read_bytes(), house.root / "keys/days" / ETLE, "2026-06-27.age-key") == content
    close(house, LATER)
    with pytest.raises(SealBroken):
        open_sealed(path.read_bytes(), house.root / "keys/days" / ETLE, "2026-06-30.age-key")
    assert house.log_rows(ETLE)["digest"].drop_nulls().len() == 1  # what it was stays provable


def test_a_delivery_of_closed_days_alone_is_not_kept(house: House) -> None:
    deliver(with_plates(house), CLOSED, [seen(1, PLATE, CLOSED)])
    assert house.land(ETLE, as_of=TODAY).accepted == 1
    assert inbox(house) == [] and not (house.root / "lake/originals").exists()


def test_a_backfill_takes_the_sealed_original_and_afterwards_asks_for_redelivery(house: House) -> None:
    deliver(with_plates(house), OPEN, [seen(1, PLATE, OPEN), seen(2, OTHER, OPEN)])
    house.land(ETLE, as_of=TODAY)
    before = events(house)
    again = house.land(ETLE, as_of=TODAY, interval=interval(OPEN))
    assert (again.batches, again.read, again.quarantined, again.reasons) == (1, 2, 0, ())
    assert events(house).equals(before)
    close(house, LATER)
    outcome = house.land(ETLE, as_of=LATER, interval=interval(OPEN))
    assert outcome.batches == 0 and events(house).height == 2
    (reason,) = outcome.reasons
    assert "have the agency deliver it again" in reason and PLATE not in reason
    # Which works: the same rows again are the rows that are there.
    deliver(house, OPEN, [seen(1, PLATE, OPEN), seen(2, OTHER, OPEN)])
    assert house.land(ETLE, as_of=LATER).duplicate == 2


def test_what_is_set_aside_opens_as_long_as_its_day(house: House) -> None:
    deliver(with_plates(house), TODAY, [seen(1, PLATE, TODAY), f"2,C1,no time,{PLATE},-1.26,116.64"])
    assert house.land(ETLE, as_of=TODAY).quarantined == 1
    (path,) = (house.root / "lake/quarantine" / ETLE).rglob("*.age")
    with pytest.raises(SealBroken):
        open_sealed(path.read_bytes(), house.root / "keys")  # not the key of quarantine, which stays
    from ingestion.lake.quarantine import open_rows

    relative = path.relative_to(house.root / "lake").as_posix()
    assert open_rows(house.lake, relative, house.root / "keys")["plate"].to_list() == [PLATE]
    close(house, TODAY + dt.timedelta(days=4))
    with pytest.raises(SealBroken, match="have the agency deliver it again"):
        open_rows(house.lake, relative, house.root / "keys")


def test_a_copy_that_a_crash_left_is_removed_by_the_next_run(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    from ingestion.connectors.folder import FolderConnector

    deliver(with_plates(house), TODAY, [seen(1, PLATE, TODAY)])
    with monkeypatch.context() as patch:
        patch.setattr(FolderConnector, "remove", lambda self, batch: False)
        (reason,) = house.land(ETLE, as_of=TODAY).reasons
        assert "make the inbox writable" in reason
    assert inbox(house) == ["e_2026-06-30.csv"]
    assert house.land(ETLE, as_of=TODAY).batches == 0
    assert inbox(house) == []


def test_a_feed_whose_contract_is_gone_ends_too(house: House) -> None:
    deliver(with_plates(house), OPEN, [seen(1, PLATE, OPEN), seen(2, PLATE, TODAY)])
    house.land(ETLE, as_of=TODAY)
    del house.documents[ETLE]
    assert close(house, LATER) == [1, 1]
    assert house.table("camera_event", ETLE)["plate_token"].null_count() == 1
