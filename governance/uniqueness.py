"""How many minimised rows stand alone: one category, place and hour that no other row of the feed shares.

Minimised tables remain personal data. The share says how far a row that is known by these three may be one person's.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ingestion.entities import load_entities
from ingestion.lake.tables import UNIQUENESS

if TYPE_CHECKING:
    import polars as pl

    from ingestion.contract import Contract
    from ingestion.entities import Entity
    from ingestion.lake import Lake

NAME = "uniqueness"
_KINDS = ("category", "event_type")


def quasi_identifiers(entity: Entity) -> tuple[str, ...] | None:
    """Columns by which a row of the entity may be known from outside: kind, cell, region, hour (UTC). None for what is
    no event at a place."""
    names = [field.name for field in entity.minimised]
    kind = next((name for name in _KINDS if name in names), None)
    moment = next((field.name for field in entity.minimised if field.type == "timestamp" and field.required), None)
    if kind is None or moment is None or not entity.is_located:
        return None
    # Where no cell is known the region is the place.
    return (kind, "h3_cell", "region_code", moment)


def uniqueness(lake: Lake, contracts: Sequence[Contract], *, as_of: dt.date) -> pl.DataFrame:
    """One row a feed of events: feed, entity, as_of, rows, unique_rows, share (4 decimals, null without rows)."""
    import polars as pl

    found = []
    for contract in contracts:
        entity = load_entities()[contract.entity]
        columns = quasi_identifiers(entity)
        if columns is None or lake.version("minimised", entity.name) is None:
            continue
        held = lake.read("minimised", entity.name).filter(pl.col("feed") == contract.feed)
        alone = held.group_by(columns).len().select(pl.col("len").sum(), (pl.col("len") == 1).sum().alias("alone"))
        rows, unique = alone.collect().row(0)
        found.append((contract.feed, entity.name, as_of, rows, unique, round(unique / rows, 4) if rows else None))
    return pl.DataFrame(found, schema=dict(UNIQUENESS), orient="row")


def keep_uniqueness(lake: Lake, contracts: Sequence[Contract], *, as_of: dt.date) -> pl.DataFrame:
    """Measure and store as control/uniqueness, in place of what was measured for the same day; returns the measure."""
    import polars as pl

    measured = uniqueness(lake, contracts, as_of=as_of)
    if not measured.height:
        return measured
    kept = [measured]
    if lake.version("control", NAME) is not None:
        before = lake.read("control", NAME).select(list(UNIQUENESS)).collect()
        kept.insert(0, before.join(measured, on=["feed", "as_of"], how="anti"))
    lake.replace("control", NAME, pl.concat(kept).sort("as_of", "feed"))
    return measured
