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
from numpy.typing import NDArray

from estimation.hotspots import Events, Floats, Grid, HotspotModel, Integers, fit, forecast, rate_interval
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
NEIGHBOURS = 6


class _Basis(NamedTuple):
    """A resolution's parents: `of` [cell] place of each cell's parent, `cells` their H3 indexes."""

    resolution: int
    of: Integers
    cells: NDArray[np.str_]


def risk_surface(counts: pl.DataFrame, cells: list[str], settings: SurfaceSettings) -> pl.DataFrame:
    """The risk surface, SURFACE_SCHEMA: one row a cell, week and band of hours (and 'all'), sorted by these.

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
    cells = sorted(set(cells))
    grid, bases = _grid(cells, settings.coarsest_resolution)
    known = counts.filter(
        pl.col("h3_cell").is_in(cells)
        & ~pl.col("category").is_in(sorted(settings.excluded_categories))
        & (pl.col("local_date") <= settings.as_of)
        & (pl.col("n") > 0)
    )
    if known.is_empty():
        return pl.DataFrame(schema=SURFACE_SCHEMA)
    everything = _events(known, cells)
    last_day = date.fromordinal(int(everything.day.max()))
    newest = last_day + timedelta(days=1)
    newest -= timedelta(days=newest.weekday())
    weeks = [newest - timedelta(weeks=back) for back in range(settings.weeks - 1, -1, -1)]
    model = surface_model(settings)
    frames = []
    # Expectations of the whole day first: every band is relative to their mean.
    means = {}
    for band in (ALL_DAY, *settings.bands):
        own = everything if band == ALL_DAY else _events(known.filter(pl.col("hour_band") == band), cells)
        others = [] if band == ALL_DAY else [everything]
        fitted = fit(grid, own, others, weeks[0].toordinal(), model)
        for week in weeks:
            origin = week.toordinal()
            found = forecast(grid, own, others, origin, fitted)
            if band == ALL_DAY:
                means[week] = found.mean.mean()
            hours = 1.0 if band == ALL_DAY else _hours(band) / 24
            window = own.between(origin - settings.window_days, origin).by_cell(grid.size)
            shown = _shown(found.mean, found.variance, window, bases, settings)
            frames.append(_rows(cells, week, band, shown, means[week] * hours, settings))
    return pl.concat(frames).sort("h3_cell", "week_start", "hour_band")


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


def _grid(cells: list[str], coarsest: int) -> tuple[Grid, list[_Basis]]:
    """The grid of the cells, and the bases of each resolution from the cells' own to the coarsest."""
    import h3

    resolutions = {h3.get_resolution(cell) for cell in cells}
    if len(resolutions) > 1:
        raise ValueError(f"the cells have several resolutions ({sorted(resolutions)}); give those of one")
    place = {cell: index for index, cell in enumerate(cells)}
    links = [
        (index, place[other]) for cell, index in place.items() for other in h3.grid_ring(cell, 1) if other in place
    ]
    pairs = np.array([pair for pair in links if pair[0] < pair[1]], dtype=np.int64).reshape(-1, 2)
    bases = []
    for resolution in range(max(resolutions, default=coarsest), coarsest - 1, -1):
        parents, of = np.unique([h3.cell_to_parent(cell, resolution) for cell in cells], return_inverse=True)
        bases.append(_Basis(resolution, of.astype(np.int64), parents))
    return Grid.from_links(len(cells), pairs, NEIGHBOURS), bases


def _events(counts: pl.DataFrame, cells: list[str]) -> Events:
    """Counts by cell and day; several categories of a day become one."""
    summed = (
        counts.group_by("h3_cell", "local_date")
        .agg(pl.col("n").sum())
        .join(pl.DataFrame({"h3_cell": cells}).with_row_index("cell"), on="h3_cell")
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
    basis: Integers
    cell: NDArray[np.object_]


def _shown(mean: Floats, variance: Floats, window: Floats, bases: list[_Basis], settings: SurfaceSettings) -> _Shown:
    size = mean.size
    numbers = np.full((3, size), np.nan)
    basis, basis_cell = np.full(size, -1, dtype=np.int64), np.full(size, None, dtype=object)
    open_cells = np.ones(size, dtype=bool)
    for resolution, of, parents in bases:
        taken = open_cells & (np.bincount(of, weights=window) >= settings.minimum_count)[of]
        numbers[:, taken] = _means(mean, variance, of, of[taken], settings.interval)
        basis[taken], basis_cell[taken] = resolution, parents[of[taken]]
        open_cells &= ~taken
    if window[open_cells].sum() >= settings.minimum_count:
        rest = np.where(open_cells, 0, 1)
        numbers[:, open_cells] = _means(mean, variance, rest, rest[open_cells], settings.interval)
    return _Shown(numbers[0], numbers[1], numbers[2], basis, basis_cell)


def _means(mean: Floats, variance: Floats, of: Integers, wanted: Integers, interval: float) -> Floats:
    """Mean over the cells of each wanted group and its interval, [3, wanted]; `of` [cell] is the group of each cell."""
    groups, place = np.unique(wanted, return_inverse=True)
    children = np.bincount(of)[groups]
    value = np.bincount(of, weights=mean)[groups] / children
    # Cells err independently: the mean of m of them has the sum of their variances over m squared.
    low, high = rate_interval(value, np.bincount(of, weights=variance)[groups] / children**2, interval)
    return np.stack([value, low, high])[:, place]


def _rows(
    cells: list[str], week: date, band: str, shown: _Shown, unit: float, settings: SurfaceSettings
) -> pl.DataFrame:
    has_value = ~np.isnan(shown.mean)
    columns = {"relative_risk": shown.mean, "risk_lower": shown.low, "risk_upper": shown.high}
    frame = pl.DataFrame({"h3_cell": cells}).with_columns(
        pl.lit(week).alias("week_start"),
        pl.lit(band).alias("hour_band"),
        *(pl.Series(name, np.where(has_value, values / unit, np.nan)) for name, values in columns.items()),
        pl.Series("basis_cell", shown.cell.tolist(), dtype=pl.String),
        pl.Series("basis_resolution", shown.basis),
        pl.lit(settings.method_version).alias("method_version"),
    )
    risk = pl.col("relative_risk")
    return (
        frame.with_columns(
            pl.col("relative_risk", "risk_lower", "risk_upper").fill_nan(None).round(DECIMALS),
            pl.when(pl.col("basis_resolution") >= 0).then("basis_resolution").alias("basis_resolution"),
        )
        .with_columns(
            (100 * risk.rank("max", descending=True) / len(cells)).round(DECIMALS).alias("area_rank_percent"),
            pl.when(risk.is_null()).then(pl.lit("withheld")).otherwise(pl.lit("published")).alias("status"),
        )
        .select(list(SURFACE_SCHEMA))
    )
