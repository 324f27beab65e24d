"""Deletions that a source never tells of: its keys are compared with the table's, and what is gone there goes here.

For a database whose deleted records just vanish from the relation. The contract says how often (`reconcile`).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import polars as pl

from ingestion.connectors import ConnectorError
from ingestion.lake.commit import DataFile, commit_files, data_files, discard, encode, put_file, read_file, retried
from ingestion.lake.log import NAME
from ingestion.lake.tables import BATCH_LOG, entities
from ingestion.parse import parse

if TYPE_CHECKING:
    from ingestion.contract import Contract
    from ingestion.land import LandingContext

EVENT = "reconcile"
MOST_GONE = 0.2  # more than this share at once is taken for a fault of the source
FEW = 20  # so many may go at once whatever share they are
_ROW = ["record_key", "batch_id"]


class HasKeys(Protocol):
    """A connector that can give the keys of all records that its source has now, as frames of the key's column."""

    def source_keys(self) -> Iterator[pl.DataFrame]: ...


@dataclass(frozen=True)
class Reconciled:
    """Records of the feed before, and how many of them were gone at the source; `version` that the table then had."""

    feed: str
    records: int
    gone: int
    version: int | None


def is_due(contract: Contract, context: LandingContext) -> bool:
    """Whether the contract asks for a comparison and the last one lies as long ago as it says."""
    stated = contract.server.get("reconcile")
    if not stated:
        return False
    if context.lake.version("control", NAME) is None:
        return True
    mine = (pl.col("feed") == contract.feed) & (pl.col("event") == EVENT)
    last = context.lake.read("control", NAME).filter(mine).select(pl.col("logged_at").max()).collect().item()
    return last is None or context.clock() - last >= dt.timedelta(hours=float(stated["hours"]))


def reconcile(contract: Contract, connector: HasKeys, context: LandingContext) -> Reconciled:
    """Take out of the table what the source no longer has; one commit, logged.

    Raises ConnectorError where the source cannot be asked, or has lost more than the contract's `most_gone` of the
    records: then nothing is deleted.
    """
    lake, entity = context.lake, entities()[contract.entity]
    table = lake.open("minimised", entity.name)
    if table is None:
        return Reconciled(contract.feed, 0, 0, None)
    files = [file for file in data_files(table) if file.partition["feed"] == contract.feed]
    # The table first: what lands while the source is asked is in neither, and stays.
    before = [read_file(lake, "minimised", entity.name, file, _ROW) for file in files]
    held = pl.concat(before) if before else pl.DataFrame(schema=dict.fromkeys(_ROW, pl.String))
    gone = held.join(_source_keys(contract, connector, context), on="record_key", how="anti")
    _refuse_many(contract, held.height, gone.height)
    version: int | None = table.version()
    if gone.height:
        version = retried(lambda: _without(contract, context, gone), what=f"minimised/{entity.name}")
    entry = dict.fromkeys(BATCH_LOG) | {
        "run_id": context.run_id,
        "feed": contract.feed,
        "entity": contract.entity,
        "batch_id": f"keys-{context.clock():%Y%m%dT%H%M%S%f}",
        "event": EVENT,
        "status": "deleted" if gone.height else "empty",
        "read": held.height,
        "accepted": gone.height,
        "table_version": version,
        "logged_at": context.clock(),
        "airflow_run": context.airflow_run,
    }
    lake.append("control", NAME, pl.DataFrame([entry], schema=dict(BATCH_LOG)), partition_by=["feed"])
    context.log(f"{contract.feed}: {gone.height} of {held.height} records are gone at the source, and here")
    return Reconciled(contract.feed, held.height, gone.height, version)


def _source_keys(contract: Contract, connector: HasKeys, context: LandingContext) -> pl.DataFrame:
    """Record keys of all that the source has, as landing makes them of a one-column key."""
    column = contract.column(contract.key[0])
    zone = contract.time_zone or context.city.time_zone
    found = [pl.DataFrame(schema={"record_key": pl.String})]
    for frame in connector.source_keys():
        texts = frame.select(parse(column, frame, zone, context.clock().date()).text.fill_null("")).to_series()
        digests = context.keys.digester(contract.feed, "record", frame.height).hexadecimal(texts.to_list())
        found.append(pl.DataFrame({"record_key": digests}, schema={"record_key": pl.String}))
    return pl.concat(found)


def _refuse_many(contract: Contract, held: int, gone: int) -> None:
    most = float(contract.server["reconcile"].get("most_gone", MOST_GONE))
    if gone > max(FEW, most * held):
        raise ConnectorError(
            f"{contract.feed}: {gone} of {held} records are gone at the source, more than {most:.0%}: nothing was "
            "deleted; ask the agency, and raise reconcile.most_gone where it is right"
        )


def _without(contract: Contract, context: LandingContext, gone: pl.DataFrame) -> int:
    """One commit without these rows. A record that landed again since is another row, and stays."""
    lake, name = context.lake, contract.entity
    table = lake.open("minimised", name)
    if table is None:
        raise AssertionError(f"minimised/{name} vanished")
    removed: list[DataFile] = []
    added: list[DataFile] = []
    try:
        for file in data_files(table):
            if file.partition["feed"] != contract.feed:
                continue
            rows = read_file(lake, "minimised", name, file)
            kept = rows.join(gone, on=_ROW, how="anti", maintain_order="left")
            if kept.height == rows.height:
                continue
            removed.append(file)
            if kept.height:
                added.append(put_file(lake, "minimised", name, file.partition, encode(kept), kept.height))
        if not removed:
            return int(table.version())
        # The feed's number, so that a landing of the feed that began before looks again.
        numbers = {contract.feed: (table.transaction_version(contract.feed) or 0) + 1}
        note = {"telaga_reconcile": f"{contract.feed} {gone.height}"}
        return commit_files(lake, table, added, removed, transactions=numbers, metadata=note)
    except Exception:
        discard(lake, "minimised", name, added)
        raise
