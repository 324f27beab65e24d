"""A changed contract, applied to the table that already holds its feed's rows.

Added, widened and renamed columns cost nothing or one rewrite. What got stricter is taken out of every row, then every
older version goes: data files, log entries and checkpoints, so that nothing in the lake still holds it. Sealed
originals and quarantine keep what was delivered until their own retention.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from ingestion.contract_change import change_since
from ingestion.entities import polars_type
from ingestion.lake.alerts import keep_alerts
from ingestion.lake.commit import (
    DataFile,
    commit_files,
    data_files,
    delta_schema,
    discard,
    encode,
    put_file,
    read_file,
    retried,
    same_rows,
)
from ingestion.lake.contracts import LANDED, MIGRATED, landed_contracts, note_contract
from ingestion.lake.maintenance import forget_older_versions
from ingestion.lake.spool import clear_scratch
from ingestion.lake.sync import delete_folder, sync_log
from ingestion.lake.tables import REVISION, columns_of, ensure_minimised, entities, fields_of, partitions_of
from ingestion.minimise import row_digests

if TYPE_CHECKING:
    from ingestion.city import City
    from ingestion.contract import Contract
    from ingestion.contract_change import Change
    from ingestion.entities import Entity
    from ingestion.lake import Lake
    from ingestion.lake.writers import Writers
    from ingestion.minimise import KeyRing

ALERT = "contract_migration"
NOTE = "telaga_migration"
# Whoever counts minimised rows reads a pinned version, which a stricter contract takes away.
READERS = ("aggregates", "marts")
_WIDER = {("long", "double"), ("long", "string"), ("double", "string"), ("boolean", "string"), ("date", "string")}
_TERMS = ("modus_terms", "place_terms", "object_terms")


class MigrationRefused(Exception):
    """The table cannot follow the contract; one line a reason, each with the next step. Nothing was changed."""


class TableBusy(Exception):
    """Somebody writes the table, or counts it; nothing was changed."""


@dataclass(frozen=True)
class Migration:
    """What was done, or would be (`is_done` False), one line each in `told`; rows that changed and objects deleted."""

    feed: str
    told: tuple[str, ...] = ()
    rows: int = 0
    deleted: int = 0
    is_done: bool = False


def note_landing(lake: Lake, contract: Contract, *, run_id: str, now: dt.datetime) -> None:
    """Keep the contract that rows are about to land under; where it is stricter than one they lie under, an alert says
    so until `migrate_feed` has dealt with it. Writes nothing while the contract stays the same."""
    if not contract.text:
        return
    landed = landed_contracts(lake, contract.feed)
    if landed and landed[-1].digest == contract.digest:
        return
    note_contract(lake, contract, LANDED, run_id=run_id, now=now)
    if change_since(landed, contract).is_stricter:
        detail = f"version {contract.version} is stricter than what landed: ./telaga feed migrate {contract.feed}"
        keep_alerts(lake, contract.feed, ALERT, {contract.version: detail}, run_id=run_id, now=now)


def plan_migration(lake: Lake, after: Contract) -> Change:
    """What migrating to `after` means. Raises MigrationRefused where it cannot be done."""
    change = change_since(landed_contracts(lake, after.feed), after)
    if change.refused or change.stuck:
        raise MigrationRefused("\n".join(f"{after.feed}: {reason}" for reason in (*change.refused, *change.stuck)))
    return change


def migrate_feed(
    lake: Lake,
    after: Contract,
    city: City,
    keys: KeyRing,
    writers: Writers,
    *,
    run_id: str,
    is_dry: bool = False,
    clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC),
) -> Migration:
    """Make the table's rows of the feed what `after` allows. Cut at any point it is done by the next call; done, a
    further call changes nothing.

    Raises MigrationRefused and TableBusy, before anything is changed.
    """
    landed = landed_contracts(lake, after.feed)
    if not landed:
        return Migration(after.feed, ("nothing has landed yet: the first landing takes the contract as it is",))
    change = plan_migration(lake, after)
    entity = entities()[after.entity]
    narrower = _narrower(lake, entity)
    told = [*change.told, *(f"{entity.name}.{name} becomes {kind}" for name, kind in narrower.items())]
    if not told and landed[-1].digest == after.digest and len(landed) == 1:
        return Migration(after.feed, ("the table is as the contract says: nothing to do",))
    if is_dry:
        return Migration(after.feed, tuple(told))
    with ExitStack() as held:
        for kind, name in (("minimised", entity.name), *((kind, "migration") for kind in READERS)):
            if not held.enter_context(writers.alone(kind, name)):
                raise TableBusy(f"{kind} is being written: run it again when no landing and no build runs")
        held.enter_context(writers.writing("control"))
        if narrower:
            _widen(lake, entity, keys)
        ensure_minimised(lake, entity)
        rows = deleted = 0
        if change.is_stricter:
            rows = _rewrite(lake, entity, after, change, city, keys)
            clear_scratch(lake, f"scratch/{after.feed}")
            if "terms" in change.forgotten:
                # Sealed to the officer, by feed and not by column: what may not even give terms is kept for no review.
                for kind in ("narratives", "samples"):
                    delete_folder(lake, f"officer/{kind}/{after.feed}")
            deleted = forget_older_versions(lake, "minimised", entity.name)
            told.append(f"{rows} rows rewritten, {deleted} objects of older versions deleted")
        # Last: a call that was cut finds the old contracts still standing, and does it all again.
        note_contract(lake, after, MIGRATED, run_id=run_id, now=clock())
        keep_alerts(lake, after.feed, ALERT, {}, run_id=run_id, now=clock())
        keys.write_uses(run_id)
    return Migration(after.feed, (*told, f"version {after.version} holds"), rows, deleted, True)


def _rewrite(lake: Lake, entity: Entity, after: Contract, change: Change, city: City, keys: KeyRing) -> int:
    """Every file of the feed anew, so that no statistics of an older writer stay in the log; returns changed rows."""

    def attempt() -> int:
        table = ensure_minimised(lake, entity)
        mine = [file for file in data_files(table) if file.partition["feed"] == after.feed]
        added: list[DataFile] = []
        changed = 0
        is_same = True
        try:
            for file in mine:
                rows = _whole(lake, entity, file)
                made = _as_allowed(rows, entity, change, city)
                made = made.with_columns(row_digests(_own(made, entity), after.feed, keys))
                is_same = is_same and same_rows(rows, made)
                changed += int((rows["row_digest"] != made["row_digest"]).sum())
                content = encode(made.drop(partitions_of(entity)))
                added.append(put_file(lake, "minimised", entity.name, file.partition, content, made.height))
            if not mine or is_same:
                discard(lake, "minimised", entity.name, added)
                return 0
            note = {NOTE: json.dumps({"feed": after.feed, "version": after.version})}
            commit_files(lake, table, added, mine, metadata=note)
        except Exception:
            discard(lake, "minimised", entity.name, added)
            raise
        return changed

    return retried(attempt, what=f"minimised/{entity.name}")


def _whole(lake: Lake, entity: Entity, file: DataFile) -> pl.DataFrame:
    """Rows of a file with their partition columns; a column that came to the table later is null."""
    rows = read_file(lake, "minimised", entity.name, file)
    have = {**columns_of(entity)}
    rows = rows.with_columns(pl.lit(value).alias(name) for name, value in file.partition.items())
    missing = [pl.lit(None, kind).alias(name) for name, kind in have.items() if name not in rows.columns]
    return rows.with_columns(missing).select(pl.col(name).cast(kind) for name, kind in have.items())


def _own(rows: pl.DataFrame, entity: Entity) -> pl.DataFrame:
    return rows.select(field.name for field in entity.minimised)


def _as_allowed(rows: pl.DataFrame, entity: Entity, change: Change, city: City) -> pl.DataFrame:
    """Rows without what the contract forbids now, as a landing under it would have left them."""
    for forgotten in sorted(change.forgotten):
        rows = rows.with_columns(_emptied(forgotten, entity, city))
    coarse = {field.name: field.type for field in entity.minimised if field.name in change.coarser}
    hours = [pl.col(name).dt.truncate("1h") for name, kind in coarse.items() if kind == "timestamp"]
    return rows.with_columns(*hours, *(pl.col(name).round(1) for name in coarse if name == "confidence"))


def _emptied(forgotten: str, entity: Entity, city: City) -> list[pl.Expr]:
    """What takes the place of all that came of a conformed column."""
    have = {field.name: polars_type(field.type) for field in entity.minimised} | {REVISION: pl.Int64()}

    def null(*names: str) -> list[pl.Expr]:
        return [pl.lit(None, have[name]).alias(name) for name in names if name in have]

    if forgotten in ("longitude", "latitude"):
        # The region was the point's, too, unless the agency stated it.
        by_point = pl.col("location_quality").is_in(["exact", "placeholder"])
        return _unlocated(by_point, entity) + null("h3_cell", "is_repeat_location")
    if forgotten == "stated_region":
        return _unlocated(pl.col("location_quality") == "region_only", entity)
    if forgotten == "reported_by":
        discovered = pl.col("category").is_in(sorted(city.discovered_categories))
        return [pl.when(discovered).then(pl.lit("officer")).otherwise(pl.lit("citizen")).alias("reported_by")]
    if forgotten == "event_count":
        return [pl.lit(1, pl.Int64).alias("event_count")]
    if forgotten == "occurred_to_at":
        return [pl.lit(0, pl.Int64).alias("occurred_span_hours")]
    traces = {
        "terms": _TERMS,
        "reported_at": ("reported_local_date",),
        "received_at": ("answer_seconds", "dispatch_seconds", "arrival_seconds"),
        "answered_at": ("answer_seconds",),
        "dispatched_at": ("dispatch_seconds",),
        "arrived_at": ("arrival_seconds",),
        "updated_at": (REVISION,),
    }
    return null(*traces.get(forgotten, (forgotten,)))


def _unlocated(rows: pl.Expr, entity: Entity) -> list[pl.Expr]:
    if not entity.is_located:
        return []
    return [
        pl.when(~rows).then("region_code").alias("region_code"),
        pl.when(rows).then(pl.lit("none")).otherwise("location_quality").alias("location_quality"),
    ]


def _narrower(lake: Lake, entity: Entity) -> dict[str, str]:
    """Columns that the table holds in a narrower type than entities.yaml now says -> the new type.

    Raises MigrationRefused for a type that cannot hold what is there.
    """
    from deltalake import Schema

    table = lake.open("minimised", entity.name)
    if table is None:
        return {}
    held = {field.name: field.type.type for field in table.schema().fields}
    wanted = Schema.from_arrow(delta_schema(pl.DataFrame(schema=columns_of(entity)))).fields
    found = {}
    for column in wanted:
        pair = (held.get(column.name, column.type.type), column.type.type)
        if pair[0] == pair[1]:
            continue
        if pair not in _WIDER:
            raise MigrationRefused(
                f"minimised/{entity.name}: {column.name} is held as {pair[0]} and cannot become {pair[1]}; give what "
                "is meant a column of its own in entities.yaml"
            )
        found[column.name] = pair[1]
    return found


def _widen(lake: Lake, entity: Entity, keys: KeyRing) -> int:
    """Rewrite the table, all feeds, with the types of entities.yaml, in one commit; returns its version."""
    from deltalake import CommitProperties, Schema
    from deltalake.transaction import AddAction

    required = [field.name for field in fields_of(entity) if field.required]
    schema = Schema.from_arrow(delta_schema(pl.DataFrame(schema=columns_of(entity)), required))

    def attempt() -> int:
        table = lake.open("minimised", entity.name)
        assert table is not None
        added = [_put_wider(lake, entity, file, keys) for file in data_files(table)]
        before, now = table.version(), int(time.time() * 1000)
        try:
            table.create_write_transaction(
                [
                    AddAction(f.path, f.size, dict(f.partition), now, True, json.dumps({"numRecords": f.rows}))
                    for f in added
                ],
                mode="overwrite",
                schema=schema,
                partition_by=partitions_of(entity),
                commit_properties=CommitProperties(custom_metadata={NOTE: json.dumps({"widened": entity.name})}),
            )
        except Exception:
            discard(lake, "minimised", entity.name, added)
            raise
        table.update_incremental()
        if lake.is_local:
            sync_log(lake.table("minimised", entity.name), range(before + 1, table.version() + 1))
        return table.version()

    return retried(attempt, what=f"minimised/{entity.name}")


def _put_wider(lake: Lake, entity: Entity, file: DataFile, keys: KeyRing) -> DataFile:
    rows = _whole(lake, entity, file)
    rows = rows.with_columns(row_digests(_own(rows, entity), file.partition["feed"], keys))
    return put_file(
        lake, "minimised", entity.name, file.partition, encode(rows.drop(partitions_of(entity))), rows.height
    )
