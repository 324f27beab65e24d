"""Fairness: how far map and ranks move when reporting changes, and whether forecasts and patrols run away together."""

from __future__ import annotations

import argparse
import sys

import numpy as np

from benchmarks.index import CLASSES, WEIGHTS, draw_truth, wilson
from benchmarks.report import Figure
from estimation.fairness import (
    Floats,
    Movement,
    Score,
    UrnSettings,
    has_diverged,
    movement_under_factors,
    movement_under_reporting,
    persistence_of_top,
    shrunk_harm,
    urn_replay,
)
from estimation.seeds import generator
from estimation.shrinkage import marshall

SUMMARY = "movement under changed reporting, persistence of the top, and the urn replay of Ensign et al."
ENVIRONMENT = "main"
CITIES = ((30, 20), (30, 200), (100, 20), (100, 200))


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--replays", type=int, default=200, help="urn replays a variant (default 200)")
    parser.add_argument("--draws", type=int, default=1000, help="draws of reporting a city (default 1000)")


def run(arguments: argparse.Namespace) -> list[Figure]:
    if arguments.replays < 1 or arguments.draws < 1:
        raise SystemExit("fairness needs at least one replay and one draw")
    figures = _urns(arguments.replays)
    for regions, expected in CITIES:
        print(f"city of {regions} regions, {expected} expected events", file=sys.stderr)
        figures += _reporting(regions, expected, arguments.draws)
    return figures


def _urns(replays: int) -> list[Figure]:
    """Equal true rates, 10 % of discovered events mislabelled as reported, reports rising with patrol."""
    two, ten = UrnSettings(), UrnSettings(areas=10)
    quiet, loud = "no replay diverges", "over .95 of the replays diverge: the test can fail"
    variants: tuple[tuple[str, UrnSettings, bool, Score | None, str], ...] = (
        ("citizen-reported only", two, False, None, quiet),
        ("citizen-reported only, ten areas", ten, False, None, quiet),
        ("citizen-reported only, shrunk rates", two, False, _shrunk, quiet),
        ("discovered let in", two, True, None, loud),
        ("discovered let in, ten areas", ten, True, None, loud),
        ("discovered let in, shrunk rates", two, True, _shrunk, ""),
    )
    figures = []
    for name, settings, discovered_in, forecast, aim in variants:
        runs = [
            urn_replay(settings, discovered_in=discovered_in, seed=seed, forecast=forecast) for seed in range(replays)
        ]
        count = sum(has_diverged(shares) for shares in runs)
        share = count / replays
        met = None if not aim else share >= 0.95 if discovered_in else count == 0
        figures.append(Figure(aim, f"urn, {name}: share that diverged", share, *wilson(count, replays), replays, met))
        largest = [shares[-52:].mean(axis=0).max() * settings.areas for shares in runs]
        low, high = np.quantile(largest, [0.025, 0.975])
        cell = f"urn, {name}: patrol of the most patrolled of equal areas (1 is even)"
        figures.append(Figure("", cell, float(np.mean(largest)), float(low), float(high), replays))
    return figures


def _shrunk(counts: Floats) -> Floats:
    return marshall(counts, np.ones(len(counts)))


def _reporting(regions: int, expected: int, draws: int) -> list[Figure]:
    rng = generator("bench-fairness", regions, expected)
    truth = draw_truth(regions, expected, "lognormal", rng)
    counts = rng.poisson(truth.rates * truth.exposure[:, None, :]).astype(float)
    score = shrunk_harm(truth.exposure[:, -1], WEIGHTS)
    now = counts[:, :, -1]
    # Fifths by a standing that has nothing to do with the true rates: what moves is reporting alone.
    fifth = np.argsort(np.argsort(rng.random(regions))) * 5 // regions
    factors = np.where(fifth == 0, 0.7, np.where(fifth == 4, 1.3, 1.0))
    unequal = movement_under_factors(now, score, factors)
    cell = f"{regions} regions, {expected} expected"
    top = persistence_of_top(np.moveaxis(counts, 2, 0) @ np.ones(len(CLASSES)), share=0.1)
    shift = np.array([score(now * factors[:, None])[fifth == f].sum() / score(now)[fifth == f].sum() for f in (0, 4)])
    return [
        *_moved(f"{cell}, reporting .7 - 1.3", movement_under_reporting(now, score, draws=draws), draws),
        *_moved(f"{cell}, poorest fifth - 30 %, richest + 30 %", unequal, 1),
        Figure("", f"{cell}: harm of the poorest fifth falls to", float(shift[0]), None, None, regions),
        Figure("", f"{cell}: harm of the richest fifth rises to", float(shift[1]), None, None, regions),
        Figure("", f"{cell}: top tenth that stays the top ({top.by_chance:.2f} by chance)", float(top.overlap.mean())),
        Figure("", f"{cell}: events in the top tenth of regions", float(top.concentration.mean())),
    ]


def _moved(cell: str, moved: Movement, draws: int) -> list[Figure]:
    return [
        Figure("", f"{cell}: places a region moves", float(moved.rank_shift.mean()), None, None, draws),
        Figure("", f"{cell}: furthest region moves", float(moved.rank_shift.max()), None, None, draws),
        Figure("", f"{cell}: worst tenth that stays it", moved.kept, None, None, draws),
        Figure("", f"{cell}: rank correlation with the map as it is", moved.correlation, None, None, draws),
    ]
