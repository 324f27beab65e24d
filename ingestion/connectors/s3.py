"""Deliveries as objects of an agency's bucket, on any S3 server; a read that breaks off goes on where it was."""

from __future__ import annotations

import hashlib
import io
import json
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, BinaryIO
from urllib.parse import unquote, urlsplit

from ingestion.connectors import CHUNK_ROWS, Batch, ConnectorError, Delivery, Interval
from ingestion.connectors.files import due, file_batch
from ingestion.connectors.formats import expand, frames_of
from ingestion.connectors.source import Source

if TYPE_CHECKING:
    import polars as pl
    from minio import Minio

    from ingestion.contract import Contract

ATTEMPTS = 5
PAUSE_SECONDS = 0.5  # doubled each time
TIMEOUT_SECONDS = (10.0, 60.0)  # to connect, between two bytes
_VERSION = "?version="


class S3Connector:
    """Lists the objects that the contract's location names (s3://bucket/prefix/*.csv.gz), one batch an object, with
    `versions: true` one a version of it, so that what was replaced between two pulls still lands.

    `credentials`: `uri` with access key and secret key, `extra` (JSON) with endpoint_url, and perhaps region_name and
    ca_file (a private authority's certificate).
    """

    def __init__(
        self,
        contract: Contract,
        credentials: Mapping[str, str],
        places: Mapping[str, str],
        chunk_rows: int = CHUNK_ROWS,
    ) -> None:
        self.contract, self.places, self.chunk_rows = contract, places, chunk_rows
        location = urlsplit(expand(str(contract.server["location"]), places, contract.feed))
        self.bucket, pattern = location.netloc, location.path.lstrip("/")
        self.prefix = re.split(r"[*?\[]", pattern, maxsplit=1)[0]
        self._pattern = _expression(pattern)
        self._has_versions = bool(contract.server.get("versions"))
        self._client = _client(contract, credentials)

    def batches(
        self, acknowledged: frozenset[str], position: str | None = None, interval: Interval | None = None
    ) -> list[Batch]:
        """Objects not acknowledged, oldest period first. Raises ConnectorError where the bucket cannot be listed."""
        return due(self._listed(), acknowledged, interval)

    def open(self, batch: Batch) -> Delivery:
        """Open an object; its digest is known once it was read to its end."""
        source = self._source(batch)

        def frames() -> Iterator[pl.DataFrame]:
            yield from self.frames(source)
            delivery.digest = source.digest

        delivery = Delivery(frames(), None)
        return delivery

    def original(self, batch: Batch) -> Source:
        """The object's bytes as they came."""
        return self._source(batch)

    def frames(self, source: Source) -> Iterator[pl.DataFrame]:
        """Raw frames of a delivery's bytes, wherever they lie."""
        return frames_of(source, self.contract, self.places, self.chunk_rows)

    def _listed(self) -> Iterator[Batch]:
        from minio.error import MinioException
        from urllib3.exceptions import HTTPError

        try:
            for item in self._client.list_objects(
                self.bucket, prefix=self.prefix, recursive=True, include_version=self._has_versions
            ):
                name = str(item.object_name)
                is_unfinished = PurePosixPath(name).name.startswith(".")
                if item.is_dir or item.is_delete_marker or is_unfinished or not self._pattern.fullmatch(name):
                    continue
                version = f"{_VERSION}{item.version_id}" if self._has_versions and item.version_id else ""
                mark = f"{item.etag}|{item.version_id if version else item.last_modified}"
                yield file_batch(self.contract, name, mark, item.last_modified, item.size or 0, version)
        # A proxy's page in place of the listing is no XML (SyntaxError) or another one (ValueError).
        except (MinioException, HTTPError, OSError, ValueError, SyntaxError) as error:
            raise ConnectorError(
                f"{self.contract.feed}: bucket {self.bucket} cannot be listed ({_told(error)}); check the connection"
            ) from None

    def _source(self, batch: Batch) -> S3Object:
        name, _, version = batch.location.partition(_VERSION)
        return S3Object(self._client, self.contract.feed, self.bucket, name, version or None, batch.size_bytes or 0)


class S3Object:
    """One object (or one version of it) as a source. `digest`: its sha-256 after a reading to its end, else null."""

    def __init__(self, client: Minio, feed: str, bucket: str, key: str, version: str | None, size: int) -> None:
        self._client, self.feed, self.bucket, self.key, self.version = client, feed, bucket, key, version
        self.name, self.size = PurePosixPath(key).name, size
        self.digest: str | None = None

    def open(self) -> BinaryIO:
        return io.BufferedReader(_Reading(self), 1 << 20)

    def request(self, start: int, etag: str | None) -> Any:
        """The response from byte `start` on, of exactly that content where its etag is known."""
        headers: dict[str, str | list[str] | tuple[str]] = {"If-Match": f'"{etag}"'} if etag else {}
        return self._client.get_object(
            self.bucket, self.key, offset=start, request_headers=headers, version_id=self.version
        )


class _Reading(io.RawIOBase):
    """Reads on behind what it has after every break. Raises ConnectorError where that does not help."""

    def __init__(self, source: S3Object) -> None:
        self._source, self._digest = source, hashlib.sha256()
        self._response: Any = None
        self._etag: str | None = None
        self._at, self._end = 0, -1

    def readable(self) -> bool:
        return True

    def readinto(self, target: bytearray | memoryview) -> int:  # type: ignore[override]
        from minio.error import MinioException
        from urllib3.exceptions import HTTPError

        failure: Exception | None = None
        for attempt in range(ATTEMPTS):
            if self._at == self._end:
                self._source.digest = self._digest.hexdigest()
                return 0
            try:
                self._connect()
                # read1, not read: what arrived before a break is kept.
                piece: bytes = self._response.read1(len(target))
                if piece:
                    target[: len(piece)] = piece
                    self._digest.update(piece)
                    self._at += len(piece)
                    return len(piece)
                if self._at == self._end:
                    continue
                failure = EOFError()
            except (MinioException, HTTPError, OSError) as error:
                if getattr(error, "code", None) in ("NoSuchKey", "NoSuchVersion", "PreconditionFailed", "AccessDenied"):
                    raise self._refused(error) from None
                failure = error
            self._disconnect()
            time.sleep(PAUSE_SECONDS * 2**attempt)
        raise self._refused(failure) from None

    def close(self) -> None:
        self._disconnect()
        super().close()

    def _connect(self) -> None:
        if self._response is not None:
            return
        self._response = self._source.request(self._at, self._etag)
        self._etag = str(self._response.headers.get("etag", "")).strip('"') or None
        if self._end < 0:
            self._end = int(self._response.headers["content-length"])

    def _disconnect(self) -> None:
        if self._response is not None:
            self._response.close()
            self._response.release_conn()
            self._response = None

    def _refused(self, error: Exception | None) -> ConnectorError:
        source = self._source
        return ConnectorError(
            f"{source.feed}: {source.name} broke off behind byte {self._at} ({_told(error)}); it is tried again"
        )


def _client(contract: Contract, credentials: Mapping[str, str]) -> Minio:
    import certifi
    import urllib3
    from minio import Minio

    stated = urlsplit(credentials["uri"])
    extra = json.loads(credentials.get("extra") or "{}")
    endpoint = urlsplit(str(extra.get("endpoint_url") or "https://s3.amazonaws.com"))
    if endpoint.scheme not in ("http", "https") or not endpoint.netloc:
        raise ConnectorError(
            f"{contract.feed}: endpoint_url of connection {contract.server.get('connection_id')} is no http(s) address"
        )
    retries = urllib3.Retry(total=ATTEMPTS, backoff_factor=PAUSE_SECONDS, status_forcelist=(500, 502, 503, 504))
    pool = urllib3.PoolManager(
        timeout=urllib3.Timeout(*TIMEOUT_SECONDS),
        retries=retries,
        cert_reqs="CERT_REQUIRED",
        ca_certs=extra.get("ca_file") or certifi.where(),
    )
    return Minio(
        endpoint.netloc,
        access_key=unquote(stated.username) if stated.username else None,
        secret_key=unquote(stated.password) if stated.password else None,
        secure=endpoint.scheme == "https",
        # A role without s3:GetBucketLocation could not even ask.
        region=str(extra.get("region_name") or "us-east-1"),
        http_client=pool,
    )


def _expression(pattern: str) -> re.Pattern[str]:
    """A location's pattern: * and ? stay within one part of the key, ** does not."""
    made = re.escape(pattern).replace(r"\*\*", ".*").replace(r"\*", "[^/]*").replace(r"\?", "[^/]")
    return re.compile(made)


def _told(error: Exception | None) -> str:
    """The error's code or class: its message may name more than may be logged."""
    return str(getattr(error, "code", None) or type(error).__name__)
