"""Features of an OGC API - Features service (parts 1 and 2), paged by `next` links, in the system that is asked for."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.connectors.drift import check_columns
from ingestion.connectors.http import HttpConnector
from ingestion.connectors.json_lines import as_text, flattened
from ingestion.connectors.pages import Paging
from ingestion.connectors.spatial_files import GEOMETRY
from ingestion.connectors.streams import blocks, pieces

if TYPE_CHECKING:
    from ingestion.connectors.source import Source

PAGE_SIZE = 1000
WGS84 = "EPSG:4326"
POINT = ("geometry.x", "geometry.y")


class OgcFeaturesConnector(HttpConnector):
    """As any paged service; the contract's location is the API's landing page, `collection` its collection.

    A feature's properties become fields as text (nested ones with dotted names), beside those of `id`, `geometry` (WKB
    in the system of that column's `crs`, which is asked for) and, of a point, `geometry.x` and `geometry.y` that the
    contract declares. With `since` a pull asks by `datetime` from where the last one began; an interval always does.
    """

    def frames(self, source: Source) -> Iterator[pl.DataFrame]:
        """Raw frames of GeoJSON features, one a line, wherever they lie."""
        row = 1
        for block in blocks(pieces(source, "none"), source.name):
            lines = [line for line in block.splitlines() if line.strip()]
            for start in range(0, len(lines), self.chunk_rows):
                frame = self._frame(lines[start : start + self.chunk_rows])
                numbers = pl.int_range(row, row + frame.height, eager=True, dtype=pl.Int64).alias("_row")
                yield frame.with_columns(numbers)
                row += frame.height

    def _location(self, stated: str) -> str:
        return f"{stated.rstrip('/')}/collections/{self.contract.server['collection']}/items"

    def _paging(self, stated: Mapping[str, Any]) -> Paging:
        return Paging("next", records="features", next="links")

    def _headers(self) -> Mapping[str, str]:
        return {"Accept": "application/geo+json"}

    def _parameters(self, start: dt.datetime | None) -> dict[str, object]:
        return self._asked() | ({"datetime": f"{_stamp(start)}/.."} if start else {})

    def _interval_parameters(self, start: dt.datetime, end: dt.datetime) -> dict[str, object]:
        return self._asked() | {"datetime": f"{_stamp(start)}/{_stamp(end)}"}

    def _asked(self) -> dict[str, object]:
        server = self.contract.server
        asked: dict[str, object] = {**server.get("parameters", {}), "limit": server.get("page_size", PAGE_SIZE)}
        if "bbox" in server:
            asked["bbox"] = ",".join(str(number) for number in server["bbox"])
        system = self._system()
        if system != WGS84:
            asked["crs"] = f"http://www.opengis.net/def/crs/EPSG/0/{system.removeprefix('EPSG:')}"
        return asked

    def _system(self) -> str:
        if GEOMETRY not in self.contract.names:
            return WGS84
        return str(self.contract.column(GEOMETRY).options.get("crs", WGS84))

    def _frame(self, lines: list[bytes]) -> pl.DataFrame:
        declared = set(self.contract.names)
        rows: list[dict[str, Any]] = []
        shapes: list[str | None] = []
        for line in lines:
            try:
                feature = json.loads(line)
            except (ValueError, RecursionError):
                feature = None
            if not isinstance(feature, dict) or feature.get("type") != "Feature":
                rows.append({"_raw": line.decode("utf-8", "replace")})
                shapes.append(None)
                continue
            row = {name: as_text(value) for name, value in flattened(feature.get("properties") or {})} | {"_raw": None}
            if "id" in declared and "id" not in row:
                row["id"] = as_text(feature.get("id"))
            geometry = feature.get("geometry")
            row |= _point(geometry, declared)
            rows.append(row)
            shapes.append(json.dumps(geometry) if geometry else None)
        names = dict.fromkeys(name for row in rows for name in row)
        columns = {name: [row.get(name) for row in rows] for name in names}
        frame = pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))
        if GEOMETRY in declared:
            frame = frame.with_columns(_wkb(shapes, self._system()))
        return self._complete(frame)

    def _complete(self, frame: pl.DataFrame) -> pl.DataFrame:
        optional = {column.name for column in self.contract.columns if not column.required}
        # A page without one readable feature says nothing of its columns.
        may_miss = optional if frame["_raw"].null_count() else set(self.contract.names)
        check_columns([name for name in frame.columns if name != "_raw"], self.contract, may_miss=may_miss)
        missing = [name for name in self.contract.names if name not in frame.columns]
        return frame.with_columns(pl.lit(None, pl.String).alias(name) for name in missing)


def _point(geometry: Any, declared: set[str]) -> dict[str, str | None]:
    if not declared.intersection(POINT):
        return {}
    is_point = isinstance(geometry, dict) and geometry.get("type") == "Point"
    pair = (geometry.get("coordinates") or [None, None])[:2] if is_point else [None, None]
    return {name: as_text(value) for name, value in zip(POINT, pair, strict=True) if name in declared}


def _wkb(shapes: list[str | None], system: str) -> pl.Series:
    """Null where a geometry is missing; what is none becomes an empty collection, for the contract's rule to find."""
    import shapely

    read = shapely.from_geojson(shapes, on_invalid="ignore")
    unread = [given is not None and found is None for given, found in zip(shapes, read, strict=True)]
    read[unread] = shapely.GeometryCollection()
    if system != WGS84 and _is_north_first(system):
        read = shapely.transform(read, lambda points: points[:, ::-1])
    return pl.Series(GEOMETRY, shapely.to_wkb(read).tolist(), dtype=pl.Binary)


def _is_north_first(system: str) -> bool:
    """GeoJSON of part 2 follows the system's own order of axes; ours is always east first."""
    from pyproj import CRS

    return str(CRS.from_user_input(system).axis_info[0].direction).lower() in ("north", "south")


def _stamp(moment: dt.datetime) -> str:
    return f"{moment.astimezone(dt.UTC):%Y-%m-%dT%H:%M:%SZ}"
