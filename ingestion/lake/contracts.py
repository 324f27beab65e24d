"""Which contracts a feed's rows came under: their text, kept from the first landing until a migration has dealt with
them. Only ever added to. What has landed may lie under any contract since the last migration."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.lake.tables import UTC

if TYPE_CHECKING:
    from ingestion.contract import Contract
    from ingestion.lake import Lake

NAME = "contracts"
LANDED, MIGRATED = "landed", "migrated"
CONTRACTS: Mapping[str, Any] = {
    "feed": pl.String,
    "entity": pl.String,
    "version": pl.String,
    "digest": pl.String,
    "event": pl.String,
    "text": pl.String,
    "run_id": pl.String,
    "logged_at": UTC,
}


def note_contract(lake: Lake, contract: Contract, event: str, *, run_id: str, now: dt.datetime) -> None:
    """Record that rows land under this contract, or that the table was migrated to it, synced."""
    entry = {
        "feed": contract.feed,
        "entity": contract.entity,
        "version": contract.version,
        "digest": contract.digest,
        "event": event,
        "text": contract.text,
        "run_id": run_id,
        "logged_at": now,
    }
    lake.append("control", NAME, pl.DataFrame([entry], schema=dict(CONTRACTS)), partition_by=["feed"])


def landed_contracts(lake: Lake, feed: str) -> list[Contract]:
    """Contracts that rows of the feed may lie under, oldest first: that of the last migration and all since. Empty
    where nothing has landed. Raises ContractError for a text that this house no longer reads."""
    from ingestion.contract import parse_contract

    if lake.version("control", NAME) is None:
        return []
    rows = lake.read("control", NAME).filter(pl.col("feed") == feed).collect().sort("logged_at")
    found: list[Contract] = []
    for entry in rows.iter_rows(named=True):
        contract = parse_contract(entry["text"], f"{feed} {entry['version']} as it landed")
        found = [contract] if entry["event"] == MIGRATED else [*found, contract]
    return found
