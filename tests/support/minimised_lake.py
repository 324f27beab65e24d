"""A small lake of minimised tables as landing would leave it: seeded, typed by entities.yaml, two kinds of city.

`write_city` writes every table through the lake's own API. The numbers follow a plan that tests can check: one region
is made three times as dangerous as the rest, one cell is a hotspot, discovered records are marked as such.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from ingestion.city import City
from ingestion.entities import load_entities, polars_type
from ingestion.lake import Lake

UTC = dt.UTC
CATEGORIES = ("theft", "burglary", "robbery", "assault", "motor_vehicle_theft", "domestic_violence", "narcotics")
SHARES = (0.36, 0.16, 0.06, 0.18, 0.12, 0.06, 0.06)
DISCOVERED = frozenset({"narcotics", "weapons", "gambling", "prostitution"})


@dataclass(frozen=True)
class Plan:
    """Size and clock of a made city. `finest` regions lie on a grid under `parents` regions of the level above.

    Cameras (`events`) come with their uptime, patrols (of the latest `patrol_days`) with how poor each region is.
    """

    as_of: dt.date = dt.date(2026, 6, 30)
    days: int = 730
    incidents: int = 3000
    calls: int = 1500
    events: int = 6000
    patrol_days: int = 56
    finest: int = 9
    parents: int = 3
    seed: int = 7
    synthetic: bool = True


def make_city(folder: Path, plan: Plan, *, name: str = "kota-uji", levels: tuple[tuple[str, str], ...] = (
    ("provinsi", "Provinsi"), ("kabupaten_kota", "Kabupaten/Kota"), ("kecamatan", "Kecamatan"),
), time_zone: str = "Asia/Makassar", resolution: int = 8) -> City:  # fmt: skip
    """A city that needs no contracts: what the build reads of one."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "city.yaml").write_text(f"name: {name}\n", encoding="utf-8")
    return City(
        name=name,
        title=name,
        dir=folder,
        time_zone=time_zone,
        as_of=plan.as_of,
        h3_resolution=resolution,
        levels=levels,
        index_level=levels[-1][0],
        discovered_categories=DISCOVERED,
        sensitive_categories=frozenset({"domestic_violence", "sexual_violence", "child_abuse", "trafficking"}),
        base_period=None,
        is_synthetic=plan.synthetic,
        contracts=(),
    )


def _digest(*parts: object) -> str:
    return hashlib.sha256("/".join(map(str, parts)).encode()).hexdigest()


def _frame(entity: str, rows: dict[str, object], plan: Plan, feed: str, batch: str) -> pl.DataFrame:
    """A minimised table: every column of the entity, typed; what `rows` does not give is null."""
    entities = load_entities()
    frame = pl.DataFrame(rows)
    frame = frame.with_row_index("_n").with_columns(
        feed=pl.lit(feed),
        record_key=pl.col("_n").map_elements(lambda n: _digest(feed, batch, n), return_dtype=pl.String),
        row_digest=pl.col("_n").map_elements(lambda n: _digest("row", feed, batch, n), return_dtype=pl.String),
        batch_id=pl.lit(batch),
        is_synthetic=pl.lit(plan.synthetic),
    )
    fields = (*entities.every_table, *entities[entity].minimised)
    return frame.select(
        (pl.col(f.name) if f.name in frame.columns else pl.lit(None)).cast(polars_type(f.type)).alias(f.name)
        for f in fields
    )


def square(west: float, south: float, side: float) -> list[list[float]]:
    return [[west, south], [west + side, south], [west + side, south + side], [west, south + side], [west, south]]


def regions(plan: Plan, levels: tuple[str, ...]) -> pl.DataFrame:
    """Squares of about 5 km on a grid: the finest level, its parents, and one region on top for each level above."""
    import shapely

    side = 0.05
    rows = []
    columns = int(np.ceil(plan.finest / plan.parents))
    top_codes = [f"{rank + 1:02d}" for rank in range(len(levels) - 2)]
    for rank, code in enumerate(top_codes):
        rows.append((code, f"Wilayah {code}", levels[rank], top_codes[rank - 1] if rank else None, None))
    for parent in range(plan.parents):
        rows.append(
            (f"64.{parent:02d}", f"Kabupaten {parent}", levels[-2], top_codes[-1] if top_codes else None, parent)
        )
    for number in range(plan.finest):
        parent, column = divmod(number, columns)
        rows.append((f"64.{parent:02d}.{column:02d}", f"Kecamatan {number}", levels[-1], f"64.{parent:02d}", number))
    found = []
    for code, name, level, parent_code, at in rows:
        if level == levels[-1]:
            row, column = divmod(at, columns)
            ring = square(116.5 + column * side, -1.2 + row * side, side)
        elif level == levels[-2]:
            west, south = 116.5, -1.2 + at * side
            ring = [[west, south], [west + columns * side, south], [west + columns * side, south + side],
                    [west, south + side], [west, south]]  # fmt: skip
        else:
            east, north = 116.5 + columns * side, -1.2 + plan.parents * side
            ring = [[116.5, -1.2], [east, -1.2], [east, north], [116.5, north], [116.5, -1.2]]
        polygon = shapely.Polygon(ring)
        found.append(
            {
                "region_code": code,
                "name": name,
                "level": level,
                "parent_code": parent_code,
                "area_km2": polygon.area * 111.3**2,
                "boundary_wkb": shapely.to_wkb(polygon),
                "boundary_json": json.dumps(ring),
                "is_boundary_approximate": True,
            }
        )
    return _frame("region", {key: [row[key] for row in found] for key in found[0]}, plan, "bps.region", "b1")


def _points(plan: Plan, rng: np.random.Generator, n: int, finest: pl.DataFrame) -> dict[str, object]:
    """Region and cell of n events: the first region three times as likely, and half of its events in one cell."""
    import h3
    import shapely

    codes = finest["region_code"].to_list()
    weights = np.array([3.0] + [1.0] * (len(codes) - 1))
    chosen = rng.choice(len(codes), size=n, p=weights / weights.sum())
    corners = [shapely.from_wkb(wkb).bounds for wkb in finest["boundary_wkb"]]
    jitter = rng.random((n, 2)) * 0.049
    cells, quality = [], []
    hot = h3.latlng_to_cell(corners[0][1] + 0.02, corners[0][0] + 0.02, 8)
    for index, region in enumerate(chosen):
        west, south, *_ = corners[region]
        draw = jitter[index]
        cell = h3.latlng_to_cell(south + draw[1], west + draw[0], 8)
        cells.append(hot if region == 0 and index % 2 else cell)
        quality.append("exact")
    lost = rng.random(n) < 0.05
    return {
        "h3_cell": [None if gone else cell for gone, cell in zip(lost, cells, strict=True)],
        "region_code": [codes[region] for region in chosen],
        "location_quality": ["region_only" if gone else q for gone, q in zip(lost, quality, strict=True)],
    }


def _times(plan: Plan, rng: np.random.Generator, n: int) -> tuple[list[dt.date], list[int], list[dt.datetime]]:
    days = rng.integers(0, plan.days, n)
    hours = rng.integers(0, 24, n)
    local = [plan.as_of - dt.timedelta(days=int(day)) for day in days]
    stamps = [
        dt.datetime.combine(day, dt.time(int(hour)), UTC) - dt.timedelta(hours=8)
        for day, hour in zip(local, hours, strict=True)
    ]
    return local, [int(hour) for hour in hours], stamps


def _modi(plan: Plan, category: list[str]) -> list[str | None]:
    """How: a third of what is stolen is snatched, at any time; a city of real records does not tell."""
    if not plan.synthetic:
        return [None] * len(category)
    drawn = np.random.default_rng(plan.seed + 5).random(len(category))
    return ["snatch" if c == "theft" and x < 0.33 else "other" for c, x in zip(category, drawn, strict=True)]


def police_records(plan: Plan, finest: pl.DataFrame, *, feed: str = "polri.laporan", batch: str = "b1",
                   seed: int | None = None, n: int | None = None) -> pl.DataFrame:  # fmt: skip
    rng = np.random.default_rng(plan.seed if seed is None else seed)
    n = plan.incidents if n is None else n
    local, hours, stamps = _times(plan, rng, n)
    category = [CATEGORIES[i] for i in rng.choice(len(CATEGORIES), size=n, p=SHARES)]
    received = rng.integers(5, 60, n)
    rows: dict[str, object] = {
        "category": category,
        "reported_by": ["officer" if c in DISCOVERED else "citizen" for c in category],
        "outcome": ["cleared" if x < 0.4 else "open" for x in rng.random(n)],
        "occurred_at": stamps,
        "occurred_local_date": local,
        "occurred_local_hour": hours,
        "occurred_local_month": [day.strftime("%Y-%m") for day in local],
        "occurred_span_hours": rng.integers(0, 5, n).tolist(),
        "modus_code": _modi(plan, category),
        "reported_local_date": local,
        "answer_seconds": received.tolist(),
        "is_repeat_location": (rng.random(n) < 0.2).tolist(),
        **_points(plan, rng, n, finest),
    }
    return _frame("police_record", rows, plan, feed, batch)


def emergency_calls(plan: Plan, finest: pl.DataFrame) -> pl.DataFrame:
    rng = np.random.default_rng(plan.seed + 1)
    n = plan.calls
    local, hours, stamps = _times(plan, rng, n)
    arrival = rng.integers(120, 1500, n)
    rows: dict[str, object] = {
        "category": [("crime", "disorder", "traffic")[i] for i in rng.integers(0, 3, n)],
        "channel": ["110"] * n,
        "received_at": stamps,
        "received_local_date": local,
        "received_local_hour": hours,
        "received_local_month": [day.strftime("%Y-%m") for day in local],
        "answer_seconds": rng.integers(2, 30, n).tolist(),
        "dispatch_seconds": (arrival // 3).tolist(),
        "arrival_seconds": [None if x < 0.1 else int(a) for x, a in zip(rng.random(n), arrival, strict=True)],
        **_points(plan, rng, n, finest),
    }
    return _frame("emergency_call", rows, plan, "polri.panggilan", "b1")


def camera_events(plan: Plan, finest: pl.DataFrame) -> pl.DataFrame:
    rng = np.random.default_rng(plan.seed + 2)
    n = plan.events
    local, hours, stamps = _times(plan, rng, n)
    rows: dict[str, object] = {
        "event_type": [("red_light", "speeding", "crowd")[i] for i in rng.integers(0, 3, n)],
        "camera_key": [_digest("camera", i) for i in rng.integers(0, 40, n)],
        "event_count": [1] * n,
        "confidence": np.round(rng.random(n), 1).tolist(),
        "occurred_at": stamps,
        "occurred_local_date": local,
        "occurred_local_hour": hours,
        "occurred_local_month": [day.strftime("%Y-%m") for day in local],
        **_points(plan, rng, n, finest),
    }
    return _frame("camera_event", rows, plan, "dishub.etle", "b1")


def camera_uptime(plan: Plan, finest: pl.DataFrame, days: int = 180) -> pl.DataFrame:
    """Two cameras in each region that never stood still for more than four hours a day."""
    rng = np.random.default_rng(plan.seed + 4)
    rows = [
        (code, plan.as_of - dt.timedelta(days=day), _digest("camera", code, number))
        for code in finest["region_code"]
        for day in range(days)
        for number in range(2)
    ]
    return _frame(
        "camera_uptime",
        {
            "region_code": [row[0] for row in rows],
            "uptime_date": [row[1] for row in rows],
            "camera_key": [row[2] for row in rows],
            "uptime_hours": np.round(rng.uniform(20, 24, len(rows)), 1).tolist(),
        },
        plan,
        "dishub.uptime",
        "b1",
    )


def patrol_plans(plan: Plan, finest: pl.DataFrame) -> pl.DataFrame:
    """Two hours a day in each region but the last, for which nothing is planned."""
    rows = [
        (code, plan.as_of - dt.timedelta(days=day))
        for code in finest["region_code"][:-1]
        for day in range(plan.patrol_days)
    ]
    return _frame(
        "patrol_plan",
        {
            "region_code": [row[0] for row in rows],
            "plan_local_date": [row[1] for row in rows],
            "patrol_minutes": [120] * len(rows),
            "officers": [2] * len(rows),
        },
        plan,
        "polri.patroli",
        "b1",
    )


def area_indicators(plan: Plan, finest: pl.DataFrame) -> pl.DataFrame:
    """Poverty that rises with the region's code, unknown for the last region."""
    codes = finest["region_code"].to_list()[:-1]
    return _frame(
        "area_indicator",
        {
            "region_code": codes,
            "indicator": ["poverty_share"] * len(codes),
            "year": [plan.as_of.year - 1] * len(codes),
            "value": [float(4 + number) for number in range(len(codes))],
        },
        plan,
        "bappeda.indikator",
        "b1",
    )


def write_city(lake: Lake, city: City, plan: Plan) -> None:
    """The minimised tables of a whole made city, and the logs that landing keeps."""
    layer = regions(plan, city.level_keys)
    finest = layer.filter(pl.col("level") == city.index_level)
    rng = np.random.default_rng(plan.seed + 3)
    put = lambda entity, frame: lake.replace("minimised", entity, frame)  # noqa: E731
    put("region", layer)
    put(
        "population",
        _frame(
            "population",
            {
                "region_code": finest["region_code"].to_list(),
                "year": [plan.as_of.year - 1] * finest.height,
                "population": (20000 + rng.integers(0, 40000, finest.height)).tolist(),
                "is_official": [True] * finest.height,
            },
            plan,
            "bps.penduduk",
            "b1",
        ),
    )
    put("police_record", police_records(plan, finest))
    if plan.calls:
        put("emergency_call", emergency_calls(plan, finest))
    if plan.events:
        put("camera_event", camera_events(plan, finest))
        put("camera_uptime", camera_uptime(plan, finest))
    if plan.patrol_days:
        put("patrol_plan", patrol_plans(plan, finest))
        put("area_indicator", area_indicators(plan, finest))
    years = [plan.as_of.year - 1, plan.as_of.year]
    put(
        "indicator_target",
        _frame(
            "indicator_target",
            {
                "indicator": ["clearance_share", "incident_rate"] * 2,
                "region_code": [None] * 4,
                "year": [year for year in years for _ in range(2)],
                "target": [45.0, 900.0, 30.0, 900.0],
                "unit": ["percent", "per_100k"] * 2,
                "direction": ["higher_is_better", "lower_is_better"] * 2,
            },
            plan,
            "bappeda.target",
            "b1",
        ),
    )
    put(
        "budget_line",
        _frame(
            "budget_line",
            {
                "region_code": [finest["region_code"][0]] * 2,
                "fiscal_year": years,
                "programme": ["Ketertiban"] * 2,
                "budget_idr": [1.0e9, 1.2e9],
                "realised_idr": [0.9e9, 0.4e9],
            },
            plan,
            "bpkad.anggaran",
            "b1",
        ),
    )
    write_logs(lake, plan)


def write_logs(lake: Lake, plan: Plan) -> None:
    logged = dt.datetime.combine(plan.as_of, dt.time(12), UTC)
    common = {
        "run_id": "r1", "feed": "polri.laporan", "entity": "police_record", "batch_id": "b1", "reason": None,
        "table_version": 0, "position": "1", "period_from": logged - dt.timedelta(days=plan.days),
        "period_to": logged, "digest": _digest("b1"), "airflow_run": None,
    }  # fmt: skip
    batches = [
        {**common, "event": "intent", "status": None, "read": None, "accepted": None, "duplicate": None,
         "quarantined": None, "logged_at": logged},
        {**common, "event": "outcome", "status": "landed", "read": plan.incidents + 12, "accepted": plan.incidents,
         "duplicate": 8, "quarantined": 4, "logged_at": logged + dt.timedelta(seconds=9)},
    ]  # fmt: skip
    types = {"table_version": pl.Int64, "reason": pl.String, "airflow_run": pl.String}
    lake.append("control", "batch_log", pl.DataFrame(batches, schema_overrides=types))
    lake.append(
        "control",
        "redaction",
        pl.DataFrame(
            [
                {"run_id": "r1", "feed": "polri.laporan", "batch_id": "b1", "column": "nik",
                    "classification": "specific",
                 "action": "drop", "entity_type": "ID_NIK", "rows": plan.incidents, "affected": plan.incidents,
                 "logged_at": logged},
            ]
        ),
    )  # fmt: skip
