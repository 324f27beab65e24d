"""Columns of a minimised table from exact ones: hours instead of instants, digests instead of names."""

from __future__ import annotations

import datetime as dt
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from ingestion.entities import polars_type
from ingestion.minimise.day_keys import plate_tokens

if TYPE_CHECKING:
    from ingestion.city import City
    from ingestion.contract import Contract
    from ingestion.entities import Entity, Field
    from ingestion.minimise.pseudonyms import KeyRing

MAP_VERTICES = 250
OLDEST = 120  # years; more is no age
SEPARATOR = "\x1f"
TERMS = ("modus_terms", "place_terms", "object_terms")
REDACTED = "narrative_redacted"
TOKEN = "plate_token"  # noqa: S105 - a column's name
TEXT = "_text:"  # + column of a narrative: redacted text on its way to the officer, in memory only
WHERE_ASKED = frozenset({*TERMS, REDACTED, TOKEN})  # null unless the contract asks for them


def minimised_columns(
    rows: pl.DataFrame,
    contract: Contract,
    entity: Entity,
    city: City,
    keys: KeyRing,
    today: dt.date | None = None,
) -> pl.DataFrame:
    """The entity's own minimised columns, in order, from conformed, located and derived rows. `today` (city-local)
    decides which days may still have tokens; without it none has.

    Raises KeyError where a column can be had from nothing.
    """
    made: dict[str, pl.Series] = {}
    if any(field.name == "boundary_wkb" for field in entity.minimised):
        made.update(_boundaries(rows["geometry"]))
    if any(field.name == TOKEN for field in entity.minimised):
        made[TOKEN] = plate_tokens(rows, contract, keys, today)
    for field in entity.minimised:
        if field.name not in made:
            made[field.name] = _column(field, rows, contract, city, keys)
    return pl.DataFrame(
        [made[field.name].cast(polars_type(field.type)).alias(field.name) for field in entity.minimised]
    )


def _column(field: Field, rows: pl.DataFrame, contract: Contract, city: City, keys: KeyRing) -> pl.Series:
    name = field.name
    if name == "camera_key":
        day = "occurred_local_date" if "occurred_local_date" in rows.columns else "uptime_date"
        return camera_keys(rows["camera_id"], rows[day], contract, keys)
    if name == "reporter_age_band":
        return age_bands(rows["reporter_age"])
    if name == "is_official":
        return pl.repeat(contract.is_official, rows.height, eager=True, dtype=pl.Boolean)
    if name == "is_boundary_approximate" and name not in rows.columns:
        return pl.repeat(bool(contract.constants.get(name, False)), rows.height, eager=True, dtype=pl.Boolean)
    if name in WHERE_ASKED and name not in rows.columns:
        return pl.repeat(None, rows.height, eager=True, dtype=pl.String)
    if name not in rows.columns:
        raise KeyError(f"{contract.feed}: nothing makes column {name} of {contract.entity}; check entities.yaml")
    column = pl.col(name)
    if field.type == "timestamp":
        # Time to the hour: an exact instant names one report.
        column = column.dt.truncate("1h")
    elif name == "event_count":
        column = column.fill_null(1)
    elif name == "confidence":
        column = column.round(1)
    elif name == "is_boundary_approximate":
        column = column.fill_null(False)
    elif name == "reported_by":
        discovered = pl.col("category").is_in(sorted(city.discovered_categories))
        column = pl.coalesce(column, pl.when(discovered).then(pl.lit("officer")).otherwise(pl.lit("citizen")))
    return rows.select(column).to_series()


def camera_keys(camera: pl.Series, day: pl.Series, contract: Contract, keys: KeyRing) -> pl.Series:
    """Digest of a camera's id, the same in all feeds of one agency (its events and its uptime) for one calendar year of
    `day`, in no two agencies and no two years."""
    asked = pl.DataFrame({"camera": camera.cast(pl.String), "year": day.dt.year()})
    made = []
    for (year,), group in asked.drop_nulls().unique(maintain_order=True).group_by("year", maintain_order=True):
        digester = keys.digester(contract.agency, "camera", group.height, period=str(year))
        digests = digester.hexadecimal(group["camera"].to_list())
        made.append(group.with_columns(pl.Series("key", digests, dtype=pl.String)))
    if not made:
        return pl.repeat(None, camera.len(), eager=True, dtype=pl.String)
    return asked.join(pl.concat(made), on=["camera", "year"], how="left", maintain_order="left")["key"]


def age_bands(age: pl.Series) -> pl.Series:
    """Bands of ten years from 18 on (18-24 first, 65+ last) of ages in years. Null of a minor, whose data are specific
    and only dropped, and of what is no age."""
    lows = (18, 25, 35, 45, 55, 65)
    years, band = pl.lit(age), pl.lit(None, pl.String)
    for low, after in zip(lows, (*lows[1:], None), strict=True):
        band = pl.when(years >= low).then(pl.lit(f"{low}-{after - 1}" if after else f"{low}+")).otherwise(band)
    known = pl.when(years.is_between(lows[0], OLDEST)).then(band)
    return pl.select(known.alias("reporter_age_band")).to_series()


def _boundaries(geometry: pl.Series) -> dict[str, pl.Series]:
    import shapely

    shapes = shapely.from_wkb(geometry.to_list())
    return {
        "boundary_wkb": pl.Series([shapely.to_wkb(shape) for shape in shapes], dtype=pl.Binary),
        "area_km2": pl.Series([_area_km2(shape) for shape in shapes], dtype=pl.Float64),
        "boundary_json": pl.Series([_map_ring(shape) for shape in shapes], dtype=pl.String),
    }


def _area_km2(shape: Any) -> float:
    """Area on the WGS 84 ellipsoid, to the nearest 1000 square metres."""
    from pyproj import Geod
    from shapely.geometry.polygon import orient

    geod = Geod(ellps="WGS84")
    parts = [part for part in getattr(shape, "geoms", [shape]) if part.geom_type == "Polygon"]
    return round(sum(abs(geod.geometry_area_perimeter(orient(part))[0]) for part in parts) / 1e6, 3)


def _map_ring(shape: Any) -> str:
    """Outer ring of the largest part, thinned to what a map of the city shows, as [[longitude, latitude], ...]."""
    parts = [part for part in getattr(shape, "geoms", [shape]) if part.geom_type == "Polygon"]
    ring = max(parts, key=lambda part: part.area).exterior
    tolerance = 0.0
    thin = ring
    while len(thin.coords) > MAP_VERTICES:
        tolerance = tolerance * 1.5 or 1e-4
        thin = ring.simplify(tolerance)
    return json.dumps([[round(x, 5), round(y, 5)] for x, y, *_ in thin.coords])


def canonical_text(rows: pl.DataFrame, names: list[str]) -> pl.Series:
    """One text a row that two rows share exactly when all of `names` are equal; nulls are left out.

    Names are part of it, so a column added later (null in old rows) changes no old text. Numbers are spelt by their
    bits and times by their microseconds, not by a library's formatting, which may change.
    """
    parts = []
    for name in names:
        series = rows[name]
        dtype = series.dtype
        if isinstance(dtype, pl.Datetime):
            text = series.dt.cast_time_unit("us").to_physical().cast(pl.String)
        elif dtype == pl.Date:
            text = series.to_physical().cast(pl.String)
        elif dtype.is_float():
            # 0.0 is added so that minus zero, an equal number, has equal bits.
            filled = series.cast(pl.Float64).fill_null(0.0).to_numpy() + 0.0
            bits = pl.Series(filled.view(np.int64)).cast(pl.String)
            text = pl.select(pl.when(series.is_not_null()).then(bits)).to_series()
        elif dtype == pl.Binary:
            text = series.bin.encode("hex")
        elif dtype == pl.String:
            text = series
            if text.str.contains("[\x1b\x1f]").any():
                text = text.str.replace_all("\x1b", "\x1bb", literal=True).str.replace_all(
                    SEPARATOR, "\x1bs", literal=True
                )
        else:
            text = series.cast(pl.String)
        parts.append(text.alias(name))
    return (
        pl.DataFrame(parts)
        .select(pl.concat_str([pl.lit(f"{SEPARATOR}{n}=") + pl.col(n) for n in names], ignore_nulls=True))
        .to_series()
        .alias("content")
    )
