"""From a delivery's bytes to raw frames, by the contract's format."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.connectors import ConnectorError

if TYPE_CHECKING:
    import polars as pl

    from ingestion.connectors.source import Source
    from ingestion.contract import Contract


def frames_of(source: Source, contract: Contract, places: Mapping[str, str], chunk_rows: int) -> Iterator[pl.DataFrame]:
    """Raw frames of at most `chunk_rows`. `places` expands {name} in the path of a lookup.

    Iterating raises SchemaDrift or UnreadableBatch where the whole batch must stop.
    """
    kind = contract.format["kind"]
    if kind == "csv":
        from ingestion.connectors.csv_files import csv_frames

        frames = csv_frames(source, contract, chunk_rows)
    elif kind == "jsonl":
        from ingestion.connectors.json_lines import json_frames

        frames = json_frames(source, contract, chunk_rows)
    elif kind == "parquet":
        from ingestion.connectors.parquet_files import parquet_frames

        frames = parquet_frames(source, contract, chunk_rows)
    else:
        from ingestion.connectors.spatial_files import spatial_frames

        frames = spatial_frames(source, contract, chunk_rows)
    lookup = contract.format.get("lookup")
    if not lookup:
        return frames
    from ingestion.connectors.lookup import add_points, points_by_name

    points = points_by_name(Path(expand(lookup["path"], places, contract.feed)), lookup)
    return (add_points(frame, points, lookup) for frame in frames)


def expand(path: str, places: Mapping[str, str], feed: str) -> str:
    """Put the places into a contract's path. Raises ConnectorError where one is not set."""
    try:
        return path.format(**places)
    except KeyError as error:
        place = str(error.args[0])
        setting = {"city_data": "TELAGA_CITY_DATA"}.get(place, place)
        raise ConnectorError(f"{feed}: its path needs {{{place}}}; set {setting} and try again") from None
