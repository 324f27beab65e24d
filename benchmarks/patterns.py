"""Planted truth and false alarms: times of a modus, disturbances, and hotspots, over seeds with and without any."""

from __future__ import annotations

import argparse
import sys
from datetime import date, timedelta

import h3
import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.index import wilson
from benchmarks.report import Figure
from estimation.early_warning import WarningSettings, early_warnings
from estimation.patterns import DAY_NAMES, time_modus_patterns
from estimation.risk_surface import risk_surface
from estimation.seeds import generator
from estimation.settings import SurfaceSettings

SUMMARY = "planted patterns, disturbances and hotspots found, and false alarms where none are planted"
ENVIRONMENT = "main"

Floats = NDArray[np.float64]
BEGIN = date(2024, 1, 1)
DAYS = 728
AS_OF = BEGIN + timedelta(days=DAYS - 1)
JUDGED = 14
# Events of two years by modus, one of which is planted; the week's hours peak in the evening.
MODI = {"pecah kaca": 300, "rusak kunci": 900, "cungkil jendela": 700, "tanpa kekerasan": 1100}
PLANTED = ("pecah kaca", 4, 21, 24)
PLANTED_TIMES = 4.0
DISTURBANCE = 3.0
HOTSPOT_TIMES = 10.0
CITY = (-6.2, 106.8)


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seeds", type=int, default=50, help="seeds with and as many without (default 50)")


def run(arguments: argparse.Namespace) -> list[Figure]:
    if arguments.seeds < 1:
        raise SystemExit("patterns needs at least one seed")
    figures: list[Figure] = []
    for name, study in (("pattern", _pattern), ("disturbance", _disturbance), ("hotspot", _hotspot)):
        print(name, file=sys.stderr)
        with_truth = [study(seed, True) for seed in range(arguments.seeds)]
        without = [study(seed, False) for seed in range(arguments.seeds)]
        n = arguments.seeds
        found = sum(hit for hit, _, _ in with_truth)
        figures.append(Figure("", f"planted {name}: found", found / n, *wilson(found, n), n))
        for title, runs in (("beside a planted one", with_truth), ("none planted", without)):
            alarmed = sum(false > 0 for _, false, _ in runs)
            figures.append(Figure("", f"{name}, {title}: seeds with a false one", alarmed / n, *wilson(alarmed, n), n))
            false, judged = sum(run[1] for run in runs), sum(run[2] for run in runs)
            share = wilson(false, judged)
            figures.append(Figure("", f"{name}, {title}: false among all judged", false / judged, *share, judged))
    return figures + modus_figures()


def modus_figures() -> list[Figure]:
    """Terms of a modus in narratives written apart: right among those said, found among those that a reader sees, and
    the share of narratives that no term classifies."""
    from benchmarks.modus_gold import NARRATIVES
    from ingestion.minimise.narratives import extract

    made = extract([text for text, _ in NARRATIVES]).narratives
    said = [set(one.modus) if one else set() for one in made]
    seen = [set(modus.split()) for _, modus in NARRATIVES]
    right = sum(len(a & b) for a, b in zip(said, seen, strict=True))
    every, wanted, silent = sum(map(len, said)), sum(map(len, seen)), sum(not one for one in said)
    none = sum(not one for one in seen)
    precision, n = right / every, len(NARRATIVES)
    return [
        Figure(">= 0.85", "modus terms: precision", precision, *wilson(right, every), every, precision >= 0.85),
        Figure("", "modus terms: found of those a reader sees", right / wanted, *wilson(right, wanted), wanted),
        Figure("", "modus terms: unclassified share", silent / n, *wilson(silent, n), n),
        Figure("", "modus terms: share in which a reader sees none of the list", none / n, *wilson(none, n), n),
    ]


def _pattern(seed: int, planted: bool) -> tuple[bool, int, int]:
    """Found, false statements, statements judged: one kabupaten, four modi of one category."""
    rng = generator("bench-patterns", "pattern", seed)
    hours = np.exp(0.9 * np.cos(2 * np.pi * (np.arange(24) - 20) / 24))
    weekdays = np.array([1.0, 1, 1, 1, 1.2, 1.4, 1.2])
    usual = weekdays[:, None] * hours / (weekdays[:, None] * hours).sum()
    modus, weekday, first, last = PLANTED
    rows = []
    for name, total in MODI.items():
        mean = usual * total
        if planted and name == modus:
            mean[weekday, first:last] *= PLANTED_TIMES
        n = rng.poisson(mean)
        rows += [("3174", "theft", name, d, h, int(n[d, h])) for d in range(7) for h in range(24) if n[d, h]]
    schema = ["region_code", "category", "modus", "weekday", "hour", "n"]
    table = time_modus_patterns(pl.DataFrame(rows, schema=schema, orient="row"))
    hit, false = False, 0
    for row in table.filter(pl.col("is_unusual")).iter_rows(named=True):
        low, high = (int(part) for part in row["hour_band"].split("-"))
        # A merged band that holds the planted time is a true statement.
        overlap = low < last and high > first and _holds(row["weekday_band"], weekday)
        if planted and row["modus"] == modus and overlap:
            hit = True
        else:
            false += 1
    return hit, false, table.height


def _holds(band: str, weekday: int) -> bool:
    if band == "setiap hari":
        return True
    ends = [DAY_NAMES.index(name) for name in band.split(" - ")]
    return ends[0] <= weekday <= ends[-1]


def _disturbance(seed: int, planted: bool) -> tuple[bool, int, int]:
    """Ten regions of .3 to 12 events a day; three of the last days of one have three standard deviations more each."""
    rng = generator("bench-patterns", "disturbance", seed)
    means = np.exp(np.linspace(np.log(0.3), np.log(12), 10))
    day = np.arange(DAYS)
    shape = np.exp(0.3 * np.cos(2 * np.pi * day / 365.25)) * np.where(day % 7 >= 5, 1.3, 1.0)
    mean = means[:, None] * shape
    counts = rng.negative_binomial(mean / 0.3, 1 / 1.3).astype(float)
    where = int(rng.integers(10))
    start = DAYS - JUDGED + int(rng.integers(JUDGED - 3))
    if planted:
        counts[where, start : start + 3] += rng.poisson(DISTURBANCE * np.sqrt(1.3 * mean[where, start : start + 3]))
    dates = [BEGIN + timedelta(days=int(d)) for d in day]
    frame = pl.DataFrame(
        {
            "region_code": np.repeat([f"r{i}" for i in range(10)], DAYS), "category": "disorder",
            "period_start": dates * 10, "n": counts.astype(int).ravel(),
        }
    ).filter(pl.col("n") > 0)  # fmt: skip
    table = early_warnings(frame, WarningSettings(AS_OF, days=JUDGED, beside=False))
    signals = table.filter(pl.col("is_signal"))
    during = pl.col("period_start").is_between(dates[start], dates[start + 2]) & (pl.col("region_code") == f"r{where}")
    # The week after holds the disturbance in its totals: neither found nor false.
    after = pl.col("period_start").is_between(dates[start], dates[start] + timedelta(days=9))
    after = after & (pl.col("region_code") == f"r{where}")
    if not planted:
        return False, signals.height, table.height
    return signals.filter(during).height > 0, signals.filter(~after).height, table.filter(~after).height


def _hotspot(seed: int, planted: bool) -> tuple[bool, int, int]:
    """A disc of 169 cells with about 1,500 incidents in two years, one of them ten times as busy as its neighbours.

    Found: the lower bound of the cell's own relative risk is over twice the mean in the latest week. False: any other
    cell of which that is said.
    """
    rng = generator("bench-patterns", "hotspot", seed)
    cells = sorted(h3.grid_disk(h3.latlng_to_cell(*CITY, 9), 7))
    level = rng.gamma(4, 0.25, len(cells))
    where = int(rng.integers(len(cells)))
    truth = level / level.sum() * 1500
    if planted:
        truth[where] = HOTSPOT_TIMES * 1500 / len(cells)
    daily = rng.poisson(truth[:, None] / DAYS, (len(cells), DAYS))
    at = np.argwhere(daily > 0)
    frame = pl.DataFrame(
        {
            "h3_cell": [cells[c] for c, _ in at], "local_date": [BEGIN + timedelta(days=int(d)) for _, d in at],
            "hour_band": "18-24", "category": "theft", "n": [int(daily[c, d]) for c, d in at],
        }
    )  # fmt: skip
    surface = risk_surface(frame, cells, SurfaceSettings(AS_OF, weeks=1))
    own = surface.filter((pl.col("hour_band") == "all") & (pl.col("basis_cell") == pl.col("h3_cell")))
    said = set(own.filter(pl.col("risk_lower") > 2.0)["h3_cell"])
    # Cells that are in truth over twice the mean are no false ones.
    true = {cells[c] for c in np.flatnonzero(truth > 2 * truth.mean())}
    return planted and cells[where] in said, len(said - true), len(cells)
