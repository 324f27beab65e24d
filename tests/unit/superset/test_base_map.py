"""The base map's geometry: what a tile shows and where."""

from __future__ import annotations

import json

import pytest

from infra.superset import tiles


@pytest.mark.parametrize(
    ("longitude", "latitude", "place"),
    [(0, 0, (0.5, 0.5)), (-180, 85.05, (0, 0)), (180, -85.05, (1, 1)), (116.83, -1.27, (0.82453, 0.50353))],
)
def test_degrees_lie_where_web_mercator_has_them(longitude: float, latitude: float, place: tuple[float, float]) -> None:
    assert tiles.mercator(longitude, latitude) == pytest.approx(place, abs=1e-4)


def test_an_outline_keeps_its_name_and_its_box() -> None:
    square = [[116, -1], [117, -1], [117, 0], [116, 0], [116, -1]]
    (outline,) = tiles.outlines([("Sepaku", json.dumps(square))])
    assert outline.name == "Sepaku"
    west, north, east, south = outline.box
    assert (west, south) == tiles.mercator(116, -1)
    assert (east, north) == tiles.mercator(117, 0)
