"""Why a region's index is what it is: read from a release alone, as its readers have it.

Only what was published is told: a value that was withheld stays withheld, with its reason, and counts stay bands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

PERIOD = re.compile(r"(?P<year>\d{4})-(?:(?P<month>\d{2})|Q(?P<quarter>[1-4]))")
WITHHELD = "withheld"


class NothingToExplain(ValueError):
    """No such region or period in the release; the message says which there are."""


@dataclass(frozen=True)
class Part:
    """Points that one group of categories takes from 100, now and in the period before (None where it has none)."""

    dimension: str
    title: str
    points: float
    points_before: float | None
    group: str = ""


@dataclass(frozen=True)
class Explanation:
    """One region and period of `region_security_index` with its parts. `index` is the mart's row, `marts` says of each
    mart of the release which version of its Delta table it was copied from, `sources` of each table that was read."""

    release: str
    index: Mapping[str, Any]
    parts: tuple[Part, ...]
    marts: tuple[tuple[str, int, int], ...]
    sources: Mapping[str, int] = field(default_factory=dict)

    @property
    def changes(self) -> tuple[tuple[str, float], ...]:
        """Groups whose points changed since the period before, those that changed most first."""
        moved = [
            (part.title, round(part.points - part.points_before, 1))
            for part in self.parts
            if part.points_before is not None and part.points != part.points_before
        ]
        return tuple(sorted(moved, key=lambda change: (-abs(change[1]), change[0])))

    @property
    def is_withheld(self) -> bool:
        return self.index["status"] == WITHHELD


def period_of(text: str) -> tuple[str, date]:
    """`2026-05` or `2026-Q2` as (period type, first day). Raises NothingToExplain with the form that is wanted."""
    found = PERIOD.fullmatch(text.strip().upper())
    if found is None:
        raise NothingToExplain(f"{text!r} is no period: write a month like 2026-05 or a quarter like 2026-Q2")
    year = int(found["year"])
    if found["quarter"]:
        return "quarter", date(year, 3 * int(found["quarter"]) - 2, 1)
    month = int(found["month"])
    if not 1 <= month <= 12:
        raise NothingToExplain(f"{text!r}: there is no month {month:02d}")
    return "month", date(year, month, 1)


def explain(release: Path, region: str, period: str) -> Explanation:
    """Explains one region (code, or name in any case) and period from a release's DuckDB file.

    Raises NothingToExplain where the release holds no such region or period, or the name fits several regions.
    """
    import duckdb

    kind, start = period_of(period)
    with duckdb.connect(str(release), read_only=True) as connection:
        code = _region(connection, region)
        index = _one(
            connection,
            "select * exclude (boundary_json) from marts.region_security_index "
            "where region_code = ? and period_type = ? and period_start = ?",
            [code, kind, start],
        )
        if index is None:
            known = connection.execute(
                "select min(period_label), max(period_label) from marts.region_security_index where period_type = ?",
                [kind],
            ).fetchone() or ("-", "-")
            raise NothingToExplain(f"the release has no {period} for {code}: {kind}s run from {known[0]} to {known[1]}")
        parts = _parts(connection, code, kind, start)
        rows = connection.execute(
            "select mart, delta_version, rows, release_id from marts.release order by 1"
        ).fetchall()
        sources = _sources(connection)
    marts = tuple((name, version, count) for name, version, count, _ in rows)
    return Explanation(rows[0][3], index, parts, marts, sources)


def _sources(connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """Tables that the release's build read, with their versions; empty in a release that was made before it told."""
    columns = {row[0] for row in connection.execute("describe marts.release").fetchall()}
    if "source_versions" not in columns:
        return {}
    row = connection.execute("select max(source_versions) from marts.release").fetchone()
    found: dict[str, int] = json.loads(row[0]) if row and row[0] else {}
    return found


def _region(connection: duckdb.DuckDBPyConnection, region: str) -> str:
    found = connection.execute(
        "select distinct region_code, region_name, level_title from marts.region_security_index "
        "where region_code = $1 or lower(region_name) = lower($1) order by 1",
        [region.strip()],
    ).fetchall()
    if not found:
        near = connection.execute(
            "select region_code || ' ' || region_name from (select distinct region_code, region_name "
            "from marts.region_security_index) order by jaro_winkler_similarity(lower(region_name), lower($1)) desc, 1 "
            "limit 3",
            [region.strip()],
        ).fetchall()
        raise NothingToExplain(f"no region {region!r} in the release; near it: {', '.join(row[0] for row in near)}")
    if len(found) > 1:
        named = ", ".join(f"{code} ({level})" for code, _, level in found)
        raise NothingToExplain(f"{region!r} is the name of several regions; give a code: {named}")
    return str(found[0][0])


def _one(connection: duckdb.DuckDBPyConnection, query: str, values: list[object]) -> dict[str, Any] | None:
    cursor = connection.execute(query, values)
    names = [column[0] for column in cursor.description or ()]
    row = cursor.fetchone()
    return None if row is None else dict(zip(names, row, strict=True))


def _parts(connection: duckdb.DuckDBPyConnection, code: str, kind: str, start: date) -> tuple[Part, ...]:
    rows = connection.execute(
        """
        with mine as (
            select dimension, category_group, category_group_title, period_start, share_points
            from marts.region_security_index_components where region_code = $1 and period_type = $2
        ), earlier as (
            select * from mine
            where period_start = (select max(period_start) from mine where period_start < $3)
        )
        select now.dimension, now.category_group_title, now.share_points, earlier.share_points, now.category_group
        from mine as now left join earlier using (dimension, category_group)
        where now.period_start = $3 order by now.share_points desc, 2
        """,
        [code, kind, start],
    ).fetchall()
    return tuple(
        Part(dimension, title, float(points or 0), None if before is None else float(before), group)
        for dimension, title, points, before, group in rows
    )
