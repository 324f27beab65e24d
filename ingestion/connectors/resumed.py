"""A remote file as a stream that survives breaks: it reads on behind what it has, a bounded number of times."""

from __future__ import annotations

import hashlib
import io
import time
from collections.abc import Iterator
from typing import BinaryIO, Protocol

from ingestion.connectors import ConnectorError

ATTEMPTS = 5
PAUSE_SECONDS = 0.5  # doubled each time


class Broken(Exception):
    """A read that broke off and may be tried again; `cause` is told, `wait` is what the server asks for (seconds)."""

    def __init__(self, cause: str, wait: float | None = None) -> None:
        super().__init__(cause)
        self.cause, self.wait = cause, wait


class Remote(Protocol):
    """What `Resumed` reads. `digest` is set (sha-256 of all bytes) by a reading to the end."""

    feed: str
    name: str
    digest: str | None

    def reach(self, at: int) -> Iterator[bytes]:
        """Pieces from byte `at` to the end. Raises Broken where it may be tried again, else ConnectorError, as where
        the content is no longer the one that was begun."""
        ...


def opened(remote: Remote) -> BinaryIO:
    """The remote's bytes from their beginning, buffered."""
    return io.BufferedReader(Resumed(remote), 1 << 20)


class Resumed(io.RawIOBase):
    """Raises ConnectorError where `ATTEMPTS` in a row bring nothing."""

    def __init__(self, remote: Remote) -> None:
        self._remote, self._digest = remote, hashlib.sha256()
        self._pieces: Iterator[bytes] | None = None
        self._piece = memoryview(b"")
        self._at, self._is_over = 0, False

    def readable(self) -> bool:
        return True

    def readinto(self, target: bytearray | memoryview) -> int:  # type: ignore[override]
        if not self._piece and not self._is_over:
            self._fetch()
        size = min(len(self._piece), len(target))
        target[:size] = self._piece[:size]
        self._piece = self._piece[size:]
        return size

    def close(self) -> None:
        self._leave()
        super().close()

    def _fetch(self) -> None:
        for attempt in range(ATTEMPTS):
            try:
                if self._pieces is None:
                    self._pieces = self._remote.reach(self._at)
                piece = next((piece for piece in self._pieces if piece), None)
            except Broken as error:
                self._leave()
                if attempt == ATTEMPTS - 1:
                    raise ConnectorError(
                        f"{self._remote.feed}: {self._remote.name} broke off behind byte {self._at} ({error.cause}); "
                        "it is tried again"
                    ) from None
                time.sleep(PAUSE_SECONDS * 2**attempt if error.wait is None else error.wait)
                continue
            if piece is None:
                self._is_over = True
                self._remote.digest = self._digest.hexdigest()
                return
            self._digest.update(piece)
            self._at += len(piece)
            self._piece = memoryview(piece)
            return

    def _leave(self) -> None:
        if self._pieces is not None:
            getattr(self._pieces, "close", lambda: None)()
            self._pieces = None
