"""Offences as they happen and as the police come to record them, before anything is written down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infra.simulator.categories import OFFENCES, Offence, choose, hour_profile, week_profile
from infra.simulator.seeds import stream
from infra.simulator.world import METRES_PER_DEGREE, World

DAY = np.timedelta64(86_400, "s")
# Idul Fitri; burglars know that houses stand empty.
_LEBARAN = tuple(np.datetime64(day) for day in ("2024-04-10", "2025-03-31", "2026-03-20", "2027-03-10"))
NEAR_REPEAT_CHANCE = 0.18
NEAR_REPEAT_DAYS = 14
NEAR_REPEAT_METRES = 120.0


@dataclass(frozen=True)
class Incidents:
    """Offences in order of their report; every array has one entry an offence. Times are local (WITA) seconds.

    `region` indexes World.kecamatan, `offence` OFFENCES, `hotspot` World.hotspots (-1: none); `repeat_of` is the
    entry that a near-repeat follows, -1 for none. `occurred_to` is NaT where the moment is known.
    """

    offence: np.ndarray
    region: np.ndarray
    longitude: np.ndarray
    latitude: np.ndarray
    occurred_from: np.ndarray
    occurred_to: np.ndarray
    reported_at: np.ndarray
    reporter: np.ndarray
    place: np.ndarray
    modus: np.ndarray
    hotspot: np.ndarray
    repeat_of: np.ndarray
    is_surge: np.ndarray

    def __len__(self) -> int:
        return len(self.offence)


@dataclass(frozen=True)
class _Events:
    offence: np.ndarray
    region: np.ndarray
    day: np.ndarray
    is_surge: np.ndarray


def season(world: World, offence: Offence | None) -> np.ndarray:
    """Factors of the simulated days, mean about 1: weekday, year and, for burglary, Idul Fitri."""
    days = world.first_day + np.arange(world.days)
    weekday = (days.astype("datetime64[D]").astype(int) + 3) % 7
    of_year = (days - days.astype("datetime64[Y]")).astype(int)
    factor = week_profile(offence.week if offence else "flat")[weekday] * (
        1 + 0.12 * np.cos(2 * np.pi * (of_year - 350) / 365.25)
    )
    if offence is not None and offence.code in ("CURAT", "CURANMOR"):
        for feast in _LEBARAN:
            factor = np.where(np.abs((days - feast).astype(int) - 1) <= 5, factor * 1.5, factor)
    return factor


def intensities(world: World, records: float) -> np.ndarray:
    """Expected offences without surges, shape (offence, kecamatan, day), summing to `records`."""
    rates = np.empty((len(OFFENCES), len(world.kecamatan)))
    for row, offence in enumerate(OFFENCES):
        by_people = world.population * (0.3 + world.urban) ** offence.urban * world.risk[row]
        # Police find what they look for where they look: discoveries follow patrols, not people.
        discovered = offence.officer * world.patrol_effort
        rates[row] = offence.share * ((1 - offence.officer) * by_people / by_people.sum() + discovered)
    daily = np.stack([season(world, offence) for offence in OFFENCES])
    expected = rates[:, :, None] * daily[:, None, :]
    return expected / expected.sum() * records


def make_incidents(world: World, records: int) -> Incidents:
    """About `records` offences reported until the end of the simulated days."""
    rng = stream(world.seed, "incidents")
    events = _draw(world, rng, records)
    events, repeat_of, delay = _near_repeats(world, rng, events)
    longitude, latitude, hotspot = _places(world, rng, events)
    parents = repeat_of >= 0
    longitude[parents] = longitude[repeat_of[parents]]
    latitude[parents] = latitude[repeat_of[parents]]
    hotspot[parents] = hotspot[repeat_of[parents]]
    shift = rng.normal(0, NEAR_REPEAT_METRES / METRES_PER_DEGREE, size=(int(parents.sum()), 2))
    shift[rng.random(len(shift)) < 0.4] = 0  # the very same house again
    _shift_inside(world, longitude, latitude, np.flatnonzero(parents), shift, events.region)
    return _reports(world, rng, events, longitude, latitude, hotspot, repeat_of, delay)


def _draw(world: World, rng: np.random.Generator, records: int) -> _Events:
    burglary = next(o.share for o in OFFENCES if o.code == "CURAT") / sum(o.share for o in OFFENCES)
    expected = intensities(world, records / (1 + NEAR_REPEAT_CHANCE * burglary))
    weeks = np.arange(world.days) // 7
    # Weeks differ by more than chance: counts are a little overdispersed.
    shape = (expected.shape[0], expected.shape[1], int(weeks.max()) + 1)
    expected *= rng.gamma(25, 1 / 25, size=shape)[:, :, weeks]
    calm = rng.poisson(expected)
    surplus = np.zeros_like(calm)
    codes = [offence.code for offence in OFFENCES]
    for planted in world.disturbances:
        row, at = codes.index(planted.offence), world.index_of(planted.region_code)
        days = slice(planted.first_day, planted.last_day + 1)
        # A surge is seen even where little happens on a usual day.
        more = np.maximum(expected[row, at, days] * (planted.factor - 1), 0.6 * records / 30_000 * 730 / world.days)
        surplus[row, at, days] += rng.poisson(more)
    parts = []
    for counts, is_surge in ((calm, False), (surplus, True)):
        offence, region, day = np.nonzero(counts)
        times = counts[offence, region, day]
        parts.append([np.repeat(array, times) for array in (offence, region, day)] + [np.full(times.sum(), is_surge)])
    joined = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    return _Events(*joined)


def _near_repeats(world: World, rng: np.random.Generator, events: _Events) -> tuple[_Events, np.ndarray, np.ndarray]:
    """Some burglaries are followed by another next door within two weeks."""
    burglary = [offence.code for offence in OFFENCES].index("CURAT")
    first = np.flatnonzero(events.offence == burglary)
    parents = first[rng.random(len(first)) < NEAR_REPEAT_CHANCE]
    delay = rng.integers(1, NEAR_REPEAT_DAYS + 1, size=len(parents))
    within = events.day[parents] + delay < world.days
    parents, delay = parents[within], delay[within]
    joined = _Events(
        offence=np.concatenate([events.offence, events.offence[parents]]),
        region=np.concatenate([events.region, events.region[parents]]),
        day=np.concatenate([events.day, events.day[parents] + delay]),
        is_surge=np.concatenate([events.is_surge, np.zeros(len(parents), dtype=bool)]),
    )
    none = np.full(len(events.offence), -1)
    return joined, np.concatenate([none, parents]), np.concatenate([np.zeros(len(none), dtype=int), delay])


def _places(world: World, rng: np.random.Generator, events: _Events) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    import shapely

    count = len(events.offence)
    longitude, latitude, hotspot = np.empty(count), np.empty(count), np.full(count, -1)
    for at, pool in enumerate(world.addresses):
        here = np.flatnonzero(events.region == at)
        chosen = rng.choice(len(pool.chance), size=len(here), p=pool.chance)
        longitude[here], latitude[here] = pool.longitude[chosen], pool.latitude[chosen]
    codes = [offence.code for offence in OFFENCES]
    for number, planted in enumerate(world.hotspots):
        drawn = rng.random(count)
        inside = (
            (events.region == world.index_of(planted.region_code))
            & (events.offence == codes.index(planted.offence))
            & (events.day >= planted.first_day)
            & (events.day <= planted.last_day)
            & (drawn < planted.share)
            & (hotspot < 0)
        )
        which = np.flatnonzero(inside)
        hotspot[which] = number
        # A handful of addresses near the middle, evenly over the disc.
        radius = planted.radius_m / METRES_PER_DEGREE * np.sqrt(rng.random(12))
        angle = rng.random(12) * 2 * np.pi
        spot = rng.integers(12, size=len(which))
        disc = np.column_stack(
            [planted.longitude + radius * np.cos(angle), planted.latitude + radius * np.sin(angle)]
        ).round(6)
        shape = world.boundaries.shapes[planted.region_code]
        disc[~shapely.contains_xy(shape, disc[:, 0], disc[:, 1])] = planted.longitude, planted.latitude
        longitude[which], latitude[which] = disc[spot, 0], disc[spot, 1]
    return longitude, latitude, hotspot


def _shift_inside(
    world: World,
    longitude: np.ndarray,
    latitude: np.ndarray,
    which: np.ndarray,
    shift: np.ndarray,
    region: np.ndarray,
) -> None:
    """Moves the points `which` by `shift` where that keeps them in their kecamatan."""
    import shapely

    moved_x, moved_y = (longitude[which] + shift[:, 0]).round(6), (latitude[which] + shift[:, 1]).round(6)
    for at, place in enumerate(world.kecamatan):
        here = region[which] == at
        inside = shapely.contains_xy(world.boundaries.shapes[place.code], moved_x[here], moved_y[here])
        target = which[here][inside]
        longitude[target], latitude[target] = moved_x[here][inside], moved_y[here][inside]


def _reports(
    world: World,
    rng: np.random.Generator,
    events: _Events,
    longitude: np.ndarray,
    latitude: np.ndarray,
    hotspot: np.ndarray,
    repeat_of: np.ndarray,
    delay: np.ndarray,
) -> Incidents:
    count = len(events.offence)
    hour = np.empty(count, dtype=int)
    span = np.zeros(count)
    reporter = np.full(count, "W", dtype=object)
    place = np.empty(count, dtype=object)
    modus = np.empty(count, dtype=object)
    for row, offence in enumerate(OFFENCES):
        here = np.flatnonzero(events.offence == row)
        hour[here] = rng.choice(24, size=len(here), p=hour_profile(offence.hours))
        drawn = rng.random(len(here))
        reporter[here[drawn < offence.officer]] = "A"
        reporter[here[drawn > 1 - offence.camera]] = "K"
        place[here] = choose(rng, offence.places, len(here))
        modus[here] = choose(rng, offence.modus, len(here))
        if offence.span:
            unknown = here[rng.random(len(here)) < 0.75]
            span[unknown] = rng.lognormal(np.log(offence.span), 0.6, size=len(unknown)) * 3600
    for number, planted in enumerate(world.hotspots):
        place[hotspot == number] = planted.place
    # What a citizen finds later cannot have been discovered on patrol.
    reporter[events.is_surge] = "W"
    started = (world.first_day + events.day).astype("datetime64[s]") + (
        hour * 3600 + rng.integers(0, 3600, size=count)
    ).astype("timedelta64[s]")
    # Most times that people state are round.
    rounded = rng.random(count) < 0.6
    seconds = started.astype(np.int64)
    seconds[rounded] -= seconds[rounded] % 900
    started = seconds.astype("datetime64[s]")
    occurred_from = started - span.astype("timedelta64[s]")
    occurred_to = np.where(span > 0, started, np.datetime64("NaT", "s"))
    wait = np.where(
        reporter == "W", rng.lognormal(np.log(2.0), 1.3, size=count), rng.lognormal(np.log(0.3), 0.5, size=count)
    )
    reported_at = started + np.minimum(wait * 3600, 45 * 86_400).astype("timedelta64[s]") + np.timedelta64(60, "s")
    kept = np.flatnonzero(reported_at < world.end)
    kept = kept[np.argsort(reported_at[kept], kind="stable")]
    position = np.full(count + 1, -1)
    position[kept] = np.arange(len(kept))
    return Incidents(
        offence=events.offence[kept],
        region=events.region[kept],
        longitude=longitude[kept],
        latitude=latitude[kept],
        occurred_from=occurred_from[kept],
        occurred_to=occurred_to[kept],
        reported_at=reported_at[kept],
        reporter=reporter[kept],
        place=place[kept],
        modus=modus[kept],
        hotspot=hotspot[kept],
        repeat_of=position[repeat_of[kept]],
        is_surge=events.is_surge[kept],
    )
