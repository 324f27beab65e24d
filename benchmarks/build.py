"""The build: how long dbt and estimation take, model by model, and how time and memory grow with the input.

Nusantara as the simulator plays it (two years) is landed by the project's own walk, then built. The large city has the
same regions and layers; its camera events and incidents are made of Nusantara's own minimised rows, drawn again with
other days and, for a half, other cells of the same region, so that cells, regions and hours stay as lifelike and
many. It is built from half of its rows and from all of them, each time from nothing and in a process of its own.
With SPARK_REMOTE set, Nusantara is built on Spark too: printed, no aim.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from benchmarks.report import Figure

if TYPE_CHECKING:
    from infra.build.settings import BuildSettings, Engine
    from infra.settings import Home
    from ingestion.lake import Lake

SUMMARY = "the build: time by model for Nusantara and a large city, growth, memory"
ENVIRONMENT = "main"

STEPS = ("count", "judge", "present")
MOST_SECONDS, MOST_BYTES, MOST_GROWTH = 60, 4 << 30, 2.1
CHUNK = 1_000_000
CELLS_ANEW = 0.5
SEED = 20260630
# Landed first: nothing is located before regions, nothing recognised before stations.
FIRST = {"region": 0, "place": 1}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=5_000_000, help="camera events of the large city")
    parser.add_argument("--incidents", type=int, default=500_000, help="incidents of the large city")
    parser.add_argument("--days", type=int, default=730, help="days of Nusantara (default 730)")
    parser.add_argument("--folder", type=Path, help="where the lakes lie, kept for the next time (default: nowhere)")
    parser.add_argument("--engine", choices=("duckdb", "spark"), help="measure this engine alone")
    parser.epilog = "example: ./telaga bench build --events 1000000 --incidents 100000"


@dataclass(frozen=True)
class Measured:
    """One build: wall seconds of each step, the report's lines, and the most memory all its processes held at once."""

    seconds: dict[str, float]
    models: list[tuple[str, float, int | None]]
    peak_bytes: int

    @property
    def total(self) -> float:
        return sum(self.seconds.values())


def run(arguments: argparse.Namespace) -> list[Figure]:
    """Figures of each build: total, memory, steps, models; the aims are DuckDB's."""
    engines: tuple[Engine, ...] = ("duckdb", "spark") if os.environ.get("SPARK_REMOTE") else ("duckdb",)
    engines = (arguments.engine,) if arguments.engine else engines
    figures: list[Figure] = []
    with _folder(arguments.folder) as folder:
        home = nusantara(folder / "nusantara", arguments.days)
        for engine in engines:
            _tell(f"building Nusantara on {engine}")
            measured = measure(home.root, home.lake().uri, folder / "build", engine)
            aimed = engine == "duckdb"
            figures += _figures(f"Nusantara, {engine}", measured, most_seconds=MOST_SECONDS if aimed else None)
        if "duckdb" in engines and arguments.events:
            figures += _large(home, folder, arguments.events, arguments.incidents)
    return figures


def _large(home: Home, folder: Path, events: int, incidents: int) -> list[Figure]:
    figures, totals = [], []
    for share in (0.5, 1.0):
        sizes = {"camera_event": int(events * share), "police_record": int(incidents * share)}
        title = f"{sizes['camera_event']:,} events + {sizes['police_record']:,} incidents"
        _tell(f"making a city of {title}")
        lake = enlarged(home, folder / f"large-{share}", sizes)
        _tell("building it")
        measured = measure(home.root, lake.uri, folder / "build", "duckdb")
        figures += _figures(title, measured, most_bytes=MOST_BYTES if share == 1 else None)
        totals.append(measured.total)
        shutil.rmtree(folder / f"large-{share}")
    growth = totals[1] / totals[0]
    figures.append(
        Figure(f"<= {MOST_GROWTH} for twice the input", "time against half", growth, met=growth <= MOST_GROWTH)
    )
    return figures


def nusantara(folder: Path, days: int) -> Home:
    """A home in which Nusantara is played and landed, without Airflow; made once a folder. SINTETIS."""
    from expectations.judge import Judge
    from infra.settings import Home, city_folder
    from infra.simulator import police_cluster, police_uri, simulate
    from ingestion.city import load_city
    from ingestion.connectors import connector_for
    from ingestion.land import LandingContext, land_feed
    from ingestion.minimise.pseudonyms import KeyRing

    home = Home(folder)
    city = load_city(city_folder("nusantara"))
    home.make()
    home.claim(city.name, city_folder("nusantara"))
    if (folder / "landed").exists():
        return home
    _tell("playing the agencies of Nusantara")
    result = simulate(home, days=days, keep_running=True)
    home.set_clock(result.as_of)
    context = LandingContext(
        lake=home.lake(),
        city=city,
        keys=KeyRing(home.keys_dir),
        run_id="bench",
        as_of=result.as_of,
        judge=Judge(),
    )
    try:
        for contract in sorted(city.contracts, key=lambda contract: FIRST.get(contract.entity, 2)):
            _tell(f"landing {contract.feed}")
            credentials = {"uri": police_uri(home), "extra": ""} if contract.server.get("connection_id") else {}
            connector = connector_for(
                contract,
                credentials=credentials,
                places={"simulation": str(home.simulation_dir)},
                keys_dir=home.keys_dir,
            )
            land_feed(contract, connector, context)
    finally:
        police_cluster(home).stop()
    (folder / "landed").touch()
    return home


def enlarged(home: Home, folder: Path, sizes: dict[str, int]) -> Lake:
    """Nusantara's lake with `sizes` (entity -> rows) rows of each drawn from its own, partitioned as landing does."""
    from infra.build.cells import city_cells
    from ingestion.city import load_city
    from ingestion.entities import load_entities
    from ingestion.lake import Lake

    state = home.state()
    assert state is not None and state.as_of is not None
    shutil.rmtree(folder, ignore_errors=True)
    for kind in ("minimised", "control"):
        ignored = shutil.ignore_patterns("build_log", *sizes)
        shutil.copytree(Path(home.lake().uri) / kind, folder / kind, ignore=ignored)
    lake, city = Lake(str(folder)), load_city(state.city_dir)
    layer = lake.read("minimised", "region").filter(pl.col("level") == city.level_keys[-1]).collect()
    cells = city_cells(layer, city.h3_resolution)
    rng = np.random.default_rng(SEED)
    for entity, size in sizes.items():
        rows = home.lake().read("minimised", entity).collect()
        month = load_entities()[entity].partition_by
        assert month is not None
        for first in range(0, size, CHUNK):
            part = drawn_again(rows, min(CHUNK, size - first), first, state.as_of, cells, month, rng)
            lake.append("minimised", entity, part, partition_by=("feed", month))
    return lake


def drawn_again(
    rows: pl.DataFrame, size: int, first: int, as_of: Any, cells: pl.DataFrame, month: str, rng: np.random.Generator
) -> pl.DataFrame:
    """`size` rows drawn from `rows`, moved by up to three days, a half of the located ones to another cell of their
    region; keys count up from `first`. `cells`: `h3_cell`, `region_code` of `city_cells`."""
    made = rows[rng.integers(0, rows.height, size)]
    ordered = cells.sort("region_code")
    # Where each region's cells begin and how many there are: a cell is then found by its number, without a list a row.
    span = ordered.with_row_index("_from").group_by("region_code").agg(pl.col("_from").min(), _cells=pl.len())
    made = made.with_columns(_days=pl.Series(rng.integers(-3, 4, size)), _draw=pl.Series(rng.random(size))).join(
        span, on="region_code", how="left", maintain_order="left"
    )
    at = (pl.col("_from") + (pl.col("_draw") / CELLS_ANEW * pl.col("_cells")).floor()).cast(pl.UInt32)
    anew = pl.col("h3_cell").is_not_null() & (pl.col("_draw") < CELLS_ANEW) & pl.col("_cells").is_not_null()
    found = made.select(at=pl.when(anew).then(at))["at"]
    number = pl.int_range(first, first + size).cast(pl.String).str.zfill(32)
    moved = pl.col("occurred_local_date") + pl.duration(days="_days")
    return (
        made.with_columns(
            record_key=number,
            row_digest=number,
            h3_cell=pl.coalesce(ordered["h3_cell"].gather(found), "h3_cell"),
            occurred_local_date=pl.min_horizontal(moved, pl.lit(as_of)),
        )
        .with_columns(pl.col("occurred_local_date").dt.strftime("%Y-%m").alias(month))
        .select(rows.columns)
    )


def measure(home: Path, lake: str, build_dir: Path, engine: Engine) -> Measured:
    """One build from nothing in a process of its own: no import and no cache of another helps it."""
    for left in ("build_log", "aggregates", "estimates", "marts"):
        shutil.rmtree(Path(lake) / ("control/build_log" if left == "build_log" else left), ignore_errors=True)
    shutil.rmtree(build_dir, ignore_errors=True)
    context = multiprocessing.get_context("spawn")
    told: multiprocessing.SimpleQueue[tuple[dict[str, float], list[tuple[str, float, int | None]]]]
    told = context.SimpleQueue()
    process = context.Process(target=_build, args=(home, lake, build_dir, engine, told))
    process.start()
    with _watched(process.pid or 0) as peak:
        process.join()
    if process.exitcode:
        raise SystemExit(f"the build of {lake} failed (exit {process.exitcode}); its own words stand above")
    seconds, models = told.get()
    return Measured(seconds, models, peak[0])


def _build(home: Path, lake: str, build_dir: Path, engine: Engine, told: Any) -> None:
    from infra.build import steps
    from infra.build.settings import BuildSettings
    from infra.settings import Home
    from ingestion.city import load_city
    from ingestion.lake import Lake

    of = Home(home)
    state = of.state()
    assert state is not None and state.as_of is not None
    settings: BuildSettings = replace(
        BuildSettings.for_home(of, load_city(state.city_dir), state.as_of, "bench", engine),
        lake=Lake(lake),
        build_dir=build_dir,
        logs_dir=build_dir / "logs",
    )
    pins = steps.pin(settings)
    assert pins is not None
    seconds: dict[str, float] = {}
    models: list[tuple[str, float, int | None]] = []
    for name in STEPS:
        started = time.perf_counter()
        report = getattr(steps, name)(settings, pins)
        seconds[name] = time.perf_counter() - started
        models += [(row["model"], row["seconds"], row["rows"]) for row in report]
    told.put((seconds, models))


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[list[int]]:
    """The most resident memory of a process and all below it, summed, looked at five times a second."""
    import psutil

    peak, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.2):
            with contextlib.suppress(psutil.Error):
                root = psutil.Process(pid)
                held = 0
                for each in (root, *root.children(recursive=True)):
                    with contextlib.suppress(psutil.Error):
                        held += each.memory_info().rss
                peak[0] = max(peak[0], held)

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        ended.set()
        thread.join()


def _figures(
    title: str, measured: Measured, *, most_seconds: float | None = None, most_bytes: int | None = None
) -> list[Figure]:
    total = Figure("", f"{title}: dbt and estimation, s", measured.total)
    if most_seconds is not None:
        total = replace(total, aim=f"<= {most_seconds} s", met=measured.total <= most_seconds)
    memory = Figure("", f"{title}: memory, GB", measured.peak_bytes / (1 << 30))
    if most_bytes is not None:
        memory = replace(memory, aim=f"<= {most_bytes >> 30} GB", met=measured.peak_bytes <= most_bytes)
    steps = [Figure("", f"{title}: {name}, s", seconds) for name, seconds in measured.seconds.items()]
    models = [Figure("", f"{title}: {name}, s", seconds, n=rows) for name, seconds, rows in measured.models]
    return [total, memory, *steps, *models]


@contextlib.contextmanager
def _folder(named: Path | None) -> Iterator[Path]:
    if named is not None:
        named.mkdir(parents=True, exist_ok=True)
        yield named.absolute()
        return
    with tempfile.TemporaryDirectory(prefix="telaga-build-") as made:
        yield Path(made)


def _tell(line: str) -> None:
    print(f"build: {line}", file=sys.stderr, flush=True)
