"""What a fault campaign runs in processes of its own, so that they can be killed at any instant.

A server process imports everything once and forks each landing: a campaign of hundreds spends its time on landing.
"""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
from collections.abc import Mapping
from multiprocessing.context import ForkServerContext
from pathlib import Path

import polars as pl

from ingestion.lake import Lake
from ingestion.lake.log import FINAL
from tests.support.landing import CALLS, COUNTS, House, call, count

MODULE = "tests.support.campaign"
# The rooms import these inside functions; here before the fork, so that a kill meets landing and not importing.
USED = ["deltalake", "pyarrow.csv", "pyarrow.parquet", "shapely", "h3", "polars_h3", "pyrage", "cryptography", "yaml"]


FEEDS = {CALLS: "emergency_call", COUNTS: "police_record"}


def processes() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([MODULE, *USED])
    return context


def land_everything(house: House, run_id: str, hours: float = 0.0) -> None:
    """Land both feeds of a house, whose contracts are loaded. `hours`: how far this process's clock is off."""
    for feed in (CALLS, COUNTS):
        house.land(feed, run_id=run_id, clock=lambda: dt.datetime.now(dt.UTC) + dt.timedelta(hours=hours))


def append_many(uri: str, writer: int, commits: int, options: Mapping[str, str] | None = None) -> None:
    """Append `commits` times two rows, each of its own number. `options`: those of the lake's storage."""
    lake = Lake(uri, options or {})
    for number in range(commits):
        value = writer * 1_000_000 + number
        lake.append("control", "load", pl.DataFrame({"writer": [f"w{writer}"] * 2, "n": [value, -value - 1]}))


def final(house: House, feed: str) -> pl.DataFrame:
    rows = house.log_rows(feed)
    return rows.filter(pl.col("status").is_in(list(FINAL)))


def undisturbed(house: House, prepared: Path, root: Path) -> House:
    """What the same files give under the same keys when nothing goes wrong."""
    shutil.copytree(prepared, root)
    other = House(root)
    for path in (house.root / "inbox").rglob("*.csv"):
        other.deliver(str(path.relative_to(house.root / "inbox")), path.read_bytes())
    for feed in FEEDS:
        other.land(feed)
    return other


def assert_as_if_nothing_happened(house: House, plain: House) -> None:
    for feed, entity in FEEDS.items():
        assert house.digest(entity) == plain.digest(entity)
        assert house.table(entity)["record_key"].n_unique() == house.table(entity).height
        log, expected = final(house, feed), final(plain, feed)
        assert log["batch_id"].is_unique().all()
        assert log["read"].sum() == expected["read"].sum()
        assert log["quarantined"].sum() == expected["quarantined"].sum()
        for row in log.iter_rows(named=True):
            assert row["read"] == row["accepted"] + row["duplicate"] + row["quarantined"]
        index = house.quarantine(feed).select("rule", "rows", "positions").sort("rule", "rows", "positions")
        assert index.equals(plain.quarantine(feed).select(index.columns).sort("rule", "rows", "positions"))


class Deliveries:
    """Seeded rows of a keyed and a keyless feed: duplicates, corrections, broken rows; the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.rows = 0
        self.files = 0

    def next_into(self, house: House) -> None:
        """Deliver the next file of each feed."""
        self.files += 1
        day = dt.date(2026, 1, 1) + dt.timedelta(days=self.files % 150)
        calls = [self._call() for _ in range(self._random.randint(20, 60))]
        counts = [self._count() for _ in range(self._random.randint(20, 60))]
        counts += self._random.sample(counts, 5)
        house.deliver_calls(f"c{self.files:04d}_{day}.csv", calls)
        house.deliver_counts(f"i{self.files:04d}_{day:%Y-%m}.csv", counts)
        self.rows += len(calls) + len(counts)

    def _call(self) -> str:
        number = self._random.randint(1, 120)
        changed = dt.datetime(2026, 5, 2) + dt.timedelta(minutes=self._random.randint(0, 50_000))
        return call(
            number,
            kind=self._random.choice("KKKF?"),
            lat=f"{-1.29 + self._random.random() * 0.18:.6f}",
            lon=f"{116.61 + self._random.random() * 0.18:.6f}",
            changed=f"{changed:%Y-%m-%d %H:%M:%S}",
        )

    def _count(self) -> str:
        at = dt.datetime(2026, 1, 1) + dt.timedelta(minutes=self._random.randint(0, 150 * 1440))
        return count(kind=self._random.choice("TTRN?"), at=f"{at:%Y-%m-%d %H:%M}", lat=f"-1.2{self.files % 10}")


def on_a_disk_of(size: str, root: Path, leaves: list[int]) -> list[dict[str, object]]:
    """Run `_disk_full` on a real, small file system in a mount namespace of its own; one result a fill level.

    Raises PermissionError where this machine lets nobody mount one.
    """
    command = ["unshare", "--user", "--map-root-user", "--mount"]
    try:
        probe = subprocess.run([*command, "mount", "-t", "tmpfs", "probe", str(root)], capture_output=True)
    except FileNotFoundError:
        raise PermissionError("unshare is not installed") from None
    if probe.returncode:
        raise PermissionError("no mount namespace for this user")
    script = [sys.executable, "-m", MODULE, str(root), size, json.dumps(leaves)]
    done = subprocess.run([*command, *script], capture_output=True, text=True, env=dict(os.environ), timeout=300)
    if done.returncode:
        raise AssertionError(f"the disk-full process ended with {done.returncode}:\n{done.stderr[-2000:]}")
    found: list[dict[str, object]] = json.loads(done.stdout.splitlines()[-1])
    return found


def _disk_full(root: Path, size: str, leaves: list[int]) -> list[dict[str, object]]:
    """Fill the disk until `leave` bytes are free, land, look, make room, land again."""
    results: list[dict[str, object]] = []
    for number, leave in enumerate(leaves):
        disk = root / f"disk{number}"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "small", str(disk)], check=True)
        house = House(disk / "home")
        # The agency's inbox is not on our disk, and neither are the keys.
        for name in ("inbox", "keys"):
            (disk / "home").mkdir(exist_ok=True)
            (root / f"{name}{number}").mkdir()
            (disk / "home" / name).symlink_to(root / f"{name}{number}")
        house.with_regions()
        house.deliver_calls("c_2026-05-01.csv", [call(n) for n in range(50)])
        house.land(CALLS)
        before = house.digest("emergency_call")
        second = [call(n, kind="?FK"[n % 3], changed="2026-05-03 00:00:00") for n in range(80)]
        house.deliver_calls("c_2026-05-02.csv", second)
        ballast = disk / "ballast"
        _fill(ballast, disk, leave)
        failure = ""
        try:
            house.land(CALLS)
        except BaseException as error:
            failure = f"{type(error).__name__}: {error}"
        meanwhile = house.digest("emergency_call")
        ballast.unlink()
        house.land(CALLS)
        rows = house.log_rows(CALLS)
        final = rows.filter(pl.col("status") != "failed")
        results.append(
            {
                "leave": leave,
                "failure": failure,
                "readable": meanwhile in (before, house.digest("emergency_call")),
                "rows": house.table("emergency_call").height,
                "read": final["read"].to_list(),
                "accepted": final["accepted"].to_list(),
                "quarantined": final["quarantined"].to_list(),
                "fires": house.table("emergency_call").filter(pl.col("category") == "fire").height,
            }
        )
        subprocess.run(["umount", str(disk)], check=True)
    return results


def _fill(ballast: Path, disk: Path, leave: int) -> None:
    state = os.statvfs(disk)
    with ballast.open("wb") as file:
        file.write(b"\0" * max(0, state.f_bavail * state.f_bsize - leave))


if __name__ == "__main__":
    print(json.dumps(_disk_full(Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3]))))
