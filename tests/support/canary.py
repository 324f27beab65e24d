"""Personal values planted where agencies deliver, and a search for them in every kind of store and every guise.

A needle is a value as some program might have written it: other letters, other bytes, a digest, a number. All needles
are looked for in one pass over the bytes: eight bytes of each are known to a table, and what the table lets by is
compared whole.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import html
import json
import os
import re
import struct
import threading
import time
import urllib.parse
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from infra.settings import Home

SHORTEST = 8  # bytes of a needle
_PIECE = 64 << 20  # bytes looked at together
_LARGEST = 1 << 28  # bytes that one packed file may become


# --- values -----------------------------------------------------------------------------------------------------


class Canary(NamedTuple):
    """`value` as an agency would write it, of a `kind` (NIK, PERSON ...); `text`: the form in which it is planted."""

    kind: str
    value: str
    text: str


def names(data: str | None) -> tuple[list[str], list[str]]:
    """First and last names: of TELAGA_CITY_DATA/pii/names, else the given names that the recognizers know."""
    from ingestion.minimise.recognizers.lexicon import GIVEN

    folder = Path(data) / "pii" / "names" if data else None
    if folder is None or not folder.is_dir():
        listed = sorted(name.title() for name in GIVEN)
        return listed, listed
    read: dict[str, list[str]] = {"first": [], "last": []}
    for path in sorted(folder.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            read[path.name.split("-")[0]] += [row[0].strip() for row in csv.reader(file) if row and row[0].strip()]
    return sorted(set(read["first"])), sorted(set(read["last"]))


def canaries(count: int, seed: int, data: str | None = None) -> list[Canary]:
    """`count` unique values of all kinds in turn, each in one of the forms that people write it in."""
    rng = np.random.default_rng(seed)
    first, last = names(data)
    makers: dict[str, Callable[[], str]] = {
        "PERSON": lambda: f"{_one(rng, first)} {_one(rng, last)} {_one(rng, last)}",
        "NIK": lambda: f"6471{rng.integers(1, 7):02}{rng.integers(1, 29):02}{rng.integers(1, 13):02}"
                       f"{rng.integers(60, 99):02}{rng.integers(1, 9999):04}",
        "PHONE": lambda: f"08{rng.integers(11, 99)}{rng.integers(10**7, 10**8)}",
        "EMAIL": lambda: f"{_one(rng, first)}.{_one(rng, last)}{rng.integers(100, 10_000)}@gmail.com".lower().replace(
            " ", ""),
        "PLATE": lambda: f"KT {rng.integers(1000, 9999)} {_letters(rng, 2)}",
        "ADDRESS": lambda: f"Jl. {_one(rng, last)} {_one(rng, last)} No. {rng.integers(1, 999)} RT "
                           f"{rng.integers(1, 60)}",
        "ACCOUNT": lambda: f"{rng.integers(10**9, 10**10)}{rng.integers(10, 1000)}",
        "NPWP": lambda: _dotted_npwp(rng),
        "REPORT_NUMBER": lambda: f"LP/B/{rng.integers(100, 9999)}/VI/2026/SPKT/{_letters(rng, 4)}",
        "VEHICLE_NUMBER": lambda: f"MH1{_letters(rng, 3)}{rng.integers(10**10, 10**11)}",
        "IMEI": lambda: f"35{rng.integers(10**12, 10**13)}",
        "PASSPORT": lambda: f"{_letters(rng, 1)}{rng.integers(10**6, 10**7)}",
        "SOCIAL": lambda: f"@{_one(rng, first).lower()}_{rng.integers(1000, 99_999)}",
    }  # fmt: skip
    made: dict[str, Canary] = {}
    kinds = list(makers)
    while len(made) < count:
        kind = kinds[len(made) % len(kinds)]
        value = makers[kind]()
        if len(_bare(value)) >= SHORTEST and value not in made:
            made[value] = Canary(kind, value, _written(rng, kind, value))
    return list(made.values())


def _written(rng: np.random.Generator, kind: str, value: str) -> str:
    """The value as it stands, in capitals, small, split by spaces, or dotted."""
    form = int(rng.integers(0, 6))
    if value.isdigit() and form in (3, 4):
        return (" " if form == 3 else ".").join(value[at : at + 4] for at in range(0, len(value), 4))
    if kind == "PLATE" and form in (3, 4):
        return value.replace(" ", "" if form == 3 else ".")
    if kind == "PERSON" and form == 5:
        return " ".join(value.replace(" ", ""))
    return value.upper() if form == 1 else value.lower() if form == 2 else value


def _one(rng: np.random.Generator, choices: Sequence[str]) -> str:
    return choices[int(rng.integers(0, len(choices)))]


def _letters(rng: np.random.Generator, count: int) -> str:
    return "".join("ABCDEFGHJKLMNPRSTUVWXYZ"[at] for at in rng.integers(0, 23, size=count))


def _dotted_npwp(rng: np.random.Generator) -> str:
    digits = f"{rng.integers(10**14, 10**15)}"
    return f"{digits[:2]}.{digits[2:5]}.{digits[5:8]}.{digits[8]}-{digits[9:12]}.{digits[12:]}"


def _bare(value: str) -> str:
    return re.sub(r"[\W_]+", "", value)


# --- needles ----------------------------------------------------------------------------------------------------


def guises(canary: Canary) -> Iterator[tuple[str, bytes]]:
    """(encoding, bytes) of a canary as anything might have written it; each at least SHORTEST bytes long."""
    texts = {canary.value, canary.text, _bare(canary.value)}
    texts |= {text.upper() for text in texts} | {text.lower() for text in texts}
    digits = re.sub(r"\D", "", canary.value)
    if len(digits) >= 10:
        texts.add(digits)
        yield from _numbers(int(digits))
    for text in texts:
        plain = text.encode()
        yield from (("UTF-8", plain), ("UTF-16", text.encode("utf-16-le")), ("UTF-16", text.encode("utf-16-be")))
        yield from (("hex", plain.hex().encode()), ("hex", plain.hex().upper().encode()))
        for shift in range(3):
            yield "base64", _inside_base64(plain, shift)
        for name, escaped in _escapes(text):
            yield name, escaped.encode()
        for name in ("md5", "sha1", "sha256"):
            digest = hashlib.new(name, plain, usedforsecurity=False)
            spelt = digest.hexdigest()
            yield from ((name, digest.digest()), (name, spelt.encode()), (name, spelt.upper().encode()))
            yield name, base64.b64encode(digest.digest())[:20]


def _numbers(number: int) -> Iterator[tuple[str, bytes]]:
    if number < 2**63:
        yield from (("int64", struct.pack("<q", number)), ("int64", struct.pack(">q", number)))
    yield from (("float64", struct.pack("<d", number)), ("float64", struct.pack(">d", number)))


def _escapes(text: str) -> Iterator[tuple[str, str]]:
    forms = {json.dumps(text)[1:-1], html.escape(text), urllib.parse.quote(text), urllib.parse.quote_plus(text)}
    forms |= {"".join(f"\\u{ord(letter):04x}" for letter in text), json.dumps(json.dumps(text))[3:-3]}
    forms |= {text.replace("/", "\\/"), "".join(f"\\x{byte:02x}" for byte in text.encode())}
    for form in forms - {text}:
        yield "escaped", form


def _inside_base64(plain: bytes, shift: int) -> bytes:
    """What base64 makes of the bytes `shift` bytes behind a triple's beginning: letters that they alone decide."""
    spelt = base64.b64encode(b"\0" * shift + plain)
    end = (shift + len(plain)) * 8 // 6
    return spelt[-(-shift * 8 // 6) : end]


class Found(NamedTuple):
    """Where a canary was found (a kind of store, and the place in it) and as what. Never the value."""

    store: str
    place: str
    kind: str
    encoding: str


class Needles:
    """All guises of all canaries, looked for at once."""

    _BITS = 24

    def __init__(self, planted: Iterable[Canary]) -> None:
        self.canaries = tuple(planted)
        self._known: dict[int, list[tuple[int, bytes, int, str]]] = {}
        known: set[bytes] = set()
        for number, canary in enumerate(self.canaries):
            for encoding, needle in guises(canary):
                if len(needle) < SHORTEST or needle in known:
                    continue
                known.add(needle)
                offset = (len(needle) - 8) // 2
                key = int.from_bytes(needle[offset : offset + 8], "little")
                self._known.setdefault(key, []).append((offset, needle, number, encoding))
        self.count = len(known)
        self.longest = max(map(len, known), default=SHORTEST)
        self._keys = np.array(sorted(self._known), dtype=np.uint64)
        self._table = np.zeros(1 << self._BITS, dtype=bool)
        self._table[self._hash(self._keys)] = True

    def _hash(self, words: np.ndarray) -> np.ndarray:
        mixed: np.ndarray = (words * np.uint64(0x9E3779B97F4A7C15)) >> np.uint64(64 - self._BITS)
        return mixed

    def find(self, content: bytes) -> set[tuple[int, str]]:
        """(number of the canary, encoding) of all that stands in the bytes."""
        found: set[tuple[int, str]] = set()
        for begin in range(0, max(1, len(content)), _PIECE):
            self._find(content[begin : begin + _PIECE + self.longest], found)
        return found

    def _find(self, content: bytes, found: set[tuple[int, str]]) -> None:
        raw = np.frombuffer(content, dtype=np.uint8)
        for shift in range(min(8, max(0, len(raw) - 7))):
            words = raw[shift : shift + (len(raw) - shift) // 8 * 8].view("<u8")
            places = np.flatnonzero(self._table[self._hash(words)])
            if not len(places):
                continue
            near = words[places]
            at = np.minimum(np.searchsorted(self._keys, near), len(self._keys) - 1)
            for place in places[self._keys[at] == near].tolist():
                self._compare(content, shift + 8 * place, found)

    def _compare(self, content: bytes, place: int, found: set[tuple[int, str]]) -> None:
        key = int.from_bytes(content[place : place + 8], "little")
        for offset, needle, number, encoding in self._known[key]:
            if place >= offset and content.startswith(needle, place - offset):
                found.add((number, encoding))

    def look(self, store: str, place: str, contents: Iterable[bytes]) -> list[Found]:
        """What is found in pieces of one place, as reports that hold no value."""
        seen = {one for content in contents for one in self.find(content)}
        return sorted({Found(store, place, self.canaries[number].kind, encoding) for number, encoding in seen})


# --- what lies packed -------------------------------------------------------------------------------------------


def unpacked(content: bytes, depth: int = 3) -> Iterator[bytes]:
    """The bytes themselves, and what they hold in packed form: gzip, zlib, zstd, zip, Parquet; also one in another."""
    yield content
    if not depth or len(content) < 4:
        return
    for inner in _opened(content):
        yield from unpacked(inner, depth - 1)


def _opened(content: bytes) -> Iterator[bytes]:
    import io
    import zipfile

    import pyarrow as pa
    import pyarrow.parquet as pq

    if content[:2] == b"\x1f\x8b" or content[:2] in (b"\x78\x01", b"\x78\x9c", b"\x78\xda"):
        yield _inflated(content)
    elif content[:4] == b"\x28\xb5\x2f\xfd":
        try:
            with pa.input_stream(pa.BufferReader(content), compression="zstd") as stream:
                yield stream.read(_LARGEST)
        except (OSError, pa.ArrowInvalid):
            return
    elif content[:4] == b"PK\3\4":
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as file:
                for member in file.infolist():
                    yield file.read(member)
        except (zipfile.BadZipFile, RuntimeError, zlib.error):
            return
    elif content[:4] == b"PAR1":
        try:
            table = pq.read_table(pa.BufferReader(content))
        except (OSError, pa.ArrowInvalid):
            return
        yield from texts_of(table)


def _inflated(content: bytes) -> bytes:
    """All members of a gzip or zlib stream, as far as they can be read."""
    pieces: list[bytes] = []
    while content and sum(map(len, pieces)) < _LARGEST:
        stream = zlib.decompressobj(wbits=47)
        try:
            pieces.append(stream.decompress(content, _LARGEST))
        except zlib.error:
            break
        if not stream.unused_data:
            break
        content = stream.unused_data
    return b"".join(pieces)


def texts_of(table: Any) -> Iterator[bytes]:
    """The values of an Arrow table, column by column: as they lie in memory, and cast to text."""
    import pyarrow as pa

    for name in table.column_names:
        yield name.encode()
    for column in table.itercolumns():
        for chunk in column.chunks:
            if pa.types.is_dictionary(chunk.type):
                chunk = chunk.dictionary_decode()
            plain = chunk
            if not (pa.types.is_string(chunk.type) or pa.types.is_large_string(chunk.type)):
                try:
                    plain = chunk.cast(pa.large_string())
                except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                    yield "\n".join(map(str, chunk.to_pylist())).encode()
                    plain = None
            # Binary, and numbers as eight bytes each.
            yield from (bytes(buffer) for buffer in chunk.buffers() if buffer is not None)
            if plain is not None and plain is not chunk:
                yield from (bytes(buffer) for buffer in plain.buffers() if buffer is not None)


# --- stores -----------------------------------------------------------------------------------------------------


def search_files(needles: Needles, store: str, root: Path, skipped: Sequence[Path] = ()) -> list[Found]:
    """Every file below a folder, and its path; packed ones opened. Of `skipped` folders nothing is read."""
    found = []
    for folder, inner, files in os.walk(root):
        inner[:] = sorted(name for name in inner if Path(folder, name) not in skipped)
        for name in sorted(files):
            path = Path(folder, name)
            if path.is_symlink() or not path.is_file():
                continue
            place = path.relative_to(root).as_posix()
            found += needles.look(store, place, [place.encode(), *unpacked(path.read_bytes())])
    return found


def search_delta(needles: Needles, root: Path) -> tuple[list[Found], int]:
    """Every Delta table below a folder in every version that can still be read; also how many versions were."""
    import pyarrow.parquet as pq
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    found, versions = [], 0
    for log in sorted(root.rglob("_delta_log")):
        place = log.parent.relative_to(root).as_posix()
        newest = DeltaTable(str(log.parent)).version()
        read: set[str] = set()
        for version in range(newest + 1):
            try:
                table = DeltaTable(str(log.parent), version=version)
            except (DeltaError, FileNotFoundError):
                if version == newest:
                    raise
                continue  # its log was cleaned away: what is left of it is searched as files
            versions += 1
            for uri in set(table.file_uris()) - read:
                read.add(uri)
                # A file of an old version may be vacuumed; one of the newest may not.
                path = Path(urllib.parse.unquote(uri.removeprefix("file://")))
                if path.exists() or version == newest:
                    found += needles.look("Delta", f"{place} version {version}", texts_of(pq.read_table(path)))
    return found, versions


def search_duckdb(needles: Needles, root: Path, skipped: Sequence[Path] = ()) -> tuple[list[Found], int]:
    """Every table of every DuckDB file below a folder, cast to text; also how many tables were read."""
    import duckdb

    found, tables = [], 0
    for path in sorted(root.rglob("*.duckdb")):
        if path.is_symlink() or any(folder in path.parents for folder in skipped):
            continue
        with duckdb.connect(str(path), read_only=True) as connection:
            listed = connection.execute("select schema_name, table_name, sql from duckdb_tables()").fetchall()
            for schema, table, sql in listed:
                tables += 1
                place = f"{path.relative_to(root).as_posix()}: {schema}.{table}"
                rows = connection.execute(f'select columns(*)::varchar from "{schema}"."{table}"').to_arrow_table()
                found += needles.look("DuckDB", place, [str(sql).encode(), *texts_of(rows)])
    return found, tables


def search_postgres(needles: Needles, cluster: Any) -> tuple[list[Found], int]:
    """Every table of every database of a running cluster, the catalog's too, cast to text; and how many were read."""
    import io

    found, tables = [], 0
    with closing(cluster.connect("postgres")) as connection, connection.cursor() as cursor:
        cursor.execute("select datname from pg_database where datallowconn and datname <> 'template1'")
        databases = [name for (name,) in cursor.fetchall()]
    for database in databases:
        with closing(cluster.connect(database)) as connection, connection.cursor() as cursor:
            cursor.execute(
                "select n.nspname, c.relname, array(select a.attname from pg_attribute a where a.attrelid = c.oid "
                "and a.attnum > 0 and not a.attisdropped and a.atttypid = 'bytea'::regtype) "
                "from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'm', 't') "
                "and n.nspname not in ('information_schema', 'pg_toast') order by 1, 2"
            )
            for schema, table, packed in cursor.fetchall():
                tables += 1
                content = io.BytesIO()
                cursor.copy_expert(f'copy (select t::text from "{schema}"."{table}" t) to stdout', content)
                contents = [content.getvalue()]
                for column in packed:
                    cursor.execute(f'select "{column}" from "{schema}"."{table}" where "{column}" is not null')
                    contents += [piece for (value,) in cursor.fetchall() for piece in unpacked(bytes(value))]
                found += needles.look("PostgreSQL", f"{database}: {schema}.{table}", contents)
    return found, tables


# --- what is gone before the end --------------------------------------------------------------------------------


@dataclass
class Watch:
    """Looks, while something runs, at the arguments and the environment of every process of a home (and of those that
    came from them), and at files in `folders` that may be gone before the end. `seen`: bytes by kind of store."""

    home: Home
    folders: Sequence[Path] = ()
    every: float = 0.1  # seconds
    seen: dict[str, set[bytes]] = field(default_factory=lambda: {name: set() for name in WATCHED})

    def __post_init__(self) -> None:
        self._ours: set[tuple[int, str]] = set()
        self._files: set[tuple[str, int, int]] = set()
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._end.is_set():
            began = time.monotonic()
            self._processes()
            self._short_lived()
            # A machine in need of its cores is asked less often.
            self._end.wait(max(self.every, 4 * (time.monotonic() - began)))

    def _processes(self) -> None:
        mark = f"TELAGA_HOME={self.home.root}\0".encode()
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit() or int(entry.name) == os.getpid():
                continue
            try:
                stat = (entry / "stat").read_text().rsplit(") ", 1)[1].split()
                this, parent = (int(entry.name), stat[19]), int(stat[1])
                environment = (entry / "environ").read_bytes()
                if this not in self._ours and mark not in environment and parent not in {pid for pid, _ in self._ours}:
                    continue
                self._ours.add(this)
                self.seen["process argument"].add((entry / "cmdline").read_bytes())
                self.seen["environment"].add(environment)
            except (OSError, IndexError):
                continue

    def _short_lived(self) -> None:
        for root in self.folders:
            for folder, _, files in os.walk(root):
                for name in files:
                    path = Path(folder, name)
                    try:
                        status = path.lstat()
                        key = (str(path), status.st_mtime_ns, status.st_size)
                        if key in self._files or not path.is_file() or status.st_size > _PIECE:
                            continue
                        self._files.add(key)
                        self.seen["temporary file"].update((str(path).encode(), path.read_bytes()))
                    except OSError:
                        continue

    def search(self, needles: Needles) -> list[Found]:
        """What was seen of the canaries, by kind of store."""
        return [
            one
            for store, contents in self.seen.items()
            for one in needles.look(
                store, "while it ran", (piece for content in contents for piece in unpacked(content))
            )
        ]


WATCHED = ("process argument", "environment", "temporary file")
