"""JSON lines, plain or compressed. A line that is no JSON object is kept whole; nested fields become dotted names."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.connectors.drift import SchemaDrift, check_columns
from ingestion.connectors.streams import blocks, decoded, pieces

if TYPE_CHECKING:
    from ingestion.connectors.source import Source
    from ingestion.contract import Contract


def json_frames(source: Source, contract: Contract, chunk_rows: int) -> Iterator[pl.DataFrame]:
    """Frames of the delivered fields as text, `_row` and `_raw`. A field absent from every line may miss unless it is
    required; an undeclared one stops the batch wherever it first stands."""
    encoding = str(contract.format.get("encoding", "utf-8"))
    text = decoded(pieces(source, contract.format.get("compression")), encoding, source.name)
    row = 1
    for block in blocks(text, source.name):
        frame = _parse(block, contract)
        frame = _complete(_flat(frame, contract), contract)
        numbers = pl.int_range(row, row + frame.height, eager=True, dtype=pl.Int64).alias("_row")
        frame = frame.with_columns(numbers)
        row += frame.height
        for start in range(0, frame.height, chunk_rows):
            yield frame.slice(start, chunk_rows)


def _parse(block: bytes, contract: Contract) -> pl.DataFrame:
    """All lines of a block, in order; the fast reader first, line by line only where it stumbles."""
    lines = block.count(b"\n") + (not block.endswith(b"\n"))
    texts = {name: pl.String for name in contract.names if "." not in name}
    try:
        frame = pl.read_ndjson(block, infer_schema_length=None, schema_overrides=_delivered(block, texts))
    except pl.exceptions.PolarsError:
        return _parse_slowly(block)
    # A reader that skipped or split a line has not read what was delivered.
    if frame.height != lines:
        return _parse_slowly(block)
    return frame.with_columns(pl.lit(None, pl.String).alias("_raw"))


def _delivered(block: bytes, texts: dict[str, Any]) -> dict[str, Any]:
    # An override for a field that no line holds would invent the column.
    return {name: kind for name, kind in texts.items() if json.dumps(name).encode() in block}


def _parse_slowly(block: bytes) -> pl.DataFrame:
    rows: list[dict[str, Any]] = []
    for line in block.splitlines():
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            item = None
        if isinstance(item, dict):
            rows.append({name: as_text(value) for name, value in flattened(item)} | {"_raw": None})
        elif line.strip():
            rows.append({"_raw": line.decode("utf-8", "replace")})
    names = dict.fromkeys(name for row in rows for name in row)
    columns = {name: [row.get(name) for row in rows] for name in names}
    return pl.DataFrame(columns, schema=dict.fromkeys(names, pl.String))


def flattened(item: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Fields of an object, nested ones under dotted names."""
    for name, value in item.items():
        if isinstance(value, dict) and value:
            yield from flattened(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def as_text(value: Any) -> str | None:
    """A JSON value as the text that a column holds."""
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value)


def _flat(frame: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    """Structs to dotted names. A field declared with dots that arrives as something else has been retyped."""
    parents = {name.split(".", 1)[0] for name in contract.names if "." in name}
    changed = [
        f"{name} (object became a single value)"
        for name in sorted(parents & set(frame.columns))
        if not isinstance(frame.schema[name], pl.Struct) and frame[name].null_count() < frame.height
    ]
    if changed:
        raise SchemaDrift(contract.feed, changed=tuple(changed))
    while structs := [name for name, kind in frame.schema.items() if isinstance(kind, pl.Struct)]:
        frame = frame.with_columns(
            pl.col(name).struct.rename_fields([f"{name}.{f.name}" for f in frame.schema[name].fields])  # type: ignore[attr-defined]
            for name in structs
        ).unnest(*structs)
    return frame


def _complete(frame: pl.DataFrame, contract: Contract) -> pl.DataFrame:
    empty = {name.split(".", 1)[0] for name in contract.names if "." in name} & set(frame.columns)
    frame = frame.drop(empty)
    optional = {column.name for column in contract.columns if not column.required}
    has_rows = frame["_raw"].null_count() > 0
    delivered = [name for name in frame.columns if name != "_raw"]
    may_miss = optional if has_rows else set(contract.names)
    passed = check_columns(delivered, contract, may_miss=may_miss)
    missing = [name for name in contract.names if name not in frame.columns]
    return frame.with_columns(
        *(pl.lit(None, pl.String).alias(name) for name in missing),
        # A list or object has no text form of its own, and only an undeclared column can still hold one.
        *(pl.col(n).cast(pl.String) for n in delivered if n not in passed and frame.schema[n] != pl.String),
    ).drop([name for name in passed if frame.schema[name].is_nested()])
