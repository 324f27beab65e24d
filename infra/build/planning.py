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
POVERTY = "poverty_share"
FIFTHS = ("1 kemiskinan terendah", "2", "3", "4", "5 kemiskinan tertinggi")
WHOLE_CITY = "Seluruh kota"
SHARES = ("patrol_share", "harm_share", "patrol_to_harm", "discovered_share")
YEAR, HALF, QUARTER = 364, 182, 91  # days, in whole weeks
SMALLEST, FEWEST_CELLS, REPORTING_DRAWS = 8, 20, 200
UNKNOWN_FIFTH = "kemiskinan tidak diketahui"
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


def patrol_frames(settings: BuildSettings) -> dict[str, pl.DataFrame]:
    """Regions of the index's level by expected harm an hour of the patrol that is planned for them."""
    import polars as pl

    from estimation.patrol import MERGED_REASON, PatrolSettings, patrol_priorities

    categories = counted_categories(settings)
    covering = categories.filter(~pl.col("is_named"))
    last = last_day(settings)
    found = patrol_priorities(
        rolled_up(settings, reported(settings)).sort("region_code", "period_start", "category"),
        area_groups(settings).join(weekly_patrol_hours(settings), on="region_code", how="left"),
        PatrolSettings(
            as_of=last,
            severity=dict(categories.select("category", "severity_days").iter_rows()),
            hidden_categories=frozenset(covering["category"]),
        ),
    )
    # Nothing stays unnamed but the group in which sensitive categories count: that group is the reason.
    names = {
        **dict(categories.select("category", "name_id").iter_rows()),
        **dict.fromkeys([MERGED_REASON], covering["shown_group_title"].first() if covering.height else None),
    }
    # Two digits that count: a rate any finer could be turned back into the records behind it.
    harm = [name for name in found.columns if name.startswith("harm_") or name == "expected_harm"]
    return {
        "patrol_priorities": found.with_columns(
            pl.col(harm).round_sig_figs(2),
            pl.col("reason").replace_strict(names, default=None, return_dtype=pl.String),
        )
    }


def weekly_patrol_hours(settings: BuildSettings) -> pl.DataFrame:
    """Planned hours a week by region of the index's level, mean of the last four weeks with plans.

    Hours planned for a wider region are nobody's: how they are shared out is not known.
    """
    import polars as pl

    plans = aggregate(settings, "int_patrol__region_day")
    since = (settings.as_of if plans.is_empty() else _last(plans)) - timedelta(days=DAYS)
    hours = rolled_up(settings, plans.filter(pl.col("local_date") > since)).group_by("region_code")
    return hours.agg(patrol_hours=(pl.col("patrol_minutes").sum() / 60 / (DAYS / 7)).round(1)).sort("region_code")


def area_groups(settings: BuildSettings) -> pl.DataFrame:
    """Regions of the index's level in fifths of poverty: `region_code`, `population`, `area_group`.

    The group is null where the city tells nothing of poverty, and says so for a region of which alone it is not known.
    """
    import polars as pl

    poverty = aggregate(settings, "int_area_indicators").filter(pl.col("indicator") == POVERTY)
    regions = index_regions(settings).join(
        poverty.select("region_code", "indicator_value"), on="region_code", how="left"
    )
    known = regions.filter(pl.col("indicator_value").is_not_null()).sort("indicator_value", "region_code")
    if known.is_empty():
        return regions.select("region_code", "population", area_group=pl.lit(None, pl.String))
    fifth = (pl.int_range(pl.len()) * 5 // pl.len()).replace_strict(dict(enumerate(FIFTHS)), return_dtype=pl.String)
    grouped = known.select("region_code", area_group=fifth)
    return (
        regions.join(grouped, on="region_code", how="left")
        .with_columns(pl.col("area_group").fill_null(UNKNOWN_FIFTH))
        .select("region_code", "population", "area_group")
        .sort("region_code")
    )


def pattern_frames(settings: BuildSettings) -> dict[str, pl.DataFrame]:
    """When and how, of categories that are not sensitive; empty where no record of the city tells how."""
    import polars as pl

    from estimation.patterns import GRIDS, HOURS, PATTERN_SCHEMA, time_modus_patterns

    counts = aggregate(settings, "int_incidents__hour_modus")
    told = counted_categories(settings).filter(~pl.col("category").is_in(sorted(settings.city.sensitive_categories)))
    counts = counts.filter(pl.col("category").is_in(told["category"].to_list()))
    # Of times alone nothing is unusual: a modus is held against the others of its category.
    known = counts["modus"].null_count() < counts.height
    found = time_modus_patterns(spread_hours(counts)) if known else pl.DataFrame(schema=PATTERN_SCHEMA)
    days = {
        name: group
        for grid in GRIDS
        for (name, _), group in zip(grid.names()[:: HOURS // grid.hours], grid.weekdays, strict=True)
    }
    ends = pl.col("hour_band").str.split("-").list.eval(pl.element().cast(pl.Int64))
    place = pl.col("weekday_band")
    return {
        "pattern_time_modus": found.with_columns(
            weekday_from=place.replace_strict(
                {name: group[0] + 1 for name, group in days.items()}, return_dtype=pl.Int64
            ),
            weekday_to=place.replace_strict(
                {name: group[-1] + 1 for name, group in days.items()}, return_dtype=pl.Int64
            ),
            hour_from=ends.list.first(),
            hour_to=ends.list.last(),
        )
    }


def spread_hours(counts: pl.DataFrame, longest: int = 168) -> pl.DataFrame:
    """Counts by `weekday`, `hour` and `span_hours` as counts by weekday and hour, `n` in fractions of an event.

    Both moments are known to the hour, so that an event is spread over each hour from the first to the last. One that
    may have happened on any day of a week says nothing of the hour, and is left out.
    """
    import polars as pl

    after = pl.int_ranges(0, pl.col("span_hours") + 1)
    hours = counts.filter(pl.col("span_hours") <= longest).with_columns(after=after).explode("after")
    since = pl.col("hour") + pl.col("after")
    return hours.with_columns(
        n=pl.col("n") / (pl.col("span_hours") + 1),
        hour=since % 24,
        weekday=(pl.col("weekday") + since // 24) % 7,
    ).drop("after", "span_hours")


def fairness_frames(settings: BuildSettings) -> dict[str, pl.DataFrame]:
    """What the index and the patrol priorities rest on, held up to the light: one row a measure and subject.

    A measure that the city's data cannot give keeps one row, without a value and with the reason.
    """
    import polars as pl

    from estimation.fairness import FAIRNESS_METHOD

    rows = [*_group_rows(settings), *_top_cell_rows(settings), *_reporting_rows(settings), *_call_rows(settings)]
    schema = {
        "measure": pl.String(),
        "subject": pl.String(),
        "value": pl.Float64(),
        "value_lower": pl.Float64(),
        "value_upper": pl.Float64(),
        "reference": pl.Float64(),
        "is_flagged": pl.Boolean(),
        "status_reason": pl.String(),
    }
    frame = pl.DataFrame([{**dict.fromkeys(schema), **row} for row in rows], schema=schema, orient="row")
    numbers = ("value", "value_lower", "value_upper", "reference")
    return {"index_fairness": frame.with_columns(pl.col(numbers).round(3), method_version=pl.lit(FAIRNESS_METHOD))}


def _year(frame: pl.DataFrame, column: str, last: date, days: int = YEAR) -> pl.DataFrame:
    import polars as pl

    return frame.filter((pl.col(column) > last - timedelta(days=days)) & (pl.col(column) <= last))


def _group_rows(settings: BuildSettings) -> list[dict[str, object]]:
    """Patrol, harm and discovered records of a year by fifth of poverty; the city as one group where none is known."""
    import polars as pl

    from estimation.fairness import area_group_shares

    last = last_day(settings)
    severity = counted_categories(settings).select("category", "severity_days")
    told = _year(rolled_up(settings, reported(settings)), "period_start", last).join(severity, on="category")
    records = _year(aggregate(settings, "int_incidents__region_day"), "local_date", last)
    found = rolled_up(settings, records.filter(pl.col("reported_by") != "citizen"))
    plans = rolled_up(settings, _year(aggregate(settings, "int_patrol__region_day"), "local_date", last))
    areas = area_groups(settings).with_columns(pl.col("area_group").fill_null(WHOLE_CITY))
    for counted in (
        told.group_by("region_code").agg(
            reported_n=pl.col("n").sum(), reported_harm=(pl.col("n") * pl.col("severity_days")).sum()
        ),
        found.group_by("region_code").agg(discovered_n=pl.col("n").sum()),
        plans.group_by("region_code").agg(patrol_hours=pl.col("patrol_minutes").sum() / 60),
    ):
        areas = areas.join(counted, on="region_code", how="left")
    areas = areas.with_columns(pl.col("reported_n", "reported_harm", "discovered_n", "patrol_hours").fill_null(0))
    if areas.is_empty():
        return [{"measure": measure, "subject": WHOLE_CITY, "status_reason": "Tidak ada wilayah"} for measure in SHARES]
    # A share of under 8 records could be turned back into them.
    totals = areas.group_by("area_group").agg(n=pl.col("reported_n").sum() + pl.col("discovered_n").sum())
    enough = dict(totals.with_columns(pl.col("n") >= SMALLEST).iter_rows())
    by_group = areas.group_by("area_group").agg(pl.col("discovered_n").sum())
    few = dict(by_group.with_columns(pl.col("discovered_n").is_between(1, SMALLEST - 1)).iter_rows())
    rows: list[dict[str, object]] = []
    for group in area_group_shares(areas).iter_rows(named=True):
        for measure in SHARES:
            name = group["area_group"]
            is_told = enough[name] and not (measure == "discovered_share" and few[name])
            value = group[measure] if is_told else None
            missing = "Tidak ada rencana patroli" if is_told else "Kurang dari 8 catatan"
            rows.append(
                {
                    "measure": measure,
                    "subject": group["area_group"],
                    "value": value,
                    "value_lower": None if value is None else group.get(f"{measure}_lower"),
                    "value_upper": None if value is None else group.get(f"{measure}_upper"),
                    "reference": 1.0 if measure == "patrol_to_harm" else None,
                    "status_reason": missing if value is None else None,
                }
            )
    return rows


def _top_cell_rows(settings: BuildSettings) -> list[dict[str, object]]:
    """How much of the riskiest twentieth of the cells stays that from quarter to quarter of a year."""
    import numpy as np
    import polars as pl

    from estimation.fairness import persistence_of_top

    last = last_day(settings)
    counted = counted_categories(settings)["category"].to_list()
    cells = aggregate(settings, "int_incidents__cell_day").filter(pl.col("category").is_in(counted))
    cells = _year(cells, "local_date", last, 4 * QUARTER).with_columns(
        quarter=3 - (pl.lit(last) - pl.col("local_date")).dt.total_days() // QUARTER
    )
    names = cells["h3_cell"].unique().sort().to_list()
    measures = ("top_cells_kept", "top_cells_share")
    if len(names) < FEWEST_CELLS or cells["quarter"].n_unique() < 4:
        reason = "Kurang dari setahun data, atau terlalu sedikit sel"
        return [{"measure": measure, "subject": WHOLE_CITY, "status_reason": reason} for measure in measures]
    place = {cell: number for number, cell in enumerate(names)}
    counts = np.zeros((4, len(names)))
    at = (cells["quarter"].to_numpy(), np.array([place[cell] for cell in cells["h3_cell"]]))
    np.add.at(counts, at, cells["n"].to_numpy().astype(float))
    found = persistence_of_top(counts)
    values = ((float(found.overlap.mean()), found.by_chance), (float(found.concentration.mean()), found.by_chance))
    return [
        {"measure": measure, "subject": WHOLE_CITY, "value": value, "reference": reference}
        for measure, (value, reference) in zip(measures, values, strict=True)
    ]


def _reporting_rows(settings: BuildSettings) -> list[dict[str, object]]:
    """How far the regions' order of harm moves when each reports 30 % more or less than it does."""
    import numpy as np
    import polars as pl

    from estimation.fairness import movement_under_reporting, shrunk_harm

    measures = ("ranks_alike", "worst_tenth_kept")
    regions = index_regions(settings).filter(pl.col("population") > 0)
    told = _year(rolled_up(settings, reported(settings)), "period_start", last_day(settings))
    told = told.filter(pl.col("region_code").is_in(regions["region_code"].to_list()))
    if regions.height < 3 or told.is_empty():
        reason = "Terlalu sedikit wilayah dengan penduduk yang diketahui"
        return [{"measure": measure, "subject": WHOLE_CITY, "status_reason": reason} for measure in measures]
    categories = counted_categories(settings)
    rows = {code: number for number, code in enumerate(regions["region_code"])}
    columns = {category: number for number, category in enumerate(categories["category"])}
    counts = np.zeros((len(rows), len(columns)))
    at = ([rows[code] for code in told["region_code"]], [columns[category] for category in told["category"]])
    np.add.at(counts, at, told["n"].to_numpy().astype(float))
    score = shrunk_harm(regions["population"].to_numpy().astype(float), categories["severity_days"].to_numpy())
    moved = movement_under_reporting(counts, score, draws=REPORTING_DRAWS)
    return [
        {"measure": measure, "subject": WHOLE_CITY, "value": value, "reference": 1.0}
        for measure, value in zip(measures, (moved.correlation, moved.kept), strict=True)
    ]


def _call_rows(settings: BuildSettings) -> list[dict[str, object]]:
    """Regions of the level above the index's where records of half a year fell and calls did not: flags alone, since
    the change of a small count gives it away."""
    import polars as pl

    from estimation.fairness import records_against_calls

    measure, last = "records_fall_calls_do_not", last_day(settings)
    level = settings.city.level_keys[max(0, settings.city.level_keys.index(settings.city.index_level) - 1)]
    regions = (
        aggregate(settings, "int_regions").filter(pl.col("level") == level).select("region_code").sort("region_code")
    )
    calls = aggregate(settings, "int_calls__region_day").filter(pl.col("category") == "crime")
    calls = rolled_up(settings, calls).rename({"local_date": "period_start"})
    records, before = rolled_up(settings, reported(settings)), last - timedelta(days=2 * HALF)
    reason = None
    if calls.is_empty() or records.is_empty():
        reason = "Tidak ada panggilan darurat, atau tidak ada laporan"
    elif max(calls["period_start"].min(), records["period_start"].min()) > before + timedelta(days=7):  # type: ignore[type-var,operator]
        reason = "Kurang dari dua paruh tahun data"
    if reason:
        return [{"measure": measure, "subject": WHOLE_CITY, "status_reason": reason}]
    compared = regions
    for name, frame in (("records", records), ("calls", calls)):
        for part, end in (("now", last), ("before", last - timedelta(days=HALF))):
            counted = _year(frame, "period_start", end, HALF).group_by("region_code")
            column = pl.col("n").sum().alias(f"{name}_{part}")
            compared = compared.join(counted.agg(column), on="region_code", how="left")
    found = records_against_calls(compared.with_columns(pl.exclude("region_code").fill_null(0)))
    return [
        {"measure": measure, "subject": code, "is_flagged": flagged}
        for code, flagged in found.select("region_code", "is_falling_apart").iter_rows()
    ]
