"""Cameras of three agencies and what they notice: compressed JSON lines, each agency in words of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import polars as pl

from infra.simulator.categories import hour_profile
from infra.simulator.drops import SEALED, HasSimulation, deliver_sealed
from infra.simulator.ledger import Expected, Ledger, deliver, gzip_bytes, scatter, zstd_bytes
from infra.simulator.people import plates
from infra.simulator.seeds import largest_remainder, stream, times
from infra.simulator.world import World

WINDOW_DAYS = 182
UTC_OFFSET_MS = 8 * 3600 * 1000
DISHUB = "dishub_balikpapan.camera_events"
OIKN = "oikn.camera_events"
ETLE = "polres_ppu.etle_events"
SHARES = {DISHUB: 0.55, OIKN: 0.30, ETLE: 0.15}


@dataclass(frozen=True)
class Cameras:
    """An agency's cameras: position, kecamatan and how busy each is (sum 1)."""

    feed: str
    ids: tuple[str, ...]
    region: np.ndarray
    longitude: np.ndarray
    latitude: np.ndarray
    weight: np.ndarray


@dataclass(frozen=True)
class Events:
    """Events in order of time (local seconds): camera, number of the kind, confidence (0-1)."""

    camera: np.ndarray
    kind: np.ndarray
    moment: np.ndarray
    confidence: np.ndarray


@dataclass(frozen=True)
class Dialect:
    """How one agency writes: its kinds with shares, its faults, lines of a frame, compression, files."""

    kinds: tuple[tuple[str, float], ...]
    faults: dict[str, float]
    lines: Callable[[World, np.random.Generator, Cameras, Events, int, np.ndarray], pl.DataFrame]
    compress: Callable[[bytes], bytes]
    folder: str
    stem: str
    suffix: str
    is_weekly: bool
    key: str


def make_cameras(world: World) -> dict[str, Cameras]:
    """The cameras of each agency, at addresses of the kecamatan that it watches."""
    plans = {
        DISHUB: ("BPN", [place.code for place in world.kecamatan if place.parent == "64.71"], 180),
        OIKN: ("IKN", ["64.09.04", "64.02.20", "64.02.13", "64.02.03", "64.02.14"], 90),
        ETLE: ("PPU", ["64.09.01", "64.09.02", "64.09.03", "64.09.04"], 24),
    }
    found = {}
    for feed, (prefix, codes, count) in plans.items():
        rng = stream(world.seed, f"cameras {feed}")
        people = np.array([world.kecamatan[world.index_of(code)].population for code in codes], dtype=float)
        per_region = largest_remainder(people**0.7, count)
        region, longitude, latitude = [], [], []
        for code, number in zip(codes, per_region.tolist(), strict=True):
            at = world.index_of(code)
            pool = world.addresses[at]
            chosen = rng.choice(len(pool.chance), size=number, replace=False, p=pool.chance)
            region += [at] * number
            longitude += pool.longitude[chosen].tolist()
            latitude += pool.latitude[chosen].tolist()
        weight = rng.gamma(1.5, size=count)
        ids = tuple(f"{prefix}-{number:03d}" for number in range(1, count + 1))
        found[feed] = Cameras(
            feed, ids, np.array(region), np.array(longitude), np.array(latitude), weight / weight.sum()
        )
    return found


def make_events(
    world: World,
    rng: np.random.Generator,
    cameras: Cameras,
    kinds: tuple[tuple[str, float], ...],
    count: int,
    first_day: int,
) -> Events:
    """`count` events of the days from `first_day` to the end, more where and when cameras were on air."""
    days = np.arange(first_day, world.days)
    weekday = ((world.first_day + days).astype("datetime64[D]").astype(int) + 3) % 7
    factor = np.where(weekday >= 5, 0.85, 1.05) * rng.gamma(60, 1 / 60, size=len(days))
    on_air = uptime_minutes(world, cameras)[:, -len(days) :] + 1
    chance = (cameras.weight[:, None] * factor[None, :] * on_air).ravel()
    camera, day = np.divmod(rng.choice(len(chance), size=count, p=chance / chance.sum()), len(days))
    hour = rng.choice(24, size=count, p=0.6 * hour_profile("commute") + 0.4 * hour_profile("day"))
    moment = (world.first_day + days[day]).astype("datetime64[s]") + (
        hour * 3600 + rng.integers(0, 3600, size=count)
    ).astype("timedelta64[s]")
    order = np.argsort(moment, kind="stable")
    shares = np.array([share for _, share in kinds])
    return Events(
        camera=camera[order],
        kind=rng.choice(len(kinds), size=count, p=shares / shares.sum()),
        moment=moment[order],
        confidence=np.clip(rng.beta(9, 2, size=count), 0.3, 0.995).round(3),
    )


def _numbered(prefix: str, first: int, count: int) -> pl.Series:
    return prefix + pl.Series(np.arange(first, first + count)).cast(pl.String).str.zfill(9)


def _json_text(values: pl.Series) -> pl.Series:
    # Codes, numbers and names of ours hold nothing that JSON would escape.
    return pl.select(pl.when(values.is_null()).then(pl.lit("null")).otherwise('"' + values + '"')).to_series()


def _fault_rows(fault: np.ndarray, name: str) -> pl.Series:
    return pl.Series(fault == name)


def _dishub_lines(
    world: World, rng: np.random.Generator, cameras: Cameras, events: Events, first: int, fault: np.ndarray
) -> pl.DataFrame:
    count = len(events.moment)
    kinds = pl.Series([code for code, _ in DIALECTS[DISHUB].kinds])
    late = str(world.as_of.year + 5)
    frame = pl.DataFrame(
        {
            "key": _numbered("DB", first, count),
            "kind": kinds.gather(events.kind),
            "camera": pl.Series(cameras.ids).gather(events.camera),
            "time": times(events.moment).dt.strftime("%Y-%m-%dT%H:%M:%S+08:00"),
            "score": pl.Series(events.confidence).cast(pl.String),
            "lat": pl.Series(cameras.latitude).gather(events.camera).cast(pl.String),
            "lon": pl.Series(cameras.longitude).gather(events.camera).cast(pl.String),
        }
    ).with_columns(
        pl.when(_fault_rows(fault, "missing_key")).then(None).otherwise("key").alias("key"),
        pl.when(_fault_rows(fault, "unknown_code")).then(pl.lit("MACETT")).otherwise("kind").alias("kind"),
        pl.when(_fault_rows(fault, "future_time"))
        .then(late + pl.col("time").str.slice(4))
        .otherwise("time")
        .alias("time"),
        pl.when(_fault_rows(fault, "unparseable_number"))
        .then(pl.lit('"n/a"'))
        .when(_fault_rows(fault, "out_of_range"))
        .then(pl.lit("93.5"))
        .otherwise("score")
        .alias("score"),
        pl.when(_fault_rows(fault, "coordinates_swapped")).then("lon").otherwise("lat").alias("lat"),
        pl.when(_fault_rows(fault, "coordinates_swapped")).then("lat").otherwise("lon").alias("lon"),
    )
    nowhere = pl.Series(rng.random(count) < 0.004)
    frame = frame.with_columns(
        pl.when(nowhere & pl.Series(fault == "")).then(pl.lit("0")).otherwise(name).alias(name)
        for name in ("lat", "lon")
    )
    line = pl.concat_str(
        pl.lit('{"id_kejadian": '), pl.lit(_json_text(frame["key"])), pl.lit(', "jenis": "'), "kind",
        pl.lit('", "id_kamera": "'), "camera", pl.lit('", "waktu": "'), "time", pl.lit('", "akurasi": '), "score",
        pl.lit(', "lat": '), "lat", pl.lit(', "lon": '), "lon", pl.lit("}"),
    )  # fmt: skip
    return frame.select("key", line.alias("line"))


def _oikn_lines(
    world: World, rng: np.random.Generator, cameras: Cameras, events: Events, first: int, fault: np.ndarray
) -> pl.DataFrame:
    count = len(events.moment)
    kinds = pl.Series([code for code, _ in DIALECTS[OIKN].kinds])
    milliseconds = (
        events.moment.astype("datetime64[ms]").astype(np.int64) - UTC_OFFSET_MS + rng.integers(0, 1000, size=count)
    )
    milliseconds = np.where(fault == "future_time", milliseconds + 6 * 365 * 86_400_000, milliseconds)
    score = np.where(fault == "out_of_range", 900, (events.confidence * 100).astype(int))
    site = pl.Series([place.name for place in world.kecamatan]).gather(cameras.region[events.camera])
    frame = pl.DataFrame(
        {
            "key": _numbered("evt-", first, count),
            "kind": kinds.gather(events.kind),
            "camera": pl.Series(cameras.ids).gather(events.camera),
            "time": pl.Series(milliseconds).cast(pl.String),
            "score": pl.Series(score).cast(pl.String),
            "lng": pl.Series(cameras.longitude).gather(events.camera).cast(pl.String),
            "lat": pl.Series(cameras.latitude).gather(events.camera).cast(pl.String),
            "site": site,
        }
    ).with_columns(
        pl.when(_fault_rows(fault, "missing_key")).then(None).otherwise("key").alias("key"),
        pl.when(_fault_rows(fault, "unknown_code")).then(pl.lit("loitering")).otherwise("kind").alias("kind"),
        pl.when(_fault_rows(fault, "missing_required")).then(pl.lit("null")).otherwise("time").alias("time"),
        pl.when(_fault_rows(fault, "coordinates_swapped")).then("lng").otherwise("lat").alias("lat"),
        pl.when(_fault_rows(fault, "coordinates_swapped")).then("lat").otherwise("lng").alias("lng"),
    )
    line = pl.concat_str(
        pl.lit('{"event_uid": '), pl.lit(_json_text(frame["key"])), pl.lit(', "event_class": "'), "kind",
        pl.lit('", "device_id": "'), "camera", pl.lit('", "ts": '), "time", pl.lit(', "score": '), "score",
        pl.lit(', "position": {"lng": '), "lng", pl.lit(', "lat": '), "lat", pl.lit('}, "site": "'), "site",
        pl.lit('"}'),
    )  # fmt: skip
    return frame.select("key", line.alias("line"))


def _etle_lines(
    world: World, rng: np.random.Generator, cameras: Cameras, events: Events, first: int, fault: np.ndarray
) -> pl.DataFrame:
    count = len(events.moment)
    kinds = pl.Series([code for code, _ in DIALECTS[ETLE].kinds])
    stated = pl.Series([place.code for place in world.kecamatan]).gather(cameras.region[events.camera])
    frame = pl.DataFrame(
        {
            "key": _numbered("TP", first, count),
            "kind": kinds.gather(events.kind),
            "camera": pl.Series(cameras.ids).gather(events.camera),
            "day": times(events.moment).dt.strftime("%d-%m-%Y"),
            "clock": times(events.moment).dt.strftime("%H:%M:%S"),
            "plate": plates(rng, count),
            "region": stated,
        }
    ).with_columns(
        pl.when(_fault_rows(fault, "missing_key")).then(None).otherwise("key").alias("key"),
        pl.when(_fault_rows(fault, "unknown_code")).then(pl.lit("TL09")).otherwise("kind").alias("kind"),
        pl.when(_fault_rows(fault, "unparseable_time")).then(pl.lit("31-02-2026")).otherwise("day").alias("day"),
        pl.when(_fault_rows(fault, "missing_required")).then(None).otherwise("camera").alias("camera"),
        pl.when(pl.Series(rng.random(count) < 0.006)).then(None).otherwise("region").alias("region"),
    )
    line = pl.concat_str(
        pl.lit('{"no_pelanggaran": '), pl.lit(_json_text(frame["key"])), pl.lit(', "kode": "'), "kind",
        pl.lit('", "kamera": '), pl.lit(_json_text(frame["camera"])), pl.lit(', "tgl": "'), "day",
        pl.lit('", "jam": "'), "clock",
        pl.lit('", "plat": "'), "plate", pl.lit('", "kec": '), pl.lit(_json_text(frame["region"])), pl.lit("}"),
    )  # fmt: skip
    return frame.select("key", line.alias("line"), "plate")


DIALECTS = {
    DISHUB: Dialect(
        kinds=(("MACET", 46), ("PARKIR_LIAR", 24), ("LAKA", 3), ("BANJIR", 3), ("KERUMUNAN", 12), ("LAWAN_ARAH", 9),
            ("LAINNYA", 3)),
        faults={"unknown_code": 0.0008, "future_time": 0.0004, "unparseable_number": 0.0008, "out_of_range": 0.0004,
                "coordinates_swapped": 0.0008, "missing_key": 0.0003, "truncated_line": 0.00004},
        lines=_dishub_lines, compress=gzip_bytes, folder="inbox/dishub_balikpapan/kejadian_kamera", stem="kejadian",
        suffix=".jsonl.gz", is_weekly=True, key="id_kejadian",
    ),
    OIKN: Dialect(
        kinds=(("crowd", 30), ("accident", 2), ("congestion", 25), ("flooding", 2), ("abandoned", 5), ("wrong_way", 8),
            ("speed", 15),
               ("parking", 10), ("other", 3)),
        faults={"unknown_code": 0.001, "future_time": 0.0004, "out_of_range": 0.0006, "missing_required": 0.0004,
                "coordinates_swapped": 0.0006, "missing_key": 0.0003},
        lines=_oikn_lines, compress=zstd_bytes, folder="inbox/oikn/camera_events", stem="events",
        suffix=".jsonl.zst", is_weekly=True, key="event_uid",
    ),
    ETLE: Dialect(
        kinds=(("TL01", 35), ("TL02", 38), ("TL03", 9), ("TL04", 14), ("TL99", 4)),
        faults={"unknown_code": 0.0008, "unparseable_time": 0.0008, "missing_required": 0.0006, "missing_key": 0.0003},
        lines=_etle_lines, compress=gzip_bytes, folder="inbox/polres_ppu/etle", stem="etle",
        suffix=".jsonl.gz", is_weekly=False, key="no_pelanggaran",
    ),
}  # fmt: skip


def first_camera_day(world: World) -> int:
    return max(0, world.days - WINDOW_DAYS)


def send(
    home: HasSimulation, ledger: Ledger, feed: str, file: str, content: bytes, rows: int, delivered: date, hour: int = 6
) -> str:
    """Delivers a file of events, compressed and, where the agency does so, sealed; returns its name in the folder."""
    packed = DIALECTS[feed].compress(content)
    if feed in SEALED:
        return deliver_sealed(home, feed, file, packed, rows, delivered, hour)
    deliver(ledger.root, file, packed, delivered, hour)
    return file


def deliver_events(home: HasSimulation, world: World, ledger: Ledger, feed: str, cameras: Cameras, count: int) -> None:
    """All files of one agency, with what goes wrong on the way."""
    rng = stream(world.seed, feed)
    dialect = DIALECTS[feed]
    events = make_events(world, rng, cameras, dialect.kinds, count, first_camera_day(world))
    fault = np.full(count, "", dtype=object)
    for name, rows in scatter(rng, count, dialect.faults).items():
        fault[rows] = name
    written = dialect.lines(world, rng, cameras, events, 1, fault)
    lines, keys = written["line"], written["key"]
    torn = np.flatnonzero(fault == "truncated_line")
    if len(torn):
        lines = lines.scatter(torn.tolist(), lines.gather(torn.tolist()).str.slice(0, 41))
    periods = period_names(events.moment, dialect.is_weekly)
    # Some lines arrive a week late, in the next file.
    if dialect.is_weekly:
        names = np.unique(periods)
        following = dict(pairwise(names))
        for at in np.flatnonzero(rng.random(count) < 0.02):
            periods[at] = following.get(periods[at], periods[at])
    present = np.unique(periods).tolist()
    special = _special(feed, present)
    for name in present:
        rows = np.flatnonzero(periods == name)
        clean = rows[fault[rows] == ""]
        again = rng.choice(clean, size=len(clean) // 400, replace=False)
        late = np.empty(0, dtype=np.int64)
        if special.get(name) == "late":
            # What was in the field when the line was down came three weeks later, in a file of its own.
            late = rng.choice(clean, size=len(clean) // 4, replace=False)
            rows, again = np.setdiff1d(rows, late), np.setdiff1d(again, late)
        order = rng.permutation(np.concatenate([rows, again]))
        names, counts = np.unique(fault[rows][fault[rows] != ""].astype(str), return_counts=True)
        refused = {str(kind): int(number) for kind, number in zip(names, counts, strict=True)}
        file = f"{dialect.folder}/{dialect.stem}_{name}{dialect.suffix}"
        delivered = delivery_day(world, name)
        content = _content(lines, order)
        if special.get(name) == "drift":
            drifted = lines.gather(order.tolist()).str.strip_suffix("}") + ', "nama_pengemudi": "Budi Santoso"}'
            file = send(home, ledger, feed, file, _joined(drifted), len(order), delivered)
            ledger.note(Expected(feed, file, len(order), 0, 0, {"drift": len(order)}, whole="drift"))
            file = f"{dialect.folder}/{dialect.stem}_{name}_r2{dialect.suffix}"
        file = send(home, ledger, feed, file, content, len(order), delivered)
        accepted = len(rows) - sum(refused.values())
        ledger.note(Expected(feed, file, len(order), accepted, len(again), refused))
        ledger.note_duplicates(feed, file, keys.gather(np.sort(again).tolist()))
        if special.get(name) == "twice":
            file = f"{dialect.folder}/{dialect.stem}_{name}_r2{dialect.suffix}"
            again_at = min(delivered + timedelta(days=5), world.as_of)
            file = send(home, ledger, feed, file, content, len(order), again_at)
            ledger.note(Expected(feed, file, len(order), 0, len(order) - sum(refused.values()), refused))
            ledger.note_duplicates(feed, file, keys.gather(np.sort(clean).tolist()))
        if len(late):
            file = f"{dialect.folder}/{dialect.stem}_{name}_susulan{dialect.suffix}"
            late = rng.permutation(late)
            late_at = min(delivered + timedelta(days=21), world.as_of)
            file = send(home, ledger, feed, file, _content(lines, late), len(late), late_at)
            ledger.note(Expected(feed, file, len(late), len(late), 0, {}))
    if "plate" in written.columns:
        ledger.note_personal(feed, "plat", "PLATE", keys, written["plate"])


def _special(feed: str, present: list[str]) -> dict[str, str]:
    """Which file meets which fate; none where there are too few files."""
    if feed == ETLE:
        return {present[len(present) // 2]: "drift"} if len(present) > 1 else {}
    if len(present) < 6:
        return {}
    return (
        {present[len(present) // 3]: "twice", present[len(present) // 2]: "late"}
        if feed == DISHUB
        else {present[2]: "twice"}
    )


def _content(lines: pl.Series, order: np.ndarray) -> bytes:
    return _joined(lines.gather(order.tolist()))


def _joined(lines: pl.Series) -> bytes:
    return ("\n".join(lines.to_list()) + "\n").encode()


def period_names(moments: np.ndarray, is_weekly: bool) -> np.ndarray:
    """File period of each local moment: ISO week (2026-W07) or month (2026-02)."""
    pattern = "%G-W%V" if is_weekly else "%Y-%m"
    return np.array(times(moments).dt.strftime(pattern).to_list(), dtype=object)


def delivery_day(world: World, name: str) -> date:
    if "-W" in name:
        year, week = name.split("-W")
        day = date.fromisocalendar(int(year), int(week), 7) + timedelta(days=1)
    else:
        day = date.fromisoformat(f"{name}-01") + timedelta(days=32)
    return min(day, world.as_of)


def uptime_minutes(world: World, cameras: Cameras) -> np.ndarray:
    """Minutes on air by camera and day of the camera window; cameras fail for days at a time."""
    rng = stream(world.seed, f"uptime {cameras.feed}")
    days = world.days - first_camera_day(world)
    minutes = np.clip(1440 - rng.gamma(0.7, 60, size=(len(cameras.ids), days)), 0, 1440)
    for camera in range(len(cameras.ids)):
        for start in np.flatnonzero(rng.random(days) < 0.008):
            minutes[camera, start : start + int(rng.integers(1, 9))] = 0
    return minutes.round().astype(np.int64)


def camera_names(cameras: Cameras) -> list[str]:
    return [f"Kamera {name} (SINTETIS)" for name in cameras.ids]
