"""An append-only log whose entries are chained by hash: JSON lines, each carrying the digest of the one before.

An entry that is changed, dropped from the middle, inserted or moved breaks the chain and `verify` names the line.
Cutting the end off leaves a valid, shorter chain: that is seen only by someone who kept an earlier head, which is what
a signed checkpoint is (governance.transparency).
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ingestion.lake.sync import make_folder, sync_folder

GENESIS = "0" * 64
_RESERVED = frozenset({"sequence", "logged_at", "previous", "digest"})


class BrokenLog(RuntimeError):
    """The log is not the chain it should be; the message names file and line."""


@dataclass(frozen=True)
class Head:
    """Where a log ends: `entries` in all, `digest` of the last (64 zeros when there is none)."""

    entries: int
    digest: str


@dataclass(frozen=True)
class ChainedLog:
    """One log file. Safe against several processes appending; an entry is on disk when `append` returns."""

    path: Path

    def append(self, entry: Mapping[str, Any]) -> Head:
        """Adds one entry (JSON values; the names sequence, logged_at, previous and digest are the log's own).

        Raises ValueError for a reserved name, BrokenLog where the last line is whole but no entry of a chain.
        """
        taken = _RESERVED & entry.keys()
        if taken:
            raise ValueError(f"an entry may not carry the log's own names: {', '.join(sorted(taken))}")
        make_folder(self.path.parent)
        is_new = not self.path.exists()
        with self.path.open("a+b") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            head, end = self._head_of(file)
            # What a crash left half written was never acknowledged, so it is no entry.
            file.truncate(end)
            line = _line(entry, head)
            file.write(line + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync_folder(self.path.parent)
        return Head(head.entries + 1, json.loads(line)["digest"])

    def head(self) -> Head:
        """Where the log ends now, from its last whole line; the chain before it is not checked."""
        try:
            with self.path.open("rb") as file:
                return self._head_of(file)[0]
        except FileNotFoundError:
            return Head(0, GENESIS)

    def entries(self) -> Iterator[dict[str, Any]]:
        """Every whole entry, oldest first; a half-written last line is left out."""
        for number, line in self._lines():
            yield self._parsed(line, number)

    def verify(self, known: Head | None = None) -> Head:
        """Checks the whole chain and returns its head; with `known`, that the log still continues from that head.

        Raises BrokenLog at the first line that does not follow from the one before.
        """
        previous, count = GENESIS, 0
        if known is not None and known.entries == 0 and known.digest != GENESIS:
            raise BrokenLog(f"{self.path}: the known head is none")
        seen = known is None or known.entries == 0
        for number, line in self._lines():
            entry = self._parsed(line, number)
            # Byte for byte: a name written twice, or a number spelled otherwise, parses to the same entry.
            is_as_written = line == _canonical(entry) + b"\n"
            digest = entry.pop("digest", None)
            follows = entry.get("previous") == previous and entry.get("sequence") == number
            if not (is_as_written and follows and digest == _digest(entry)):
                raise BrokenLog(
                    f"{self.path}, line {number}: does not follow from the line before; keep a copy of "
                    "the file and tell the data protection officer"
                )
            previous, count = str(digest), number
            if known is not None and number == known.entries:
                seen = digest == known.digest
        if not seen:
            raise BrokenLog(
                f"{self.path}: is not a continuation of the known head at entry {known.entries if known else 0}"
            )
        return Head(count, previous)

    def lines(self) -> Iterator[bytes]:
        """Every whole line as it was written, without its line end, oldest first."""
        for _, line in self._lines():
            yield line[:-1]

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """Number and bytes of every whole line; a half-written last one is left out."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.endswith(b"\n"):
                    return
                yield number, line

    def _head_of(self, file: Any) -> tuple[Head, int]:
        """Head and the offset right after the last whole line, reading back from the end only."""
        file.seek(0, os.SEEK_END)
        size = file.tell()
        block, step = b"", 65536
        start = size
        while start > 0:
            start = max(0, start - step)
            file.seek(start)
            block = file.read(size - start)
            last = block.rfind(b"\n")
            before = block.rfind(b"\n", 0, last) if last >= 0 else -1
            if last >= 0 and (before >= 0 or start == 0):
                entry = self._parsed(block[before + 1 : last + 1], None)
                return Head(int(entry["sequence"]), str(entry["digest"])), start + last + 1
        return Head(0, GENESIS), 0

    def _parsed(self, line: bytes, number: int | None) -> dict[str, Any]:
        where = f"{self.path}, {'last line' if number is None else f'line {number}'}"
        try:
            entry = json.loads(line)
        except ValueError:
            raise BrokenLog(f"{where}: is not JSON") from None
        if not isinstance(entry, dict) or not {"sequence", "digest", "previous"} <= entry.keys():
            raise BrokenLog(f"{where}: is no entry of a chained log")
        return entry


def _line(entry: Mapping[str, Any], head: Head) -> bytes:
    whole = {
        "sequence": head.entries + 1,
        "logged_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "previous": head.digest,
        **entry,
    }
    # Digested as it will be read back: what JSON changes (dates refused, tuples to lists) is changed before.
    whole = json.loads(_canonical(whole))
    return _canonical({**whole, "digest": _digest(whole)})


def _digest(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(_canonical(entry)).hexdigest()


def _canonical(entry: Mapping[str, Any]) -> bytes:
    return json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
