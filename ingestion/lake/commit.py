"""Writing a Delta table so that a power cut, a crash or a rival writer leaves it whole.

Data files are written and flushed first, then named by one commit, then its log entry is flushed: a log entry never
names a file that a power cut could still take away. Files are committed as they stand, so a correction rewrites only
the files that hold an older row. Statistics in the log are row counts alone, never a smallest or largest value.
"""

from __future__ import annotations

import io
import json
import random
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import polars as pl

from ingestion.lake.sync import (
    TRIES,
    delete_object,
    get_object,
    make_folder,
    patiently,
    sync_file,
    sync_folder,
    sync_log,
    unreachable,
    write_synced,
)

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from ingestion.lake import Lake

T = TypeVar("T")

ATTEMPTS = 60  # with pauses of at most 2 s: about a minute and a half of rivals before a writer gives up
CHECKPOINT_EVERY = 50
CHECKPOINT_EVERY_ON_S3 = 10  # opening a table reads each entry behind the last one by a request of its own
MARK = "telaga_commit"  # in a commit's metadata: whose it is
PROPERTIES = {
    "delta.checkpointInterval": str(CHECKPOINT_EVERY),
    # What deltalake writes itself (a new schema, an optimize by hand) would put values into the log.
    "delta.dataSkippingNumIndexedCols": "0",
    # Entries expire in maintenance alone, which knows what a reader may still have pinned.
    "delta.enableExpiredLogCleanup": "false",
}


class LakeBusy(RuntimeError):
    """Other writers kept winning; nothing was lost, the same call may be made again."""


@dataclass(frozen=True)
class DataFile:
    """One Parquet file of a table. `path` is relative to the table, as the log spells it; `rows` may be unknown."""

    path: str
    size: int
    rows: int | None
    partition: Mapping[str, str]


def storable(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame in types that Delta has: no unsigned integers, categories, nanoseconds or all-null columns."""
    casts: list[pl.Expr] = []
    for name, dtype in frame.schema.items():
        if dtype in (pl.UInt8, pl.UInt16):
            casts.append(pl.col(name).cast(pl.Int32))
        elif dtype in (pl.UInt32, pl.UInt64):
            casts.append(pl.col(name).cast(pl.Int64))
        elif isinstance(dtype, (pl.Categorical, pl.Enum)) or dtype == pl.Null:
            casts.append(pl.col(name).cast(pl.String))
        elif isinstance(dtype, pl.Datetime) and dtype.time_unit != "us":
            casts.append(pl.col(name).dt.cast_time_unit("us"))
    return frame.with_columns(casts) if casts else frame


def delta_schema(frame: pl.DataFrame, required: Sequence[str] = ()) -> Any:
    """Arrow schema of a frame, `required` columns marked as never null."""
    import pyarrow as pa

    schema = frame.head(0).to_arrow(compat_level=pl.CompatLevel.oldest()).schema
    return pa.schema([field.with_nullable(field.name not in required) for field in schema])


def encode(frame: pl.DataFrame) -> bytes:
    """Parquet bytes of one data file (zstd)."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", compression_level=3)
    return buffer.getvalue()


def split(frame: pl.DataFrame, partition_by: Sequence[str]) -> list[tuple[dict[str, str], pl.DataFrame]]:
    """The frame by partition, partition columns taken out (they live in the log)."""
    if not partition_by:
        return [({}, frame)]
    parts = frame.partition_by(list(partition_by), as_dict=True, include_key=False, maintain_order=True)
    return [
        (dict(zip(partition_by, map(str, key), strict=True)), part)
        for key, part in sorted(parts.items(), key=lambda item: tuple(map(str, item[0])))
    ]


def folder_of(partition: Mapping[str, str]) -> str:
    """Folder of a partition's files. Readers differ in what they make of an escaped path (Polars takes the value from
    it, not from the log), so a value that would need escaping is refused with ValueError."""
    for name, value in partition.items():
        if not re.fullmatch(r"[A-Za-z0-9._-]+", value):
            raise ValueError(f"column {name} holds a value that cannot name a partition; use letters, digits, . _ -")
    return "".join(f"{name}={value}/" for name, value in partition.items())


def put_file(lake: Lake, kind: str, name: str, partition: Mapping[str, str], content: bytes, rows: int) -> DataFile:
    """Store one data file, flushed; the table does not know it until a commit names it."""
    folder = folder_of(partition)
    relative = f"{folder}part-{uuid.uuid4().hex}.parquet"
    if lake.is_local:
        write_synced(Path(lake.table(kind, name)) / relative, content)
    else:
        lake.put(f"{kind}/{name}/{relative}", content)
    return DataFile(relative, len(content), rows, dict(partition))


def read_file(lake: Lake, kind: str, name: str, file: DataFile, columns: Sequence[str] | None = None) -> pl.DataFrame:
    """Rows of one data file, without its partition columns."""
    relative = file.path
    chosen = None if columns is None else list(columns)
    if lake.is_local:
        return pl.read_parquet(Path(lake.table(kind, name)) / relative, columns=chosen, hive_partitioning=False)
    return pl.read_parquet(
        io.BytesIO(get_object(lake, f"{kind}/{name}/{relative}")), columns=chosen, hive_partitioning=False
    )


def data_files(table: DeltaTable) -> list[DataFile]:
    """Every live file of the table."""
    names = table.metadata().partition_columns
    listed = pl.DataFrame(table.get_add_actions(flatten=True))
    return [
        DataFile(
            row["path"],
            row["size_bytes"],
            row.get("num_records"),
            {name: str(row[f"partition.{name}"]) for name in names},
        )
        for row in listed.iter_rows(named=True)
    ]


def create_table(
    lake: Lake,
    kind: str,
    name: str,
    schema: Any,
    partition_by: Sequence[str] = (),
    constraints: Mapping[str, str] | None = None,
) -> DeltaTable:
    """Make an empty table with CHECK constraints unless it exists; either way the table is returned."""
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    uri = lake.table(kind, name)
    if lake.is_local:
        make_folder(Path(uri) / "_delta_log")

    def attempt() -> DeltaTable:
        try:
            table = DeltaTable.create(
                uri,
                schema=schema,
                mode="error",
                partition_by=list(partition_by),
                configuration=_properties_for(lake),
                storage_options=lake.options,
            )
        except (DeltaError, OSError):
            # A rival made it first; or it is made, and an object store's answer was lost.
            found = lake.open(kind, name)
            if found is None:
                raise
            table = found
        properties = _properties(table)
        missing = {
            key: rule for key, rule in (constraints or {}).items() if f"delta.constraints.{key}" not in properties
        }
        if missing:
            # Conflicts with a rival's own; the next attempt finds what is still missing then.
            table.alter.add_constraint(missing)
        return table

    table = retried(attempt, what=f"{kind}/{name}")
    if lake.is_local:
        sync_log(uri, range(table.version() + 1))
    return table


def _properties_for(lake: Lake) -> dict[str, str]:
    if lake.is_local:
        return dict(PROPERTIES)
    return {**PROPERTIES, "delta.checkpointInterval": str(CHECKPOINT_EVERY_ON_S3)}


def _properties(table: DeltaTable) -> Mapping[str, Any]:
    return table.metadata().configuration


def commit_files(
    lake: Lake,
    table: DeltaTable,
    added: Sequence[DataFile],
    removed: Sequence[DataFile] = (),
    *,
    transactions: Mapping[str, int] | None = None,
    metadata: Mapping[str, Any] | None = None,
    changes_rows: bool = True,
) -> int:
    """One commit that adds and removes whole files; returns the table's version right after it, flushed.

    `changes_rows` False says that the added files hold exactly the rows of the removed ones.
    Raises deltalake's CommitFailedError where a rival changed what this commit rests on (a removed file is gone, or
    another commit carries one of `transactions`): reopen the table, work out the change anew and try again. After any
    other error the commit may stand (what failed is a flush or a checkpoint), so its files must stay too.
    """
    from deltalake import CommitProperties, Transaction
    from deltalake.transaction import AddAction, RemoveAction

    now = int(time.time() * 1000)
    actions: list[Any] = [
        AddAction(file.path, file.size, dict(file.partition), now, changes_rows, json.dumps({"numRecords": file.rows}))
        for file in added
    ]
    actions += [
        RemoveAction(
            path=file.path,
            data_change=changes_rows,
            deletion_timestamp=now,
            size=file.size,
            partition_values=dict(file.partition),
        )
        for file in removed
    ]
    before = table.version()
    mark = uuid.uuid4().hex

    def write() -> None:
        table.create_write_transaction(
            actions=actions,
            mode="append",
            schema=table.schema(),
            partition_by=table.metadata().partition_columns,
            commit_properties=CommitProperties(
                custom_metadata={**(metadata or {}), **({} if lake.is_local else {MARK: mark})},
                app_transactions=[Transaction(name, number) for name, number in (transactions or {}).items()],
            ),
        )

    if lake.is_local:
        write()
    else:
        _settled(lake, table.table_uri, before, mark, write)
    patiently(lake, table.table_uri, table.update_incremental)
    if lake.is_local:
        sync_log(table.table_uri.removeprefix("file://"), range(before + 1, table.version() + 1))
    return table.version()


def _settled(lake: Lake, uri: str, before: int, mark: str, write: Callable[[], None]) -> None:
    """Commit to an object store, whose answer may be lost (a broken connection, an error after it has stored): then the
    log itself says whether the commit stands. Without that, a commit would meet itself as a rival, and a caller would
    take away the files that it names."""
    from deltalake.exceptions import CommitFailedError, DeltaError

    for attempt in range(TRIES):
        try:
            return write()
        except (DeltaError, OSError) as error:
            if _stands(lake, uri, before, mark):
                return None
            if isinstance(error, CommitFailedError):
                raise
            if attempt == TRIES - 1:
                raise unreachable(lake, uri, error) from None
        time.sleep(random.uniform(0, 0.2 * 2**attempt))
    return None


def _stands(lake: Lake, uri: str, before: int, mark: str) -> bool:
    from deltalake import DeltaTable

    table = patiently(lake, uri, lambda: DeltaTable(uri, storage_options=lake.options))
    return any(entry.get(MARK) == mark for entry in table.history(max(1, table.version() - before)))


def discard(lake: Lake, kind: str, name: str, files: Sequence[DataFile]) -> None:
    """Delete files that no commit named."""
    for file in files:
        delete_object(lake, f"{kind}/{name}/{file.path}")


def retried(action: Callable[[], T], *, what: str) -> T:
    """Run an action that reopens its table, again after each commit conflict, with growing random pauses."""
    from deltalake.exceptions import CommitFailedError

    for attempt in range(ATTEMPTS):
        try:
            return action()
        except CommitFailedError:
            time.sleep(random.uniform(0, min(2.0, 0.02 * 2 ** min(attempt, 7))))
    raise LakeBusy(f"{what}: {ATTEMPTS} attempts met another writer's commit; run it again when the table is quieter")


def same_rows(left: pl.DataFrame, right: pl.DataFrame) -> bool:
    """Whether two frames hold the same rows, in any order (a multiset), under the same columns and types."""
    if left.schema != right.schema or left.height != right.height:
        return False
    if left.equals(right):
        return True
    plain = [
        pl.col(name).hash() if isinstance(dtype, (pl.List, pl.Array, pl.Struct)) else pl.col(name)
        for name, dtype in left.schema.items()
    ]
    return left.sort(plain).equals(right.sort(plain))


def replace_table(lake: Lake, kind: str, name: str, frame: pl.DataFrame, metadata: Mapping[str, Any]) -> int | None:
    """See `Lake.replace`."""
    from deltalake.exceptions import CommitFailedError

    if frame.width == 0:
        raise ValueError(f"{kind}/{name}: a frame without columns cannot be stored; give it its columns, even if empty")
    rows = storable(frame)

    def attempt() -> int:
        table = lake.open(kind, name)
        if table is None:
            table = create_table(lake, kind, name, delta_schema(rows))
        elif not _has_columns(table, rows):
            return _overwrite_with_new_columns(lake, kind, name, rows, metadata)
        elif _holds(lake, kind, name, rows):
            return table.version()
        old = data_files(table)
        new = [put_file(lake, kind, name, {}, encode(rows), rows.height)] if rows.height else []
        if not new and not old:
            return table.version()
        try:
            return commit_files(lake, table, new, old, metadata=metadata)
        except CommitFailedError:
            discard(lake, kind, name, new)
            raise

    return retried(attempt, what=f"{kind}/{name}")


def _has_columns(table: DeltaTable, frame: pl.DataFrame) -> bool:
    from deltalake import Schema

    fields = [(field.name, str(field.type)) for field in table.schema().fields]
    wanted = [(field.name, str(field.type)) for field in Schema.from_arrow(delta_schema(frame)).fields]
    return fields == wanted and not table.metadata().partition_columns


def _holds(lake: Lake, kind: str, name: str, frame: pl.DataFrame) -> bool:
    try:
        return same_rows(lake.read(kind, name).collect(), frame)
    except (OSError, pl.exceptions.PolarsError):
        return False  # a damaged table is written anew, which is what mends it


def _overwrite_with_new_columns(
    lake: Lake, kind: str, name: str, frame: pl.DataFrame, metadata: Mapping[str, Any]
) -> int:
    """Other columns than before: deltalake itself rewrites the schema; its files are flushed afterwards."""
    from deltalake import CommitProperties, write_deltalake

    before = lake.version(kind, name) or 0
    uri = lake.table(kind, name)
    found = lake.open(kind, name)
    wanted = _properties_for(lake)
    if found is not None and wanted.items() - _properties(found).items():
        found.alter.set_table_properties(wanted)
    write_deltalake(
        uri,
        frame.to_arrow(compat_level=pl.CompatLevel.oldest()),
        mode="overwrite",
        schema_mode="overwrite",
        storage_options=lake.options,
        commit_properties=CommitProperties(custom_metadata=dict(metadata)),
    )
    table = lake.open(kind, name)
    if table is None:
        raise LakeBusy(f"{kind}/{name} vanished while it was written; run the build again")
    if lake.is_local:
        for file in data_files(table):
            sync_file(Path(uri) / file.path)
        sync_folder(Path(uri))
        sync_log(uri, range(before + 1, table.version() + 1))
    return table.version()


def append_rows(
    lake: Lake,
    kind: str,
    name: str,
    frame: pl.DataFrame,
    partition_by: Sequence[str],
    metadata: Mapping[str, Any],
    transactions: Mapping[str, int] | None = None,
    schema: Any = None,
) -> int | None:
    """See `Lake.append`. With `transactions`, an append that the table already holds is left out."""
    if frame.height == 0:
        return lake.version(kind, name)
    rows = storable(frame)
    table = lake.open(kind, name)
    if table is None:
        table = create_table(lake, kind, name, schema or delta_schema(rows), partition_by)
    new = [
        put_file(lake, kind, name, partition, encode(part), part.height)
        for partition, part in split(rows, table.metadata().partition_columns)
    ]

    def attempt() -> int:
        current = lake.open(kind, name) or table
        if transactions and all((current.transaction_version(key) or 0) >= n for key, n in transactions.items()):
            discard(lake, kind, name, new)
            return current.version()
        return commit_files(lake, current, new, transactions=transactions, metadata=metadata)

    return retried(attempt, what=f"{kind}/{name}")


def replace_where(
    lake: Lake, kind: str, name: str, frame: pl.DataFrame, where: Mapping[str, str], partition_by: Sequence[str]
) -> int | None:
    """Make `frame` all that the table holds where every column of `where` has its value; returns the version.

    `where` holds every column of `partition_by`. Rows that are already the same write no version.
    """
    from deltalake.exceptions import CommitFailedError

    rows = storable(frame)

    def attempt() -> int | None:
        table = lake.open(kind, name)
        if table is None:
            if not rows.height:
                return None
            table = create_table(lake, kind, name, delta_schema(rows), partition_by)
        inside = {column: where[column] for column in partition_by}
        # A row without a value there is one of the others, and stays.
        others = [pl.col(column).eq_missing(pl.lit(value)) for column, value in where.items() if column not in inside]
        removed: list[DataFile] = []
        held: list[pl.DataFrame] = []
        rest: list[pl.DataFrame] = []
        for file in data_files(table):
            if dict(file.partition) != inside:
                continue
            content = read_file(lake, kind, name, file)
            matching = content.filter(*others) if others else content
            if matching.height:
                removed.append(file)
                held.append(matching)
                rest.append(content.filter(~pl.all_horizontal(others)) if others else content.clear())
        arriving = rows.drop(list(inside))
        if (not held and not rows.height) or (held and same_rows(pl.concat(held), arriving)):
            return table.version()
        content = pl.concat([*rest, arriving])
        added = [put_file(lake, kind, name, inside, encode(content), content.height)] if content.height else []
        try:
            return commit_files(lake, table, added, removed)
        except CommitFailedError:
            discard(lake, kind, name, added)
            raise

    return retried(attempt, what=f"{kind}/{name}")
