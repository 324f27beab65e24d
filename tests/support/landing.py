"""A house in which batches can be landed: a lake, keys, inboxes, a city of four regions and three small feeds.

Everything is synthetic. The same house serves the unit tests and, in processes of its own, the fault campaign.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from ingestion.city import City, load_city
from ingestion.connectors.folder import FolderConnector
from ingestion.contract import Contract
from ingestion.lake import Lake
from ingestion.land import FeedOutcome, Interval, LandingContext, land_feed
from ingestion.minimise import KeyRing
from ingestion.profile import BatchProfile, Verdict

UTC = dt.UTC
AS_OF = dt.date(2026, 6, 30)
WEST, SOUTH, SIDE = 116.6, -1.3, 0.1  # degrees; four square kecamatan, two by two
REGIONS, CALLS, COUNTS = "city.regions", "police.calls", "police.counts"
CALL_HEADER = "number,kind,at,answered,lat,lon,changed,caller"
COUNT_HEADER = "kind,at,lat,lon,remark"
MINUTE = "%Y-%m-%d %H:%M"

CITY = {
    "name": "testville",
    "title": "Testville (sintetis)",
    "time_zone": "Asia/Makassar",
    "as_of": AS_OF,
    "is_synthetic": True,
    "h3_resolution": 8,
    "levels": [{"key": "kabupaten", "title_id": "Kabupaten"}, {"key": "kecamatan", "title_id": "Kecamatan"}],
    "index_level": "kecamatan",
    "discovered_categories": ["narcotics"],
    "sensitive_categories": ["child_abuse"],
    "placeholders": [{"longitude": 116.65, "latitude": -1.25, "metres": 30}],
}


def column(name: str, logical: str = "string", **given: Any) -> dict[str, Any]:
    """An ODCS property; what is not the standard's goes into our custom property."""
    key = given.pop("key", None)
    prop: dict[str, Any] = {
        "name": name,
        "logicalType": logical,
        "physicalType": given.pop("physicalType", "text"),
        "classification": given.pop("classification", "internal"),
        **{item: given.pop(item) for item in ("logicalTypeOptions", "required") if item in given},
        "customProperties": [{"property": "telaga", "value": {"action": "keep", **given}}],
    }
    if key:
        prop |= {"primaryKey": True, "primaryKeyPosition": key, "required": True}
    return prop


def document(name: str, columns: list[dict[str, Any]], path: str, **feed: Any) -> dict[str, Any]:
    """A contract of Testville as YAML would hold it."""
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"testville.{name}",
        "name": name,
        "version": "1.0.0",
        "status": "active",
        "tenant": "testville",
        "description": {"purpose": "to test"},
        "team": {"name": "Testers"},
        "slaProperties": [{"property": "freshness", "value": 24}, {"property": "retention", "value": 3650}],
        "servers": [{"server": "inbox", "type": "local", "path": f"{{simulation}}/{path}", "format": "file"}],
        "schema": [{"name": name.split(".")[1], "properties": columns}],
        "customProperties": [
            {
                "property": "telaga",
                "value": {
                    "connector": "folder",
                    "cadence": "0 1 * * *",
                    "legal_basis": "a law",
                    "is_synthetic": True,
                    **feed,
                },
            }
        ],
    }


def region_feed() -> dict[str, Any]:
    columns = [
        column("code", key=1, classification="public", maps_to="region_code"),
        column("name", classification="public", required=True, maps_to="name"),
        column("level", classification="public", required=True, maps_to="level"),
        column("within", classification="public", maps_to="parent_code"),
        column(
            "geometry",
            "object",
            physicalType="geometry",
            classification="public",
            required=True,
            maps_to="geometry",
            crs="EPSG:4326",
        ),
    ]
    return document(REGIONS, columns, "regions/*.geojson", entity="region", format={"kind": "spatial"})


def call_columns() -> list[dict[str, Any]]:
    stamp = "%Y-%m-%d %H:%M:%S"
    return [
        column("number", key=1, classification="personal", action="pseudonymise", maps_to="source_key"),
        column("kind", required=True, maps_to="category", codes={"K": "crime", "F": "fire"}),
        column("at", "timestamp", required=True, action="generalise", maps_to="received_at", format=stamp),
        column("answered", "timestamp", action="generalise", maps_to="answered_at", format=stamp),
        column("lat", "number", classification="personal", action="generalise", maps_to="latitude"),
        column("lon", "number", classification="personal", action="generalise", maps_to="longitude"),
        column("changed", "timestamp", action="generalise", maps_to="updated_at", format=stamp),
        column("caller", classification="personal", action="drop", about="reporter"),
    ]


def call_feed(columns: list[dict[str, Any]] | None = None, **feed: Any) -> dict[str, Any]:
    """Emergency calls as CSV with a key and, in `changed`, the agency's own time of change."""
    stated = {
        "entity": "emergency_call",
        "period": {"pattern": r"_(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"},
        "format": {"kind": "csv"},
        "updated_column": "changed",
    }
    return document(CALLS, columns or call_columns(), "calls/*", **{**stated, **feed})


def count_feed(**feed: Any) -> dict[str, Any]:
    """Incidents as CSV without any key: equal rows of one file are distinct events."""
    columns = [
        column("kind", required=True, maps_to="category", codes={"T": "theft", "R": "robbery", "N": "narcotics"}),
        column("at", "timestamp", required=True, action="generalise", maps_to="occurred_from_at", format=MINUTE),
        column("lat", "number", classification="personal", action="generalise", maps_to="latitude"),
        column("lon", "number", classification="personal", action="generalise", maps_to="longitude"),
        column("remark", classification="personal", action="drop", about="narrative"),
    ]
    stated = {
        "entity": "police_record",
        "period": {"pattern": r"_(?P<year>\d{4})-(?P<month>\d{2})"},
        "format": {"kind": "csv"},
    }
    return document(COUNTS, columns, "counts/*", **{**stated, **feed})


def call(number: object, **changed: str) -> str:
    """A line of the calls feed, good unless changed."""
    good = {
        "number": str(number),
        "kind": "K",
        "at": "2026-05-01 10:00:00",
        "answered": "2026-05-01 10:00:09",
        "lat": "-1.26",
        "lon": "116.64",
        "changed": "2026-05-01 11:00:00",
        "caller": "nobody",
    }
    return ",".join({**good, **changed}.values())


def count(**changed: str) -> str:
    """A line of the counts feed, good unless changed."""
    return ",".join(
        {"kind": "T", "at": "2026-05-01 10:00", "lat": "-1.26", "lon": "116.64", "remark": "-", **changed}.values()
    )


def lines(header: str, rows: Iterable[str]) -> str:
    return "\n".join([header, *rows]) + "\n"


def square(
    code: str, name: str, level: str, within: str | None, at: tuple[float, float], side: float
) -> dict[str, Any]:
    west, south = at
    ring = [(west, south), (west + side, south), (west + side, south + side), (west, south + side), (west, south)]
    return {
        "type": "Feature",
        "properties": {"code": code, "name": name, "level": level, "within": within},
        "geometry": {"type": "Polygon", "coordinates": [[[round(x, 6), round(y, 6)] for x, y in ring]]},
    }


def regions_geojson() -> str:
    features = [square("64.01", "Seluruhnya", "kabupaten", None, (WEST, SOUTH), 2 * SIDE)]
    for number in range(4):
        corner = (WEST + SIDE * (number % 2), SOUTH + SIDE * (number // 2))
        features.append(square(f"64.01.0{number + 1}", f"Kecamatan {number + 1}", "kecamatan", "64.01", corner, SIDE))
    return json.dumps({"type": "FeatureCollection", "features": features})


def accept(profile: BatchProfile) -> Verdict:
    return Verdict(True)


def digest_of(frame: pl.DataFrame) -> str:
    """Hash of a table's content: its rows in any order. Which batch wrote a row is no content."""
    rows = frame.drop("batch_id", "is_repeat_location", strict=False)
    plain = rows.sort([name for name, kind in rows.schema.items() if kind != pl.Binary])
    buffer = io.BytesIO()
    plain.write_ndjson(buffer) if pl.Binary not in plain.dtypes else plain.write_ipc(buffer)
    return hashlib.sha256(buffer.getvalue()).hexdigest()


@dataclass
class House:
    """A home below `root`. `documents` are the contracts by feed; a change of one is taken with the next landing."""

    root: Path
    documents: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {REGIONS: region_feed(), CALLS: call_feed(), COUNTS: count_feed()}
    )
    runs: int = 0
    _city: tuple[str, City] | None = None

    @property
    def lake(self) -> Lake:
        return Lake(str(self.root / "lake"))

    @property
    def keys(self) -> KeyRing:
        return KeyRing(self.root / "keys")

    def city(self) -> City:
        stated = json.dumps(self.documents)
        if self._city is None or self._city[0] != stated:
            self._city = (stated, self._load_city())
        return self._city[1]

    def _load_city(self) -> City:
        folder = self.root / "city"
        folder.mkdir(parents=True, exist_ok=True)
        files = {"city.yaml": CITY} | {f"{name}.odcs.yaml": contract for name, contract in self.documents.items()}
        for name, content in files.items():
            (folder / name).write_text(yaml.safe_dump(content, sort_keys=False))
        return load_city(folder)

    def contract(self, feed: str) -> Contract:
        return self.city().feed(feed)

    def connector(self, feed: str, chunk_rows: int = 200_000) -> FolderConnector:
        return FolderConnector(self.contract(feed), {"simulation": str(self.root / "inbox")}, chunk_rows)

    def deliver(self, name: str, content: str | bytes) -> Path:
        """Put a file into an inbox, `name` relative to all of them, as an agency does: whole or not at all."""
        path = self.root / "inbox" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}")
        part.write_bytes(content.encode() if isinstance(content, str) else content)
        part.replace(path)
        return path

    def deliver_calls(self, name: str, rows: Iterable[str]) -> Path:
        return self.deliver(f"calls/{name}", lines(CALL_HEADER, rows))

    def deliver_counts(self, name: str, rows: Iterable[str]) -> Path:
        return self.deliver(f"counts/{name}", lines(COUNT_HEADER, rows))

    def with_regions(self) -> House:
        self.deliver("regions/regions.geojson", regions_geojson())
        self.land(REGIONS)
        return self

    def land(
        self,
        feed: str,
        *,
        run_id: str | None = None,
        interval: Interval | None = None,
        judge: Callable[[BatchProfile], Verdict] = accept,
        as_of: dt.date | None = None,
        chunk_rows: int = 200_000,
        clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(UTC),
        log: Callable[[str], Any] = lambda message: None,
    ) -> FeedOutcome:
        self.runs += 1
        context = LandingContext(
            lake=self.lake,
            city=self.city(),
            keys=self.keys,
            run_id=run_id or f"run{self.runs}",
            as_of=as_of,
            judge=judge,
            log=log,
            clock=clock,
        )
        return land_feed(self.contract(feed), self.connector(feed, chunk_rows), context, interval=interval)

    def table(self, entity: str, feed: str | None = None) -> pl.DataFrame:
        if self.lake.version("minimised", entity) is None:
            raise AssertionError(f"nothing of {entity} has landed")
        rows = self.lake.read("minimised", entity)
        return (rows if feed is None else rows.filter(pl.col("feed") == feed)).collect()

    def digest(self, entity: str) -> str:
        return digest_of(self.table(entity))

    def log_rows(self, feed: str, event: str = "outcome") -> pl.DataFrame:
        rows = self.lake.read("control", "batch_log")
        return rows.filter((pl.col("feed") == feed) & (pl.col("event") == event)).collect().sort("logged_at")

    def quarantine(self, feed: str) -> pl.DataFrame:
        """The index, empty where nothing was ever quarantined."""
        if self.lake.version("control", "quarantine") is None:
            return pl.DataFrame(schema={"batch_id": pl.String, "rule": pl.String, "rows": pl.Int64})
        return self.lake.read("control", "quarantine").filter(pl.col("feed") == feed).collect()

    def versions(self) -> Mapping[str, int | None]:
        """Version of every table that a landing may write."""
        names = [("minimised", name) for name in ("region", "emergency_call", "police_record")]
        names += [("control", name) for name in ("batch_log", "quarantine", "redaction", "placeholder_points")]
        return {f"{kind}/{name}": self.lake.version(kind, name) for kind, name in names}
