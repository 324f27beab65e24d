"""Where an hour of patrol meets most citizen-reported harm: an aid to planning, never an order.

Areas are ranked by expected harm per patrol hour, from their own shrunk rates of citizen-reported events. What police
discover enters nothing: it would send patrols where patrols already are.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from estimation.panel import COUNT_COLUMNS, require_columns
from estimation.seeds import generator
from estimation.shrinkage import GammaPrior, clayton_kaldor

Floats = NDArray[np.float64]
PATROL_METHOD = "patrol-1"
MERGED_REASON = "gabungan kategori lain"

PATROL_SCHEMA: dict[str, pl.DataType] = {
    "region_code": pl.String(), "week_start": pl.Date(), "expected_harm": pl.Float64(), "harm_lower": pl.Float64(),
    "harm_upper": pl.Float64(), "patrol_hours": pl.Float64(), "harm_per_hour": pl.Float64(),
    "harm_per_hour_lower": pl.Float64(), "harm_per_hour_upper": pl.Float64(), "priority_rank": pl.Int64(),
    "rank_lower": pl.Int64(), "rank_upper": pl.Int64(), "reason": pl.String(), "capacity_share": pl.Float64(),
    "harm_share": pl.Float64(), "patrol_to_harm": pl.Float64(), "area_group": pl.String(),
    "scenario": pl.String(), "scenario_prevented_harm": pl.Float64(), "status": pl.String(),
    "method_version": pl.String(), "as_of": pl.Date(),
}  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """A published effect of patrols on reported harm: `reduction` (share), and the `source` it is taken from."""

    reduction: float
    source: str


@dataclass(frozen=True)
class PatrolSettings:
    """Settings of `patrol_priorities`.

    as_of: the city's clock; the plan is for the week after it. half_life_days: memory of the rates. window_days: how
    far back counts are read. severity: days of harm by category. excluded_categories: discovered by police.
    hidden_categories: sensitive ones, which count but are never named as a reason. smallest_count: events of the window
    below which an area is withheld. scenario: only with one is anything "prevented", and it is labelled with it.
    """

    as_of: date
    severity: dict[str, float]
    half_life_days: float = 182.0
    window_days: int = 730
    excluded_categories: frozenset[str] = frozenset()
    hidden_categories: frozenset[str] = frozenset()
    smallest_count: int = 8
    draws: int = 2000
    interval: float = 0.90
    seed: str = "telaga"
    scenario: Scenario | None = None
    method_version: str = PATROL_METHOD


def patrol_priorities(counts: pl.DataFrame, areas: pl.DataFrame, settings: PatrolSettings) -> pl.DataFrame:
    """Ranks areas by expected citizen-reported harm of the coming week per planned patrol hour; PATROL_SCHEMA.

    counts: region_code, period_start (day, week or month), category, n; an optional reported_by column keeps 'citizen'
        rows. areas: region_code, patrol_hours (planned a week; null or 0 where none are), optional area_group.

    Rank 1 is the most harm an hour. An area without planned hours has its harm and no rank ('tanpa rencana patroli');
    one with under `smallest_count` events is withheld. The interval is that of the rate, not of the week's luck. Raises
    ValueError for missing columns, a repeated area, or a category without severity.
    """
    require_columns(counts, COUNT_COLUMNS, "counts")
    require_columns(areas, ("region_code", "patrol_hours"), "areas")
    if areas["region_code"].n_unique() != areas.height:
        raise ValueError("areas holds a region_code more than once; it must have one row an area")
    if "reported_by" in counts.columns:
        counts = counts.filter(pl.col("reported_by") == "citizen")
    start = settings.as_of - timedelta(days=settings.window_days)
    counts = counts.with_columns(pl.col("period_start").cast(pl.Date)).filter(
        (pl.col("period_start") > start)
        & (pl.col("period_start") <= settings.as_of)
        & ~pl.col("category").is_in(list(settings.excluded_categories))
        & (pl.col("n") > 0)
    )
    unknown = set(counts["category"].unique()) - set(settings.severity)
    if unknown:
        raise ValueError(f"{len(unknown)} categories of the counts have no severity; add them")
    areas = areas.sort("region_code")
    categories = sorted(counts["category"].unique().to_list())
    if not categories or areas.is_empty():
        return pl.DataFrame(schema=PATROL_SCHEMA)
    remembered, weeks, total = _remembered(counts, areas["region_code"].to_list(), categories, settings)
    draws, mean = _harm(remembered, weeks, categories, areas["region_code"].to_list(), settings)
    return _rows(areas, categories, draws, mean, total, settings)


def _remembered(
    counts: pl.DataFrame, codes: list[str], categories: list[str], settings: PatrolSettings
) -> tuple[Floats, float, Floats]:
    """Counts [area, category] in which old ones fade, the weeks they stand for, and plain totals [area].

    Both are scaled so that a fading count varies as a Poisson count of its size does.
    """
    array, total = np.zeros((len(codes), len(categories))), np.zeros(len(codes))
    known = counts.filter(pl.col("region_code").is_in(codes))
    decay = 0.5 ** (1 / settings.half_life_days)
    age = np.array([(settings.as_of - day).days for day in known["period_start"].to_list()], dtype=float)
    place = {code: i for i, code in enumerate(codes)}
    rows = np.array([place[code] for code in known["region_code"]], dtype=int)
    columns = np.array([categories.index(category) for category in known["category"]], dtype=int)
    n = known["n"].to_numpy().astype(float)
    np.add.at(array, (rows, columns), n * decay**age)
    np.add.at(total, rows, n)
    begin: date = counts["period_start"].min()  # type: ignore[assignment]
    fading = decay ** np.arange((settings.as_of - begin).days + 1)
    scale = fading.sum() / (fading**2).sum()
    return array * scale, float(fading.sum() / 7 * scale), total


def _harm(
    remembered: Floats, weeks: float, categories: list[str], codes: list[str], settings: PatrolSettings
) -> tuple[Floats, Floats]:
    """Draws [draw, area] of harm a week, and its mean [area, category]."""
    mean = np.zeros(remembered.shape)
    draws = np.zeros((settings.draws, len(codes)))
    for c, category in enumerate(categories):
        expected = np.full(len(codes), max(remembered[:, c].mean(), 1e-9))
        prior = GammaPrior(1.0, 1.0) if len(codes) < 2 else clayton_kaldor(remembered[:, c], expected)
        shape, rate = remembered[:, c] + prior.shape, expected + prior.rate
        unit = settings.severity[category] * expected / weeks
        mean[:, c] = shape / rate * unit
        for a, code in enumerate(codes):
            # One stream an area and category: another area leaves these draws alone.
            gamma = generator(settings.seed, "patrol", code, category).standard_gamma(shape[a], settings.draws)
            draws[:, a] += gamma / rate[a] * unit[a]
    return draws, mean


def _rows(
    areas: pl.DataFrame, categories: list[str], draws: Floats, mean: Floats, total: Floats, settings: PatrolSettings
) -> pl.DataFrame:
    hours = areas["patrol_hours"].cast(pl.Float64).fill_null(0.0).to_numpy()
    tail = (1 - settings.interval) / 2
    harm = mean.sum(axis=1)
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0)
    shown = total >= settings.smallest_count
    ranked = np.flatnonzero(shown & (hours > 0))
    rank = {
        int(a): place + 1 for place, a in enumerate(ranked[np.argsort(-harm[ranked] / hours[ranked], kind="stable")])
    }
    drawn = np.argsort(np.argsort(-draws[:, ranked] / hours[ranked], axis=1, kind="stable"), axis=1) + 1
    first = np.quantile(drawn, tail, axis=0, method="lower") if ranked.size else np.empty(0)
    last = np.quantile(drawn, 1 - tail, axis=0, method="higher") if ranked.size else np.empty(0)
    bounds = {int(a): (int(first[i]), int(last[i])) for i, a in enumerate(ranked)}
    groups = areas["area_group"].to_list() if "area_group" in areas.columns else [None] * areas.height
    rows: list[dict[str, object]] = []
    for a, code in enumerate(areas["region_code"].to_list()):
        row: dict[str, object] = {
            "region_code": code, "week_start": settings.as_of + timedelta(days=1), "patrol_hours": float(hours[a]),
            "capacity_share": _ratio(hours[a], hours.sum()), "area_group": groups[a],
            "method_version": settings.method_version, "as_of": settings.as_of,
            "status": "published" if shown[a] and hours[a] > 0 else "tanpa rencana patroli" if shown[a] else "withheld",
        }  # fmt: skip
        if shown[a]:
            share = _ratio(harm[a], harm.sum())
            capacity = _ratio(hours[a], hours.sum())
            row |= {
                "expected_harm": harm[a], "harm_lower": low[a], "harm_upper": high[a], "harm_share": share,
                "patrol_to_harm": capacity / share if capacity is not None and share else None,
                "reason": _reason(mean[a], mean, categories, settings),
            }  # fmt: skip
            if settings.scenario is not None:
                row["scenario"] = (
                    f"skenario: pengurangan {settings.scenario.reduction:.0%} ({settings.scenario.source})"
                )
                row["scenario_prevented_harm"] = settings.scenario.reduction * harm[a]
        if a in rank:
            row |= {
                "harm_per_hour": harm[a] / hours[a], "harm_per_hour_lower": low[a] / hours[a],
                "harm_per_hour_upper": high[a] / hours[a], "priority_rank": rank[a],
                "rank_lower": min(bounds[a][0], rank[a]), "rank_upper": max(bounds[a][1], rank[a]),
            }  # fmt: skip
        rows.append(row)
    frame = pl.DataFrame(rows, schema=PATROL_SCHEMA, orient="row")
    numbers = [name for name, kind in PATROL_SCHEMA.items() if kind == pl.Float64()]
    return frame.with_columns(pl.col(numbers).round(3)).sort("priority_rank", "region_code", nulls_last=True)


def _ratio(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None


def _reason(own: Floats, mean: Floats, categories: list[str], settings: PatrolSettings) -> str:
    """The category that lifts the area furthest above the areas' mean; a sensitive one is not named."""
    excess = own - mean.mean(axis=0)
    # An area below the mean in everything is named by what weighs most in it.
    leading = int((excess if excess.max() > 0 else own).argmax())
    category = categories[leading]
    return MERGED_REASON if category in settings.hidden_categories else category
