"""Tallies of narratives as landing writes them, made by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import polars as pl

from ingestion.lake import Lake
from ingestion.lake.tables import BATCH_LOG, REDACTION_FINDINGS, REDACTION_NARRATIVES

FEED, COLUMN, FOUND_BY = "polri.laporan", "uraian", "rules only"
FIRST = dt.date(2026, 5, 1)


def landed(
    lake: Lake,
    batch: str = "b1",
    *,
    feed: str = FEED,
    day: dt.date | None = FIRST,
    run_id: str = "run1",
    at: dt.datetime = dt.datetime(2026, 6, 1, tzinfo=dt.UTC),
    narratives: int = 100,
    touched: int = 50,
    findings: Mapping[tuple[str, str, float], int] | None = None,
    action: str = "extract",
    found_by: str = FOUND_BY,
    **counts: int,
) -> None:
    """One batch: its outcome in the log (of `day`, in UTC; None where it states no period) and both tallies.

    `findings` count by (entity type, rule, score_from).
    """
    ends = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), dt.UTC) if day else None
    told = {"run_id": run_id, "feed": feed, "batch_id": batch, "logged_at": at}
    outcome = dict.fromkeys(BATCH_LOG) | told | {"event": "outcome", "status": "landed", "period_to": ends}
    lake.append("control", "batch_log", pl.DataFrame([outcome], schema=dict(BATCH_LOG)), partition_by=["feed"])
    tally = {"column": COLUMN, "action": action, "found_by": found_by, "narratives": narratives, "touched": touched}
    line = {**told, **tally, "protected": counts.get("protected", 0), "refused": counts.get("refused", 0)}
    lake.append("control", "redaction_narratives", pl.DataFrame([line], schema=dict(REDACTION_NARRATIVES)))
    lines = [
        {**told, "column": COLUMN, "entity_type": kind, "rule": rule, "score_from": score, "count": count}
        for (kind, rule, score), count in (findings or {("PERSON", "title", 0.8): touched}).items()
    ]
    lake.append("control", "redaction_findings", pl.DataFrame(lines, schema=dict(REDACTION_FINDINGS)))
