"""Yearly and monthly tables of the planning agency, the statistics office and the cameras' owners."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

import numpy as np
import polars as pl

from infra.simulator.cameras import DISHUB, OIKN, Cameras, first_camera_day, uptime_minutes
from infra.simulator.ledger import Expected, Ledger, csv_bytes, deliver
from infra.simulator.seeds import stream
from infra.simulator.world import POPULATION_YEAR, YEARLY_GROWTH, World

POPULATION = "bps_kaltim.population"
INDICATORS = "bappeda_kaltim.area_indicators"
BUDGET = "bappeda_kaltim.budget_lines"
TARGETS = "bappeda_kaltim.indicator_targets"
PROGRAMMES = {"PATROLI": 9.0, "CCTV": 14.0, "PENERANGAN": 22.0, "PENCEGAHAN": 6.0, "RESPONS": 11.0, "PEMULIHAN": 4.0}
# Code: unit, direction, target for the city in the first year, change a year.
GOALS = {
    "WAKTU_TIBA": ("PERSEN", "NAIK", 60.0, 5.0),
    "INDEKS": ("NILAI", "NAIK", 68.0, 1.5),
    "PENYELESAIAN": ("PERSEN", "NAIK", 45.0, 3.0),
    "KAMERA_AKTIF": ("PERSEN", "NAIK", 92.0, 1.0),
    "KRIMINALITAS": ("PER_100RIBU", "TURUN", 900.0, -25.0),
    "PATROLI": ("JAM", "NAIK", 180_000.0, 6000.0),
}


def years(world: World) -> list[int]:
    first: date = world.first_day.astype(object)
    return list(range(first.year, world.as_of.year + 1))


def population_of(world: World, year: int) -> np.ndarray:
    """People by kecamatan in a year: the known year's, grown or shrunk evenly."""
    return np.round(world.population * (1 + YEARLY_GROWTH) ** (year - POPULATION_YEAR)).astype(np.int64)


def deliver_tables(world: World, ledger: Ledger, cameras: Mapping[str, Cameras]) -> None:
    """Population, area indicators, budget, targets of each year; uptime of each month of the camera window."""
    for year in years(world):
        _population(world, ledger, year)
        _indicators(world, ledger, year)
        _budget(world, ledger, year)
        _targets(world, ledger, year)
    _uptime(world, ledger, cameras)


def _early(world: World, year: int) -> date:
    return min(date(year, 2, 15), world.as_of)


def _population(world: World, ledger: Ledger, year: int) -> None:
    frame = pl.DataFrame(
        {
            "kode_kecamatan": [place.code for place in world.kecamatan],
            "nama_kecamatan": [place.name for place in world.kecamatan],
            "tahun": [year] * len(world.kecamatan),
            "jumlah_penduduk": population_of(world, year),
        }
    )
    file = f"inbox/bps_kaltim/penduduk/penduduk_{year}.csv"
    deliver(ledger.root, file, csv_bytes(frame), _early(world, year))
    ledger.note(Expected(POPULATION, file, frame.height, frame.height, 0, {}))


def _indicators(world: World, ledger: Ledger, year: int) -> None:
    """Six indicators a kecamatan; each year one value cannot be read, one row comes twice."""
    rng = stream(world.seed, "indicators")  # the same places every year, so that values drift and do not jump
    urban, count = world.urban, len(world.kecamatan)
    drift = 0.97 ** (year - POPULATION_YEAR)
    area = np.array([world.boundaries.shapes[place.code].area for place in world.kecamatan]) * 111.32**2
    values = {
        "PERSEN_MISKIN": (11 - 7 * urban + rng.normal(0, 1, count)).clip(1) * drift,
        "PERSEN_PUTUS_SEKOLAH": (4 - 2.5 * urban + rng.normal(0, 0.5, count)).clip(0.2) * drift,
        "PERSEN_TUMBUH": (
            2 + 4 * rng.random(count) + 6 * np.array([place.code == "64.09.04" for place in world.kecamatan])
        )
        / drift,
        "PENGANGGURAN": (5.5 + rng.normal(0, 1, count)).clip(1) * drift,
        "KEPADATAN": population_of(world, year) / area,
        "AKSES_TRANSIT": (75 * urban + rng.normal(5, 4, count)).clip(0, 98),
    }
    parts = [
        pl.DataFrame(
            {
                "kode_wilayah": [place.code for place in world.kecamatan],
                "indikator": [code] * count,
                "tahun": [year] * count,
                "nilai": pl.Series(numbers.round(2)).cast(pl.String),
                "satuan": ["PER_KM2" if code == "KEPADATAN" else "PERSEN"] * count,
            }
        )
        for code, numbers in values.items()
    ]
    frame = pl.concat(parts)
    spoilt, again = stream(world.seed, f"indicators {year}").choice(frame.height, size=2, replace=False).tolist()
    frame = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == spoilt).then(pl.lit("tidak ada data")).otherwise("nilai").alias("nilai")
    )
    frame = pl.concat([frame, frame[again]])
    file = f"inbox/bappeda_kaltim/indikator_wilayah/indikator_{year}.csv"
    deliver(ledger.root, file, csv_bytes(frame), _early(world, year))
    ledger.note(Expected(INDICATORS, file, frame.height, frame.height - 2, 1, {"unparseable_number": 1}))
    key = frame[again].select(pl.concat_str("kode_wilayah", "indikator", "tahun", separator="|")).to_series()
    ledger.note_duplicates(INDICATORS, file, key)


def _budget(world: World, ledger: Ledger, year: int) -> None:
    """Two or three lines a programme and kabupaten; this year's is spent in part, some lines not at all yet."""
    rng = stream(world.seed, f"budget {year}")
    rows = []
    is_current = year == world.as_of.year
    spent_share = (world.as_of.timetuple().tm_yday / 366) if is_current else 1.0
    for region in (region for region in world.regions if region.level == "kabupaten"):
        for programme, billions in PROGRAMMES.items():
            for line in range(int(rng.integers(2, 4))):
                amount = round(billions * 1e9 * region.population / 8e5 * float(rng.lognormal(0, 0.3)) / 2.5, -6)
                spent = None if is_current and rng.random() < 0.2 else amount * spent_share * rng.uniform(0.75, 0.99)
                rows.append(
                    (
                        f"{year}.{region.code}.{programme}.{line + 1}",
                        region.code,
                        str(year),
                        programme,
                        _rupiah(amount),
                        _rupiah(spent),
                    )
                )
    names = ("kode_kegiatan", "kode_wilayah", "tahun_anggaran", "program", "pagu", "realisasi")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    spoilt = int(rng.integers(frame.height))
    frame = frame.with_columns(
        pl.when(pl.int_range(pl.len()) == spoilt).then(pl.lit("dalam pembahasan")).otherwise("pagu").alias("pagu")
    )
    file = f"inbox/bappeda_kaltim/anggaran/anggaran_{year}.csv"
    deliver(ledger.root, file, csv_bytes(frame, separator=";", bom=True), _early(world, year))
    ledger.note(Expected(BUDGET, file, frame.height, frame.height - 1, 0, {"unparseable_number": 1}))


def _rupiah(amount: float | None) -> str | None:
    """1250000000 as 1.250.000.000,00"""
    return None if amount is None else f"{amount:,.2f}".translate(str.maketrans(",.", ".,"))


def _targets(world: World, ledger: Ledger, year: int) -> None:
    rng = stream(world.seed, f"targets {year}")
    rows = []
    places = [(None, 0.0), *((region.code, 1.0) for region in world.regions if region.level == "kabupaten")]
    for code, (unit, direction, start, step) in GOALS.items():
        for place, own in places:
            if code == "PATROLI" and place:
                continue
            value = start + step * (year - 2024) + own * rng.normal(0, abs(start) * 0.03)
            rows.append((code, place, str(year), f"{value:.1f}", unit, direction))
    names = ("indikator", "kode_wilayah", "tahun", "target", "satuan", "arah")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    file = f"inbox/bappeda_kaltim/target/target_{year}.csv"
    deliver(ledger.root, file, csv_bytes(frame), _early(world, year))
    ledger.note(Expected(TARGETS, file, frame.height, frame.height, 0, {}))


def _uptime(world: World, ledger: Ledger, cameras: Mapping[str, Cameras]) -> None:
    """Uptime of the two agencies that report it; a few of Balikpapan's minutes are no number, some days come twice."""
    days = world.first_day + np.arange(first_camera_day(world), world.days)
    for events_feed, feed, folder, stem in (
        (DISHUB, "dishub_balikpapan.camera_uptime", "inbox/dishub_balikpapan/kamera_aktif", "kamera_aktif"),
        (OIKN, "oikn.camera_uptime", "inbox/oikn/camera_uptime", "uptime"),
    ):
        group = cameras[events_feed]
        minutes = uptime_minutes(world, group)
        camera, day = (array.ravel() for array in np.indices(minutes.shape))
        frame = pl.DataFrame(
            {
                "camera": pl.Series(group.ids).gather(camera),
                "day": pl.Series(days[day]),
                "minutes": minutes.ravel(),
                "region": pl.Series([place.code for place in world.kecamatan]).gather(group.region[camera]),
            }
        ).sort("day", "camera")
        for (month,), part in frame.group_by(pl.col("day").dt.strftime("%Y-%m"), maintain_order=True):
            rng = stream(world.seed, f"{feed} {month}")
            file = f"{folder}/{stem}_{month}.csv"
            if events_feed == DISHUB:
                content, expected = _dishub_uptime(rng, part)
            else:
                content = part.select(
                    pl.col("camera").alias("device_id"),
                    pl.col("day").dt.strftime("%Y-%m-%d").alias("date"),
                    (pl.col("minutes") / 60).round(2).cast(pl.String).alias("uptime_hours"),
                    pl.col("region").alias("district_code"),
                )
                expected = (content.height, content.height, 0, {})
            first = date.fromisoformat(f"{month}-01")
            deliver(ledger.root, file, csv_bytes(content), min(first + timedelta(days=33), world.as_of))
            ledger.note(Expected(feed, file, *expected))


def _dishub_uptime(
    rng: np.random.Generator, part: pl.DataFrame
) -> tuple[pl.DataFrame, tuple[int, int, int, dict[str, int]]]:
    content = part.select(
        pl.col("camera").alias("id_kamera"),
        pl.col("day").dt.strftime("%d/%m/%Y").alias("tanggal"),
        pl.col("minutes").cast(pl.String).alias("menit_aktif"),
        pl.col("region").alias("kode_kecamatan"),
    )
    marks = rng.choice(content.height, size=min(12, content.height // 4), replace=False)
    spoilt, again = marks[: len(marks) // 2], np.sort(marks[len(marks) // 2 :])
    values = content["menit_aktif"].scatter(spoilt.tolist(), ["error"] * len(spoilt))
    content = content.with_columns(values)
    content = pl.concat([content, content[again]])
    refused = {"unparseable_number": len(spoilt)} if len(spoilt) else {}
    return content, (content.height, content.height - len(spoilt) - len(again), len(again), refused)
