"""When and how: hour x weekday x modus x category, and what of it is unusual.

A modus is unusual at a time when it happens there more often than its category's other events would lead one to
expect: its total spread over the category's own hours and weekdays. Times are merged until a cell can carry a
statement, and the share of false statements among all made is controlled (Benjamini and Hochberg 1995). Where only
"between these two moments" is known, an event is spread evenly over them (aoristic, Ratcliffe 2000).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from estimation.panel import require_columns
from estimation.warning.detector import power_score

Floats = NDArray[np.float64]
PATTERN_METHOD = "pattern-2"
DAY_NAMES = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")
HOURS, DAYS = 24, 7
# Events whose modus nobody recorded: a row of its own, and part of what others are held against.
UNCLASSIFIED = "tidak terklasifikasi"

PATTERN_SCHEMA: dict[str, pl.DataType] = {
    "region_code": pl.String(), "category": pl.String(), "modus": pl.String(), "weekday_band": pl.String(),
    "hour_band": pl.String(), "observed": pl.Float64(), "expected": pl.Float64(), "ratio": pl.Float64(),
    "score": pl.Float64(), "p_value": pl.Float64(), "is_unusual": pl.Boolean(), "method_version": pl.String(),
}  # fmt: skip


@dataclass(frozen=True)
class Grid:
    """Bands of hours (width in hours) and groups of weekdays, each a tuple of places 0 (Monday) - 6."""

    hours: int
    weekdays: tuple[tuple[int, ...], ...]

    @property
    def cells(self) -> int:
        return HOURS // self.hours * len(self.weekdays)

    def names(self) -> list[tuple[str, str]]:
        """(weekday band, hour band) of each cell, weekdays outside."""
        hours = [f"{h:02d}-{h + self.hours:02d}" for h in range(0, HOURS, self.hours)]
        return [(_weekday_name(days), hour) for days in self.weekdays for hour in hours]

    def merge(self, counts: Floats) -> Floats:
        """[..., 7, 24] -> [..., cells]."""
        bands = counts.reshape(*counts.shape[:-1], HOURS // self.hours, self.hours).sum(axis=-1)
        merged = np.stack([bands[..., list(days), :].sum(axis=-2) for days in self.weekdays], axis=-2)
        return merged.reshape(*merged.shape[:-2], self.cells)


EACH_DAY = tuple((day,) for day in range(DAYS))
WORK_AND_WEEKEND = ((0, 1, 2, 3, 4), (5, 6))
# From fine to coarse; the first whose middle cell has enough is used.
GRIDS = (
    Grid(1, EACH_DAY), Grid(3, EACH_DAY), Grid(3, WORK_AND_WEEKEND), Grid(6, WORK_AND_WEEKEND),
    Grid(6, (tuple(range(DAYS)),)),
)  # fmt: skip


def _weekday_name(days: tuple[int, ...]) -> str:
    if len(days) == 1:
        return DAY_NAMES[days[0]]
    return "setiap hari" if len(days) == DAYS else f"{DAY_NAMES[days[0]]} - {DAY_NAMES[days[-1]]}"


@dataclass(frozen=True)
class PatternSettings:
    """Settings of `time_modus_patterns`.

    smallest_expected: what the median cell of a grid must be expected to hold. false_share: share of false statements
    among all that are made. smallest_ratio: how many times the expectation an unusual cell holds at least.
    smallest_total: events of a modus below which nothing is said of its times.
    """

    smallest_expected: float = 2.0
    false_share: float = 0.05
    smallest_ratio: float = 1.5
    smallest_total: float = 20.0
    excluded_categories: frozenset[str] = frozenset()
    method_version: str = PATTERN_METHOD


def time_modus_patterns(counts: pl.DataFrame, settings: PatternSettings | None = None) -> pl.DataFrame:
    """What happens when and how in each region; PATTERN_SCHEMA, one row a region, category, modus and merged time.

    counts: region_code, category, modus, weekday (0 Monday - 6), hour (0 - 23), n (may be fractions of aoristic
        events); citizen-reported events only: an optional reported_by column keeps 'citizen' rows. A null modus is
        'tidak terklasifikasi'.

    A modus with under `smallest_total` events has no row. `expected` is its total spread as its category's other modi
    are (the whole category's where it has no others of weight); `score` the normal deviate of seeing so many, with the
    dispersion of the category's modi in their middle. Raises ValueError for missing columns or a time out of range.
    """
    settings = settings or PatternSettings()
    require_columns(counts, ("region_code", "category", "modus", "weekday", "hour", "n"), "counts")
    if "reported_by" in counts.columns:
        counts = counts.filter(pl.col("reported_by") == "citizen")
    counts = counts.drop_nulls(["region_code", "category"]).with_columns(pl.col("modus").fill_null(UNCLASSIFIED))
    counts = counts.filter(~pl.col("category").is_in(list(settings.excluded_categories)))
    if not counts["weekday"].is_between(0, DAYS - 1).all() or not counts["hour"].is_between(0, HOURS - 1).all():
        raise ValueError("counts has a weekday outside 0 - 6 or an hour outside 0 - 23")
    parts = []
    for (region, category), group in sorted(counts.partition_by("region_code", "category", as_dict=True).items()):
        modi, table = _table(group)
        held = [_held_against_others(table, m, settings) for m in range(len(modi))]
        # What is ordinary unrest is told by the modi together: one whose every hour is another's must not hide itself.
        told = [each.dispersion for each in held if each is not None]
        ordinary = float(np.median(told)) if told else 1.0
        for modus, each in zip(modi, held, strict=True):
            if each is not None:
                names = {"region_code": str(region), "category": str(category), "modus": modus}
                rows = each.rows(ordinary)
                parts.append(rows.select([pl.lit(value).alias(key) for key, value in names.items()] + [pl.all()]))
    if not parts:
        return pl.DataFrame(schema=PATTERN_SCHEMA)
    result = pl.concat(parts)
    chosen = benjamini_hochberg(result["p_value"].to_numpy(), settings.false_share)
    result = result.with_columns(
        is_unusual=pl.Series(chosen) & (pl.col("ratio") >= settings.smallest_ratio),
        method_version=pl.lit(settings.method_version),
    )
    rounded = result.with_columns(pl.col("observed", "expected", "ratio", "score").round(2))
    return rounded.select(list(PATTERN_SCHEMA)).cast(PATTERN_SCHEMA)  # type: ignore[arg-type]


def _table(group: pl.DataFrame) -> tuple[list[str], Floats]:
    """Counts [modus, weekday, hour] of one region and category, in the order of the modi's names."""
    modi = sorted(group["modus"].unique().to_list())
    place = {modus: i for i, modus in enumerate(modi)}
    table = np.zeros((len(modi), DAYS, HOURS))
    index = (
        np.array([place[modus] for modus in group["modus"]]),
        group["weekday"].to_numpy(),
        group["hour"].to_numpy(),
    )
    np.add.at(table, index, group["n"].cast(pl.Float64).to_numpy())
    return modi, table


@dataclass(frozen=True)
class _Held:
    """A modus's merged table beside what its category leads one to expect. `error` is the profile's own, 1 or more;
    `dispersion` how far the table strays from the expectation, in its middle cell."""

    grid: Grid
    observed: Floats
    expected: Floats
    error: float
    dispersion: float

    def rows(self, ordinary: float) -> pl.DataFrame:
        from scipy.stats import norm

        score = power_score(self.observed, self.expected, np.full(self.grid.cells, max(self.error, ordinary)))
        names = self.grid.names()
        return pl.DataFrame(
            {
                "weekday_band": [weekday for weekday, _ in names], "hour_band": [hour for _, hour in names],
                "observed": self.observed, "expected": self.expected, "ratio": self.observed / self.expected,
                "score": score, "p_value": norm.sf(score),
            }
        )  # fmt: skip


def _held_against_others(table: Floats, m: int, settings: PatternSettings) -> _Held | None:
    own = table[m]
    total = own.sum()
    if total < settings.smallest_total:
        return None
    others = table.sum(axis=0) - own
    # Its own events are left out of what it is held against, where there are enough others to hold it against.
    profile = others if others.sum() >= 2 * total else table.sum(axis=0)
    grid = GRIDS[-1]
    for candidate in GRIDS:
        spread = candidate.merge(profile)
        if np.median(spread) * total / spread.sum() >= settings.smallest_expected:
            grid = candidate
            break
    observed, spread = grid.merge(own), grid.merge(profile)
    # Half an event a cell spread as the merged table keeps a time expectable that the others never use.
    spread = spread + 0.5
    expected = total * spread / spread.sum()
    # The profile is itself counted: its error is that of as many events.
    error = float(1 + total / spread.sum())
    pearson = (observed - expected) ** 2 / expected
    # The middle of the squares stands for their mean: a few unusual cells must not hide themselves.
    return _Held(grid, observed, expected, error, min(float(np.median(pearson) / 0.455), float(pearson.mean())))


def benjamini_hochberg(p_values: Floats, false_share: float) -> NDArray[np.bool_]:
    """Which of the hypotheses are rejected so that the expected share of false ones among them is `false_share`."""
    count = len(p_values)
    order = np.argsort(p_values, kind="stable")
    passed = p_values[order] <= false_share * np.arange(1, count + 1) / count
    rejected = np.zeros(count, dtype=bool)
    if passed.any():
        rejected[order[: int(np.flatnonzero(passed)[-1]) + 1]] = True
    return rejected


def aoristic_hours(events: pl.DataFrame, longest_hours: float = 168.0) -> pl.DataFrame:
    """Spreads each event evenly over the hours between its two moments: its columns with weekday, hour and n.

    events: occurred_from, occurred_to (local, null where unknown) and any columns to keep. An event with one moment, or
    two alike, counts whole in that hour; one with a moment missing takes the other. Events without any moment, ending
    before they begin, or longer than `longest_hours` (they say nothing of the hour) are left out. An event's parts sum
    to 1; parts of one hour and weekday with the same other columns are summed.
    """
    require_columns(events, ("occurred_from", "occurred_to"), "events")
    kept = [column for column in events.columns if column not in ("occurred_from", "occurred_to")]
    spans = events.with_columns(
        start=pl.coalesce("occurred_from", "occurred_to"), end=pl.coalesce("occurred_to", "occurred_from")
    ).filter(pl.col("start").is_not_null() & (pl.col("end") >= pl.col("start")))
    minutes = (pl.col("end") - pl.col("start")).dt.total_seconds() / 60
    spans = spans.with_columns(length=minutes).filter(pl.col("length") <= longest_hours * 60)
    first = pl.col("start").dt.truncate("1h")
    hours = spans.with_columns(bin=pl.datetime_ranges(first, pl.col("end"), interval="1h")).explode("bin")
    bin_end = pl.col("bin") + pl.duration(hours=1)
    overlap = (pl.min_horizontal("end", bin_end) - pl.max_horizontal("start", "bin")).dt.total_seconds() / 60
    share = pl.when(pl.col("length") > 0).then(overlap / pl.col("length")).otherwise(1.0)
    return (
        hours.with_columns(
            n=share,
            weekday=(pl.col("bin").dt.weekday() - 1).cast(pl.Int64),
            hour=pl.col("bin").dt.hour().cast(pl.Int64),
        )
        .group_by(*kept, "weekday", "hour", maintain_order=True)
        .agg(pl.col("n").sum())
        .filter(pl.col("n") > 0)
    )
