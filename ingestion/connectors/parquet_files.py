"""Parquet: typed columns, checked against the contract before a row is read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from ingestion.connectors.drift import UnreadableBatch, check_columns
from ingestion.connectors.source import Source, whole

if TYPE_CHECKING:
    from ingestion.contract import Contract


def parquet_frames(source: Source, contract: Contract, chunk_rows: int) -> Iterator[pl.DataFrame]:
    """Frames with the file's own types and `_row`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    place = whole(source)
    try:
        file = pq.ParquetFile(pa.BufferReader(place) if isinstance(place, bytes) else place, pre_buffer=False)
    except (pa.ArrowException, OSError):
        raise UnreadableBatch(f"{source.name}: is no Parquet file or is cut; ask for it again") from None
    with file:
        check_columns({f.name: family_of(f.type) for f in file.schema_arrow}, contract)
        row = 1
        try:
            for batch in file.iter_batches(batch_size=chunk_rows):
                frame = pl.DataFrame(batch)
                yield frame.with_columns(
                    pl.int_range(row, row + frame.height, eager=True, dtype=pl.Int64).alias("_row")
                )
                row += frame.height
        except (pa.ArrowException, OSError):
            raise UnreadableBatch(f"{source.name}: is damaged behind row {row - 1}; ask for it again") from None


def family_of(kind: object) -> str:
    """The family of an Arrow type, as `drift.families` names them."""
    import pyarrow.types as types

    tests = {
        "null": types.is_null,
        "boolean": types.is_boolean,
        "timestamp": types.is_timestamp,
        "date": types.is_date,
        "number": lambda t: types.is_integer(t) or types.is_floating(t) or types.is_decimal(t),
        "geometry": lambda t: types.is_binary(t) or types.is_large_binary(t),
        "object": types.is_nested,
    }
    if types.is_dictionary(kind):
        return family_of(kind.value_type)  # type: ignore[attr-defined]
    return next((family for family, test in tests.items() if test(kind)), "text")
