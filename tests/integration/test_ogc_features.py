"""Features pulled from a real pygeoapi server: pages, intervals, boxes, coordinate systems, and what lands of them."""

from __future__ import annotations

import copy
import datetime as dt
import json
import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import shapely
import yaml

from infra.cli import envs
from ingestion.connectors import Batch, Connector, SchemaDrift, connector_for
from ingestion.contract import check_contract, load_contract
from ingestion.land import FeedOutcome, LandingContext, land_feed
from tests.support.landing import (
    CALLS,
    REGIONS,
    SIDE,
    SOUTH,
    WEST,
    House,
    accept,
    call_columns,
    call_feed,
    region_feed,
    regions_geojson,
)

pytestmark = pytest.mark.integration

UTM = "EPSG:32750"
NORTH_FIRST = "EPSG:4267"  # geographic, so a server answers latitude first


@dataclass(frozen=True)
class Service:
    """A running server and the files that it serves, which a test may change."""

    url: str
    regions: Path
    calls: Path


def call_feature(number: int, day: int, **changed: Any) -> dict[str, Any]:
    told = {
        "kind": "K",
        "at": f"2026-05-{day:02d} 10:00:00",
        "answered": None,
        "changed": f"2026-05-{day:02d}T11:00:00Z",
        "caller": "nobody",
        **changed,
    }
    point = {"type": "Point", "coordinates": [round(WEST + 0.01 * (number % 19 + 0.5), 4), -1.26]}
    return {"type": "Feature", "id": str(number), "geometry": point, "properties": told}


def write_calls(path: Path, features: list[dict[str, Any]]) -> None:
    # As TinyDB keeps them.
    path.write_text(json.dumps({"_default": {str(at): feature for at, feature in enumerate(features, 1)}}))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("pygeoapi")
    envs.ensure("peers", print)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    made = Service(f"http://127.0.0.1:{port}", folder / "regions.geojson", folder / "calls.tinydb")
    regions = json.loads(regions_geojson())
    for feature in regions["features"]:
        feature["id"] = feature["properties"]["code"]
    made.regions.write_text(json.dumps(regions))
    write_calls(made.calls, [call_feature(number, number % 20 + 1) for number in range(50)])
    config, openapi = folder / "config.yaml", folder / "openapi.yaml"
    config.write_text(yaml.safe_dump(_config(made, port)))
    variables = {**os.environ, "PYGEOAPI_CONFIG": str(config), "PYGEOAPI_OPENAPI": str(openapi)}
    run = [str(envs.python("peers")), "-c", "import sys; from pygeoapi import cli; sys.argv[0] = 'pygeoapi'; cli()"]
    generate = [*run, "openapi", "generate", str(config), "--output-file", str(openapi)]
    subprocess.run(generate, env=variables, check=True, capture_output=True, timeout=120)
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([*run, "serve"], env=variables, stdout=log, stderr=subprocess.STDOUT)
        try:
            for _ in range(120):
                try:
                    urllib.request.urlopen(made.url, timeout=5).read()
                    break
                except OSError:
                    assert process.poll() is None, (folder / "log").read_text()[-2000:]
                    time.sleep(0.5)
            yield made
        finally:
            process.terminate()
            process.wait(timeout=30)


def _config(service: Service, port: int) -> dict[str, Any]:
    def collection(title: str, provider: dict[str, Any]) -> dict[str, Any]:
        return {
            "type": "collection",
            "title": title,
            "description": title,
            "keywords": ["test"],
            "links": [],
            "extents": {"spatial": {"bbox": [-180, -90, 180, 90]}},
            "providers": [{"type": "feature", "id_field": "id", "crs": [_uri(UTM), _uri(NORTH_FIRST)], **provider}],
        }

    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": service.url,
            "mimetype": "application/json; charset=UTF-8",
            "encoding": "utf-8",
            "languages": ["en-US"],
            "limits": {"default_items": 10, "max_items": 20},
            "map": {"url": "https://tile.invalid/{z}/{x}/{y}.png", "attribution": "none"},
        },
        "logging": {"level": "ERROR"},
        "metadata": {
            "identification": {
                "title": "t",
                "description": "t",
                "keywords": ["t"],
                "terms_of_service": "t",
                "url": "https://t.invalid",
            },
            "license": {"name": "t", "url": "https://t.invalid"},
            "provider": {"name": "t", "url": "https://t.invalid"},
            "contact": {"name": "t", "email": "t@t.invalid", "url": "https://t.invalid"},
        },
        "resources": {
            "wilayah": collection("Wilayah", {"name": "GeoJSON", "data": str(service.regions)}),
            "panggilan": collection(
                "Panggilan", {"name": "TinyDB", "data": str(service.calls), "time_field": "changed"}
            ),
        },
    }


def _uri(system: str) -> str:
    return f"http://www.opengis.net/def/crs/EPSG/0/{system.removeprefix('EPSG:')}"


def ogc(document: dict[str, Any], service: Service, collection: str, **server: Any) -> dict[str, Any]:
    document = copy.deepcopy(document)
    value = document["customProperties"][0]["value"]
    value["connector"] = "ogc_features"
    value.pop("format"), value.pop("period", None)
    stated = [{"property": "telaga", "value": {"collection": collection, **server}}]
    document["servers"] = [{"server": "ogc", "type": "api", "location": f"{service.url}/", "customProperties": stated}]
    return document


def regions_of(service: Service, system: str = "EPSG:4326", **server: Any) -> dict[str, Any]:
    document = region_feed()
    document["schema"][0]["properties"][-1]["customProperties"][0]["value"]["crs"] = system
    return ogc(document, service, "wilayah", **server)


def calls_of(service: Service, **server: Any) -> dict[str, Any]:
    columns = call_columns()
    for column, name in ((columns[0], "id"), (columns[4], "geometry.y"), (columns[5], "geometry.x")):
        column["name"] = name
    columns[6]["customProperties"][0]["value"]["format"] = "iso"
    return ogc(call_feed(columns), service, "panggilan", **server)


def connector(tmp_path: Path, document: dict[str, Any]) -> Connector:
    path = tmp_path / f"{document['name']}.odcs.yaml"
    path.write_text(yaml.safe_dump(document))
    assert check_contract(path) == []
    return connector_for(load_contract(path), credentials={}, places={})


def rows(made: Connector, batches: list[Batch]) -> pl.DataFrame:
    return pl.concat(frame for batch in batches for frame in made.open(batch))


def pull(house: House, feed: str, interval: tuple[dt.datetime, dt.datetime] | None = None) -> FeedOutcome:
    house.runs += 1
    contract = house.contract(feed)
    context = LandingContext(house.lake, house.city(), house.keys, f"run{house.runs}", None, accept)
    return land_feed(contract, connector_for(contract, credentials={}, places={}), context, interval=interval)


def test_pages_are_followed_to_the_last_and_nothing_new_is_no_batch(service: Service, tmp_path: Path) -> None:
    made = connector(tmp_path, calls_of(service, page_size=7))
    batches = made.batches(frozenset())
    assert len(batches) == 1
    found = rows(made, batches)
    assert sorted(found["id"].to_list(), key=int) == [str(number) for number in range(50)]
    assert found["geometry.y"].unique().to_list() == ["-1.26"]
    assert made.batches(frozenset({batches[0].batch_id}), batches[0].position) == []


def test_an_interval_and_a_box_are_asked_for(service: Service, tmp_path: Path) -> None:
    made = connector(tmp_path, calls_of(service, bbox=[WEST, SOUTH, WEST + SIDE, SOUTH + SIDE]))
    interval = (dt.datetime(2026, 5, 3, tzinfo=dt.UTC), dt.datetime(2026, 5, 6, tzinfo=dt.UTC))
    (batch,) = made.batches(frozenset(), None, interval)
    found = rows(made, [batch])
    west = [number for number in range(50) if (number % 19 + 0.5) * 0.01 < SIDE]
    wanted = {str(number) for number in west if 3 <= number % 20 + 1 < 6}
    assert set(found["id"].to_list()) == wanted and wanted


def test_shapes_come_in_the_system_that_the_contract_states(service: Service, tmp_path: Path) -> None:
    areas = {}
    for system in ("EPSG:4326", UTM, NORTH_FIRST):
        made = connector(tmp_path, regions_of(service, system))
        found = rows(made, made.batches(frozenset()))
        shapes = shapely.from_wkb(found.filter(pl.col("code") == "64.01")["geometry"].to_list())
        areas[system] = shapely.bounds(shapes[0]).tolist()
    assert areas["EPSG:4326"] == pytest.approx([WEST, SOUTH, WEST + 2 * SIDE, SOUTH + 2 * SIDE])
    assert areas[NORTH_FIRST] == pytest.approx(areas["EPSG:4326"], abs=0.01)
    assert areas[UTM][2] - areas[UTM][0] == pytest.approx(22_250, rel=0.01)


def test_an_undeclared_property_stops_the_batch(service: Service, tmp_path: Path) -> None:
    document = calls_of(service)
    del document["schema"][0]["properties"][-1]
    made = connector(tmp_path, document)
    with pytest.raises(SchemaDrift, match="new: caller"):
        rows(made, made.batches(frozenset()))


def test_the_walk_lands_regions_and_calls_of_a_service(service: Service, tmp_path: Path) -> None:
    house = House(tmp_path / "home")
    house.documents[REGIONS] = regions_of(service, UTM)
    house.documents[CALLS] = calls_of(service, since={"parameter": "datetime"}, page_size=20)
    broken = json.loads(service.regions.read_text())
    twisted = broken["features"][1]["geometry"]["coordinates"][0]
    twisted[1], twisted[2] = twisted[2], twisted[1]
    whole = service.regions.read_text()
    service.regions.write_text(json.dumps(broken))
    try:
        outcome = pull(house, REGIONS)
    finally:
        service.regions.write_text(whole)
    assert (outcome.read, outcome.accepted) == (5, 5)
    assert outcome.reasons == ("invalid geometry repaired: 1 rows",)
    shapes = shapely.from_wkb(house.table("region")["boundary_wkb"].to_list())
    assert shapely.is_valid(shapes).all()
    assert pull(house, REGIONS).accepted == 1  # the shape is whole again
    outcome = pull(house, CALLS)
    assert (outcome.read, outcome.accepted, outcome.quarantined) == (50, 50, 0)
    assert pull(house, CALLS).batches == 0
    features = [call_feature(number, number % 20 + 1) for number in range(50)]
    features[3] = call_feature(3, 4, kind="F", changed="2999-05-04T11:00:00Z")
    write_calls(service.calls, features)
    outcome = pull(house, CALLS)
    assert (outcome.read, outcome.quarantined) == (1, 1)  # changed in the far future: the contract's own rule
    features[3] = call_feature(3, 4, kind="F")
    write_calls(service.calls, features)
    may = (dt.datetime(2026, 5, 4, tzinfo=dt.UTC), dt.datetime(2026, 5, 5, tzinfo=dt.UTC))
    outcome = pull(house, CALLS, may)
    assert outcome.read == 3
    assert house.table("emergency_call")["category"].to_list().count("fire") == 1


def test_a_contract_that_cannot_work_is_told(service: Service, tmp_path: Path) -> None:
    document = calls_of(service, pages={"style": "link"})
    stated = document["servers"][0]["customProperties"][0]["value"]
    del stated["collection"]
    document["customProperties"][0]["value"]["format"] = {"kind": "csv"}
    path = tmp_path / f"{CALLS}.odcs.yaml"
    path.write_text(yaml.safe_dump(document))
    told = "\n".join(check_contract(path))
    for words in ("needs collection", "leave format out", "leave pages and interval out"):
        assert words in told
