"""Quarantine as people meet it: what is kept and why, never a value of it, and landing it again."""

from __future__ import annotations

import datetime as dt
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from ingestion.lake.quarantine import index, open_kept
from ingestion.land import FeedOutcome, LandingContext, land_quarantined

if TYPE_CHECKING:
    from pathlib import Path

    from ingestion.connectors.quarantined import Frames
    from ingestion.contract import Contract
    from ingestion.lake import Lake


class NotInQuarantine(Exception):
    """No such batch is kept; the message says how to find the right one."""


@dataclass(frozen=True)
class Kept:
    """What quarantine keeps of one batch by one rule or several. `rows` is 0 for a file whose rows cannot be counted;
    `positions` are the rows' in the delivery, empty for a whole file; `is_kept`: something lies there sealed."""

    feed: str
    batch_id: str
    rule: str
    rows: int
    positions: tuple[int, ...]
    since: dt.datetime
    is_kept: bool


def kept(lake: Lake, feed: str | None = None, batch_id: str | None = None) -> list[Kept]:
    """What is kept, oldest first, one entry a batch and rule. Raises NotInQuarantine for a batch that is not."""
    rows = index(lake, feed)
    if batch_id is not None:
        rows = rows.filter(pl.col("batch_id") == batch_id)
        if not rows.height:
            raise NotInQuarantine(f"quarantine keeps no batch {batch_id}; ./telaga quarantine list names those it does")
    entries = rows.group_by("feed", "batch_id", "rule", maintain_order=True).agg(
        pl.col("rows").sum(),
        pl.col("positions").list.explode().drop_nulls().sort(),
        pl.col("sealed_at").min(),
        pl.col("sealed_path").is_not_null().any(),
    )
    return [
        Kept(feed, batch, rule, count, tuple(at), since, is_kept)
        for feed, batch, rule, count, at, since, is_kept in entries.iter_rows()
    ]


def columns_of(lake: Lake, batch_id: str, keys_dir: Path) -> tuple[str, ...]:
    """Names of the columns that a batch's rows were delivered with; empty where whole files are kept.

    Raises SealBroken where the home's key does not open them.
    """
    rows = index(lake).filter((pl.col("batch_id") == batch_id) & (pl.col("positions").list.len() > 0))
    for path in rows["sealed_path"].drop_nulls().to_list():
        schema = pl.read_parquet_schema(io.BytesIO(open_kept(lake, path, keys_dir)))
        return tuple(name for name in schema if name not in ("_row", "_raw", "rule"))
    return ()


def replay(
    contract: Contract, context: LandingContext, frames: Frames | None, batch_ids: Sequence[str] | None = None
) -> FeedOutcome:
    """Land what quarantine keeps of a feed (or of some of its batches) under the contract as it is now.

    What passes lands, once; what does not stays quarantined. Read = accepted + duplicate + quarantined, of the rows
    that were kept. A record of a feed without key is known by its content and its number among equal ones of its
    delivery, which goes on behind those of them that landed.
    """
    found = index(context.lake, contract.feed).filter(pl.col("sealed_path").is_not_null())
    waiting = found["batch_id"].unique(maintain_order=True).to_list()
    if batch_ids is not None:
        waiting = [batch_id for batch_id in waiting if batch_id in batch_ids]
    return land_quarantined(contract, context, waiting, frames) if waiting else FeedOutcome(contract.feed)


def spans(positions: Sequence[int], most: int = 12) -> str:
    """Positions in words: 1-3, 7, 9-12 ..."""
    found: list[list[int]] = []
    for position in positions:
        if found and position == found[-1][1] + 1:
            found[-1][1] = position
        else:
            found.append([position, position])
    told = [f"{first}" if first == last else f"{first}-{last}" for first, last in found[:most]]
    return ", ".join(told) + (f" and {len(found) - most} more" if len(found) > most else "")
