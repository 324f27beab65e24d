"""Keeping tables quick and small: compaction, checkpoints, expired log entries, files that no version needs.

Only rows' whereabouts change: compaction commits through `commit_files`, so the log holds row counts alone. A file is
deleted when no version within the grace names it and it is itself older than the grace: what a task has written and
not yet committed, and what a reader of an older version still reads, stays. Nothing but compaction writes a version.
"""

from __future__ import annotations

import datetime as dt
import math
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import polars as pl

from ingestion.lake import KINDS
from ingestion.lake.commit import DataFile, commit_files, data_files, discard, encode, put_file, read_file
from ingestion.lake.sync import StoredObject, delete_object, list_folders, list_objects, sync_log

if TYPE_CHECKING:
    from ingestion.lake import Lake
    from ingestion.lake.writers import Writers

LONGEST_TASK = dt.timedelta(hours=4)
GRACE = dt.timedelta(hours=168)
LOG_KEPT = dt.timedelta(days=30)
# A file of half of either is left alone; merged files reach one of them at most, which also bounds memory.
FILE_ROWS = 1_000_000
FILE_BYTES = 64 * 2**20
CHECKPOINT_AFTER = 10  # log entries after the last checkpoint
NOTE = {"telaga_maintenance": "compaction"}


class RowsDiffer(RuntimeError):
    """Files do not hold the rows that the log says; nothing was changed."""


@dataclass(frozen=True)
class TableOutcome:
    """One table, before and after. `rows` are those of the newest version (null where the log does not say);
    `bytes_freed` counts deleted data files, `log_entries_expired` deleted entries and checkpoints."""

    table: str
    rows: int | None
    files_before: int
    files_after: int
    files_deleted: int
    bytes_freed: int
    log_entries_expired: int
    is_checkpointed: bool


@dataclass(frozen=True)
class LakeOutcome:
    """`busy` tables had a writer throughout, `left` were not reached in time, `failed` name table and kind of error."""

    tables: tuple[TableOutcome, ...]
    busy: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    scratch_deleted: int = 0


@dataclass
class _Round:
    outcomes: list[TableOutcome] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def maintain_lake(
    lake: Lake,
    writers: Writers,
    *,
    now: dt.datetime,
    grace: dt.timedelta = GRACE,
    patience: dt.timedelta = dt.timedelta(minutes=5),
    at_most: dt.timedelta = dt.timedelta(minutes=35),
    pause: Callable[[float], object] = time.sleep,
) -> LakeOutcome:
    """Every table of the lake, each while nobody writes it; `now` is UTC. A busy table is tried again for `patience`.

    A table that cannot be maintained is named in `failed`, and the others go on. Raises ValueError for a grace that
    is no longer than the longest task.
    """
    _check(grace)
    began = time.monotonic()
    done = _Round()
    waiting = lake_tables(lake)
    left: list[tuple[str, str]] = []
    while waiting:
        busy = []
        for kind, name in waiting:
            if time.monotonic() - began > at_most.total_seconds():
                left.append((kind, name))
                continue
            with writers.alone(kind, name) as is_alone:
                if is_alone:
                    _one(lake, kind, name, now, grace, done)
                else:
                    busy.append((kind, name))
        waiting = busy
        if not busy or time.monotonic() - began > patience.total_seconds():
            break
        pause(2.0)
    return LakeOutcome(
        tables=tuple(done.outcomes),
        busy=tuple(f"{kind}/{name}" for kind, name in waiting),
        left=tuple(f"{kind}/{name}" for kind, name in left),
        failed=tuple(done.failed),
        scratch_deleted=clear_old_scratch(lake, now=now, grace=grace),
    )


def _one(lake: Lake, kind: str, name: str, now: dt.datetime, grace: dt.timedelta, done: _Round) -> None:
    try:
        done.outcomes.append(maintain_table(lake, kind, name, now=now, grace=grace))
    except Exception as error:
        # The class alone: a message of the storage may carry what it could not read.
        done.failed.append(f"{kind}/{name}: {type(error).__name__}")


def lake_tables(lake: Lake) -> list[tuple[str, str]]:
    """(kind, name) of every Delta table, by name."""
    return [
        (kind, name)
        for kind in sorted(KINDS)
        for name in list_folders(lake, kind)
        if "_delta_log" in list_folders(lake, f"{kind}/{name}")
    ]


def maintain_table(lake: Lake, kind: str, name: str, *, now: dt.datetime, grace: dt.timedelta = GRACE) -> TableOutcome:
    """One table that nobody writes meanwhile: compact, checkpoint, expire, delete, in this order."""
    _check(grace)
    before = len(_live(lake, kind, name))
    is_compacted = compact(lake, kind, name) is not None
    is_checkpointed = checkpoint(lake, kind, name, after=1 if is_compacted else CHECKPOINT_AFTER)
    expired = expire_log(lake, kind, name, now=now)
    deleted = delete_unneeded(lake, kind, name, now=now, grace=grace)
    files = _live(lake, kind, name)
    return TableOutcome(
        table=f"{kind}/{name}",
        rows=None if any(file.rows is None for file in files) else sum(file.rows or 0 for file in files),
        files_before=before,
        files_after=len(files),
        files_deleted=len(deleted),
        bytes_freed=sum(file.size for file in deleted),
        log_entries_expired=expired,
        is_checkpointed=is_checkpointed,
    )


def compact(lake: Lake, kind: str, name: str) -> int | None:
    """Merge the small files of each partition in one commit; returns its version, None where there is nothing to do.

    Raises deltalake's CommitFailedError where a writer took one of the files out meanwhile, and RowsDiffer where a
    file does not hold the rows that the log counts; either way the table stays as it was.
    """
    table = lake.open(kind, name)
    groups = [] if table is None else merge_groups(data_files(table))
    if table is None or not groups:
        return None
    added: list[DataFile] = []
    try:
        for group in groups:
            # Diagonal: a file from before a column was added has not got it.
            rows = pl.concat([read_file(lake, kind, name, file) for file in group], how="diagonal")
            counted = sum(file.rows or 0 for file in group)
            if rows.height != counted:
                raise RowsDiffer(f"{kind}/{name}: {len(group)} files hold {rows.height} rows, the log says {counted}")
            added.append(put_file(lake, kind, name, group[0].partition, encode(rows), rows.height))
        removed = [file for group in groups for file in group]
        return commit_files(lake, table, added, removed, metadata=NOTE, changes_rows=False)
    except BaseException:
        discard(lake, kind, name, added)
        raise


def merge_groups(files: Sequence[DataFile]) -> list[list[DataFile]]:
    """Groups of two or more small files of one partition, each at most FILE_ROWS and FILE_BYTES; unknown rows stay."""
    by_partition: dict[tuple[tuple[str, str], ...], list[DataFile]] = defaultdict(list)
    for file in files:
        if file.rows is not None and file.rows * 2 <= FILE_ROWS and file.size * 2 <= FILE_BYTES:
            by_partition[tuple(sorted(file.partition.items()))].append(file)
    groups: list[list[DataFile]] = []
    for small in by_partition.values():
        rows = size = 0
        group: list[DataFile] = []
        for file in small:
            if group and (rows + (file.rows or 0) > FILE_ROWS or size + file.size > FILE_BYTES):
                groups.append(group)
                group, rows, size = [], 0, 0
            group.append(file)
            rows, size = rows + (file.rows or 0), size + file.size
        groups.append(group)
    return [group for group in groups if len(group) > 1]


def checkpoint(lake: Lake, kind: str, name: str, *, after: int = CHECKPOINT_AFTER) -> bool:
    """Write a checkpoint, on disk when this returns, where at least `after` entries lie after the last one."""
    table = lake.open(kind, name)
    if table is None or table.version() - _last_checkpoint(lake, kind, name) < after:
        return False
    table.create_checkpoint()
    if lake.is_local:
        sync_log(lake.table(kind, name), [table.version()])
    return True


def expire_log(lake: Lake, kind: str, name: str, *, now: dt.datetime, kept: dt.timedelta = LOG_KEPT) -> int:
    """Delete log entries and checkpoints that no version of the last `kept` needs; returns how many.

    deltalake's own expiry goes by an entry's age alone, and so takes a version that stood unchanged for a season from
    whoever pinned it a minute before the next commit. What was landed stays known: transactions live in checkpoints.
    """
    log = _log(lake, kind, name)
    first_young = min((version for version, file in log if file.modified >= now - kept), default=None)
    checkpoints = [version for version, file in log if ".checkpoint." in file.path]
    # The version before the first young one was the newest when `kept` began, so it must still open.
    reach = max((version for version, _ in log), default=0) if first_young is None else first_young - 1
    base = max((version for version in checkpoints if version <= reach), default=0)
    expired = [file for version, file in log if version < base]
    for file in expired:
        delete_object(lake, file.path)
    return len(expired)


def delete_unneeded(
    lake: Lake, kind: str, name: str, *, now: dt.datetime, grace: dt.timedelta = GRACE
) -> list[StoredObject]:
    """Delete files that no version within the grace names and that are themselves older than it; returns them.

    No vacuum of deltalake's: that commits two versions to every table, and a full one has deleted live files beside
    an append (delta-rs 3645). It is asked what it would delete; age and the newest version decide again.
    """
    _check(grace)
    table = lake.open(kind, name)
    if table is None:
        return []
    hours = math.ceil(grace.total_seconds() / 3600)
    unnamed = set(table.vacuum(retention_hours=hours, dry_run=True, full=True, enforce_retention_duration=False))
    if not unnamed:
        return []
    root = f"{kind}/{name}"
    old = {file.path: file for file in list_objects(lake, root) if file.modified < now - grace}
    live = {file.path for file in _live(lake, kind, name)}
    chosen = [old[f"{root}/{path}"] for path in sorted(unnamed - live) if f"{root}/{path}" in old]
    for file in chosen:
        delete_object(lake, file.path)
    return chosen


def forget_older_versions(lake: Lake, kind: str, name: str) -> int:
    """Leave of a table nothing but its newest version: a checkpoint of it, its own entry, the files it names. Returns
    how many objects went. For what no version may hold any longer; only while nobody writes the table, and whoever
    pinned an older version loses it.
    """
    table = lake.open(kind, name)
    if table is None:
        return 0
    table.create_checkpoint()
    version = table.version()
    if lake.is_local:
        sync_log(lake.table(kind, name), [version])
    root = f"{kind}/{name}"
    needed = {f"{root}/{file.path}" for file in data_files(table)} | {f"{root}/_delta_log/_last_checkpoint"}
    own = f"{root}/_delta_log/{version:020d}."
    gone = [file.path for file in list_objects(lake, root) if file.path not in needed and not file.path.startswith(own)]
    for path in gone:
        delete_object(lake, path)
    return len(gone)


def clear_old_scratch(lake: Lake, *, now: dt.datetime, grace: dt.timedelta = GRACE) -> int:
    """Delete what runs that never came back left in the lake's scratch folder; returns how many objects."""
    left = [file for file in list_objects(lake, "scratch") if file.modified < now - grace]
    for file in left:
        delete_object(lake, file.path)
    return len(left)


def _check(grace: dt.timedelta) -> None:
    if grace <= LONGEST_TASK:
        raise ValueError(f"a grace of {grace} is no longer than the longest task ({LONGEST_TASK}): live files would go")


def _live(lake: Lake, kind: str, name: str) -> list[DataFile]:
    table = lake.open(kind, name)
    return [] if table is None else data_files(table)


def _log(lake: Lake, kind: str, name: str) -> list[tuple[int, StoredObject]]:
    """Entries and checkpoints of the log with the version they belong to."""
    files = [(file.path.rsplit("/", 1)[-1][:20], file) for file in list_objects(lake, f"{kind}/{name}/_delta_log")]
    return [(int(version), file) for version, file in files if version.isdigit()]


def _last_checkpoint(lake: Lake, kind: str, name: str) -> int:
    """Version of the newest checkpoint, -1 without one."""
    return max((version for version, file in _log(lake, kind, name) if ".checkpoint." in file.path), default=-1)
