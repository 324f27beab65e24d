"""What needs exact values and is kept afterwards: the city's own day and hour, durations, spans, repeat locations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from ingestion.city import City
    from ingestion.contract import Contract
    from ingestion.entities import Entity

POINT = "_point"  # exact point as text, in memory until repeat locations are known
MOMENT = "_moment"  # exact start, in memory as long
_STAMPS = {"answer_seconds": "answered_at", "dispatch_seconds": "dispatched_at", "arrival_seconds": "arrived_at"}


def derive(rows: pl.DataFrame, contract: Contract, city: City, entity: Entity) -> pl.DataFrame:
    """Add the derived columns of the entity's minimised table to conformed, located rows.

    Local dates, hours (0-23) and months (YYYY-MM) are the city's, from UTC stamps. Durations are whole seconds since
    `received_at`; one that runs backwards is null (`backwards` counts them). Adds `_point` and `_moment` where the
    contract asks for repeat locations.
    """
    wanted = {field.name for field in entity.minimised}
    have = set(rows.columns)
    made: list[pl.Expr] = []
    for stem, stamp in (("occurred", _first(have, "occurred_from_at", "occurred_at")), ("received", "received_at")):
        if stamp not in have:
            continue
        local = pl.col(stamp).dt.convert_time_zone(city.time_zone)
        parts = {"date": local.dt.date(), "hour": local.dt.hour().cast(pl.Int64), "month": local.dt.strftime("%Y-%m")}
        made += [part.alias(f"{stem}_local_{name}") for name, part in parts.items() if f"{stem}_local_{name}" in wanted]
    if "reported_local_date" in wanted:
        made.append(pl.col("reported_at").dt.convert_time_zone(city.time_zone).dt.date().alias("reported_local_date"))
    if "plan_local_date" in wanted:
        made.append(pl.col("starts_at").dt.convert_time_zone(city.time_zone).dt.date().alias("plan_local_date"))
        made.append(_not_negative(pl.col("ends_at") - pl.col("starts_at")).floordiv(60).alias("patrol_minutes"))
    if "occurred_span_hours" in wanted:
        span = _not_negative(pl.col("occurred_to_at") - pl.col("occurred_from_at")).floordiv(3600)
        # One stamp alone says nothing of how long it took: 0, as the entity says.
        made.append(pl.when(pl.col("occurred_to_at").is_null()).then(0).otherwise(span).alias("occurred_span_hours"))
    for name, stamp in _STAMPS.items():
        if name in wanted and stamp in have:
            made.append(_not_negative(pl.col(stamp) - pl.col("received_at")).alias(name))
    if "occurred_at" in wanted and "occurred_at" not in have:
        made.append(pl.col("occurred_from_at").alias("occurred_at"))
    if "is_repeat_location" in wanted:
        made.append(pl.lit(None, pl.Boolean).alias("is_repeat_location"))
        if repeat_days(contract):
            at = pl.concat_str(pl.col("longitude"), pl.col("latitude"), separator=" ")
            made.append(pl.when(pl.col("location_quality") == "exact").then(at).alias(POINT))
            made.append(pl.col("occurred_from_at").alias(MOMENT))
    return rows.with_columns(made)


def _first(have: set[str], *names: str) -> str:
    return next((name for name in names if name in have), names[0])


def _not_negative(duration: pl.Expr) -> pl.Expr:
    seconds = duration.dt.total_seconds()
    return pl.when(seconds >= 0).then(seconds)


def backwards(rows: pl.DataFrame, entity: Entity) -> dict[str, int]:
    """Derived column -> rows whose two stamps are known but run backwards (their duration is null)."""
    pairs = {name: ("received_at", stamp) for name, stamp in _STAMPS.items()}
    pairs |= {"occurred_span_hours": ("occurred_from_at", "occurred_to_at"), "patrol_minutes": ("starts_at", "ends_at")}
    wanted = {field.name for field in entity.minimised}
    asked = {
        name: (start, end)
        for name, (start, end) in pairs.items()
        if name in wanted and start in rows.columns and end in rows.columns
    }
    if not asked:
        return {}
    counted = rows.select((pl.col(end) < pl.col(start)).sum().alias(name) for name, (start, end) in asked.items())
    return {name: int(count) for name, count in counted.row(0, named=True).items() if count}


def repeat_days(contract: Contract) -> int | None:
    """Days back in which an earlier record at the same point makes a repeat; null where the contract asks for none."""
    days = contract.derive.get("repeat_location_days")
    return None if days is None else int(days)


def mark_repeat_locations(rows: pl.DataFrame, days: int) -> pl.DataFrame:
    """Fill `is_repeat_location` from `_point` and `_moment` of one delivery, and drop both.

    True where another of these rows lies at the same exact point at most `days` days (of 24 hours) earlier. Rows of
    other deliveries are not seen: their exact points are gone, and no digest of a point is kept. Null without a point.
    """
    if POINT not in rows.columns:
        return rows
    ranked = (
        rows.select(POINT, MOMENT)
        .with_row_index("at")
        .filter(pl.col(POINT).is_not_null())
        .sort(POINT, MOMENT)
        .with_columns(before=pl.col(MOMENT).shift(1).over(POINT))
    )
    # Of several rows at one instant none came earlier: the gap to the last row before that instant counts.
    ranked = ranked.with_columns(
        before=pl.when(pl.col("before") < pl.col(MOMENT)).then("before").forward_fill().over(POINT, MOMENT)
    )
    gap = pl.col(MOMENT) - pl.col("before")
    flags = ranked.select("at", is_repeat_location=(gap <= pl.duration(days=days)).fill_null(False))
    return (
        rows.drop(POINT, MOMENT, "is_repeat_location")
        .with_row_index("at")
        .join(flags, on="at", how="left", maintain_order="left")
        .drop("at")
        .select(*[name for name in rows.columns if name not in (POINT, MOMENT)])
    )
