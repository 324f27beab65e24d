"""Tallies of narratives as landing writes them, made by hand."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import polars as pl

from ingestion.lake import Lake
from ingestion.lake.tables import BATCH_LOG, REDACTION_FINDINGS, REDACTION_NARRATIVES
from ingestion.sealing import officer_recipient, seal

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
    outcome |= {"entity": "police_record", "read": narratives, "accepted": narratives, "duplicate": 0, "quarantined": 0}
    lake.append("control", "batch_log", pl.DataFrame([outcome], schema=dict(BATCH_LOG)), partition_by=["feed"])
    tally = {"column": COLUMN, "action": action, "found_by": found_by, "narratives": narratives, "touched": touched}
    line = {**told, **tally, "protected": counts.get("protected", 0), "refused": counts.get("refused", 0)}
    lake.append("control", "redaction_narratives", pl.DataFrame([line], schema=dict(REDACTION_NARRATIVES)))
    lines = [
        {**told, "column": COLUMN, "entity_type": kind, "rule": rule, "score_from": score, "count": count}
        for (kind, rule, score), count in (findings or {("PERSON", "title", 0.8): touched}).items()
    ]
    lake.append("control", "redaction_findings", pl.DataFrame(lines, schema=dict(REDACTION_FINDINGS)))


def sealed_samples(
    lake: Lake,
    keys_dir: Path,
    texts: Sequence[tuple[str, Sequence[tuple[str, int, int]]]],
    *,
    batch: str = "b1",
    feed: str = FEED,
    stratum_size: int = 50,
    letter_case: str = "mixed",
) -> list[str]:
    """Samples sealed to the officer's key as landing does, from texts with (type, start, end) of what was found.

    Returns their ids.
    """
    ids, lines = [], []
    for number, (text, spans) in enumerate(texts):
        ids.append(f"{batch}-{letter_case}-{number:04d}")
        sample = {
            "id": ids[-1],
            "feed": feed,
            "column": COLUMN,
            "batch_id": batch,
            "letter_case": letter_case,
            "stratum_size": stratum_size,
            "original": text,
            "spans": [[kind, start, end, 0.9, "title"] for kind, start, end in spans],
            "redacted": "<PERSON>",
        }
        lines.append(json.dumps(sample).encode() + b"\n")
    envelope = seal(b"".join(lines), officer_recipient(keys_dir))
    lake.put(f"officer/samples/{feed}/{batch}.age", envelope)
    return ids
