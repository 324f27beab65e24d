"""A small release to show dashboards on without a run: one DuckDB an audience, behind its `current.duckdb` link.

Every number is seeded noise; columns and types are those that dbt declares, so that a mart which moved on fails here.
Run `python -m tests.support.fixture_release SERVING_FOLDER` to write one.
"""

from __future__ import annotations

import csv
import json
import sys
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from infra.superset.marts import read_marts
from tests.support import fixture_beside, fixture_privacy

ROOT = Path(__file__).resolve().parents[2]
AS_OF = date(2026, 6, 30)
BANDS = ("00-06", "06-12", "12-18", "18-24", "all")
WITHHELD = "Ketelitian tidak memadai (galat baku relatif di atas 50 %)"
STARRED = "Ketelitian terbatas (galat baku relatif 25 - 50 %)"
GROUPS = {"property": "Harta benda", "violence": "Kekerasan", "disorder": "Ketertiban umum", "other": "Lainnya"}
# Of the simulator's file, to those of city.yaml.
LEVELS = {"provinsi": "provinsi", "kabupaten": "kabupaten_kota", "kecamatan": "kecamatan"}


def months() -> list[date]:
    return [date(2024 + index // 12, index % 12 + 1, 1) for index in range(6, 30)]


def quarters() -> list[date]:
    return [day for day in months() if day.month % 3 == 1]


@cache
def regions() -> list[dict[str, Any]]:
    """The regions of the simulator with a boundary: cells around the kecamatan's points, unions of them above."""
    import shapely
    from shapely.geometry import MultiPoint, Point
    from shapely.ops import unary_union

    with (ROOT / "infra" / "simulator" / "regions.csv").open() as file:
        rows = [{**row, "level": LEVELS[row["level"]]} for row in csv.DictReader(file)]
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
            "boundary": ring(shapes[row["code"]]),
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
    for place in regions():
        base = random.normal(64, 14) if place["level"] == "kecamatan" else random.normal(66, 4)
        spread = {"provinsi": 1.6, "kabupaten_kota": 3.0}.get(place["level"], random.uniform(4, 11))
        for period_type, starts in (("month", months()), ("quarter", quarters())):
            for number, start in enumerate(starts):
                found.append(index_row(random, place, period_type, starts, number, start, base, spread))
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for row in found:
        if row["index_value"] is not None:
            groups.setdefault((row["level"], row["period_type"], row["period_start"]), []).append(row)
    for peers in groups.values():
        for row in peers:
            row["rank_lower"] = 1 + sum(each["index_lower"] > row["index_upper"] for each in peers)
            row["rank_upper"] = len(peers) - sum(each["index_upper"] < row["index_lower"] for each in peers)
    return found


def index_row(
    random: np.random.Generator,
    place: dict[str, Any],
    period_type: str,
    starts: list[date],
    number: int,
    start: date,
    base: float,
    spread: float,
) -> dict[str, Any]:
    half = spread * random.uniform(0.8, 1.2)
    value = float(np.clip(base + 0.12 * number + 3 * np.sin(number / 3) + random.normal(0, half / 4), 4, 97))
    precise = half < 7 or place["level"] != "kecamatan"
    status = "published" if precise else "starred" if half < 10 else "withheld"
    count, change = int(random.integers(2, 180)), float(random.normal(0, 3))
    row = {
        "region_code": place["code"],
        "region_name": place["name"],
        "level": place["level"],
        "level_title": place["level_title"],
        "parent_code": place["parent"],
        "period_type": period_type,
        "period_start": start,
        "period_label": f"{start:%Y-%m}" if period_type == "month" else f"{start.year}-Q{(start.month + 2) // 3}",
        **dict.fromkeys(NUMBERS),
        "rank_lower": None,
        "rank_upper": None,
        "group_label": None,
        "status": status,
        "status_reason": {"withheld": WITHHELD, "starred": STARRED}.get(status),
        "incidents_band": "<8" if count < 8 else str(round(count / 5) * 5),
        "population": place["population"],
        "population_is_official": True,
        "completeness": round(float(random.uniform(0.86, 0.99)), 3),
        "is_provisional": number >= len(starts) - 2,
        "method_version": "fixture",
        "is_latest": number == len(starts) - 2,
        "boundary_json": place["boundary"],
        "data_label": "SINTETIS",
        "as_of": AS_OF,
    }
    if status != "withheld":
        numbers = (
            value,
            value - half,
            value + half,
            value - 3,
            value + 4,
            change,
            change - half / 2,
            change + half / 2,
        )
        row |= {name: float(np.clip(each, -100, 100)) for name, each in zip(NUMBERS, numbers, strict=False)}
        row |= {"index_upper": min(100.0, value + half), "p_among_worst": float(random.beta(1, 5))}
        row |= {"change_year": float(random.normal(0, 4)) if number > 12 else None, "group_label": "A"}
        row |= {} if number else dict.fromkeys(NUMBERS[5:8])
    return row


NUMBERS = (
    "index_value",
    "index_lower",
    "index_upper",
    "sensitivity_lower",
    "sensitivity_upper",
    "change_previous",
    "change_previous_lower",
    "change_previous_upper",
    "change_year",
    "p_among_worst",
)


def component_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    kept = ("region_code", "region_name", "level", "period_type", "period_start", "period_label")
    also = ("index_value", "is_latest", "method_version", "data_label", "as_of")
    found = []
    for row in index_rows(random):
        if row["index_value"] is None:
            continue
        shares = np.array([0.4, 0.3, 0.2, 0.1]) * (100 - row["index_value"])
        for (group, title), share in zip(GROUPS.items(), shares, strict=True):
            dimension = "disorder" if group == "disorder" else "crime"
            names = {"dimension": dimension, "category_group": group, "category_group_title": title}
            found.append({**{name: row[name] for name in kept + also}, **names, "share_points": float(share)})
    return found


def risk_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    import h3

    # Coarse in the country, fine in the city, as where few records make a cell show its parent.
    of_place = {
        cell: place
        for place in regions()
        if place["level"] == "kecamatan"
        for cell in h3.geo_to_cells(place["shape"], 8 if place["code"].startswith("64.71") else 6)
    }
    cells = sorted(of_place)
    fine = [cell for cell in cells if h3.get_resolution(cell) == 8]
    hot = [h3.cell_to_latlng(fine[int(random.integers(0, len(fine)))]) for _ in range(6)]
    weeks = [AS_OF - timedelta(days=AS_OF.weekday() + 7 * back) for back in range(3)]
    found = []
    for cell in cells:
        latitude, longitude = h3.cell_to_latlng(cell)
        near = sum(np.exp(-((latitude - a) ** 2 + (longitude - b) ** 2) / 0.0012) for a, b in hot)
        boundary = [[round(lng, 5), round(lat, 5)] for lat, lng in h3.cell_to_boundary(cell)]
        place = of_place[cell]
        for week in weeks:
            for band in BANDS:
                risk = round(float(0.25 + 5 * near * random.uniform(0.6, 1.2) + random.exponential(0.25)), 2)
                found.append(
                    {
                        "h3_cell": cell,
                        "resolution": h3.get_resolution(cell),
                        "week_start": week,
                        "hour_band": band,
                        "relative_risk": risk,
                        "risk_lower": round(risk * 0.7, 2),
                        "risk_upper": round(risk * 1.4, 2),
                        "basis_cell": cell,
                        "basis_resolution": h3.get_resolution(cell),
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


def kpi_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    with (ROOT / "dbt_project" / "seeds" / "reference_indicator.csv").open() as file:
        indicators = list(csv.DictReader(file))
    places = [place for place in regions() if place["level"] != "kecamatan"]
    periods = [("year", date(year, 1, 1), str(year)) for year in (2024, 2025, 2026)]
    periods += [("quarter", start, f"{start.year}-Q{(start.month + 2) // 3}") for start in quarters()]
    found = []
    for indicator in indicators:
        for place in places:
            for period_type, start, label in periods:
                is_measured = random.uniform() > 0.1
                value, target = float(random.uniform(50, 98)), 75.0
                is_met = (value <= target) == (indicator["direction"] == "lower_is_better")
                found.append(
                    {
                        "indicator": indicator["indicator"],
                        "indicator_title": indicator["title_id"],
                        "region_code": place["code"],
                        "region_name": place["name"],
                        "level": place["level"],
                        "period_type": period_type,
                        "period_start": start,
                        "period_label": label,
                        "value": value if is_measured else None,
                        "target": target,
                        "unit": indicator["unit"],
                        "direction": indicator["direction"],
                        "status": "belum_terukur" if not is_measured else "tercapai" if is_met else "belum_tercapai",
                        "is_complete": label not in ("2026", "2026-Q2"),
                        "data_label": "SINTETIS",
                        "as_of": AS_OF,
                    }
                )
    return found


def feeds() -> dict[str, tuple[str, str]]:
    """The simulator's feeds: name to its entity and title, as their contracts say."""
    from ingestion.contract import load_contract

    found = [load_contract(path) for path in sorted((ROOT / "ingestion/feeds/nusantara").glob("*.odcs.yaml"))]
    return {contract.feed: (contract.entity, contract.title) for contract in found}


def quality_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    found = []
    for place, (feed, (entity, title)) in enumerate(feeds().items()):
        for back in range(14):
            accepted, duplicate, quarantined = (int(random.integers(0, top)) for top in (4000, 90, 40))
            read = accepted + duplicate + quarantined
            found.append(
                {
                    "feed": feed,
                    "entity": entity,
                    "feed_title": title,
                    "day": AS_OF - timedelta(days=back),
                    "batches": 2,
                    "batches_quarantined": int(random.uniform() < 0.1),
                    "batches_failed": 0,
                    "rows_read": read,
                    "rows_accepted": accepted,
                    "rows_duplicate": duplicate,
                    "rows_quarantined": quarantined,
                    "quarantined_percent": 100 * quarantined / read if read else None,
                    "last_batch": f"fixture-{back}",
                    "data_until": AS_OF - timedelta(days=place // 4),
                    "freshness_hours": 48.0,
                    "freshness_status": "terlambat" if place > 14 else "segar",
                    "is_latest": back == 0,
                    "data_label": "SINTETIS",
                    "as_of": AS_OF,
                }
            )
    return found


def delivery_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    found = []
    for day in quality_rows(random):
        status = "dikarantina" if day["batches_quarantined"] else "sebagian" if day["rows_quarantined"] else "diterima"
        kept = {name: day[name] for name in ("feed", "entity", "feed_title", "day", "data_label", "as_of")}
        rows = {name: day[name] for name in day if name.startswith("rows_") or name == "quarantined_percent"}
        reason = "codes:kategori: 3 rows" if status != "diterima" else None
        found.append({**kept, **rows, "delivery": day["last_batch"], "taken": 1, "status": status, "reason": reason})
    return found


def verdict_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    found = []
    for day in quality_rows(random):
        for rule, measure, limit in (("volume", "volume_ratio", 10.0), ("codes:kategori", "", None)):
            outcome = random.choice(["lulus", "peringatan", "gagal"], p=[0.9, 0.07, 0.03])
            found.append(
                {
                    "feed": day["feed"],
                    "batch_id": day["last_batch"],
                    "rule": rule,
                    "measure": measure,
                    "column_name": measure or "text:kategori",
                    "day": day["day"],
                    "outcome": str(outcome),
                    "measured": float(random.uniform(0.5, 2)) if measure else None,
                    "minimum": 0.1 if measure else None,
                    "maximum": limit,
                    "rows_judged": day["rows_read"],
                    "rows_broken": 0 if outcome == "lulus" else 12,
                    "comparable_batches": 14,
                    "data_label": "SINTETIS",
                    "as_of": AS_OF,
                }
            )
    return found


def alert_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    kinds = ("kiriman_hilang", "terlambat", "skema_berubah", "putusan_gagal", "dijeda")
    return [
        {
            "feed": feed,
            "kind": kinds[place % len(kinds)],
            "subject": f"fixture-{place}",
            "feed_title": title,
            "detail": "fixture",
            "since": AS_OF - timedelta(days=place),
            "data_label": "SINTETIS",
            "as_of": AS_OF,
        }
        for place, (feed, (_, title)) in enumerate(list(feeds().items())[:7])
    ]


def status_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    shared = (
        "feed",
        "entity",
        "feed_title",
        "freshness_status",
        "data_until",
        "freshness_hours",
        "data_label",
        "as_of",
    )
    counted = ("rows_read", "rows_quarantined", "quarantined_percent")
    return [
        {
            **{name: day[name] for name in (*shared, *counted)},
            "last_delivery_day": day["day"],
            "deliveries": 28,
            "alerts_open": int(random.uniform() < 0.2),
            "is_paused": False,
        }
        for day in quality_rows(random)
        if day["is_latest"]
    ]


RESPONSE_NUMBERS = (
    "answered_in_standard_percent",
    "arrived_in_standard_percent",
    "answer_missing_percent",
    "arrival_missing_percent",
    "answer_seconds_median",
    "answer_seconds_p90",
    "arrival_minutes_median",
    "arrival_minutes_p90",
)


def response_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    found = []
    for place in regions():
        for start in months():
            calls = int(random.integers(3, 400)) if place["level"] == "kecamatan" else 900
            shares = [*random.integers(55, 96, 2).astype(float), *random.integers(0, 12, 2).astype(float)]
            numbers = dict(zip(RESPONSE_NUMBERS, [*shares, 8.0, 14.0, 9.5, 21.0], strict=True))
            shown = calls >= 8
            found.append(
                {
                    "region_code": place["code"],
                    "region_name": place["name"],
                    "level": place["level"],
                    "level_title": place["level_title"],
                    "parent_code": place["parent"],
                    "month_start": start,
                    "period_label": f"{start:%Y-%m}",
                    "calls_band": "<8" if not shown else str(round(calls / 5) * 5),
                    **(numbers if shown else dict.fromkeys(RESPONSE_NUMBERS)),
                    "is_published": shown,
                    "is_complete": start < date(2026, 6, 1),
                    "data_label": "SINTETIS",
                    "as_of": AS_OF,
                }
            )
    return found


def band(count: int) -> str:
    return "0" if count == 0 else "<8" if count < 8 else str(5 * ((count + 2) // 5))


def warning_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    found = []
    for place in regions():
        for group in ("property", "violence", "disorder"):
            for back in range(8):
                expected = int(random.integers(2, 30))
                level = str(random.choice(["tidak_ada", "waspada", "siaga", "awas"], p=[0.94, 0.03, 0.02, 0.01]))
                is_signal = level != "tidak_ada"
                found.append(
                    {
                        "region_code": place["code"],
                        "region_name": place["name"],
                        "level": place["level"],
                        "level_title": place["level_title"],
                        "kind": "laporan_warga",
                        "category_group": group,
                        "category_group_title": GROUPS[group],
                        "period_type": "week",
                        "period_start": AS_OF - timedelta(days=7 * back + 6),
                        "period_end": AS_OF - timedelta(days=7 * back),
                        "warning_level": level,
                        "is_signal": is_signal,
                        "driver": "tujuh hari sampai hari itu" if is_signal else None,
                        "driver_category": "Pencurian biasa" if is_signal and group == "property" else None,
                        "observed_band": band(2 * expected if is_signal else expected),
                        "expected_band": band(expected),
                        "bound_band": band(expected + 6),
                        "other_methods": "Farrington" if is_signal else None,
                        **dict.fromkeys(("ears_c1", "ears_c2", "ears_c3", "cusum"), False),
                        "farrington": is_signal,
                        "is_latest": back == 0,
                        "data_label": "SINTETIS",
                        "method_version": "fixture",
                        "as_of": AS_OF,
                    }
                )
    return found


def patrol_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    places = [place for place in regions() if place["level"] == "kecamatan"]
    found = []
    for place in places:
        harm, hours = float(random.integers(3, 50) * 100), int(random.integers(40, 280))
        found.append(
            {
                "region_code": place["code"],
                "region_name": place["name"],
                "level": place["level"],
                "level_title": place["level_title"],
                "parent_code": place["parent"],
                "week_start": AS_OF + timedelta(days=1),
                "expected_harm": harm,
                "harm_lower": harm * 0.8,
                "harm_upper": harm * 1.3,
                "harm_per_hour": harm / hours,
                "harm_per_hour_lower": harm * 0.8 / hours,
                "harm_per_hour_upper": harm * 1.3 / hours,
                "reason": str(random.choice(["Kekerasan", "Pencurian kendaraan bermotor"])),
                "patrol_hours": hours,
                "capacity_percent": 3,
                "harm_percent": 3,
                "patrol_to_harm": float(random.uniform(0.3, 2.5)),
                "area_group": str(random.integers(1, 6)),
                "status": "published",
                "status_reason": None,
                "data_label": "SINTETIS",
                "method_version": "fixture",
                "as_of": AS_OF,
            }
        )
    for rank, row in enumerate(sorted(found, key=lambda each: -each["harm_per_hour"]), start=1):
        row |= {"priority_rank": rank, "rank_lower": max(1, rank - 2), "rank_upper": min(len(found), rank + 2)}
    return found


def pattern_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    modi = {"snatch": "Menjambret", "duplicate_key": "Kunci palsu", "break_in": "Membobol"}
    days = {"Senin - Jumat": (1, 5), "Sabtu - Minggu": (6, 7)}
    found = []
    for place in regions():
        if place["level"] != "kabupaten_kota":
            continue
        for modus, title in modi.items():
            for weekday, (first, last) in days.items():
                for hour in range(0, 24, 3):
                    observed, expected = int(random.integers(0, 40)), int(random.integers(2, 25))
                    found.append(
                        {
                            "region_code": place["code"],
                            "region_name": place["name"],
                            "level": place["level"],
                            "level_title": place["level_title"],
                            "category": "theft",
                            "category_title": "Pencurian biasa",
                            "modus": modus,
                            "modus_title": title,
                            "weekday_band": weekday,
                            "weekday_from": first,
                            "weekday_to": last,
                            "hour_band": f"{hour:02d}-{hour + 3:02d}",
                            "hour_from": hour,
                            "hour_to": hour + 3,
                            "is_unusual": observed > 3 * expected,
                            "is_modus_unusual": True,
                            "ratio": round(2 * observed / expected) / 2 if observed >= 8 else None,
                            "observed_band": band(observed),
                            "expected_band": band(expected),
                            "data_label": "SINTETIS",
                            "method_version": "fixture",
                            "as_of": AS_OF,
                        }
                    )
    return found


def fairness_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    fifths = ("1 kemiskinan terendah", "2", "3", "4", "5 kemiskinan tertinggi")
    subjects = [("patrol_to_harm", "Patroli terhadap harm (1 = sebanding)", fifth, "ratio") for fifth in fifths]
    subjects += [("discovered_share", "Bagian temuan petugas dan kamera", fifth, "percent") for fifth in fifths]
    subjects += [("records_fall_calls_do_not", "Laporan turun, panggilan tidak", "64.71", "flag")]
    found = []
    for measure, title, subject, unit in subjects:
        value = {"ratio": float(random.uniform(0.5, 2)), "percent": float(random.integers(8, 20))}.get(unit)
        found.append(
            {
                "measure": measure,
                "measure_title": title,
                "subject": subject,
                "subject_title": subject,
                "unit": unit,
                "value": value,
                "value_lower": None if value is None else value * 0.9,
                "value_upper": None if value is None else value * 1.1,
                "reference": 1.0 if unit == "ratio" else None,
                "is_flagged": True if unit == "flag" else None,
                "status": "published",
                "status_reason": None,
                "data_label": "SINTETIS",
                "method_version": "fixture",
                "as_of": AS_OF,
            }
        )
    return found


def redaction_rows(random: np.random.Generator) -> list[dict[str, Any]]:
    columns = (
        ("nama_pelapor", "drop", "personal", ""),
        ("nik_pelapor", "pseudonymise", "specific", ""),
        ("uraian", "redact", "personal", "PERSON"),
        ("uraian", "redact", "personal", "ID_NIK"),
        ("waktu_kejadian", "generalise", "personal", ""),
        ("kategori", "keep", "public", ""),
    )
    found = []
    for feed in ("polda_kaltim.emergency_calls_110", "polda_kaltim.police_records"):
        for back in range(7):
            for column, action, classification, entity_type in columns:
                seen = int(random.integers(50, 900))
                affected = {"keep": 0, "redact": int(seen * random.uniform(0.05, 0.4))}.get(action, seen)
                found.append(
                    {
                        "feed": feed,
                        "column_name": column,
                        "action": action,
                        "classification": classification,
                        "entity_type": entity_type,
                        "day": AS_OF - timedelta(days=back),
                        "rows_seen": seen,
                        "rows_affected": affected,
                        "data_label": "SINTETIS",
                        "as_of": AS_OF,
                    }
                )
    return found


MARTS = {
    "executive": {
        "region_security_index": index_rows,
        "region_security_index_components": component_rows,
        "risk_surface": risk_rows,
    },
    "oversight": {"oversight_kpis": kpi_rows, "index_fairness": fairness_rows},
    "operations": {
        "feed_quality": quality_rows,
        "response_times": response_rows,
        "early_warnings": warning_rows,
        "patrol_priorities": patrol_rows,
        "pattern_time_modus": pattern_rows,
    },
    "privacy": {"redaction_report": redaction_rows, **fixture_privacy.MARTS},
    "engineering": {
        "delivery_quality": delivery_rows,
        "batch_quality": verdict_rows,
        "feed_alerts": alert_rows,
        "feed_status": status_rows,
    },
}


def make(serving: Path, seed: int = 7) -> dict[str, Path]:
    """Writes `<audience>/releases/fixture.duckdb` and the link for every audience; returns the links."""
    import duckdb
    import pyarrow as pa

    declared = read_marts()
    links = {}
    for audience, known in MARTS.items():
        beside = {
            mart.name: fixture_beside.rows_of(mart, regions(), AS_OF)
            for mart in declared.values()
            if mart.audience == audience and mart.name not in known
        }
        marts = {**known, **beside}
        folder = serving / audience / "releases"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "fixture.duckdb"
        path.unlink(missing_ok=True)
        with duckdb.connect(str(path)) as connection:
            connection.execute("CREATE SCHEMA marts")
            for mart, rows in marts.items():
                connection.register("rows_of_mart", pa.Table.from_pylist(rows(np.random.default_rng(seed))))
                columns = ", ".join(
                    f"CAST({column.name} AS {column.superset_type}) AS {column.name}"
                    for column in declared[mart].columns.values()
                )
                connection.execute(f"CREATE TABLE marts.{mart} AS SELECT {columns} FROM rows_of_mart")
                connection.unregister("rows_of_mart")
        links[audience] = publish(path)
    return links


def publish(release: Path) -> Path:
    """Moves the audience's link to the release, in one step, and returns it."""
    link = release.parent.parent / "current.duckdb"
    new = link.with_name("new.duckdb")
    new.symlink_to(Path("releases") / release.name)
    new.replace(link)
    return link


if __name__ == "__main__":
    for made in make(Path(sys.argv[1])).values():
        print(made)
