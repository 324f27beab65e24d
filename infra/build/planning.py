"""What helps to plan: aggregates to warnings, patterns, patrol priorities and fairness, with the columns of ESTIMATES.

The methods live in estimation/; here is what each is given, from when, and which names may stand in its answer.
"""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

from infra.build.estimate import aggregate, reference
from infra.build.settings import BuildSettings

if TYPE_CHECKING:
    import polars as pl

# What the warnings show: days of what is frequent enough to be judged by the day, and weeks of the rest.
DAYS, WEEKS = 28, 8
PUBLISHED_METHODS = {
    "ears_c1": "EARS C1",
    "ears_c2": "EARS C2",
    "ears_c3": "EARS C3",
    "cusum": "CUSUM",
    "farrington": "Farrington",
}
EVENT_TITLES = {
    "red_light": "Menerobos lampu merah",
    "speeding": "Kecepatan berlebih",
    "wrong_way": "Melawan arus",
    "illegal_parking": "Parkir liar",
    "congestion": "Kemacetan",
    "accident": "Kecelakaan",
    "crowd": "Kerumunan",
    "flooding": "Genangan",
    "abandoned_object": "Barang ditinggalkan",
    "other": "Kejadian lain",
}


def counted_categories(settings: BuildSettings) -> pl.DataFrame:
    """The categories that plan anything: those of the index, less what police discover.

    Adds `shown_group` and `shown_group_title`: a sensitive category counts in the group of the gravest one that is not,
    as in the parts of the index. A group of nothing but sensitive ones would name them by another word. So would a
    remainder of that group's named categories: `is_named` is false for all of them.
    """
    import polars as pl

    discovered = pl.col("category").is_in(sorted(settings.city.discovered_categories))
    sensitive = pl.col("category").is_in(sorted(settings.city.sensitive_categories))
    counted = reference(settings).filter(pl.col("counts_in_index") & ~discovered)
    plain = counted.filter(~sensitive).sort("severity_days", "category")["category_group"].to_list()
    cover = pl.lit(plain[-1] if plain else None, pl.String)
    titles = counted.select(shown_group="category_group", shown_group_title="group_name_id").unique()
    group = pl.when(sensitive).then(cover).otherwise("category_group")
    shown = counted.with_columns(shown_group=group).join(titles, on="shown_group", how="left")
    covering = shown.filter(sensitive)["shown_group"].unique().to_list()
    return shown.with_columns(is_named=~sensitive & ~pl.col("shown_group").is_in(covering)).sort("category")


def covered_since(completeness: pl.DataFrame, last: date) -> date:
    """First day of the unbroken run of months with data that ends in the month of `last`: a gap is no quiet time."""
    import polars as pl

    covered = set(completeness.filter((pl.col("period_type") == "month") & pl.col("is_covered"))["period_start"])
    start = last.replace(day=1)
    while (before := (start - timedelta(days=1)).replace(day=1)) in covered:
        start = before
    return start


def rolled_up(settings: BuildSettings, frame: pl.DataFrame) -> pl.DataFrame:
    """Rows of the finest regions as rows of each region that holds them, from the index's level up."""
    import polars as pl

    rank = settings.city.level_keys.index(settings.city.index_level) + 1
    above = aggregate(settings, "int_region_ancestors").filter(pl.col("ancestor_rank") <= rank)
    joined = frame.join(above.select("region_code", "ancestor_code"), on="region_code")
    return joined.drop("region_code").rename({"ancestor_code": "region_code"})


def index_regions(settings: BuildSettings) -> pl.DataFrame:
    """The regions of the index's level by code: `region_code`, `population`."""
    import polars as pl

    regions = aggregate(settings, "int_regions").filter(pl.col("level") == settings.city.index_level)
    return regions.select("region_code", "population").sort("region_code")


def reported(settings: BuildSettings) -> pl.DataFrame:
    """Citizen-reported incidents of counted categories since data goes on unbroken: `region_code`, `period_start`,
    `category`, `n`, of the finest regions."""
    import polars as pl

    records = aggregate(settings, "int_incidents__region_day")
    if records.is_empty():
        return records.select("region_code", "category", "n", period_start="local_date")
    since = covered_since(aggregate(settings, "int_incidents__completeness"), _last(records))
    counted = counted_categories(settings)["category"].to_list()
    return records.filter(
        (pl.col("reported_by") == "citizen") & (pl.col("local_date") >= since) & pl.col("category").is_in(counted)
    ).select("region_code", "category", "n", period_start="local_date")


def last_day(settings: BuildSettings) -> date:
    """The clock, or the newest record where that is older: days that nobody has delivered yet are not quiet."""
    records = aggregate(settings, "int_incidents__region_day")
    return settings.as_of if records.is_empty() else _last(records)


def _last(frame: pl.DataFrame) -> date:
    last: date = frame["local_date"].max()  # type: ignore[assignment]
    return last


def warning_frames(settings: BuildSettings) -> dict[str, pl.DataFrame]:
    """Warnings of citizen-reported incidents, and of detections by cameras whose uptime is known."""
    import polars as pl

    from estimation.early_warning import WINDOW_NAMES

    found = pl.concat([_reported_warnings(settings), _detection_warnings(settings)])
    weekly = pl.col("period_type") == "week"
    length = pl.col("driver").replace_strict(
        {name: days for days, name in WINDOW_NAMES.items()}, default=None, return_dtype=pl.Int64
    )
    # A published verdict on single days would tell of single events where those are rare.
    agreeing = pl.concat_list(
        pl.when(pl.col(method) & (~weekly if method != "farrington" else True)).then(pl.lit(title))
        for method, title in PUBLISHED_METHODS.items()
    ).list.drop_nulls()
    frame = found.rename({"grain": "period_type"}).with_columns(
        period_end=pl.col("period_start"),
        period_start=pl.when(weekly).then(pl.col("period_start") - timedelta(days=6)).otherwise("period_start"),
        window_days=pl.when(weekly).then(pl.lit(7, pl.Int64)).otherwise(length),
        other_methods=pl.when(agreeing.list.len() > 0).then(agreeing.list.join(", ")),
    )
    return {"early_warnings": frame}


def _reported_warnings(settings: BuildSettings) -> pl.DataFrame:
    import polars as pl

    from estimation.early_warning import WarningSettings, early_warnings

    categories = counted_categories(settings)
    records = rolled_up(settings, reported(settings)).join(
        categories.select("category", "is_named", "shown_group"), on="category"
    )
    named = pl.when("is_named").then("category")
    parts = (
        records.group_by("region_code", "period_start", category="shown_group", part=named)
        .agg(pl.col("n").sum())
        .sort("region_code", "category", "period_start", "part")
    )
    last = last_day(settings)
    whole = parts.group_by("region_code", "category", "period_start", maintain_order=True).agg(pl.col("n").sum())
    found = early_warnings(
        whole, WarningSettings(as_of=last, days=7 * WEEKS), parts=parts.filter(pl.col("part").is_not_null())
    )
    titles = categories.select(category="shown_group", category_group_title="shown_group_title").unique()
    return _shown(found, last).join(titles, on="category", how="left").rename({"category": "category_group"})


def _detection_warnings(settings: BuildSettings) -> pl.DataFrame:
    """Detections by hours of uptime: a camera that stood still saw nothing, which is not that nothing happened."""
    import polars as pl

    from estimation.early_warning import WarningSettings, early_warnings

    uptime = aggregate(settings, "int_camera_uptime__region_day").filter(pl.col("uptime_hours") > 0)
    events = aggregate(settings, "int_camera__region_day").join(uptime, on=["region_code", "local_date"], how="semi")
    last = settings.as_of if events.is_empty() else _last(events)
    parts = (
        rolled_up(settings, events)
        .group_by("region_code", category="event_type", period_start="local_date")
        .agg(pl.col("n").sum())
        .sort("region_code", "category", "period_start")
    )
    hours = rolled_up(settings, uptime).group_by("region_code", period_start="local_date")
    found = early_warnings(
        parts,
        WarningSettings(as_of=last, days=7 * WEEKS),
        uptime=hours.agg(hours=pl.col("uptime_hours").cast(pl.Float64).sum()).sort("region_code", "period_start"),
    )
    title = pl.col("category").replace_strict(EVENT_TITLES, default=pl.col("category"), return_dtype=pl.String)
    return _shown(found, last).with_columns(category_group_title=title).rename({"category": "category_group"})


def _shown(found: pl.DataFrame, last: date) -> pl.DataFrame:
    """Days of the last four weeks, and of the rarer the seven days that end at `last`, a week before, and so on."""
    import polars as pl

    age = (pl.lit(last) - pl.col("period_start")).dt.total_days()
    return found.filter(
        pl.when(pl.col("grain") == "day").then(age < DAYS).otherwise((age % 7 == 0) & (age < 7 * WEEKS))
    )
