"""The end of a day's plates: its key is destroyed, its tokens are taken out of every version of the table.

Tokens are cleared before the key goes, and both are done again by the next run where a crash came between. Files that
hold such tokens are deleted at once, although an older version of the table still names them: a reader that pinned one
fails and builds anew.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingestion.entities import load_entities
from ingestion.minimise.columns import TOKEN
from ingestion.minimise.day_keys import DayKeys, last_closed, linked_plate

if TYPE_CHECKING:
    import polars as pl

    from ingestion.contract import Contract
    from ingestion.lake import Lake
    from ingestion.lake.commit import DataFile
    from ingestion.minimise.pseudonyms import KeyRing


@dataclass(frozen=True)
class ClosedDays:
    """What came to its end in one feed: keys destroyed of `days`, `tokens` taken out of rows up to `last` (city-local,
    included), `files` of older versions deleted."""

    feed: str
    last: dt.date
    days: tuple[dt.date, ...]
    tokens: int
    files: int


def close_days(
    lake: Lake,
    contracts: Sequence[Contract],
    keys: KeyRing,
    *,
    today: dt.date,
    now: dt.datetime,
    run_id: str,
    announce: Callable[[Contract, dt.date], object] = lambda contract, last: None,
) -> tuple[ClosedDays, ...]:
    """Clear tokens and destroy keys of the days whose lateness window is over at `today` (city-local), feed by feed.

    `announce` is called with the contract and the last day before anything goes, once a feed that has something to
    lose. `now` is UTC. Raises ingestion.lake.commit.LakeBusy where other writers kept winning.
    """
    closed = []
    for contract in contracts:
        days = DayKeys.of(keys, contract.feed)
        # Also of a feed that links plates no more: what it left must end too.
        if linked_plate(contract) is None and not days.folder.is_dir():
            continue
        closed.append(_close(lake, contract, days, today, now, announce))
    keys.write_uses(run_id)
    return tuple(closed)


def _close(
    lake: Lake,
    contract: Contract,
    days: DayKeys,
    today: dt.date,
    now: dt.datetime,
    announce: Callable[[Contract, dt.date], object],
) -> ClosedDays:
    from ingestion.lake.commit import retried

    last = last_closed(today)
    is_announced = False

    def once() -> None:
        nonlocal is_announced
        if not is_announced:
            announce(contract, last)
            is_announced = True

    tokens, replaced = retried(lambda: _clear(lake, contract, last, once), what=f"minimised/{contract.entity}")
    files = _delete_with_tokens(lake, contract, last, now, replaced)
    if days.due(today):
        once()
    return ClosedDays(contract.feed, last, tuple(days.destroy(today)), tokens, files)


def _clear(
    lake: Lake, contract: Contract, last: dt.date, announce: Callable[[], object]
) -> tuple[int, tuple[str, ...]]:
    """(tokens cleared, paths of the files that held them), in one commit that exchanges whole files."""
    import polars as pl

    from ingestion.lake.commit import commit_files, data_files, discard, encode, put_file, read_file

    table = lake.open("minimised", contract.entity)
    if table is None or TOKEN not in {field.name for field in table.schema().fields}:
        return 0, ()
    tokens, removed, added = 0, [], []
    for file in data_files(table):
        if file.partition.get("feed") != contract.feed or _is_later(file, contract, last):
            continue
        held = read_file(lake, "minimised", contract.entity, file)
        due = _due(held, last)
        count = int(held.select(due.sum()).item()) if TOKEN in held.columns else 0
        if not count:
            continue
        tokens += count
        removed.append(file)
        rest = held.with_columns(pl.when(due).then(None).otherwise(pl.col(TOKEN)).alias(TOKEN))
        added.append(put_file(lake, "minimised", contract.entity, file.partition, encode(rest), rest.height))
    if not removed:
        return 0, ()
    try:
        announce()
        commit_files(lake, table, added, removed, metadata={"telaga_plates": f"{contract.feed} to {last.isoformat()}"})
    except Exception:
        discard(lake, "minimised", contract.entity, added)
        raise
    return tokens, tuple(file.path for file in removed)


def _delete_with_tokens(
    lake: Lake, contract: Contract, last: dt.date, now: dt.datetime, replaced: Sequence[str]
) -> int:
    """Delete files that the newest version does not need and that hold a token of a closed day. One that no version
    ever named stays while it may be a landing's that is about to commit."""
    import io

    import polars as pl

    from ingestion.lake.commit import data_files
    from ingestion.lake.maintenance import LONGEST_TASK
    from ingestion.lake.sync import delete_object, get_object, list_objects

    table = lake.open("minimised", contract.entity)
    if table is None:
        return 0
    root = f"minimised/{contract.entity}"
    live = {f"{root}/{file.path}" for file in data_files(table)}
    named = table.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False)  # by older versions
    old = {f"{root}/{path}" for path in (*named, *replaced)}
    deleted = 0
    for file in list_objects(lake, f"{root}/feed={contract.feed}"):
        if file.path in live or not file.path.endswith(".parquet"):
            continue
        if file.path not in old and file.modified > now - LONGEST_TASK:
            continue
        rows = pl.read_parquet(io.BytesIO(get_object(lake, file.path)), hive_partitioning=False)
        if TOKEN in rows.columns and rows.select(_due(rows, last).any()).item():
            delete_object(lake, file.path)
            deleted += 1
    return deleted


def _due(rows: pl.DataFrame, last: dt.date) -> pl.Expr:
    import polars as pl

    return pl.col(TOKEN).is_not_null() & (pl.col("occurred_local_date") <= last)


def _is_later(file: DataFile, contract: Contract, last: dt.date) -> bool:
    """Whether a file's month lies wholly behind the last closed day: it need not be read."""
    column = load_entities()[contract.entity].partition_by
    return column is not None and file.partition.get(column, "") > last.strftime("%Y-%m")
