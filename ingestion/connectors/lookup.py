"""Coordinates that an agency keeps in a second file: points by name, added to a delivery's rows."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from ingestion.connectors.drift import UnreadableBatch


def points_by_name(path: Path, lookup: Mapping[str, Any]) -> pl.DataFrame:
    """One point a name: the first that the file gives, so that a repeated reading gives the same.

    The file is GeoJSON, or a script that assigns GeoJSON to a variable. Columns: the delivery's name column and the
    two coordinates, as text.
    """
    try:
        text = path.read_text(encoding="utf-8")
        document = json.loads(text[text.index("{") : text.rindex("}") + 1])
        points: dict[str, tuple[str, str]] = {}
        for feature in document["features"]:
            longitude, latitude = feature["geometry"]["coordinates"][:2]
            points.setdefault(str(feature["properties"][lookup["with"]]), (str(longitude), str(latitude)))
    except (OSError, ValueError, KeyError, TypeError):
        raise UnreadableBatch(f"{path.name}: the lookup of points cannot be read as GeoJSON; check its path") from None
    return pl.DataFrame(
        {
            lookup["on"]: list(points),
            lookup["longitude"]: [point[0] for point in points.values()],
            lookup["latitude"]: [point[1] for point in points.values()],
        },
        schema={lookup["on"]: pl.String, lookup["longitude"]: pl.String, lookup["latitude"]: pl.String},
    )


def add_points(frame: pl.DataFrame, points: pl.DataFrame, lookup: Mapping[str, Any]) -> pl.DataFrame:
    """The frame with both coordinates; null where the name is unknown. Order and rows stay."""
    return frame.join(points, on=lookup["on"], how="left", maintain_order="left")
