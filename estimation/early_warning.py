"""Early warnings: where and what is above what weekday, season and level lead one to expect, and how clearly.

Each region and category is judged every day: by the day and its latest seven days where it has a mean of one event a
day or more, by the latest seven days alone where it has less. EARS C1 - C3, CUSUM and Farrington Flexible stand beside
our own verdict with their published settings. Warnings of cameras watch events per hour of uptime and are labelled
detection: they say that more was seen, not that more happened.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from estimation.panel import COUNT_COLUMNS, require_columns
from estimation.warning.detector import Detection, DetectorSettings, detect, limit_for
from estimation.warning.ears import C1_LIMIT, C2_LIMIT, C3_LIMIT, CUSUM_H, cusum, ears_c1, ears_c2, ears_c3
from estimation.warning.farrington import farrington_flexible

Floats = NDArray[np.float64]
WARNING_METHOD = "early-warning-1"
REPORTED, DETECTION = "reported", "detection"
WINDOW_NAMES = {1: "hari ini", 7: "tujuh hari terakhir"}

WARNING_SCHEMA: dict[str, pl.DataType] = {
    "region_code": pl.String(), "category": pl.String(), "period_start": pl.Date(), "grain": pl.String(),
    "kind": pl.String(), "observed": pl.Int64(), "expected": pl.Float64(), "bound": pl.Float64(),
    "score": pl.Float64(), "is_signal": pl.Boolean(), "level": pl.String(), "driver": pl.String(),
    "driver_part": pl.String(), "weekday_factor": pl.Float64(), "season_factor": pl.Float64(),
    "ears_c1": pl.Boolean(), "ears_c2": pl.Boolean(), "ears_c3": pl.Boolean(), "cusum": pl.Boolean(),
    "farrington": pl.Boolean(), "method_version": pl.String(), "as_of": pl.Date(),
}  # fmt: skip


@dataclass(frozen=True)
class WarningSettings:
    """Settings of `early_warnings`.

    as_of: the city's clock; the last judged day. days: how many latest days are judged. levels: share of quiet days on
    which each level is raised, mildest first. daily_mean: events a day from which days are judged alone.
    excluded_categories: categories never warned of (discovered by police). holidays: days known in advance.
    """

    as_of: date
    days: int = 28
    levels: tuple[tuple[str, float], ...] = (("waspada", 0.01), ("siaga", 0.001), ("awas", 0.0001))
    daily_mean: float = 1.0
    excluded_categories: frozenset[str] = frozenset()
    holidays: frozenset[date] = frozenset()
    detector: DetectorSettings = field(default_factory=DetectorSettings)
    beside: bool = True
    method_version: str = WARNING_METHOD


def early_warnings(
    counts: pl.DataFrame,
    settings: WarningSettings,
    *,
    parts: pl.DataFrame | None = None,
    uptime: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """Judges the latest `settings.days` days of every region and category in `counts`; WARNING_SCHEMA, a row a day.

    counts: region_code, category, period_start (local day), n; a day without a row had none. An optional reported_by
        column keeps 'citizen' rows only (unless `uptime` is given). Rows without a region or category are left out.
    parts: region_code, category, period_start, part, n: what a category is made of (modus, smaller region); the part
        furthest above its share of the expectation is named as `driver_part`.
    uptime: region_code, period_start, hours of the cameras: the counts are then detections per hour, and a day without
        uptime is no day without events: it has a row with nulls.

    `expected` and `bound` are totals of the day or of the seven days, whichever is further out. Raises ValueError for
    missing columns.
    """
    require_columns(counts, COUNT_COLUMNS, "counts")
    if "reported_by" in counts.columns and uptime is None:
        counts = counts.filter(pl.col("reported_by") == "citizen")
    counts = counts.drop_nulls(["region_code", "category"]).with_columns(pl.col("period_start").cast(pl.Date))
    counts = counts.filter(
        (pl.col("period_start") <= settings.as_of) & ~pl.col("category").is_in(list(settings.excluded_categories))
    )
    if counts.is_empty():
        return pl.DataFrame(schema=WARNING_SCHEMA)
    begin: date = counts["period_start"].min()  # type: ignore[assignment]
    keys = counts.select("region_code", "category").unique().sort("region_code", "category").rows()
    days = (settings.as_of - begin).days + 1
    array = _array(counts, keys, begin, days)
    exposure = None if uptime is None else _exposure(uptime, keys, begin, days)
    first = max(0, days - settings.days)
    history = array[:, max(0, first - 365) : first]
    busy = history.mean(axis=1) >= settings.daily_mean if history.shape[1] else np.zeros(len(keys), dtype=bool)
    rows: list[pl.DataFrame] = []
    for grain, chosen, windows in (("day", busy, (1, 7)), ("week", ~busy, (7,))):
        picked = np.flatnonzero(chosen)
        if picked.size:
            detector = replace(
                settings.detector, windows=windows, gate=settings.detector.gate if grain == "day" else 0.0
            )
            shown = None if exposure is None else exposure[picked]
            found = detect(
                array[picked], first, detector, weekday=begin.weekday(), day_of_year=begin.timetuple().tm_yday - 1,
                exposure=shown, holidays=_holidays(settings, begin, days),
            )  # fmt: skip
            verdict = _Verdict(array[picked], first, found, grain, settings, shown)
            rows.append(verdict.frame([keys[i] for i in picked], begin))
    result = pl.concat(rows)
    result = result.with_columns(driver_part=pl.lit(None, pl.String)) if parts is None else _with_parts(result, parts)
    return result.select(list(WARNING_SCHEMA)).cast(WARNING_SCHEMA).sort("region_code", "category", "period_start")  # type: ignore[arg-type]


def _array(counts: pl.DataFrame, keys: list[tuple[str, str]], begin: date, days: int) -> Floats:
    place = pl.DataFrame(keys, schema=["region_code", "category"], orient="row").with_row_index("row")
    known = counts.join(place, on=["region_code", "category"])
    array = np.zeros((len(keys), days))
    offset = (known["period_start"] - begin).dt.total_days().to_numpy()
    np.add.at(array, (known["row"].to_numpy(), offset), known["n"].to_numpy().astype(float))
    return array


def _exposure(uptime: pl.DataFrame, keys: list[tuple[str, str]], begin: date, days: int) -> Floats:
    require_columns(uptime, ("region_code", "period_start", "hours"), "uptime")
    inside = uptime.with_columns(pl.col("period_start").cast(pl.Date)).filter(
        (pl.col("period_start") >= begin) & (pl.col("period_start") < begin + timedelta(days=days))
    )
    hours: dict[str, Floats] = {}
    for region, day, value in inside.select("region_code", "period_start", "hours").iter_rows():
        hours.setdefault(region, np.zeros(days))[(day - begin).days] += float(value or 0)
    return np.stack([hours.get(region, np.zeros(days)) for region, _ in keys])


def _holidays(settings: WarningSettings, begin: date, days: int) -> NDArray[np.bool_] | None:
    if not settings.holidays:
        return None
    return np.array([begin + timedelta(days=d) in settings.holidays for d in range(days)])


class _Verdict:
    """Scores of one grain's series turned into rows."""

    def __init__(
        self,
        counts: Floats,
        first: int,
        found: Detection,
        grain: str,
        settings: WarningSettings,
        exposure: Floats | None,
    ) -> None:
        self.counts, self.first, self.found, self.grain, self.settings = counts, first, found, grain, settings
        self.exposure = exposure
        limits = [(name, limit_for(alpha, len(found.windows))) for name, alpha in settings.levels]
        self.best = found.best
        self.level = np.full(self.best.shape, None, dtype=object)
        for name, limit in limits:
            self.level[self.best > limit] = name
        self.bound = found.bound(limits[0][1])
        # Shown is the window that is further out; without enough history there is none.
        score = np.where(np.isnan(found.score), -np.inf, found.score)
        self.window = score.argmax(axis=0)

    def _shown(self, values: Floats) -> Floats:
        return np.take_along_axis(values, self.window[None], axis=0)[0]

    def frame(self, keys: list[tuple[str, str]], begin: date) -> pl.DataFrame:
        series, days = self.best.shape
        dates = [begin + timedelta(days=self.first + d) for d in range(days)]
        score, expected = self._shown(self.found.score), self._shown(self.found.expected)
        missing = np.isnan(score)
        if self.exposure is not None:
            missing |= self.exposure[:, self.first :] <= 0
        signal = np.array([level is not None for level in self.level.ravel()]) & ~missing.ravel()
        names = np.array([WINDOW_NAMES[w] for w in self.found.windows])[self.window].ravel()
        observed = np.where(missing, 0, np.nan_to_num(self._shown(self.found.observed))).ravel().round().astype(int)
        columns: dict[str, object] = {
            "region_code": np.repeat([key[0] for key in keys], days),
            "category": np.repeat([key[1] for key in keys], days),
            "period_start": dates * series,
            "observed": observed,
            "expected": _rounded(expected, missing, 2),
            "bound": _rounded(self._shown(self.bound), missing, 1),
            "score": _rounded(score, missing, 2),
            "is_signal": signal,
            "level": [level if on else None for level, on in zip(self.level.ravel(), signal, strict=True)],
            "driver": [str(name) if on else None for name, on in zip(names, signal, strict=True)],
            "weekday_factor": _rounded(self.found.weekday, missing, 2),
            "season_factor": _rounded(self.found.season, missing, 2),
        }
        columns |= self._beside(missing)
        frame = pl.DataFrame(columns, schema_overrides={name: WARNING_SCHEMA[name] for name in columns})
        empty = pl.Series(missing.ravel())
        return frame.with_columns(
            pl.when(~empty).then("observed").alias("observed"),
            pl.when(~empty).then("is_signal").alias("is_signal"),
            grain=pl.lit(self.grain),
            kind=pl.lit(REPORTED if self.exposure is None else DETECTION),
            method_version=pl.lit(self.settings.method_version),
            as_of=pl.lit(self.settings.as_of),
        )

    def _beside(self, missing: NDArray[np.bool_]) -> dict[str, object]:
        """Published detectors on the same series; they know no uptime, and say nothing of camera events."""
        names = ("ears_c1", "ears_c2", "ears_c3", "cusum", "farrington")
        if not self.settings.beside or self.exposure is not None:
            return {name: [None] * missing.size for name in names}
        recent = self.counts[:, max(0, self.first - 28) :]
        skip = recent.shape[1] - missing.shape[1]
        past = self.counts[:, : self.first]
        mean = np.maximum(past.mean(axis=1, keepdims=True) if past.shape[1] else np.zeros((len(past), 1)), 1e-3)
        expected = np.where(np.isnan(self.found.weekday), mean, mean * self.found.weekday * self.found.season)
        scores = {
            "ears_c1": ears_c1(recent).score[:, skip:] - C1_LIMIT,
            "ears_c2": ears_c2(recent).score[:, skip:] - C2_LIMIT,
            "ears_c3": ears_c3(recent).score[:, skip:] - C3_LIMIT,
            # From the first judged day on, as published; the limit itself is an alarm.
            "cusum": cusum(self.counts[:, self.first :], expected).score - CUSUM_H + 1e-12,
            "farrington": farrington_flexible(self.counts, self.first).score - 1,
        }
        return {
            name: [None if np.isnan(v) else bool(v > 0) for v in values.ravel().tolist()]
            for name, values in scores.items()
        }


def _rounded(values: Floats, missing: NDArray[np.bool_], decimals: int) -> list[float | None]:
    flat = np.where(missing | ~np.isfinite(values), np.nan, values).ravel().round(decimals)
    return [None if np.isnan(value) else float(value) for value in flat]


def _with_parts(result: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """Names, for each signal, the part furthest above its share of the year before in standard deviations."""
    require_columns(parts, ("region_code", "category", "period_start", "part", "n"), "parts")
    parts = parts.with_columns(pl.col("period_start").cast(pl.Date))
    signals = result.filter(pl.col("is_signal"))
    named: list[tuple[str, str, date, str | None]] = []
    grouped = parts.partition_by("region_code", "category", as_dict=True)
    for row in signals.iter_rows(named=True):
        own = grouped.get((row["region_code"], row["category"]))
        length = 1 if row["driver"] == WINDOW_NAMES[1] else 7
        named.append((row["region_code"], row["category"], row["period_start"], _driving_part(own, row, length)))
    keys = ["region_code", "category", "period_start"]
    frame = pl.DataFrame(
        named, schema={**{key: result.schema[key] for key in keys}, "driver_part": pl.String}, orient="row"
    )
    return result.join(frame, on=keys, how="left")


def _driving_part(parts: pl.DataFrame | None, row: dict[str, object], length: int) -> str | None:
    if parts is None:
        return None
    day: date = row["period_start"]  # type: ignore[assignment]
    start = day - timedelta(days=length - 1)
    at = pl.col("period_start")
    table = parts.group_by("part").agg(
        now=pl.col("n").filter(at.is_between(start, day)).sum(),
        before=pl.col("n").filter(at.is_between(start - timedelta(days=365), start - timedelta(days=1))).sum(),
    ).sort("part")  # fmt: skip
    before = table["before"].to_numpy().astype(float) + 0.5
    expected = before / before.sum() * float(row["expected"])  # type: ignore[arg-type]
    excess = (table["now"].to_numpy() - expected) / np.sqrt(expected + 0.5)
    return str(table["part"][int(excess.argmax())]) if table.height else None
