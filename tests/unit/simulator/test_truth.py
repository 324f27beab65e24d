"""The planted truth: what happens where, who reports it, and which personal values stand in which text."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pyogrio
import pytest
import shapely

from infra.simulator.world import METRES_PER_DEGREE, make_world
from tests.unit.simulator.conftest import Played


def truth(played: Played, name: str) -> list[dict[str, object]]:
    read: list[dict[str, object]] = json.loads((played.root / f"truth/{name}.json").read_text())
    return read


def test_thirty_four_real_regions_whose_people_add_up(played: Played) -> None:
    regions = pl.DataFrame(truth(played, "regions"))
    assert regions["level"].value_counts().sort("level").rows() == [
        ("kabupaten", 3),
        ("kecamatan", 30),
        ("provinsi", 1),
    ]
    assert regions.filter(code="64.09.04")["name"].item() == "Sepaku"
    kabupaten = regions.filter(level="kabupaten").select("code", stated="population")
    summed = regions.filter(level="kecamatan").group_by(code="parent").agg(pl.col("population").sum())
    joined = kabupaten.join(summed, on="code", validate="1:1")
    assert joined["stated"].to_list() == joined["population"].to_list()
    labelled = dict(regions.select("level", "population_is").unique().iter_rows())
    assert labelled == {"provinsi": "real", "kabupaten": "real", "kecamatan": "SINTETIS"}


@pytest.mark.skipif("TELAGA_CITY_DATA" not in os.environ, reason="TELAGA_CITY_DATA is unset: no register of codes")
def test_codes_names_and_boundaries_are_those_of_the_register(played: Played) -> None:
    data = Path(os.environ["TELAGA_CITY_DATA"])
    register = pl.read_csv(data / "indonesia/kode_wilayah.csv", schema_overrides={"kode": pl.String})
    regions = pl.DataFrame(truth(played, "regions"))
    joined = regions.join(register, left_on="code", right_on="kode")
    assert joined.height == 34
    plain = [pl.col(name).str.to_lowercase().str.replace_all(r"[^a-z]", "") for name in ("name", "nama")]
    assert joined.filter(plain[0] != plain[1]).select("code", "name", "nama").rows() == []
    people = pl.read_csv(data / "indonesia/penduduk_kabupaten.csv", schema_overrides={"kode": pl.String})
    counted = regions.filter(pl.col("level") != "kecamatan").join(people, left_on="code", right_on="kode")
    assert counted["population"].to_list() == counted["total"].to_list()
    world = make_world(seed=7, as_of=played.result.as_of, days=60, city_data=data)
    assert not world.boundaries.is_approximate
    assert set(world.boundaries.shapes) == set(regions["code"])
    assert all(shape.is_valid and shape.geom_type == "MultiPolygon" for shape in world.boundaries.shapes.values())


def test_approximate_boundaries_say_so_and_hold_their_addresses(played: Played) -> None:
    assert played.result.is_boundary_approximate
    _, _, geometry, (codes, marks) = pyogrio.raw.read(
        next((played.root / "inbox/oikn/wilayah").glob("*.gpkg")), columns=["kode", "pendekatan"]
    )
    assert set(marks.tolist()) == {1}
    shapes = dict(zip(codes.tolist(), shapely.from_wkb(geometry), strict=True))
    finest = [shapes[code] for code in shapes if code.count(".") == 2]
    assert all(shape.is_valid for shape in finest)
    overlap = sum(shape.area for shape in finest) - shapely.union_all(finest).area
    assert overlap == pytest.approx(0, abs=1e-5)
    assert shapely.union_all(finest).area == pytest.approx(shapes["64"].area, rel=1e-6)
    world = make_world(seed=7, as_of=played.result.as_of, days=120)
    for region, pool in zip(world.kecamatan, world.addresses, strict=True):
        assert shapely.contains_xy(shapes[region.code], pool.longitude, pool.latitude).mean() > 0.99, region.code


def test_records_of_a_planted_hotspot_lie_within_it(played: Played) -> None:
    records = pl.read_parquet(played.root / "truth/police_records.parquet")
    spots = pl.DataFrame(truth(played, "hotspots"))
    assert spots.height == 14
    counted = records.drop_nulls("hotspot_id").group_by("hotspot_id").len()
    stated = spots.filter(pl.col("incidents") > 0).select("hotspot_id", "incidents").sort("hotspot_id")
    assert counted.sort("hotspot_id").rows() == stated.rows()
    assert counted["len"].sum() > 15
    inside = records.join(spots, on="hotspot_id").with_columns(
        metres=(
            (pl.col("longitude") - pl.col("longitude_right")) ** 2
            + (pl.col("latitude") - pl.col("latitude_right")) ** 2
        ).sqrt()
        * METRES_PER_DEGREE
    )
    # A near-repeat next door may follow an offence of the hotspot out of it.
    own = inside.filter(pl.col("repeat_of").is_null())
    assert own.filter(pl.col("metres") > pl.col("radius_m") + 1).height == 0
    assert own.filter(pl.col("offence") != pl.col("offence_right")).height == 0
    assert own.filter(pl.col("region_code") != pl.col("region_code_right")).height == 0


def test_a_disturbance_adds_the_surplus_that_the_truth_states(played: Played) -> None:
    records = pl.read_parquet(played.root / "truth/police_records.parquet")
    surges = truth(played, "disturbances")
    assert len(surges) == 8
    assert sum(surge["to"] == str(played.result.as_of) for surge in surges) >= 2
    for surge in surges:
        here = records.filter(is_surge=True, region_code=surge["region_code"], offence=surge["offence"])[
            "occurred_from"
        ].dt.date()
        assert len(here) == surge["surplus"]
        # A burglary found in the morning began the evening before.
        first, last = np.datetime64(str(surge["from"])) - 2, np.datetime64(str(surge["to"]))
        assert ((here.to_numpy() >= first) & (here.to_numpy() <= last)).all()
    assert sum(int(str(surge["surplus"])) for surge in surges) > 20


def test_burglaries_are_followed_next_door_within_two_weeks(played: Played) -> None:
    records = pl.read_parquet(played.root / "truth/police_records.parquet")
    repeats = records.drop_nulls("repeat_of").join(records, left_on="repeat_of", right_on="id_laporan")
    assert repeats.height > 10
    assert repeats["offence"].unique().to_list() == ["CURAT"]
    assert (repeats["region_code"] == repeats["region_code_right"]).all()
    apart = np.hypot(
        (repeats["longitude"] - repeats["longitude_right"]).to_numpy(),
        (repeats["latitude"] - repeats["latitude_right"]).to_numpy(),
    )
    assert np.quantile(apart * METRES_PER_DEGREE, 0.95) < 400
    days = (repeats["occurred_from"] - repeats["occurred_from_right"]).dt.total_days()
    assert days.min() >= -1 and days.max() <= 16


def test_officers_find_what_they_look_for_and_citizens_report_the_rest(played: Played) -> None:
    reports = played.tables["laporan_polisi"]
    shares = reports.group_by("kode_jenis").agg((pl.col("jenis_pelapor") == "A").mean().alias("officer"), pl.len())
    officer = dict(shares.select("kode_jenis", "officer").iter_rows())
    assert officer["NARKOBA"] > 0.8
    assert officer["CURAT"] < 0.1
    assert set(reports["jenis_pelapor"].unique()) == {"A", "W", "K"}


def test_personal_values_stand_in_the_text_where_the_truth_says(played: Played) -> None:
    values = pl.read_parquet(played.root / "truth/personal_values.parquet")
    assert set(values["label"].unique()) == {"SINTETIS"}
    spans = values.filter(feed="polda_kaltim.police_records", column="uraian").with_columns(
        pl.col("key").cast(pl.Int64)
    )
    texts = dict(played.tables["uraian"].select("id_laporan", "uraian").iter_rows())
    found = [
        texts[key][start:end] == value
        for key, value, start, end in spans.select("key", "value", "start", "end").iter_rows()
    ]
    assert len(found) > 5000
    assert all(found)
    assert {"PERSON", "NIK", "PHONE", "PLATE", "ADDRESS", "DATE_OF_BIRTH", "ACCOUNT"} <= set(spans["type"].unique())
    assert values.filter(feed="polres_ppu.etle_events")["type"].unique().to_list() == ["PLATE"]


def test_placeholders_hide_the_scene_and_faults_break_a_rule(played: Played) -> None:
    records = pl.read_parquet(played.root / "truth/police_records.parquet")
    scenes = played.tables["kejadian"].join(records, on="id_laporan")
    nowhere = scenes.filter(placeholder="null_island")
    assert nowhere.height > 0 and (nowhere["bujur"] == 0).all() and (nowhere["lintang"] == 0).all()
    assert scenes.filter(placeholder="no_coordinates")["bujur"].null_count() > 0
    swapped = scenes.filter(fault="coordinates_swapped")
    assert swapped.height > 0 and (swapped["lintang"] > 90).all()
    backwards = scenes.filter(fault="ends_before_start")
    assert (backwards["waktu_akhir"] < backwards["waktu_awal"]).all()
    sound = scenes.filter(pl.col("fault").is_null() & pl.col("placeholder").is_null())
    assert sound.height > 0.85 * scenes.height
    assert (sound["bujur"] == sound["longitude"]).all()
