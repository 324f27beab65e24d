"""The pieces of the index: severity tables, a dimension's counts, and the harm rates of one level."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from estimation.panel import COUNT_COLUMNS, RegionTable, count_array, require_columns, with_ancestors
from estimation.periods import last_complete_month, month_days
from estimation.rate_model import RateFit, fit_rates
from estimation.seeds import generator
from estimation.settings import IndexSettings

Floats = NDArray[np.float64]
Floats32 = NDArray[np.float32]
# A region without one record where this many were expected delivers nothing: that is no data, not safety.
SILENT_EXPECTED = 30.0
# Days without any event mark missing data only where the city sees at least this many events a day.
BUSY_DAY = 5.0


@dataclass(frozen=True)
class SeverityTable:
    """Days of harm by category under each table; 'weight_days' is the headline, 'equal' counts every event as one.

    `cover`: the group that sensitive categories are merged into where they may not be named: the one with the gravest
    category that is not sensitive. A group of nothing but sensitive categories would name them by another word.
    """

    categories: tuple[str, ...]
    tables: dict[str, Floats]
    groups: dict[str, str]
    known: frozenset[str]
    cover: str | None


def read_severity(severity: pl.DataFrame, settings: IndexSettings) -> SeverityTable:
    """Reads the severity frame; only rows with counts_in_index enter the tables. Raises ValueError on a null or
    negative weight or a repeated category."""
    require_columns(severity, ("category", "weight_days", "counts_in_index"), "severity")
    if severity["category"].n_unique() != severity.height:
        raise ValueError("severity holds a category more than once; it must have one row a category")
    chosen = severity.filter(pl.col("counts_in_index").fill_null(False)).sort("category")
    tables: dict[str, Floats] = {}
    for column in ("weight_days", *settings.sensitivity_tables):
        if column not in chosen.columns:
            continue
        values = chosen[column].cast(pl.Float64)
        if values.null_count() or (values <= 0).any():
            raise ValueError(f"severity column {column} has a null or non-positive weight for a category in the index")
        tables[column] = values.to_numpy()
    tables["equal"] = np.ones(chosen.height)
    grouped = "category_group" in chosen.columns
    groups = dict(zip(chosen["category"], chosen["category_group"], strict=True)) if grouped else {}
    groups = {category: group if group is not None else category for category, group in groups.items()}
    categories = tuple(chosen["category"].to_list())
    weighed = zip(tables["weight_days"].tolist(), categories, strict=True)
    gravest = max((pair for pair in weighed if pair[1] not in settings.sensitive_categories), default=None)
    return SeverityTable(
        categories,
        tables,
        groups,
        frozenset(severity["category"].to_list()),
        None if gravest is None else groups.get(gravest[1], gravest[1]),
    )


@dataclass(frozen=True)
class DimensionData:
    """Counts of one dimension by region (all levels), category and month. `months`: those with data, ascending."""

    name: str
    frame: pl.DataFrame
    categories: tuple[str, ...]
    tables: dict[str, Floats]
    months: tuple[date, ...]

    def counts(self, codes: tuple[str, ...], months: list[date]) -> Floats:
        return count_array(self.frame, codes, self.categories, months)


def read_dimension(
    frame: pl.DataFrame, regions: pl.DataFrame, severity: SeverityTable | None, name: str, settings: IndexSettings
) -> DimensionData:
    """Citizen-reported counts of complete months, summed up to every level. Without severity every event weighs 1."""
    require_columns(frame, COUNT_COLUMNS, "incidents" if name == "crime" else "calls")
    if "reported_by" in frame.columns:
        frame = frame.filter(pl.col("reported_by") == "citizen")
    frame = frame.with_columns(pl.col("period_start").cast(pl.Date), pl.col("n").cast(pl.Int64))
    frame = frame.filter(pl.col("n") > 0)
    if severity is not None:
        unknown = set(frame["category"].unique()) - severity.known
        if unknown:
            raise ValueError(f"{len(unknown)} categories of the incidents have no row in the severity table; add them")
        categories, tables = severity.categories, severity.tables
        frame = frame.filter(pl.col("category").is_in(list(categories)))
    else:
        categories = tuple(sorted(frame["category"].unique().to_list())) or (name,)
        tables = {"weight_days": np.ones(len(categories))}
    daily = frame.group_by("period_start").agg(pl.col("n").sum())
    months = _months_with_data(daily, settings)
    grouped = (
        frame.with_columns(month=pl.col("period_start").dt.month_start())
        .group_by("region_code", "category", "month")
        .agg(pl.col("n").sum())
    )
    summed = with_ancestors(grouped, regions).group_by("region_code", "category", "month").agg(pl.col("n").sum())
    return DimensionData(name, summed, categories, tables, months)


def _months_with_data(daily: pl.DataFrame, settings: IndexSettings) -> tuple[date, ...]:
    """Complete months with events; where days are told apart and the city is busy, also with few empty days."""
    last = last_complete_month(settings.as_of)
    by_month = (
        daily.with_columns(month=pl.col("period_start").dt.month_start())
        .group_by("month")
        .agg(days=pl.col("period_start").n_unique(), n=pl.col("n").sum())
        .filter(pl.col("month") <= last)
        .sort("month")
    )
    told_apart = bool((daily["period_start"].dt.day() != 1).any()) if daily.height else False
    kept = []
    for month, days, n in by_month.iter_rows():
        length = month_days(month)
        if told_apart and n / days >= BUSY_DAY and days < settings.minimum_day_coverage * length:
            continue
        kept.append(month)
    return tuple(kept)


@dataclass(frozen=True)
class LevelHarm:
    """Harm rates per 100,000 people and year of one level and dimension. Draws D, regions R, periods P, categories C.

    `by_category` [R, P, C] posterior mean under the headline table; `rates` [R, P, C] events; `draws` [D, R, P] under
    the headline; `relative_error` [R, P], of the harm rate; `available` [R, P];
    `has_data` [P]; `counts` [R, P, C] of events.
    """

    categories: tuple[str, ...]
    tables: dict[str, Floats]
    rates: Floats
    draws: Floats32
    relative_error: Floats
    available: NDArray[np.bool_]
    has_data: NDArray[np.bool_]
    counts: Floats

    @property
    def total(self) -> Floats:
        """Events of each region and span, [R, P]."""
        return self.counts.sum(axis=2)

    @property
    def by_category(self) -> Floats:
        return self.rates * self.tables["weight_days"]

    def mean(self, table: str) -> Floats:
        return self.rates @ self.tables[table]


def level_harm(
    data: DimensionData, table: RegionTable, spans: list[tuple[date, ...]], settings: IndexSettings
) -> LevelHarm:
    """Fits the level once, by month (by quarter where the level is shown by quarter only), and averages over spans."""
    units = _units(data, table.level, spans, settings)
    region_count, span_count, draw_count = len(table.codes), len(spans), settings.draws
    rates = np.full((region_count, span_count, len(data.categories)), np.nan)
    draws = np.full((draw_count, region_count, span_count), np.nan, dtype=np.float32)
    error = np.full((region_count, span_count), np.nan)
    with_data = set(data.months)
    has_data = np.array([with_data.issuperset(span) for span in spans], dtype=bool)
    months = sorted({month for span in spans for month in span})
    month_counts = data.counts(table.codes, months)
    places = {month: i for i, month in enumerate(months)}
    events = np.stack([month_counts[:, :, [places[m] for m in span]].sum(axis=2) for span in spans], axis=1)
    known = np.flatnonzero(table.population > 0)
    available = np.zeros((region_count, span_count), dtype=bool)
    if not units or known.size == 0:
        return LevelHarm(data.categories, data.tables, rates, draws, error, available, has_data, events)
    flat = [month for unit in units for month in unit]
    counts = data.counts(tuple(table.codes[r] for r in known), flat)
    ends = np.cumsum([len(unit) for unit in units])[:-1]
    counts = np.stack([part.sum(axis=2) for part in np.split(counts, ends, axis=2)], axis=2)
    days = np.array([sum(month_days(m) for m in unit) for unit in units], dtype=float)
    exposure = table.population[known][:, None] / 1e5 * days[None, :] / 365.25
    if counts.sum() == 0:
        return LevelHarm(data.categories, data.tables, rates, draws, error, available, has_data, events)
    silent = (counts.sum(axis=(1, 2)) == 0) & (exposure.sum(axis=1) * counts.sum() / exposure.sum() >= SILENT_EXPECTED)
    classes = severity_classes(data.tables["weight_days"])
    grouped = np.stack([counts[:, classes == k].sum(axis=1) for k in range(classes.max() + 1)], axis=1)
    heard = ~silent
    seed = (settings.seed, data.name, table.level)
    fit = fit_rates(grouped[heard], exposure[heard], draw_count, seed)
    mix = _ClassMix(counts[heard], classes, data.tables["weight_days"], float(np.median(fit.kappa)))
    picks = [(i, _unit_weights(span, units, days)) for i, span in enumerate(spans) if has_data[i]]
    for place, r in enumerate(known[heard]):
        unit_rates = mix.rates(place, fit.mean(place))
        unit_draws = mix.harm_draws(place, fit, (*seed, table.codes[r]))
        for i, weights in picks:
            rates[r, i] = unit_rates @ weights
            draw = unit_draws @ weights
            draws[:, r, i] = draw
            error[r, i] = draw.std() / draw.mean()
            available[r, i] = True
    return LevelHarm(data.categories, data.tables, rates, draws, error, available, has_data, events)


def _units(
    data: DimensionData, level: str, spans: list[tuple[date, ...]], settings: IndexSettings
) -> list[tuple[date, ...]]:
    """What the level is fitted by: its months with data, or for a level shown by quarter its quarters with data."""
    with_data = set(data.months)
    if level in settings.quarter_only_levels:
        return [span for span in spans if with_data.issuperset(span)]
    wanted = {month for span in spans for month in span}
    return [(month,) for month in data.months if month in wanted]


def _unit_weights(span: tuple[date, ...], units: list[tuple[date, ...]], days: Floats) -> Floats:
    inside = np.array([set(span).issuperset(unit) for unit in units])
    return np.where(inside, days, 0.0) / days[inside].sum()


def severity_classes(weights: Floats) -> NDArray[np.int64]:
    """Class of each category: half decades of its weight, so that weights within a class differ by 3.2 at most."""
    band = np.floor(2 * np.log10(weights) + 1e-9).astype(int)
    return np.unique(band, return_inverse=True)[1].astype(np.int64)


class _ClassMix:
    """Categories within their class: the region's own long-run mix, and each period's counts, both shrunk.

    The period's counts get the same credence as in the class's rate (kappa events), so that one more event of any
    category never lowers the harm of its class.
    """

    PRIOR_EVENTS = 10.0

    def __init__(self, counts: Floats, classes: NDArray[np.int64], weights: Floats, kappa: float) -> None:
        self.counts, self.classes, self.weights, self.kappa = counts, classes, weights, kappa
        self.members = [np.flatnonzero(classes == k) for k in range(classes.max() + 1)]
        overall = counts.sum(axis=(0, 2))
        self.overall = [(overall[m] + 1 / m.size) / (overall[m].sum() + 1) for m in self.members]

    def _posterior(self, r: int, k: int) -> Floats:
        """Dirichlet parameters of the class's mix, [category of the class, unit]."""
        own = self.counts[r][self.members[k]]
        long_run = (self.PRIOR_EVENTS * self.overall[k] + own.sum(axis=1)) / (self.PRIOR_EVENTS + own.sum())
        return self.kappa * long_run[:, None] + own

    def rates(self, r: int, class_rates: Floats) -> Floats:
        """Mean rates by category, [C, units], from those by class [K, units]."""
        result = np.empty((len(self.classes), class_rates.shape[1]))
        for k, members in enumerate(self.members):
            parameters = self._posterior(r, k)
            result[members] = class_rates[k] * parameters / parameters.sum(axis=0)
        return result

    def harm_draws(self, r: int, fit: RateFit, seed: tuple[object, ...]) -> Floats:
        """Draws of the harm rate [D, units]: drawn class rates times the drawn mean weight of their class."""
        class_draws = fit.draw(r, *seed)
        normal = generator(*seed, "mix").standard_normal(class_draws.shape)
        harm = np.zeros((class_draws.shape[0], class_draws.shape[2]))
        for k, members in enumerate(self.members):
            parameters = self._posterior(r, k)
            share = parameters / parameters.sum(axis=0)
            weight = self.weights[members]
            mean = weight @ share
            spread = (weight**2 @ share - mean**2).clip(0) / (parameters.sum(axis=0) + 1)
            log_variance = np.log1p(spread / mean**2)
            harm += class_draws[:, k] * mean * np.exp(normal[:, k] * np.sqrt(log_variance) - log_variance / 2)
        return harm
