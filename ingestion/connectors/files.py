"""Files as batches, wherever they lie: their id, their period, and which of them are to be landed."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ingestion.connectors import Batch, Interval

if TYPE_CHECKING:
    from ingestion.contract import Contract


def due(found: Iterable[Batch], acknowledged: frozenset[str], interval: Interval | None) -> list[Batch]:
    """What is not acknowledged, or with an interval what touches it, acknowledged or not; oldest period first."""
    if interval is None:
        # Filtered before it is sorted: of a million old files only the new ones are held.
        fresh = [batch for batch in found if batch.batch_id not in acknowledged]
        return sorted(fresh, key=lambda batch: batch.position)
    start, end = interval
    touching = [
        batch
        for batch in found
        if (
            batch.period_from < end and batch.period_to > start
            if batch.period_from and batch.period_to
            # A file that does not say when it speaks of cannot be asked for by time, only landed once.
            else batch.batch_id not in acknowledged
        )
    ]
    return sorted(touching, key=lambda batch: batch.position)


def file_batch(
    contract: Contract, location: str, mark: str, delivered: dt.datetime, size: int, version: str = ""
) -> Batch:
    """The batch of one file. `mark` differs where another content may lie under the same name; `version` is what the
    location needs beside the name."""
    print_of = hashlib.sha256(f"{location}|{mark}".encode()).hexdigest()[:12]
    start, end = period_of(contract, location)
    return Batch(
        feed=contract.feed,
        batch_id=f"{re.sub(r'[^A-Za-z0-9._-]', '_', location)}.{print_of}",
        position=f"{(start or delivered).isoformat()}|{location}|{print_of}",
        period_from=start,
        period_to=end,
        location=f"{location}{version}",
        size_bytes=size,
    )


def period_of(contract: Contract, location: str) -> tuple[dt.datetime | None, dt.datetime | None]:
    """The period (UTC, end excluded) that the contract states or the file's name says, else nulls."""
    zone = ZoneInfo(contract.time_zone or "UTC")
    period = contract.period
    if "from" in period:
        first, last = (dt.date.fromisoformat(str(period[end])) for end in ("from", "to"))
        return _midnight(first, zone), _midnight(last, zone)
    found = re.search(period["pattern"], location) if "pattern" in period else None
    if found is None:
        return None, None
    try:
        first, last = _days({name: int(value) for name, value in found.groupdict().items() if value})
    except ValueError:
        return None, None
    return _midnight(first, zone), _midnight(last, zone)


def _days(parts: Mapping[str, int]) -> tuple[dt.date, dt.date]:
    year = parts["year"]
    if "week" in parts:
        first = dt.date.fromisocalendar(year, parts["week"], 1)
        return first, first + dt.timedelta(days=7)
    if "month" not in parts:
        return dt.date(year, 1, 1), dt.date(year + 1, 1, 1)
    month = parts["month"]
    if "day" in parts:
        first = dt.date(year, month, parts["day"])
        return first, first + dt.timedelta(days=1)
    return dt.date(year, month, 1), dt.date(year + month // 12, month % 12 + 1, 1)


def _midnight(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), zone).astimezone(dt.UTC)
