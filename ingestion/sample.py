"""What a sample of a feed shows of its format and columns, before there is a contract. Values stay in memory."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from ingestion.connectors.drift import UnreadableBatch
from ingestion.connectors.json_lines import flattened
from ingestion.connectors.source import FileSource
from ingestion.connectors.streams import pieces

ROWS = 10_000
SEPARATORS = ",;\t|"
STAMPS = (
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%d-%m-%Y %H:%M:%S", "%d-%m-%Y %H:%M", "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%Y/%m/%d %H:%M:%S",
)  # fmt: skip
DAYS = ("%Y-%m-%d", "%d-%m-%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%d.%m.%Y")
_TRUTH = frozenset({"true", "false", "yes", "no", "y", "n", "t", "f", "ya", "tidak"})


@dataclass(frozen=True)
class Guess:
    """What the values of one column look like. `logical` is the contract's logical type, `physical` the delivered one;
    `options` are the contract's for reading it; `doubts` say what the sample cannot decide."""

    name: str
    logical: str
    physical: str
    options: Mapping[str, Any] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()
    is_complete: bool = True
    is_unique: bool = False
    looks_like: str | None = None


@dataclass(frozen=True)
class Sample:
    """A sample's format, as the contract states it, and its columns; `server` where it is a table. No value of it."""

    file: str
    format: Mapping[str, Any]
    columns: tuple[Guess, ...]
    rows: int
    doubts: tuple[str, ...] = ()
    server: Mapping[str, Any] | None = None


def read_sample(path: Path, rows: int = ROWS) -> Sample:
    """Look at the first `rows` rows of a CSV, JSON lines, Parquet or spatial file, plain or compressed.

    Raises UnreadableBatch where the file is none of them.
    """
    inner = path.name.removesuffix(".gz").removesuffix(".zst").rsplit(".", 1)[-1].lower()
    if inner in ("parquet", "pq"):
        return _parquet(path, rows)
    if inner in ("geojson", "gpkg", "shp"):
        return _spatial(path, rows)
    if inner in ("jsonl", "ndjson", "json"):
        return _json_lines(path, rows)
    if inner in ("csv", "tsv", "txt"):
        return _csv(path, rows)
    raise UnreadableBatch(f"{path.name}: give a .csv, .jsonl, .parquet, .geojson, .gpkg or .shp, plain, .gz or .zst")


def _text(path: Path) -> tuple[str, str, bool]:
    """The beginning of a text file, its encoding, and whether it was all of it."""
    content, is_whole = b"", True
    for piece in pieces(FileSource(path), None):
        content += piece
        if len(content) >= 8 << 20:
            is_whole = False
            break
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace"), "utf-16", is_whole
    if content[:3] == b"\xef\xbb\xbf":
        return content.decode("utf-8-sig", "replace"), "utf-8-sig", is_whole
    try:
        # A character may be cut where the look ends.
        return content.decode("utf-8", "strict" if is_whole else "ignore"), "utf-8", is_whole
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace"), "cp1252", is_whole


def _csv(path: Path, rows: int) -> Sample:
    text, encoding, is_whole = _text(path)
    if not is_whole:
        text = text[: text.rfind("\n") + 1]
    first = text.split("\n", 1)[0]
    separator = max(SEPARATORS, key=first.count)
    records = list(islice(csv.reader(io.StringIO(text), delimiter=separator), rows + 1))
    if not records or not records[0]:
        raise UnreadableBatch(f"{path.name}: holds no line; give a sample with rows")
    head = [cell.strip() for cell in records[0]]
    has_header = len(set(head)) == len(head) and all(head) and not any(_is_value(cell) for cell in head)
    names = head if has_header else [f"column_{number}" for number in range(1, len(head) + 1)]
    body = [record for record in records[has_header:] if len(record) == len(names)]
    form: dict[str, Any] = {"kind": "csv", "encoding": encoding, "separator": separator}
    doubts = [] if encoding in ("utf-8", "utf-8-sig") else ["encoding: the sample is not UTF-8; ask which one it is"]
    if not has_header:
        form["header"] = False
        doubts.append("columns: the first line looks like values, not names; name the columns in their order")
    columns = [guess_column(name, [record[at] for record in body]) for at, name in enumerate(names)]
    return Sample(path.name, form, tuple(columns), len(body), tuple(doubts))


def _json_lines(path: Path, rows: int) -> Sample:
    text, encoding, _ = _text(path)
    found: list[dict[str, Any]] = []
    for line in islice(text.splitlines(), rows):
        try:
            item = json.loads(line)
        except ValueError:
            continue
        if isinstance(item, dict):
            found.append(dict(flattened(item)))
    if not found:
        raise UnreadableBatch(f"{path.name}: no line of it is a JSON object; give one object a line")
    columns = []
    for number, name in enumerate(dict.fromkeys(name for row in found for name in row), 1):
        values = [row.get(name) for row in found]
        guess = guess_column(name, ["" if v is None else v if isinstance(v, str) else json.dumps(v) for v in values])
        columns.append(_named(guess, number))
    form = {"kind": "jsonl", "encoding": encoding} if encoding != "utf-8" else {"kind": "jsonl"}
    return Sample(path.name, form, tuple(columns), len(found))


def _parquet(path: Path, rows: int) -> Sample:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            batch = next(file.iter_batches(batch_size=rows), None)
            schema = file.schema_arrow
    except (pa.ArrowException, OSError):
        raise UnreadableBatch(f"{path.name}: is no Parquet file; check its name") from None
    table = pa.Table.from_batches([batch] if batch is not None else [], schema)
    return Sample(path.name, {"kind": "parquet"}, tuple(_typed(table)), table.num_rows)


def _spatial(path: Path, rows: int) -> Sample:
    import pyogrio
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        meta, table = pyogrio.read_arrow(path, max_features=rows)
    except (DataSourceError, DataLayerError):
        raise UnreadableBatch(f"{path.name}: cannot be read as a spatial layer; check the file") from None
    shape = meta["geometry_name"] or "wkb_geometry"
    crs = _epsg(meta.get("crs"))
    doubts = () if crs else ("crs: the file names no coordinate system; ask which one it is",)
    geometry = Guess("geometry", "object", "geometry", {"crs": crs or "EPSG:4326"}, doubts)
    others = _typed(table.drop_columns([shape]))
    return Sample(path.name, {"kind": "spatial"}, (*others, geometry), table.num_rows)


def _epsg(crs: str | None) -> str | None:
    from pyproj import CRS

    code = CRS.from_user_input(crs).to_epsg(min_confidence=60) if crs else None
    return f"EPSG:{code}" if code else None


def _typed(table: Any) -> Iterator[Guess]:
    """Columns of a format that has types: its word is taken, only text is looked into."""
    from ingestion.connectors.parquet_files import family_of

    physical = {"number": "double", "boolean": "boolean", "date": "date", "timestamp": "timestamp", "object": "object"}
    for number, arrow in enumerate(table.schema, 1):
        family = family_of(arrow.type)
        values = table.column(arrow.name).to_pylist()
        texts = ["" if value is None else str(value) for value in values]
        guess = guess_column(arrow.name, texts)
        if family in physical:
            logical = {"number": guess.logical if guess.logical == "integer" else "number", "object": "object"}
            guess = _as(guess, logical.get(family, family), physical[family])
        elif guess.logical in ("integer", "number"):
            guess = _as(guess, guess.logical, "string", guess.options)
        yield _named(guess, number)


def _as(guess: Guess, logical: str, physical: str, options: Mapping[str, Any] | None = None) -> Guess:
    from dataclasses import replace

    return replace(guess, logical=logical, physical=physical, options=options or {}, doubts=())


def _named(guess: Guess, number: int) -> Guess:
    """A name that looks like a value (keys of a mapping by person, for one) does not reach a contract."""
    from dataclasses import replace

    if not _is_value(guess.name):
        return guess
    doubt = "its name looked like a value; find out what stands there"
    return replace(guess, name=f"column_{number}", doubts=(*guess.doubts, doubt))


def _is_value(text: str) -> bool:
    is_written_so = re.search(r"\d{5}|@|^[+-]?\d+([.,]\d+)?$|\d[-/:]\d", text)
    return bool(is_written_so) or len(text) > 64 or _content(text) is not None


def guess_column(name: str, values: Sequence[str]) -> Guess:
    """Type, completeness and what the values look like; the values themselves go no further."""
    texts = [text for text in (value.strip() for value in values) if text]
    shared: dict[str, Any] = {
        "is_complete": bool(texts) and len(texts) == len(values),
        "is_unique": len(texts) > 1 and len(set(texts)) == len(values),
        "looks_like": _looks_like(texts),
    }
    if not texts:
        return Guess(name, "string", "string", doubts=("empty throughout the sample",), **shared)
    if {text.lower() for text in texts} <= _TRUTH:
        local = {"true_values": ["ya"], "false_values": ["tidak"]}
        is_local = bool({text.lower() for text in texts} & {"ya", "tidak"})
        return Guess(name, "boolean", "string", local if is_local else {}, **shared)
    if shared["looks_like"] is None:
        # A number with a leading zero is a code.
        if all(re.fullmatch(r"[+-]?(0|[1-9]\d{0,17})", text) for text in texts):
            return _whole(name, texts, shared)
        if all(re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", text) for text in texts) and "." in "".join(texts):
            return Guess(name, "number", "string", **shared)
        if all(re.fullmatch(r"[+-]?\d+(,\d+)?", text) for text in texts) and "," in "".join(texts):
            return Guess(name, "number", "string", {"decimal": ","}, **shared)
    for logical, formats in (("timestamp", (*STAMPS, "iso")), ("date", DAYS)):
        fitting = [form for form in formats if all(_parses(text, form) for text in texts)]
        if fitting:
            doubts = ("day or month first? the sample fits both",) if len(fitting) > 1 else ()
            return Guess(name, logical, "string", {"format": fitting[0]}, doubts, **shared)
    return Guess(name, "string", "string", **shared)


def _whole(name: str, texts: Sequence[str], shared: Mapping[str, Any]) -> Guess:
    for form, scale in (("epoch_s", 1), ("epoch_ms", 1_000)):
        # Between 2000 and 2100, and called a time: else it is just a number.
        if re.search(r"time|stamp|waktu|_at$|epoch", name.lower()) and all(
            946_684_800 <= int(text) / scale < 4_102_444_800 for text in texts
        ):
            return Guess(name, "timestamp", "string", {"format": form}, **shared)
    return Guess(name, "integer", "string", **shared)


def _parses(text: str, form: str) -> bool:
    try:
        if form == "iso":
            dt.datetime.fromisoformat(text)
            return "T" in text
        dt.datetime.strptime(text, form)
    except ValueError:
        return False
    return True


def _looks_like(texts: Sequence[str]) -> str | None:
    """What most values are: nik, phone, email, plate, address or narrative; null for none of them."""
    found = [_content(text) for text in texts[:2_000]]
    for kind in ("nik", "phone", "email", "plate", "address", "narrative"):
        if found and found.count(kind) * 2 >= len(found):
            return kind
    return None


def _content(text: str) -> str | None:
    shapes = {
        "nik": r"\d{6}[0-7]\d[01]\d{7}",
        "phone": r"(\+62|62|0)[ -]?8\d[\d -]{6,12}",
        "email": r"[^@\s]+@[^@\s]+\.[a-zA-Z]{2,}",
        "plate": r"[A-Z]{1,2}[ -]?\d{1,4}[ -]?[A-Z]{1,3}",
        # Jl. Ahmad Yani No. 5, and a house number (perhaps to the hundred) before a street.
        "address": r"(?i:(jl|jln|jalan|gg|gang)\b\.? ?\S.*|\d{1,5}x{0,2} (n|s|e|w|north|south|east|west)\b\.? \S.*)",
        "narrative": r"(\S+\s+){7,}\S+.*",
    }
    return next((kind for kind, shape in shapes.items() if re.fullmatch(shape, text, re.DOTALL)), None)
