"""The world behind the data: regions, people spread over them, addresses, police stations, planted truth."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np

from infra.simulator.boundaries import Boundaries, boundaries
from infra.simulator.categories import OFFENCES, PLANTED
from infra.simulator.seeds import largest_remainder, stream

METRES_PER_DEGREE = 111_320.0  # the equator runs through: a degree is as long east as north
POPULATION_YEAR = 2025  # of the kabupaten figures
YEARLY_GROWTH = 0.015
# Where the police file what they cannot place (city.yaml of Nusantara names the same point).
HEADQUARTERS = (116.8289, -1.2654)
POLRES = (
    ("64.02.06", "Polres Kutai Kartanegara"),
    ("64.09.01", "Polres Penajam Paser Utara"),
    ("64.71.06", "Polresta Balikpapan"),
)


@dataclass(frozen=True)
class Region:
    """A region with Kemendagri's code. Main settlement, urbanity (0-1) and weight are known for kecamatan only."""

    code: str
    name: str
    level: str
    parent: str
    longitude: float
    latitude: float
    urban: float
    population: int


@dataclass(frozen=True)
class Addresses:
    """Points where things can happen in one kecamatan, with their chance (sum 1)."""

    longitude: np.ndarray
    latitude: np.ndarray
    chance: np.ndarray


@dataclass(frozen=True)
class Hotspot:
    """A planted place: `share` of its kecamatan's offences of one code fall within `radius_m`, between two days."""

    hotspot_id: str
    region_code: str
    offence: str
    longitude: float
    latitude: float
    radius_m: float
    share: float
    place: str
    first_day: int
    last_day: int


@dataclass(frozen=True)
class Disturbance:
    """A planted surge: one offence in one kecamatan is `factor` times as frequent between two days (inclusive)."""

    disturbance_id: str
    region_code: str
    offence: str
    factor: float
    first_day: int
    last_day: int


@dataclass(frozen=True)
class Station:
    """A police office; some records carry its coordinates instead of the scene's."""

    code: str
    name: str
    kind: str
    region_code: str
    longitude: float
    latitude: float


@dataclass(frozen=True)
class World:
    """All that stays the same during the simulated days. Day 0 is `first_day`, the last is `as_of`."""

    seed: int
    as_of: date
    days: int
    regions: tuple[Region, ...]
    kecamatan: tuple[Region, ...]
    boundaries: Boundaries
    addresses: tuple[Addresses, ...]
    stations: tuple[Station, ...]
    hotspots: tuple[Hotspot, ...]
    disturbances: tuple[Disturbance, ...]
    centroids: np.ndarray
    risk: np.ndarray

    @property
    def first_day(self) -> np.datetime64:
        return np.datetime64(self.as_of, "D") - (self.days - 1)

    @property
    def end(self) -> np.datetime64:
        """First local second after the simulated days."""
        return np.datetime64(self.as_of, "s") + np.timedelta64(86_400, "s")

    @property
    def population(self) -> np.ndarray:
        return np.array([region.population for region in self.kecamatan], dtype=float)

    @property
    def urban(self) -> np.ndarray:
        return np.array([region.urban for region in self.kecamatan])

    @property
    def patrol_effort(self) -> np.ndarray:
        """Share of patrol hours by kecamatan: more than their share of people where it is urban."""
        effort = self.population * (0.2 + self.urban) ** 1.6
        return effort / effort.sum()

    def index_of(self, region_code: str) -> int:
        return [region.code for region in self.kecamatan].index(region_code)


def make_world(
    *, seed: int, as_of: date, days: int, city_data: Path | None = None, known: Boundaries | None = None
) -> World:
    """The world of `seed`; `city_data` gives real boundaries where it has them, `known` ones are taken as they are."""
    regions = _regions(seed)
    shapes = known or boundaries(regions, city_data)
    kecamatan = tuple(region for region in regions if region.level == "kecamatan")
    addresses = tuple(_addresses(seed, region, shapes) for region in kecamatan)
    rng = stream(seed, "risk")
    # A place's own level, apart from what its size and urbanity explain: by offence and kecamatan.
    common = rng.normal(0, 0.25, size=(1, len(kecamatan)))
    risk = np.exp(common + rng.normal(0, 0.25, size=(len(OFFENCES), len(kecamatan))))
    centroids = np.array([[shapes.shapes[r.code].centroid.x, shapes.shapes[r.code].centroid.y] for r in kecamatan])
    return World(
        seed=seed,
        as_of=as_of,
        days=days,
        regions=regions,
        kecamatan=kecamatan,
        boundaries=shapes,
        addresses=addresses,
        stations=_stations(seed, kecamatan, addresses),
        hotspots=_hotspots(seed, kecamatan, addresses, days),
        disturbances=_disturbances(seed, kecamatan, days),
        centroids=centroids.round(6),
        risk=risk,
    )


def _regions(seed: int) -> tuple[Region, ...]:
    with (Path(__file__).parent / "regions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    rng = stream(seed, "population")
    people = {row["code"]: int(row["population"]) for row in rows if row["population"]}
    for parent in [row["code"] for row in rows if row["level"] == "kabupaten"]:
        low = [row for row in rows if row["parent_code"] == parent]
        shares = np.array([float(row["weight"]) for row in low]) * np.exp(rng.normal(0, 0.1, len(low)))
        for row, count in zip(low, largest_remainder(shares, people[parent]), strict=True):
            people[row["code"]] = int(count)
    return tuple(
        Region(
            code=row["code"],
            name=row["name"],
            level=row["level"],
            parent=row["parent_code"],
            longitude=float(row["longitude"] or "nan"),
            latitude=float(row["latitude"] or "nan"),
            urban=float(row["urban"] or "nan"),
            population=people[row["code"]],
        )
        for row in rows
    )


def _addresses(seed: int, region: Region, shapes: Boundaries) -> Addresses:
    """Settlements around the main one, each with addresses; a few lie scattered over the whole kecamatan."""
    import shapely

    rng = stream(seed, f"addresses {region.code}")
    shape = shapes.shapes[region.code]
    shapely.prepare(shape)
    settlements = 2 + region.population // 25_000
    reach = 0.015 + 0.06 * (1 - region.urban)
    centres = np.array([[region.longitude, region.latitude]] + [[0.0, 0.0]] * (settlements - 1))
    centres[1:] = _inside(rng, shape, np.repeat(centres[:1], settlements - 1, axis=0), reach)
    weights = rng.dirichlet(np.full(settlements, 1.5)) + np.eye(1, settlements)[0] * 0.3
    count = max(150, region.population // 60)
    around = centres[rng.choice(settlements, size=count, p=weights / weights.sum())]
    points = _inside(rng, shape, around, 0.004 + 0.004 * (1 - region.urban))
    scattered = rng.random(count) < 0.05
    points[scattered] = _inside(rng, shape, around[scattered], reach * 2)
    # A few addresses see much more than others, everywhere.
    chance = rng.gamma(0.6, size=count)
    return Addresses(points[:, 0].round(6), points[:, 1].round(6), chance / chance.sum())


def _inside(rng: np.random.Generator, shape: object, around: np.ndarray, sigma: float) -> np.ndarray:
    """A point near each of `around`, inside `shape`: drawn again, nearer each time, while it falls outside."""
    import shapely

    points = around + rng.normal(0, sigma, size=around.shape)
    for attempt in range(1, 13):
        outside = ~shapely.contains_xy(shape, points[:, 0], points[:, 1])
        if not outside.any():
            return points
        points[outside] = around[outside] + rng.normal(0, sigma / attempt, size=(int(outside.sum()), 2))
    outside = ~shapely.contains_xy(shape, points[:, 0], points[:, 1])
    if outside.any():
        inner = shapely.point_on_surface(shape)
        points[outside] = [inner.x, inner.y]
    return points


def _stations(seed: int, kecamatan: tuple[Region, ...], addresses: tuple[Addresses, ...]) -> tuple[Station, ...]:
    rng = stream(seed, "stations")
    found = []
    for region, pool in zip(kecamatan, addresses, strict=True):
        near = int(np.argmin(np.hypot(pool.longitude - region.longitude, pool.latitude - region.latitude)))
        place = float(pool.longitude[near]), float(pool.latitude[near])
        found.append(Station(f"SEK-{region.code}", f"Polsek {region.name}", "POLSEK", region.code, *place))
    by_code = {region.code: pool for region, pool in zip(kecamatan, addresses, strict=True)}
    for code, name in POLRES:
        pool = by_code[code]
        at = int(rng.integers(len(pool.chance)))
        found.append(Station(f"RES-{code}", name, "POLRES", code, float(pool.longitude[at]), float(pool.latitude[at])))
    found.append(Station("DA-64", "Polda Kalimantan Timur", "POLDA", "64.71.06", *HEADQUARTERS))
    return tuple(found)


_HOT_PLACE = {"CURBIS": "PSR", "CURAT": "RMH", "CURANMOR": "PRK", "ANIAYA": "JLN", "CURAS": "JLN", "TIBUM": "JLN"}


def _hotspots(
    seed: int, kecamatan: tuple[Region, ...], addresses: tuple[Addresses, ...], days: int
) -> tuple[Hotspot, ...]:
    rng = stream(seed, "hotspots")
    crowded = np.array([region.population * (0.2 + region.urban) for region in kecamatan])
    found = []
    for number in range(14):
        at = int(rng.choice(len(kecamatan), p=crowded / crowded.sum()))
        offence = PLANTED[number % len(PLANTED)]
        pool = addresses[at]
        spot = int(rng.choice(len(pool.chance), p=pool.chance))
        # Two thirds were always there, the others appear during the data.
        first = 0 if number % 3 else int(rng.integers(days // 3, max(days // 3 + 1, days - 60)))
        found.append(
            Hotspot(
                hotspot_id=f"H{number + 1:02d}",
                region_code=kecamatan[at].code,
                offence=offence,
                longitude=float(pool.longitude[spot]),
                latitude=float(pool.latitude[spot]),
                radius_m=float(rng.integers(60, 160)),
                share=round(float(rng.uniform(0.12, 0.3)), 3),
                place=_HOT_PLACE[offence],
                first_day=first,
                last_day=days - 1,
            )
        )
    return tuple(found)


def _disturbances(seed: int, kecamatan: tuple[Region, ...], days: int) -> tuple[Disturbance, ...]:
    """Eight surges of two to five weeks, two of them still going on at the end."""
    rng = stream(seed, "disturbances")
    people = np.array([region.population for region in kecamatan], dtype=float)
    # Only where there is enough to see a surge in.
    people[people < np.quantile(people, 0.4)] = 0
    places = rng.choice(len(kecamatan), size=8, replace=False, p=people / people.sum())
    found = []
    for number, at in enumerate(places):
        length = min(days, int(rng.integers(14, 36)))
        last = days - 1 if number < 2 else int(rng.integers(length - 1, max(length, days - 30)))
        found.append(
            Disturbance(
                disturbance_id=f"D{number + 1:02d}",
                region_code=kecamatan[int(at)].code,
                offence=PLANTED[(number + 1) % len(PLANTED)],
                factor=round(float(rng.uniform(3.0, 6.0)), 2),
                first_day=last - length + 1,
                last_day=last,
            )
        )
    return tuple(found)
