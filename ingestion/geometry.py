"""Geometry of a delivery to valid two-dimensional WGS 84."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


def to_wgs84(wkb: pl.Series, crs: str) -> tuple[pl.Series, pl.Series, pl.Series]:
    """(WKB in WGS 84, longitude first and valid; mask of rows that hold no usable geometry; mask of those repaired).

    `wkb` is Binary in the coordinate system `crs` (e.g. EPSG:32750, metres). An invalid polygon is repaired, not
    dropped. A missing geometry is null and not masked: whether it may be missing is the contract's to say.
    """
    import numpy as np
    import polars as pl
    import shapely

    given = wkb.is_not_null().to_numpy()
    shapes = shapely.force_2d(shapely.from_wkb(wkb.to_numpy(), on_invalid="ignore"))
    if crs.upper() != "EPSG:4326":
        from pyproj import Transformer

        move = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
        shapes = shapely.transform(shapes, lambda points: np.column_stack(move.transform(points[:, 0], points[:, 1])))
    invalid = ~shapely.is_valid(shapes) & ~shapely.is_missing(shapes)
    if invalid.any():
        shapes[invalid] = shapely.make_valid(shapes[invalid])
    bounds = shapely.bounds(shapes)
    inside = (bounds[:, 0] >= -180) & (bounds[:, 2] <= 180) & (bounds[:, 1] >= -90) & (bounds[:, 3] <= 90)
    usable = inside & ~shapely.is_empty(shapes) & ~shapely.is_missing(shapes)
    shapes[~usable] = None
    return (
        pl.Series(wkb.name, shapely.to_wkb(shapes).tolist(), dtype=pl.Binary),
        pl.Series("_geometry_broken", given & ~usable),
        pl.Series("_geometry_repaired", invalid & usable),
    )
