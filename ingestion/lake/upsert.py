"""The commit of one batch: what is new is added, what is newer replaces, what is known stays; once, whatever happens.

A commit carries two transaction numbers. The batch's own (`<feed>/<batch>`) lets the next run recognise a commit whose
outcome a crash kept from the log. The feed's makes two landings of one feed conflict, so that the loser looks again at
what the winner added; landings of different feeds never meet.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ingestion.lake.commit import DataFile, commit_files, data_files, discard, encode, put_file, read_file
from ingestion.lake.sync import sync_log
from ingestion.lake.tables import REVISION

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from ingestion.entities import Entity
    from ingestion.lake import Lake
    from ingestion.lake.spool import Part, Spool

COMMIT_NOTE = "telaga"
BUCKET_ROWS = 1_500_000
FILE_GROUP_ROWS = 1_000_000
_KEYS = ["record_key", "row_digest", REVISION]


@dataclass(frozen=True)
class BatchWrite:
    """Which batch is written. `is_retaken`: taken again on purpose, so it replaces what it wrote before.

    `has_key`: the feed's records have a key, so a record may move between partitions.
    `is_dated`: the contract says where the agency states its time of change.
    `order`: position of each batch of the feed known so far; decides between versions without a time of their own.
    """

    feed: str
    batch_id: str
    run_id: str
    position: str
    has_key: bool
    is_retaken: bool = False
    is_dated: bool = False
    order: Mapping[str, str] | None = None


@dataclass(frozen=True)
class Plan:
    """What a batch changes in one version of its table: rows to leave out of each part, rows to take out of files.

    `repeated` of the duplicates repeat a record of the same delivery. Others renew the row that the table holds: they
    take its place unchanged, because they came later. `added` of the accepted are written; the others stand already,
    written by the same batch when it was taken before.
    """

    accepted: int
    added: int
    duplicate: int
    repeated: int
    left_out: Mapping[int, np.ndarray]
    taken_out: Mapping[int, np.ndarray]
    files: tuple[DataFile, ...]

    @property
    def changes_nothing(self) -> bool:
        return self.added == 0 and not self.taken_out


@dataclass(frozen=True)
class Counts:
    """Rows of a committed batch; `read` is always the sum of the other three."""

    read: int
    accepted: int
    duplicate: int
    quarantined: int


def batch_transaction(feed: str, batch_id: str) -> str:
    return f"{feed}/{batch_id}"


def plan_batch(lake: Lake, table: DeltaTable, entity: Entity, spool: Spool, write: BatchWrite) -> Plan:
    """Compare the spooled rows with the table's. Memory is bounded: keys are taken in buckets by their first digits."""
    files = tuple(_files_to_compare(table, entity, spool, write))
    left_out: dict[int, list[np.ndarray]] = defaultdict(list)
    taken_out: dict[int, list[np.ndarray]] = defaultdict(list)
    rows = spool.rows
    duplicate = repeated = standing = 0
    if write.has_key or files:
        buckets = 1 << max(0, (rows // BUCKET_ROWS).bit_length())
        for bucket in range(buckets):
            incoming = _incoming(spool, bucket, buckets)
            kept = _newest_of_each(incoming) if write.has_key else incoming
            repeated += incoming.height - kept.height
            losing, renewed, own = _compare(lake, entity, files, kept, write, bucket, buckets, taken_out)
            duplicate += renewed
            standing += own
            kept = kept.join(losing, on=["part", "at"], how="anti") if losing.height else kept
            dropped = incoming.join(kept, on=["part", "at"], how="anti") if kept.height < incoming.height else None
            if dropped is not None:
                duplicate += dropped.height
                for (part,), group in dropped.group_by("part"):
                    left_out[int(str(part))].append(group["at"].to_numpy())
    return Plan(
        accepted=rows - duplicate + standing,
        added=rows - sum(len(array) for arrays in left_out.values() for array in arrays),
        duplicate=duplicate - standing,
        repeated=repeated,
        left_out={part: np.concatenate(arrays) for part, arrays in left_out.items()},
        taken_out={file: np.unique(np.concatenate(arrays)) for file, arrays in taken_out.items()},
        files=files,
    )


def _files_to_compare(table: DeltaTable, entity: Entity, spool: Spool, write: BatchWrite) -> list[DataFile]:
    mine = [file for file in data_files(table) if file.partition["feed"] == write.feed]
    if write.has_key or write.is_retaken or entity.partition_by is None:
        return mine
    # Without a key a record is its content, its month included: other months cannot hold it.
    touched = {part.partition[entity.partition_by] for part in spool.parts}
    return [file for file in mine if file.partition[entity.partition_by] in touched]


def _in_bucket(bucket: int, buckets: int) -> pl.Expr:
    if buckets == 1:
        return pl.lit(True)
    return pl.col("record_key").str.slice(0, 4).str.to_integer(base=16) % buckets == bucket


def _incoming(spool: Spool, bucket: int, buckets: int) -> pl.DataFrame:
    """record_key, row_digest, revision, ordinal, part, at (row of the part) of one bucket of the batch."""
    frames = [
        spool.read(part, _KEYS)
        .with_columns(
            spool.ordinals(part).alias("ordinal"),
            pl.lit(number, dtype=pl.Int32).alias("part"),
            pl.int_range(pl.len(), dtype=pl.Int64).alias("at"),
        )
        .filter(_in_bucket(bucket, buckets))
        for number, part in enumerate(spool.parts)
    ]
    schema = {
        "record_key": pl.String,
        "row_digest": pl.String,
        REVISION: pl.Int64,
        "ordinal": pl.Int64,
        "part": pl.Int32,
        "at": pl.Int64,
    }
    return pl.concat(frames) if frames else pl.DataFrame(schema=schema)


def _newest_of_each(incoming: pl.DataFrame) -> pl.DataFrame:
    """One row a key: the latest revision (of equal ones the larger digest), or without revisions the last delivered."""
    if incoming["record_key"].n_unique() == incoming.height:
        return incoming
    # Two versions of one instant contradict each other; the digest decides, so that the order of delivery does not.
    tie = pl.when(pl.col(REVISION).is_not_null()).then(pl.col("row_digest")).otherwise(pl.lit(""))
    return incoming.sort(REVISION, tie, "ordinal", nulls_last=False).unique("record_key", keep="last")


def _compare(
    lake: Lake,
    entity: Entity,
    files: Sequence[DataFile],
    kept: pl.DataFrame,
    write: BatchWrite,
    bucket: int,
    buckets: int,
    taken_out: dict[int, list[np.ndarray]],
) -> tuple[pl.DataFrame, int, int]:
    """Rows of `kept` (part, at) that the table already holds, or holds newer; how many of the others only renew what it
    holds, and how many of these the same batch wrote. Fills `taken_out` with rows that others take the place of."""
    renewed = standing = 0
    losing = [pl.DataFrame(schema={"part": pl.Int32, "at": pl.Int64})]
    for group in _grouped(files):
        held = pl.concat(
            read_file(lake, "minimised", entity.name, files[number], [*_KEYS, "batch_id"])
            .with_columns(
                pl.lit(number, dtype=pl.Int32).alias("file"),
                pl.int_range(pl.len(), dtype=pl.Int64).alias("file_at"),
            )
            .filter(_in_bucket(bucket, buckets))
            for number in group
        )
        pairs = kept.join(held, on="record_key", how="inner", suffix="_held")
        pairs = pairs.with_columns(_wins(write).alias("wins"), _renews(write).alias("renews"))
        renewed += int(pairs["renews"].sum())
        replaces = pl.col("wins") | pl.col("renews")
        losing.append(pairs.filter(~replaces).select("part", "at"))
        if write.is_retaken:
            standing += pairs.filter(~replaces & (pl.col("batch_id") == write.batch_id)).height
        beaten = pairs.filter(replaces).select("file", "file_at")
        if write.is_retaken:
            gone = held.filter(pl.col("batch_id") == write.batch_id).join(kept, on="record_key", how="anti")
            beaten = pl.concat([beaten, gone.select("file", "file_at")])
        for (number,), rows in beaten.group_by("file"):
            taken_out[int(str(number))].append(rows["file_at"].to_numpy())
    return pl.concat(losing), renewed, standing


def _renews(write: BatchWrite) -> pl.Expr:
    """Whether the arriving version says again, and later, what the table holds: without a time of its own a record is
    as new as the last batch that held it, or a batch that comes late would take its place."""
    earlier = [batch for batch, position in (write.order or {}).items() if position < write.position]
    if write.is_dated or not write.has_key or not earlier:
        return pl.lit(False)
    untimed = pl.col(REVISION).is_null() & pl.col(f"{REVISION}_held").is_null()
    return untimed & (pl.col("row_digest") == pl.col("row_digest_held")) & pl.col("batch_id").is_in(earlier)


def _wins(write: BatchWrite) -> pl.Expr:
    """Whether the arriving version of a record beats the one the table holds (columns `*_held`)."""
    arriving, held = pl.col(REVISION), pl.col(f"{REVISION}_held")
    same = (pl.col("row_digest") == pl.col("row_digest_held")) & arriving.eq_missing(held)
    # What is pulled for an interval has no place among the batches.
    order = [batch for batch, position in (write.order or {}).items() if write.position and position > write.position]
    later = pl.col("batch_id").is_in(order) if order else pl.lit(False)
    own = (pl.col("batch_id") == write.batch_id) & pl.lit(write.is_retaken)
    larger = pl.col("row_digest") > pl.col("row_digest_held")
    return (
        pl.when(same)
        .then(False)
        .when(own)
        .then(True)
        .when(arriving.is_null() & held.is_null())
        .then(~later)
        # Of a dated feed the version without a time is the older one, in whatever order they come; where the contract
        # no longer knows the time, what arrives is the newer.
        .when(arriving.is_null())
        .then(pl.lit(not write.is_dated))
        .when(held.is_null())
        .then(True)
        .when(arriving == held)
        .then(larger | pl.lit(write.is_retaken))
        .otherwise(arriving > held)
    )


def _grouped(files: Sequence[DataFile]) -> list[list[int]]:
    groups: list[list[int]] = []
    rows = FILE_GROUP_ROWS
    for number, file in enumerate(files):
        size = file.rows if file.rows is not None else FILE_GROUP_ROWS
        if rows + size > FILE_GROUP_ROWS or not groups:
            groups.append([])
            rows = 0
        groups[-1].append(number)
        rows += size
    return groups


def apply_plan(
    lake: Lake, table: DeltaTable, entity: Entity, spool: Spool, write: BatchWrite, plan: Plan, note: Mapping[str, Any]
) -> int:
    """Write what the plan asks for in one commit and return the table's version.

    Raises deltalake's CommitFailedError where another landing of the feed came first: plan anew and try again.
    """
    from deltalake.exceptions import CommitFailedError

    added: list[DataFile] = []
    removed: list[DataFile] = []
    try:
        for number, part in enumerate(spool.parts):
            content, rows = _without(spool, part, plan.left_out.get(number))
            if rows:
                added.append(put_file(lake, "minimised", entity.name, part.partition, content, rows))
        for number, rows_out in plan.taken_out.items():
            file = plan.files[number]
            rest = _drop_rows(read_file(lake, "minimised", entity.name, file), rows_out)
            removed.append(file)
            if rest.height:
                content = encode(rest)
                added.append(put_file(lake, "minimised", entity.name, file.partition, content, rest.height))
    except Exception:
        discard(lake, "minimised", entity.name, added)
        raise
    feed_number, own = write.feed, batch_transaction(write.feed, write.batch_id)
    try:
        return commit_files(
            lake,
            table,
            added,
            removed,
            transactions={name: (table.transaction_version(name) or 0) + 1 for name in (feed_number, own)},
            metadata={COMMIT_NOTE: json.dumps(dict(note), sort_keys=True)},
        )
    except CommitFailedError:
        discard(lake, "minimised", entity.name, added)
        raise


def _without(spool: Spool, part: Part, rows_out: np.ndarray | None) -> tuple[bytes, int]:
    if rows_out is None:
        return spool.content(part), part.rows
    if len(rows_out) == part.rows:
        return b"", 0
    rest = _drop_rows(spool.read(part), rows_out)
    return encode(rest), rest.height


def _drop_rows(frame: pl.DataFrame, rows_out: np.ndarray) -> pl.DataFrame:
    stays = np.ones(frame.height, dtype=bool)
    stays[rows_out] = False
    return frame.filter(pl.Series(stays))


def note_of(write: BatchWrite, counts: Counts) -> dict[str, Any]:
    """What a commit says of itself: enough to log its outcome where a crash came between the two."""
    return {"feed": write.feed, "batch_id": write.batch_id, "run_id": write.run_id} | asdict(counts)


def committed(lake: Lake, entity: Entity, feed: str, batch_id: str, run_id: str | None) -> tuple[Counts, int] | None:
    """Counts and version of the commit that landed a batch, None where there is none.

    With `run_id` only a commit of that run counts (a batch taken again has several).
    """
    table = lake.open("minimised", entity.name)
    if table is None or table.transaction_version(batch_transaction(feed, batch_id)) is None:
        return None
    for entry in table.history():
        if COMMIT_NOTE not in entry:
            continue
        note = json.loads(entry[COMMIT_NOTE])
        if (note["feed"], note["batch_id"]) == (feed, batch_id) and run_id in (None, note["run_id"]):
            version = int(entry["version"])
            if lake.is_local:
                # The crash may have come before its flush, and whoever asks is about to acknowledge it.
                sync_log(lake.table("minimised", entity.name), [version])
            return Counts(*(note[name] for name in ("read", "accepted", "duplicate", "quarantined"))), version
    if run_id is not None:
        return None
    # The log entry has expired but the transaction number stands: the rows themselves are the count that is left.
    held = lake.read("minimised", entity.name).filter((pl.col("feed") == feed) & (pl.col("batch_id") == batch_id))
    rows = int(held.select(pl.len()).collect().item())
    return Counts(rows, rows, 0, 0), table.version()
