"""Records that a server gives page by page as JSON: walked once to list batches, once more to read them.

A page is known by its address, which holds where it begins (number, offset, cursor), so an address is all that a pull
needs to go on. Bodies are held only up to `HELD_BYTES`; beyond that a page is asked for again when it is read.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from ingestion.connectors import ConnectorError
from ingestion.connectors.web import Web
from ingestion.lake.originals import Joined

if TYPE_CHECKING:
    import httpx

HELD_BYTES = 64 << 20
MOST_PAGES = 100_000
STYLES = ("page", "offset", "cursor", "next", "link", "single")


@dataclass(frozen=True)
class Paging:
    """How a server pages, as a contract's `pages` says.

    `records`: dotted path to the list in an answer ("" where the answer is the list). `style`: page (a number in
    `parameter`, from `first`), offset (records before it in `parameter`), cursor (its value at the path `cursor`, sent
    in `parameter`), next (an address at the path `next`), link (the Link header), single (one page).
    `parts` finds records and next address in an answer that has a form of its own.
    """

    style: str
    records: str = ""
    parameter: str = ""
    first: int = 1
    cursor: str = ""
    next: str = ""


@dataclass(frozen=True)
class Page:
    """One page as JSON lines, and the address of the next, null behind the last. `at`: the server's clock (UTC)."""

    address: str
    lines: bytes
    count: int
    digest: str
    following: str | None
    at: dt.datetime
    etag: str | None


class Pages:
    """Reads the pages of one server. Raises ConnectorError, naming page and next step, never a value."""

    def __init__(self, web: Web, paging: Paging, headers: Mapping[str, str]) -> None:
        self._web, self._paging, self._headers = web, paging, dict(headers)
        self._held: dict[str, Page] = {}
        self._held_bytes = 0

    def first(self, parameters: Mapping[str, object]) -> str:
        """Address of the first page, with these parameters."""
        import httpx

        given = {name: str(value) for name, value in parameters.items()}
        if self._paging.style == "page":
            given[self._paging.parameter] = str(self._paging.first)
        elif self._paging.style == "offset":
            given[self._paging.parameter] = "0"
        return str(httpx.URL(self._web.location).copy_merge_params(given))

    def walk(self, address: str, most: int | None = None, *, is_held: bool = True) -> Iterator[Page]:
        """Pages from an address on, at most so many. `is_held`: keep bodies for a second walk, which takes them."""
        seen, before = set[str](), ""
        with self._web.client() as client:
            following: str | None = address
            while following is not None and (most is None or len(seen) < most):
                if following in seen or len(seen) >= MOST_PAGES:
                    raise ConnectorError(f"{self._web.feed}: paging does not end ({len(seen)} pages); correct `pages`")
                seen.add(following)
                page = self._page(client, following, is_held=is_held)
                if page.count and page.digest == before and self._paging.style in ("page", "offset"):
                    raise ConnectorError(
                        f"{self._web.feed}: page {len(seen)} repeats the one before; correct pages.parameter"
                    )
                before, following = page.digest, page.following
                yield page

    def is_unchanged(self, address: str, etag: str) -> bool:
        """Whether the server says that this page is the one with that ETag."""
        with self._web.client() as client:
            return self._web.get(client, address, {**self._headers, "If-None-Match": etag}, is_read=False).is_unchanged

    def forget(self) -> None:
        """Let go of what is held of an earlier listing."""
        self._held, self._held_bytes = {}, 0

    def _page(self, client: httpx.Client, address: str, *, is_held: bool) -> Page:
        held = self._held.pop(address, None)
        if held is not None:
            self._held_bytes -= len(held.lines)
            return held
        answer = self._web.get(client, address, self._headers)
        try:
            document = json.loads(answer.content)
        except (ValueError, RecursionError) as error:
            place = f" (near byte {error.pos})" if isinstance(error, json.JSONDecodeError) else ""
            raise ConnectorError(
                f"{self._web.feed}: {self._told(address)} is no JSON{place}; ask the agency, it is pulled again"
            ) from None
        records = _at(document, self._paging.records)
        if not isinstance(records, list):
            where = self._paging.records or "its top"
            raise ConnectorError(
                f"{self._web.feed}: {self._told(address)} holds no list at {where}; correct pages.records"
            )
        lines = b"".join(json.dumps(record, ensure_ascii=False).encode() + b"\n" for record in records)
        page = Page(
            address,
            lines,
            len(records),
            hashlib.sha256(lines).hexdigest(),
            self._following(address, document, len(records), answer.next_link),
            answer.at,
            answer.headers.get("etag"),
        )
        if is_held and self._held_bytes + len(lines) <= HELD_BYTES:
            self._held[address] = page
            self._held_bytes += len(lines)
        return page

    def _following(self, address: str, document: Any, count: int, link: str | None) -> str | None:
        import httpx

        url, paging = httpx.URL(address), self._paging
        if paging.style in ("page", "offset"):
            # Not by a page that is short: a server may give fewer than it was asked for. Only an empty one is the end.
            step = 1 if paging.style == "page" else count
            at = int(url.params.get(paging.parameter) or 0)
            return str(url.copy_set_param(paging.parameter, str(at + step))) if count else None
        if paging.style == "cursor":
            cursor = _at(document, paging.cursor)
            return str(url.copy_set_param(paging.parameter, str(cursor))) if cursor not in (None, "", False) else None
        found = {"next": _at(document, paging.next) if paging.next else None, "link": link}.get(paging.style)
        if paging.style == "next" and isinstance(found, list):
            # A list of links, as OGC APIs and HAL give them.
            found = next(
                (item.get("href") for item in found if isinstance(item, dict) and item.get("rel") == "next"), None
            )
        return str(url.join(str(found))) if found else None

    def _told(self, address: str) -> str:
        """The part of an address that says which page it is, without what may not be logged."""
        import httpx

        url, parameter = httpx.URL(address), self._paging.parameter
        place = (
            f"?{parameter}={url.params[parameter]}"
            if parameter in url.params and self._paging.style != "cursor"
            else ""
        )
        return f"{url.path}{place}"


@dataclass(frozen=True)
class PagesSource:
    """Consecutive pages as one delivery of JSON lines: what quarantine keeps and what is read.

    Raises ConnectorError where they are no longer what was listed (`digest`, null: not listed before).
    """

    name: str
    pages: Pages
    feed: str
    address: str
    most: int | None
    digest: str | None
    size: int = 0

    def open(self) -> BinaryIO:
        return io.BufferedReader(Joined(self._lines()))

    def _lines(self) -> Iterator[bytes]:
        digests = hashlib.sha256()
        for page in self.pages.walk(self.address, self.most, is_held=False):
            digests.update(page.digest.encode())
            yield page.lines
        if self.digest not in (None, digests.hexdigest()):
            raise ConnectorError(f"{self.feed}: pages changed while they were pulled; they are listed and pulled again")


def _at(document: Any, path: str) -> Any:
    """What stands at a dotted path, null where nothing does."""
    for part in path.split(".") if path else ():
        if not isinstance(document, dict):
            return None
        document = document.get(part)
    return document
