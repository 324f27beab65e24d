"""One feed an entity, each with an agency's own names, codes, units, format and coordinates: a contract alone brings
it in, without a line of code. Everything is synthetic."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas
import polars as pl
import pytest
import shapely

from tests.support.landing import SIDE, SOUTH, WEST, House, column, document

UTM = "EPSG:32750"  # zone 50 south, in metres
Feed = tuple[dict[str, Any], str, bytes]


def spatial(tmp_path: Path, name: str, columns: dict[str, list[Any]], shapes: list[Any]) -> bytes:
    """A GeoPackage in metres."""
    path = tmp_path / name
    frame = geopandas.GeoDataFrame(columns, geometry=shapes, crs="EPSG:4326").to_crs(UTM)
    frame.to_file(path, driver="GPKG", engine="pyogrio")
    return path.read_bytes()


def parquet(tmp_path: Path, **columns: Any) -> bytes:
    path = tmp_path / "x.parquet"
    pl.DataFrame(columns).write_parquet(path)
    return path.read_bytes()


def region(tmp_path: Path) -> Feed:
    squares = [shapely.box(WEST, SOUTH, WEST + 2 * SIDE, SOUTH + 2 * SIDE)]
    squares += [shapely.box(WEST + SIDE * i, SOUTH, WEST + SIDE * (i + 1), SOUTH + 2 * SIDE) for i in range(2)]
    rows = {
        "wid": ["A", "A1", "A2"],
        "sebutan": ["Semua", "Barat", "Timur"],
        "tk": ["2", "3", "3"],
        "ind": [None, "A", "A"],
    }
    columns = [
        column("wid", key=1, classification="public", maps_to="region_code"),
        column("sebutan", classification="public", required=True, maps_to="name"),
        column(
            "tk", classification="public", required=True, maps_to="level", codes={"2": "kabupaten", "3": "kecamatan"}
        ),
        column("ind", classification="public", maps_to="parent_code"),
        geometry(),
    ]
    made = document("bpn.wilayah", columns, "bpn/*.gpkg", entity="region", format={"kind": "spatial"})
    return made, "bpn/wilayah.gpkg", spatial(tmp_path, "w.gpkg", rows, squares)


def geometry() -> dict[str, Any]:
    return column(
        "geometry",
        "object",
        physicalType="geometry",
        classification="public",
        required=True,
        maps_to="geometry",
        crs=UTM,
    )


def place(tmp_path: Path) -> Feed:
    columns = [
        column("kd", key=1, classification="public", action="pseudonymise", maps_to="source_key"),
        column("jns", required=True, maps_to="layer", codes={"PJU": "light", "KAM": "camera", "HLT": "stop"}),
        geometry(),
    ]
    made = document("pupr.aset", columns, "pupr/*.gpkg", entity="place", format={"kind": "spatial"})
    points = [shapely.Point(WEST + 0.03, SOUTH + 0.03), shapely.Point(WEST + 0.13, SOUTH + 0.03)]
    return made, "pupr/aset.gpkg", spatial(tmp_path, "p.gpkg", {"kd": ["1", "2"], "jns": ["PJU", "KAM"]}, points)


def police_record(tmp_path: Path) -> Feed:
    columns = [
        column("no_lp", key=1, classification="personal", action="pseudonymise", maps_to="source_key", about="record"),
        column("pasal", required=True, maps_to="category", codes={"362": "theft"}, codes_else="other"),
        column(
            "tanggal", "timestamp", required=True, action="generalise", maps_to="occurred_from_at", append="pukul",
            format="%d/%m/%Y %H.%M",
        ),
        column("pukul", classification="personal", action="drop", about="event"),
        column("x", "number", classification="personal", action="generalise", maps_to="longitude", decimal=","),
        column("y", "number", classification="personal", action="generalise", maps_to="latitude", decimal=","),
        column("tersangka", classification="specific", action="drop", about="suspect"),
    ]  # fmt: skip
    form = {"kind": "csv", "separator": "|", "encoding": "cp1252"}
    made = document("polres.laporan", columns, "polres/*.txt", entity="police_record", format=form)
    rows = [
        "no_lp|pasal|tanggal|pukul|x|y|tersangka",
        "7|362|01/05/2026|09.30|116,64|-1,26|Renée",
        "8|1|02/05/2026|10.00|||x",
    ]
    return made, "polres/lp.txt", "\n".join(rows).encode("cp1252")


def emergency_call(tmp_path: Path) -> Feed:
    columns = [
        column("tiket", key=1, classification="personal", action="pseudonymise", maps_to="source_key"),
        column("tipe", required=True, maps_to="category", codes={"API": "fire", "KRIM": "crime"}),
        column("detik", "timestamp", required=True, action="generalise", maps_to="received_at", format="epoch_s"),
        column("lokasi.wil", maps_to="stated_region"),
    ]
    form = {"kind": "jsonl", "compression": "gzip"}
    made = document("bpbd.panggilan", columns, "bpbd/*.gz", entity="emergency_call", format=form)
    line = {"tiket": 5, "tipe": "API", "detik": 1_777_600_000, "lokasi": {"wil": "A2"}}
    return made, "bpbd/p.jsonl.gz", gzip.compress(json.dumps(line).encode())


def patrol_plan(tmp_path: Path) -> Feed:
    stamp = "%Y%m%d%H%M"
    columns = [
        column("sat", maps_to="unit_type"),
        column("daerah", required=True, maps_to="stated_region"),
        column("dari", "timestamp", required=True, action="generalise", maps_to="starts_at", format=stamp),
        column("hingga", "timestamp", required=True, action="generalise", maps_to="ends_at", format=stamp),
    ]
    made = document("samapta.giat", columns, "samapta/*", entity="patrol_plan", format={"kind": "csv", "header": False})
    return made, "samapta/g.csv", b"R4,A1,202605011000,202605011130\n"


def camera_event(tmp_path: Path) -> Feed:
    columns = [
        column("obj", physicalType="string", required=True, maps_to="event_type", codes={"MERAH": "red_light"}),
        column(
            "alat", physicalType="string", required=True, action="pseudonymise", maps_to="camera_id", about="device"
        ),
        column("cap", "timestamp", physicalType="timestamp", required=True, action="generalise", maps_to="occurred_at"),
        column("wil", physicalType="string", maps_to="stated_region"),
        column("tnkb", physicalType="string", classification="personal", action="drop", about="plate"),
    ]
    made = document("etle.tangkap", columns, "etle/*", entity="camera_event", format={"kind": "parquet"})
    stamps = pl.Series(["2026-05-01 10:59:00"]).str.to_datetime(time_unit="us")
    content = parquet(tmp_path, obj=["MERAH"], alat=["C-1"], cap=stamps, wil=["A1"], tnkb=["KT 1 X"])
    return made, "etle/t.parquet", content


def population(tmp_path: Path) -> Feed:
    columns = [
        column("kode", key=1, classification="public", maps_to="stated_region"),
        column("thn", "integer", key=2, classification="public", maps_to="year"),
        column("jiwa", "integer", required=True, classification="public", maps_to="population", thousands="."),
    ]
    made = document("bps.jiwa", columns, "bps/*", entity="population", format={"kind": "csv", "separator": ";"})
    return made, "bps/j.csv", b"kode;thn;jiwa\nA1;2025;12.345\n"


def area_indicator(tmp_path: Path) -> Feed:
    columns = [
        column("kode", required=True, classification="public", maps_to="stated_region"),
        column(
            "ukuran", required=True, classification="public", maps_to="indicator", codes={"MISKIN": "poverty_share"}
        ),
        column("thn", "integer", required=True, classification="public", maps_to="year"),
        column("persen", "number", required=True, classification="public", maps_to="value", unit_factor=0.01),
    ]
    made = document("bappeda.ukur", columns, "bappeda/*", entity="area_indicator", format={"kind": "csv"})
    return made, "bappeda/u.csv", b"kode,ukuran,thn,persen\nA2,MISKIN,2025,6.5\n"


def camera_uptime(tmp_path: Path) -> Feed:
    columns = [
        column("alat", required=True, action="pseudonymise", maps_to="camera_id", about="device"),
        column("hari", "date", required=True, maps_to="uptime_date", format="%d-%m-%Y"),
        column("menit", "number", required=True, maps_to="uptime_hours", unit_factor=1 / 60),
    ]
    made = document("etle.hidup", columns, "hidup/*", entity="camera_uptime", format={"kind": "csv", "separator": "\t"})
    return made, "hidup/h.tsv", b"alat\thari\tmenit\nC-1\t01-05-2026\t720\n"


def budget_line(tmp_path: Path) -> Feed:
    columns = [
        column("rek", key=1, classification="public", action="pseudonymise", maps_to="source_key"),
        column("opd", required=True, classification="public", maps_to="stated_region"),
        column("ta", "integer", required=True, classification="public", maps_to="fiscal_year"),
        column("giat", required=True, classification="public", maps_to="programme"),
        column("juta", "number", required=True, classification="public", maps_to="budget_idr", unit_factor=1_000_000),
    ]
    made = document("bpkad.apbd", columns, "bpkad/*", entity="budget_line", format={"kind": "csv"})
    return made, "bpkad/a.csv", b"rek,opd,ta,giat,juta\n5.1,A,2026,Patroli,2.5\n"


def indicator_target(tmp_path: Path) -> Feed:
    columns = [
        column("iku", required=True, classification="public", maps_to="indicator"),
        column("ta", "integer", required=True, classification="public", maps_to="year"),
        column("nilai", "number", required=True, classification="public", maps_to="target", decimal=","),
        column(
            "arah", classification="public", maps_to="direction",
            codes={"naik": "higher_is_better", "turun": "lower_is_better"},
        ),
    ]  # fmt: skip
    made = document(
        "bappeda.iku", columns, "iku/*", entity="indicator_target", format={"kind": "csv", "separator": ";"}
    )
    return made, "iku/i.csv", b"iku;ta;nilai;arah\nresponse_share;2026;0,9;naik\n"


# What the entity's table holds of the feed, in our names, codes and units.
EXPECTED: dict[Callable[[Path], Feed], list[dict[str, Any]]] = {
    region: [
        {"region_code": "A", "level": "kabupaten", "parent_code": None},
        {"region_code": "A1", "level": "kecamatan", "parent_code": "A"},
        {"region_code": "A2", "level": "kecamatan", "parent_code": "A"},
    ],
    place: [{"layer": "camera", "region_code": "A2"}, {"layer": "light", "region_code": "A1"}],
    police_record: [
        {"category": "other", "region_code": None, "occurred_local_hour": 10, "location_quality": "none"},
        {"category": "theft", "region_code": "A1", "occurred_local_hour": 9, "location_quality": "exact"},
    ],
    emergency_call: [{"category": "fire", "region_code": "A2", "received_local_hour": 9}],
    patrol_plan: [{"unit_type": "R4", "region_code": "A1", "patrol_minutes": 90}],
    camera_event: [{"event_type": "red_light", "region_code": "A1", "occurred_local_hour": 10, "event_count": 1}],
    population: [{"region_code": "A1", "year": 2025, "population": 12_345}],
    area_indicator: [{"region_code": "A2", "indicator": "poverty_share", "value": 0.065}],
    camera_uptime: [{"uptime_hours": 12.0, "region_code": None}],
    budget_line: [{"region_code": "A", "fiscal_year": 2026, "budget_idr": 2_500_000.0}],
    indicator_target: [{"indicator": "response_share", "target": 0.9, "direction": "higher_is_better"}],
}


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house in which only the foreign regions have landed."""
    root = tmp_path_factory.mktemp("bare")
    made, name, content = region(root)
    house = House(root / "home", {made["name"]: made})
    house.deliver(name, content)
    house.land(made["name"])
    return root / "home"


def test_every_entity_has_its_foreign_feed():
    from ingestion.entities import load_entities

    assert {feed.__name__ for feed in EXPECTED} == set(load_entities().by_name)


@pytest.mark.parametrize("feed", EXPECTED, ids=lambda feed: feed.__name__)
def test_a_contract_alone_brings_the_feed_in(bare, tmp_path, feed):
    import shutil

    root = tmp_path / "home"
    shutil.copytree(bare, root)
    first, _, _ = region(tmp_path)
    (tmp_path / "made").mkdir()
    made, name, content = feed(tmp_path / "made")
    house = House(root, {first["name"]: first, made["name"]: made})
    if feed is not region:
        house.deliver(name, content)
        outcome = house.land(made["name"])
        assert (outcome.read, outcome.accepted) == (len(EXPECTED[feed]), len(EXPECTED[feed])), outcome.reasons
    table = house.table(feed.__name__)
    names = list(EXPECTED[feed][0])
    found = table.select(pl.col(name).round(9) if table.schema[name].is_float() else pl.col(name) for name in names)
    assert sorted(found.to_dicts(), key=str) == EXPECTED[feed]
