"""Plants canaries where the simulated agencies of a home deliver: every column and narrative of every feed.

In the newest delivery of a feed, columns that are dropped, keyed or read for terms carry them in many rows, which land.
A further delivery mistakes the columns: each one (numbers, days and codes too) carries a canary in a row of its own, as
a clerk who takes the wrong field would write it. A third comes without its header, so that the first person stands
where names of columns are expected, or has a broken line.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from infra.settings import FEEDS, Home
from infra.simulator.drops import opened, resealed
from ingestion.contract import Column, Contract, load_contract
from tests.support.canary import Canary

ROWS = 30  # of a delivery in which a column that may carry personal values does
MAIL = "Yth. petugas, mohon ditindaklanjuti. Dari: {0}, tembusan {1}. Saya ({2}) dapat dihubungi. Hormat saya, {3}."
NOTE = "Pelapor {0} ({1}) melaporkan bahwa terlapor {2}; data lain {3}, {4} dan {5}. Kejadian di parkiran pasar."
# A public place's name is its agency's to publish, a person's name in it too: there stands what no place is called.
NO_PLACE = frozenset({"NIK", "PHONE", "EMAIL", "NPWP", "IMEI", "ACCOUNT"})
Put = Callable[[Any, str, str], None]  # row, column, text


@dataclass
class Planting:
    """Hands out canaries, each once; `columns`: how many stand in each column of each feed."""

    supply: Iterator[Canary]
    planted: list[Canary] = field(default_factory=list)
    columns: Counter[tuple[str, str]] = field(default_factory=Counter)

    def one(self, feed: str, column: str, kinds: frozenset[str] | None = None) -> str:
        """A canary as text for one column."""
        canary = next(one for one in self.supply if kinds is None or one.kind in kinds)
        self.planted.append(canary)
        self.columns[feed, column] += 1
        return canary.text

    def narrative(self, feed: str, column: str, number: int) -> str:
        """A narrative around canaries; every third is an e-mail."""
        form, count = (MAIL, 4) if number % 3 == 2 else (NOTE, 6)
        return form.format(*(self.one(feed, column) for _ in range(count)))

    def into(self, contract: Contract, column: Column, number: int) -> str:
        """What the column of the row of that number is to hold."""
        if column.options.get("about") == "narrative":
            return self.narrative(contract.feed, column.name, number)
        return self.one(contract.feed, column.name, NO_PLACE if column.maps_to == "name" else None)


def plant(home: Home, supply: Iterator[Canary], city: Path = FEEDS / "nusantara") -> Planting:
    """Plants in everything that the simulated agencies of a home have ready."""
    planting = Planting(supply)
    for path in sorted(city.glob("*.odcs.yaml")):
        contract = load_contract(path)
        if contract.connector == "postgres":
            _plant_police(home, contract, planting)
            continue
        pattern = str(contract.server["path"]).removeprefix("{simulation}/")
        files = sorted(home.simulation_dir.glob(pattern))
        assert files, f"{contract.feed}: no file of the simulation matches {pattern}"
        if contract.server.get("sealed"):
            _plant_drop(home, files[-1], contract, planting)
        else:
            _KINDS[files[-1].suffixes[0]](files[-1], contract, planting)
    return planting


def carrying(contract: Contract) -> list[Column]:
    """Columns in which personal values are no mistake, and whose rows land all the same."""
    appended = {column.options.get("append") for column in contract.columns}
    return [
        column
        for column in contract.columns
        if column.action not in ("keep", "generalise")
        and column.logical_type == "string"
        and column.name not in appended
    ]


def _fill(rows: Sequence[Any], contract: Contract, planting: Planting, put: Put) -> None:
    for number, row in enumerate(rows[:ROWS]):
        for column in carrying(contract):
            put(row, column.name, planting.into(contract, column, number))


def _mistake(rows: Sequence[Any], contract: Contract, planting: Planting, put: Put) -> None:
    columns = [column for column in contract.columns if column.logical_type not in ("geometry", "object")]
    for number, (row, column) in enumerate(zip(rows, columns, strict=False)):
        put(row, column.name, planting.into(contract, column, number))


def _beside(path: Path, what: str) -> Path:
    suffix = "".join(path.suffixes)
    return path.with_name(path.name.removesuffix(suffix) + f"_{what}{suffix}")


def _set(row: dict[str, Any], name: str, text: str) -> None:
    row[name] = text


def _plant_csv(path: Path, contract: Contract, planting: Planting) -> None:
    encoding, separator = str(contract.format["encoding"]), str(contract.format["separator"])
    content = path.read_bytes().decode(encoding)
    rows = list(csv.DictReader(io.StringIO(content), delimiter=separator))
    header = list(rows[0])
    wrong, bare = [dict(row) for row in rows[: 2 * len(header)]], [dict(row) for row in rows[:5]]
    _mistake(wrong, contract, planting, _set)
    for row in bare:
        row.update({name: planting.one(contract.feed, name) for name in header})
    _fill(rows[len(wrong) :] or rows, contract, planting, _set)
    for file, written, has_header in (
        (path, rows, True),
        (_beside(path, "keliru"), wrong, True),
        (_beside(path, "tanpakepala"), bare, False),
    ):
        made = io.StringIO()
        writer = csv.DictWriter(made, header, delimiter=separator)
        if has_header:
            writer.writeheader()
        writer.writerows(written)
        file.write_bytes(made.getvalue().encode(encoding))


def _plant_drop(home: Home, path: Path, contract: Contract, planting: Planting) -> None:
    """What a drop holds is planted in as in any file, then sealed by its agency; the plain files go."""
    plain = path.with_suffix("")
    plain.write_bytes(opened(home, path))
    _plant_lines(plain, contract, planting)
    for file in (plain, *(_beside(plain, what) for what in ("keliru", "terputus"))):
        rows = len(_unpacked(file).splitlines())
        resealed(home, contract.feed, file.with_name(f"{file.name}.drop"), file.read_bytes(), rows)
        file.unlink()


def _unpacked(path: Path) -> str:
    packed = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(packed).decode()
    return bytes(pa.input_stream(pa.BufferReader(packed), compression="zstd").read()).decode()


def _plant_lines(path: Path, contract: Contract, planting: Planting) -> None:
    is_gzip = path.suffix == ".gz"
    lines = _unpacked(path).splitlines()
    size = 2 * len(contract.columns)

    def put(at: int, name: str, text: str) -> None:
        row = json.loads(lines[at])
        inner = row
        *above, last = name.split(".")
        for key in above:
            inner = inner[key]
        inner[last] = text
        lines[at] = json.dumps(row)

    _mistake(range(size), contract, planting, put)
    wrong, lines[:size] = lines[:size], lines[size : 2 * size]
    _fill(range(size, len(lines)), contract, planting, put)
    broken = [*wrong[:3], f'{{"pelapor": "{planting.one(contract.feed, "(broken line)")}", {wrong[4][1:40]}']
    for file, written in ((path, lines), (_beside(path, "keliru"), wrong), (_beside(path, "terputus"), broken)):
        content = ("\n".join(written) + "\n").encode()
        file.write_bytes(gzip.compress(content) if is_gzip else pa.compress(content, codec="zstd", asbytes=True))


def _plant_geojson(path: Path, contract: Contract, planting: Planting) -> None:
    layer = json.loads(path.read_text(encoding="utf-8"))

    def put(feature: dict[str, Any], name: str, text: str) -> None:
        feature["properties"][name] = text

    wrong = {**layer, "features": json.loads(json.dumps(layer["features"][: 2 * len(contract.columns)]))}
    _mistake(wrong["features"], contract, planting, put)
    _fill(layer["features"][len(wrong["features"]) :], contract, planting, put)
    path.write_text(json.dumps(layer), encoding="utf-8")
    _beside(path, "keliru").write_text(json.dumps(wrong), encoding="utf-8")


def _plant_geopackage(path: Path, contract: Contract, planting: Planting) -> None:
    wrong = _beside(path, "keliru")
    shutil.copyfile(path, wrong)
    for file, action in ((path, _fill), (wrong, _mistake)):
        with closing(sqlite3.connect(file)) as connection:
            # Named by the layer's triggers, which do nothing where the geometry stays.
            for function in ("ST_IsEmpty", "ST_MinX", "ST_MaxX", "ST_MinY", "ST_MaxY"):
                connection.create_function(function, 1, lambda _: 0)
            layer = str(contract.format.get("layer") or contract.dataset)
            rows = [row for (row,) in connection.execute(f'select rowid from "{layer}" order by rowid')]

            def put(row: int, name: str, text: str, layer: str = layer, at: Any = connection) -> None:
                at.execute(f'update "{layer}" set "{name}" = ? where rowid = ?', (text, row))

            action(rows, contract, planting, put)
            connection.commit()


_KINDS: dict[str, Callable[[Path, Contract, Planting], None]] = {
    ".csv": _plant_csv,
    ".jsonl": _plant_lines,
    ".geojson": _plant_geojson,
    ".gpkg": _plant_geopackage,
}


def _plant_police(home: Home, contract: Contract, planting: Planting) -> None:
    """In the police's own database: the columns of its view, and of the tables behind it that no reader is shown."""
    from infra.simulator.police_db import DATABASE, SCHEMA, police_cluster

    # Which table a column of the view comes from; a column of another type than text holds no canary.
    texts = {
        "laporan_polisi": ("nomor_lp", "kode_jenis", "jenis_pelapor", "status_perkara", "kode_kecamatan"),
        "kejadian": ("kode_modus", "kode_tkp"),
    }
    cluster = police_cluster(home)
    cluster.start()
    with closing(cluster.connect(DATABASE)) as connection, connection.cursor() as cursor:
        connection.autocommit = False
        cursor.execute(f"select id_laporan from {SCHEMA}.v_laporan order by id_laporan desc")
        records = [record for (record,) in cursor.fetchall()]

        def put(table: str, column: str, record: int, text: str, also: str = "") -> None:
            cursor.execute(f"update {SCHEMA}.{table} set {column} = %s where id_laporan = %s {also}", (text, record))

        for number, record in enumerate(records[:150]):
            put("uraian", "uraian", record, planting.narrative(contract.feed, "uraian", number))
            put("laporan_polisi", "nomor_lp", record, planting.one(contract.feed, "nomor_lp"))
            put("orang", "nama", record, planting.one(contract.feed, "nama_pelapor"), "and peran = 'PELAPOR'")
        wrong = iter(records[150:])
        for table, columns in texts.items():
            for column in columns:
                put(table, column, next(wrong), planting.one(contract.feed, column))
        connection.commit()
    cluster.stop()
