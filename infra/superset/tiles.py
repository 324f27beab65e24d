"""A base map without a map server: outlines and names of the city's own regions, drawn as tiles from the release.

So that a reader of the risk map can find themselves, and a region without a value is seen to be one.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

SIZE = 256
DEEPEST = 19
LAND, OUTLINE, PAPER, INK = (236, 236, 232), (168, 168, 164), (250, 251, 252), (96, 96, 96)
# Below this zoom names of the finest regions would lie on each other.
NAMES_FROM = 9

OUTLINES = """
    SELECT any_value(region_name), any_value(boundary_json)
    FROM marts.region_security_index
    WHERE boundary_json IS NOT NULL AND level = (
        SELECT level FROM marts.region_security_index WHERE boundary_json IS NOT NULL
        GROUP BY level ORDER BY count(DISTINCT region_code) DESC, level LIMIT 1)
    GROUP BY region_code ORDER BY region_code
"""


@dataclass(frozen=True)
class Outline:
    """A region's name and outline; `points` are (x, y) on the Web Mercator square, 0 to 1."""

    name: str
    points: tuple[tuple[float, float], ...]

    @property
    def box(self) -> tuple[float, float, float, float]:
        xs, ys = [x for x, _ in self.points], [y for _, y in self.points]
        return min(xs), min(ys), max(xs), max(ys)


def mercator(longitude: float, latitude: float) -> tuple[float, float]:
    """Degrees (WGS84) to the Web Mercator square, both 0 to 1, y downwards."""
    bound = math.radians(max(-85.05, min(85.05, latitude)))
    return (longitude + 180) / 360, (1 - math.asinh(math.tan(bound)) / math.pi) / 2


def outlines(rows: Iterable[tuple[Any, Any]]) -> tuple[Outline, ...]:
    """From rows of OUTLINES (name, boundary as JSON [[lon, lat], ...])."""
    return tuple(
        Outline(str(name), tuple(mercator(float(x), float(y)) for x, y in json.loads(boundary)))
        for name, boundary in rows
    )


def connection_config() -> dict[str, Any]:
    """How every connection to a release is locked."""
    return {
        "threads": 2,
        "memory_limit": "1GB",
        "enable_external_access": False,
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "lock_configuration": True,
    }


def tile(found: Iterable[Outline], zoom: int, column: int, row: int) -> bytes:
    """One PNG of 256 x 256 pixels. Raises ValueError for a tile that does not exist."""
    from PIL import Image, ImageDraw, ImageFont

    if not (0 <= zoom <= DEEPEST and 0 <= column < 2**zoom and 0 <= row < 2**zoom):
        raise ValueError("no such tile")
    scale = SIZE * 2**zoom
    left, top = column * SIZE, row * SIZE
    image = Image.new("RGB", (SIZE, SIZE), PAPER)
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(11)
    near = [each for each in found if _touches(each, scale, left, top)]
    for each in near:
        draw.polygon([(x * scale - left, y * scale - top) for x, y in each.points], fill=LAND, outline=OUTLINE)
    if zoom >= NAMES_FROM:
        for each in near:
            west, north, east, south = each.box
            middle = ((west + east) / 2 * scale - left, (north + south) / 2 * scale - top)
            # A name is drawn only where it fits into its region; on a neighbouring tile it is drawn again, cut alike.
            if draw.textlength(each.name, font=font) <= (east - west) * scale:
                draw.text(middle, each.name, fill=INK, font=font, anchor="mm")
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def _touches(each: Outline, scale: float, left: float, top: float) -> bool:
    west, north, east, south = (edge * scale for edge in each.box)
    return west < left + SIZE and east > left and north < top + SIZE and south > top
