"""Boundaries of the regions: the real ones where the user has them, else plain approximations that say so."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from infra.simulator.world import Region

HULL_MARGIN = 0.12  # degrees around the outermost settlements of the approximated area, about 13 km


@dataclass(frozen=True)
class Boundaries:
    """Valid shapely polygons (WGS 84) by region code; `is_approximate` where they are made up from settlements."""

    shapes: dict[str, Any]
    is_approximate: bool


def boundaries(regions: tuple[Region, ...], city_data: Path | None) -> Boundaries:
    """Boundaries of all regions from `city_data`/indonesia, or approximated where `city_data` is None or has none."""
    found = _from_files(regions, city_data) if city_data is not None else None
    return found if found is not None else _approximated(regions)


def _from_files(regions: tuple[Region, ...], city_data: Path) -> Boundaries | None:
    import shapely

    files = [city_data / "indonesia" / f"kaltim_{level}.geojson" for level in ("kecamatan", "kabupaten")]
    if not all(file.is_file() for file in files):
        return None
    wanted = {region.code for region in regions}
    shapes: dict[str, Any] = {}
    kabupaten = []
    for file in files:
        for feature in json.loads(file.read_text(encoding="utf-8"))["features"]:
            code = feature["properties"]["kode"]
            is_kabupaten = code.count(".") == 1
            if code not in wanted and not is_kabupaten:
                continue
            shape = _areas_only(shapely.make_valid(shapely.geometry.shape(feature["geometry"])))
            if is_kabupaten:
                kabupaten.append(shape)
            if code in wanted:
                shapes[code] = shape
    shapes["64"] = _areas_only(shapely.union_all(kabupaten))
    missing = sorted(wanted - shapes.keys())
    if missing:
        raise ValueError(
            f"{files[0].parent}: no boundary for region {missing[0]}; unset TELAGA_CITY_DATA or complete it"
        )
    return Boundaries(shapes, is_approximate=False)


def _areas_only(shape: Any) -> Any:
    # make_valid may leave lines and points where a ring touched itself; a region is an area.
    import shapely

    parts = [part for part in shapely.get_parts(shape, return_index=False) if part.geom_type == "Polygon"]
    for part in shapely.get_parts(shape):
        if part.geom_type == "MultiPolygon":
            parts.extend(shapely.get_parts(part))
    return shapely.MultiPolygon(parts)


def _approximated(regions: tuple[Region, ...]) -> Boundaries:
    """Each kecamatan gets what lies nearer to its main settlement than to any other's."""
    import shapely

    finest = [region for region in regions if region.level == "kecamatan"]
    points = [shapely.Point(region.longitude, region.latitude) for region in finest]
    outline = shapely.MultiPoint(points).convex_hull.buffer(HULL_MARGIN, quad_segs=3)
    cells = shapely.get_parts(shapely.voronoi_polygons(shapely.MultiPoint(points), extend_to=outline))
    tree = shapely.STRtree(cells)
    shapes: dict[str, Any] = {}
    for region, point in zip(finest, points, strict=True):
        cell = cells[tree.query(point, predicate="intersects")[0]]
        shapes[region.code] = shapely.MultiPolygon([shapely.set_precision(cell.intersection(outline), 1e-6)])
    for level, depth in (("kabupaten", 1), ("provinsi", 0)):
        for region in (region for region in regions if region.level == level):
            inside = [
                shapes[low.code] for low in finest if low.code.startswith(region.code) and low.code.count(".") > depth
            ]
            union = shapely.union_all(inside)
            shapes[region.code] = union if union.geom_type == "MultiPolygon" else shapely.MultiPolygon([union])
    return Boundaries(shapes, is_approximate=True)
