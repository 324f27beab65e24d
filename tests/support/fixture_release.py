"""A small release to show dashboards on without a run: one DuckDB a mart audience, behind its `current.duckdb` link.

Every number is seeded noise. Run `python tests/support/fixture_release.py SERVING_FOLDER` to look at it in a browser.
"""

from __future__ import annotations

import csv
import json
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
AS_OF = date(2026, 6, 30)
BANDS = ("00-06", "06-12", "12-18", "18-24", "all")
WITHHELD = "Presisi tidak memadai (RSE di atas 50)"
STARRED = "Presisi rendah (RSE 25-50): baca dengan hati-hati"


def months() -> list[date]:
    return [date(2024 + index // 12, index % 12 + 1, 1) for index in range(6, 30)]


def quarters() -> list[date]:
    return [day for day in months() if day.month % 3 == 1]


def regions() -> list[dict[str, Any]]:
    """The regions of the simulator with a boundary: cells around the kecamatan's points, unions of them above."""
    import shapely
    from shapely.geometry import MultiPoint, Point
    from shapely.ops import unary_union

    with (ROOT / "infra" / "simulator" / "regions.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["level"] in ("provinsi", "kabupaten_kota", "kecamatan")]
    leaves = [row for row in rows if row["level"] == "kecamatan" and row["longitude"]]
    points = MultiPoint([(float(row["longitude"]), float(row["latitude"])) for row in leaves])
    land = points.convex_hull.buffer(0.12)
    cells = shapely.voronoi_polygons(points, extend_to=land)
    shapes: dict[str, Any] = {}
    for row in leaves:
        point = Point(float(row["longitude"]), float(row["latitude"]))
        shapes[row["code"]] = next(cell for cell in cells.geoms if cell.contains(point)).intersection(land)
    for row in rows:
        if row["level"] == "kabupaten_kota":
            shapes[row["code"]] = unary_union([s for code, s in shapes.items() if code.startswith(row["code"] + ".")])
    shapes["64"] = unary_union([shape for code, shape in shapes.items() if code.count(".") == 1])
    titles = {"provinsi": "Provinsi", "kabupaten_kota": "Kabupaten/Kota", "kecamatan": "Kecamatan"}
    return [
        {
            "code": row["code"],
            "name": row["name"],
            "level": row["level"],
            "level_title": titles[row["level"]],
            "parent": row["parent_code"] or None,
            "population": int(row["population"] or 0) or 25000,
            "shape": shapes[row["code"]],
        }
        for row in rows
        if row["code"] in shapes
    ]


def ring(shape: Any) -> str:
    """The largest part's outline as [[lon, lat], ...], 5 decimals."""
    part = max(shape.geoms, key=lambda each: each.area) if hasattr(shape, "geoms") else shape
    return json.dumps([[round(x, 5), round(y, 5)] for x, y in part.exterior.coords])


def index_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    places = regions()
    for place in places:
        base = random.normal(62, 11)
        for period_type, starts in (("month", months()), ("quarter", quarters())):
            previous: float | None = None
            for number, start in enumerate(starts):
                value = float(np.clip(base + 3 * np.sin(number / 3) + random.normal(0, 2), 4, 97))
                half = random.uniform(2, 9)
                status = "published" if half < 6.5 or place["level"] != "kecamatan" else "starred"
                status = "withheld" if half > 8.3 and place["level"] == "kecamatan" else status
                shown = status != "withheld"
                label = f"{start:%Y-%m}" if period_type == "month" else f"{start.year}-Q{(start.month + 2) // 3}"
                count = int(random.integers(2, 180))
                found.append(
                    {
                        "region_code": place["code"],
                        "region_name": place["name"],
                        "level": place["level"],
                        "level_title": place["level_title"],
                        "parent_code": place["parent"],
                        "period_type": period_type,
                        "period_start": start,
                        "period_label": label,
                        "index_value": round(value, 1) if shown else None,
                        "index_lower": round(max(0, value - half), 1) if shown else None,
                        "index_upper": round(min(100, value + half), 1) if shown else None,
                        "sensitivity_lower": round(max(0, value - 3), 1) if shown else None,
                        "sensitivity_upper": round(min(100, value + 4), 1) if shown else None,
                        "change_previous": round(value - previous, 1) if shown and previous is not None else None,
                        "change_previous_lower": round(value - previous - 5, 1) if shown and previous else None,
                        "change_previous_upper": round(value - previous + 5, 1) if shown and previous else None,
                        "change_year": round(random.normal(0, 4), 1) if shown and number > 12 else None,
                        "rank_lower": None,
                        "rank_upper": None,
                        "p_among_worst": round(float(random.beta(1, 5)), 2) if shown else None,
                        "group_label": "ABC"[int(random.integers(0, 3))] if shown else None,
                        "status": status,
                        "status_reason": {"withheld": WITHHELD, "starred": STARRED}.get(status),
                        "incidents_band": "<8" if count < 8 else str(round(count / 5) * 5),
                        "population": place["population"],
                        "population_is_official": True,
                        "completeness": round(float(random.uniform(0.86, 0.99)), 2),
                        "is_provisional": number == len(starts) - 1,
                        "method_version": "1.0",
                        "is_latest": number == len(starts) - (2 if period_type == "month" else 1),
                        "boundary_json": ring(place["shape"]),
                        "data_label": "SINTETIS",
                        "as_of": AS_OF,
                    }
                )
                previous = value
    ordered: dict[tuple[str, str, date], list[dict[str, Any]]] = {}
    for row in found:
        if row["index_value"] is not None:
            ordered.setdefault((row["level"], row["period_type"], row["period_start"]), []).append(row)
    for rows in ordered.values():
        for place_number, row in enumerate(sorted(rows, key=lambda each: each["index_value"]), start=1):
            row["rank_lower"], row["rank_upper"] = max(1, place_number - 3), min(len(rows), place_number + 4)
    return found


def risk_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    import h3
    from shapely.geometry import Point

    kecamatan = [place for place in regions() if place["level"] == "kecamatan"]
    cells = sorted({cell for place in kecamatan for cell in _disk(h3, place["shape"].centroid)})
    hot = [h3.cell_to_latlng(cells[int(random.integers(0, len(cells)))]) for _ in range(9)]
    weeks = [AS_OF - timedelta(days=AS_OF.weekday() + 7 * back) for back in range(3)]
    found = []
    for cell in cells:
        latitude, longitude = h3.cell_to_latlng(cell)
        near = sum(np.exp(-((latitude - a) ** 2 + (longitude - b) ** 2) / 0.0012) for a, b in hot)
        boundary = [[round(lng, 5), round(lat, 5)] for lat, lng in h3.cell_to_boundary(cell)]
        point = Point(longitude, latitude)
        place = min(kecamatan, key=lambda each: each["shape"].distance(point))
        for week in weeks:
            for band in BANDS:
                risk = round(float(0.25 + 5 * near * random.uniform(0.6, 1.2) + random.exponential(0.25)), 2)
                found.append(
                    {
                        "h3_cell": cell,
                        "resolution": 8,
                        "week_start": week,
                        "hour_band": band,
                        "relative_risk": risk,
                        "risk_lower": round(risk * 0.7, 2),
                        "risk_upper": round(risk * 1.4, 2),
                        "basis_cell": h3.cell_to_parent(cell, 7),
                        "basis_resolution": 7,
                        "area_rank_percent": 0.0,
                        "is_top_1_percent": False,
                        "is_top_5_percent": False,
                        "is_top_10_percent": False,
                        "region_code": place["code"],
                        "region_name": place["name"],
                        "boundary_json": json.dumps([*boundary, boundary[0]]),
                        "is_latest": week == weeks[0],
                        "status": "published",
                        "data_label": "SINTETIS",
                        "method_version": "1.0",
                        "as_of": AS_OF,
                    }
                )
    groups: dict[tuple[date, str], list[dict[str, Any]]] = {}
    for row in found:
        groups.setdefault((row["week_start"], row["hour_band"]), []).append(row)
    for rows in groups.values():
        for place_number, row in enumerate(sorted(rows, key=lambda each: -each["relative_risk"]), start=1):
            share = round(100 * place_number / len(rows), 2)
            row["area_rank_percent"] = share
            for limit in (1, 5, 10):
                row[f"is_top_{limit}_percent"] = share <= limit
    return found


def _disk(h3: Any, centre: Any) -> list[str]:
    return list(h3.grid_disk(h3.latlng_to_cell(centre.y, centre.x, 8), 3))


MARTS = {
    "executive": {"region_security_index": index_rows, "risk_surface": risk_rows},
}


def make(serving: Path, seed: int = 7) -> dict[str, Path]:
    """Writes `<audience>/releases/fixture.duckdb` and the link for every audience; returns the links."""
    import duckdb
    import pyarrow as pa

    links = {}
    for audience, marts in MARTS.items():
        folder = serving / audience / "releases"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "fixture.duckdb"
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE SCHEMA marts")
            for mart, rows in marts.items():
                table = pa.Table.from_pylist(rows(np.random.default_rng(seed)))
                connection.register("rows_of_mart", table)
                connection.execute(f"CREATE TABLE marts.{mart} AS SELECT * FROM rows_of_mart")
                connection.unregister("rows_of_mart")
        link = serving / audience / "current.duckdb"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("releases") / path.name)
        links[audience] = link
    return links


if __name__ == "__main__":
    for made in make(Path(sys.argv[1])).values():
        print(made)
