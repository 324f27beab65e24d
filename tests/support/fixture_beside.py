"""Rows of the marts that stand beside the index, filled by what their columns are declared to be: seeded noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import numpy as np

from infra.superset.marts import Mart, MartColumn

# What one region has several rows of; a mart without regions has one row for each month of age.
KINDS: Mapping[str, list[dict[str, str]]] = {
    "regional_head_scorecard": [
        {"indicator": "region_security_index", "indicator_title": "Indeks keamanan", "direction": "membaik"},
        {"indicator": "clearance_share", "indicator_title": "Perkara selesai", "direction": "memburuk"},
    ],
    "modus_operandi": [
        {
            "category": "theft",
            "category_title": "Pencurian biasa",
            "told_by": by,
            "modus": "snatch",
            "modus_title": "Menjambret",
        }
        for by in ("code", "term")
    ],
}
TEXTS = {"period_label": "2026-Q2", "status": "published", "records_band": "25", "data_label": "SINTETIS"}
MONTHS = 12


def rows_of(
    mart: Mart, regions: list[dict[str, Any]], as_of: date
) -> Callable[[np.random.Generator], list[dict[str, Any]]]:
    """What makes the mart's rows: every region (or age in months) with a value of each column's type."""

    def made(random: np.random.Generator) -> list[dict[str, Any]]:
        subjects: list[dict[str, Any]] = [
            {"region_code": each["code"], "region_name": each["name"], **{k: each[k] for k in ("level", "level_title")}}
            for each in regions
        ]
        if "region_code" not in mart.columns:
            subjects = [{"age_months": age} for age in range(MONTHS)]
        rows = [{**subject, **kind} for subject in subjects for kind in KINDS.get(mart.name, [{}])]
        return [
            {column.name: row.get(column.name, _value(column, random, as_of)) for column in mart.columns.values()}
            for row in rows
        ]

    return made


def _value(column: MartColumn, random: np.random.Generator, as_of: date) -> Any:
    if column.name == "fiscal_year":
        return as_of.year - 1
    if column.is_time:
        return as_of if column.name == "as_of" else as_of.replace(month=as_of.month - 2, day=1)
    if column.data_type == "boolean":
        return True
    if column.data_type == "string":
        return TEXTS.get(column.name)
    return int(random.integers(1, 6)) if column.data_type == "bigint" else float(random.uniform(5, 95))
