"""Records pulled from an agency's HTTP service, page by page (see ingestion.connectors.pages)."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ingestion.connectors import CHUNK_ROWS, Batch, ConnectorError, Delivery, Interval
from ingestion.connectors.formats import expand, frames_of
from ingestion.connectors.pages import Page, Pages, PagesSource, Paging
from ingestion.connectors.source import Source
from ingestion.connectors.web import Web, later

if TYPE_CHECKING:
    import polars as pl

    from ingestion.contract import Contract

BATCH_ROWS = 20_000
_ALL = "all"


class HttpConnector:
    """Lists pages as batches of about `batch_rows` records, in one of three ways that the contract tells apart:

    `since`: each pull asks for what changed since the last one began, less `overlap_minutes`;
    `pages.append_only`: records are only added behind the last, a pull goes on with the last page it knows;
    else every pull walks the whole service, and lands it as one batch where anything in it changed.

    A position holds what sorts it and the address to go on from: an interrupted pull goes on with the page it was at.
    """

    def __init__(
        self,
        contract: Contract,
        credentials: Mapping[str, str],
        places: Mapping[str, str],
        chunk_rows: int = CHUNK_ROWS,
    ) -> None:
        self.contract, self.places, self.chunk_rows = contract, places, chunk_rows
        self.location = self._location(expand(str(contract.server["location"]), places, contract.feed))
        stated = dict(contract.server.get("pages", {}))
        self._is_append_only = bool(stated.pop("append_only", False))
        self._pages = Pages(Web(contract, self.location, credentials), self._paging(stated), self._headers())
        self._since: Mapping[str, Any] | None = contract.server.get("since")
        self._faults: dict[str, ConnectorError] = {}

    def batches(
        self, acknowledged: frozenset[str], position: str | None = None, interval: Interval | None = None
    ) -> list[Batch]:
        """Batches behind `position`, or with an interval one of all records that the service has of it.

        Raises ConnectorError where the service cannot be asked. Where a page in between cannot be read, what stands
        before it is listed, and a last batch whose opening tells why.
        """
        self._pages.forget()
        if interval is not None:
            return [self._interval_batch(interval)]
        if self._since is None and not self._is_append_only:
            return [batch for batch in self._snapshot(position) if batch.batch_id not in acknowledged]
        return [batch for batch in self._slices(position) if batch.batch_id not in acknowledged]

    def open(self, batch: Batch) -> Delivery:
        """Open the pages of a batch. Raises ConnectorError, also while iterating."""
        if batch.batch_id in self._faults:
            raise self._faults[batch.batch_id]
        return Delivery(self.frames(self.original(batch)), None)

    def original(self, batch: Batch) -> PagesSource:
        """The records as JSON lines."""
        told = json.loads(batch.location)
        return PagesSource(
            "pages.jsonl", self._pages, self.contract.feed, told["from"], told["pages"], told.get("sha256")
        )

    def frames(self, source: Source) -> Iterator[pl.DataFrame]:
        """Raw frames of JSON lines, wherever they lie."""
        return frames_of(source, self.contract, self.places, self.chunk_rows)

    def _location(self, stated: str) -> str:
        return stated

    def _paging(self, stated: Mapping[str, Any]) -> Paging:
        return Paging(**stated)

    def _headers(self) -> Mapping[str, str]:
        return {"Accept": "application/json"}

    def _parameters(self, start: dt.datetime | None) -> dict[str, object]:
        """Parameters of a request for what changed since `start`, null for all."""
        since = {"from": self._since["parameter"], "format": self._since.get("format")} if self._since else {}
        return {**self.contract.server.get("parameters", {}), **_times(since, start, None, self._zone())}

    def _interval_parameters(self, start: dt.datetime, end: dt.datetime) -> dict[str, object]:
        stated = self.contract.server.get("interval")
        if not stated:
            raise ConnectorError(
                f"{self.contract.feed}: its server names no `interval` parameters; add them to backfill"
            )
        return {**self.contract.server.get("parameters", {}), **_times(stated, start, end, self._zone())}

    def _zone(self) -> ZoneInfo:
        return ZoneInfo(self.contract.time_zone or "UTC")

    def _slices(self, position: str | None) -> list[Batch]:
        window, ordinal, until, digest, address = (position or "|0|||").split("|", 4)
        is_resumed = bool(address)
        if not is_resumed:
            overlap = dt.timedelta(minutes=float(self.contract.server.get("overlap_minutes", 0)))
            address = self._pages.first(self._parameters(_read(window) - overlap if window else None))
        found: list[Batch] = []
        held: list[Page] = []
        number = int(ordinal)
        try:
            for at, page in enumerate(self._pages.walk(address)):
                until = until or _written(page.at)
                if page.count and (at or page.digest != digest):
                    number += 1
                    held.append(replace(page, lines=b""))
                if held and (page.following is None or sum(page.count for page in held) >= self._batch_rows()):
                    found.append(self._slice(held, window, number, until))
                    held = []
        except ConnectorError as error:
            if held:
                found.append(self._slice(held, window, number, until))
            if not found:
                raise
            return [*found, self._unread(found[-1], error)]
        if self._since is None:
            return found
        # Behind the last page lies the next window.
        behind = f"{until}|{0:08d}|||"
        if not found:
            return self._slices(behind) if is_resumed else []
        return [*found[:-1], replace(found[-1], position=behind)]

    def _slice(self, pages: list[Page], window: str, number: int, until: str) -> Batch:
        digests = hashlib.sha256("".join(page.digest for page in pages).encode()).hexdigest()
        location = json.dumps({"from": pages[0].address, "pages": len(pages), "sha256": digests})
        last = pages[-1]
        return Batch(
            feed=self.contract.feed,
            batch_id=f"pages-{number:08d}.{hashlib.sha256(f'{window}|{location}'.encode()).hexdigest()[:12]}",
            position=f"{window}|{number:08d}|{until}|{last.digest}|{last.address}",
            period_from=_read(window) if window else None,
            period_to=_read(until) if window else None,
            location=location,
            size_bytes=None,
        )

    def _snapshot(self, position: str | None) -> list[Batch]:
        before, digest, etag = (position or "||").split("|", 2)
        address = self._pages.first(self._parameters(None))
        if etag and self._pages.is_unchanged(address, etag):
            return []
        digests, pages, at, tag = hashlib.sha256(), 0, None, None
        for page in self._pages.walk(address):
            digests.update(page.digest.encode())
            pages, at, tag = pages + 1, at or page.at, page.etag if not page.following and not pages else None
        whole = digests.hexdigest()
        if whole == digest or at is None:
            return []
        # What comes back to an earlier state is a delivery too: known by its content and by what was there before.
        mark = hashlib.sha256(f"{whole}|{position}".encode()).hexdigest()[:12]
        return [
            Batch(
                feed=self.contract.feed,
                batch_id=f"{_ALL}-{at:%Y%m%dT%H%M%S}.{mark}",
                position=f"{later(at, before)}|{whole}|{tag or ''}",
                period_from=None,
                period_to=None,
                location=json.dumps({"from": address, "pages": None, "sha256": whole}),
                size_bytes=None,
            )
        ]

    def _interval_batch(self, interval: Interval) -> Batch:
        start, end = (moment.astimezone(dt.UTC) for moment in interval)
        return Batch(
            feed=self.contract.feed,
            batch_id=f"interval-{start:%Y%m%dT%H%M%S}-{end:%Y%m%dT%H%M%S}",
            # Sorts before every other: a backfill must not move where the regular pull goes on.
            position="",
            period_from=start,
            period_to=end,
            location=json.dumps({"from": self._pages.first(self._interval_parameters(start, end)), "pages": None}),
            size_bytes=None,
        )

    def _unread(self, before: Batch, error: ConnectorError) -> Batch:
        batch = Batch(self.contract.feed, f"{before.batch_id}-next", before.position, None, None, "{}", None)
        self._faults[batch.batch_id] = error
        return batch

    def _batch_rows(self) -> int:
        return int(self.contract.server.get("batch_rows", BATCH_ROWS))


def _times(
    stated: Mapping[str, Any], start: dt.datetime | None, end: dt.datetime | None, zone: ZoneInfo
) -> dict[str, object]:
    form = str(stated.get("format") or "iso")
    pairs = (("from", start), ("to", end))
    return {
        str(stated[key]): _form(moment, form, zone) for key, moment in pairs if moment is not None and key in stated
    }


def _form(moment: dt.datetime, form: str, zone: ZoneInfo) -> object:
    moment = moment.astimezone(dt.UTC)
    if form == "epoch_s":
        return int(moment.timestamp())
    if form == "epoch_ms":
        return int(moment.timestamp() * 1000)
    if form == "date":
        return moment.astimezone(zone).date().isoformat()
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _written(moment: dt.datetime) -> str:
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")


def _read(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text)
