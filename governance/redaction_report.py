"""What minimisation did to the personal columns: counts per batch, or per feed over a period. Never a value."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    import polars as pl

    from ingestion.lake import Lake

BY = ("feed", "column", "classification", "action", "entity_type")


def redaction_report(
    lake: Lake,
    *,
    time_zone: str,
    start: dt.date | None = None,
    end: dt.date | None = None,
    per_batch: bool = False,
    days: pl.DataFrame | None = None,
) -> pl.DataFrame:
    """One row per feed (with `per_batch`: and batch), column, classification, action and entity type.

    `batches` (left out with `per_batch`), `rows` seen, `affected`, and `affected_share` (0 to 1, 4 decimals, null
    without rows). The period is by the city-local day of landing, or by that of `days` (feed, batch_id, day), `end`
    included. A batch that was landed again counts once, as last landed. A lake without landings gives no rows.
    """
    import polars as pl

    keys = ["feed", "batch_id", *BY[1:]] if per_batch else list(BY)
    if lake.version("control", "redaction") is None:
        counts = {} if per_batch else {"batches": pl.Int64}
        measures = {"rows": pl.Int64, "affected": pl.Int64, "affected_share": pl.Float64}
        return pl.DataFrame(schema={**dict.fromkeys(keys, pl.String), **counts, **measures})
    day = pl.col("logged_at").dt.convert_time_zone(str(ZoneInfo(time_zone))).dt.date()
    tally = lake.read("control", "redaction")
    # A run writes the whole tally of a batch, so the newest run's lines replace those of the runs before.
    last = pl.col("logged_at").max().over("feed", "batch_id", "run_id")
    tally = tally.filter(last == pl.col("logged_at").max().over("feed", "batch_id"))
    if days is not None:
        tally = tally.join(days.lazy(), on=["feed", "batch_id"], how="left")
        day = pl.coalesce(pl.col("day"), day)
    if start is not None:
        tally = tally.filter(day >= start)
    if end is not None:
        tally = tally.filter(day <= end)
    sums = [pl.col("rows").sum(), pl.col("affected").sum()]
    if not per_batch:
        sums.insert(0, pl.col("batch_id").n_unique().cast(pl.Int64).alias("batches"))
    share = pl.when(pl.col("rows") > 0).then((pl.col("affected") / pl.col("rows")).round(4))
    return (
        tally.group_by(keys)
        .agg(sums)
        .with_columns(share.alias("affected_share"))
        .sort(keys, nulls_last=False)
        .collect()
    )


def as_markdown(report: pl.DataFrame, *, title: str) -> str:
    """A report of `redaction_report` as a table, numbers as they are."""
    lines = [f"# {title}", "", f"| {' | '.join(report.columns)} |", f"|{' --- |' * report.width}"]
    lines += [f"| {' | '.join('-' if v is None else str(v) for v in row)} |" for row in report.iter_rows()]
    return "\n".join(lines) + "\n"
