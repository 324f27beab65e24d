"""Region security index: 0 - 100, higher is safer, from harm-weighted citizen-reported crime (and disorder calls).

Counts per severity class are shrunk and drawn (`rate_model`), weighed, put on fixed goalposts of the base period
(`goalposts`) and compared. The 90 % interval is sampling error only; weights and normalisation have an interval apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from estimation.goalposts import Goalposts, base_goalposts
from estimation.index_parts import (
    DimensionData,
    Floats32,
    LevelHarm,
    SeverityTable,
    level_harm,
    read_dimension,
    read_severity,
)
from estimation.panel import RegionTable, region_tables
from estimation.periods import add_months, last_complete_month, month_days, months_between, quarter_start
from estimation.rounding import count_band, largest_remainder
from estimation.settings import IndexSettings

Floats = NDArray[np.float64]

INDEX_SCHEMA: dict[str, pl.DataType] = {
    "region_code": pl.String(), "level": pl.String(), "parent_code": pl.String(), "period_type": pl.String(),
    "period_start": pl.Date(), "period_label": pl.String(), "index_value": pl.Float64(), "index_lower": pl.Float64(),
    "index_upper": pl.Float64(), "sensitivity_lower": pl.Float64(), "sensitivity_upper": pl.Float64(),
    "change_previous": pl.Float64(), "change_previous_lower": pl.Float64(), "change_previous_upper": pl.Float64(),
    "change_year": pl.Float64(), "change_year_lower": pl.Float64(), "change_year_upper": pl.Float64(),
    "rank_lower": pl.Int64(), "rank_upper": pl.Int64(), "ranked_regions": pl.Int64(),
    "p_among_worst": pl.Float64(), "worst_k": pl.Int64(), "group_label": pl.String(),
    "status": pl.String(), "status_reason": pl.String(), "relative_standard_error": pl.Float64(),
    "incidents_band": pl.String(), "population": pl.Int64(), "population_is_official": pl.Boolean(),
    "completeness": pl.Float64(), "is_provisional": pl.Boolean(), "is_latest": pl.Boolean(),
    "method_version": pl.String(), "as_of": pl.Date(),
}  # fmt: skip
COMPONENT_SCHEMA: dict[str, pl.DataType] = {
    "region_code": pl.String(), "level": pl.String(), "period_type": pl.String(), "period_start": pl.Date(),
    "dimension": pl.String(), "category_group": pl.String(), "share_points": pl.Float64(), "events": pl.Int64(),
    "method_version": pl.String(),
}  # fmt: skip
GOALPOST_SCHEMA: dict[str, pl.DataType] = {
    "dimension": pl.String(), "best": pl.Float64(), "worst": pl.Float64(), "unit": pl.String(),
    "base_from": pl.Date(), "base_to": pl.Date(), "method_version": pl.String(),
}  # fmt: skip
UNITS = {"crime": "harm days per 100,000 people and year", "disorder": "calls per 100,000 people and year"}
TITLES = {"crime": "kejahatan", "disorder": "gangguan ketertiban"}
MERGED_GROUP = "other"
ALONE = "tidak diperingkat (tidak ada wilayah setingkat untuk dibandingkan)"


@dataclass(frozen=True)
class IndexEstimate:
    """`index` (INDEX_SCHEMA), one row a region and complete period; `components` (COMPONENT_SCHEMA), which sum over a
    region and period to 100 - index_value exactly; `goalposts` (GOALPOST_SCHEMA), to be frozen in city.yaml."""

    index: pl.DataFrame
    components: pl.DataFrame
    goalposts: pl.DataFrame


@dataclass(frozen=True)
class Period:
    type: str
    start: date
    months: tuple[date, ...]

    @property
    def label(self) -> str:
        if self.type == "month":
            return f"{self.start:%Y-%m}"
        return f"{self.start.year}-Q{(self.start.month + 2) // 3}"

    def before(self, months: int) -> date:
        return add_months(self.start, -months)


def region_index(
    incidents: pl.DataFrame,
    regions: pl.DataFrame,
    severity: pl.DataFrame,
    settings: IndexSettings,
    *,
    calls: pl.DataFrame | None = None,
    completeness: pl.DataFrame | None = None,
    revisions: pl.DataFrame | None = None,
) -> IndexEstimate:
    """Estimates the index of every region of every level in `settings.levels`, for each complete month and quarter.

    incidents: region_code (the finest region a record states, of any level), period_start (any day of the month; where
        days are given, months that miss too many days are found), category, n; an optional reported_by column keeps
        'citizen' rows only. Counts of a coarser region are the sums over its own and all regions below it.
    regions: region_code, level, parent_code, population (people; null where unknown), is_official (of the population).
    severity: category, weight_days, counts_in_index; optional further tables (`settings.sensitivity_tables`), and
        category_group (what components are named by, default the category). Every category of the incidents must have
        a row; those with counts_in_index false (discovered by police) enter nothing.
    calls: the 'disorder' dimension where declared, same columns as incidents; every category given counts.
    completeness: period_start (month), completeness 0 - 1, optional region_code; a quarter has the mean of its months.
    revisions: period_start (month), revision_share 0 - 1; a month at or above `settings.revision_limit` is provisional.

    Every region keeps its row in every period; a withheld one has a status_reason and no numbers. rank 1 is the safest.
    Raises ValueError for missing columns, a category without severity, or a repeated region.
    """
    tables = region_tables(regions, settings.levels)
    known = regions.filter(pl.col("level").is_in(list(settings.levels)))
    weights = read_severity(severity, settings)
    sources = {"crime": incidents, "disorder": calls}
    data: dict[str, DimensionData | None] = {}
    for dimension in settings.dimensions:
        frame = sources.get(dimension.name)
        weighed = weights if dimension.name == "crime" else None
        data[dimension.name] = (
            None if frame is None else read_dimension(frame, known, weighed, dimension.name, settings)
        )
    periods = _periods([part for part in data.values() if part is not None], settings)
    goalposts = {
        name: _goalposts(part, tables.get(settings.index_level), settings) for name, part in data.items() if part
    }
    index_rows: list[dict[str, object]] = []
    component_rows: list[dict[str, object]] = []
    checks = _Checks(completeness, revisions, periods, settings)
    for level, table in tables.items():
        allowed = [p for p in periods if p.type == "quarter" or level not in settings.quarter_only_levels]
        if allowed:
            estimate = _Level(table, allowed, data, goalposts, settings)
            index_rows += estimate.index_rows(checks)
            component_rows += estimate.component_rows(weights)
    order = ["level", "period_type", "period_start", "region_code"]
    index = pl.DataFrame(index_rows, schema=INDEX_SCHEMA, orient="row").sort(order)
    components = pl.DataFrame(component_rows, schema=COMPONENT_SCHEMA, orient="row")
    posts = [
        {
            "dimension": name, "best": post.best, "worst": post.worst, "unit": UNITS.get(name, "events"),
            "base_from": settings.base_from, "base_to": settings.base_to, "method_version": settings.method_version,
        }
        for name, variants in goalposts.items()
        if (post := variants.get("headline")) is not None
    ]  # fmt: skip
    return IndexEstimate(
        index,
        components.sort([*order, "dimension", "category_group"]),
        pl.DataFrame(posts, schema=GOALPOST_SCHEMA, orient="row"),
    )


def _periods(data: list[DimensionData], settings: IndexSettings) -> list[Period]:
    firsts = [part.months[0] for part in data if part.months]
    first = min([*firsts, settings.base_from.replace(day=1)])
    months = months_between(first, last_complete_month(settings.as_of))
    found = []
    if "month" in settings.period_types:
        found += [Period("month", month, (month,)) for month in months]
    if "quarter" in settings.period_types:
        inside = set(months)
        for start in sorted({quarter_start(month) for month in months}):
            three = tuple(add_months(start, i) for i in range(3))
            if inside.issuperset(three):
                found.append(Period("quarter", start, three))
    return found


def _goalposts(data: DimensionData, table: RegionTable | None, settings: IndexSettings) -> dict[str, Goalposts]:
    """Goalposts by variant: 'headline', and one a severity table and tail for the sensitivity interval."""
    frozen = (settings.goalposts or {}).get(data.name)
    variants: dict[str, Goalposts] = {} if frozen is None else {"headline": frozen}
    if table is None:
        return variants
    months = [m for m in data.months if settings.base_from.replace(day=1) <= m <= settings.base_to]
    known = table.population > 0
    if not months or not known.any():
        return variants
    codes = tuple(code for code, keep in zip(table.codes, known, strict=True) if keep)
    days = sum(month_days(month) for month in months)
    exposure = table.population[known] / 1e5 * days / 365.25
    counts = data.counts(codes, months).sum(axis=2)
    for name, column in data.tables.items():
        for tail in (settings.goalpost_tail, settings.goalpost_tail / 2, settings.goalpost_tail * 2):
            found = base_goalposts(counts, exposure, column, tail, settings.goalpost_margin)
            if found is None:
                continue
            variants[f"{name}:{tail:g}"] = found
            if name == "weight_days" and tail == settings.goalpost_tail:
                variants.setdefault("headline", found)
    return variants


class _Checks:
    """What is known of each month beside its counts."""

    def __init__(
        self, completeness: pl.DataFrame | None, revisions: pl.DataFrame | None, periods: list[Period],
        settings: IndexSettings,
    ) -> None:  # fmt: skip
        self._complete: dict[tuple[str | None, date], float] = {}
        if completeness is not None:
            for row in completeness.iter_rows(named=True):
                key = (row.get("region_code"), row["period_start"].replace(day=1))
                if row["completeness"] is not None:
                    self._complete[key] = float(row["completeness"])
        latest = last_complete_month(settings.as_of)
        self._provisional = {add_months(latest, -i) for i in range(settings.provisional_months)}
        if revisions is not None:
            self._provisional = {
                row["period_start"].replace(day=1)
                for row in revisions.iter_rows(named=True)
                if (row["revision_share"] or 0) >= settings.revision_limit
            }
        self._latest = {
            kind: max((p.start for p in periods if p.type == kind), default=None) for kind in ("month", "quarter")
        }

    def completeness(self, code: str, period: Period) -> float | None:
        found = [self._complete.get((code, m), self._complete.get((None, m))) for m in period.months]
        values = [value for value in found if value is not None]
        return round(sum(values) / len(values), 3) if len(values) == len(period.months) else None

    def is_provisional(self, period: Period) -> bool:
        return not self._provisional.isdisjoint(period.months)

    def is_latest(self, period: Period) -> bool:
        return self._latest[period.type] == period.start


class _Level:
    """Estimates of one level's regions. Arrays: draws D, regions R, periods P."""

    def __init__(
        self, table: RegionTable, periods: list[Period], data: dict[str, DimensionData | None],
        goalposts: dict[str, dict[str, Goalposts]], settings: IndexSettings,
    ) -> None:  # fmt: skip
        self.table, self.periods, self.settings = table, periods, settings
        self.shares = np.array([d.weight for d in settings.dimensions]) / sum(d.weight for d in settings.dimensions)
        self.harm: list[LevelHarm | None] = []
        self.posts: list[dict[str, Goalposts]] = []
        for dimension in settings.dimensions:
            part = data[dimension.name]
            spans = [period.months for period in periods]
            self.harm.append(None if part is None else level_harm(part, table, spans, settings))
            self.posts.append(goalposts.get(dimension.name, {}))
        self.reasons = self._withheld()
        self.published = np.array([[reason is None for reason in row] for row in self.reasons]).reshape(
            len(table.codes), len(periods)
        )
        self._combine()
        self._precision()

    def _withheld(self) -> list[list[str | None]]:
        """Why each region and period has no value, but for precision."""
        rows: list[list[str | None]] = []
        for r in range(len(self.table.codes)):
            always: str | None = None
            if self.table.population[r] <= 0:
                always = "tidak ada data penduduk"
            elif self.settings.require_official_population and not self.table.official[r]:
                always = "data penduduk tidak resmi"
            row: list[str | None] = []
            for p in range(len(self.periods)):
                reason = always
                for dimension, harm, posts in zip(self.settings.dimensions, self.harm, self.posts, strict=True):
                    title = TITLES.get(dimension.name, dimension.name)
                    if reason is None and (harm is None or not harm.available[r, p]):
                        reason = f"tidak ada data dimensi {title}"
                    if reason is None and "headline" not in posts:
                        reason = f"tidak ada data periode dasar untuk dimensi {title}"
                row.append(reason)
            rows.append(row)
        return rows

    def _combine(self) -> None:
        r, p = len(self.table.codes), len(self.periods)
        self.value = np.full((r, p), np.nan)
        self.lost = [np.zeros((r, p)) for _ in self.harm]
        self.rse = np.full((r, p), np.nan)
        self.draws = np.full((self.settings.draws, r, p), np.nan, dtype=np.float32)
        self.low = np.full((r, p), np.nan)
        self.high = np.full((r, p), np.nan)
        if not self.published.any():
            return
        value, draws, rse = np.zeros((r, p)), np.zeros((self.settings.draws, r, p), dtype=np.float32), np.zeros((r, p))
        for share, harm, posts, lost in zip(self.shares, self.harm, self.posts, self.lost, strict=True):
            if harm is None:
                return
            score = posts["headline"].score(harm.mean("weight_days"))
            value += share * score
            lost += share * (100 - score)
            draws += np.float32(share) * posts["headline"].score(harm.draws)
            rse = np.fmax(rse, harm.relative_error)
        self.value = np.where(self.published, value, np.nan)
        self.rse = np.where(self.published, rse, np.nan)
        self.draws = np.where(self.published, draws, np.nan)
        self._sensitivity()

    def _sensitivity(self) -> None:
        """Range of the value over severity tables, goalpost tails and dimension weights; sampling error left out."""
        options: list[list[Floats]] = []
        for harm, posts in zip(self.harm, self.posts, strict=True):
            assert harm is not None
            scores = [posts["headline"].score(harm.mean("weight_days"))]
            scores += [post.score(harm.mean(name.split(":")[0])) for name, post in posts.items() if name != "headline"]
            options.append(scores)
        # Each dimension's extremes move together: the sum is linear in them, so its range is reached at the ends.
        mixes = [self.shares]
        if len(self.shares) > 1:
            for d in range(len(self.shares)):
                for factor in (0.75, 1.25):
                    mix = self.shares.copy()
                    mix[d] *= factor
                    mixes.append(mix / mix.sum())
        least = [np.minimum.reduce(scores) for scores in options]
        most = [np.maximum.reduce(scores) for scores in options]
        lows = [sum(share * score for share, score in zip(mix, least, strict=True)) for mix in mixes]
        highs = [sum(share * score for share, score in zip(mix, most, strict=True)) for mix in mixes]
        self.low = np.minimum(np.minimum.reduce(lows), self.value)
        self.high = np.maximum(np.maximum.reduce(highs), self.value)

    def _precision(self) -> None:
        for r, p in np.argwhere(self.published & (self.rse > self.settings.rse_withheld)):
            self.reasons[r][p] = "ketelitian tidak memadai (galat baku relatif di atas 50 %)"
            self.published[r, p] = False

    def index_rows(self, checks: _Checks) -> list[dict[str, object]]:
        rows = []
        step = {"month": 1, "quarter": 3}
        places = {(period.type, period.start): p for p, period in enumerate(self.periods)}
        bands = next((harm for harm in self.harm if harm is not None), None)
        for p, period in enumerate(self.periods):
            standing = self._standing(p)
            for r, code in enumerate(self.table.codes):
                published = bool(self.published[r, p])
                starred = published and self.rse[r, p] > self.settings.rse_starred
                reason = self.reasons[r][p]
                if starred:
                    reason = "ketelitian terbatas (galat baku relatif 25 - 50 %)"
                if published and r not in standing:
                    reason = "; ".join(filter(None, (reason, ALONE)))
                population = int(self.table.population[r])
                row: dict[str, object] = {
                    "region_code": code, "level": self.table.level, "parent_code": self.table.parents[r],
                    "period_type": period.type, "period_start": period.start, "period_label": period.label,
                    "status": "withheld" if not published else "starred" if starred else "published",
                    "status_reason": reason,
                    "incidents_band": None if bands is None or not bands.has_data[p]
                    else count_band(int(bands.total[r, p])),
                    "population": population or None, "population_is_official": bool(self.table.official[r]),
                    "completeness": checks.completeness(code, period), "is_provisional": checks.is_provisional(period),
                    "is_latest": checks.is_latest(period), "method_version": self.settings.method_version,
                    "as_of": self.settings.as_of,
                }  # fmt: skip
                if published:
                    row |= self._numbers(r, p)
                    previous = places.get((period.type, period.before(step[period.type])))
                    row |= self._change(r, p, previous, "change_previous")
                    row |= self._change(r, p, places.get((period.type, period.before(12))), "change_year")
                    row |= standing.get(r, {})
                rows.append(row)
        return rows

    def _published_value(self, r: int, p: int) -> float:
        return round(float(self.value[r, p]), self.settings.decimals)

    def _around(self, value: float, draws: Floats | Floats32) -> tuple[float, float]:
        tail = (1 - self.settings.interval) / 2
        low, high = np.quantile(draws, [tail, 1 - tail])
        places = self.settings.decimals
        return min(round(float(low), places), value), max(round(float(high), places), value)

    def _numbers(self, r: int, p: int) -> dict[str, object]:
        value = self._published_value(r, p)
        low, high = self._around(value, self.draws[:, r, p])
        places = self.settings.decimals
        return {
            "index_value": value, "index_lower": low, "index_upper": high,
            "sensitivity_lower": min(round(float(self.low[r, p]), places), value),
            "sensitivity_upper": max(round(float(self.high[r, p]), places), value),
            "relative_standard_error": round(float(self.rse[r, p]), 2),
        }  # fmt: skip

    def _change(self, r: int, p: int, earlier: int | None, name: str) -> dict[str, object]:
        if earlier is None or not self.published[r, earlier]:
            return {}
        value = round(self._published_value(r, p) - self._published_value(r, earlier), self.settings.decimals)
        low, high = self._around(value, self.draws[:, r, p] - self.draws[:, r, earlier])
        return {name: value, f"{name}_lower": low, f"{name}_upper": high}

    def _standing(self, p: int) -> dict[int, dict[str, object]]:
        """Rank interval, chance to be among the worst, and group of each published region of one period."""
        inside = np.flatnonzero(self.published[:, p])
        if inside.size < 2:
            # The only region of a level, or the only one published, is neither the safest nor the worst.
            return {}
        draws = self.draws[:, inside, p].astype(float)
        count = inside.size
        # Ties (both at an end of the scale) are broken by a fixed order, which no draw depends on.
        ranks = np.argsort(np.argsort(-draws, axis=1, kind="stable"), axis=1, kind="stable") + 1
        tail = (1 - self.settings.interval) / 2
        low = np.quantile(ranks, tail, axis=0, method="lower").astype(int)
        high = np.quantile(ranks, 1 - tail, axis=0, method="higher").astype(int)
        worst_k = self.settings.worst_k or max(1, -(-count // 10))
        worst = (ranks > count - worst_k).mean(axis=0)
        first, last = _groups(self.value[inside, p], draws, self.settings.interval)
        return {
            int(r): {
                "rank_lower": int(low[i]), "rank_upper": int(high[i]), "ranked_regions": count,
                "p_among_worst": round(float(worst[i]), 2), "worst_k": worst_k,
                "group_label": f"{first[i]}-{last[i]}" if first[i] < last[i] else f"{first[i]}",
            }
            for i, r in enumerate(inside)
        }  # fmt: skip

    def component_rows(self, severity: SeverityTable) -> list[dict[str, object]]:
        rows: list[dict[str, object]] = []
        named = self.table.level in self.settings.sensitive_levels
        for r, p in np.argwhere(self.published):
            period = self.periods[p]
            parts: dict[tuple[str, str], float] = {}
            events: dict[tuple[str, str], int] = {}
            for dimension, harm, lost in zip(self.settings.dimensions, self.harm, self.lost, strict=True):
                assert harm is not None
                by_category = harm.by_category[r, p]
                total = by_category.sum()
                counts = harm.counts[r, p]
                for category, amount, count in zip(harm.categories, by_category, counts, strict=True):
                    group = severity.groups.get(category, category)
                    hidden = category in self.settings.sensitive_categories
                    if hidden and not (named and period.type == "quarter"):
                        covered = dimension.name == "crime" and severity.cover is not None
                        group = str(severity.cover) if covered else MERGED_GROUP
                    key = (dimension.name, group)
                    parts[key] = parts.get(key, 0.0) + float(lost[r, p] * amount / total)
                    events[key] = events.get(key, 0) + int(count)
            missing = round(100 - self._published_value(r, p), self.settings.decimals)
            points = largest_remainder(list(parts.values()), missing, self.settings.decimals)
            rows += [
                {
                    "region_code": self.table.codes[r], "level": self.table.level, "period_type": period.type,
                    "period_start": period.start, "dimension": dimension, "category_group": group,
                    "share_points": float(point), "events": events[dimension, group],
                    "method_version": self.settings.method_version,
                }
                for (dimension, group), point in zip(parts, points, strict=True)
            ]  # fmt: skip
        return rows


def _groups(values: Floats, draws: Floats, interval: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last place (1 = safest by value) of the regions each region cannot be told apart from.

    Two regions are told apart where the chance that one is safer lies outside the interval, by the mean and spread of
    their drawn difference.
    """
    from scipy.stats import norm

    order = np.argsort(-values, kind="stable")
    mean = draws.mean(axis=0)[order]
    cover = np.atleast_2d(np.cov(draws[:, order], rowvar=False))
    spread = np.sqrt(np.maximum(np.diag(cover)[:, None] + np.diag(cover)[None, :] - 2 * cover, 0))
    limit = norm.ppf(0.5 + interval / 2) * spread
    alike = np.abs(mean[:, None] - mean[None, :]) <= limit + 1e-9
    np.fill_diagonal(alike, True)
    count = len(values)
    first, last = np.empty(count, dtype=np.int64), np.empty(count, dtype=np.int64)
    first[order] = alike.argmax(axis=1) + 1
    last[order] = count - alike[:, ::-1].argmax(axis=1)
    return first, last
