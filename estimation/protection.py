"""What may leave of an index: rounded so far that no count of 1 - 7 can be had back from it.

An index is a harm rate, a harm rate is counts by their weights: told too finely, any of them can be solved for the
counts. So a value on few events is told in coarse steps, and a group of few events only together with others.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from estimation.rounding import largest_remainder

MERGED = "merged"
KEYS = ("region_code", "period_type", "period_start")


@dataclass(frozen=True)
class Steps:
    """Index points in which values are told: `fine` on no or at least `smallest` events, else `coarse`."""

    smallest: int = 8
    fine: float = 1.0
    coarse: float = 5.0


def protected(
    index: pl.DataFrame, components: pl.DataFrame, steps: Steps | None = None
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Index and components as they may be shown, from those of `region_index` (schemas kept, components less `events`).

    - A row's value is rounded to its step, its bounds outwards; a change is the difference of two shown values, with
      bounds rounded outwards to the coarser step of the two periods; chances to twentieths (coarse: to fifths).
    - Groups of 1 - 7 events of a row are told as one, `merged`; where they are still fewer than 8, with the next
      smallest. Components sum to 100 - index_value exactly.
    """
    steps = steps or Steps()
    events = components.group_by(KEYS).agg(pl.col("events").sum())
    few = (pl.col("events") > 0) & (pl.col("events") < steps.smallest)
    marked = index.join(events, on=list(KEYS), how="left", maintain_order="left").with_columns(
        step=pl.when(few).then(steps.coarse).otherwise(steps.fine)
    )
    shown = _rounded(marked).drop("events", "step").select(index.columns)
    return shown, _merged(components, shown, steps)


def _rounded(index: pl.DataFrame) -> pl.DataFrame:
    step = pl.col("step")
    told = index.with_columns(index_value=((pl.col("index_value") / step).round() * step).clip(0, 100))
    value = pl.col("index_value")
    told = told.with_columns(
        *[_down(name, step).clip(0, 100).alias(name) for name in ("index_lower", "sensitivity_lower")],
        *[_up(name, step).clip(0, 100).alias(name) for name in ("index_upper", "sensitivity_upper")],
        ((pl.col("p_among_worst") * _chances(step)).round() / _chances(step)).round(2),
    ).with_columns(
        *[pl.min_horizontal(name, value) for name in ("index_lower", "sensitivity_lower")],
        *[pl.max_horizontal(name, value) for name in ("index_upper", "sensitivity_upper")],
    )
    month = pl.col("period_type") == "month"
    step_back = pl.when(month).then(pl.lit("1mo")).otherwise(pl.lit("3mo"))
    for name, length in (("change_previous", step_back), ("change_year", pl.lit("12mo"))):
        earlier = told.select(
            "region_code", "period_type", period_start=pl.col("period_start").dt.offset_by(length),
            _value="index_value", _step="step",
        )  # fmt: skip
        both = told.join(earlier, on=list(KEYS), how="left", maintain_order="left")
        coarser = pl.max_horizontal("step", "_step")
        change = value - pl.col("_value")
        # Where the estimate tells no change, neither does this.
        known = pl.col(name).is_not_null() & change.is_not_null()
        told = both.with_columns(
            pl.when(known).then(change).alias(name),
            pl.when(known).then(pl.min_horizontal(_down(f"{name}_lower", coarser), change)).alias(f"{name}_lower"),
            pl.when(known).then(pl.max_horizontal(_up(f"{name}_upper", coarser), change)).alias(f"{name}_upper"),
        ).drop("_value", "_step")
    return told


def _down(name: str, step: pl.Expr) -> pl.Expr:
    return (pl.col(name) / step).floor() * step


def _up(name: str, step: pl.Expr) -> pl.Expr:
    return (pl.col(name) / step).ceil() * step


def _chances(step: pl.Expr) -> pl.Expr:
    return pl.when(step > 1).then(5).otherwise(20)


def _merged(components: pl.DataFrame, shown: pl.DataFrame, steps: Steps) -> pl.DataFrame:
    """Components with few events told together, in whole points that add up to what the shown value lacks."""
    missing = {row[:3]: 100 - row[3] for row in shown.select(*KEYS, "index_value").drop_nulls().iter_rows()}
    rows = []
    for key, group in components.group_by(KEYS, maintain_order=True):
        parts = group.rows(named=True)
        together = _together([part["events"] for part in parts], steps.smallest)
        named = [part for part, hidden in zip(parts, together, strict=True) if not hidden]
        merged = [part for part, hidden in zip(parts, together, strict=True) if hidden]
        if merged:
            dimensions = {part["dimension"] for part in merged}
            named.append(
                {
                    **merged[0],
                    "dimension": merged[0]["dimension"] if len(dimensions) == 1 else MERGED,
                    "category_group": MERGED,
                    "share_points": sum(part["share_points"] for part in merged),
                }
            )
        points = largest_remainder([part["share_points"] for part in named], missing[key], 0)
        rows += [{**part, "share_points": float(point)} for part, point in zip(named, points, strict=True)]
    schema = {name: kind for name, kind in components.schema.items() if name != "events"}
    return pl.DataFrame(rows, schema=schema, orient="row") if rows else components.select(list(schema))


def _together(events: list[int], smallest: int) -> list[bool]:
    """Which groups are told as one: those of 1 to `smallest` - 1 events, and the next smallest while they are as few.

    Where there is no other group of events, the quiet ones join: one group of few events alone would tell its harm.
    """
    hidden = [0 < n < smallest for n in events]
    while any(hidden) and sum(n for n, h in zip(events, hidden, strict=True) if h) < smallest and not all(hidden):
        busy = [i for i, n in enumerate(events) if not hidden[i] and n > 0]
        quiet = [i for i in range(len(events)) if not hidden[i]]
        for i in [min(busy, key=lambda i: events[i])] if busy else quiet:
            hidden[i] = True
    return hidden
