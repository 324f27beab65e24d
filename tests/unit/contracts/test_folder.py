"""Files of every format: what is listed, what is read, and what stops a whole batch."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import os
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from ingestion.conform import conform
from ingestion.connectors import ConnectorError, SchemaDrift, UnreadableBatch, connector_for
from ingestion.connectors.folder import FolderConnector
from tests.unit.contracts.conftest import calls, column

HEADER = "number,kind,at,arrived,lat,lon,caller"
LINE = "{},K,2026-05-01 10:00:00,,-1.2,116.8,nobody"


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "simulation" / "inbox"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def connect(contract, tmp_path):
    def do(document=None, chunk_rows=200_000, **feed):
        loaded = contract(document, **feed)
        return FolderConnector(loaded, {"simulation": str(tmp_path / "simulation")}, chunk_rows)

    return do


def read(connector) -> pl.DataFrame:
    frames = [frame for batch in connector.batches(frozenset()) for frame in connector.open(batch)]
    return pl.concat(frames, how="diagonal")


def csv(*numbers: object, header: str = HEADER) -> str:
    return "\n".join([header, *(LINE.format(n) for n in numbers)]) + "\n"


# Listing


def test_files_are_listed_once_each_in_the_order_of_their_period(connect, inbox):
    for month in ("2026-02", "2026-01", "2025-12"):
        (inbox / f"calls_{month}.csv").write_text(csv(1))
    connector = connect(period={"pattern": r"_(?P<year>\d{4})-(?P<month>\d{2})"})
    batches = connector.batches(frozenset())
    assert [batch.location for batch in batches] == ["calls_2025-12.csv", "calls_2026-01.csv", "calls_2026-02.csv"]
    assert [b.position for b in batches] == sorted(b.position for b in batches)
    first = batches[0].batch_id
    assert [b.location for b in connector.batches(frozenset({first}))] == ["calls_2026-01.csv", "calls_2026-02.csv"]


def test_a_file_delivered_again_with_other_content_is_another_batch(connect, inbox):
    path = inbox / "calls.csv"
    path.write_text(csv(1))
    connector = connect()
    before = connector.batches(frozenset())[0]
    path.write_text(csv(1, 2))
    after = connector.batches(frozenset({before.batch_id}))
    assert [batch.batch_id != before.batch_id for batch in after] == [True]


def test_unfinished_files_and_absent_inboxes_list_nothing(connect, inbox):
    (inbox / ".calls.csv").write_text(csv(1))
    assert connect().batches(frozenset()) == []
    (inbox / ".calls.csv").unlink()
    inbox.rmdir()
    assert connect().batches(frozenset()) == []


def test_an_interval_takes_every_file_whose_period_touches_it_acknowledged_or_not(connect, inbox):
    for month in ("2026-01", "2026-02", "2026-03"):
        (inbox / f"calls_{month}.csv").write_text(csv(1))
    connector = connect(period={"pattern": r"_(?P<year>\d{4})-(?P<month>\d{2})"}, time_zone="Asia/Makassar")
    all_of_them = frozenset(batch.batch_id for batch in connector.batches(frozenset()))
    # February begins at 16:00 UTC on the last of January.
    start = dt.datetime(2026, 1, 31, 16, tzinfo=dt.UTC)
    found = connector.batches(all_of_them, None, (start, start + dt.timedelta(hours=1)))
    assert [batch.location for batch in found] == ["calls_2026-02.csv"]
    found = connector.batches(all_of_them, None, (start - dt.timedelta(seconds=1), start + dt.timedelta(hours=1)))
    assert [batch.location for batch in found] == ["calls_2026-01.csv", "calls_2026-02.csv"]


def test_weeks_are_iso_weeks(connect, inbox):
    (inbox / "calls_2026-W01.csv").write_text(csv(1))
    connector = connect(period={"pattern": r"_(?P<year>\d{4})-W(?P<week>\d{2})"}, time_zone="UTC")
    batch = connector.batches(frozenset())[0]
    assert (batch.period_from, batch.period_to) == (
        dt.datetime(2025, 12, 29, tzinfo=dt.UTC),
        dt.datetime(2026, 1, 5, tzinfo=dt.UTC),
    )


def test_batch_ids_are_safe_in_file_names(connect, inbox):
    (inbox / "panggilan darurat&é.csv").write_text(csv(1))
    batch_id = connect().batches(frozenset())[0].batch_id
    assert not set(batch_id) - set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


def test_a_place_that_is_not_set_says_what_to_set(contract):
    with pytest.raises(ConnectorError, match="simulation"):
        connector_for(contract(), credentials={}, places={})


def test_the_digest_is_that_of_the_bytes(connect, inbox):
    (inbox / "calls.csv").write_text(csv(1))
    connector = connect()
    delivery = connector.open(connector.batches(frozenset())[0])
    assert delivery.digest == hashlib.sha256(csv(1).encode()).hexdigest()


# CSV


def test_rows_are_numbered_and_chunks_bounded(connect, inbox):
    (inbox / "calls.csv").write_text(csv(*range(1000)))
    connector = connect(chunk_rows=300)
    frames = list(connector.open(connector.batches(frozenset())[0]))
    assert [frame.height for frame in frames] == [300, 300, 300, 100]
    whole = pl.concat(frames)
    assert whole["_row"].to_list() == list(range(1, 1001))
    assert whole["number"].to_list() == [str(n) for n in range(1000)]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_the_stated_encoding_is_read(connect, inbox, encoding):
    (inbox / "calls.csv").write_bytes((HEADER + "\n" + LINE.format("é–1") + "\n").encode(encoding))
    frame = read(connect(format={"kind": "csv", "encoding": encoding}))
    assert frame["number"].to_list() == ["é–1"]


def test_another_encoding_than_stated_stops_the_batch_without_showing_a_value(connect, inbox):
    (inbox / "calls.csv").write_bytes(csv("Ngurah-Açai").encode("cp1252"))
    with pytest.raises(UnreadableBatch, match=r"calls\.csv: is not utf-8 as the contract states") as error:
        read(connect())
    assert "Ngurah" not in str(error.value)


def test_an_encoding_that_does_not_exist_says_so(connect, inbox):
    (inbox / "calls.csv").write_text(csv(1))
    with pytest.raises(UnreadableBatch, match="unknown"):
        read(connect(format={"kind": "csv", "encoding": "utf-88"}))


def test_dialects_quotes_and_line_ends_inside_quotes(connect, inbox):
    text = f"{HEADER.replace(',', ';')}\r\n'a;b';K;;;;;'line one\r\nline ''two'''\r\n2;K;;;;;x\r\n"
    (inbox / "calls.csv").write_bytes(text.encode())
    frame = read(connect(format={"kind": "csv", "separator": ";", "quote": "'"}))
    assert frame["number"].to_list() == ["a;b", "2"]
    assert frame["caller"].to_list() == ["line one\r\nline 'two'", "x"]


def test_an_empty_value_is_missing_quoted_or_not(connect, inbox):
    (inbox / "calls.csv").write_text(f'{HEADER}\n1,K,"",,-,NULL,x\n')
    frame = read(connect(format={"kind": "csv", "null_values": ["NULL"]}))
    assert frame.select("at", "arrived", "lat", "lon").row(0) == (None, None, "-", None)


def test_a_line_with_too_few_or_too_many_fields_is_kept_and_the_batch_goes_on(connect, contract, city, inbox):
    lines = [HEADER, LINE.format(1), "2,K", LINE.format(3), LINE.format(4) + ",more", LINE.format(5)]
    (inbox / "calls.csv").write_text("\n".join(lines) + "\n")
    frame = read(connect())
    assert frame["_row"].to_list() == [1, 2, 3, 4, 5]
    assert frame["_raw"].to_list() == [None, "2,K", None, LINE.format(4) + ",more", None]
    result = conform(frame, contract(), city())
    assert result.rows["_row"].to_list() == [1, 3, 5]
    assert result.broken == {"unreadable_line": 2}


def test_a_last_line_that_was_cut_is_kept(connect, inbox):
    (inbox / "calls.csv").write_text(csv(1) + "2,K,2026")
    assert read(connect())["_raw"].to_list() == [None, "2,K,2026"]


@pytest.mark.parametrize("text", ["", HEADER + "\n"])
def test_an_empty_file_is_a_batch_of_no_rows(connect, inbox, text):
    (inbox / "calls.csv").write_text(text)
    connector = connect()
    frames = list(connector.open(connector.batches(frozenset())[0]))
    assert sum(frame.height for frame in frames) == 0


def test_a_file_without_header_takes_its_names_from_the_contract(connect, inbox):
    (inbox / "calls.csv").write_text(LINE.format(7) + "\n")
    frame = read(connect(format={"kind": "csv", "header": False}))
    assert frame.row(0, named=True) | {"_raw": None} == {
        **dict(zip(HEADER.split(","), ["7", "K", "2026-05-01 10:00:00", None, "-1.2", "116.8", "nobody"], strict=True)),
        "_row": 1,
        "_raw": None,
    }


def test_records_that_cross_pieces_of_the_file_stay_whole(connect, inbox, monkeypatch):
    monkeypatch.setattr("ingestion.connectors.streams.PIECE", 37)
    (inbox / "calls.csv").write_text(csv(*range(50)).replace("nobody", '"no\nbody"'))
    frame = read(connect())
    assert frame["number"].to_list() == [str(n) for n in range(50)]
    assert frame["caller"].unique().to_list() == ["no\nbody"]
    assert frame["_row"].to_list() == list(range(1, 51))


def test_a_quote_that_never_closes_does_not_fill_memory(connect, inbox, monkeypatch):
    monkeypatch.setattr("ingestion.connectors.streams.PIECE", 1000)
    monkeypatch.setattr("ingestion.connectors.streams.LONGEST_RECORD", 5000)
    (inbox / "calls.csv").write_text(f'{HEADER}\n"1' + csv(*range(500)))
    with pytest.raises(UnreadableBatch, match="open quote"):
        read(connect())


# Drift


def test_an_undeclared_column_stops_the_batch(connect, inbox):
    (inbox / "calls.csv").write_text(csv(1, header=HEADER + ",mood").replace("nobody", "nobody,good"))
    with pytest.raises(SchemaDrift) as drift:
        read(connect())
    assert (drift.value.new, drift.value.missing, drift.value.changed) == (("mood",), (), ())
    assert "new: mood" in str(drift.value)


def test_a_missing_column_stops_the_batch_even_if_nobody_needs_it(connect, inbox):
    (inbox / "calls.csv").write_text("number,kind,at,arrived,lat,lon\n")
    with pytest.raises(SchemaDrift) as drift:
        read(connect())
    assert drift.value.missing == ("caller",)


@pytest.mark.parametrize("feed", [{"ignored": ["mood"]}, {"unknown_columns": "drop"}])
def test_only_an_undeclared_column_can_be_let_through(connect, contract, city, inbox, feed):
    (inbox / "calls.csv").write_text(csv(1, header=HEADER + ",mood").replace("nobody", "nobody,good"))
    frame = read(connect(**feed))
    assert "mood" not in conform(frame, contract(**feed), city()).rows.columns
    (inbox / "calls.csv").write_text("number,mood\n1,2\n")
    with pytest.raises(SchemaDrift, match="missing"):
        read(connect(**feed))


# JSON lines


def events(*, compression="none", **changed):
    document = calls(
        entity="camera_event", constants={"event_type": "crowd"}, format={"kind": "jsonl", "compression": compression}
    )
    document["servers"][0]["path"] = "{simulation}/inbox/*"
    document["schema"][0]["properties"] = [
        column("uid", key=1, action="pseudonymise", maps_to="source_key"),
        column("cam", required=True, maps_to="camera_id"),
        column("ts", "timestamp", required=True, maps_to="occurred_at", format="epoch_ms"),
        column("position.lat", "number", maps_to="latitude"),
        column("position.lng", "number", maps_to="longitude"),
        column("plat", classification="personal", action="drop"),
    ]
    document["schema"][0]["quality"] = []
    return document


def event(number, **changed):
    return json.dumps(
        {
            "uid": f"e{number}",
            "cam": "c1",
            "ts": 1777600800000 + number,
            "position": {"lat": -1.2, "lng": 116.8},
            "plat": "x",
            **changed,
        }
    )


def compressed(text: str, kind: str) -> bytes:
    if kind == "gzip":
        return gzip.compress(text.encode())
    return pa.compress(text.encode(), codec="zstd", asbytes=True) if kind == "zstd" else text.encode()


@pytest.mark.parametrize("kind", ["none", "gzip", "zstd"])
def test_compressed_lines_are_read_with_nested_fields_by_dotted_names(connect, contract, city, inbox, kind):
    (inbox / "events").write_bytes(compressed("\n".join(event(n) for n in range(10)) + "\n", kind))
    document = events(compression=kind)
    rows = conform(read(connect(document)), contract(document), city()).rows
    assert rows["latitude"].to_list() == [-1.2] * 10
    assert rows["_key"].to_list() == [f"e{n}" for n in range(10)]
    assert rows["occurred_at"][1] == dt.datetime(2026, 5, 1, 2, 0, 0, 1000, tzinfo=dt.UTC)
    assert rows["event_count"].to_list() == [1] * 10


@pytest.mark.parametrize("bad", ['{"uid": "e2", "cam', "[1, 2]", "null", "not json", '{"uid": "e1"} {"uid": "e2"}'])
def test_a_line_that_is_no_object_is_kept_whole_and_the_batch_goes_on(connect, contract, city, inbox, bad):
    (inbox / "events").write_text("\n".join([event(1), bad, event(3)]) + "\n")
    frame = read(connect(events()))
    assert frame["_raw"].to_list() == [None, bad, None]
    result = conform(frame, contract(events()), city())
    assert result.rows["_key"].to_list() == ["e1", "e3"]
    assert result.rejected["rule"].to_list() == ["unreadable_line"]


def test_a_field_that_first_stands_in_a_late_line_stops_the_batch(connect, inbox, monkeypatch):
    monkeypatch.setattr("ingestion.connectors.streams.PIECE", 500)
    (inbox / "events").write_text("\n".join([*(event(n) for n in range(50)), event(51, nama="x")]) + "\n")
    with pytest.raises(SchemaDrift) as drift:
        read(connect(events()))
    assert drift.value.new == ("nama",)


def test_a_nested_field_that_became_a_value_stops_the_batch(connect, inbox):
    (inbox / "events").write_text(event(1, position="-1.2 116.8") + "\n")
    with pytest.raises(SchemaDrift, match=r"changed: position"):
        read(connect(events()))


def test_an_optional_field_may_be_absent_and_a_required_one_may_not(connect, inbox):
    line = json.loads(event(1))
    del line["position"], line["plat"]
    (inbox / "events").write_text(json.dumps(line) + "\n")
    frame = read(connect(events()))
    assert frame["position.lat"].to_list() == [None]
    del line["cam"]
    (inbox / "events").write_text(json.dumps(line) + "\n")
    with pytest.raises(SchemaDrift) as drift:
        read(connect(events()))
    assert drift.value.missing == ("cam",)


def test_one_value_of_another_type_is_a_row_not_drift(connect, contract, city, inbox):
    (inbox / "events").write_text("\n".join([event(1), event(2, ts="soon"), event(3)]) + "\n")
    result = conform(read(connect(events())), contract(events()), city())
    assert result.rejected["rule"].to_list() == ["type:ts"]
    assert result.rows.height == 2


@pytest.mark.parametrize("kind", ["gzip", "zstd"])
def test_a_damaged_or_cut_stream_stops_the_batch(connect, inbox, kind):
    # Random letters, so that the stream is long enough to be cut in its middle.
    text = "\n".join(event(n, plat=os.urandom(20).hex()) for n in range(5000)) + "\n"
    data = compressed(text, kind)
    for broken in (data[: len(data) // 2], b"junk" + data):
        (inbox / "events").write_bytes(broken)
        with pytest.raises(UnreadableBatch, match="damaged or cut"):
            read(connect(events(compression=kind)))


def test_a_bomb_is_refused_before_it_goes_off(connect, inbox, monkeypatch):
    monkeypatch.setattr("ingestion.connectors.streams.HARMLESS", 1 << 20)
    monkeypatch.setattr("ingestion.connectors.streams.MOST_EXPANSION", 100)
    (inbox / "events").write_bytes(gzip.compress(b"\n" * (32 << 20)))
    with pytest.raises(UnreadableBatch, match="bomb"):
        read(connect(events(compression="gzip")))


# Parquet and spatial files


def parquet():
    document = events()
    document["customProperties"][0]["value"]["format"] = {"kind": "parquet"}
    properties = document["schema"][0]["properties"]
    del properties[3:]
    properties[2]["physicalType"] = "timestamp"
    return document


def test_parquet_keeps_its_types_and_a_retyped_column_stops_the_batch(connect, contract, city, inbox):
    good = pl.DataFrame({"uid": ["a"], "cam": ["c"], "ts": [dt.datetime(2026, 5, 1, 10)]})
    good.write_parquet(inbox / "events")
    rows = conform(read(connect(parquet())), contract(parquet()), city()).rows
    assert rows["occurred_at"].to_list() == [dt.datetime(2026, 5, 1, 2, tzinfo=dt.UTC)]
    good.with_columns(pl.col("ts").dt.epoch("ms")).write_parquet(inbox / "events")
    with pytest.raises(SchemaDrift, match=r"changed: ts \(timestamp became number\)"):
        read(connect(parquet()))
    (inbox / "events").write_bytes(b"PAR1 no more")
    with pytest.raises(UnreadableBatch):
        read(connect(parquet()))


def places(**form):
    document = calls(entity="place", constants={"layer": "light"}, format={"kind": "spatial", **form.pop("format", {})})
    document["servers"][0]["path"] = "{simulation}/inbox/*.*"
    document["schema"][0]["properties"] = [
        column("id", key=1, maps_to="source_key"),
        column(
            "geometry",
            "object",
            physicalType="geometry",
            required=True,
            maps_to="geometry",
            **{"crs": "EPSG:4326", **form},
        ),
    ]
    document["schema"][0]["quality"] = []
    return document


def geojson(*shapes):
    features = [
        {"type": "Feature", "properties": {"id": str(n)}, "geometry": shape} for n, shape in enumerate(shapes, 1)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features})


def point(lon, lat):
    return {"type": "Point", "coordinates": [lon, lat]}


def test_another_coordinate_system_becomes_wgs84(connect, contract, city, inbox):
    import geopandas
    import shapely

    table = geopandas.GeoDataFrame({"id": ["1"]}, geometry=[shapely.Point(116.7, -0.97)], crs="EPSG:4326")
    table.to_crs("EPSG:32750").to_file(inbox / "lights.gpkg", layer="lampu", engine="pyogrio")
    document = places(crs="EPSG:32750", format={"layer": "lampu"})
    rows = conform(read(connect(document)), contract(document), city()).rows
    shape = shapely.from_wkb(rows["geometry"].item())
    assert (shape.x, shape.y) == pytest.approx((116.7, -0.97), abs=1e-7)


def test_a_layer_in_another_coordinate_system_than_stated_stops_the_batch(connect, inbox):
    import geopandas
    import shapely

    table = geopandas.GeoDataFrame({"id": ["1"]}, geometry=[shapely.Point(116.7, -0.97)], crs="EPSG:4326")
    table.to_file(inbox / "lights.gpkg", engine="pyogrio")
    with pytest.raises(SchemaDrift, match="coordinate system is no longer EPSG:32750"):
        read(connect(places(crs="EPSG:32750")))


def test_an_invalid_polygon_is_repaired_and_a_missing_shape_is_refused(connect, contract, city, inbox):
    import shapely

    bow_tie = {"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [1, 0], [0, 1], [0, 0]]]}
    (inbox / "shapes.geojson").write_text(geojson(bow_tie, None, point(200, 0)))
    result = conform(read(connect(places())), contract(places()), city())
    assert shapely.is_valid(shapely.from_wkb(result.rows["geometry"].item()))
    assert result.rejected["rule"].to_list() == ["required:geometry", "type:geometry"]


def test_a_dissolved_layer_is_one_shape(connect, contract, city, inbox):
    import shapely

    squares = [shapely.box(n, 0, n + 1, 1).__geo_interface__ for n in range(3)]
    (inbox / "shapes.geojson").write_text(geojson(*squares))
    document = calls(
        entity="region",
        constants={"region_code": "all", "name": "All", "level": "kecamatan"},
        format={"kind": "spatial", "dissolve": True},
    )
    document["servers"][0]["path"] = "{simulation}/inbox/*.geojson"
    document["schema"][0]["properties"] = [
        column("geometry", "object", physicalType="geometry", required=True, maps_to="geometry", crs="EPSG:4326")
    ]
    document["schema"][0]["quality"] = []
    rows = conform(read(connect(document)), contract(document), city()).rows
    assert shapely.from_wkb(rows["geometry"].item()).equals(shapely.box(0, 0, 3, 1))


def test_a_spatial_file_that_is_none_stops_the_batch(connect, inbox):
    (inbox / "shapes.geojson").write_text("{}")
    with pytest.raises(UnreadableBatch):
        read(connect(places()))


def test_points_are_looked_up_by_name_and_rows_without_stay(connect, inbox, tmp_path):
    (tmp_path / "simulation" / "points.js").write_text(
        'var points = {"features": [{"properties": {"NAME": "A"}, "geometry": {"coordinates": [1.5, 2.5]}},'
        '{"properties": {"NAME": "A"}, "geometry": {"coordinates": [9, 9]}}]}'
    )
    lookup = {"path": "{simulation}/points.js", "on": "number", "with": "NAME", "longitude": "lon", "latitude": "lat"}
    document = calls(format={"kind": "csv", "lookup": lookup})
    (inbox / "calls.csv").write_text("number,kind,at,arrived,caller\nA,K,,,x\nB,K,,,x\n")
    frame = read(connect(document))
    assert frame.select("number", "lon", "lat").rows() == [("A", "1.5", "2.5"), ("B", None, None)]
