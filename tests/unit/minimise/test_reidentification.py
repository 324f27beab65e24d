"""Attempts to find a person behind what landed. Each one succeeds against a weaker house first, or it would prove
nothing."""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import io
import itertools
import json
import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import polars as pl
import pytest
from deltalake import DeltaTable, write_deltalake

from ingestion.minimise.closing import close_days
from ingestion.minimise.pseudonyms import KeyRing
from tests.support.landing import CALLS, House, call
from tests.support.plates import ETLE, OPEN, TODAY, deliver, events, plate_feed, seen, tokens, with_plates

UTC = dt.UTC
PLATE = "KT 1234 AB"
LATER = TODAY + dt.timedelta(days=1)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("prepared")
    House(root).with_regions()
    return root


@pytest.fixture
def house(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    shutil.copytree(prepared, tmp_path / "home")
    return House(tmp_path / "home")


def close(house: House, today: dt.date = LATER) -> None:
    close_days(house.lake, house.keys, today=today, now=dt.datetime.now(UTC), run_id="close")


# Trying out every number


def niks() -> Iterable[str]:
    """Every NIK of one district, born in one month, of the first serials: what a register narrows a person to."""
    for day, serial in itertools.product((*range(1, 32), *range(41, 72)), range(1, 41)):
        yield f"647105{day:02d}0490{serial:04d}"


def found_by(tokens: set[str], guess: Callable[[bytes], str]) -> list[str]:
    return [nik for nik in niks() if guess(nik.encode()) in tokens]


def test_no_nik_is_found_by_trying_all_of_them(tmp_path: Path) -> None:
    secret_nik = "6471051204900003"
    digester = KeyRing(tmp_path / "keys").digester("police.calls", "record", 1)
    keyed = set(digester.hexadecimal([secret_nik]))
    guesses: dict[str, Callable[[bytes], str]] = {
        "sha256": lambda nik: hashlib.sha256(nik).hexdigest()[:32],
        "md5": lambda nik: hashlib.md5(nik, usedforsecurity=False).hexdigest(),
        "the feed's name as key": lambda nik: hmac.new(b"police.calls", nik, "sha256").hexdigest()[:32],
        "another home's key": lambda nik: (
            KeyRing(tmp_path / "other").digester("police.calls", "record", 1).hexadecimal([nik.decode()])[0]
        ),
    }
    unkeyed = {hashlib.sha256(secret_nik.encode()).hexdigest()[:32]}
    assert found_by(unkeyed, guesses["sha256"]) == [secret_nik]  # an unkeyed hash is no pseudonym at all
    for name in ("sha256", "md5", "the feed's name as key"):
        assert found_by(keyed, guesses[name]) == [], name
    assert guesses["another home's key"](secret_nik.encode()) not in keyed


def test_record_keys_of_a_landed_feed_are_not_those_of_an_unkeyed_hash(house: House) -> None:
    number = "6471051204900003"
    house.deliver_calls("c_2026-05-01.csv", [call(number)])
    house.land(CALLS)
    keys = set(house.table("emergency_call")["record_key"].to_list())
    digester = house.keys.digester(CALLS, "record", 1)
    assert set(digester.hexadecimal([number])) == keys  # whoever holds the home's key does find it
    assert found_by(keys, lambda nik: hashlib.sha256(nik).hexdigest()[:32]) == []


# Following a vehicle


def track(house: House, *feeds: str) -> set[str]:
    """Tokens that stand on more than one (feed, day)."""
    rows = pl.concat(events(house, feed) for feed in feeds or (ETLE,)).filter(pl.col("plate_token").is_not_null())
    seen_on = rows.group_by("plate_token").agg(pl.struct("feed", "occurred_local_date").n_unique().alias("places"))
    return set(seen_on.filter(pl.col("places") > 1)["plate_token"])


def forever(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A weaker house: one key for all days and agencies."""
    from ingestion.minimise.day_keys import DayKeys

    lasting = house.keys
    monkeypatch.setattr(
        DayKeys, "digester", lambda self, purpose, day, today, values: lasting.digester("all", "plate", values)
    )


def test_a_plate_is_not_followed_from_day_to_day(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [seen(n, PLATE, TODAY - dt.timedelta(days=n)) for n in range(3)]
    with monkeypatch.context() as patch:
        weak = House(house.root / "weak").with_regions()
        forever(weak, patch)
        deliver(with_plates(weak), TODAY, rows)
        weak.land(ETLE, as_of=TODAY)
        assert len(track(weak)) == 1
    deliver(with_plates(house), TODAY, rows)
    house.land(ETLE, as_of=TODAY)
    assert None not in tokens(house) and len(set(tokens(house))) == 3
    assert track(house) == set()


def test_a_plate_is_not_followed_from_agency_to_agency(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    feeds = ("polres.etle", "dishub.etle")

    def landed(home: House) -> House:
        with_plates(home, *feeds)
        for feed in feeds:
            deliver(home, TODAY, [seen(1, PLATE, TODAY)], feed)
            home.land(feed, as_of=TODAY)
        return home

    with monkeypatch.context() as patch:
        weak = House(house.root / "weak").with_regions()
        forever(weak, patch)
        assert len(track(landed(weak), *feeds)) == 1
    assert track(landed(house), *feeds) == set()


def test_a_plate_is_not_followed_from_purpose_to_purpose(house: House) -> None:
    deliver(with_plates(house), TODAY, [seen(1, PLATE, TODAY)])
    house.land(ETLE, as_of=TODAY)
    other = {"model": "stg_other_count", "by": ["h3_cell"]}
    house.documents[ETLE] = plate_feed(links=other)
    deliver(house, TODAY, [seen(2, PLATE, TODAY)])
    house.land(ETLE, as_of=TODAY)
    assert len(set(tokens(house))) == 2 and None not in tokens(house)


def test_replaying_an_event_whose_key_is_gone_finds_no_token(house: House) -> None:
    """Whoever knows a plate replays a sighting of it and looks for its token among those that stand there."""
    deliver(with_plates(house), OPEN, [seen(1, PLATE, OPEN), seen(2, "KT 5 X", OPEN)])
    house.land(ETLE, as_of=TODAY)
    deliver(house, OPEN, [seen("probe-1", PLATE, OPEN)])
    house.land(ETLE, as_of=TODAY)
    found = [token for token in tokens(house) if token]
    assert len(found) == 3 and len(set(found)) == 2  # while the key lives the probe does tell
    close(house)
    deliver(house, OPEN, [seen("probe-2", PLATE, OPEN)])
    assert house.land(ETLE, as_of=LATER).accepted == 1
    assert tokens(house) == [None] * 4


# What a table's own files tell


def statistics(table: Path) -> str:
    """All that the log says of values: smallest and largest."""
    told = []
    for entry in sorted((table / "_delta_log").glob("*.json")):
        for line in entry.read_text().splitlines():
            add = json.loads(line).get("add")
            if add and add.get("stats"):
                stats = json.loads(add["stats"])
                told.append(json.dumps([stats.get("minValues", {}), stats.get("maxValues", {})]))
    for path in (table / "_delta_log").glob("*.checkpoint.parquet"):
        told.append(str(pl.read_parquet(io.BytesIO(path.read_bytes())).rows()))
    return "\n".join(told)


def test_delta_statistics_name_no_smallest_or_largest_value(house: House, tmp_path: Path) -> None:
    deliver(with_plates(house), TODAY, [seen(1, PLATE, TODAY), seen(2, "KT 5 X", TODAY)])
    house.land(ETLE, as_of=TODAY)
    rows = events(house)
    table = DeltaTable(house.lake.table("minimised", "camera_event"))
    table.create_checkpoint()
    secrets = [str(value) for name in ("plate_token", "record_key", "camera_key") for value in rows[name]]
    careless = tmp_path / "careless"
    write_deltalake(str(careless), rows.to_arrow())
    assert any(secret in statistics(careless) for secret in secrets)  # as anybody's writer would tell
    told = statistics(house.root / "lake/minimised/camera_event")
    assert told and not any(secret in told for secret in secrets)


def every_token(house: House) -> set[str]:
    """Tokens in every version that still opens and in every file that lies there."""
    found: set[str] = set()
    newest = house.lake.version("minimised", "camera_event")
    assert newest is not None
    for version in range(newest + 1):
        try:
            found |= set(house.lake.read("minimised", "camera_event", version).collect()["plate_token"].drop_nulls())
        except (FileNotFoundError, OSError, pl.exceptions.PolarsError):
            continue
    for path in (house.root / "lake/minimised/camera_event").rglob("*.parquet"):
        if "_delta_log" not in path.parts:
            rows = pl.read_parquet(path, hive_partitioning=False)
            found |= set(rows["plate_token"].drop_nulls()) if "plate_token" in rows.columns else set()
    return found


def test_old_versions_of_the_table_hold_no_token_of_a_closed_day(house: House) -> None:
    deliver(with_plates(house), OPEN, [seen(1, PLATE, OPEN)])
    house.land(ETLE, as_of=TODAY)
    deliver(house, TODAY, [seen(2, PLATE, TODAY)])
    house.land(ETLE, as_of=TODAY)
    # A correction rewrites the file: its predecessor lives on in an older version.
    deliver(house, OPEN, [seen(1, PLATE, OPEN, "11:00:00")])
    house.land(ETLE, as_of=TODAY)
    rows = events(house)
    gone = set(rows.filter(occurred_local_date=OPEN)["plate_token"])
    stays = set(rows.filter(occurred_local_date=TODAY)["plate_token"])
    assert gone | stays == every_token(house) and len(gone) == len(stays) == 1
    close(house)
    assert every_token(house) == stays
    assert events(house).height == 2
