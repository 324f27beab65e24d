"""From a point to its region: the answer of an exact test of every point, and what does not count as a place."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import polars_h3
import pytest
import shapely
import yaml
from shapely import Polygon

from ingestion.city import City, load_city
from ingestion.entities import load_entities
from ingestion.locate import METRES_PER_DEGREE, Regions, RegionsMissing, locate
from tests.support.landing import CITY

CALL = load_entities()["emergency_call"]
WEST, SOUTH = 116.6, -1.3


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    folder = tmp_path_factory.mktemp("city")
    (folder / "city.yaml").write_text(yaml.safe_dump(CITY))
    return load_city(folder)


def table(shapes: dict[str, Polygon], level: str = "kecamatan", names: dict[str, str] | None = None) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "region_code": list(shapes),
            "name": [(names or {}).get(code, f"Region {code}") for code in shapes],
            "level": [level] * len(shapes),
            "boundary_wkb": [shapely.to_wkb(shape) for shape in shapes.values()],
        }
    )


def patchwork(seed: int) -> dict[str, Polygon]:
    """Crooked cells that share their edges: what a map of kecamatan is."""
    random = np.random.default_rng(seed)
    points = shapely.MultiPoint(random.uniform((WEST, SOUTH), (WEST + 0.3, SOUTH + 0.3), (12, 2)))
    frame = shapely.box(WEST, SOUTH, WEST + 0.3, SOUTH + 0.3)
    cells = [cell.intersection(frame) for cell in shapely.voronoi_polygons(points, extend_to=frame).geoms]
    return {f"{10 + number}": cell for number, cell in enumerate(cells)}


def exactly(shapes: dict[str, Polygon], longitude: np.ndarray, latitude: np.ndarray) -> list[str | None]:
    """Of every point the first region, by code, that covers it: no cover, no cells, every pair tested."""
    points = shapely.points(longitude, latitude)
    inside = {code: shapely.covers(shape, points) for code, shape in sorted(shapes.items())}
    return [next((code for code in sorted(shapes) if inside[code][n]), None) for n in range(len(points))]


def located(regions: Regions, longitude: np.ndarray, latitude: np.ndarray) -> list[str | None]:
    found = regions.of_points(longitude, latitude)
    return [regions.codes[at] if at >= 0 else None for at in found.tolist()]


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_random_points_get_the_region_that_covers_them(city: City, seed: int) -> None:
    shapes = patchwork(seed)
    regions = Regions.from_frame(table(shapes), city)
    random = np.random.default_rng(seed)
    # A tenth of them beyond the city's edge.
    longitude = random.uniform(WEST - 0.03, WEST + 0.33, 4_000)
    latitude = random.uniform(SOUTH - 0.03, SOUTH + 0.33, 4_000)
    expected = exactly(shapes, longitude, latitude)
    assert located(regions, longitude, latitude) == expected
    assert 0 < expected.count(None) < 1_500
    # The cover must have answered some points and left others to the shapes, or the test tested half.
    assert regions.inner.height > 100 and regions.crossed.height > 100


@pytest.mark.parametrize("seed", [4, 5])
def test_points_a_hair_beside_an_edge_or_on_it_get_their_region(city: City, seed: int) -> None:
    shapes = patchwork(seed)
    regions = Regions.from_frame(table(shapes), city)
    random = np.random.default_rng(seed)
    corners = np.concatenate([shapely.get_coordinates(shape) for shape in shapes.values()])
    along = [
        shape.exterior.interpolate(part, normalized=True) for shape in shapes.values() for part in random.random(40)
    ]
    on_edges = np.array([(point.x, point.y) for point in along])
    # A millimetre to a hundred metres to any side.
    near = np.repeat(on_edges, 4, axis=0)
    near += random.normal(size=near.shape) * 10.0 ** random.uniform(-3, 2, (len(near), 1)) / METRES_PER_DEGREE
    points = np.concatenate([corners, on_edges, near])
    assert located(regions, points[:, 0], points[:, 1]) == exactly(shapes, points[:, 0], points[:, 1])


def test_a_corner_of_many_regions_goes_to_the_smallest_code(city: City) -> None:
    squares = {
        code: shapely.box(x, y, x + 0.1, y + 0.1)
        for code, (x, y) in {"40": (116.6, -1.3), "30": (116.7, -1.3), "20": (116.6, -1.2), "10": (116.7, -1.2)}.items()
    }
    regions = Regions.from_frame(table(squares), city)
    assert located(regions, np.array([116.7]), np.array([-1.2])) == ["10"]


def test_holes_and_islands_are_kept(city: City) -> None:
    outer = shapely.box(116.6, -1.3, 116.8, -1.1)
    lake = shapely.box(116.66, -1.24, 116.74, -1.16)
    island = shapely.box(116.95, -1.3, 116.99, -1.26)
    shapes = {"1": shapely.union_all([outer.difference(lake), island]), "2": shapely.box(116.69, -1.21, 116.71, -1.19)}
    regions = Regions.from_frame(table(shapes), city)
    asked = {(116.62, -1.28): "1", (116.68, -1.2): None, (116.7, -1.2): "2", (116.97, -1.28): "1", (116.9, -1.2): None}
    longitude, latitude = (np.array(values) for values in zip(*asked, strict=True))
    assert located(regions, longitude, latitude) == list(asked.values())


def test_a_region_smaller_than_a_cell_is_found(city: City) -> None:
    tiny = shapely.box(116.7, -1.2, 116.7005, -1.1995)
    regions = Regions.from_frame(table({"1": tiny, "2": shapely.box(116.8, -1.2, 116.9, -1.1)}), city)
    assert located(regions, np.array([116.7002, 116.7007]), np.array([-1.1998, -1.1998])) == ["1", None]


def test_where_only_a_coarser_region_lies_that_one_is_told(city: City) -> None:
    whole = table({"64": shapely.box(116.6, -1.3, 116.9, -1.0)}, "kabupaten")
    part = table({"64.01": shapely.box(116.6, -1.3, 116.7, -1.2)})
    regions = Regions.from_frame(pl.concat([part, whole]), city)
    assert located(regions, np.array([116.65, 116.85, 117.5]), np.array([-1.25, -1.05, -1.0])) == ["64.01", "64", None]


def test_no_region_is_an_error_that_says_what_to_run(city: City) -> None:
    with pytest.raises(RegionsMissing, match="pull_city_spatial"):
        Regions.from_frame(table({}).cast({"boundary_wkb": pl.Binary}), city)


def test_a_level_that_the_city_does_not_know_is_refused(city: City) -> None:
    with pytest.raises(ValueError, match="desa"):
        Regions.from_frame(table({"1": shapely.box(0, 0, 1, 1)}, "desa"), city)


# Stated regions


@pytest.mark.parametrize(
    ("stated", "code"),
    [
        ("64.09.01", "64.09.01"),
        ("640901", "64.09.01"),
        (" 64.09.01 ", "64.09.01"),
        ("64-09-01", "64.09.01"),
        ("Penajam", "64.09.01"),
        ("KECAMATAN PENAJAM", "64.09.01"),
        ("Kec. Penajam", "64.09.01"),
        ("penajam ", "64.09.01"),
        ("Sepaku", "64.09.04"),
        ("Penajam Paser", None),
        ("", None),
        ("0", None),
    ],
)
def test_a_stated_region_is_known_by_code_or_name_in_any_usual_spelling(
    city: City, stated: str, code: str | None
) -> None:
    squares = {"64.09.01": shapely.box(116.6, -1.3, 116.7, -1.2), "64.09.04": shapely.box(116.7, -1.3, 116.8, -1.2)}
    regions = Regions.from_frame(table(squares, names={"64.09.01": "Penajam", "64.09.04": "Sepaku"}), city)
    assert regions.resolve(pl.Series([stated])).to_list() == [code]
    assert regions.resolve(pl.Series([None], dtype=pl.String)).to_list() == [None]


def test_plain_numbers_are_read_with_and_without_leading_zeros(city: City) -> None:
    squares = {"1": shapely.box(116.6, -1.3, 116.7, -1.2), "25": shapely.box(116.7, -1.3, 116.8, -1.2)}
    regions = Regions.from_frame(table(squares), city)
    assert regions.resolve(pl.Series(["01", "1.0", "25", "25.0", "2"])).to_list() == ["1", "1", "25", "25", None]


def test_a_name_of_two_regions_means_neither_but_the_finer_of_two_levels(city: City) -> None:
    squares = {"1": shapely.box(116.6, -1.3, 116.7, -1.2), "2": shapely.box(116.7, -1.3, 116.8, -1.2)}
    twice = Regions.from_frame(table(squares, names={"1": "Sama", "2": "Sama"}), city)
    assert twice.resolve(pl.Series(["Sama"])).to_list() == [None]
    coarse = table({"64": shapely.box(116.6, -1.3, 116.8, -1.2)}, "kabupaten", {"64": "Balikpapan"})
    fine = table({"64.01": squares["1"]}, names={"64.01": "Balikpapan"})
    both = Regions.from_frame(pl.concat([coarse, fine]), city)
    assert both.resolve(pl.Series(["Balikpapan"])).to_list() == ["64.01"]


# Quality


@pytest.fixture(scope="module")
def square(city: City) -> Regions:
    squares = {"64.01.01": shapely.box(116.6, -1.3, 116.7, -1.2), "0": shapely.box(-0.1, -0.1, 0.1, 0.1)}
    stations = pl.DataFrame({"longitude": [116.62], "latitude": [-1.22]})
    return Regions.from_frame(table(squares, names={"64.01.01": "Satu"}), city, stations)


def rows(*points: tuple[float | None, float | None, str | None]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "longitude": [point[0] for point in points],
            "latitude": [point[1] for point in points],
            "stated_region": [point[2] for point in points],
        },
        schema={"longitude": pl.Float64, "latitude": pl.Float64, "stated_region": pl.String},
    )


@pytest.mark.parametrize(
    ("point", "quality", "region", "has_cell"),
    [
        ((116.64, -1.26, None), "exact", "64.01.01", True),
        ((116.64, -1.26, "0"), "exact", "64.01.01", True),  # the point says more than the agency
        ((117.4, -1.26, "Satu"), "region_only", "64.01.01", False),
        ((117.4, -1.26, None), "none", None, False),
        ((None, None, "64.01.01"), "region_only", "64.01.01", False),
        ((116.64, None, None), "none", None, False),
        ((None, None, "Nirwana"), "none", None, False),
        ((0.0, 0.0, None), "placeholder", None, False),  # although a region lies there
        ((0.00005, -0.00005, "Satu"), "placeholder", "64.01.01", False),
        ((0.05, 0.05, None), "exact", "0", True),
        ((116.65, -1.25, "Satu"), "placeholder", "64.01.01", False),  # city.yaml: the police headquarters
        ((116.65, -1.25, None), "placeholder", None, False),
        ((116.62, -1.22, None), "placeholder", None, False),  # a station's own point
        ((float("nan"), -1.26, None), "none", None, False),
        ((float("inf"), -1.26, None), "none", None, False),
        ((400.0, -1.26, None), "none", None, False),
    ],
)
def test_how_well_a_row_is_located(
    city: City,
    square: Regions,
    point: tuple[float | None, float | None, str | None],
    quality: str,
    region: str | None,
    has_cell: bool,
) -> None:
    # Beside others, so that no column is null throughout.
    found = locate(rows(point, (116.641, -1.261, "Satu")), square, city, CALL).row(0, named=True)
    assert (found["location_quality"], found["region_code"]) == (quality, region)
    assert (found["h3_cell"] is not None) is has_cell


@pytest.mark.parametrize(("metres", "quality"), [(29, "placeholder"), (31, "exact")])
@pytest.mark.parametrize("direction", [(1, 0), (0, 1), (-1, 0), (0, -1)])
def test_a_placeholder_reaches_as_far_as_the_city_says(
    city: City, square: Regions, metres: float, quality: str, direction: tuple[int, int]
) -> None:
    x = 116.65 + direction[0] * metres / (METRES_PER_DEGREE * np.cos(np.radians(1.25)))
    y = -1.25 + direction[1] * metres / METRES_PER_DEGREE
    assert locate(rows((x, y, None)), square, city, CALL)["location_quality"].to_list() == [quality]


def test_the_cell_is_that_of_the_citys_resolution(city: City, square: Regions) -> None:
    fine = replace(city, h3_resolution=9)
    for each in (city, fine):
        found = locate(rows((116.64, -1.26, None)), square, each, CALL)
        frame = pl.DataFrame({"x": [116.64], "y": [-1.26]})
        cell = frame.select(polars_h3.latlng_to_cell("y", "x", each.h3_resolution, return_dtype=pl.String)).item()
        assert found["h3_cell"].to_list() == [cell]


def test_nothing_is_located_of_no_rows(city: City, square: Regions) -> None:
    found = locate(rows(), square, city, CALL)
    assert found.height == 0
    assert {"h3_cell", "region_code", "location_quality"} <= set(found.columns)


def test_a_shape_is_located_by_a_point_that_lies_on_it(city: City, square: Regions) -> None:
    crescent = Polygon([(116.61, -1.29), (116.69, -1.29), (116.69, -1.21), (116.685, -1.285)])
    frame = pl.DataFrame({"geometry": [shapely.to_wkb(crescent), shapely.to_wkb(shapely.Point(117.5, -1.2))]})
    found = locate(frame, square, city, load_entities()["place"])
    assert found["region_code"].to_list() == ["64.01.01", None]
    cells = found["h3_cell"].to_list()
    assert cells[0] is not None and cells[1] is None


def test_rows_without_coordinates_take_the_stated_region_alone(city: City, square: Regions) -> None:
    frame = pl.DataFrame({"stated_region": ["Satu", "Nirwana", None]})
    found = locate(frame, square, city, load_entities()["population"])
    assert found["region_code"].to_list() == ["64.01.01", None, None]
    assert "h3_cell" not in found.columns


def test_real_boundaries_give_what_an_exact_test_gives(city: City) -> None:
    import os

    folder = os.environ.get("TELAGA_CITY_DATA")
    found = sorted(Path(folder, "chicago").rglob("*ommunity*.geojson")) if folder else []
    if not found:
        pytest.skip("TELAGA_CITY_DATA is not set: no real boundaries to test against")
    features = json.loads(found[0].read_text())["features"][:25]
    shapes = {f"{n:02d}": shapely.make_valid(shapely.geometry.shape(f["geometry"])) for n, f in enumerate(features)}
    regions = Regions.from_frame(table(shapes), city)
    west, south, east, north = shapely.total_bounds(list(shapes.values()))
    random = np.random.default_rng(11)
    longitude, latitude = random.uniform(west, east, 2_000), random.uniform(south, north, 2_000)
    assert located(regions, longitude, latitude) == exactly(shapes, longitude, latitude)
