"""Deliveries as files in a folder: an inbox, a mounted share, a published data set."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from ingestion.connectors import CHUNK_ROWS, Batch, ConnectorError, Delivery, Interval

if TYPE_CHECKING:
    import polars as pl

    from ingestion.contract import Contract


class FolderConnector:
    """Lists the files that the contract's path names, one batch a file; names that start with a dot are unfinished.

    A batch is known by its path below the first folder without a wildcard, its size and its time of change: a file
    delivered again under its old name is a new batch, which the landing recognises by content.
    """

    def __init__(self, contract: Contract, places: Mapping[str, str], chunk_rows: int = CHUNK_ROWS) -> None:
        self.contract = contract
        self.places = places
        self.chunk_rows = chunk_rows
        pattern = Path(expand(str(contract.server["path"]), places, contract.feed))
        fixed = [part for part in pattern.parts[:-1] if not re.search(r"[*?\[]", part)]
        self.root = Path(*fixed)
        self.pattern = str(pattern.relative_to(self.root))

    def batches(
        self, acknowledged: frozenset[str], position: str | None = None, interval: Interval | None = None
    ) -> list[Batch]:
        """Files not acknowledged, oldest period first; `position` is not needed, late files are found by their id."""
        found = sorted((self._batch(path) for path in self._files()), key=lambda batch: batch.position)
        if interval is None:
            return [batch for batch in found if batch.batch_id not in acknowledged]
        start, end = interval
        return [
            batch
            for batch in found
            if (
                batch.period_from < end and batch.period_to > start
                if batch.period_from and batch.period_to
                # A file that does not say when it speaks of cannot be asked for by time, only landed once.
                else batch.batch_id not in acknowledged
            )
        ]

    def open(self, batch: Batch) -> Delivery:
        """Open a file: its digest is taken first, then it is read in chunks."""
        path = self.root / batch.location
        try:
            digest = _digest(path)
        except OSError as error:
            raise ConnectorError(
                f"{self.contract.feed}: {batch.location} cannot be read ({error.strerror}); check its rights"
            ) from None
        return Delivery(self._frames(path), digest)

    def _frames(self, path: Path) -> Iterator[pl.DataFrame]:
        kind = self.contract.format["kind"]
        if kind == "csv":
            from ingestion.connectors.csv_files import csv_frames

            frames = csv_frames(path, self.contract, self.chunk_rows)
        elif kind == "jsonl":
            from ingestion.connectors.json_lines import json_frames

            frames = json_frames(path, self.contract, self.chunk_rows)
        elif kind == "parquet":
            from ingestion.connectors.parquet_files import parquet_frames

            frames = parquet_frames(path, self.contract, self.chunk_rows)
        else:
            from ingestion.connectors.spatial_files import spatial_frames

            frames = spatial_frames(path, self.contract, self.chunk_rows)
        lookup = self.contract.format.get("lookup")
        if not lookup:
            return frames
        from ingestion.connectors.lookup import add_points, points_by_name

        points = points_by_name(Path(expand(lookup["path"], self.places, self.contract.feed)), lookup)
        return (add_points(frame, points, lookup) for frame in frames)

    def _files(self) -> list[Path]:
        if not self.root.is_dir():
            # An agency that has delivered nothing yet has no folder; that is for freshness to report.
            return []
        paths = self.root.glob(self.pattern)
        return [path for path in paths if path.is_file() and not path.name.startswith(".")]

    def _batch(self, path: Path) -> Batch:
        state = path.stat()
        location = path.relative_to(self.root).as_posix()
        print_of = hashlib.sha256(f"{location}|{state.st_size}|{state.st_mtime_ns}".encode()).hexdigest()[:12]
        start, end = self._period(location)
        delivered = dt.datetime.fromtimestamp(state.st_mtime, dt.UTC)
        return Batch(
            feed=self.contract.feed,
            batch_id=f"{re.sub(r'[^A-Za-z0-9._-]', '_', location)}.{print_of}",
            position=f"{(start or delivered).isoformat()}|{location}|{print_of}",
            period_from=start,
            period_to=end,
            location=location,
            size_bytes=state.st_size,
        )

    def _period(self, location: str) -> tuple[dt.datetime | None, dt.datetime | None]:
        zone = ZoneInfo(self.contract.time_zone or "UTC")
        period = self.contract.period
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


def expand(path: str, places: Mapping[str, str], feed: str) -> str:
    """Put the places into a contract's path. Raises ConnectorError where one is not set."""
    try:
        return path.format(**places)
    except KeyError as error:
        place = str(error.args[0])
        setting = {"city_data": "TELAGA_CITY_DATA"}.get(place, place)
        raise ConnectorError(f"{feed}: its path needs {{{place}}}; set {setting} and try again") from None


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


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
