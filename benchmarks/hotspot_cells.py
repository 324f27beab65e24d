"""Square cells clipped to an area, and events in them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from estimation.hotspots import Grid

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
METRES = 250.0
SLIVER = 1.0  # square metres: what is clipped to less is no cell


@dataclass(frozen=True)
class Cells:
    """Squares of `side` metres from `origin`: `column`, `row` and `area` (square metres inside) of each, [cell].

    `place` [columns, rows] is the number of a square's cell, -1 outside.
    """

    origin: tuple[float, float]
    side: float
    column: Integers
    row: Integers
    area: Floats
    place: Integers

    @classmethod
    def clipped(cls, area: Any, side: float = METRES) -> Cells:
        """Squares that touch the area, each with its part inside. `area`: a shapely geometry in metres."""
        left, bottom, right, top = area.bounds
        columns, rows = int(np.ceil((right - left) / side)), int(np.ceil((top - bottom) / side))
        column, row = (axis.ravel() for axis in np.meshgrid(np.arange(columns), np.arange(rows), indexing="ij"))
        squares = shapely.box(
            left + column * side, bottom + row * side, left + (column + 1) * side, bottom + (row + 1) * side
        )
        shapely.prepare(area)
        whole = shapely.contains_properly(area, squares)
        inside = np.where(whole, side * side, 0.0)
        edge = ~whole & shapely.intersects(area, squares)
        inside[edge] = shapely.area(shapely.intersection(area, squares[edge]))
        return cls._kept((left, bottom), side, column, row, inside, (columns, rows))

    @classmethod
    def holding(cls, x: Floats, y: Floats, side: float = METRES) -> Cells:
        """Whole squares that hold one of the points: the area where none is given."""
        left, bottom = float(x.min()), float(y.min())
        columns, rows = int((x.max() - left) / side) + 1, int((y.max() - bottom) / side) + 1
        found = np.unique(np.stack([((x - left) / side).astype(int), ((y - bottom) / side).astype(int)]), axis=1)
        area = np.full(found.shape[1], side * side)
        return cls._kept((left, bottom), side, found[0], found[1], area, (columns, rows))

    @classmethod
    def _kept(
        cls, origin: tuple[float, float], side: float, column: Integers, row: Integers, area: Floats,
        shape: tuple[int, int],
    ) -> Cells:  # fmt: skip
        keep = area > SLIVER
        place = np.full(shape, -1, dtype=np.int64)
        place[column[keep], row[keep]] = np.arange(keep.sum())
        return cls(origin, side, column[keep].astype(np.int64), row[keep].astype(np.int64), area[keep], place)

    @property
    def size(self) -> int:
        return self.area.size

    def of(self, x: Floats, y: Floats) -> Integers:
        """Cell of each point, -1 outside."""
        column = np.floor((x - self.origin[0]) / self.side).astype(np.int64)
        row = np.floor((y - self.origin[1]) / self.side).astype(np.int64)
        columns, rows = self.place.shape
        inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        found = np.full(len(x), -1, dtype=np.int64)
        found[inside] = self.place[column[inside], row[inside]]
        return found

    def grid(self) -> Grid:
        """Neighbours by side and corner."""
        padded = np.pad(self.place, 1, constant_values=-1)
        links = []
        for across, up in ((1, 0), (0, 1), (1, 1), (1, -1)):
            other = padded[self.column + 1 + across, self.row + 1 + up]
            links.append(np.stack([np.arange(self.size), other], axis=1)[other >= 0])
        return Grid.from_links(self.size, np.concatenate(links), 8)

    def raster(self, values: Floats) -> Floats:
        """Values [cell] as [columns, rows], 0 outside."""
        picture = np.zeros(self.place.shape)
        picture[self.column, self.row] = values
        return picture

    def read(self, picture: Floats) -> Floats:
        return picture[self.column, self.row]


def to_metres(longitude: Floats, latitude: Floats, crs: str) -> tuple[Floats, Floats]:
    """Degrees (WGS 84) as metres of the projected reference system `crs`."""
    from pyproj import Transformer

    x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(longitude, latitude)
    return np.asarray(x, dtype=float), np.asarray(y, dtype=float)


def zone_of(longitude: Floats, latitude: Floats) -> str:
    """The UTM zone of the points' middle."""
    number = int((float(np.median(longitude)) + 180) // 6) + 1
    return f"EPSG:{32600 + number if float(np.median(latitude)) >= 0 else 32700 + number}"


def area_of(path: Path, crs: str) -> Any:
    """The union of a GeoJSON file's areas (WGS 84) in metres of `crs`. Raises ValueError where the file holds none."""
    document = json.loads(path.read_text(encoding="utf-8"))
    shapes = [shapely.geometry.shape(feature["geometry"]) for feature in document.get("features", [])]
    areas = [shapely.make_valid(shape) for shape in shapes if shape.geom_type in ("Polygon", "MultiPolygon")]
    if not areas:
        raise ValueError(f"{path.name} holds no polygon; give a GeoJSON file of the city's areas")

    def metres(points: Floats) -> Floats:
        return np.column_stack(to_metres(points[:, 0], points[:, 1], crs))

    return shapely.transform(shapely.union_all(areas), metres)
