"""The end of a day's plates: its key is destroyed, its tokens are taken out of every version of the table.

Tokens are cleared before the key goes, and both are done again by the next run where a crash came between. Files that
hold such tokens are deleted at once, although an older version of the table still names them: a reader that pinned one
fails and builds anew.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ingestion.entities import load_entities
from ingestion.minimise.columns import TOKEN
from ingestion.minimise.day_keys import FOLDER, DayKeys, last_closed

if TYPE_CHECKING:
    import polars as pl

    from ingestion.entities import Entity
    from ingestion.lake import Lake
    from ingestion.lake.commit import DataFile
    from ingestion.minimise.pseudonyms import KeyRing

DAY = "occurred_local_date"


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
    keys: KeyRing,
    *,
    today: dt.date,
    now: dt.datetime,
    run_id: str,
    announce: Callable[[str, dt.date], object] = lambda feed, last: None,
) -> tuple[ClosedDays, ...]:
    """Clear tokens and destroy keys of the days whose lateness window is over at `today` (city-local), of every feed
    that ever had such keys, its contract gone or not.

    `announce` is called with the feed and the last day before anything goes, once a feed that has something to lose.
    `now` is UTC. Raises ingestion.lake.commit.LakeBusy where other writers kept winning.
    """
    folder = keys.folder / FOLDER
    feeds = sorted(path.name for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []
    closed = tuple(_close(lake, DayKeys.of(keys, feed), today, now, announce) for feed in feeds)
    keys.write_uses(run_id)
    return closed


def _close(
    lake: Lake, days: DayKeys, today: dt.date, now: dt.datetime, announce: Callable[[str, dt.date], object]
) -> ClosedDays:
    from ingestion.lake.commit import retried

    last = last_closed(today)
    is_announced = False

    def once() -> None:
        nonlocal is_announced
        if not is_announced:
            announce(days.feed, last)
            is_announced = True

    tokens = files = 0
    for entity in load_entities().by_name.values():
        if any(field.name == TOKEN for field in entity.minimised):
            cleared, replaced = retried(
                partial(_clear, lake, entity, days.feed, last, once), what=f"minimised/{entity.name}"
            )
            tokens += cleared
            files += _delete_with_tokens(lake, entity, days.feed, last, now, replaced)
    if days.due(today):
        once()
    return ClosedDays(days.feed, last, tuple(days.destroy(today)), tokens, files)


def _clear(
    lake: Lake, entity: Entity, feed: str, last: dt.date, announce: Callable[[], object]
) -> tuple[int, tuple[str, ...]]:
    """(tokens cleared, paths of the files that held them), in one commit that exchanges whole files."""
    import polars as pl

    from ingestion.lake.commit import commit_files, data_files, discard, encode, put_file, read_file

    table = lake.open("minimised", entity.name)
    if table is None or TOKEN not in {field.name for field in table.schema().fields}:
        return 0, ()
    tokens, removed, added = 0, [], []
    for file in data_files(table):
        if file.partition.get("feed") != feed or _is_later(file, entity, last):
            continue
        # Two columns first: of most files nothing has to go.
        try:
            narrow = read_file(lake, "minimised", entity.name, file, [TOKEN, DAY])
        except pl.exceptions.ColumnNotFoundError:
            continue  # written before there were tokens
        count = int(narrow.select(_due(last).sum()).item())
        if not count:
            continue
        tokens += count
        held = read_file(lake, "minimised", entity.name, file)
        removed.append(file)
        rest = held.with_columns(pl.when(_due(last)).then(None).otherwise(pl.col(TOKEN)).alias(TOKEN))
        added.append(put_file(lake, "minimised", entity.name, file.partition, encode(rest), rest.height))
    if not removed:
        return 0, ()
    try:
        announce()
        commit_files(lake, table, added, removed, metadata={"telaga_plates": f"{feed} to {last.isoformat()}"})
    except Exception:
        discard(lake, "minimised", entity.name, added)
        raise
    return tokens, tuple(file.path for file in removed)


def _delete_with_tokens(
    lake: Lake, entity: Entity, feed: str, last: dt.date, now: dt.datetime, replaced: Sequence[str]
) -> int:
    """Delete files that the newest version does not need and that hold a token of a closed day. One that no version
    ever named stays while it may be a landing's that is about to commit."""
    import io

    import polars as pl

    from ingestion.lake.commit import data_files
    from ingestion.lake.maintenance import LONGEST_TASK
    from ingestion.lake.sync import delete_object, get_object, list_objects

    table = lake.open("minimised", entity.name)
    if table is None:
        return 0
    root = f"minimised/{entity.name}"
    live = {f"{root}/{file.path}" for file in data_files(table)}
    named = table.vacuum(retention_hours=0, dry_run=True, enforce_retention_duration=False)  # by older versions
    old = {f"{root}/{path}" for path in (*named, *replaced)}
    deleted = 0
    for file in list_objects(lake, f"{root}/feed={feed}"):
        if file.path in live or not file.path.endswith(".parquet"):
            continue
        if file.path not in old and file.modified > now - LONGEST_TASK:
            continue
        rows = pl.read_parquet(io.BytesIO(get_object(lake, file.path)), hive_partitioning=False)
        if TOKEN in rows.columns and rows.select(_due(last).any()).item():
            delete_object(lake, file.path)
            deleted += 1
    return deleted


def _due(last: dt.date) -> pl.Expr:
    import polars as pl

    return pl.col(TOKEN).is_not_null() & (pl.col(DAY) <= last)


def _is_later(file: DataFile, entity: Entity, last: dt.date) -> bool:
    """Whether a file's month lies wholly behind the last closed day: it need not be read."""
    column = entity.partition_by
    return column is not None and file.partition.get(column, "") > last.strftime("%Y-%m")
