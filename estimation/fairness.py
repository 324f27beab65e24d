"""Does the map follow harm or the police? Shares by area group, persistence, reporting, and the feedback of patrols.

Sources: Ensign et al. 2018 (an urn that learns from what patrols discover runs away), Akpinar et al. 2021 (unequal
reporting moves hotspots). All functions take citizen-reported and discovered events apart and never add them up but
where they show what would happen if one did.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from estimation.panel import require_columns
from estimation.seeds import generator
from estimation.shrinkage import marshall

Floats = NDArray[np.float64]
Score = Callable[[Floats], Floats]
FAIRNESS_METHOD = "fairness-1"

FAIRNESS_SCHEMA: dict[str, pl.DataType] = {
    "area_group": pl.String(), "regions": pl.Int64(), "patrol_share": pl.Float64(), "harm_share": pl.Float64(),
    "patrol_to_harm": pl.Float64(), "patrol_to_harm_lower": pl.Float64(), "patrol_to_harm_upper": pl.Float64(),
    "discovered_share": pl.Float64(), "discovered_share_lower": pl.Float64(), "discovered_share_upper": pl.Float64(),
    "method_version": pl.String(),
}  # fmt: skip


def area_group_shares(
    areas: pl.DataFrame, seed: str = "telaga", draws: int = 2000, interval: float = 0.90
) -> pl.DataFrame:
    """Patrol share against harm share, and the share of discovered records, of each area group; FAIRNESS_SCHEMA.

    areas: one row a region: region_code, area_group (a fifth of poverty, say), patrol_hours, reported_n and
        reported_harm (citizen-reported events and their days of harm), discovered_n (by officers and cameras).

    `patrol_to_harm` is 1 where a group is patrolled as its reported harm would have it. Its interval is the sampling
    error of the harm: each region's count is drawn from its gamma posterior with its own mean harm an event. A share or
    ratio over nothing is null. Raises ValueError for missing columns.
    """
    needed = ("region_code", "area_group", "patrol_hours", "reported_n", "reported_harm", "discovered_n")
    require_columns(areas, needed, "areas")
    areas = areas.sort("region_code")
    groups = areas["area_group"].unique().sort().to_list()
    member = np.stack([(areas["area_group"] == group).to_numpy() for group in groups]).astype(float)
    hours, n, harm, found = (areas[name].cast(pl.Float64).fill_null(0).to_numpy() for name in needed[2:])
    drawn = generator(seed, "fairness").standard_gamma(n + 0.5, (draws, areas.height)) * (harm / np.maximum(n, 1))
    tail = (1 - interval) / 2
    rows = []
    for g, group in enumerate(groups):
        patrol = _share(member[g] @ hours, hours.sum())
        own = _share(member[g] @ harm, harm.sum())
        ratio = patrol / own if patrol is not None and own else None
        low, high = (None, None)
        if ratio is not None and patrol is not None:
            shares = np.maximum(drawn @ member[g], 1e-12) / drawn.sum(axis=1)
            low, high = np.quantile(patrol / shares, [tail, 1 - tail])
        seen, all_records = member[g] @ found, member[g] @ (found + n)
        bounds = _beta_interval(seen, all_records, tail)
        rows.append((group, int(member[g].sum()), patrol, own, ratio, low, high, _share(seen, all_records), *bounds))
    frame = pl.DataFrame(rows, schema=list(FAIRNESS_SCHEMA)[:-1], orient="row", infer_schema_length=None)
    numbers = [name for name, kind in FAIRNESS_SCHEMA.items() if kind == pl.Float64()]
    frame = frame.with_columns(pl.col(numbers).cast(pl.Float64).round(3), method_version=pl.lit(FAIRNESS_METHOD))
    return frame.cast(FAIRNESS_SCHEMA)  # type: ignore[arg-type]


def _share(part: float, whole: float) -> float | None:
    return float(part / whole) if whole > 0 else None


def _beta_interval(part: float, whole: float, tail: float) -> tuple[float | None, float | None]:
    """Jeffreys interval of a share of counts."""
    from scipy.stats import beta

    if whole <= 0:
        return None, None
    low, high = beta.ppf([tail, 1 - tail], part + 0.5, whole - part + 0.5)
    return float(low), float(high)


@dataclass(frozen=True)
class Persistence:
    """How much of the top stays the top. `overlap` [period - 1]: share of a period's top cells that were the period
    before's; `by_chance` what equal cells would show; `concentration` [period] share of events in the top cells."""

    overlap: Floats
    by_chance: float
    concentration: Floats


def persistence_of_top(counts: Floats, share: float = 0.05) -> Persistence:
    """Of `counts` [period, cell]; the top is the `share` of cells with the most, at least one, ties to the earlier."""
    cells = counts.shape[1]
    size = max(1, round(share * cells))
    top = np.argsort(-counts, axis=1, kind="stable")[:, :size]
    inside = np.zeros(counts.shape, dtype=bool)
    np.put_along_axis(inside, top, True, axis=1)
    overlap = (inside[1:] & inside[:-1]).sum(axis=1) / size
    total = np.maximum(counts.sum(axis=1), 1e-12)
    return Persistence(overlap, size / cells, (counts * inside).sum(axis=1) / total)


@dataclass(frozen=True)
class Movement:
    """How far ranks move when reporting changes. `rank_shift` [region] mean places moved, `lower` and `upper` [region]
    ranks that 90 % of draws lie in (1 the most harm), `kept` mean share of the worst tenth that stays it, `correlation`
    mean rank correlation with the map as it is."""

    rank_shift: Floats
    lower: Floats
    upper: Floats
    kept: float
    correlation: float


def shrunk_harm(exposure: Floats, weights: Floats) -> Score:
    """The score of a map: Marshall's shrunk rates by category, weighed. [region, category] -> [region]."""

    def score(counts: Floats) -> Floats:
        rates = np.stack([marshall(counts[:, c], exposure) for c in range(counts.shape[1])], axis=1)
        return rates @ weights

    return score


def movement_under_reporting(
    counts: Floats, score: Score, *, low: float = 0.7, high: float = 1.3, draws: int = 1000, seed: str = "telaga"
) -> Movement:
    """Ranks when each region and category reports `low` to `high` of what it does: `counts` [region, category]."""
    factors = generator(seed, "reporting").uniform(low, high, (draws, *counts.shape))
    return _movement(counts, score, factors)


def movement_under_factors(counts: Floats, score: Score, factors: Floats) -> Movement:
    """Ranks when each region reports `factors` [region] of what it does: the poorest fifth .7, the richest 1.3, say."""
    return _movement(counts, score, np.broadcast_to(factors[None, :, None], (1, *counts.shape)))


def _movement(counts: Floats, score: Score, factors: Floats) -> Movement:
    before = _ranks(score(counts))
    size = max(1, round(0.1 * len(before)))
    after = np.stack([_ranks(score(counts * factor)) for factor in factors])
    kept = ((after <= size) & (before <= size)).sum(axis=1) / size
    correlation = [np.corrcoef(before, ranks)[0, 1] if len(before) > 1 else 1.0 for ranks in after]
    low, high = np.quantile(after, [0.05, 0.95], axis=0)
    return Movement(np.abs(after - before).mean(axis=0), low, high, float(kept.mean()), float(np.mean(correlation)))


def _ranks(score: Floats) -> Floats:
    return (np.argsort(np.argsort(-score, kind="stable"), kind="stable") + 1).astype(float)


def records_against_calls(regions: pl.DataFrame, limit: float = 2.58) -> pl.DataFrame:
    """Regions whose records fall while their calls do not: reporting or recording may have changed, not crime.

    regions: region_code, records_before, records_now, calls_before, calls_now (counts of two like periods). Adds
    records_change and calls_change (log ratios), score (how many standard errors records fell behind calls) and
    is_falling_apart (score above `limit`, records fell, calls did not fall by as much as a tenth).
    """
    names = ("records_before", "records_now", "calls_before", "calls_now")
    require_columns(regions, ("region_code", *names), "regions")
    counts = {name: pl.col(name).cast(pl.Float64) + 0.5 for name in names}
    error = sum((1 / count for count in counts.values()), pl.lit(0.0)).sqrt()
    records = (counts["records_now"] / counts["records_before"]).log()
    calls = (counts["calls_now"] / counts["calls_before"]).log()
    changed = regions.with_columns(
        records_change=records.round(3), calls_change=calls.round(3), score=((calls - records) / error).round(2)
    )
    falling = (pl.col("score") > limit) & (pl.col("records_change") < 0) & (pl.col("calls_change") > -0.1)
    return changed.with_columns(is_falling_apart=falling)


@dataclass(frozen=True)
class UrnSettings:
    """The replay of Ensign et al.: areas alike in truth, a patrol that goes where the forecast says.

    reported, discovered: events an area and week at an even patrol. mislabelled: share of discovered events recorded
    as reported. reporting_gain: by how much reports rise where the patrol doubles. attraction: patrol share is the
    forecast to this power (1 in proportion, 2 towards the hotspots). memory_weeks: half-life of the forecast's memory.

    A forecast runs away where attraction x (share of what it sees that follows the patrol) is over 1: with the defaults
    2 x 20 / 30 = 1.33 when discovered events are let in, 2 x (2 + 2) / 12 = 0.67 when they are not.
    """

    areas: int = 2
    weeks: int = 520
    reported: float = 10.0
    discovered: float = 20.0
    mislabelled: float = 0.10
    reporting_gain: float = 0.2
    attraction: float = 2.0
    memory_weeks: float = 26.0


def urn_replay(settings: UrnSettings, *, discovered_in: bool, seed: int, forecast: Score | None = None) -> Floats:
    """Patrol shares [week, area] when forecasts and patrols feed each other from an even start.

    The forecast sees reported events (with those mislabelled among them); with `discovered_in` all discovered ones
    too. `forecast` turns remembered counts [area] into expected ones; the default takes them as they are, the worst
    case: shrinkage damps the loop, and would hide what is let in.
    """
    rng = generator("urn", seed)
    decay = 0.5 ** (1 / settings.memory_weeks)
    # A memory as full as it will ever be, of areas that are alike.
    remembered = np.full(settings.areas, settings.reported / (1 - decay))
    shares = np.empty((settings.weeks, settings.areas))
    for week in range(settings.weeks):
        expected = remembered if forecast is None else forecast(remembered)
        pull = np.maximum(expected, 1e-9) ** settings.attraction
        shares[week] = pull / pull.sum()
        presence = shares[week] * settings.areas
        reported = rng.poisson(settings.reported * np.maximum(1 + settings.reporting_gain * (presence - 1), 0))
        discovered = rng.poisson(settings.discovered * presence)
        mislabelled = rng.binomial(discovered, settings.mislabelled)
        seen = reported + (discovered if discovered_in else mislabelled)
        remembered = decay * remembered + seen
    return shares


def has_diverged(shares: Floats, limit: float = 1.5) -> bool:
    """Did one of equal areas hold more than `limit` times its even share of the patrol over the last tenth?"""
    last = shares[-max(1, len(shares) // 10) :].mean(axis=0)
    return bool(last.max() * shares.shape[1] > limit)
