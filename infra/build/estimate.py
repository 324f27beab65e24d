"""Statistics judge: aggregates in, estimates out, both Delta tables. The methods themselves live in estimation/."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING

from infra.build.cells import city_cells, drawn
from infra.build.export import store
from infra.build.lineage import readable
from infra.build.settings import BuildFailed, BuildSettings, ModelResult, Pins

if TYPE_CHECKING:
    import polars as pl

    from estimation.settings import IndexSettings, SurfaceSettings

# Columns and types of the estimates, as the marts read them.
ESTIMATES: dict[str, dict[str, str]] = {
    "region_index": {
        "region_code": "string",
        "period_type": "string",
        "period_start": "date",
        "index_value": "number",
        "index_lower": "number",
        "index_upper": "number",
        "sensitivity_lower": "number",
        "sensitivity_upper": "number",
        "change_previous": "number",
        "change_previous_lower": "number",
        "change_previous_upper": "number",
        "change_year": "number",
        "rank_lower": "integer",
        "rank_upper": "integer",
        "p_among_worst": "number",
        "group_label": "string",
        "status": "string",
        "status_reason": "string",
        "method_version": "string",
    },
    "region_index_components": {
        "region_code": "string",
        "period_type": "string",
        "period_start": "date",
        "dimension": "string",
        "category_group": "string",
        "category_group_title": "string",
        "share_points": "number",
    },
    "region_index_goalposts": {
        "dimension": "string",
        "best": "number",
        "worst": "number",
        "unit": "string",
        "base_from": "date",
        "base_to": "date",
        "method_version": "string",
    },
    "risk_surface": {
        "h3_cell": "string",
        "week_start": "date",
        "hour_band": "string",
        "relative_risk": "number",
        "risk_lower": "number",
        "risk_upper": "number",
        "basis_cell": "string",
        "basis_resolution": "integer",
        "area_rank_percent": "number",
        "status": "string",
        "method_version": "string",
    },
    "city_cells": {
        "h3_cell": "string",
        "resolution": "integer",
        "region_code": "string",
        "boundary_json": "string",
    },
    "early_warnings": {
        "region_code": "string",
        "kind": "string",
        "category_group": "string",
        "category_group_title": "string",
        "period_type": "string",
        "period_start": "date",
        "period_end": "date",
        "window_days": "integer",
        "observed": "integer",
        "expected": "number",
        "bound": "number",
        "is_signal": "boolean",
        "level": "string",
        "driver": "string",
        "driver_part": "string",
        "other_methods": "string",
        "method_version": "string",
    },
    "patrol_priorities": {
        "region_code": "string",
        "week_start": "date",
        "expected_harm": "number",
        "harm_lower": "number",
        "harm_upper": "number",
        "patrol_hours": "number",
        "harm_per_hour": "number",
        "harm_per_hour_lower": "number",
        "harm_per_hour_upper": "number",
        "priority_rank": "integer",
        "rank_lower": "integer",
        "rank_upper": "integer",
        "reason": "string",
        "capacity_share": "number",
        "harm_share": "number",
        "patrol_to_harm": "number",
        "area_group": "string",
        "status": "string",
        "method_version": "string",
    },
    "pattern_time_modus": {
        "region_code": "string",
        "category": "string",
        "modus": "string",
        "weekday_band": "string",
        "weekday_from": "integer",
        "weekday_to": "integer",
        "hour_band": "string",
        "hour_from": "integer",
        "hour_to": "integer",
        "observed": "number",
        "expected": "number",
        "ratio": "number",
        "is_unusual": "boolean",
        "method_version": "string",
    },
    "index_fairness": {
        "measure": "string",
        "subject": "string",
        "value": "number",
        "value_lower": "number",
        "value_upper": "number",
        "reference": "number",
        "is_flagged": "boolean",
        "status_reason": "string",
        "method_version": "string",
    },
}

MERGED_TITLE = "Gabungan kelompok kecil"

# A release must stay small enough for a map: weeks and share of the area (percent, riskiest first) that are shown,
# from the whole city for four weeks down to its riskiest hundredth for one; the first that fits is taken.
SHOWN = ((4, 100), (4, 50), (4, 25), (4, 10), (2, 10), (1, 10), (1, 5), (1, 2), (1, 1))
MOST_ROWS = 60_000


def estimate(settings: BuildSettings, pins: Pins) -> list[ModelResult]:
    """Index, risk surface and what helps to plan, from the aggregates in the lake; returns a line an estimate.

    Raises BuildFailed when an aggregate is missing.
    """
    from infra.build import planning

    frames: dict[str, pl.DataFrame] = {}
    seconds: dict[str, float] = {}
    makers = (
        index_frames,
        partial(surface_frames, pins=pins),
        planning.warning_frames,
        planning.patrol_frames,
        planning.pattern_frames,
        planning.fairness_frames,
    )
    for make in makers:
        started = time.monotonic()
        made = make(settings)
        frames |= made
        # What is made together took this long together.
        seconds |= dict.fromkeys(made, round(time.monotonic() - started, 2))
    results = []
    for name, columns in ESTIMATES.items():
        frame = frames[name].select(list(columns))
        written = store(settings, "estimates", name, frame, pins)
        results.append(ModelResult(name, "success", seconds[name], written.rows, written.version))
    return results


def aggregate(settings: BuildSettings, name: str) -> pl.DataFrame:
    """One aggregate as the first dbt run left it in the lake."""
    try:
        return settings.lake.read("aggregates", name).collect()
    except FileNotFoundError:
        raise BuildFailed(f"aggregate {name} is missing: clear the task count and run it again") from None


def reference(settings: BuildSettings) -> pl.DataFrame:
    """The reference categories, as the seed says."""
    import polars as pl

    path = settings.project_dir / "seeds" / "reference_category.csv"
    return pl.read_csv(path, schema_overrides={"iccs_code": pl.String})


@dataclass(frozen=True)
class IndexInputs:
    """All that an index is made of: aggregates (as the first dbt run left them), categories, and what the city decides.
    `calls` is None where the city has none."""

    incidents: pl.DataFrame
    completeness: pl.DataFrame
    regions: pl.DataFrame
    calls: pl.DataFrame | None
    categories: pl.DataFrame
    settings: IndexSettings


def index_inputs(settings: BuildSettings) -> IndexInputs:
    """What this build's index is made of."""
    completeness = aggregate(settings, "int_incidents__completeness")
    return IndexInputs(
        aggregate(settings, "int_incidents__region_day"),
        completeness,
        aggregate(settings, "int_regions"),
        aggregate(settings, "int_calls__region_day"),
        reference(settings),
        index_settings(settings, completeness),
    )


def index_frames(settings: BuildSettings) -> dict[str, pl.DataFrame]:
    """The region index, its parts and its goalposts, each with the columns of ESTIMATES."""
    return index_of(index_inputs(settings))


def index_of(inputs: IndexInputs) -> dict[str, pl.DataFrame]:
    """The region index, its parts and its goalposts, of this build's inputs or of those kept with a release."""
    import polars as pl

    from estimation.index import region_index
    from estimation.protection import MERGED, protected

    categories = inputs.categories
    found = region_index(
        _dated(inputs.incidents).select("region_code", "period_start", "category", "reported_by", "n"),
        inputs.regions.select(
            "region_code", "level", "parent_code", "population", is_official="population_is_official"
        ),
        categories.select("category", "counts_in_index", "category_group", "penalty_days", weight_days="severity_days"),
        inputs.settings,
        calls=_disorder_calls(inputs.calls),
        completeness=inputs.completeness.filter(pl.col("period_type") == "month").select(
            "period_start", completeness=pl.col("located_share").cast(pl.Float64)
        ),
    )
    told, parts = protected(found.index, found.components)
    titles = categories.select("category_group", category_group_title="group_name_id").unique(maintain_order=True)
    titles = titles.extend(pl.DataFrame([(MERGED, MERGED_TITLE)], schema=titles.schema, orient="row"))
    components = parts.join(titles, on="category_group", how="left", maintain_order="left").with_columns(
        pl.coalesce("category_group_title", "category_group").alias("category_group_title")
    )
    index = told.with_columns(
        status_reason=pl.col("status_reason").str.slice(0, 1).str.to_uppercase() + pl.col("status_reason").str.slice(1)
    )
    return {
        "region_index": index,
        "region_index_components": components,
        "region_index_goalposts": found.goalposts,
    }


def index_settings(settings: BuildSettings, completeness: pl.DataFrame) -> IndexSettings:
    """What the city decides about its index; without a stated base period, its first twelve months with data."""
    from estimation.settings import Dimension, IndexSettings

    city = settings.city
    keys = city.level_keys
    stated = city.index.get("dimensions") or [{"name": "crime"}]
    first, last = base_period(settings, completeness)
    return IndexSettings(
        as_of=settings.as_of,
        base_from=first,
        base_to=last,
        levels=keys,
        index_level=city.index_level,
        quarter_only_levels=keys[keys.index(city.index_level) + 1 :],
        dimensions=tuple(Dimension(str(d["name"]), float(d.get("weight", 1))) for d in stated),
        sensitivity_tables=("penalty_days",),
        sensitive_categories=city.sensitive_categories,
        # The one level whose numbers are large enough to name a sensitive category: the second, as kabupaten are.
        sensitive_levels=keys[min(2, max(1, len(keys) - 1)) - 1 :][:1],
    )


def base_period(settings: BuildSettings, completeness: pl.DataFrame) -> tuple[date, date]:
    """First and last day (both included) of the base period."""
    import polars as pl

    if settings.city.base_period is not None:
        first, end = settings.city.base_period
        return first, end - timedelta(days=1)
    months = (
        completeness.filter((pl.col("period_type") == "month") & pl.col("is_covered"))["period_start"].sort().to_list()
    )[:12]
    if not months:
        # No month is complete: every value will be withheld for want of a base period.
        return settings.as_of.replace(day=1), settings.as_of
    return months[0], (months[-1].replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


def _disorder_calls(calls: pl.DataFrame | None) -> pl.DataFrame | None:
    """Calls about disorder, None where the city has none: a declared dimension without data withholds the value."""
    import polars as pl

    if calls is None:
        return None
    calls = calls.filter(pl.col("category") == "disorder")
    return _dated(calls).select("region_code", "period_start", "category", "n") if calls.height else None


def _dated(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.rename({"local_date": "period_start"})


def surface_frames(settings: BuildSettings, pins: Pins) -> dict[str, pl.DataFrame]:
    """The risk surface and the cells it is drawn with, each with the columns of ESTIMATES."""
    import polars as pl

    from estimation.risk_surface import risk_surface

    regions = readable(settings, pins, "region", ["region_code", "level", "boundary_wkb"])
    finest = regions.filter(pl.col("level") == settings.city.level_keys[-1]).select("region_code", "boundary_wkb")
    cells = city_cells(finest.collect(), settings.city.h3_resolution)
    counted = set(reference(settings).filter("counts_in_index")["category"]) - settings.city.discovered_categories
    counts = aggregate(settings, "int_incidents__cell_day").filter(pl.col("category").is_in(sorted(counted)))
    surface = risk_surface(counts, cells["h3_cell"].to_list(), surface_settings(settings, cells.height))
    shown = shown_rows(surface)
    return {"risk_surface": shown, "city_cells": drawn(cells, shown["h3_cell"].unique().to_list())}


def surface_settings(settings: BuildSettings, cells: int) -> SurfaceSettings:
    """The surface of a city of so many cells. Weeks that could not be shown are not estimated: each week of a large
    city costs seconds and hundreds of megabytes."""
    from estimation.settings import SurfaceSettings

    surface = SurfaceSettings(as_of=settings.as_of, excluded_categories=settings.city.discovered_categories)
    a_week = cells * (1 + len(surface.bands))  # the whole day, and each band of hours
    fitting = (weeks for weeks, percent in SHOWN if weeks * a_week * percent / 100 <= MOST_ROWS)
    return replace(surface, weeks=min(settings.surface_weeks, next(fitting, 1)))


def shown_rows(surface: pl.DataFrame, most: int = MOST_ROWS) -> pl.DataFrame:
    """The latest weeks and riskiest share of the area that fit into `most` rows, by SHOWN.

    Rows without a rank (a withheld map) count as part of the whole city. Raises ValueError if even the least is more.
    """
    import polars as pl

    weeks = surface["week_start"].unique().sort(descending=True).to_list()
    for number, percent in SHOWN:
        inside = pl.col("week_start").is_in(weeks[:number])
        if percent < 100:
            inside &= pl.col("area_rank_percent") <= percent
        chosen = surface.filter(inside)
        if chosen.height <= most:
            return chosen
    raise ValueError(f"the riskiest hundredth of the city has more than {most} rows; set a coarser h3_resolution")
