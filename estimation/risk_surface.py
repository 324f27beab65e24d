"""Relative risk of H3 cells by week and band of hours, from citizen-reported incidents.

The expectation of a cell comes from `hotspots`: long memory, decay and near repeats, with shares fitted on past weeks.
A value is shown at the finest cell that has enough incidents in its window, so that none rests on a handful of people.
Risk is relative to the mean of the city's cells and hours: 1 in every week, the same unit for every band.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import numpy as np
import polars as pl

from estimation.h3_cells import CityCells
from estimation.hotspots import Events, Floats, Forecast, HotspotModel, Integers, fit, forecast, rate_interval
from estimation.panel import require_columns
from estimation.settings import SurfaceSettings

SURFACE_SCHEMA: dict[str, pl.DataType] = {
    "h3_cell": pl.String(), "week_start": pl.Date(), "hour_band": pl.String(), "relative_risk": pl.Float64(),
    "risk_lower": pl.Float64(), "risk_upper": pl.Float64(), "basis_cell": pl.String(), "basis_resolution": pl.Int64(),
    "area_rank_percent": pl.Float64(), "status": pl.String(), "method_version": pl.String(),
}  # fmt: skip
COLUMNS = ("h3_cell", "local_date", "hour_band", "category", "n")
ALL_DAY = "all"
DECIMALS = 2


def risk_surface(counts: pl.DataFrame, cells: list[str], settings: SurfaceSettings) -> pl.DataFrame:
    """The risk surface, SURFACE_SCHEMA: one row a cell, week and band of hours (and 'all').

    counts: h3_cell, local_date, hour_band, category, n: citizen-reported incidents; those outside `cells` and of
        `settings.excluded_categories` enter nothing.
    cells: the city's cells, all of one resolution.

    Weeks end where the counts do: where the latest count lies before `settings.as_of`, its day is the clock. A row
    whose cell has under `settings.minimum_count` incidents of its band in the window has the mean of the finest parent
    that has as many (`basis_cell`), else the mean of all cells without such a parent (`basis_cell` null), else no value
    ('withheld'). `area_rank_percent` is the share of the city's cells with this relative risk or a higher one.
    Without any count the frame is empty. Raises ValueError for missing columns or cells of several resolutions.
    """
    require_columns(counts, COLUMNS, "counts")
    known = counts.filter(
        pl.col("h3_cell").is_in(cells)
        & ~pl.col("category").is_in(sorted(settings.excluded_categories))
        & (pl.col("local_date") <= settings.as_of)
        & (pl.col("n") > 0)
    )
    city = CityCells.around(cells, known["h3_cell"].unique().to_list(), settings.coarsest_resolution)
    if known.is_empty():
        return pl.DataFrame(schema=SURFACE_SCHEMA)
    grid = city.grid
    everything = _events(known, city)
    last_day = date.fromordinal(int(everything.day.max()))
    newest = last_day + timedelta(days=1)
    newest -= timedelta(days=newest.weekday())
    weeks = [newest - timedelta(weeks=back) for back in range(settings.weeks - 1, -1, -1)]
    model = surface_model(settings)
    frames = []
    # Expectations of the whole day first: every band is relative to their mean.
    means = {}
    for band in (ALL_DAY, *settings.bands):
        own = everything if band == ALL_DAY else _events(known.filter(pl.col("hour_band") == band), city)
        others = [] if band == ALL_DAY else [everything]
        fitted = fit(grid, own, others, weeks[0].toordinal(), model)
        for week in weeks:
            origin = week.toordinal()
            found = forecast(grid, own, others, origin, fitted)
            if band == ALL_DAY:
                means[week] = found.mean[city.place].mean()
            hours = 1.0 if band == ALL_DAY else _hours(band) / 24
            window = own.between(origin - settings.window_days, origin).by_cell(grid.size)
            shown = _shown(city, found, window, settings)
            frames.append(_rows(city, week, band, shown, means[week] * hours, settings))
    return pl.concat(frames, rechunk=False)


def surface_model(settings: SurfaceSettings) -> HotspotModel:
    """What the surface may learn under these settings; a stated half-life is used as it stands."""
    stated = settings.half_life_days
    return HotspotModel(
        window=settings.window_days,
        half_lives=HotspotModel.half_lives if stated is None else (stated,),
        recent_half_life=settings.recent_half_life_days,
        near_days=settings.near_days,
        near_rings=settings.near_rings,
    )


def _events(counts: pl.DataFrame, city: CityCells) -> Events:
    """Counts by place in the grid and day; several categories of a day become one."""
    summed = (
        counts.group_by("h3_cell", "local_date")
        .agg(pl.col("n").sum())
        .join(pl.DataFrame({"h3_cell": city.cells, "cell": city.place}), on="h3_cell")
        .sort("local_date", "cell")
    )
    # Days are counted as datetime.date does, from year 1; polars counts from 1970.
    days = summed["local_date"].to_physical().to_numpy().astype(np.int64) + date(1970, 1, 1).toordinal()
    return Events(summed["cell"].to_numpy().astype(np.int64), days, summed["n"].to_numpy().astype(float))


def _hours(band: str) -> int:
    """Length of a band as '06-12'."""
    first, end = band.split("-")
    return int(end) - int(first)


class _Shown(NamedTuple):
    """By cell: mean and interval shown, resolution (-1 without one) and index of the cell they are those of."""

    mean: Floats
    low: Floats
    high: Floats
    resolution: Integers
    cell: pl.Series


def _shown(city: CityCells, found: Forecast, window: Floats, settings: SurfaceSettings) -> _Shown:
    """What each cell shows. `found` and `window` (events in the window) are by place in the grid."""
    mean, variance, counted = found.mean[city.place], found.variance[city.place], window[city.place]
    if city.grid.copies[-1] > 1:
        counted[city.place == city.grid.size - 1] = 0  # cells far from any event
    numbers = np.full((3, mean.size), np.nan)
    resolution = np.full(mean.size, -1, dtype=np.int64)
    basis = pl.Series([None], dtype=pl.String).new_from_index(0, mean.size)
    left = np.ones(mean.size, dtype=bool)
    for at in city.bases:
        taken = left & (np.bincount(at.of, weights=counted) >= settings.minimum_count)[at.of]
        numbers[:, taken] = _means(mean, variance, at.of, at.of[taken], settings.interval)
        resolution[taken] = at.resolution
        basis = at.cells.gather(at.of).zip_with(pl.Series(taken), basis)
        left &= ~taken
    if counted[left].sum() >= settings.minimum_count:
        rest = np.where(left, 0, 1)
        numbers[:, left] = _means(mean, variance, rest, rest[left], settings.interval)
    return _Shown(numbers[0], numbers[1], numbers[2], resolution, basis)


def _means(mean: Floats, variance: Floats, of: Integers, wanted: Integers, interval: float) -> Floats:
    """Mean over the cells of each wanted group and its interval, [3, wanted]; `of` [cell] is the group of each cell."""
    groups, place = np.unique(wanted, return_inverse=True)
    children = np.bincount(of)[groups]
    value = np.bincount(of, weights=mean)[groups] / children
    # Cells err independently: the mean of m of them has the sum of their variances over m squared.
    low, high = rate_interval(value, np.bincount(of, weights=variance)[groups] / children**2, interval)
    return np.stack([value, low, high])[:, place]


def _rows(
    city: CityCells, week: date, band: str, shown: _Shown, unit: float, settings: SurfaceSettings
) -> pl.DataFrame:
    columns = {"relative_risk": shown.mean, "risk_lower": shown.low, "risk_upper": shown.high}
    risk = pl.col("relative_risk")
    return (
        pl.DataFrame(
            {
                "h3_cell": city.cells,
                **{name: np.round(values / unit, DECIMALS) for name, values in columns.items()},
                "basis_cell": shown.cell,
                "basis_resolution": shown.resolution,
            }
        )
        .with_columns(pl.col(list(columns)).fill_nan(None))
        .with_columns(
            pl.lit(week).alias("week_start"),
            pl.lit(band).alias("hour_band"),
            pl.when(pl.col("basis_resolution") >= 0).then("basis_resolution").alias("basis_resolution"),
            (100 * risk.rank("max", descending=True) / len(city.cells)).round(DECIMALS).alias("area_rank_percent"),
            pl.when(risk.is_null()).then(pl.lit("withheld")).otherwise(pl.lit("published")).alias("status"),
            pl.lit(settings.method_version).alias("method_version"),
        )
        .select(list(SURFACE_SCHEMA))
    )
