"""The city as H3 cells: which cells it has, in which region each lies, and how to draw one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import polars as pl

DECIMALS = 5  # of a degree in a drawn boundary: about a metre


def city_cells(regions: pl.DataFrame, resolution: int) -> pl.DataFrame:
    """Cells whose centre lies in a region, each in one: `h3_cell`, `region_code`, sorted by cell.

    `regions`: `region_code`, `boundary_wkb` (WGS 84) of one level. Where approximate boundaries overlap, the first
    region by code has the cell.
    """
    import h3
    import shapely

    taken: dict[str, str] = {}
    for code, wkb in regions.select("region_code", "boundary_wkb").sort("region_code").iter_rows():
        shape = shapely.from_wkb(wkb)
        for cell in h3.geo_to_cells(shape, resolution):
            taken.setdefault(cell, code)
    return pl.DataFrame(
        {"h3_cell": list(taken.keys()), "region_code": list(taken.values())},
        schema={"h3_cell": pl.String, "region_code": pl.String},
    ).sort("h3_cell")


def boundary_json(cell: str) -> str:
    """A cell's ring as [[lon, lat], ...], closed."""
    import h3

    ring = [
        [round(longitude, DECIMALS), round(latitude, DECIMALS)] for latitude, longitude in h3.cell_to_boundary(cell)
    ]
    return json.dumps([*ring, ring[0]], separators=(",", ":"))


def drawn(cells: pl.DataFrame, wanted: Iterable[str]) -> pl.DataFrame:
    """The wanted cells of `city_cells` with `resolution` and `boundary_json`; the others are not needed on a map.

    A wanted cell coarser than the city's own (a parent that stands for its children) lies in the region that most of
    its children lie in.
    """
    import h3

    chosen = sorted(set(wanted))
    region_of: dict[str, Any] = dict(cells.iter_rows())
    finest = h3.get_resolution(cells["h3_cell"][0]) if cells.height else 0
    coarser = [cell for cell in chosen if cell not in region_of]
    for resolution in sorted({h3.get_resolution(cell) for cell in coarser}):
        if resolution >= finest:
            continue
        parents = cells.with_columns(
            parent=pl.Series([h3.cell_to_parent(cell, resolution) for cell in cells["h3_cell"]])
        )
        counted = parents.group_by("parent", "region_code").len().sort(["len", "region_code"], descending=[True, False])
        region_of.update(
            counted.unique("parent", keep="first", maintain_order=True).select("parent", "region_code").iter_rows()
        )
    return pl.DataFrame(
        {
            "h3_cell": chosen,
            "resolution": [h3.get_resolution(cell) for cell in chosen],
            "region_code": [region_of.get(cell) for cell in chosen],
            "boundary_json": [boundary_json(cell) for cell in chosen],
        },
        schema={"h3_cell": pl.String, "resolution": pl.Int64, "region_code": pl.String, "boundary_json": pl.String},
    )
