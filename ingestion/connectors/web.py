"""HTTP as the connectors speak it: a token, a private authority, waits that the server asks for, bounded answers."""

from __future__ import annotations

import datetime as dt
import email.utils
import functools
import json
import os
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import certifi

from ingestion.connectors import ConnectorError
from ingestion.connectors.resumed import Broken

if TYPE_CHECKING:
    import httpx

    from ingestion.contract import Contract

ATTEMPTS = 5
PAUSE_SECONDS = 0.5  # doubled each time
LONGEST_WAIT = 120.0  # what a server may ask for within one run; longer than that is for the next run
LARGEST_ANSWER = 64 << 20
TIMEOUT_SECONDS = 60.0
_BUSY = (408, 425, 429, 500, 502, 503, 504)
_NOTHING_NEW = 304


@dataclass(frozen=True)
class Answer:
    """One answer, read whole. `next_link` is the Link header's rel=next; `at` the server's clock (UTC)."""

    status: int
    content: bytes
    headers: Mapping[str, str]
    next_link: str | None
    at: dt.datetime

    @property
    def is_unchanged(self) -> bool:
        return self.status == _NOTHING_NEW


class Web:
    """Requests to the one server that a contract names. The token goes there and nowhere else: no redirect is
    followed, no link to another server.

    `credentials`: `uri` whose password is the token, sent as `Authorization: Bearer` or in the header that the
    contract's `token_header` names; `extra` (JSON) with perhaps ca_file (a private authority's certificate).
    """

    def __init__(self, contract: Contract, location: str, credentials: Mapping[str, str]) -> None:
        self.feed, self.location = contract.feed, location
        self._origin = _origin(location)
        self._connection = contract.server.get("connection_id")
        self._ca_file = json.loads(credentials.get("extra") or "{}").get("ca_file")
        password = urlsplit(credentials.get("uri", "")).password
        self._headers: dict[str, str] = {}
        if password:
            header = contract.server.get("token_header")
            token = unquote(password)
            self._headers = {str(header): token} if header else {"Authorization": f"Bearer {token}"}

    @contextmanager
    def client(self) -> Iterator[httpx.Client]:
        """A client of this server, closed behind the block."""
        import httpx

        with httpx.Client(headers=self._headers, verify=self._trust, timeout=TIMEOUT_SECONDS) as made:
            yield made

    @functools.cached_property
    def _trust(self) -> ssl.SSLContext:
        if self._origin[0] == "http":
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # trusts nobody, and is not asked
        try:
            authorities = self._ca_file or os.environ.get("SSL_CERT_FILE") or certifi.where()
            return ssl.create_default_context(cafile=authorities)
        except OSError:
            raise ConnectorError(f"{self.feed}: the ca_file of connection {self._connection} cannot be read") from None

    def get(
        self, client: httpx.Client, url: str, headers: Mapping[str, str] | None = None, *, is_read: bool = True
    ) -> Answer:
        """The whole answer (not `is_read`: without its content), asked again while the server is busy or cuts it.

        Raises ConnectorError.
        """
        for attempt in range(ATTEMPTS):
            try:
                with self.reach(client, "GET", url, headers) as response:
                    return Answer(
                        response.status_code,
                        self._bounded(response) if is_read else b"",
                        response.headers,
                        response.links.get("next", {}).get("url"),
                        _moment(response.headers.get("date")),
                    )
            except Broken as error:
                if attempt == ATTEMPTS - 1:
                    raise ConnectorError(
                        f"{self.feed}: {_place(url)} does not answer ({error.cause}); it is tried again"
                    ) from None
                time.sleep(PAUSE_SECONDS * 2**attempt if error.wait is None else error.wait)
        raise AssertionError("unreachable")

    @contextmanager
    def reach(
        self, client: httpx.Client, method: str, url: str, headers: Mapping[str, str] | None = None
    ) -> Iterator[httpx.Response]:
        """An answer whose body is not read yet. Raises Broken where it may be asked again, also while the block reads,
        else ConnectorError."""
        import httpx

        if _origin(url) != self._origin:
            raise ConnectorError(
                f"{self.feed}: the answer links to another server than {self._origin[1]}; not followed"
            )
        try:
            with client.stream(method, url, headers=dict(headers or {})) as response:
                self._refuse(response, url)
                yield response
        except httpx.TransportError as error:
            if _is_untrusted(error):
                raise ConnectorError(
                    f"{self.feed}: the certificate of {self._origin[1]} is not trusted; name its authority in ca_file "
                    f"of connection {self._connection}"
                ) from None
            raise Broken(type(error).__name__) from None
        except httpx.DecodingError:
            raise Broken("its compression is damaged") from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol):
            raise ConnectorError(f"{self.feed}: location is no http(s) address; correct the contract") from None

    def _refuse(self, response: httpx.Response, url: str) -> None:
        status, place = response.status_code, _place(url)
        if response.is_success or status == _NOTHING_NEW:
            return
        if status in _BUSY:
            wait = _asked_wait(response.headers.get("retry-after"))
            if wait is not None and wait > LONGEST_WAIT:
                raise ConnectorError(f"{self.feed}: {place} asks to wait {wait:.0f} s; the next run asks again")
            raise Broken(f"status {status}", wait)
        if status in (401, 403):
            raise ConnectorError(
                f"{self.feed}: {place} refuses (status {status}); check the token of connection {self._connection}"
            )
        if response.is_redirect:
            raise ConnectorError(f"{self.feed}: {place} has moved (status {status}); correct the contract's location")
        raise ConnectorError(
            f"{self.feed}: {place} answers with status {status}; correct the contract or ask the agency"
        )

    def _bounded(self, response: httpx.Response) -> bytes:
        found = bytearray()
        for piece in response.iter_bytes(1 << 16):
            found += piece
            if len(found) > LARGEST_ANSWER:
                raise ConnectorError(
                    f"{self.feed}: an answer over {LARGEST_ANSWER >> 20} MB; ask for smaller pages in the contract"
                )
        return bytes(found)


def later(moment: dt.datetime, before: str) -> str:
    """The moment as text that sorts, behind `before` also where a server's clock counts seconds or was set back."""
    if before:
        moment = max(moment, dt.datetime.fromisoformat(before) + dt.timedelta(microseconds=1))
    return moment.astimezone(dt.UTC).isoformat(timespec="microseconds")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def _place(url: str) -> str:
    """Server and path: a query may hold what is not to be logged."""
    parts = urlsplit(url)
    return f"{parts.netloc}{parts.path}"


def _asked_wait(text: str | None) -> float | None:
    """Seconds of a Retry-After header, which may also be a date."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return None
    return max(0.0, (_aware(moment) - dt.datetime.now(dt.UTC)).total_seconds())


def _moment(text: str | None) -> dt.datetime:
    try:
        return _aware(email.utils.parsedate_to_datetime(text or ""))
    except ValueError:
        return dt.datetime.now(dt.UTC).replace(microsecond=0)


def _aware(moment: dt.datetime) -> dt.datetime:
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)


def _is_untrusted(error: BaseException | None) -> bool:
    seen: list[Any] = []
    while error is not None and error not in seen:
        if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in str(error):
            return True
        seen.append(error)
        error = error.__cause__ or error.__context__
    return False
