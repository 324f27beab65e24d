"""CSV in any stated encoding and dialect, as text columns. A line with too few or too many fields is kept whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.connectors.drift import UnreadableBatch, check_columns
from ingestion.connectors.streams import blocks, decoded, pieces

if TYPE_CHECKING:
    from ingestion.connectors.source import Source
    from ingestion.contract import Contract


def csv_frames(source: Source, contract: Contract, chunk_rows: int) -> Iterator[pl.DataFrame]:
    """Frames of String columns as delivered, `_row` and `_raw`. An empty file yields nothing."""
    form = contract.format
    quote = form.get("quote", '"')
    names: list[str] | None = None if form.get("header", True) else _stated_names(contract)
    text = decoded(pieces(source, form.get("compression")), str(form.get("encoding", "utf-8")), source.name)
    row = 1
    for block in blocks(text, source.name, quote):
        if names is None:
            names, block = _header(block, contract, source.name)
        frame, bad = _parse(block, names, form, source.name)
        frame = _with_positions(frame, bad, row)
        row += frame.height
        for start in range(0, frame.height, chunk_rows):
            yield frame.slice(start, chunk_rows)


def _stated_names(contract: Contract) -> list[str]:
    # Columns that a lookup adds are declared, but not delivered in the file.
    lookup = contract.format.get("lookup", {})
    added = {lookup.get("longitude"), lookup.get("latitude")}
    return [name for name in contract.names if name not in added]


def _header(block: bytes, contract: Contract, name: str) -> tuple[list[str], bytes]:
    quote = contract.format.get("quote", '"')
    line, _, rest = block.partition(b"\n")
    options: dict[str, Any] = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    reader = csv.reader([line.decode("utf-8").rstrip("\r")], delimiter=contract.format.get("separator", ","), **options)
    names = [column.strip() for column in next(reader, [])]
    if len(set(names)) != len(names):
        raise UnreadableBatch(f"{name}: two columns carry the same name; ask for the file again")
    lookup = contract.format.get("lookup", {})
    check_columns(names, contract, may_miss={lookup.get("longitude"), lookup.get("latitude")})
    return names, rest


def _parse(block: bytes, names: list[str], form: Any, name: str) -> tuple[pl.DataFrame, list[tuple[int, str]]]:
    import pyarrow as pa
    import pyarrow.csv as arrow_csv

    bad: list[tuple[int, str]] = []

    def keep_whole(line: Any) -> str:
        bad.append((line.number, line.text))
        return "skip"

    if not block.strip(b"\r\n"):
        return pl.DataFrame(schema=dict.fromkeys(names, pl.String)), bad
    table = arrow_csv.read_csv(
        io.BytesIO(block),
        # One thread, or lines would lose their numbers; a block holds whole records, so no block may be cut again.
        read_options=arrow_csv.ReadOptions(use_threads=False, column_names=names, block_size=len(block) + 1),
        parse_options=arrow_csv.ParseOptions(
            delimiter=form.get("separator", ","),
            quote_char=form.get("quote", '"') or False,
            newlines_in_values=True,
            invalid_row_handler=keep_whole,
        ),
        convert_options=arrow_csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            strings_can_be_null=True,
            null_values=["", *form.get("null_values", ())],
        ),
    )
    frame = pl.from_arrow(table)
    if not isinstance(frame, pl.DataFrame):
        raise UnreadableBatch(f"{name}: holds no table")
    return frame, bad


def _with_positions(frame: pl.DataFrame, bad: list[tuple[int, str]], first: int) -> pl.DataFrame:
    """Number good and bad lines as they stood; a bad one carries its text in `_raw` and nulls elsewhere."""
    total = frame.height + len(bad)
    if not bad:
        numbers = pl.int_range(first, first + total, eager=True, dtype=pl.Int64).alias("_row")
        return frame.with_columns(numbers, pl.lit(None, pl.String).alias("_raw"))
    numbers_of_bad = [number for number, _ in bad]
    good = pl.int_range(1, total + 1, eager=True, dtype=pl.Int64)
    good = good.filter(~good.is_in(numbers_of_bad))
    kept = frame.with_columns((good + first - 1).alias("_row"), pl.lit(None, pl.String).alias("_raw"))
    whole = pl.DataFrame(
        {"_row": [number + first - 1 for number in numbers_of_bad], "_raw": [text for _, text in bad]},
        schema={"_row": pl.Int64, "_raw": pl.String},
    )
    return pl.concat([kept, whole], how="diagonal").sort("_row")
