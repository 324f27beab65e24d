"""Connectors: each lists the batches of a feed and opens one as a stream of raw frames."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ingestion.connectors.drift import SchemaDrift, UnreadableBatch, check_columns

if TYPE_CHECKING:
    import polars as pl

    from ingestion.contract import Contract

__all__ = [
    "Batch",
    "Connector",
    "ConnectorError",
    "Delivery",
    "SchemaDrift",
    "UnreadableBatch",
    "check_columns",
    "connector_for",
]

CHUNK_ROWS = 200_000
Interval = tuple[dt.datetime, dt.datetime]


class ConnectorError(Exception):
    """The source itself cannot be reached or listed; the feed fails and is tried again. Names no secret."""


@dataclass(frozen=True)
class Batch:
    """One delivery of a feed.

    `batch_id` is stable and safe in a file name; `position` sorts batches of a feed; the period is UTC, its end
    excluded, null where the delivery does not say. `location` holds no secret.
    """

    feed: str
    batch_id: str
    position: str
    period_from: dt.datetime | None
    period_to: dt.datetime | None
    location: str
    size_bytes: int | None


class Delivery:
    """An opened batch: iterates raw frames of at most a chunk of rows.

    Frames hold SOURCE column names, values as delivered (text for text formats), `_row` (1-based position in the
    delivery) and `_raw` (the whole line where it could not be split into columns, else null).
    `digest` is the sha-256 of the bytes as delivered, null where the source is no file. `is_rest`: rows that an earlier
    landing set aside, of which no share or volume can be expected.
    """

    def __init__(self, frames: Iterator[pl.DataFrame], digest: str | None, *, is_rest: bool = False) -> None:
        self._frames = frames
        self.digest = digest
        self.is_rest = is_rest

    def __iter__(self) -> Iterator[pl.DataFrame]:
        return self._frames

    def __next__(self) -> pl.DataFrame:
        return next(self._frames)


class Connector(Protocol):
    """What every connector offers."""

    def batches(
        self, acknowledged: frozenset[str], position: str | None = None, interval: Interval | None = None
    ) -> list[Batch]:
        """Batches to land, in order: those not acknowledged, or with an interval those whose period touches it,
        acknowledged or not."""
        ...

    def open(self, batch: Batch) -> Delivery:
        """Open a batch. Iterating raises SchemaDrift or UnreadableBatch where the whole batch must stop."""
        ...


def connector_for(
    contract: Contract,
    *,
    credentials: Mapping[str, str],
    places: Mapping[str, str],
    keys_dir: Path | None = None,
) -> Connector:
    """The connector that a contract asks for.

    `credentials` holds at least `uri` where the contract names a connection; `places` expands {name} in the server's
    path, e.g. {'simulation': ..., 'city_data': ...}; `keys_dir` holds the key that opens sealed drops. Raises
    ConnectorError where one of them is not given.
    """
    if contract.connector == "folder" and contract.server.get("sealed"):
        from ingestion.connectors.sealed_folder import SealedFolderConnector

        return SealedFolderConnector(contract, places, _keys_of(contract, keys_dir))
    if contract.connector == "folder":
        from ingestion.connectors.folder import FolderConnector

        return FolderConnector(contract, places)
    if contract.connector == "postgres":
        from ingestion.connectors.postgres import PostgresConnector

        return PostgresConnector(contract, _with_uri(contract, credentials)["uri"])
    if contract.connector == "s3" and contract.server.get("sealed"):
        from ingestion.connectors.sealed_s3 import SealedS3Connector

        return SealedS3Connector(contract, _with_uri(contract, credentials), places, _keys_of(contract, keys_dir))
    if contract.connector == "s3":
        from ingestion.connectors.s3 import S3Connector

        return S3Connector(contract, _with_uri(contract, credentials), places)
    if contract.connector == "http" and "pages" in contract.server:
        from ingestion.connectors.http import HttpConnector

        return HttpConnector(contract, _token(contract, credentials), places)
    if contract.connector == "http":
        from ingestion.connectors.http_file import HttpFileConnector

        return HttpFileConnector(contract, _token(contract, credentials), places)
    if contract.connector == "ogc_features":
        from ingestion.connectors.ogc_features import OgcFeaturesConnector

        return OgcFeaturesConnector(contract, _token(contract, credentials), places)
    if contract.connector == "sftp" and contract.server.get("sealed"):
        from ingestion.connectors.sealed_sftp import SealedSftpConnector

        return SealedSftpConnector(contract, _with_uri(contract, credentials), places, _keys_of(contract, keys_dir))
    if contract.connector == "sftp":
        from ingestion.connectors.sftp import SftpConnector

        return SftpConnector(contract, _with_uri(contract, credentials), places)
    raise ConnectorError(f"{contract.feed}: connector {contract.connector} is unknown; see docs/connectors.md")


def _token(contract: Contract, credentials: Mapping[str, str]) -> Mapping[str, str]:
    # A service that is open to all has no connection.
    return _with_uri(contract, credentials) if "connection_id" in contract.server else {}


def _with_uri(contract: Contract, credentials: Mapping[str, str]) -> Mapping[str, str]:
    if not credentials.get("uri"):
        connection = contract.server.get("connection_id", "?")
        raise ConnectorError(f"{contract.feed}: connection {connection} has no uri; define it and try again")
    return credentials


def _keys_of(contract: Contract, keys_dir: Path | None) -> Path:
    if keys_dir is None:
        raise ConnectorError(f"{contract.feed}: its drops are sealed and no key was handed over; pass keys_dir")
    return keys_dir
