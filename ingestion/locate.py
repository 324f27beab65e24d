"""From a point to its H3 cell and its region, exactly, while coordinates are still exact.

An H3 cover of the regions answers most points by their cell; points of cells that a boundary crosses, and of cells the
cover does not know, are tested against the shapes themselves. The result is the one an exact test of every point gives.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from ingestion.city import City
    from ingestion.entities import Entity

COVER_CELLS = 12_000  # cells of the cover: more cost time to build, fewer leave more points to the exact test
METRES_PER_DEGREE = 111_320.0
PLACEHOLDER_METRES = 15.0  # a point this near a station's or hospital's own is taken for "brought in there"
PLACEHOLDER_LAYERS = ("police_station", "hospital")
_SPELLINGS = re.compile(r"^(kecamatan|kec|kabupaten|kab|kota|provinsi|prov|kelurahan|kel|desa)\b\.?\s*")


class RegionsMissing(Exception):
    """No region table yet, so nothing can be located."""


@dataclass(frozen=True)
class Regions:
    """The city's regions at every level, ready to locate points.

    `codes`, `levels` and `shapes` run in parallel; `finest` are the positions of the regions of the finest level that
    any region has, `cells` the cover: H3 cell (UInt64, at `cover_resolution`) -> position in `codes`, or -1 where a
    boundary crosses the cell.
    """

    codes: tuple[str, ...]
    levels: tuple[str, ...]
    shapes: tuple[Any, ...] = field(repr=False)
    by_spelling: Mapping[str, str] = field(repr=False)
    finest: tuple[int, ...] = field(repr=False)
    cover_resolution: int
    inner: pl.DataFrame = field(repr=False)
    crossed: pl.DataFrame = field(repr=False)
    tree: Any = field(repr=False)
    placeholders: np.ndarray = field(repr=False)

    @classmethod
    def from_frame(cls, table: pl.DataFrame, city: City, places: pl.DataFrame | None = None) -> Regions:
        """Regions from the minimised region table (region_code, name, level, boundary_wkb).

        `places`: longitude, latitude of stations and hospitals whose point stands for "brought in there".
        Raises RegionsMissing when the table is empty, ValueError for a level that city.yaml does not know.
        """
        import shapely

        if table.height == 0:
            raise RegionsMissing("the lake holds no regions yet: run pull_city_spatial first")
        order = {key: rank for rank, key in enumerate(city.level_keys)}
        unknown = sorted(set(table["level"].to_list()) - order.keys())
        if unknown:
            raise ValueError(f"region table: level {', '.join(unknown)} is not one of city.yaml's levels; add it there")
        rows = table.with_columns(rank=pl.col("level").replace_strict(order, return_dtype=pl.Int32)).sort(
            "rank", "region_code", descending=[True, False]
        )
        shapes = tuple(shapely.from_wkb(rows["boundary_wkb"].to_list()))
        for shape in shapes:
            shapely.prepare(shape)
        ranks = rows["rank"].to_list()
        finest = tuple(position for position, rank in enumerate(ranks) if rank == ranks[0])
        resolution, inner, crossed = _cover(shapes, finest, city.h3_resolution)
        points = [*city.placeholders]
        if places is not None:
            points += [(x, y, PLACEHOLDER_METRES) for x, y in places.select("longitude", "latitude").iter_rows()]
        return cls(
            codes=tuple(rows["region_code"].to_list()),
            levels=tuple(rows["level"].to_list()),
            shapes=shapes,
            by_spelling=_spellings(rows),
            finest=finest,
            cover_resolution=resolution,
            inner=inner,
            crossed=crossed,
            tree=shapely.STRtree(shapes),
            placeholders=np.array(points, dtype=float).reshape(-1, 3),
        )

    def of_points(self, longitude: np.ndarray, latitude: np.ndarray) -> np.ndarray:
        """Position in `codes` of the finest region that holds each point (its edge included), -1 where none does.

        Degrees, WGS 84, finite. Of several regions of one level the one with the smallest code is taken.
        """
        import polars_h3
        import shapely

        found = np.full(len(longitude), -1, dtype=np.int64)
        if not len(longitude):
            return found
        points = pl.DataFrame({"longitude": longitude, "latitude": latitude}).with_columns(
            cell=polars_h3.latlng_to_cell("latitude", "longitude", self.cover_resolution).cast(pl.UInt64)
        )
        found[:] = (
            points.join(self.inner, on="cell", how="left", maintain_order="left")["region"].fill_null(-1).to_numpy()
        )
        # Cells that one or more boundaries cross: each point against each of the cell's few regions.
        pairs = points.with_row_index("point").join(self.crossed, on="cell", how="inner").sort("region", "point")
        edges = pairs.select("point", "region", "longitude", "latitude")
        for (region,), group in edges.group_by("region", maintain_order=True):
            inside = shapely.intersects_xy(
                self.shapes[int(str(region))], group["longitude"].to_numpy(), group["latitude"].to_numpy()
            )
            hits = group["point"].to_numpy()[inside]
            fresh = hits[found[hits] < 0]  # regions come in order of code, so the first hit stays
            found[fresh] = int(str(region))
        # What the cover cannot answer (outside the finest level, or a hair beside an edge) is asked of every shape.
        rest = np.flatnonzero(found < 0)
        if len(rest):
            at, shape = self.tree.query(shapely.points(longitude[rest], latitude[rest]), predicate="intersects")
            best = np.full(len(rest), len(self.codes), dtype=np.int64)
            np.minimum.at(best, at, shape)
            found[rest] = np.where(best < len(self.codes), best, -1)
        return found

    def resolve(self, stated: pl.Series) -> pl.Series:
        """Region codes for what agencies state, by code or name in any usual spelling; null where it is unknown."""
        distinct = stated.cast(pl.String).unique().drop_nulls()
        known = {value: code for value in distinct.to_list() if (code := self._resolve(value)) is not None}
        return stated.cast(pl.String).replace_strict(known, default=None, return_dtype=pl.String)

    def _resolve(self, value: str) -> str | None:
        for spelling in _forms(value):
            if spelling in self.by_spelling:
                return self.by_spelling[spelling]
        return None


def _forms(value: str) -> Iterable[str]:
    """Spellings under which a stated region may be known, the surest first."""
    plain = unicodedata.normalize("NFKC", value).strip().casefold()
    yield f"code:{plain}"
    digits = re.sub(r"[.\-\s]", "", plain)
    yield f"code:{digits}"
    if re.fullmatch(r"0*\d+(\.0+)?", plain):
        yield f"code:{int(float(plain))}"
    yield f"name:{_name(plain)}"


def _name(plain: str) -> str:
    return re.sub(r"[^a-z0-9]", "", _SPELLINGS.sub("", plain))


def _spellings(rows: pl.DataFrame) -> dict[str, str]:
    """Spelling -> code. A spelling that two regions share means neither, unless one of them is the finer."""
    found: dict[str, str] = {}
    shared: set[str] = set()
    rank_of: dict[str, int] = {}
    for code, name, rank in rows.select("region_code", "name", "rank").iter_rows():
        plain = code.strip().casefold()
        digits = re.sub(r"[.\-\s]", "", plain)
        spellings = {f"code:{plain}", f"code:{digits}", f"name:{_name(name.strip().casefold())}"}
        if plain.isdigit():
            spellings.add(f"code:{int(plain)}")
        for spelling in spellings:
            if spelling not in found:
                found[spelling], rank_of[spelling] = code, rank
            elif found[spelling] != code and rank_of[spelling] == rank:
                shared.add(spelling)
    return {spelling: code for spelling, code in found.items() if spelling not in shared}


def _cover(
    shapes: Sequence[Any], finest: Sequence[int], finest_resolution: int
) -> tuple[int, pl.DataFrame, pl.DataFrame]:
    """(resolution, inner cells -> region, crossed cells -> each region they touch) of the finest level's shapes."""
    import h3
    import shapely

    area = sum(_square_km(shapes[position]) for position in finest)
    resolution = next(
        (r for r in range(finest_resolution, 0, -1) if area / h3.average_hexagon_area(r, unit="km^2") <= COVER_CELLS), 0
    )
    cell_of: dict[int, list[int]] = {}
    whole: dict[int, int] = {}
    for position in finest:
        cells = sorted(_cells_touching(shapes[position], resolution))
        if not cells:
            continue
        # One by one: a cell on an edge of the icosahedron has more than six corners.
        outlines = [shapely.Polygon(_outline(cell)) for cell in cells]
        # A cell's sides are great circles, a region's are straight in degrees: a margin keeps cells near an edge in
        # the exact test.
        margin = 0.02 * h3.average_hexagon_edge_length(resolution, unit="km") * 1000 / METRES_PER_DEGREE
        inside = shapely.contains_properly(shapes[position], shapely.buffer(outlines, margin))
        for cell, is_inside in zip(cells, inside, strict=True):
            number = h3.str_to_int(cell)
            cell_of.setdefault(number, []).append(position)
            if is_inside:
                whole[number] = position
    inner = {cell: position for cell, position in whole.items() if len(cell_of[cell]) == 1}
    crossed = [(cell, region) for cell, regions in cell_of.items() if cell not in inner for region in regions]
    return (
        resolution,
        pl.DataFrame(
            {"cell": list(inner), "region": list(inner.values())}, schema={"cell": pl.UInt64, "region": pl.Int64}
        ),
        pl.DataFrame(crossed, schema={"cell": pl.UInt64, "region": pl.Int64}, orient="row"),
    )


def _cells_touching(shape: Any, resolution: int) -> set[str]:
    import h3
    import shapely

    cells: set[str] = set()
    for part in shapely.get_parts(shape):
        if part.geom_type == "Polygon" and not part.is_empty:
            outline = h3.geo_to_h3shape(part.__geo_interface__)
            cells.update(h3.h3shape_to_cells_experimental(outline, resolution, contain="overlap"))
    return cells


def _outline(cell: str) -> list[tuple[float, float]]:
    import h3

    return [(longitude, latitude) for latitude, longitude in h3.cell_to_boundary(cell)]


def _square_km(shape: Any) -> float:
    import shapely

    latitude = shapely.centroid(shape).y
    return float(shapely.area(shape)) * (METRES_PER_DEGREE / 1000) ** 2 * max(0.05, float(np.cos(np.radians(latitude))))


def locate(rows: pl.DataFrame, regions: Regions, city: City, entity: Entity) -> pl.DataFrame:
    """Add h3_cell, region_code and location_quality (entities.yaml) to conformed rows.

    An entity with `geometry` is located by a point on it, one without coordinates by its stated region alone: it gets
    region_code, plus the other two where its table has them.
    """
    longitude, latitude = _coordinates(rows)
    stated = regions.resolve(rows["stated_region"]) if "stated_region" in rows.columns else _nulls(rows.height)
    if not entity.is_located:
        return rows.with_columns(stated.alias("region_code"))
    import polars_h3

    with np.errstate(invalid="ignore"):
        usable = np.isfinite(longitude) & np.isfinite(latitude) & (abs(longitude) <= 180) & (abs(latitude) <= 90)
        is_null_island = usable & (abs(longitude) < 1e-4) & (abs(latitude) < 1e-4)
    placeholder = is_null_island | _near_placeholder(longitude, latitude, usable, regions.placeholders)
    region = np.full(rows.height, -1, dtype=np.int64)
    asked = usable & ~is_null_island
    region[asked] = regions.of_points(longitude[asked], latitude[asked])
    exact = (region >= 0) & ~placeholder
    codes = pl.Series("of_point", [*regions.codes, None], dtype=pl.String)[
        pl.Series(np.where(region >= 0, region, len(regions.codes)))
    ]
    located = rows.with_columns(
        stated.alias("_stated"),
        codes.alias("_of_point"),
        pl.Series("_exact", exact),
        pl.Series("_placeholder", placeholder),
        pl.Series("_longitude", longitude),
        pl.Series("_latitude", latitude),
    )
    cell = polars_h3.latlng_to_cell("_latitude", "_longitude", city.h3_resolution, return_dtype=pl.String)
    located = located.with_columns(
        # A placeholder's own cell or region says where a file was kept, not where something happened.
        h3_cell=pl.when("_exact").then(cell),
        region_code=pl.when("_exact").then("_of_point").otherwise(pl.col("_stated")),
        location_quality=pl.when("_exact")
        .then(pl.lit("exact"))
        .when("_placeholder")
        .then(pl.lit("placeholder"))
        .when(pl.col("_stated").is_not_null())
        .then(pl.lit("region_only"))
        .otherwise(pl.lit("none")),
    )
    return located.drop("_stated", "_of_point", "_exact", "_placeholder", "_longitude", "_latitude")


def _nulls(height: int) -> pl.Series:
    return pl.Series([None] * height, dtype=pl.String)


def _coordinates(rows: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude in degrees, NaN where there is none; a shape gives a point that lies on it."""
    if "longitude" in rows.columns and "latitude" in rows.columns:
        pair = rows.select(pl.col("longitude", "latitude").cast(pl.Float64).fill_null(float("nan")))
        return pair["longitude"].to_numpy(), pair["latitude"].to_numpy()
    if "geometry" in rows.columns:
        import shapely

        points = shapely.point_on_surface(shapely.from_wkb(rows["geometry"].to_list()))
        return shapely.get_x(points), shapely.get_y(points)
    nothing = np.full(rows.height, np.nan)
    return nothing, nothing


def _near_placeholder(
    longitude: np.ndarray, latitude: np.ndarray, usable: np.ndarray, points: np.ndarray
) -> np.ndarray:
    """Whether a point lies within the stated metres of a known placeholder (few hundred of them at most a city)."""
    near = np.zeros(len(longitude), dtype=bool)
    if not len(points) or not usable.any():
        return near
    import shapely

    # Degrees shrink towards the poles: both are scaled to metres about the placeholders' own latitude.
    scale_x = METRES_PER_DEGREE * np.cos(np.radians(points[:, 1].mean()))
    at = np.flatnonzero(usable)
    tree = shapely.STRtree(shapely.points(longitude[at] * scale_x, latitude[at] * METRES_PER_DEGREE))
    centres = shapely.points(points[:, 0] * scale_x, points[:, 1] * METRES_PER_DEGREE)
    _, hit = tree.query(centres, predicate="dwithin", distance=points[:, 2])
    near[at[hit]] = True
    return near
