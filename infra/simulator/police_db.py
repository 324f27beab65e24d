"""The police's own database: a PostgreSQL cluster of its own, schema reskrim, one view that may be read."""

from __future__ import annotations

import io
import json
import os
import secrets
from collections.abc import Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Any

import polars as pl

from infra.simulator.categories import OFFENCES
from infra.simulator.drops import HasSimulation
from infra.simulator.ledger import LABEL
from infra.simulator.narratives import PERKARA

if TYPE_CHECKING:
    from infra.stack.postgres import Cluster

DATABASE = "polri"
SCHEMA = "reskrim"
READER = "telaga_baca"

MODUS = {"M01": "merusak/mencongkel", "M02": "jambret", "M03": "kunci palsu", "M04": "tipu daya", "M05": "senjata",
         "M06": "kekerasan", "M07": "daring", "M08": "orang dalam", "M99": "lainnya"}  # fmt: skip
PLACES = {"RMH": "rumah", "JLN": "jalan", "TOKO": "toko", "PSR": "pasar", "SKL": "sekolah", "KTR": "kantor",
    "PLB": "pelabuhan",
          "KBN": "kebun", "PRK": "parkir", "IBD": "rumah ibadah", "TRM": "terminal", "PRY": "proyek",
          "LL": "lainnya"}  # fmt: skip

TABLES = f"""
create schema {SCHEMA};
comment on schema {SCHEMA} is '{LABEL}: data simulasi, bukan orang atau kejadian nyata';
create table {SCHEMA}.ref_jenis (kode text primary key, nama text not null, pasal_lama text, pasal_baru text);
create table {SCHEMA}.ref_modus (kode text primary key, nama text not null);
create table {SCHEMA}.ref_tkp (kode text primary key, nama text not null);
create table {SCHEMA}.laporan_polisi (
    id_laporan bigint primary key, nomor_lp text, kode_jenis text, pasal text, jenis_pelapor text, status_perkara text,
    waktu_lapor timestamp, kode_kecamatan text, versi integer not null, dihapus_pada timestamptz,
    diubah_pada timestamptz not null
);
create table {SCHEMA}.kejadian (
    id_laporan bigint primary key references {SCHEMA}.laporan_polisi, waktu_awal timestamp, waktu_akhir timestamp,
    kode_modus text, kode_tkp text, alamat_tkp text, bujur double precision, lintang double precision
);
create table {SCHEMA}.tanggapan (
    id_laporan bigint primary key references {SCHEMA}.laporan_polisi,
    waktu_terima timestamptz, waktu_jawab timestamptz, waktu_kirim timestamptz, waktu_tiba timestamptz
);
create table {SCHEMA}.uraian (id_laporan bigint primary key references {SCHEMA}.laporan_polisi, uraian text);
create table {SCHEMA}.orang (
    id_orang bigint generated always as identity primary key,
    id_laporan bigint not null references {SCHEMA}.laporan_polisi, peran text not null, nik text, nama text,
    jenis_kelamin text, tanggal_lahir date, telepon text, alamat text, pekerjaan text, agama text
);
"""
INDEXES_AND_VIEW = f"""
create index laporan_diubah on {SCHEMA}.laporan_polisi (diubah_pada, id_laporan);
create unique index orang_pelapor on {SCHEMA}.orang (id_laporan) where peran = 'PELAPOR';
create view {SCHEMA}.v_laporan as
select l.id_laporan, l.nomor_lp, l.kode_jenis, k.kode_modus, k.kode_tkp, l.jenis_pelapor, l.status_perkara,
       k.waktu_awal, k.waktu_akhir, l.waktu_lapor, t.waktu_terima, t.waktu_jawab, t.waktu_kirim, t.waktu_tiba,
       k.bujur, k.lintang, l.kode_kecamatan, o.nama as nama_pelapor, u.uraian, l.diubah_pada
from {SCHEMA}.laporan_polisi l
left join {SCHEMA}.kejadian k using (id_laporan)
left join {SCHEMA}.tanggapan t using (id_laporan)
left join {SCHEMA}.uraian u using (id_laporan)
left join {SCHEMA}.orang o on o.id_laporan = l.id_laporan and o.peran = 'PELAPOR'
where l.dihapus_pada is null;
comment on view {SCHEMA}.v_laporan is '{LABEL}: data simulasi, bukan orang atau kejadian nyata';
"""


def passwords(home: HasSimulation) -> dict[str, str]:
    """Passwords of the database's roles (`postgres`, `telaga_baca`), made on first use, in keys.json (0600)."""
    path = home.simulation_dir / "keys.json"
    if path.exists():
        return {role: str(password) for role, password in json.loads(path.read_text()).items()}
    made = {role: secrets.token_urlsafe(24) for role in ("postgres", READER)}
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(".keys.json")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(made, file)
    unfinished.replace(path)
    return made


def police_cluster(home: HasSimulation) -> Cluster:
    """The cluster that plays the police database of this home; start() it before pulling."""
    from infra.stack.postgres import Cluster

    return Cluster(
        data_dir=home.simulation_dir / "police_db",
        password=passwords(home)["postgres"],
        log=home.simulation_dir / "police_db.log",
        settings=(("max_connections", "30"), ("synchronous_commit", "off")),
    )


def police_uri(home: HasSimulation, scheme: str = "postgresql") -> str:
    """Connection URI of the reading role, with its password: hand it on, never log it."""
    return police_cluster(home).uri(DATABASE, READER, scheme, passwords(home)[READER])


def create(home: HasSimulation, tables: Mapping[str, pl.DataFrame]) -> Cluster:
    """Makes the database with its tables, view and reading role; returns the running cluster."""
    cluster = police_cluster(home)
    cluster.start()
    cluster.create_role(READER, passwords(home)[READER])
    cluster.create_database(DATABASE, "postgres")
    with closing(cluster.connect(DATABASE)) as connection, connection.cursor() as cursor:
        cursor.execute(TABLES)
        references: dict[str, list[tuple[str, ...]]] = {
            "ref_jenis": [(o.code, PERKARA[o.code], o.old_article, o.new_article) for o in OFFENCES],
            "ref_modus": list(MODUS.items()),
            "ref_tkp": list(PLACES.items()),
        }
        for name, rows in references.items():
            marks = ", ".join(["%s"] * len(rows[0]))
            cursor.executemany(f"insert into {SCHEMA}.{name} values ({marks})", rows)
        _copy(cursor, tables)
        cursor.execute(INDEXES_AND_VIEW)
        cursor.execute(f"comment on database {DATABASE} is '{LABEL}'")
        cursor.execute(f"grant connect on database {DATABASE} to {READER}")
        cursor.execute(f"grant usage on schema {SCHEMA} to {READER}")
        cursor.execute(f"grant select on {SCHEMA}.v_laporan to {READER}")
        # So that a reader sees when the oldest running transaction began, and stops before it.
        cursor.execute(f"grant pg_read_all_stats to {READER}")
        cursor.execute(f"alter role {READER} set default_transaction_read_only = on")
        cursor.execute("analyze")
    return cluster


def add(home: HasSimulation, tables: Mapping[str, pl.DataFrame]) -> None:
    """Adds records in one transaction, as a desk officer's system would; starts the cluster if need be."""
    cluster = police_cluster(home)
    cluster.start()
    with closing(cluster.connect(DATABASE)) as connection:
        connection.autocommit = False
        with connection, connection.cursor() as cursor:
            _copy(cursor, tables)


def last_entry(home: HasSimulation) -> tuple[int, Any]:
    """Highest record number and latest change (aware datetime) in the database."""
    cluster = police_cluster(home)
    cluster.start()
    with closing(cluster.connect(DATABASE)) as connection, connection.cursor() as cursor:
        cursor.execute(f"select max(id_laporan), max(diubah_pada) from {SCHEMA}.laporan_polisi")
        number, changed = cursor.fetchone()
    return int(number), changed


def _copy(cursor: Any, tables: Mapping[str, pl.DataFrame]) -> None:
    # Times in UTC columns carry their offset, those in local columns none.
    utc = {"diubah_pada", "dihapus_pada", "waktu_terima", "waktu_jawab", "waktu_kirim", "waktu_tiba"}
    for name in ("laporan_polisi", "kejadian", "tanggapan", "uraian", "orang"):
        frame = tables[name]
        stamped = [column for column in frame.columns if column in utc]
        frame = frame.with_columns(pl.col(column).dt.strftime("%Y-%m-%d %H:%M:%S+00") for column in stamped)
        columns = ", ".join(frame.columns)
        content = io.BytesIO(frame.write_csv(include_header=False, datetime_format="%Y-%m-%d %H:%M:%S").encode())
        cursor.copy_expert(f"copy {SCHEMA}.{name} ({columns}) from stdin with (format csv)", content)
