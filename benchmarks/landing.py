"""Camera events from one sealed, compressed drop to a committed, synced Delta table, beside a bare polars read of the
same rows unsealed (compressed JSON lines) that writes a Delta table.

Both sides run in turn, each reading in a process of its own, so that its peak memory is its own. A landing is the whole
walk: signature, decryption, rules, places, minimisation, verdict, commit. Times leave the start of Python and its
imports out. The events are synthetic; with --keep a later run finds the drop made already.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.report import Figure

if TYPE_CHECKING:
    from infra.settings import Home
    from ingestion.contract import Contract
    from ingestion.lake import Lake

SUMMARY = "sealed camera events to a committed table: rows/s, peak memory, ratio to a bare polars read and write"
ENVIRONMENT = "main"
FEED = "oikn.camera_events"
CHUNK = 500_000
MOST_MEMORY_GB, MOST_RATIO = 2.5, 2.5
SIDES = ("bare", "landing")


def configure(parser: argparse.ArgumentParser) -> None:
    """Options of `./telaga bench landing`."""
    parser.add_argument("--rows", type=int, default=500_000, metavar="N", help="events in the drop (default: 500,000)")
    parser.add_argument("--rounds", type=int, default=3, metavar="N", help="readings of each side (default: 3)")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="where the drop is made and kept")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="also profile one landing into FILE (cProfile)")
    parser.epilog = "Example: ./telaga bench landing --rows 5000000 --json landing.json"


def run(arguments: argparse.Namespace) -> list[Figure]:
    """Rows/s, peak memory and ratio. Raises RuntimeError where a landing did not accept every row."""
    with _folder(arguments.keep) as folder:
        if not (folder / "made").exists() or int((folder / "made").read_text()) != arguments.rows:
            _tell(f"{arguments.rows:,} events, sealed")
            _side(folder, "make", "--rows", str(arguments.rows))
        if arguments.profile:
            _side(folder, "landing", "--profile", str(arguments.profile))
        told: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
        for number in range(arguments.rounds):
            for side in SIDES:
                told[side].append(_side(folder, side))
                last = told[side][-1]
                _tell(f"round {number + 1}, {side}: {last['seconds']:.1f} s, {last['peak_gb']:.2f} GB")
    if {reading["rows"] for readings in told.values() for reading in readings} != {arguments.rows}:
        raise RuntimeError("a side did not write every row: the figures would compare different work")
    return figures(told, arguments.rows)


def figures(told: dict[str, list[dict[str, Any]]], rows: int) -> list[Figure]:
    """Medians of each side, and the median of the rounds' own ratios."""
    seconds = {side: [reading["seconds"] for reading in readings] for side, readings in told.items()}
    peak = {side: max(reading["peak_gb"] for reading in readings) for side, readings in told.items()}
    ratios = [landed / bare for landed, bare in zip(seconds["landing"], seconds["bare"], strict=True)]
    ratio = statistics.median(ratios)
    made = [Figure("", f"{side}, rows/s", rows / statistics.median(seconds[side]), n=rows) for side in reversed(SIDES)]
    made += [
        Figure(
            f"at most {MOST_MEMORY_GB} GB", "landing, peak memory in GB", peak["landing"], n=rows,
            met=peak["landing"] <= MOST_MEMORY_GB,
        ),
        Figure("", "bare, peak memory in GB", peak["bare"], n=rows),
        Figure(f"at most {MOST_RATIO}", "landing to bare, time", ratio, n=len(ratios), met=ratio <= MOST_RATIO),
    ]  # fmt: skip
    return made


def _side(folder: Path, side: str, *given: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.landing", side, str(folder), *given]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=Path(__file__).parents[1])
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def make(folder: Path, rows: int) -> dict[str, Any]:
    """The drop, the same lines unsealed, and the lake into which regions have landed."""
    import pyarrow as pa

    from infra.simulator import layers
    from infra.simulator.cameras import make_cameras
    from infra.simulator.drops import deliver_sealed
    from infra.simulator.ledger import Ledger
    from infra.simulator.run import AS_OF
    from infra.simulator.world import make_world

    for left in ("home", "made"):
        shutil.rmtree(folder / left, ignore_errors=True) if left == "home" else (folder / left).unlink(missing_ok=True)
    home = _home(folder)
    world = make_world(seed=1, as_of=AS_OF, days=182)
    cameras = make_cameras(world)
    layers.deliver_layers(world, Ledger(home.simulation_dir), cameras)
    plain = folder / "events.jsonl.zst"
    with pa.OSFile(str(plain), "wb") as file, pa.CompressedOutputStream(file, "zstd") as stream:
        for first in range(0, rows, CHUNK):
            stream.write(_lines(world, cameras[FEED], first, min(CHUNK, rows - first)))
    name = "inbox/oikn/camera_events/events_2026-W26.jsonl.zst"
    deliver_sealed(home, FEED, name, plain.read_bytes(), rows, AS_OF)
    _land(home, "oikn.regions", "made")
    (folder / "made").write_text(str(rows))
    return {}


def _lines(world: Any, cameras: Any, first: int, count: int) -> bytes:
    """Faultless events of the whole window, shuffled, as OIKN writes them."""
    import numpy as np

    from infra.simulator.cameras import DIALECTS, make_events
    from infra.simulator.seeds import stream

    rng = stream(1, f"benchmark {first}")
    events = make_events(world, rng, cameras, DIALECTS[FEED].kinds, count, 0)
    lines = DIALECTS[FEED].lines(world, rng, cameras, events, first, np.full(count, "", dtype=object))["line"]
    shuffled = lines.gather(rng.permutation(count))
    return ("\n".join(shuffled.to_list()) + "\n").encode()


def bare(folder: Path) -> dict[str, Any]:
    """Polars reads the lines and writes them as a Delta table."""
    import polars as pl

    target = folder / "bare"
    shutil.rmtree(target, ignore_errors=True)
    began = time.perf_counter()
    frame = pl.read_ndjson(folder / "events.jsonl.zst")
    frame.write_delta(str(target))
    return {"seconds": time.perf_counter() - began, "rows": frame.height, "peak_gb": _peak_gb()}


def landing(folder: Path) -> dict[str, Any]:
    """The walk, into a lake in which regions have landed and no event."""
    # Imported before the clock runs.
    import ingestion.land  # noqa: F401
    from expectations.engine import preload

    preload()
    home = _home(folder)
    target = folder / "lake"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(home.root / "lake", target)
    seconds, accepted = _land(home, FEED, "bench", target)
    return {"seconds": seconds, "rows": accepted, "peak_gb": _peak_gb()}


def _land(home: Home, feed: str, run_id: str, lake: Path | None = None) -> tuple[float, int]:
    from expectations.judge import Judge
    from infra.simulator.run import AS_OF
    from ingestion.connectors import connector_for
    from ingestion.land import LandingContext, land_feed
    from ingestion.minimise.pseudonyms import KeyRing

    city = _city()
    contract: Contract = city.feed(feed)
    began = time.perf_counter()
    places = {"simulation": str(home.simulation_dir)}
    connector = connector_for(contract, credentials={}, places=places, keys_dir=home.keys_dir)
    context = LandingContext(
        lake=_lake(lake or home.root / "lake"),
        city=city,
        keys=KeyRing(home.keys_dir),
        run_id=run_id,
        as_of=AS_OF,
        judge=Judge(),
    )
    outcome = land_feed(contract, connector, context)
    if outcome.quarantined or not outcome.batches:
        raise RuntimeError(f"{feed}: {'; '.join(outcome.reasons)}")
    return time.perf_counter() - began, outcome.accepted


def _city() -> Any:
    from infra.settings import FEEDS
    from ingestion.city import load_city

    return load_city(FEEDS / "nusantara")


def _lake(folder: Path) -> Lake:
    from ingestion.lake import Lake

    return Lake(str(folder))


def _home(folder: Path) -> Home:
    from infra.settings import Home

    return Home(folder.absolute() / "home")


def _peak_gb() -> float:
    """This process's own highest resident memory; unlike its usage it owes nothing to the process that started it."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) / 2**20
    raise RuntimeError("this system does not tell a process's peak memory")


@contextmanager
def _folder(stated: Path | None) -> Iterator[Path]:
    if stated is not None:
        stated.mkdir(parents=True, exist_ok=True)
        yield stated
        return
    with tempfile.TemporaryDirectory(prefix="telaga-landing-") as made:
        yield Path(made)


def _tell(line: str) -> None:
    print(f"landing: {line}", file=sys.stderr, flush=True)


def main(given: list[str]) -> None:
    """One side, in this process; prints what it measured as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("side", choices=("make", *SIDES))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=0)
    parser.add_argument("--profile", type=Path)
    asked = parser.parse_args(given)
    if asked.side == "make":
        print(json.dumps(make(asked.folder, asked.rows)))
    elif asked.profile:
        import cProfile

        with cProfile.Profile() as profile:
            told = landing(asked.folder)
        profile.dump_stats(asked.profile)
        print(json.dumps(told))
    else:
        print(json.dumps({"bare": bare, "landing": landing}[asked.side](asked.folder)))


if __name__ == "__main__":
    main(sys.argv[1:])
