"""What a city decides about its estimates."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from estimation.goalposts import Goalposts

INDEX_METHOD = "region-index-2"
SURFACE_METHOD = "risk-surface-1"


@dataclass(frozen=True)
class Dimension:
    """One outcome of the index: `name` 'crime' is fed by incidents, 'disorder' by calls; weights are scaled to 1."""

    name: str
    weight: float = 1.0


@dataclass(frozen=True)
class IndexSettings:
    """Settings of `region_index`; the defaults are those of the method paper.

    as_of: the city's clock; only periods whose last day is not after it are estimated.
    base_from, base_to: base period (whole months, both included); goalposts come from it alone.
    levels: keys of the levels, coarse to fine. index_level: the level whose regions set the goalposts.
    quarter_only_levels: levels too fine for a month (desa).
    period_types: 'month', 'quarter'.
    dimensions: declared outcomes; one without data withholds the value.
    sensitivity_tables: columns of the severity frame with tables beside weight_days; 'equal' is always added.
    goalposts: frozen goalposts by dimension; None computes them from the base period.
    sensitive_categories: named in components only at `sensitive_levels` x quarter, elsewhere merged.
    worst_k: size of "the worst k"; None takes a tenth of the ranked regions, at least 1.
    provisional_months: how many latest months are provisional where no revisions are given.
    """

    as_of: date
    base_from: date
    base_to: date
    levels: tuple[str, ...]
    index_level: str
    quarter_only_levels: tuple[str, ...] = ()
    period_types: tuple[str, ...] = ("month", "quarter")
    dimensions: tuple[Dimension, ...] = (Dimension("crime"),)
    sensitivity_tables: tuple[str, ...] = ("penalty_days", "harm_index_days")
    goalposts: dict[str, Goalposts] | None = None
    sensitive_categories: frozenset[str] = frozenset()
    sensitive_levels: tuple[str, ...] = ()
    require_official_population: bool = True
    draws: int = 2000
    interval: float = 0.90
    rse_starred: float = 0.25
    rse_withheld: float = 0.50
    worst_k: int | None = None
    provisional_months: int = 2
    revision_limit: float = 0.05
    minimum_day_coverage: float = 0.90
    goalpost_tail: float = 0.10
    goalpost_margin: float = 2.0
    decimals: int = 1
    seed: str = "telaga"
    method_version: str = INDEX_METHOD


@dataclass(frozen=True)
class SurfaceSettings:
    """Settings of `risk_surface`.

    as_of: the city's clock; counts after it are ignored. weeks: how many latest weeks (Monday to Sunday, the last one
    holding the day after as_of) are estimated, each from the days before it only.
    window_days: history a week may use, and the window of the 20-incident rule.
    half_life_days: memory of the long part; None mixes several, by fitted shares. recent_half_life_days: of the recent.
    near_rings, near_days: reach of the near-repeat part in rings of cells and days.
    minimum_count: citizen-reported incidents of its band a cell needs in its window, else its parent's value is used.
    coarsest_resolution: where the walk up ends; the cells without a basis there have the mean of them all.
    excluded_categories: categories that never make a hotspot (discovered by police).
    """

    as_of: date
    weeks: int = 4
    window_days: int = 730
    half_life_days: float | None = None
    recent_half_life_days: float = 28.0
    near_rings: int = 2
    near_days: int = 21
    minimum_count: int = 20
    coarsest_resolution: int = 5
    interval: float = 0.90
    excluded_categories: frozenset[str] = frozenset()
    bands: tuple[str, ...] = ("00-06", "06-12", "12-18", "18-24")
    method_version: str = SURFACE_METHOD
