"""What landings do to a minimised table, without contracts: rows arrive, arrive late, are corrected, move, are erased,
are delivered again; files are compacted. Partitioned as the lake's own tables are."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from infra.build.touched import DAYS
from ingestion.entities import load_entities
from ingestion.lake import Lake
from ingestion.lake.commit import replace_where
from tests.support.minimised_lake import Plan, camera_events, emergency_calls, police_records

MAKERS = {"police_record": police_records, "emergency_call": emergency_calls, "camera_event": camera_events}
SIZES = {"police_record": "incidents", "emergency_call": "calls", "camera_event": "events"}
CHANGES: Mapping[str, tuple[str, tuple[object, ...]]] = {
    "police_record": ("category", ("theft", "assault", "robbery")),
    "emergency_call": ("arrival_seconds", (60, 1200, None)),
    "camera_event": ("event_count", (2, 3)),
}
KINDS = ("new", "late", "corrected", "moved", "erased", "repeated", "compacted")


def store(lake: Lake, entity: str, rows: pl.DataFrame) -> None:
    """Make `rows` the table's content, rewriting only the partitions that differ."""
    month = load_entities()[entity].partition_by
    assert month is not None
    by = ["feed", month]
    held = lake.read("minimised", entity).collect() if lake.open("minimised", entity) else rows.clear()
    for feed, value in sorted(set(held.select(by).rows()) | set(rows.select(by).rows())):
        part = rows.filter(pl.col("feed") == feed, pl.col(month) == value)
        replace_where(lake, "minimised", entity, part, {"feed": feed, month: value}, by)


def partition(lake: Lake) -> None:
    """Make tables of a made city anew as landing partitions them."""
    for entity in MAKERS:
        rows = lake.read("minimised", entity).collect()
        shutil.rmtree(lake.table("minimised", entity))
        store(lake, entity, rows)


def land(lake: Lake, plan: Plan, finest: pl.DataFrame, kind: str, entity: str, rng: np.random.Generator) -> None:
    """One landing of a kind."""
    rows = lake.read("minimised", entity).collect()
    some = rng.permutation(rows.height)[: max(1, rows.height // 50)]
    chosen, others = rows[some], rows.filter(~pl.int_range(pl.len()).is_in(some.tolist()))
    if kind in ("new", "late"):
        # Late rows lie anywhere in the past, new ones on the latest days.
        span = replace(plan, days=plan.days if kind == "late" else 3, seed=int(rng.integers(1 << 30)))
        made = MAKERS[entity](replace(span, **{SIZES[entity]: 30}), finest)  # type: ignore[operator, arg-type]
        made = made.with_columns(record_key=pl.col("record_key") + str(span.seed))
        store(lake, entity, pl.concat([rows, made]))
    elif kind == "corrected":
        column, values = CHANGES[entity]
        drawn = pl.Series([values[i] for i in rng.integers(0, len(values), chosen.height)], dtype=rows.schema[column])
        store(lake, entity, pl.concat([others, chosen.with_columns(drawn.alias(column))]))
    elif kind == "moved":
        day, month = DAYS[entity], load_entities()[entity].partition_by
        later = chosen.with_columns(pl.col(day) - dt.timedelta(days=40))
        store(lake, entity, pl.concat([others, later.with_columns(pl.col(day).dt.strftime("%Y-%m").alias(str(month)))]))
    elif kind == "erased":
        store(lake, entity, others)
    elif kind == "repeated":
        store(lake, entity, rows.with_columns(batch_id=pl.lit(f"b{rng.integers(1000)}")))
    elif kind == "compacted":
        table = lake.open("minimised", entity)
        assert table is not None
        table.optimize.z_order(["record_key"])
    else:
        raise ValueError(f"no such landing: {kind}")
