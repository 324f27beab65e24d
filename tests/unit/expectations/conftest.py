"""A feed with a rule of every kind, and batches of it that are clean or broken in a known way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from ingestion.contract import Contract, load_contract

ZONE = "America/Chicago"
LAST_DAY = dt.date(2022, 11, 30)


def column(
    name: str, logical: str, *, maps_to: str | None = None, required: bool = False, **more: Any
) -> dict[str, Any]:
    ours = {"action": more.pop("action", "keep" if maps_to else "drop"), **more.pop("ours", {})}
    if maps_to:
        ours["maps_to"] = maps_to
    return {
        "name": name,
        "logicalType": logical,
        "physicalType": more.pop("physical", "text"),
        "required": required,
        "classification": more.pop("classification", "internal"),
        "customProperties": [{"property": "telaga", "value": ours}],
        **more,
    }


COLUMNS = [
    column("id", "string", maps_to="source_key", required=True, primaryKey=True, action="pseudonymise"),
    column(
        "kind",
        "string",
        maps_to="category",
        required=True,
        logicalTypeOptions={"maxLength": 8},
        ours={"codes": {"THEFT": "theft", "ROBBERY": "robbery"}, "ignore_case": True},
    ),
    column("modus", "string", maps_to="modus_code", logicalTypeOptions={"pattern": "[A-Z]{2}[0-9]"}),
    column(
        "from",
        "timestamp",
        maps_to="occurred_from_at",
        required=True,
        action="generalise",
        ours={"format": "%Y-%m-%d %H:%M"},
    ),
    column(
        "to", "timestamp", maps_to="occurred_to_at", action="generalise", ours={"format": ["%Y-%m-%d %H:%M", "iso"]}
    ),
    column(
        "lon", "number", maps_to="longitude", action="generalise", logicalTypeOptions={"minimum": -90, "maximum": -80}
    ),
    column("lat", "number", maps_to="latitude", action="generalise", ours={"decimal": ","}),
    column("name", "string", classification="personal"),
]


@pytest.fixture
def write_contract(tmp_path: Path) -> Callable[..., Contract]:
    """Writes and loads a contract of the entity police_record; `quality` are batch rules."""

    def write(
        columns: list[dict[str, Any]] = COLUMNS, quality: list[dict[str, Any]] | None = None, **ours: Any
    ) -> Contract:
        document = {
            "apiVersion": "v3.1.0",
            "kind": "DataContract",
            "id": "police.records",
            "name": "police.records",
            "version": "1.0.0",
            "status": "active",
            "tenant": "testville",
            "description": {"purpose": "tests"},
            "team": {"name": "Police"},
            "servers": [{"server": "inbox", "type": "local", "path": "{simulation}/*.csv", "format": "csv"}],
            "slaProperties": [
                {"property": "freshness", "value": 24, "unit": "h"},
                {"property": "retention", "value": 365, "unit": "d"},
            ],
            "schema": [
                {
                    "name": "records",
                    "logicalType": "object",
                    "properties": columns,
                    "quality": [
                        {
                            "name": "order:to",
                            "type": "custom",
                            "engine": "telaga",
                            "implementation": {"rule": "order", "columns": ["to", "from"]},
                        },
                        *(quality or []),
                    ],
                }
            ],
            "customProperties": [
                {
                    "property": "telaga",
                    "value": {
                        "entity": "police_record",
                        "connector": "folder",
                        "cadence": "0 1 * * *",
                        "legal_basis": "tests",
                        "is_synthetic": True,
                        "time_zone": ZONE,
                        "format": {"kind": "csv"},
                        **ours,
                    },
                }
            ],
        }
        path = tmp_path / "police.records.odcs.yaml"
        path.write_text(yaml.safe_dump(document, sort_keys=False))
        return load_contract(path)

    return write


@pytest.fixture
def contract(write_contract: Callable[..., Contract]) -> Contract:
    return write_contract()


@pytest.fixture
def clean() -> Callable[[int], pl.DataFrame]:
    """`clean(n)`: n rows as a CSV reader hands them on, none of them broken."""

    def rows(n: int) -> pl.DataFrame:
        return pl.DataFrame(
            {
                "_row": list(range(1, n + 1)),
                "_raw": [None] * n,
                "id": [f"R{i:06d}" for i in range(n)],
                "kind": ["THEFT" if i % 2 else "robbery" for i in range(n)],
                "modus": ["AB1" if i % 3 else None for i in range(n)],
                "from": [f"2022-05-{1 + i % 28:02d} {i % 24:02d}:30" for i in range(n)],
                "to": [f"2022-06-{1 + i % 28:02d} {i % 24:02d}:30" if i % 4 else "" for i in range(n)],
                "lon": [str(-87.5 - i % 7 / 10) for i in range(n)],
                "lat": [f"41,{i % 9}" for i in range(n)],
                "name": ["Budi Santoso"] * n,
            },
            schema_overrides={"_row": pl.Int64, "_raw": pl.String},
        )

    return rows
