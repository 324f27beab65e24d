"""Plays the agencies of Nusantara: everything they deliver, and the truth behind it, into one folder of a home."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from infra.simulator import calls, cameras, layers, patrols, police, police_db, tables
from infra.simulator.boundaries import Boundaries
from infra.simulator.categories import OFFENCES
from infra.simulator.drops import HasSimulation
from infra.simulator.incidents import Incidents, intensities, make_incidents
from infra.simulator.ledger import LABEL, Expected, Ledger, csv_bytes, deliver
from infra.simulator.seeds import stream
from infra.simulator.world import World, make_world

AS_OF = date(2026, 6, 30)
RECORDS_A_DAY = 30_000 / 730
CALLS_PER_RECORD = 1.5
# Counts up with every change of what a seed gives, so that an older simulation is not taken for this one.
VERSION = 2
MORE_FEEDS = (police.FEED, calls.FEED, cameras.DISHUB, cameras.OIKN, cameras.ETLE)


class SimulationError(RuntimeError):
    """The simulation of this home cannot be made or added to; says what to do."""


@dataclass(frozen=True)
class SimulationResult:
    """Where the simulation lies and what it delivered: rows by feed as read, duplicates and deliveries included."""

    as_of: date
    root: Path
    inbox: Path
    truth: Path
    rows: dict[str, int]
    is_new: bool
    is_boundary_approximate: bool


@dataclass(frozen=True)
class Delivery:
    """One further batch: its feed, its file (None: rows in the database) and its rows."""

    feed: str
    file: Path | None
    rows: int


def _quiet(message: str) -> None:
    """The default progress: nobody looks on."""


def simulate(
    home: HasSimulation,
    *,
    events: int = 300_000,
    records: int | None = None,
    days: int = 730,
    seed: int = 20260630,
    as_of: date = AS_OF,
    city_data: Path | None = None,
    keep_running: bool = False,
    progress: Callable[[str], object] = _quiet,
) -> SimulationResult:
    """Simulates the agencies into `home.simulation_dir`, the only place that is written to.

    `events`: camera events of all agencies together; `records`: police records (None: 30,000 in two years, fewer in
    fewer days); `days` end with `as_of`. `city_data` (default: TELAGA_CITY_DATA) gives real boundaries where it has
    them. A finished simulation with the same arguments is left as it is; an unfinished one is made again. Raises
    SimulationError when the home holds a finished one with other arguments, ValueError for sizes that make no sense.
    The police database is left stopped, or running with `keep_running`.
    """
    if records is None:
        records = round(RECORDS_A_DAY * days)
    if days < 28 or events < 1000 or records < 200:
        raise ValueError("a simulation needs at least 28 days, 1,000 events and 200 records")
    arguments = {
        "version": VERSION,
        "events": events,
        "records": records,
        "days": days,
        "seed": seed,
        "as_of": as_of.isoformat(),
    }
    root = home.simulation_dir
    finished = _finished(root)
    if finished is not None:
        if finished["arguments"] != arguments:
            raise SimulationError(
                f"{root} holds a simulation of another size, seed or version; use another TELAGA_HOME for this one"
            )
        if keep_running:
            police_db.police_cluster(home).start()
        return _result(root, finished, is_new=False)
    _clear(home)
    if city_data is None and os.environ.get("TELAGA_CITY_DATA"):
        city_data = Path(os.environ["TELAGA_CITY_DATA"])
    progress("regions, people and addresses")
    world = make_world(seed=seed, as_of=as_of, days=days, city_data=city_data)
    ledger = Ledger(root)
    progress(f"{records:,} police records")
    incidents = make_incidents(world, records)
    reported = police.make_records(world, incidents, stream(seed, police.FEED))
    progress("police database")
    cluster = police_db.create(home, reported.tables)
    try:
        _note_police(ledger, reported)
        progress("emergency calls and patrol plans")
        calls.deliver_calls(world, ledger, round(records * CALLS_PER_RECORD))
        patrols.deliver_patrols(world, ledger)
        groups = cameras.make_cameras(world)
        for feed, share in cameras.SHARES.items():
            count = round(events * share)
            progress(f"{count:,} camera events of {feed.split('.')[0]}")
            cameras.deliver_events(home, world, ledger, feed, groups[feed], count)
        progress("spatial layers and tables")
        layers.deliver_layers(world, ledger, groups)
        tables.deliver_tables(world, ledger, groups)
        progress("truth")
        _write_truth(world, ledger, incidents, reported, records)
    finally:
        if not keep_running:
            cluster.stop()
    rows: dict[str, int] = {}
    for delivered in ledger.deliveries:
        rows[delivered.feed] = rows.get(delivered.feed, 0) + delivered.read
    finished = {
        "label": LABEL,
        "about": "Synthetic: played by the simulator. Codes, names and sums of the regions are real, nothing else is.",
        "as_of": as_of.isoformat(),
        "arguments": arguments,
        "is_boundary_approximate": world.boundaries.is_approximate,
        "rows": dict(sorted(rows.items())),
    }
    _write_json(root / "simulation.json", finished)
    return _result(root, finished, is_new=True)


def simulate_more(home: HasSimulation, feed: str = police.FEED, *, rows: int | None = None) -> Delivery:
    """One further batch of a feed, of the last days before as-of: late records, or a file that nobody has seen.

    `rows` is about as many as a usual delivery has unless stated. Every row is new and faultless. Raises
    SimulationError where there is no finished simulation, or for a feed that delivers no further batches.
    """
    root = home.simulation_dir
    finished = _finished(root)
    if finished is None:
        raise SimulationError(f"{root} holds no finished simulation; run simulate first")
    if feed not in MORE_FEEDS:
        raise SimulationError(f"{feed} delivers no further batches; choose one of {', '.join(MORE_FEEDS)}")
    log = root / "truth" / "further_deliveries.jsonl"
    number = len(log.read_text().splitlines()) + 1 if log.exists() else 1
    world = _world_again(root, finished)
    ledger = Ledger(root)
    rng = stream(world.seed, f"{feed} further {number}")
    if feed == police.FEED:
        delivery = _more_records(home, world, rng, rows or 120, number)
    elif feed == calls.FEED:
        delivery = _more_calls(world, ledger, rng, rows or 500, number)
    else:
        usual = finished["rows"][feed] // _files(root, feed)
        delivery = _more_events(home, world, ledger, rng, feed, rows or usual, number)
    with log.open("a") as file:
        name = delivery.file.relative_to(root).as_posix() if delivery.file else None
        file.write(json.dumps({"label": LABEL, "feed": feed, "file": name, "rows": delivery.rows}) + "\n")
    return delivery


def _more_records(home: HasSimulation, world: World, rng: np.random.Generator, rows: int, number: int) -> Delivery:
    first_id, changed = police_db.last_entry(home)
    # Enough incidents that the last month has as many as asked for.
    other = replace(world, seed=world.seed + number, disturbances=(), hotspots=())
    incidents = make_incidents(other, max(2000, rows * world.days // 20))
    chosen = np.arange(len(incidents) - min(rows, len(incidents)), len(incidents))
    late = Incidents(**{name: getattr(incidents, name)[chosen] for name in incidents.__dataclass_fields__})
    late = replace(late, repeat_of=np.full(len(chosen), -1), hotspot=np.full(len(chosen), -1))
    after = np.datetime64(int(changed.timestamp()) + 60, "s")
    reported = police.make_records(world, late, rng, first_id=first_id + 1, changed_after=after, is_faultless=True)
    police_db.add(home, reported.tables)
    return Delivery(police.FEED, None, len(chosen))


def _more_calls(world: World, ledger: Ledger, rng: np.random.Generator, rows: int, number: int) -> Delivery:
    quiet = replace(world, disturbances=())
    # Within the last month of the data, so that the file's name tells the truth.
    first = world.days - world.as_of.day
    frame, _ = calls.make_calls(quiet, rng, rows, first_day=max(0, first), first_number=90_000_000 + number * 100_000)
    file = f"{calls.FOLDER}/panggilan_110_{world.as_of:%Y-%m}_tambahan{number}.csv"
    deliver(ledger.root, file, csv_bytes(frame), world.as_of, hour=12 + number % 10)
    return Delivery(calls.FEED, ledger.root / file, frame.height)


def _more_events(
    home: HasSimulation, world: World, ledger: Ledger, rng: np.random.Generator, feed: str, rows: int, number: int
) -> Delivery:
    dialect = cameras.DIALECTS[feed]
    group = cameras.make_cameras(world)[feed]
    # Of the last period that is begun, whatever of it lies before the end.
    first = world.days - 1 - (world.as_of.weekday() if dialect.is_weekly else world.as_of.day - 1)
    events = cameras.make_events(world, rng, group, dialect.kinds, rows, max(0, first))
    fault = np.full(rows, "", dtype=object)
    lines = dialect.lines(world, rng, group, events, 900_000_000 + number * 1_000_000, fault)["line"]
    name = cameras.period_names(events.moment[-1:], dialect.is_weekly)[0]
    file = f"{dialect.folder}/{dialect.stem}_{name}_tambahan{number}{dialect.suffix}"
    content = ("\n".join(lines.to_list()) + "\n").encode()
    file = cameras.send(home, ledger, feed, file, content, rows, world.as_of, hour=12 + number % 10)
    return Delivery(feed, ledger.root / file, rows)


def _files(root: Path, feed: str) -> int:
    """How many files a feed first delivered: its inbox may have been emptied since."""
    told = json.loads((root / "truth" / "expected.json").read_text())
    return max(1, sum(delivery["feed"] == feed for delivery in told))


def _world_again(root: Path, finished: dict[str, Any]) -> World:
    """The world of a finished simulation, with the boundaries that it delivered, wherever they came from then."""
    import pyogrio
    import shapely

    arguments = finished["arguments"]
    as_of = date.fromisoformat(arguments["as_of"])
    path = root / f"inbox/oikn/wilayah/wilayah_{as_of.year}.gpkg"
    _, _, geometry, fields = pyogrio.raw.read(path, layer="wilayah", columns=["kode"])
    shapes = dict(zip(fields[0].tolist(), shapely.from_wkb(geometry).tolist(), strict=True))
    known = Boundaries(shapes, is_approximate=finished["is_boundary_approximate"])
    return make_world(seed=arguments["seed"], as_of=as_of, days=arguments["days"], known=known)


def _note_police(ledger: Ledger, reported: police.PoliceRecords) -> None:
    truth = reported.truth
    shown = truth.filter(~pl.col("is_deleted"))
    refused = {
        str(name): int(count)
        for name, count in shown.drop_nulls("fault")["fault"].value_counts().sort("fault").iter_rows()
    }
    ledger.note(Expected(police.FEED, "police_db", shown.height, shown.height - sum(refused.values()), 0, refused))
    spans = reported.spans
    ledger.note_personal(
        police.FEED, "uraian", spans["type"], spans["id_laporan"], spans["value"], spans["start"], spans["end"]
    )
    reports = reported.tables["laporan_polisi"]
    ledger.note_personal(police.FEED, "nomor_lp", "REPORT_NUMBER", reports["id_laporan"], reports["nomor_lp"])
    persons = reported.tables["orang"]
    for column, kind in (("nama", "PERSON"), ("nik", "NIK"), ("telepon", "PHONE"), ("alamat", "ADDRESS")):
        ledger.note_personal(police.FEED, f"orang.{column}", kind, persons["id_laporan"], persons[column])


def _write_truth(
    world: World, ledger: Ledger, incidents: Incidents, reported: police.PoliceRecords, records: int
) -> None:
    folder = ledger.root / "truth"
    folder.mkdir(parents=True, exist_ok=True)
    _write_json(folder / "expected.json", [delivered.row() for delivered in ledger.deliveries])
    counted = np.bincount(incidents.hotspot[incidents.hotspot >= 0], minlength=len(world.hotspots)).tolist()
    _write_json(
        folder / "hotspots.json",
        [
            {"label": LABEL, **asdict(spot), **_dates(world, spot), "incidents": counted[at]}
            for at, spot in enumerate(world.hotspots)
        ],
    )
    expected = intensities(world, records)
    codes = [offence.code for offence in OFFENCES]
    surges = []
    for planted in world.disturbances:
        row, at = codes.index(planted.offence), world.index_of(planted.region_code)
        usual = float(expected[row, at, planted.first_day : planted.last_day + 1].sum())
        more = (incidents.is_surge & (incidents.offence == row) & (incidents.region == at)).sum()
        surges.append(
            {
                "label": LABEL,
                **asdict(planted),
                **_dates(world, planted),
                "usual": round(usual, 2),
                "surplus": int(more),
            }
        )
    _write_json(folder / "disturbances.json", surges)
    _write_json(
        folder / "regions.json",
        [
            {"code": r.code, "name": r.name, "level": r.level, "parent": r.parent, "population": r.population,
             "population_is": "real" if r.level != "kecamatan" else LABEL}
            for r in world.regions
        ],
    )  # fmt: skip
    reported.truth.with_columns(pl.lit(LABEL).alias("label")).write_parquet(folder / "police_records.parquet")
    for name, parts in (("personal_values", ledger.personal), ("duplicates", ledger.duplicates)):
        pl.concat(parts).with_columns(pl.lit(LABEL).alias("label")).write_parquet(folder / f"{name}.parquet")


def _dates(world: World, planted: Any) -> dict[str, str]:
    return {"from": str(world.first_day + planted.first_day), "to": str(world.first_day + planted.last_day)}


def _finished(root: Path) -> dict[str, Any] | None:
    path = root / "simulation.json"
    if not path.exists():
        return None
    read: dict[str, Any] = json.loads(path.read_text())
    return read


def _clear(home: HasSimulation) -> None:
    """Removes what an unfinished simulation left, its database server included."""
    root = home.simulation_dir
    if (root / "police_db").exists():
        police_db.police_cluster(home).stop()
    if root.exists():
        shutil.rmtree(root)
    root.mkdir(mode=0o700, parents=True)


def _write_json(path: Path, content: object) -> None:
    unfinished = path.with_name(f".{path.name}")
    with unfinished.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    unfinished.replace(path)


def _result(root: Path, finished: dict[str, Any], *, is_new: bool) -> SimulationResult:
    return SimulationResult(
        as_of=date.fromisoformat(finished["as_of"]),
        root=root,
        inbox=root / "inbox",
        truth=root / "truth",
        rows={str(feed): int(count) for feed, count in finished["rows"].items()},
        is_new=is_new,
        is_boundary_approximate=bool(finished["is_boundary_approximate"]),
    )
