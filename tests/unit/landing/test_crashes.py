"""A landing that ends anywhere: the next run finishes the work, once, and says so once."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import ingestion.land as walk
from ingestion.lake import Lake, upsert
from ingestion.lake import commit as commits
from ingestion.lake.log import BatchLog
from ingestion.lake.quarantine import Quarantine
from ingestion.profile import BatchProfile, Verdict
from tests.support.landing import CALLS, House, call

ROWS = {
    "c_2026-05-01.csv": [call(1), call(2), call(3, kind="X")],
    "c_2026-05-02.csv": [call(1, kind="F", changed="2026-05-03 00:00:00"), call(4)],
}


class Killed(BaseException):
    """The process is gone. Not an Exception: nothing in the walk may tidy up after it."""


class Death:
    """Ends the process when a chosen call is met, before or after it does its work; nothing is written afterwards."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch
        self.came = False

    def at(self, owner: Any, name: str, *, after: bool, call: int = 1) -> None:
        real: Callable[..., Any] = getattr(owner, name)
        seen = 0

        def dying(*arguments: Any, **named: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen != call or self.came:
                return real(*arguments, **named)
            if after:
                real(*arguments, **named)
            self._strike()

        self._patch.setattr(owner, name, dying)

    def _strike(self) -> None:
        self.came = True

        def gone(*arguments: Any, **named: Any) -> Any:
            raise Killed

        # What runs in a dying process's `finally` reaches no disk.
        self._patch.setattr(Lake, "append", gone)
        self._patch.setattr(Lake, "put", gone)
        raise Killed


PLACES: list[tuple[Any, str, bool, int]] = [
    (BatchLog, "intent", True, 1),
    (Quarantine, "close", False, 1),
    (Quarantine, "close", True, 1),
    (walk, "apply_plan", False, 1),
    (upsert, "commit_files", False, 1),
    (upsert, "commit_files", True, 1),
    (walk, "apply_plan", True, 1),
    (BatchLog, "outcome", False, 1),
    (BatchLog, "outcome", True, 1),
    (BatchLog, "intent", False, 2),
    (walk, "apply_plan", True, 2),
    (BatchLog, "outcome", False, 2),
    (BatchLog, "flush", False, 3),
    (commits, "commit_files", True, 1),
]


def told(house: House) -> list[tuple[Any, ...]]:
    """Batch and counts of every final outcome, ids without the time of the file."""
    rows = house.log_rows(CALLS)
    final = rows.filter(rows["status"] != "failed").sort("batch_id")
    names = ("read", "accepted", "duplicate", "quarantined", "period_from")
    return [(row["batch_id"][:12], *(row[name] for name in names)) for row in final.iter_rows(named=True)]


@pytest.fixture(scope="module")
def undisturbed(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[tuple[Any, ...]]]:
    """Content and log of a landing that nothing interrupts, under the same keys."""
    root = tmp_path_factory.mktemp("undisturbed") / "home"
    shutil.copytree(prepared, root)
    house = House(root)
    for name, rows in ROWS.items():
        house.deliver_calls(name, rows)
    house.land(CALLS)
    return house.digest("emergency_call"), told(house)


@pytest.mark.parametrize(("at", "same_run"), [(at, at % 2 == 0) for at in range(len(PLACES))])
def test_the_next_run_finishes_what_a_crash_left(
    house: House,
    undisturbed: tuple[str, list[tuple[Any, ...]]],
    monkeypatch: pytest.MonkeyPatch,
    at: int,
    same_run: bool,
) -> None:
    owner, name, after, number = PLACES[at]
    for file, rows in ROWS.items():
        house.deliver_calls(file, rows)
    with monkeypatch.context() as patch:
        death = Death(patch)
        death.at(owner, name, after=after, call=number)
        with pytest.raises(Killed):
            house.land(CALLS, run_id="first")
        assert death.came
    house.land(CALLS, run_id="first" if same_run else "second")
    assert (house.digest("emergency_call"), told(house)) == undisturbed
    assert house.quarantine(CALLS).select("rule", "rows", "positions").rows() == [("codes:kind", 1, [3])]
    # And it stays so: a third run finds nothing to do and nothing to say.
    assert house.land(CALLS).batches == 0
    assert told(house) == undisturbed[1]


def test_an_outcome_that_was_lost_is_written_by_the_next_run_under_its_own_run(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.deliver_calls("c_2026-05-01.csv", [call(1), call(2, kind="X")])
    with monkeypatch.context() as patch:
        Death(patch).at(BatchLog, "outcome", after=False)
        with pytest.raises(Killed):
            house.land(CALLS, run_id="crashed")
    version = house.lake.version("minimised", "emergency_call")
    house.land(CALLS, run_id="next")
    (row,) = house.log_rows(CALLS).iter_rows(named=True)
    assert (row["run_id"], row["status"], row["reason"]) == ("crashed", "landed", "closed after an interruption")
    assert (row["read"], row["accepted"], row["quarantined"], row["table_version"]) == (2, 1, 1, version)
    assert row["period_from"] == dt.datetime(2026, 4, 30, 16, tzinfo=dt.UTC)
    assert house.lake.version("minimised", "emergency_call") == version


def test_a_batch_whose_outcome_was_lost_still_orders_versions_without_a_time(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    columns = house.documents[CALLS]["schema"][0]["properties"]
    columns[6]["customProperties"][0]["value"] = {"action": "drop", "format": "%Y-%m-%d %H:%M:%S"}
    house.deliver_calls("c_2026-05-02.csv", [call(1, kind="F")])
    with monkeypatch.context() as patch:
        Death(patch).at(BatchLog, "outcome", after=False)
        with pytest.raises(Killed):
            house.land(CALLS)
    house.deliver_calls("c_2026-05-01.csv", [call(1)])  # late
    house.land(CALLS)
    assert house.table("emergency_call")["category"].to_list() == ["fire"]


def test_an_interval_run_that_crashed_is_closed_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    may = (dt.datetime(2026, 4, 30, 16, tzinfo=dt.UTC), dt.datetime(2026, 5, 31, 16, tzinfo=dt.UTC))
    house.deliver_calls("c_2026-05-01.csv", [call(1), call(2, kind="F")])
    house.land(CALLS, run_id="daily")
    codes = {"K": "crime", "F": "medical"}
    house.documents[CALLS]["schema"][0]["properties"][1]["customProperties"][0]["value"]["codes"] = codes
    with monkeypatch.context() as patch:
        Death(patch).at(BatchLog, "outcome", after=False)
        with pytest.raises(Killed):
            house.land(CALLS, run_id="backfill", interval=may)
    house.land(CALLS, run_id="next")
    log = house.log_rows(CALLS)
    assert log.select("run_id", "accepted", "duplicate").rows() == [("daily", 2, 0), ("backfill", 2, 0)]
    assert sorted(house.table("emergency_call")["category"].to_list()) == ["crime", "medical"]


def test_a_commit_stands_even_where_its_log_entry_could_not_be_flushed(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commit is in the table: the files that it names must not be tidied away as if it had failed."""
    house.deliver_calls("c_2026-05-01.csv", [call(1)])
    house.land(CALLS)
    house.deliver_calls("c_2026-05-02.csv", [call(1, kind="F", changed="2026-05-03 00:00:00"), call(2)])
    real = commits.sync_log

    def failing(uri: str, versions: Any) -> None:
        if "emergency_call" in uri:
            raise OSError(5, "Input/output error")
        real(uri, versions)

    with monkeypatch.context() as patch:
        patch.setattr(commits, "sync_log", failing)
        with pytest.raises(OSError, match="Input/output"):
            house.land(CALLS)
    assert house.table("emergency_call").height == 2
    house.land(CALLS)
    assert house.table("emergency_call").height == 2
    statuses = house.log_rows(CALLS)["status"].to_list()
    assert statuses.count("landed") == 2


def place_feed(house: House, feed: str, layer: str, longitude: float, latitude: float) -> None:
    """A feed of one public place, delivered."""
    from tests.support.landing import column, document

    columns = [
        column("id", key=1, action="pseudonymise", maps_to="source_key"),
        column(
            "geometry",
            "object",
            physicalType="geometry",
            required=True,
            action="generalise",
            maps_to="geometry",
            crs="EPSG:4326",
        ),
    ]
    folder = feed.split(".")[1]
    house.documents[feed] = document(
        feed,
        columns,
        f"{folder}/*.geojson",
        entity="place",
        format={"kind": "spatial"},
        constants={"layer": layer},
    )
    house.deliver(
        f"{folder}/{folder}.geojson",
        '{"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"id": "S1"}, '
        f'"geometry": {{"type": "Point", "coordinates": [{longitude}, {latitude}]}}}}]}}',
    )


def test_placeholder_points_are_there_before_the_places_are(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash right after the commit must not leave a station's own point counted as where things happen."""
    place_feed(house, "police.stations", "police_station", 116.72, -1.14)
    with monkeypatch.context() as patch:
        Death(patch).at(walk, "apply_plan", after=True)
        with pytest.raises(Killed):
            house.land("police.stations")
    house.land("police.stations")
    house.deliver_calls("c_2026-05-01.csv", [call(1, lon="116.72", lat="-1.14"), call(2)])
    house.land(CALLS)
    found = house.table("emergency_call")["location_quality"].to_list()
    assert sorted(found) == ["exact", "placeholder"]


@pytest.mark.parametrize("order", [("police.stations", "transit.stops"), ("transit.stops", "police.stations")])
def test_a_place_beside_a_station_is_where_it_is_whichever_landed_first(house: House, order: tuple[str, str]) -> None:
    place_feed(house, "police.stations", "police_station", 116.72, -1.14)
    place_feed(house, "transit.stops", "stop", 116.72, -1.14)
    for feed in order:
        house.land(feed)
    assert house.table("place")["location_quality"].to_list() == ["exact", "exact"]


@pytest.mark.parametrize("moment", ["before the plan", "after the plan"])
def test_a_batch_that_another_run_lands_meanwhile_is_listed_once(house: House, moment: str) -> None:
    """A backfill beside a scheduled run: both found the same new file."""
    house.deliver_calls("c_2026-05-01.csv", [call(1), call(2), call(3, kind="X")])
    other = House(house.root)

    def judge(profile: BatchProfile) -> Verdict:
        if moment == "after the plan":
            assert other.land(CALLS, run_id="rival").accepted == 2
        return Verdict(True)

    real = walk.ensure_minimised

    def late(*arguments: Any) -> Any:
        if moment == "before the plan" and other.runs == 0:
            assert other.land(CALLS, run_id="rival").accepted == 2
        return real(*arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(walk, "ensure_minimised", late)
        outcome = house.land(CALLS, run_id="loser", judge=judge)
    assert outcome.reasons == ("landed by another run meanwhile",)
    assert house.table("emergency_call").height == 2
    assert house.quarantine(CALLS).select("rule", "rows", "positions").rows() == [("codes:kind", 1, [3])]
    redaction = house.lake.read("control", "redaction").collect()
    assert redaction.filter((redaction["feed"] == CALLS) & (redaction["column"] == "caller")).height == 1
    assert house.land(CALLS).batches == 0
