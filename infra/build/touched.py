"""Which local days a build counts again: those whose rows changed since the last finished build.

Aggregates by day are sums of the rows of their day, so the others are kept as they were counted. Two versions of a
minimised table are compared partition by partition where their files differ, day by day by a digest of the rows: a
compaction, or a batch landed again as it was, touches no day. Whatever cannot be told (another code or engine, a
version that is gone, a clock set back) counts everything again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.lake.commit import DataFile, data_files

if TYPE_CHECKING:
    from infra.build.settings import BuildSettings, Pins
    from ingestion.lake import Lake

# The day of an entity's rows, and the aggregates that are sums by it.
DAYS: Mapping[str, str] = {
    "police_record": "occurred_local_date",
    "emergency_call": "received_local_date",
    "camera_event": "occurred_local_date",
    "camera_uptime": "uptime_date",
    "patrol_plan": "plan_local_date",
}
AGGREGATES: Mapping[str, tuple[str, ...]] = {
    "police_record": ("int_incidents__region_day", "int_incidents__cell_day"),
    "emergency_call": ("int_calls__region_day",),
    "camera_event": ("int_camera__region_day",),
    "camera_uptime": ("int_camera_uptime__region_day",),
    "patrol_plan": ("int_patrol__region_day",),
}
# Says who delivered a row last and nothing that is counted.
NOT_COUNTED = ("batch_id",)
# More than a year of days: to name them all costs more than to count them all.
MOST_DAYS = 400


@dataclass(frozen=True)
class Base:
    """The finished build that this one starts from: Delta versions of its sources and of its aggregates."""

    as_of: date
    versions: Mapping[str, int]
    aggregates: Mapping[str, int]


def touched(settings: BuildSettings, pins: Pins, base: Base | None) -> dict[str, list[date]]:
    """Entity -> days to count again, sorted; an entity that is not named is counted in full."""
    if base is None or pins.as_of < base.as_of:
        return {}
    found = {}
    for entity in DAYS:
        before, now = (versions.get(f"minimised__{entity}") for versions in (base.versions, pins.versions))
        if before is None or now is None or not base.aggregates.keys() >= set(AGGREGATES[entity]):
            continue
        days = changed_days(settings.lake, entity, before, now)
        if days is None:
            continue
        # Days that lay ahead of the clock then, and no longer do.
        days |= {day for day in _days(settings.lake, entity, now) if base.as_of < day <= pins.as_of}
        if len(days) <= MOST_DAYS:
            found[entity] = sorted(days)
    return found


def changed_days(lake: Lake, entity: str, before: int, now: int) -> set[date] | None:
    """Days whose rows differ between two versions of a minimised table; None where the older one is gone."""
    if before == now:
        return set()
    try:
        old, new = (lake.open("minimised", entity, version) for version in (before, now))
        if old is None or new is None:
            return None
        files = [{file.path: file for file in data_files(table)} for table in (old, new)]
        changed = [files[side][path] for side in (0, 1) for path in files[side].keys() - files[1 - side].keys()]
        if not changed:
            return set()
        digests = [_digests(lake, entity, version, changed) for version in (before, now)]
    except (OSError, pl.exceptions.PolarsError):
        return None  # maintenance or an erasure has taken files of the older version
    either = digests[0].join(digests[1], on="day", how="full", coalesce=True)
    differs = pl.col("digest").ne_missing(pl.col("digest_right")) | pl.col("n").ne_missing(pl.col("n_right"))
    return set(either.filter(differs)["day"].drop_nulls().to_list())


def variables(settings: BuildSettings, base: Base | None, days: Mapping[str, list[date]]) -> dict[str, Any]:
    """What the models are told: the days of each entity, and where the aggregates lie that keep the others."""
    if base is None:
        return {}
    return {
        entity: {
            "days": [day.isoformat() for day in listed],
            "kept": {
                name: {"uri": settings.lake.table("aggregates", name), "version": base.aggregates[name]}
                for name in AGGREGATES[entity]
            },
        }
        for entity, listed in days.items()
    }


def told(days: Mapping[str, list[date]]) -> str:
    """One line: how many days of each entity, and what is counted in full."""
    parts = [f"{entity} {len(days[entity])}" if entity in days else f"{entity} all" for entity in DAYS]
    return ", ".join(parts)


def _digests(lake: Lake, entity: str, version: int, changed: list[DataFile]) -> pl.DataFrame:
    """`day`, `n`, `digest` of the rows in the partitions that hold a changed file."""
    rows = lake.read("minimised", entity, version)
    partitions = {tuple(sorted(file.partition.items())) for file in changed}
    if () not in partitions:
        inside = [
            pl.all_horizontal([pl.col(name).cast(pl.String) == value for name, value in partition])
            for partition in sorted(partitions)
        ]
        rows = rows.filter(pl.any_horizontal(inside))
    counted = [name for name in rows.collect_schema().names() if name not in NOT_COUNTED]
    return (
        rows.select(day=pl.col(DAYS[entity]), digest=pl.struct(counted).hash(seed=1))
        .group_by("day")
        .agg(pl.len().alias("n"), pl.col("digest").sum())
        .collect(engine="streaming")
    )


def _days(lake: Lake, entity: str, version: int) -> list[date]:
    """Every day of a table."""
    return lake.read("minimised", entity, version).select(pl.col(DAYS[entity]).unique()).collect().to_series().to_list()
