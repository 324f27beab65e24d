"""What only the data protection officer reads: redacted narratives and samples of their reading, sealed to that key.

Nothing here opens anything. A batch landed again replaces its own files; retention deletes by age, without opening.
"""

from __future__ import annotations

import datetime as dt
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ingestion.lake.sync import StoredObject, delete_object, list_objects
from ingestion.sealing import seal

if TYPE_CHECKING:
    from ingestion.contract import Contract
    from ingestion.lake import Lake

NARRATIVES = "officer/narratives"
SAMPLES = "officer/samples"
RETENTION_DAYS = 90
BYTES_HELD = 32 * 2**20


@dataclass
class OfficerFiles:
    """What one batch leaves to the officer.

    `officer/narratives/<feed>/<YYYY-MM>/<batch>[.n].age` holds JSON lines record_key, column, text (redacted), by the
    city-local month of the event; `officer/samples/<feed>/<batch>.age` JSON lines as `SampleDraw.lines` makes them.
    """

    lake: Lake
    recipient: str
    feed: str
    batch_id: str
    bytes_held: int = BYTES_HELD
    _months: dict[str, bytearray] = field(default_factory=lambda: defaultdict(bytearray))
    _held: int = 0
    _paths: list[str] = field(default_factory=list)
    _is_closed: bool = False

    def add(self, rows: Iterable[tuple[str, str, str, str]]) -> None:
        """Keep redacted texts: (month, record key, column, text). Sealed as it goes, so that memory is bounded."""
        for month, key, column, text in rows:
            line = json.dumps({"record_key": key, "column": column, "text": text}, ensure_ascii=False).encode() + b"\n"
            self._months[month] += line
            self._held += len(line)
        if self._held >= self.bytes_held:
            self._seal_held()

    def close(self, samples: Iterable[Mapping[str, Any]], *, is_again: bool) -> None:
        """Seal what is held, and the samples; `is_again`: the batch was begun before, its other files are deleted."""
        if self._is_closed:
            return self._delete_others()
        self._is_closed = True
        self._seal_held()
        lines = b"".join(json.dumps(sample, ensure_ascii=False).encode() + b"\n" for sample in samples)
        if lines:
            self._put(f"{SAMPLES}/{self.feed}/{self.batch_id}", lines)
        if is_again:
            self._delete_others()

    def _delete_others(self) -> None:
        for path in self._of_batch():
            if path not in self._paths:
                delete_object(self.lake, path)

    def discard(self) -> None:
        """Forget what was sealed for this batch so far: nothing of it lands."""
        for path in self._of_batch() if self._paths else ():
            delete_object(self.lake, path)
        self._months.clear()
        self._held, self._paths = 0, []

    def _seal_held(self) -> None:
        for month, lines in sorted(self._months.items()):
            self._put(f"{NARRATIVES}/{self.feed}/{month}/{self.batch_id}", bytes(lines))
        self._months.clear()
        self._held = 0

    def _put(self, stem: str, content: bytes) -> None:
        earlier = sum(path.startswith(f"{stem}.") for path in self._paths)
        path = f"{stem}.{earlier + 1}.age" if earlier else f"{stem}.age"
        self.lake.put(path, seal(content, self.recipient))
        self._paths.append(path)

    def _of_batch(self) -> list[str]:
        name = re.compile(rf"{re.escape(self.batch_id)}(\.\d+)?\.age")
        found = [
            *list_objects(self.lake, f"{NARRATIVES}/{self.feed}"),
            *list_objects(self.lake, f"{SAMPLES}/{self.feed}"),
        ]
        return [file.path for file in found if name.fullmatch(file.path.rsplit("/", 1)[-1])]


def is_due(month: str, as_of: dt.date, days: int) -> bool:
    """Whether a month's texts are past a retention of `days` at `as_of`. They go together on the day its first day is:
    no text stays longer than the contract says."""
    return dt.date.fromisoformat(f"{month}-01") < as_of - dt.timedelta(days=days)


def retention_of(contract: Contract) -> int:
    """Days that what a feed leaves to the officer is kept: the shortest that its narratives' columns state."""
    stated = [
        int(column.options["retention_days"]) for column in contract.columns if "retention_days" in column.options
    ]
    return min(stated, default=RETENTION_DAYS)


def expire(
    lake: Lake,
    feed: str,
    days: int,
    *,
    as_of: dt.date,
    now: dt.datetime,
    announce: Callable[[], object] = lambda: None,
) -> list[StoredObject]:
    """Delete, after `announce`, a feed's narratives whose month is past `days` at `as_of` (city-local), and its samples
    that were sealed more than `days` before `now` (UTC): a review runs by the wall clock. Returns what was deleted."""
    months = list_objects(lake, f"{NARRATIVES}/{feed}")
    gone = [file for file in months if is_due(file.path.split("/")[-2], as_of, days)]
    gone += [file for file in list_objects(lake, f"{SAMPLES}/{feed}") if file.modified < now - dt.timedelta(days=days)]
    if gone:
        announce()
    for file in gone:
        delete_object(lake, file.path)
    return gone
