"""Spatial files through pyogrio: GeoJSON, GeoPackage, Shapefile, in the coordinate system that the contract states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.connectors.drift import SchemaDrift, UnreadableBatch, check_columns
from ingestion.connectors.parquet_files import family_of
from ingestion.connectors.source import Source, whole

if TYPE_CHECKING:
    from ingestion.contract import Contract

GEOMETRY = "geometry"


def spatial_frames(source: Source, contract: Contract, chunk_rows: int) -> Iterator[pl.DataFrame]:
    """Frames with the layer's fields, `geometry` (WKB in the layer's own coordinate system) and `_row`.

    With `dissolve` the whole layer is one row: the union of its shapes.
    """
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    # A Shapefile lies in several files, so a plain delivery is read where it lies.
    try:
        with pyogrio.open_arrow(
            whole(source), layer=contract.format.get("layer"), batch_size=chunk_rows, use_pyarrow=True
        ) as (
            meta,
            reader,
        ):
            shape = meta["geometry_name"] or "wkb_geometry"
            fields = {GEOMETRY if f.name == shape else f.name: family_of(f.type) for f in reader.schema}
            _check(fields, meta.get("crs"), contract)
            row = 1
            shapes: list[Any] = []
            for batch in reader:
                frame = pl.DataFrame(batch).rename({shape: GEOMETRY})
                if contract.format.get("dissolve"):
                    shapes.extend(frame[GEOMETRY].to_list())
                    continue
                numbers = pl.int_range(row, row + frame.height, eager=True, dtype=pl.Int64).alias("_row")
                yield frame.with_columns(numbers)
                row += frame.height
    except (DataSourceError, DataLayerError):
        raise UnreadableBatch(f"{source.name}: cannot be read as the stated spatial layer; ask for it again") from None
    if contract.format.get("dissolve"):
        yield _dissolved(shapes)


def _check(fields: dict[str, str], crs: str | None, contract: Contract) -> None:
    if contract.format.get("dissolve"):
        # One shape of all: the fields of the parts say nothing of the whole.
        fields = {name: kind for name, kind in fields.items() if name == GEOMETRY}
    check_columns(fields, contract)
    stated = str(contract.column(GEOMETRY).options.get("crs", "EPSG:4326"))
    if crs is not None and not _is_same_crs(crs, stated):
        raise SchemaDrift(contract.feed, changed=(f"{GEOMETRY} (coordinate system is no longer {stated})",))


def _is_same_crs(delivered: str, stated: str) -> bool:
    if delivered == stated:
        return True
    from pyproj import CRS

    # Shapefiles name the same system in their own words.
    return CRS.from_user_input(delivered).equals(CRS.from_user_input(stated), ignore_axis_order=True) or (
        CRS.from_user_input(delivered).to_epsg(min_confidence=60) == CRS.from_user_input(stated).to_epsg()
    )


def _dissolved(shapes: list[Any]) -> pl.DataFrame:
    import shapely

    whole = shapely.union_all(shapely.make_valid(shapely.from_wkb(shapes)))
    return pl.DataFrame(
        {GEOMETRY: [shapely.to_wkb(whole)], "_row": [1]}, schema={GEOMETRY: pl.Binary, "_row": pl.Int64}
    )
