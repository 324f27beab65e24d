"""Retention: rows of the minimised tables older than their contract allows are taken out, by the city's own clock.

What a version of a table no longer holds stays readable in the versions before it until `maintain_lake` vacuums them;
that, and what is not erased at all yet, stands in every outcome.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.entities import Entity, load_entities

if TYPE_CHECKING:
    from ingestion.contract import Contract
    from ingestion.lake import Lake

NOT_DONE = (
    "older versions of a table keep the rows until maintain_lake vacuums them (grace of at least 168 hours)",
    "aggregates and estimates are kept: they hold counts by place and day, no rows",
    "quarantined batches are not expired, but where plates are linked they open no longer than their day's key",
    "keys of record numbers and cameras are not destroyed: they bind a record's versions for as long as it is kept",
    "erasure on a person's request",
)


@dataclass(frozen=True)
class Erasure:
    """What retention took out of one feed: `rows` whose `column` lay before `before` (city-local, itself kept).
    `version` is the table's version afterwards, null where nothing was written."""

    feed: str
    entity: str
    column: str
    before: dt.date
    rows: int
    version: int | None


@dataclass(frozen=True)
class RetentionOutcome:
    """`undated` are feeds whose entity has no day that a row belongs to: retention does not reach them."""

    erased: tuple[Erasure, ...]
    undated: tuple[str, ...]
    not_done: tuple[str, ...] = NOT_DONE

    @property
    def rows(self) -> int:
        return sum(erasure.rows for erasure in self.erased)


def date_column(entity: Entity) -> str | None:
    """The day that a row of the entity belongs to: its first required date. None for what is no event."""
    return next((field.name for field in entity.minimised if field.type == "date" and field.required), None)


def enforce_retention(
    lake: Lake,
    contracts: Sequence[Contract],
    *,
    as_of: dt.date,
    announce: Callable[[Contract, dt.date], object] = lambda contract, before: None,
) -> RetentionOutcome:
    """Take out of each feed's rows what is older than its contract's retention at `as_of` (city-local).

    `announce` is called with the contract and the first day that stays, once a feed, before its rows go: a crash in
    between leaves an announcement too many, never an erasure that nobody told of. A feed without such rows writes no
    version. Raises ingestion.lake.commit.LakeBusy where other writers kept winning.
    """
    entities = load_entities()
    erased, undated = [], []
    for contract in contracts:
        entity = entities[contract.entity]
        column = date_column(entity)
        if column is None:
            undated.append(contract.feed)
            continue
        before = as_of - dt.timedelta(days=contract.retention_days)
        rows, version = _erase(lake, entity, contract, column, before, announce)
        erased.append(Erasure(contract.feed, entity.name, column, before, rows, version))
    return RetentionOutcome(tuple(erased), tuple(undated))


def _erase(
    lake: Lake,
    entity: Entity,
    contract: Contract,
    column: str,
    before: dt.date,
    announce: Callable[[Contract, dt.date], object],
) -> tuple[int, int | None]:
    from ingestion.lake.commit import retried

    is_announced = False

    def once() -> None:
        nonlocal is_announced
        if not is_announced:
            announce(contract, before)
            is_announced = True

    return retried(lambda: _attempt(lake, entity, contract.feed, column, before, once), what=f"minimised/{entity.name}")


def _attempt(
    lake: Lake, entity: Entity, feed: str, column: str, before: dt.date, announce: Callable[[], object]
) -> tuple[int, int | None]:
    """Whole files are exchanged, as landing does: no values in the log, all on disk before it is named."""
    import polars as pl

    from ingestion.lake.commit import commit_files, data_files, discard, encode, put_file, read_file

    table = lake.open("minimised", entity.name)
    if table is None:
        return 0, None
    rows, removed, added = 0, [], []
    for file in data_files(table):
        if file.partition.get("feed") != feed or _is_later(file.partition, entity, before):
            continue
        held = read_file(lake, "minimised", entity.name, file)
        # A row without its day cannot be shown to be young enough; the table's constraint lets none in.
        kept = held.filter(pl.col(column) >= before)
        if kept.height == held.height:
            continue
        rows += held.height - kept.height
        removed.append(file)
        if kept.height:
            content = encode(kept)
            added.append(put_file(lake, "minimised", entity.name, file.partition, content, kept.height))
    if not removed:
        return 0, None
    note = {"telaga_retention": f"{feed} before {before.isoformat()}"}
    try:
        announce()
        return rows, commit_files(lake, table, added, removed, metadata=note)
    except Exception:
        discard(lake, "minimised", entity.name, added)
        raise


def _is_later(partition: object, entity: Entity, before: dt.date) -> bool:
    """Whether a file's month lies wholly after the last day that may have to go: it need not be read."""
    month = partition.get(entity.partition_by) if isinstance(partition, dict) and entity.partition_by else None
    return bool(month) and str(month) > before.strftime("%Y-%m")
