"""`telaga feed new`: a draft says what a sample shows, marks what a person must decide, and holds no value of it."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest
import yaml

from infra.settings import SettingsError
from ingestion.conform import conform
from ingestion.connectors.folder import FolderConnector
from ingestion.contract import check_contract, load_contract
from ingestion.contract import telaga as ours_of
from ingestion.sample import read_sample

ROWS = 120
HEADER = "nomor;jenis;waktu;lintang;bujur;plat;pelapor;nama_korban;uraian;kontak;biaya;aktif;kode_lama;surel_x"
VALUES = ("LP-SECRET", "KT ", "Marhaen", "Ngurah", "gudang beras", "0812", "SX", "@contoh")


def row(number: int) -> str:
    return (
        f"LP-SECRET/{number:04d};SX{number % 3};{number % 28 + 1:02d}/05/2026 10:{number % 60:02d};-1.{number:03d};"
        f"116.{number:03d};KT {1000 + number} AB;Marhaen {number};Ngurah {number};"
        f"ada orang melihat kejadian dekat gudang beras nomor {number};0812{number:08d};{number},50;"
        f"{'ya' if number % 2 else 'tidak'};{number:05d};orang{number}@contoh.id"
    )


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    path = tmp_path / "laporan_2026-05.csv"
    path.write_text("\n".join([HEADER, *(row(number) for number in range(ROWS))]) + "\n")
    return path


def drafted(telaga, path: Path, *given: object) -> tuple[str, dict[str, dict]]:
    """The draft's text, and by column: the ODCS property with our value merged in."""
    code, text, _ = telaga("feed", "new", path, "--feed", "polda.laporan", *given)
    assert code == 0
    properties = yaml.safe_load(text)["schema"][0]["properties"]
    return text, {prop["name"]: {**prop, **ours_of(prop)} for prop in properties}


def decided(text: str) -> dict:
    """What a person would make of the draft of `sample`."""
    document = yaml.safe_load(text)
    document["description"]["purpose"] = "to count"
    document["team"] = {"name": "Polda"}
    document["servers"][0]["path"] = "{simulation}/*.csv"
    feed = document["customProperties"][0]["value"]
    feed["legal_basis"] = "a law"
    for prop in document["schema"][0]["properties"]:
        value = prop["customProperties"][0]["value"]
        if "codes" in value:
            value["codes"] = {"SX0": "theft", "SX1": "robbery", "SX2": "fraud"}
    return document


def test_no_value_of_the_sample_stands_in_the_draft(telaga, sample):
    for entity in ((), ("--entity", "police_record"), ("--entity", "camera_event")):
        text, _ = drafted(telaga, sample, *entity)
        assert [value for value in VALUES if value in text] == []


def test_types_times_and_dialect_are_seen(telaga, sample):
    text, columns = drafted(telaga, sample, "--entity", "police_record")
    feed = yaml.safe_load(text)["customProperties"][0]["value"]
    assert feed["format"] == {"kind": "csv", "encoding": "utf-8", "separator": ";"}
    assert feed["period"] == {"pattern": r"(?P<year>\d{4})-(?P<month>\d{2})"}
    assert {name: column["logicalType"] for name, column in columns.items()} == {
        **dict.fromkeys(HEADER.split(";"), "string"),
        "waktu": "timestamp",
        "lintang": "number",
        "bujur": "number",
        "biaya": "number",
        "aktif": "boolean",
    }
    assert columns["waktu"]["format"] == "%d/%m/%Y %H:%M"
    assert columns["biaya"]["decimal"] == ","
    assert columns["aktif"]["true_values"] == ["ya"]
    assert columns["kode_lama"]["logicalType"] == "string"  # a number with leading zeros is a code


def test_people_are_proposed_to_be_dropped_and_what_is_unknown_as_well(telaga, sample):
    _, columns = drafted(telaga, sample, "--entity", "police_record")
    told = {name: (column["classification"], column["action"]) for name, column in columns.items()}
    assert told == {
        "nomor": ("personal", "pseudonymise"),
        "jenis": ("internal", "keep"),
        "waktu": ("personal", "generalise"),
        "lintang": ("personal", "generalise"),
        "bujur": ("personal", "generalise"),
        "plat": ("personal", "drop"),
        "pelapor": ("personal", "drop"),
        "nama_korban": ("specific", "drop"),
        "uraian": ("personal", "drop"),
        "kontak": ("personal", "drop"),
        "biaya": ("internal", "drop"),
        "aktif": ("internal", "drop"),
        "kode_lama": ("internal", "drop"),
        "surel_x": ("personal", "drop"),
    }
    assert columns["nomor"]["primaryKey"] is True
    assert columns["waktu"]["maps_to"] == "occurred_from_at"


def test_without_an_entity_nothing_is_kept(telaga, sample):
    text, columns = drafted(telaga, sample)
    assert {column["action"] for column in columns.values()} == {"drop", "pseudonymise"}
    assert "entity: DECIDE" in text


def test_what_is_undecided_keeps_the_draft_from_being_used_and_deciding_it_is_enough(telaga, sample, tmp_path):
    out = tmp_path / "city"
    out.mkdir()
    code, told, _ = telaga("feed", "new", sample, "--feed", "polda.laporan", "--entity", "police_record", "--out", out)
    contract = out / "polda.laporan.odcs.yaml"
    assert code == 0
    assert "places to decide" in told
    faults = check_contract(contract)
    undecided = [fault for fault in faults if "still says DECIDE" in fault]
    assert len(undecided) == 6
    assert any("jenis" in fault for fault in undecided)
    contract.write_text(yaml.safe_dump(decided(contract.read_text())))
    assert check_contract(contract) == []
    with pytest.raises(SettingsError, match="is there already"):
        telaga("feed", "new", sample, "--feed", "polda.laporan", "--out", out)


def test_the_sample_passes_the_contract_that_was_made_of_it(telaga, sample, tmp_path):
    from tests.unit.contracts.conftest import CITY

    folder = tmp_path / "city"
    folder.mkdir()
    text, _ = drafted(telaga, sample, "--entity", "police_record")
    (folder / "polda.laporan.odcs.yaml").write_text(yaml.safe_dump({**decided(text), "tenant": "testville"}))
    (folder / "city.yaml").write_text(yaml.safe_dump(CITY).replace("'2026-06-30'", "2026-06-30"))
    from ingestion.city import load_city

    city = load_city(folder)
    contract = load_contract(folder / "polda.laporan.odcs.yaml")
    connector = FolderConnector(contract, {"simulation": str(sample.parent)})
    raw = pl.concat(connector.open(connector.batches(frozenset())[0]))
    conformed = conform(raw, contract, city)
    assert conformed.broken == {}
    assert conformed.rows.height == ROWS
    assert conformed.rows["latitude"][7] == -1.007


def test_a_day_that_may_be_a_month_is_marked(telaga, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("id,tanggal\n" + "".join(f"{n},{n % 9 + 1:02d}/0{n % 3 + 1}/2026\n" for n in range(30)))
    text, _ = drafted(telaga, path)
    assert "# DECIDE day or month first? the sample fits both" in text


def test_a_first_line_of_values_is_no_header(telaga, tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("".join(f"Budi Marhaen,640101120190{n:04d},2026-05-0{n % 9 + 1}\n" for n in range(9)))
    text, columns = drafted(telaga, path)
    assert list(columns) == ["column_1", "column_2", "column_3"]
    assert "Marhaen" not in text
    assert "header: false" in text
    assert columns["column_2"]["classification"] == "personal"


def test_names_of_json_fields_that_are_values_are_replaced(telaga, tmp_path):
    path = tmp_path / "a.jsonl.gz"
    lines = [
        json.dumps({"id": n, "lokasi": {"lat": -1.5, "lon": 116.5 + n / 100}, "6401011201900001": 1}) for n in range(9)
    ]
    path.write_bytes(gzip.compress("\n".join(lines).encode()))
    text, columns = drafted(telaga, path, "--entity", "camera_event")
    assert list(columns) == ["id", "lokasi.lat", "lokasi.lon", "column_4"]
    assert "6401011201900001" not in text
    assert columns["lokasi.lat"]["logicalType"] == "number"
    assert yaml.safe_load(text)["servers"][0]["path"] == "DECIDE/*.jsonl.gz"


def test_parquet_keeps_its_own_types(telaga, tmp_path):
    path = tmp_path / "a.parquet"
    frame = pl.DataFrame(
        {
            "ID": range(50),
            "Date": pl.datetime_range(pl.datetime(2026, 1, 1), pl.datetime(2026, 1, 1), eager=True).extend_constant(
                None, 49
            ),
            "Latitude": [1.5] * 50,
            "Arrest": [True] * 50,
            "tahun": ["2026"] * 50,
        }
    )
    frame.write_parquet(path)
    _, columns = drafted(telaga, path, "--entity", "police_record")
    assert {name: (column["logicalType"], column["physicalType"]) for name, column in columns.items()} == {
        "ID": ("integer", "double"),
        "Date": ("timestamp", "timestamp"),
        "Latitude": ("number", "double"),
        "Arrest": ("boolean", "boolean"),
        "tahun": ("integer", "string"),
    }
    assert columns["ID"]["primaryKey"] is True
    assert columns["Date"]["maps_to"] == "occurred_from_at"


def test_geojson_states_its_coordinate_system(telaga, tmp_path):
    from tests.support.landing import regions_geojson

    path = tmp_path / "regions.geojson"
    path.write_text(regions_geojson())
    text, columns = drafted(telaga, path, "--entity", "region")
    assert columns["geometry"]["crs"] == "EPSG:4326"
    assert (columns["geometry"]["logicalType"], columns["geometry"]["maps_to"]) == ("object", "geometry")
    assert (columns["code"]["maps_to"], columns["code"]["primaryKey"]) == ("region_code", True)
    assert {columns[name]["maps_to"] for name in ("name", "level", "within")} == {"name", "level", "parent_code"}
    assert "kind: spatial" in text


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_the_encoding_is_seen(tmp_path, encoding):
    path = tmp_path / "a.csv"
    path.write_bytes("nama_jalan,nilai\nJalan Pahlawan é,1\nJalan Ünal,2\n".encode(encoding))
    sample = read_sample(path)
    assert sample.format["encoding"] == encoding
    assert [column.logical for column in sample.columns] == ["string", "integer"]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("a.pdf", "x", "give a .csv"),
        ("a.csv", "", "holds no line"),
        ("a.jsonl", "x\n", "no line of it"),
        ("a.parquet", "x", "no Parquet"),
    ],
)
def test_what_is_no_sample_says_so(telaga, tmp_path, name, content, reason):
    (tmp_path / name).write_text(content)
    with pytest.raises(SettingsError, match=reason):
        telaga("feed", "new", tmp_path / name)


def test_a_refused_use_names_its_reason(telaga, sample):
    with pytest.raises(SettingsError, match="no entity nothing: one of police_record"):
        telaga("feed", "new", sample, "--entity", "nothing")
    with pytest.raises(SettingsError, match="lower case"):
        telaga("feed", "new", sample, "--feed", "Polda")
    with pytest.raises(SettingsError, match="is not there"):
        telaga("feed", "new", sample.with_name("gone.csv"))


@pytest.mark.parametrize(
    "values", [("026XX S KEDVALE AVE", "011XX W ADDISON ST"), ("Jl. Ahmad Yani No. 5", "jalan Melati 3")]
)
def test_addresses_are_personal_whatever_their_column_is_called(telaga, tmp_path, values):
    path = tmp_path / "x.csv"
    path.write_text("\n".join(["no,blok", *(f"{number},{value}" for number, value in enumerate(values))]) + "\n")
    text, columns = drafted(telaga, path)
    assert (columns["blok"]["classification"], columns["blok"]["action"]) == ("personal", "drop")
    assert "# DECIDE its values look like address: proposed as personal and dropped" in text
    assert not any(value in text for value in values)
