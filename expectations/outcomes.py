"""Outcomes of verdicts, kept with the lake: counts, shares and bounds of each check of each batch, never a value."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.lake.tables import UTC
from ingestion.profile import shares_of

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from ingestion.profile import BatchProfile, Verdict

NAME = "verdicts"
FEWEST_ROWS = 100
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
    "shares": pl.String,
    "logged_at": UTC,
}


SHIFT = "shift"
REMEMBERED = 14  # batches whose shares of codes are the feed's usual ones


@dataclass(frozen=True)
class Recording:
    """A judge whose verdicts are kept, before anybody acts on them; for a landing of one run. It tells the judge what
    the feed's earlier batches spoke of: the shares of codes, which stand beside their rule."""

    judge: Callable[[BatchProfile], Verdict]
    lake: Lake
    run_id: str
    clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    _past: dict[str, dict[str, list[dict[str, float]]]] = field(default_factory=dict, repr=False, compare=False)

    def __call__(self, profile: BatchProfile) -> Verdict:
        if profile.feed not in self._past:
            self._past[profile.feed] = _past_shares(self.lake, profile)
        past = self._past[profile.feed]
        verdict = self.judge(replace(profile, past_shares=past))
        shares = shares_of(profile.coded)
        if verdict.results:
            told = {
                "run_id": self.run_id,
                "feed": profile.feed,
                "batch_id": profile.batch_id,
                "comparable": len(profile.history),
                "logged_at": self.clock(),
            }
            results = [*verdict.results, *(_remembered(column, held) for column, held in shares.items())]
            entries = [{name: {**result, **told}.get(name) for name in VERDICTS} for result in results]
            self.lake.append("control", NAME, pl.DataFrame(entries, schema=dict(VERDICTS)), partition_by=["feed"])
        # Of a batch that was stopped, or of a handful of rows, nothing is learned.
        if verdict.passed and profile.rows_read >= FEWEST_ROWS:
            for column, held in shares.items():
                past[column] = [*past.get(column, []), held][-REMEMBERED:]
        return verdict


def _remembered(column: str, shares: Mapping[str, float]) -> dict[str, Any]:
    """The shares of a column's codes, kept as an entry of their own: a measure that no limit is set on."""
    rounded = {code: round(share, 6) for code, share in shares.items()}
    return {
        "rule": SHIFT,
        "measure": f"shares:{column}",
        "column": column,
        "expectation": "",
        "severity": "warning",
        "passed": True,
        "shares": json.dumps(rounded, sort_keys=True),
    }


def _past_shares(lake: Lake, profile: BatchProfile) -> dict[str, list[dict[str, float]]]:
    """Column -> shares of codes in the feed's last batches that passed, oldest first."""
    known = outcomes(lake, profile.feed).filter(pl.col("batch_id") != profile.batch_id)
    rows = pl.when(pl.col("measure") == "rejected_share").then("rows").max().over("batch_id")
    stopped = ((~pl.col("passed")) & (pl.col("severity") == "error")).any().over("batch_id")
    known = known.filter(~stopped & (rows >= FEWEST_ROWS)).filter(pl.col("shares").is_not_null())
    past: dict[str, list[dict[str, float]]] = {}
    for column, shares in known.select("column", "shares").iter_rows():
        past.setdefault(column, []).append(json.loads(shares))
    return {column: found[-REMEMBERED:] for column, found in past.items()}


def outcomes(lake: Lake, feed: str | None = None) -> pl.DataFrame:
    """The checks of each batch's last verdict (columns of VERDICTS), oldest batch first; of one feed or of all."""
    if lake.version("control", NAME) is None:
        return pl.DataFrame(schema=dict(VERDICTS))
    rows = lake.read("control", NAME).select(list(VERDICTS))
    rows = rows if feed is None else rows.filter(pl.col("feed") == feed)
    newest = pl.col("logged_at") == pl.col("logged_at").max().over("feed", "batch_id")
    return rows.filter(newest).collect().sort("logged_at", "feed", "batch_id", "rule", "measure", maintain_order=True)
