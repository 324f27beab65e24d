"""Region security index: does its interval cover, do its ranks, and is a shrunk rate nearer the truth than a raw one?

Truths of 10, 30 and 100 regions with a median of 2, 20 and 200 expected events a quarter, whose levels are gamma,
lognormal or clustered; counts are Poisson, harm is their weighted sum. The estimator is `level_harm`, from which
`region_index` makes its numbers: one replicate a cell is run through `region_index` as well and must agree.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.report import Figure
from estimation.goalposts import Goalposts, base_goalposts
from estimation.index import region_index
from estimation.index_parts import DimensionData, level_harm
from estimation.panel import RegionTable, region_tables
from estimation.periods import add_months, month_days
from estimation.seeds import generator
from estimation.settings import IndexSettings
from estimation.shrinkage import fay_feuer

SUMMARY = "region index: coverage of its intervals and ranks, shrinkage against raw rates"
ENVIRONMENT = "main"

Floats = NDArray[np.float64]
REGIONS, EXPECTED, TRUTHS = (10, 30, 100), (2, 20, 200), ("gamma", "lognormal", "clustered")
# Four severity classes: share of events, days of harm each.
CLASSES = (("a", 0.62, 20.0), ("b", 0.28, 150.0), ("c", 0.08, 1000.0), ("d", 0.02, 5500.0))
WEIGHTS = np.array([days for _, _, days in CLASSES])
BASE = date(2023, 1, 1)
QUARTERS = tuple(tuple(add_months(BASE, 3 * q + m) for m in range(3)) for q in range(5))
MONTHS = tuple(month for quarter in QUARTERS for month in quarter)
THIRDS = ("smallest third", "middle third", "largest third")
SETTINGS = IndexSettings(
    as_of=date(2024, 3, 31), base_from=BASE, base_to=date(2023, 12, 31), levels=("kecamatan",), index_level="kecamatan",
    quarter_only_levels=("kecamatan",), period_types=("quarter",), draws=1000, sensitivity_tables=(),
)  # fmt: skip


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--replicates", type=int, default=100, help="of each of 27 cells (default 100; the paper's 1000)"
    )
    parser.add_argument("--regions", default="10,30,100", help="numbers of regions (default 10,30,100)")
    parser.add_argument("--first", type=int, default=0, help="number of the first replicate, to go on where one ended")


@dataclass(frozen=True)
class Truth:
    """One city: `rates` [region, class, quarter] of events per 100,000 people and year, `population` [region]."""

    population: Floats
    rates: Floats

    @property
    def exposure(self) -> Floats:
        """In 100,000 person-years, [region, quarter]."""
        days = np.array([sum(month_days(month) for month in quarter) for quarter in QUARTERS])
        return self.population[:, None] / 1e5 * days / 365.25

    @property
    def harm(self) -> Floats:
        """Days of harm per 100,000 people and year, [region, quarter]."""
        return np.einsum("rkt,k->rt", self.rates, WEIGHTS)


def draw_truth(regions: int, expected: float, kind: str, rng: np.random.Generator) -> Truth:
    """Regions whose levels have a coefficient of variation of about a half, with a mix and a time of their own.

    How restless a city is differs from one to the next: the sd of a region's own movement from quarter to quarter lies
    in .03 - .30, that of its classes beside it in 0 - .25, that of its mix in .05 - .40.
    """
    mix_sd, period_sd, cell_sd = rng.uniform(0.05, 0.40), rng.uniform(0.03, 0.30), rng.uniform(0.0, 0.25)
    if kind == "gamma":
        level = rng.gamma(4, 0.25, regions)
    elif kind == "lognormal":
        level = rng.lognormal(0, 0.47, regions)
    else:
        blocks = np.arange(regions) * 5 // regions
        level = rng.lognormal(0, 0.45, 5)[blocks] * rng.lognormal(0, 0.15, regions)
    population = np.round(50_000 * rng.lognormal(0, 0.8, regions))
    shares = np.array([share for _, share, _ in CLASSES])
    rates = level[:, None, None] * shares[None, :, None] * rng.lognormal(0, mix_sd, (regions, len(CLASSES), 1))
    rates = rates * rng.lognormal(0, 0.1, (1, len(CLASSES), len(QUARTERS)))
    rates = rates * rng.lognormal(0, period_sd, (regions, 1, len(QUARTERS)))
    rates = rates * rng.lognormal(0, cell_sd, rates.shape)
    scale = expected / np.median(population / 1e5 * 0.25 * rates.sum(axis=1).mean(axis=1))
    return Truth(population, rates * scale)


@dataclass
class Tally:
    """What the replicates of one cell added up to. Arrays by third of population."""

    index: Floats = field(default_factory=lambda: np.zeros(3))
    change: Floats = field(default_factory=lambda: np.zeros(3))
    n: Floats = field(default_factory=lambda: np.zeros(3))
    rank: float = 0.0
    width: float = 0.0
    shrunk: float = 0.0
    raw: float = 0.0
    withheld: float = 0.0
    fay_feuer: float = 0.0
    largest: float = 0.0
    replicates: int = 0


def run(arguments: argparse.Namespace) -> list[Figure]:
    if arguments.replicates < 1:
        raise SystemExit("index needs at least one replicate")
    figures: list[Figure] = []
    averages: dict[str, list[float]] = {"index": [], "change": []}
    started = time.monotonic()
    for regions in (int(part) for part in arguments.regions.split(",")):
        for expected in EXPECTED:
            for kind in TRUTHS:
                tally = Tally()
                for replicate in range(arguments.first, arguments.first + arguments.replicates):
                    _replicate(tally, regions, expected, kind, replicate)
                cell = f"{regions} regions, {expected} expected, {kind}"
                print(f"{cell} {time.monotonic() - started:.0f} s", file=sys.stderr)
                figures += _figures(cell, tally, regions)
                averages["index"].append(float(tally.index.sum() / tally.n.sum()))
                averages["change"].append(float(tally.change.sum() / tally.n.sum()))
    for name, covered in averages.items():
        value, half = float(np.mean(covered)), float(1.96 * np.std(covered) / np.sqrt(len(covered)))
        met = 0.88 <= value <= 0.92
        cell = f"mean of all cells: {name} coverage"
        figures.append(
            Figure("coverage .88 - .92 on average", cell, value, value - half, value + half, len(covered), met)
        )
    return figures


def _replicate(tally: Tally, regions: int, expected: float, kind: str, replicate: int) -> None:
    rng = generator("bench-index", regions, expected, kind, replicate)
    truth = draw_truth(regions, expected, kind, rng)
    counts = rng.poisson(truth.rates * truth.exposure[:, None, :])
    if counts[:, :, :4].sum() == 0:
        return
    monthly = rng.multinomial(counts, [1 / 3] * 3)  # region, class, quarter, month of it
    frame, table = _frames(truth, monthly)
    categories = tuple(name for name, _, _ in CLASSES)
    grouped = frame.rename({"period_start": "month"})
    data = DimensionData("crime", grouped, categories, {"weight_days": WEIGHTS, "equal": np.ones(4)}, MONTHS)
    settings = replace(SETTINGS, seed=f"bench-{replicate}")
    harm = level_harm(data, table, list(QUARTERS), settings)
    posts = base_goalposts(counts[:, :, :4].sum(axis=2).astype(float), truth.exposure[:, :4].sum(axis=1), WEIGHTS)
    if posts is None:
        return
    if replicate == 0:
        _agree(frame, table, harm.mean("weight_days"), posts, settings)
    _measure(tally, truth, counts.astype(float), harm.mean("weight_days"), harm.draws.astype(float), posts)
    tally.withheld += float((harm.relative_error[:, -1] > SETTINGS.rse_withheld).mean())


def _measure(tally: Tally, truth: Truth, counts: Floats, mean: Floats, draws: Floats, posts: Goalposts) -> None:
    regions = len(truth.population)
    third = np.argsort(np.argsort(truth.population)) * 3 // regions
    tail = (1 - SETTINGS.interval) / 2
    now = truth.harm[:, -1]
    low, high = np.quantile(draws[:, :, -1], [tail, 1 - tail], axis=0)
    moved = posts.score(truth.harm[:, -1]) - posts.score(truth.harm[:, -2])
    drawn = posts.score(draws[:, :, -1]) - posts.score(draws[:, :, -2])
    change_low, change_high = np.quantile(drawn, [tail, 1 - tail], axis=0)
    tally.index += np.bincount(third, (low <= now) & (now <= high), 3)
    tally.change += np.bincount(third, (change_low <= moved) & (moved <= change_high), 3)
    tally.n += np.bincount(third, minlength=3)
    # Rank 1 is the safest; the rank interval is read off the draws as region_index does.
    ranks = np.argsort(np.argsort(draws[:, :, -1], axis=1, kind="stable"), axis=1, kind="stable") + 1
    rank = np.argsort(np.argsort(now)) + 1
    first = np.quantile(ranks, tail, axis=0, method="lower")
    last = np.quantile(ranks, 1 - tail, axis=0, method="higher")
    tally.rank += float(((first <= rank) & (rank <= last)).sum())
    tally.width += float((last - first + 1).mean())
    exposure = truth.exposure[:, -1]
    raw = counts[:, :, -1] @ WEIGHTS / exposure
    city = (now * exposure).sum() / exposure.sum()
    tally.shrunk += float((((mean[:, -1] - now) / city) ** 2).mean())
    tally.raw += float((((raw - now) / city) ** 2).mean())
    bounds = np.array([fay_feuer(counts[r, :, -1], WEIGHTS / exposure[r], SETTINGS.interval) for r in range(regions)])
    tally.fay_feuer += float(((bounds[:, 0] <= now) & (now <= bounds[:, 1])).sum())
    present = np.where(counts[:, :, -1] > 0, WEIGHTS, 0).max(axis=1)
    amount = counts[:, :, -1] @ WEIGHTS
    tally.largest += float((present[amount > 0] / amount[amount > 0]).mean()) if (amount > 0).any() else 0.0
    tally.replicates += 1


def _figures(cell: str, tally: Tally, regions: int) -> list[Figure]:
    found = []
    for name, covered in (("index", tally.index), ("change", tally.change)):
        for t, third in enumerate(THIRDS):
            n = int(tally.n[t])
            value = covered[t] / n
            bounds = wilson(covered[t], n)
            met = bool(0.85 <= value <= 0.95)
            found.append(Figure("coverage .85 - .95", f"{cell}, {third}: {name} coverage", value, *bounds, n, met))
    n, runs = int(tally.n.sum()), tally.replicates
    rank = tally.rank / n
    ratio = tally.shrunk / tally.raw
    exact = (tally.fay_feuer / n, *wilson(tally.fay_feuer, n), n)
    error = ("shrunk / raw squared error <= 1.05", f"{cell}: squared error, shrunk / raw", ratio)
    return [
        *found,
        Figure("rank coverage >= .90", f"{cell}: rank interval", rank, *wilson(tally.rank, n), n, bool(rank >= 0.90)),
        Figure("", f"{cell}: mean width of a rank interval, of {regions}", tally.width / runs, None, None, runs),
        Figure(*error, None, None, runs, bool(ratio <= 1.05)),
        Figure("", f"{cell}: Fay-Feuer interval of the raw rate covers", *exact),
        Figure("", f"{cell}: share of harm from the largest single event", tally.largest / runs, None, None, runs),
        Figure("", f"{cell}: withheld for precision (RSE over 50 %)", tally.withheld / runs, None, None, runs),
    ]


def _frames(truth: Truth, monthly: NDArray[np.int64]) -> tuple[pl.DataFrame, RegionTable]:
    regions, classes, quarters, _ = monthly.shape
    codes = [f"r{r:04d}" for r in range(regions)]
    frame = pl.DataFrame(
        {
            "region_code": np.repeat(codes, classes * quarters * 3),
            "category": np.tile(np.repeat([name for name, _, _ in CLASSES], quarters * 3), regions),
            "period_start": list(MONTHS) * (regions * classes),
            "n": monthly.ravel(),
        }
    ).filter(pl.col("n") > 0)
    return frame, region_tables(_regions(codes, truth.population), SETTINGS.levels)["kecamatan"]


def _regions(codes: list[str], population: Floats) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "region_code": codes, "level": "kecamatan", "parent_code": pl.Series([None] * len(codes), dtype=pl.String),
            "population": population.astype(int), "is_official": True,
        }
    )  # fmt: skip


def _agree(frame: pl.DataFrame, table: RegionTable, mean: Floats, posts: Goalposts, settings: IndexSettings) -> None:
    """What was measured is what `region_index` publishes: fails loudly where the two part."""
    if frame["period_start"].n_unique() < len(MONTHS):
        return  # a month without any event is no data to region_index, and the quarter is withheld
    severity = pl.DataFrame({"category": [c[0] for c in CLASSES], "weight_days": WEIGHTS, "counts_in_index": True})
    estimate = region_index(frame, _regions(list(table.codes), table.population), severity, settings).index
    last = estimate.filter((pl.col("period_start") == QUARTERS[-1][0]) & (pl.col("index_value").is_not_null()))
    codes = {code: r for r, code in enumerate(table.codes)}
    for code, value in last.select("region_code", "index_value").iter_rows():
        expected = float(posts.score(mean[[codes[code]], -1])[0])
        if abs(value - expected) > 0.051:
            raise RuntimeError(f"region_index gives {value} where level_harm gives {expected:.2f}: measure it anew")


def wilson(successes: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Wilson's 95 % interval of a share."""
    if n == 0:
        return 0.0, 1.0
    share = successes / n
    centre = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    return float(max(0.0, centre - half)), float(min(1.0, centre + half))
