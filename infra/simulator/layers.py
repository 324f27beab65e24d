"""Spatial layers: regions, cameras, lights, stops and stations as GeoJSON and GeoPackage (one in another CRS)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

from infra.simulator.cameras import Cameras, camera_names
from infra.simulator.ledger import LABEL, Expected, Ledger, deliver, redate
from infra.simulator.people import STREETS
from infra.simulator.seeds import stream
from infra.simulator.world import World

OWNERS = {
    "dishub_balikpapan.camera_events": "Dishub Balikpapan",
    "oikn.camera_events": "OIKN",
    "polres_ppu.etle_events": "Polres PPU",
}
REGIONS = "oikn.regions"
LIGHTS_CRS = "EPSG:32750"  # UTM zone 50 south, metres


def regions_file(world: World) -> str:
    return f"inbox/oikn/wilayah/wilayah_{world.as_of.year}.gpkg"


def deliver_layers(world: World, ledger: Ledger, cameras: Mapping[str, Cameras]) -> None:
    """All layers, as they stood half a year before the end."""
    delivered = max(world.as_of - timedelta(days=180), world.first_day.astype(object))
    _regions(world, ledger, delivered)
    _cameras(ledger, cameras, delivered)
    _lights(world, ledger, delivered)
    _stops(world, ledger, delivered)
    _stations(world, ledger, delivered)


def _regions(world: World, ledger: Ledger, delivered: date) -> None:
    import shapely

    file = regions_file(world)
    shapes = [world.boundaries.shapes[region.code] for region in world.regions]
    fields = {
        "kode": [region.code for region in world.regions],
        "nama": [region.name for region in world.regions],
        "tingkat": [region.level for region in world.regions],
        "kode_induk": [region.parent or None for region in world.regions],
        "pendekatan": np.full(len(shapes), int(world.boundaries.is_approximate), dtype=np.int32),
    }
    _geopackage(ledger.root, file, "wilayah", "MultiPolygon", "EPSG:4326", shapely.to_wkb(shapes), fields, delivered)
    ledger.note(Expected(REGIONS, file, len(shapes), len(shapes), 0, {}))


def _cameras(ledger: Ledger, cameras: Mapping[str, Cameras], delivered: date) -> None:
    features: list[dict[str, Any]] = []
    for feed, group in cameras.items():
        for name, title, x, y in zip(group.ids, camera_names(group), group.longitude, group.latitude, strict=True):
            features.append(_point(x, y, id_kamera=name, nama=title, pemilik=OWNERS[feed]))
    _geojson(ledger, "dishub_balikpapan.cameras", "inbox/dishub_balikpapan/kamera/kamera.geojson", features, delivered)


def _lights(world: World, ledger: Ledger, delivered: date) -> None:
    """Lights stand along what is built, many in town and few elsewhere; coordinates in metres."""
    import pyproj
    import shapely

    rng = stream(world.seed, "lights")
    longitude, latitude = [], []
    for region, pool in zip(world.kecamatan, world.addresses, strict=True):
        count = int(region.population / 1000 * (1 + 6 * region.urban))
        at = rng.integers(0, len(pool.chance), size=count)
        longitude.append(pool.longitude[at] + rng.normal(0, 0.0006, size=count))
        latitude.append(pool.latitude[at] + rng.normal(0, 0.0006, size=count))
    to_metres = pyproj.Transformer.from_crs("EPSG:4326", LIGHTS_CRS, always_xy=True)
    east, north = to_metres.transform(np.concatenate(longitude), np.concatenate(latitude))
    points = shapely.points(np.round(east, 2), np.round(north, 2))
    count = len(points)
    fields = {
        "id_lampu": [f"PJU-{number:06d}" for number in range(1, count + 1)],
        "jenis_lampu": np.array(["LED", "SON", "SURYA"], dtype=object)[rng.integers(0, 3, size=count)],
        "kondisi": np.array(["BAIK", "BAIK", "BAIK", "PADAM"], dtype=object)[rng.integers(0, 4, size=count)],
    }
    file = "inbox/pupr_kaltim/lampu/lampu_jalan.gpkg"
    _geopackage(ledger.root, file, "lampu", "Point", LIGHTS_CRS, shapely.to_wkb(points), fields, delivered)
    ledger.note(Expected("pupr_kaltim.street_lights", file, count, count, 0, {}))


def _stops(world: World, ledger: Ledger, delivered: date) -> None:
    rng = stream(world.seed, "stops")
    features: list[dict[str, Any]] = []
    for region, pool in zip(world.kecamatan, world.addresses, strict=True):
        count = int(1 + region.urban * region.population / 12_000)
        for at in rng.choice(len(pool.chance), size=count, replace=False):
            street = STREETS[int(rng.integers(len(STREETS)))]
            features.append(
                _point(
                    pool.longitude[at],
                    pool.latitude[at],
                    id_halte=f"HLT-{len(features) + 1:04d}",
                    nama_halte=f"Halte {street} {region.name} (SINTETIS)",
                )
            )
    _geojson(ledger, "dishub_kaltim.transit_stops", "inbox/dishub_kaltim/halte/halte.geojson", features, delivered)


def _stations(world: World, ledger: Ledger, delivered: date) -> None:
    features = [
        _point(place.longitude, place.latitude, kode_satuan=place.code, nama=place.name, jenis=place.kind)
        for place in world.stations
    ]
    _geojson(ledger, "polda_kaltim.stations", "inbox/polda_kaltim/kantor/kantor.geojson", features, delivered)


def _point(longitude: float, latitude: float, **properties: object) -> dict[str, Any]:
    return {
        "type": "Feature",
        "properties": properties,
        "geometry": {"type": "Point", "coordinates": [float(longitude), float(latitude)]},
    }


def _geojson(ledger: Ledger, feed: str, file: str, features: Sequence[Mapping[str, Any]], delivered: date) -> None:
    content = {"type": "FeatureCollection", "name": Path(file).stem, "label": LABEL, "features": features}
    deliver(ledger.root, file, json.dumps(content, ensure_ascii=False).encode(), delivered)
    ledger.note(Expected(feed, file, len(features), len(features), 0, {}))


def _geopackage(
    root: Path,
    file: str,
    layer: str,
    geometry_type: str,
    crs: str,
    shapes: Any,
    fields: Mapping[str, Any],
    delivered: date,
) -> None:
    import pyogrio

    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    unfinished.unlink(missing_ok=True)
    # GDAL writes the day of today into the file unless told otherwise; the same simulation gives the same bytes.
    pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": f"{delivered.isoformat()}T00:00:00.000Z"})
    try:
        pyogrio.raw.write(
            unfinished,
            geometry=np.array(shapes, dtype=object),
            field_data=[
                np.array(values, dtype=None if isinstance(values, np.ndarray) else object) for values in fields.values()
            ],
            fields=list(fields),
            layer=layer,
            driver="GPKG",
            geometry_type=geometry_type,
            crs=crs,
            layer_options={"DESCRIPTION": f"{LABEL}: data simulasi"},
        )
    finally:
        pyogrio.set_gdal_config_options({"OGR_CURRENT_DATE": None})
    redate(unfinished, delivered)
    unfinished.replace(path)
