"""Published daily and weekly signals with injected outbreaks, for the benchmark of early warning.

The 16 daily signals are those of Noufaily et al. 2019 (parameters as in the authors' published simulation code), the 28
weekly ones those of Noufaily et al. 2013, Table 1 (seven sets of parameters, with and without trend and season), their
mean divided by seven to make days of weeks. A year is 52 weeks. Counts are negative binomial with variance phi x mean;
three daily signals are divided by 10 or 100 and rounded as published, which leaves them less varied than a Poisson.
Left out: the bank holidays of the daily ones, unless asked for, and the weights by weekday of injected cases.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from estimation.seeds import generator

Floats = NDArray[np.float64]
YEARS, WEEKS = 7, 52
DAYS = YEARS * WEEKS * 7
SCORED = 49 * 7
# Bank holidays of the published calendar, as days of its year of 364, the 5th of which is the first Friday.
HOLIDAYS = (0, 95, 98, 126, 147, 238, 357, 358)


@dataclass(frozen=True)
class Wave:
    """A yearly epidemic of a daily signal: start within `days` of the year, Poisson(size x sd) cases over 50 days."""

    days: tuple[int, int]
    size: float
    level: float
    season: tuple[float, float]
    week: tuple[float, float]
    phi: float


@dataclass(frozen=True)
class Signal:
    """log mean = level + trend x t + year (cos, sin of `year_harmonics`) + week (cos, sin of `week_harmonics`).

    `open_days` 5 (closed at weekends, t counts open days) or 7; `shift` moves t in year and week; counts / `divisor`.
    """

    name: str
    level: float
    trend: float = 0.0
    year: tuple[float, float] = (0.0, 0.0)
    week: tuple[float, float] = (0.0, 0.0)
    phi: float = 1.0
    shift: int = 0
    year_harmonics: int = 1
    week_harmonics: int = 1
    open_days: int = 7
    divisor: float = 1.0
    wave: Wave | None = None
    weekly: bool = False

    def mean(self) -> Floats:
        """Mean of each open day before division."""
        days = YEARS * WEEKS * self.open_days
        if self.weekly:
            t = np.repeat(np.arange(1, YEARS * WEEKS + 1), 7).astype(float)
            angle = 2 * np.pi * t / WEEKS
            return np.exp(self.level + self.trend * t + self.year[0] * np.cos(angle) + self.year[1] * np.sin(angle)) / 7
        t = np.arange(1, days + 1) + float(self.shift)
        log = self.level + self.trend * t
        for parts, harmonics, length in ((self.year, self.year_harmonics, WEEKS * self.open_days),
                                         (self.week, self.week_harmonics, self.open_days)):  # fmt: skip
            for harmonic in range(1, harmonics + 1):
                angle = 2 * np.pi * harmonic * t / length
                log = log + parts[0] * np.cos(angle) + parts[1] * np.sin(angle)
        return np.exp(log)


def _daily() -> list[Signal]:
    return [
        Signal("daily 1", 6, year=(0.2, 0.2), week=(0.5, 0.4), week_harmonics=2, phi=2, shift=29),
        Signal("daily 2", 0.5, year=(1.5, 1.4), week=(0.5, 0.4), week_harmonics=2, phi=1, shift=-167),
        Signal("daily 3", 5.5, week=(0.3, 0.25), week_harmonics=2, phi=1, shift=1),
        Signal("daily 4", 2, week=(0.3, 0.25), week_harmonics=2, phi=1, shift=1),
        Signal("daily 5", 6, year=(0.3, 2), week=(0.3, 0.5), phi=1.5, shift=-50, divisor=10, open_days=5,
               wave=Wave((1, 20), 3 * 5 * 80, 6, (0.3, 2), (0.3, 0.5), 1.5)),
        Signal("daily 6", 1, year=(0.1, 2), week=(0.05, 0.05), phi=1, shift=-50, open_days=5,
               wave=Wave((1, 20), 3 * 5 * 50, 1, (0.1, 2), (0.05, 0.05), 1)),
        Signal("daily 7", 6, trend=0.0001, week=(0.6, 0.9), phi=1.5, divisor=10, open_days=5),
        Signal("daily 8", 3, year=(1.5, 0.1), week=(0.2, 0.3), phi=1, shift=-150, open_days=5),
        Signal("daily 9", 3, year=(0.2, 0.1), week=(0.05, 0.15), phi=1, shift=-200, open_days=5),
        Signal("daily 10", 5, year=(0.2, 0.1), week=(0.05, 0.1), phi=1, open_days=5),
        Signal("daily 11", 0.5, year=(0.4, 0), year_harmonics=2, week=(0.05, 0.15), phi=1, open_days=5),
        Signal("daily 12", 9, year=(0.5, 0.2), week=(0.2, 0.5), phi=1, divisor=100, open_days=5),
        Signal("daily 13", 2, trend=0.0005, year=(0.8, 0.8), week=(0.8, 0.4), week_harmonics=2, phi=4, shift=57),
        Signal("daily 14", 0.05, year=(0.01, 0.01), year_harmonics=4, week=(1.8, 0.1), phi=1, shift=-85),
        Signal("daily 15", 3, year=(0.8, 0.6), week=(0.8, 0.4), week_harmonics=2, phi=4, shift=29,
               wave=Wave((210, 230), 3 * 7 * 150, 1, (0.1, 2), (0.05, 0.05), 1)),
        Signal("daily 16", 6, week=(0.8, 0.4), week_harmonics=2, phi=4, shift=1),
    ]  # fmt: skip


# Noufaily 2013, Table 1: theta, beta, gamma1, gamma2, phi; each without and with trend, without and with season.
WEEKLY_SETS = (
    (0.1, 0.0025, 0.6, 0.6, 1.5), (-2.0, 0.005, 0.1, 0.3, 2.0), (1.5, 0.003, 0.2, -0.4, 1.0),
    (0.5, 0.002, 0.5, 0.5, 5.0), (2.5, 0.001, 1.0, 0.1, 3.0), (3.75, 0.001, 0.1, -0.1, 1.1),
    (5.0, 0.0001, 0.05, 0.01, 1.2),
)  # fmt: skip


def _weekly() -> list[Signal]:
    found: list[Signal] = []
    for theta, beta, gamma1, gamma2, phi in WEEKLY_SETS:
        for trend in (0.0, beta):
            for year in ((0.0, 0.0), (gamma1, gamma2)):
                found.append(Signal(f"weekly {len(found) + 1}", theta, trend=trend, year=year, phi=phi, weekly=True))
    return found


SIGNALS = (*_daily(), *_weekly())


@dataclass(frozen=True)
class Runs:
    """Simulated runs of one signal. `counts` and `outbreak` [size, seed, day] (with, and of, the injected cases),
    `mean` and `variance` [day] of the background without waves, `daily_mean` over all days."""

    signal: Signal
    sizes: tuple[float, ...]
    counts: Floats
    outbreak: Floats
    mean: Floats
    variance: Floats
    daily_mean: float
    holidays: NDArray[np.bool_] = field(repr=False)


def simulate(signal: Signal, seeds: int, sizes: tuple[float, ...], holidays: bool = False, stream: str = "") -> Runs:
    """Runs of `signal`, one background a seed, each with one outbreak in the scored days for each of `sizes`.

    An outbreak has Poisson(size x 7 x sd) cases, at least 2, sd that of its first day, with delays of lognormal(0, 0.5)
    times four (open) days.
    """
    mean = signal.mean()
    spread = np.sqrt(mean * signal.phi) / signal.divisor
    open_day = np.arange(DAYS) % 7 < signal.open_days
    days = len(mean)
    scored = SCORED // 7 * signal.open_days
    first = days - scored
    backgrounds = np.empty((seeds, days))
    outbreaks = np.zeros((len(sizes), seeds, days))
    for seed in range(seeds):
        rng = generator("early-warning", stream, signal.name, seed)
        backgrounds[seed] = np.round(_noise(rng, mean, signal.phi) / signal.divisor + _waves(rng, signal, days))
        start = int(rng.integers(first, days))
        for s, size in enumerate(sizes):
            cases = 0
            while cases < 2:
                cases = int(rng.poisson(size * 7 * spread[start]))
            at = start + np.floor(4 * rng.lognormal(0, 0.5, cases)).astype(int)
            np.add.at(outbreaks[s, seed], at[at < days], 1)
    closed = np.zeros(DAYS, dtype=bool)
    if holidays and not signal.weekly:
        closed = np.isin(np.arange(DAYS) % (WEEKS * 7), HOLIDAYS) & open_day
    background, outbreak = np.zeros((seeds, DAYS)), np.zeros((len(sizes), seeds, DAYS))
    background[:, open_day], outbreak[..., open_day] = backgrounds, outbreaks
    counts = background[None] + outbreak
    if signal.open_days == 5:
        opened = np.flatnonzero(open_day)
        after = np.minimum(np.searchsorted(opened, np.flatnonzero(closed), side="right"), len(opened) - 1)
        counts[..., opened[after]] = np.round(1.5 * counts[..., opened[after]])
        counts[..., closed] = 0
    else:
        counts[..., closed] *= 2
    full_mean, full_variance = np.zeros(DAYS), np.zeros(DAYS)
    full_mean[open_day], full_variance[open_day] = mean / signal.divisor, spread**2
    return Runs(signal, sizes, counts, outbreak, full_mean, full_variance, float(background.mean()), closed)


def _noise(rng: np.random.Generator, mean: Floats, phi: float) -> Floats:
    if phi == 1:
        return rng.poisson(mean).astype(float)
    return rng.negative_binomial(mean / (phi - 1), 1 / phi).astype(float)


def _waves(rng: np.random.Generator, signal: Signal, days: int) -> Floats:
    """The yearly epidemics of a signal, as published: sized by the sd of a signal before division, weighed by day."""
    cases = np.zeros(days)
    wave = signal.wave
    if wave is None:
        return cases
    year = WEEKS * signal.open_days
    like = Signal("", wave.level, year=wave.season, week=wave.week, phi=wave.phi, shift=-50, open_days=5)
    angles = np.arange(1, days + 1) - 50.0
    log = like.level + like.year[0] * np.cos(2 * np.pi * angles / 260) + like.year[1] * np.sin(2 * np.pi * angles / 260)
    log += like.week[0] * np.cos(2 * np.pi * angles / 5) + like.week[1] * np.sin(2 * np.pi * angles / 5)
    spread = np.sqrt(np.exp(log) * like.phi)
    weight = np.array([1.1, 1.5, 1.1, 1.0, 1.0])
    for n in range(YEARS):
        start = n * year + int(rng.integers(wave.days[0], wave.days[1] + 1)) - 1
        size = int(rng.poisson(wave.size * spread[start]))
        at = start + np.floor(50 * rng.lognormal(0, 0.5, size)).astype(int)
        counted = np.bincount(at[at < days], minlength=days)[:days].astype(float)
        cases += counted * weight[np.arange(1, days + 1) % 5]
    return cases
