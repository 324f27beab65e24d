"""Outcomes of verdicts, kept with the lake: counts, shares and bounds of each check of each batch, never a value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.lake.tables import UTC

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from ingestion.profile import BatchProfile, Verdict

NAME = "verdicts"
VERDICTS: Mapping[str, Any] = {
    "run_id": pl.String,
    "feed": pl.String,
    "batch_id": pl.String,
    "rule": pl.String,
    "measure": pl.String,
    "column": pl.String,
    "expectation": pl.String,
    "severity": pl.String,
    "passed": pl.Boolean,
    "measured": pl.Float64,
    "minimum": pl.Float64,
    "maximum": pl.Float64,
    "broken": pl.Int64,
    "expected": pl.Int64,
    "rows": pl.Int64,
    "comparable": pl.Int64,
    "logged_at": UTC,
}


@dataclass(frozen=True)
class Recording:
    """A judge whose verdicts are kept, before anybody acts on them; for a landing of one run."""

    judge: Callable[[BatchProfile], Verdict]
    lake: Lake
    run_id: str
    clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)

    def __call__(self, profile: BatchProfile) -> Verdict:
        verdict = self.judge(profile)
        if verdict.results:
            told = {
                "run_id": self.run_id,
                "feed": profile.feed,
                "batch_id": profile.batch_id,
                "comparable": len(profile.history),
                "logged_at": self.clock(),
            }
            entries = [{name: {**result, **told}.get(name) for name in VERDICTS} for result in verdict.results]
            self.lake.append("control", NAME, pl.DataFrame(entries, schema=dict(VERDICTS)), partition_by=["feed"])
        return verdict


def outcomes(lake: Lake, feed: str | None = None) -> pl.DataFrame:
    """The checks of each batch's last verdict (columns of VERDICTS), oldest batch first; of one feed or of all."""
    if lake.version("control", NAME) is None:
        return pl.DataFrame(schema=dict(VERDICTS))
    rows = lake.read("control", NAME).select(list(VERDICTS))
    rows = rows if feed is None else rows.filter(pl.col("feed") == feed)
    newest = pl.col("logged_at") == pl.col("logged_at").max().over("feed", "batch_id")
    return rows.filter(newest).collect().sort("logged_at", "feed", "batch_id", "rule", "measure", maintain_order=True)
