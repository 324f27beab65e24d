"""What people decided about feeds and batches: who, why and when. Only ever added to; the last word holds."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.lake.tables import UTC

if TYPE_CHECKING:
    from ingestion.lake import Lake

NAME = "decisions"
ACCEPT, PAUSE, RESUME = "accept_batch", "pause_feed", "resume_feed"
DECISIONS: Mapping[str, Any] = {
    "feed": pl.String,
    "batch_id": pl.String,
    "decision": pl.String,
    "decided_by": pl.String,
    "reason": pl.String,
    "logged_at": UTC,
}


@dataclass(frozen=True)
class Decision:
    """Who decided and why; `batch_id` is null where it is about the whole feed."""

    feed: str
    batch_id: str | None
    decision: str
    decided_by: str
    reason: str
    logged_at: dt.datetime


def decide(
    lake: Lake, decision: str, feed: str, *, by: str, reason: str, now: dt.datetime, batch_id: str | None = None
) -> None:
    """Record a decision, synced. Raises ValueError where nobody stands behind it or no reason is given."""
    if not by.strip() or not reason.strip():
        raise ValueError("a decision needs a name and a reason")
    entry = dict(zip(DECISIONS, (feed, batch_id, decision, by.strip(), reason.strip(), now), strict=True))
    lake.append("control", NAME, pl.DataFrame([entry], schema=dict(DECISIONS)), partition_by=["feed"])


def accepted_batches(lake: Lake, feed: str) -> dict[str, Decision]:
    """Batches of the feed that a person accepted although they were judged failed, by batch id."""
    found = (decision for decision in _decisions(lake) if decision.decision == ACCEPT and decision.feed == feed)
    return {decision.batch_id: decision for decision in found if decision.batch_id is not None}


def paused_feeds(lake: Lake) -> dict[str, Decision]:
    """Feeds that nothing is pulled of until they are resumed."""
    last = {decision.feed: decision for decision in _decisions(lake) if decision.decision in (PAUSE, RESUME)}
    return {feed: decision for feed, decision in last.items() if decision.decision == PAUSE}


def _decisions(lake: Lake) -> list[Decision]:
    if lake.version("control", NAME) is None:
        return []
    rows = lake.read("control", NAME).select(list(DECISIONS)).collect().sort("logged_at")
    return [Decision(**row) for row in rows.iter_rows(named=True)]
