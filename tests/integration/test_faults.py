"""The fault campaign of landing: killed at any instant, disks full, clocks off, rivals. Nothing acknowledged is lost,
nothing is doubled, and the next run finishes the work.

A seeded tenth runs by default, all of it under the `soak` marker.
"""

from __future__ import annotations

import datetime as dt
import os
import random
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ingestion.lake import Lake, sync
from ingestion.lake import commit as commits
from tests.support import campaign
from tests.support.campaign import FEEDS, assert_as_if_nothing_happened, final, undisturbed
from tests.support.landing import COUNTS, House, call

pytestmark = pytest.mark.integration

SOAK = [pytest.mark.soak, pytest.mark.timeout(3600)]


def size(tenth: int, whole: int) -> Any:
    """A seeded tenth by default, the whole campaign when it is asked for."""
    return pytest.mark.parametrize("times", [tenth, pytest.param(whole, marks=SOAK)])


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Regions have landed. Checkpoints come often, so that faults meet them too."""
    root = tmp_path_factory.mktemp("prepared")
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(commits.PROPERTIES, "delta.checkpointInterval", "5")
        House(root).with_regions()
        yield root


@pytest.fixture
def house(prepared: Path, tmp_path: Path) -> House:
    shutil.copytree(prepared, tmp_path / "home")
    made = House(tmp_path / "home")
    made.city()
    return made


def assert_nothing_acknowledged_is_lost(house: House, known: dict[str, int]) -> None:
    """Every batch once acknowledged is still, and holds the rows that its outcome told. Without a key none moves on."""
    if house.lake.version("control", "batch_log") is None or house.lake.version("minimised", "police_record") is None:
        return
    now = {row["batch_id"]: row["accepted"] for row in final(house, COUNTS).iter_rows(named=True)}
    assert known.items() <= now.items()
    held = dict(house.table("police_record").group_by("batch_id").len().iter_rows())
    for batch, accepted in now.items():
        assert held.get(batch, 0) == accepted
    known.update(now)


KILLS = 30  # a series; ten of them are the campaign


@pytest.mark.parametrize("series", [0, *(pytest.param(number, marks=SOAK) for number in range(1, 10))])
def test_a_landing_that_is_killed_at_any_instant(house: House, prepared: Path, tmp_path: Path, series: int) -> None:
    """kill -9 at seeded random instants, now and then under a clock that is an hour off; each process takes up what
    the one before it left."""
    chance = random.Random(20260704 + series)
    context = campaign.processes()
    deliveries = campaign.Deliveries(seed=7 + series)
    known: dict[str, int] = {}
    killed = unfinished = runs = 0
    took = 0.0
    while killed < KILLS:
        deliveries.next_into(house)
        hours = chance.choice([0.0, 0.0, -1.0, 1.0])
        runs += 1
        process = context.Process(target=campaign.land_everything, args=(house, f"run{runs}", hours))
        began = time.monotonic()
        process.start()
        if runs <= 2 or runs % 25 == 0:
            # How long an undisturbed one takes here and now, so that kills are spread over all of it.
            process.join(120)
            assert process.exitcode == 0
            took = time.monotonic() - began
            continue
        process.join(chance.uniform(0, took))
        if process.is_alive():
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            killed += 1
        process.join(60)
        assert process.exitcode in (0, -signal.SIGKILL)
        assert_nothing_acknowledged_is_lost(house, known)
        delivered = deliveries.files
        unfinished += sum(final(house, feed).height < delivered for feed in FEEDS) > 0
        assert runs < 3 * KILLS, "processes ended before they could be killed"
    for feed in FEEDS:
        house.land(feed)
    assert_nothing_acknowledged_is_lost(house, known)
    # Most kills must have met work half done, or they proved nothing.
    assert unfinished > KILLS / 2
    assert_as_if_nothing_happened(house, undisturbed(house, prepared, tmp_path / "plain"))
    assert sum(final(house, feed)["read"].sum() for feed in FEEDS) == deliveries.rows


@size(10, 100)
def test_eight_writers_of_one_table(tmp_path: Path, times: int) -> None:
    context = campaign.processes()
    uri = str(tmp_path / "lake")
    writers = [context.Process(target=campaign.append_many, args=(uri, writer, times)) for writer in range(8)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(540)
    assert [writer.exitcode for writer in writers] == [0] * 8
    lake = Lake(uri)
    rows = lake.read("control", "load").collect()
    expected = [w * 1_000_000 + n for w in range(8) for n in range(times)]
    assert sorted(rows["n"].to_list()) == sorted([*expected, *(-value - 1 for value in expected)])
    table = lake.open("control", "load")
    assert table is not None
    writes = [entry for entry in table.history() if entry["operation"] == "WRITE"]
    assert len(writes) == 8 * times
    versions = sorted(int(entry["version"]) for entry in table.history())
    assert versions == list(range(table.version() + 1))


@size(2, 8)
def test_landings_of_the_same_batches_side_by_side(house: House, prepared: Path, tmp_path: Path, times: int) -> None:
    """Three runs that all find the same new files: each record lands once."""
    context = campaign.processes()
    deliveries = campaign.Deliveries(seed=11)
    for round_ in range(times):
        for _ in range(3):
            deliveries.next_into(house)
        rivals = [
            context.Process(target=campaign.land_everything, args=(house, f"rival{round_}-{n}")) for n in range(3)
        ]
        for rival in rivals:
            rival.start()
        for rival in rivals:
            rival.join(240)
        assert [rival.exitcode for rival in rivals] == [0, 0, 0]
    plain = undisturbed(house, prepared, tmp_path / "plain")
    for entity in FEEDS.values():
        assert house.digest(entity) == plain.digest(entity)
        assert house.table(entity)["record_key"].n_unique() == house.table(entity).height
    for feed in FEEDS:
        assert house.land(feed).batches == 0
        index = house.quarantine(feed).select("rule", "rows", "positions").sort("rule", "rows", "positions")
        assert index.equals(plain.quarantine(feed).select(index.columns).sort("rule", "rows", "positions"))


# Storage that fails


def deliver_two(house: House) -> None:
    house.deliver_calls("c_2026-05-01.csv", [call(1), call(2), call(3, kind="?")])
    house.deliver_calls("c_2026-05-02.csv", [call(1, kind="F", changed="2026-05-03 00:00:00"), call(4)])
    house.deliver_counts("i_2026-05.csv", ["T,2026-05-01 10:00,-1.26,116.64,-"] * 3)


class Fault:
    """Fails the n-th call of a function of the operating system, and every one after it until the disk is mended."""

    def __init__(self, number: int, error: OSError) -> None:
        self.left, self.error, self.came = number, error, False

    def strike(self) -> None:
        self.left -= 1
        if self.left < 0:
            self.came = True
            raise self.error


@pytest.mark.parametrize("kind", ["no space", "no flush"])
@pytest.mark.parametrize("every", [10, pytest.param(1, marks=SOAK)])
def test_every_write_may_fail(
    house: House, prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, every: int
) -> None:
    """A disk that is full or broken from the n-th write on, for each n: the last version stays readable, and once
    there is room the next run lands what is missing, once."""
    deliver_two(house)
    plain = undisturbed(house, prepared, tmp_path / "plain")
    start = {"no space": 3, "no flush": 7}[kind] if every > 1 else 0
    met = 0
    for number in range(start, 10_000, every):
        root = tmp_path / f"n{number}"
        shutil.copytree(house.root, root)
        tried = House(root)
        error = OSError(28, "No space left on device") if kind == "no space" else OSError(5, "Input/output error")
        fault = Fault(number, error)
        real_write, real_flush = sync.write_synced, os.fsync

        def write(path: Path, content: Any, fault: Fault = fault, real: Any = real_write) -> None:
            fault.strike()
            real(path, content)

        def flush(descriptor: int, fault: Fault = fault, real: Any = real_flush) -> None:
            fault.strike()
            real(descriptor)

        with monkeypatch.context() as patch:
            if kind == "no space":
                patch.setattr(sync, "write_synced", write)
                patch.setattr(commits, "write_synced", write)
            else:
                patch.setattr(os, "fsync", flush)
            for feed in FEEDS:
                try:
                    tried.land(feed)
                except OSError as error:
                    assert fault.came, error
            for entity in FEEDS.values():
                if tried.lake.version("minimised", entity) is not None:
                    tried.table(entity)
        for feed in FEEDS:
            tried.land(feed)
        assert_as_if_nothing_happened(tried, plain)
        shutil.rmtree(root)
        if not fault.came:
            break
        met += 1
    assert met >= (2 if every > 1 else 10)


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """A file system of two megabytes, filled up to a few blocks: what deltalake itself writes fails here too."""
    try:
        results = campaign.on_a_disk_of("2m", tmp_path, [4096 * blocks for blocks in (0, 1, 2, 3, 5, 7, 9, 12, 16, 64)])
    except PermissionError as reason:
        pytest.skip(f"no small file system can be mounted here: {reason}")
    failures = [result for result in results if result["failure"]]
    assert len(failures) >= 3 and not results[-1]["failure"]
    for result in results:
        assert result["readable"], result
        assert (result["rows"], result["fires"]) == (70, 27), result
        assert (result["read"], result["quarantined"]) == ([50, 80], [0, 27]), result


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_an_hour_off_between_and_within_runs(house: House, prepared: Path, tmp_path: Path, hours: int) -> None:
    deliveries = campaign.Deliveries(seed=13)
    for round_ in range(3):
        deliveries.next_into(house)
        off = dt.timedelta(hours=hours * (round_ % 2))
        told = iter(range(1000))

        def clock(off: dt.timedelta = off, told: Iterator[int] = told) -> dt.datetime:
            # It jumps after every third look.
            return dt.datetime.now(dt.UTC) + off + dt.timedelta(hours=hours if next(told) % 6 > 2 else 0)

        for feed in FEEDS:
            house.land(feed, clock=clock)
    for feed in FEEDS:
        assert house.land(feed).batches == 0
    assert_as_if_nothing_happened(house, undisturbed(house, prepared, tmp_path / "plain"))
