"""How fast the police answer and arrive: stamps of calls and of reports that began with a call."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from infra.simulator.world import World

# The 110 standard holds from this day: calls are answered sooner.
STANDARD_FROM = np.datetime64("2026-01-01", "s")


@dataclass(frozen=True)
class Stamps:
    """Local seconds (datetime64[s]); NaT where a stamp is missing or the step never came."""

    answered: np.ndarray
    dispatched: np.ndarray
    arrived: np.ndarray


def respond(
    world: World, rng: np.random.Generator, region: np.ndarray, received: np.ndarray, is_sent: np.ndarray
) -> Stamps:
    """Stamps of calls received at local seconds in kecamatan `region`; nobody is sent where `is_sent` is false."""
    size = len(region)
    hour = received.astype("datetime64[h]").astype(int) % 24
    is_night = (hour >= 23) | (hour < 5)
    wait = np.where(received >= STANDARD_FROM, 6.0, 15.0) * rng.lognormal(0, 0.55, size=size)
    desk = 95.0 * rng.lognormal(0, 0.6, size=size) * np.where(is_night, 1.25, 1.0)
    # A polsek far from its villages needs half an hour, one in town a few minutes; each has its own pace.
    pace = np.exp(np.random.Generator(np.random.PCG64(world.seed)).normal(0, 0.15, size=len(world.kecamatan)))
    travel = 60 * (4.5 + 24 * (1 - world.urban) ** 1.6)[region] * pace[region] * rng.lognormal(0, 0.45, size=size)
    answered = received + _seconds(wait)
    dispatched = answered + _seconds(desk)
    arrived = dispatched + _seconds(travel)
    nothing = np.datetime64("NaT", "s")
    dispatched = np.where(is_sent & (rng.random(size) > 0.05), dispatched, nothing)
    arrived = np.where(is_sent & (rng.random(size) > 0.11), arrived, nothing)
    answered = np.where(rng.random(size) > 0.025, answered, nothing)
    return Stamps(answered, dispatched, arrived)


def _seconds(values: np.ndarray) -> np.ndarray:
    return np.maximum(1, values).astype("timedelta64[s]")
