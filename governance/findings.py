"""What was found in narratives, batch by batch, and how that compares with usual. Counts, never a value.

Usual is the median of the feed's earlier batches that can be compared: same column, action and finder (`found_by`),
a quarter to four times as many narratives, a day before, at most a year ago. A batch deviates where it lies further
from that median than three robust standard deviations (1.4826 MAD each) and than one percentage point. The marts
redaction_batches and redaction_findings say the same in SQL; tests/integration/test_officer.py holds one to the other.
"""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import polars as pl

    from ingestion.lake import Lake

FEWEST_EARLIER = 14  # batches, under which nothing is called usual
LONGEST_AGO = 365  # days
ROBUST_SPREAD = 3 * 1.4826
LEAST_DEVIATION = 1.0  # percentage points, or findings per 100 narratives
NO_USUAL_YET, USUAL, HIGH, LOW = "no_usual_yet", "usual", "high", "low"
BATCH = ("feed", "column", "action", "found_by", "batch_id")


def batch_days(lake: Lake, time_zone: str, as_of: dt.date | None = None) -> pl.DataFrame:
    """feed, batch_id, day: the last city-local day that the batch tells of, or of its landing where it states none;
    `as_of`, the day that the home calls today, at the latest."""
    import polars as pl

    zone = str(ZoneInfo(time_zone))
    if lake.version("control", "batch_log") is None:
        return pl.DataFrame(schema={"feed": pl.String, "batch_id": pl.String, "day": pl.Date})
    told = lake.read("control", "batch_log").group_by("feed", "batch_id").agg(pl.col("period_to", "logged_at").max())
    last_moment = pl.coalesce(pl.col("period_to") - pl.duration(microseconds=1), pl.col("logged_at"))
    return told.select(
        "feed", "batch_id", _until(last_moment.dt.convert_time_zone(zone).dt.date(), as_of).alias("day")
    ).collect()


def narrative_batches(lake: Lake, *, time_zone: str, as_of: dt.date | None = None) -> pl.DataFrame:
    """One row a batch and column of narratives, as last landed, with how its share of touched ones compares.

    BATCH, `day`, `narratives`, `touched`, `protected`, `refused`, `touched_percent` (null without narratives),
    `usual_percent`, `usual_spread` (MAD) and `earlier_batches`, `deviation` (no_usual_yet, usual, high, low).
    """
    import polars as pl

    counted = _dated(lake, "redaction_narratives", time_zone, as_of)
    sums = [pl.col(name).sum() for name in ("narratives", "touched", "protected", "refused")]
    batches = counted.group_by(*BATCH, "day").agg(sums)
    share = pl.when(pl.col("narratives") > 0).then(100 * pl.col("touched") / pl.col("narratives"))
    batches = batches.with_columns(share.alias("touched_percent"))
    return compared(batches, "touched_percent", "usual_percent", []).sort("feed", "column", "day", "batch_id")


def narrative_findings(lake: Lake, *, time_zone: str, as_of: dt.date | None = None) -> pl.DataFrame:
    """One row a batch, column, entity type and rule that found something, with how often it usually does.

    BATCH, `entity_type`, `rule`, `day`, `narratives`, `findings`, `score_low` (under .6), `score_middle` (under .8),
    `score_high`, `per_100` narratives, `usual_per_100`, `usual_spread`, `earlier_batches`, `deviation`. A batch in
    which a rule found nothing counts as 0 in what is usual.
    """
    import polars as pl

    batches = narrative_batches(lake, time_zone=time_zone, as_of=as_of).select(*BATCH, "day", "narratives")
    found = scores(lake, time_zone=time_zone, as_of=as_of)
    count, score = pl.col("count"), pl.col("score_from")
    summed = found.group_by("feed", "column", "batch_id", "entity_type", "rule").agg(
        findings=count.sum(),
        score_low=count.filter(score < 0.6).sum(),
        score_middle=count.filter(score.is_between(0.6, 0.8, closed="left")).sum(),
        score_high=count.filter(score >= 0.8).sum(),
    )
    kinds = summed.select("feed", "column", "entity_type", "rule").unique()
    filled = (
        batches.join(kinds, on=["feed", "column"])
        .join(summed, on=["feed", "column", "batch_id", "entity_type", "rule"], how="left")
        .with_columns(pl.col("findings", "score_low", "score_middle", "score_high").fill_null(0))
        .with_columns(
            per_100=pl.when(pl.col("narratives") > 0).then(100 * pl.col("findings") / pl.col("narratives")),
        )
    )
    told = compared(filled, "per_100", "usual_per_100", ["entity_type", "rule"])
    return told.filter(pl.col("findings") > 0).sort("feed", "column", "day", "batch_id", "entity_type", "rule")


def scores(lake: Lake, *, time_zone: str, as_of: dt.date | None = None) -> pl.DataFrame:
    """Counts by score: feed, column, batch_id, entity_type, rule, score_from (lower end of its tenth), count, day."""
    return _dated(lake, "redaction_findings", time_zone, as_of)


def compared(batches: pl.DataFrame, value: str, usual: str, kind: list[str]) -> pl.DataFrame:
    """`batches` (BATCH, `kind`, day, narratives, `value`) with `usual`, `usual_spread`, `earlier_batches`, `deviation`
    added."""
    import polars as pl

    same = ["feed", "column", "action", "found_by", *kind]
    told = [_group_compared(group.sort("day"), value, usual) for group in batches.partition_by(same)]
    return pl.concat([_group_compared(batches.clear(), value, usual), *told])


def _group_compared(group: pl.DataFrame, value: str, usual: str) -> pl.DataFrame:
    """One feed's batches of one kind, by day: a window of a year moves along, so that no pair of them is ever held."""
    import numpy as np
    import polars as pl

    days = group["day"].cast(pl.Int32).to_numpy()
    sizes = group["narratives"].to_numpy()
    values = group[value].cast(pl.Float64).fill_null(float("nan")).to_numpy()
    begins = np.searchsorted(days, days - LONGEST_AGO, side="left")
    ends = np.searchsorted(days, days, side="left")
    rows: list[tuple[float | None, float | None, int, str]] = []
    for at, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        near = (4 * sizes[begin:end] >= sizes[at]) & (sizes[begin:end] <= 4 * sizes[at])
        earlier = values[begin:end][near & ~np.isnan(values[begin:end])]
        if len(earlier) < FEWEST_EARLIER:
            rows.append((None, None, len(earlier), NO_USUAL_YET))
            continue
        middle = float(np.median(earlier))
        spread = float(np.median(np.abs(earlier - middle)))
        rows.append((middle, spread, len(earlier), deviation(float(values[at]), middle, spread)))
    schema = {usual: pl.Float64, "usual_spread": pl.Float64, "earlier_batches": pl.Int64, "deviation": pl.String}
    return pl.concat([group, pl.DataFrame(rows, schema=schema, orient="row")], how="horizontal")


def deviation(value: float, usual: float, spread: float) -> str:
    """How a value (NaN: none) lies to what is usual and its MAD."""
    most = max(ROBUST_SPREAD * spread, LEAST_DEVIATION)
    if value != value:
        return NO_USUAL_YET
    return HIGH if value - usual > most else LOW if usual - value > most else USUAL


def _dated(lake: Lake, name: str, time_zone: str, as_of: dt.date | None) -> pl.DataFrame:
    """A control table's lines of each batch as last landed, with `day`; its columns and no rows where it is absent."""
    import polars as pl

    from ingestion.lake import tables

    schema = {"redaction_narratives": tables.REDACTION_NARRATIVES, "redaction_findings": tables.REDACTION_FINDINGS}
    if lake.version("control", name) is None:
        return pl.DataFrame(schema={**schema[name], "day": pl.Date})
    newest = newest_runs(lake)
    lines = lake.read("control", name).collect().join(newest, on=["feed", "batch_id", "run_id"], how="semi")
    landed = pl.col("logged_at").dt.convert_time_zone(str(ZoneInfo(time_zone))).dt.date()
    return lines.join(batch_days(lake, time_zone, as_of), on=["feed", "batch_id"], how="left").with_columns(
        day=pl.coalesce("day", _until(landed, as_of))
    )


def _until(day: pl.Expr, as_of: dt.date | None) -> pl.Expr:
    import polars as pl

    return day if as_of is None else pl.min_horizontal(day, pl.lit(as_of))


def newest_runs(lake: Lake) -> pl.DataFrame:
    """feed, batch_id, run_id of the last landing of each batch with narratives: earlier ones no longer count."""

    runs = lake.read("control", "redaction_narratives").select("feed", "batch_id", "run_id", "logged_at").collect()
    last = runs.sort("logged_at").unique(["feed", "batch_id"], keep="last", maintain_order=True)
    return last.select("feed", "batch_id", "run_id")
