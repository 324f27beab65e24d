"""Alerts of feeds: raised once, closed when the cause is gone. Read by `status` and by the quality mart."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.lake.tables import UTC

if TYPE_CHECKING:
    from ingestion.lake import Lake

NAME = "alerts"
ALERTS: Mapping[str, Any] = {
    "feed": pl.String,
    "kind": pl.String,
    "subject": pl.String,
    "event": pl.String,
    "detail": pl.String,
    "run_id": pl.String,
    "logged_at": UTC,
}


def open_alerts(lake: Lake, feed: str | None = None) -> pl.DataFrame:
    """Alerts that were raised and not closed, oldest first (columns of ALERTS); of one feed or of all."""
    if lake.version("control", NAME) is None:
        return pl.DataFrame(schema=dict(ALERTS))
    rows = lake.read("control", NAME)
    if feed is not None:
        rows = rows.filter(pl.col("feed") == feed)
    last = rows.collect().sort("logged_at").unique(["feed", "kind", "subject"], keep="last", maintain_order=True)
    return last.filter(pl.col("event") == "raised").select(list(ALERTS))


def keep_alerts(
    lake: Lake, feed: str, kind: str, causes: Mapping[str, str], *, run_id: str, now: dt.datetime
) -> tuple[int, int]:
    """Raise what is new among `causes` (subject -> detail) and close what is gone; returns how many of each.

    Writes nothing where nothing changed.
    """
    known = open_alerts(lake, feed).filter(pl.col("kind") == kind)
    standing = dict(known.select("subject", "detail").iter_rows())
    raised = {subject: detail for subject, detail in causes.items() if subject not in standing}
    closed = {subject: detail for subject, detail in standing.items() if subject not in causes}
    rows = [
        {"feed": feed, "kind": kind, "subject": subject, "event": event, "detail": detail, "run_id": run_id}
        for event, found in (("raised", raised), ("closed", closed))
        for subject, detail in found.items()
    ]
    if rows:
        frame = pl.DataFrame(rows).with_columns(pl.lit(now).alias("logged_at"))
        frame = frame.select(pl.col(name).cast(dtype) for name, dtype in ALERTS.items())
        lake.append("control", NAME, frame, partition_by=["feed"])
    return len(raised), len(closed)
