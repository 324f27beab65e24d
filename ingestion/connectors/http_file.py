"""One file behind an address: fetched where ETag or Last-Modified say that it changed, read on by Range."""

from __future__ import annotations

import datetime as dt
import email.utils
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import unquote, urlsplit

from ingestion.connectors import CHUNK_ROWS, Batch, ConnectorError, Delivery, Interval
from ingestion.connectors.files import due, file_batch
from ingestion.connectors.formats import expand, frames_of
from ingestion.connectors.resumed import Broken, opened
from ingestion.connectors.source import Source
from ingestion.connectors.web import Web, later

if TYPE_CHECKING:
    import polars as pl

    from ingestion.contract import Contract

_PIECE = 1 << 18


class HttpFileConnector:
    """Lists the file that the contract's location names, one batch each time it changed.

    The position of a batch is its time, its print and its ETag: the next pull asks with If-None-Match. What comes back
    to an earlier content is a delivery too, so a batch is known by its content and by what was there before.
    """

    def __init__(
        self,
        contract: Contract,
        credentials: Mapping[str, str],
        places: Mapping[str, str],
        chunk_rows: int = CHUNK_ROWS,
    ) -> None:
        self.contract, self.places, self.chunk_rows = contract, places, chunk_rows
        self.url = expand(str(contract.server["location"]), places, contract.feed)
        self.name = PurePosixPath(unquote(urlsplit(self.url).path)).name or "file"
        self._web = Web(contract, self.url, credentials)

    def batches(
        self, acknowledged: frozenset[str], position: str | None = None, interval: Interval | None = None
    ) -> list[Batch]:
        """The file where it changed since `position`. Raises ConnectorError where the server cannot be asked."""
        moment, mark, etag = (position or "||").split("|", 2)
        found = _File(self._web, self.url, self.name)
        asked = {"If-None-Match": etag} if etag and interval is None else {}
        with self._web.client() as client:
            answer = self._web.get(client, self.url, {"Accept-Encoding": "identity", **asked}, is_read=False)
        if answer.is_unchanged:
            return []
        found.learn(answer.headers)
        found.size = int(answer.headers.get("content-length") or 0)
        state = "|".join(filter(None, (found.etag, found.modified))) or _content_digest(found)
        same = hashlib.sha256(f"{self.url}|{state}".encode()).hexdigest()[:12]
        if mark and same == mark.partition(".")[0]:
            batch = self._batch(found, mark, moment)
        else:
            chained = f"{same}.{hashlib.sha256(f'{same}|{position}'.encode()).hexdigest()[:12]}"
            batch = self._batch(found, chained, later(answer.at, moment))
        return due([batch], acknowledged, interval)

    def open(self, batch: Batch) -> Delivery:
        """Open the file; its digest is known once it was read to its end."""
        source = _File(self._web, self.url, self.name, batch.size_bytes or 0)

        def frames() -> Iterator[pl.DataFrame]:
            yield from self.frames(source)
            delivery.digest = source.digest

        delivery = Delivery(frames(), None)
        return delivery

    def original(self, batch: Batch) -> Source:
        """The file's bytes as they are there now."""
        return _File(self._web, self.url, self.name, batch.size_bytes or 0)

    def frames(self, source: Source) -> Iterator[pl.DataFrame]:
        """Raw frames of a delivery's bytes, wherever they lie."""
        return frames_of(source, self.contract, self.places, self.chunk_rows)

    def _batch(self, found: _File, mark: str, moment: str) -> Batch:
        made = file_batch(self.contract, self.name, mark, found.at, found.size)
        return replace(made, position=f"{moment}|{mark}|{found.etag or ''}")


class _File:
    """The file as a source. `digest`: its sha-256 after a reading to its end, else null."""

    def __init__(self, web: Web, url: str, name: str, size: int = 0) -> None:
        self._web, self._url = web, url
        self.feed, self.name, self.size = web.feed, name, size
        self.digest: str | None = None
        self.etag: str | None = None
        self.modified: str | None = None
        self.at = dt.datetime.now(dt.UTC)

    def open(self) -> BinaryIO:
        return opened(self)

    def reach(self, at: int) -> Iterator[bytes]:
        """Pieces from byte `at` on, of the content that was begun. Raises Broken or ConnectorError."""
        headers = {"Accept-Encoding": "identity"}
        begun = (self.etag, self.modified)
        if at:
            headers |= {"Range": f"bytes={at}-"} | ({"If-Range": begun[0]} if begun[0] else {})
        with self._web.client() as client, self._web.reach(client, "GET", self._url, headers) as response:
            self.learn(response.headers)
            if at and (self.etag, self.modified) != begun:
                raise ConnectorError(f"{self.feed}: {self.name} was replaced while it was read; it is tried again")
            behind = at
            if at and response.status_code == 206:
                start = response.headers.get("content-range", "").partition(" ")[2].partition("-")[0]
                if start != str(at):
                    raise Broken("another range than asked for")
                behind = 0
            elif at and begun == (None, None):
                raise ConnectorError(f"{self.feed}: {self.name} broke off, and its server can neither resume nor tell "
                                     "whether it is still the same file; it is tried again")  # fmt: skip
            for piece in response.iter_raw():
                # A server that knows no ranges sends everything again.
                if behind >= len(piece):
                    behind -= len(piece)
                    continue
                yield piece[behind:]
                behind = 0

    def learn(self, headers: Mapping[str, str]) -> None:
        """Take the validators from an answer's headers."""
        self.etag, self.modified = headers.get("etag"), headers.get("last-modified")
        try:
            self.at = email.utils.parsedate_to_datetime(self.modified or "")
        except ValueError:
            self.at = dt.datetime.now(dt.UTC)


def _content_digest(found: _File) -> str:
    """Of a file whose server tells nothing of it, read through once."""
    with found.open() as stream:
        while stream.read(_PIECE):
            continue
    return str(found.digest)
