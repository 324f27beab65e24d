"""A small city and contracts made on the spot: each test states only what it is about."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from ingestion.city import City, load_city
from ingestion.contract import Contract, load_contract

CITY = {
    "name": "testville",
    "title": "Testville",
    "time_zone": "Asia/Makassar",
    "as_of": "2026-06-30",
    "is_synthetic": True,
    "h3_resolution": 9,
    "levels": [{"key": "kecamatan", "title_id": "Kecamatan"}],
    "index_level": "kecamatan",
    "discovered_categories": ["narcotics"],
    "sensitive_categories": ["child_abuse"],
}


def column(name: str, logical: str = "string", **given: Any) -> dict[str, Any]:
    """An ODCS property; what is not the standard's goes into our custom property."""
    standard = {key: given.pop(key) for key in ("logicalTypeOptions", "physicalName", "required") if key in given}
    key = given.pop("key", None)
    prop = {
        "name": name,
        "logicalType": logical,
        "physicalType": given.pop("physicalType", "text"),
        "classification": given.pop("classification", "internal"),
        **standard,
        "customProperties": [{"property": "telaga", "value": {"action": "keep", **given}}],
    }
    if key:
        prop |= {"primaryKey": True, "primaryKeyPosition": key, "required": True}
    return prop


def calls(**feed: Any) -> dict[str, Any]:
    """A contract of emergency calls as CSV."""
    stated = {
        "entity": "emergency_call",
        "connector": "folder",
        "cadence": "0 1 * * *",
        "legal_basis": "a law",
        "is_synthetic": True,
        "format": {"kind": "csv", "encoding": "utf-8", "separator": ","},
        **feed,
    }
    return {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": "testville.police.calls",
        "name": "police.calls",
        "version": "1.0.0",
        "status": "active",
        "tenant": "testville",
        "description": {"purpose": "to test"},
        "team": {"name": "Police"},
        "slaProperties": [{"property": "freshness", "value": 24}, {"property": "retention", "value": 30}],
        "servers": [{"server": "inbox", "type": "local", "path": "{simulation}/inbox/*.csv", "format": "csv"}],
        "schema": [
            {
                "name": "calls",
                "properties": [
                    column("number", key=1, action="pseudonymise", maps_to="source_key"),
                    column("kind", required=True, maps_to="category", codes={"K": "crime", "F": "fire"}),
                    column("at", "timestamp", required=True, maps_to="received_at", format="%Y-%m-%d %H:%M:%S"),
                    column("arrived", "timestamp", maps_to="arrived_at", format="%Y-%m-%d %H:%M:%S"),
                    column("lat", "number", maps_to="latitude"),
                    column("lon", "number", maps_to="longitude"),
                    column("caller", classification="personal", action="drop"),
                ],
                "quality": [
                    {
                        "name": "order:arrived",
                        "type": "custom",
                        "engine": "telaga",
                        "implementation": {"rule": "order", "columns": ["arrived", "at"]},
                    }
                ],
            }
        ],
        "customProperties": [{"property": "telaga", "value": stated}],
    }


GOOD = {
    "number": "1",
    "kind": "K",
    "at": "2026-05-01 10:00:00",
    "arrived": "2026-05-01 10:09:00",
    "lat": "-1.2",
    "lon": "116.8",
    "caller": "nobody",
}


def delivered(*rows: dict[str, Any], start: dict[str, Any] | None = None) -> pl.DataFrame:
    """Raw rows as a connector yields them: each a good row with what the test changes."""
    full = [{**(start or GOOD), **row} for row in rows]
    return pl.DataFrame(full, schema=dict.fromkeys(full[0], pl.String)).with_row_index("_row", 1)


@pytest.fixture
def write(tmp_path: Path) -> Callable[[dict[str, Any]], Path]:
    """Writes a contract under the name that it gives itself."""

    def do(document: dict[str, Any]) -> Path:
        path = tmp_path / f"{document['name']}.odcs.yaml"
        path.write_text(yaml.safe_dump(copy.deepcopy(document), sort_keys=False), encoding="utf-8")
        return path

    return do


@pytest.fixture
def contract(write: Callable[[dict[str, Any]], Path]) -> Callable[..., Contract]:
    """The calls contract, or any other, as loaded."""

    def do(document: dict[str, Any] | None = None, **feed: Any) -> Contract:
        return load_contract(write(document or calls(**feed)))

    return do


@pytest.fixture
def city(tmp_path: Path) -> Callable[..., City]:
    """Testville, or the same city elsewhere in time."""

    def do(**changed: Any) -> City:
        folder = tmp_path / "city"
        folder.mkdir(exist_ok=True)
        (folder / "city.yaml").write_text(yaml.safe_dump({**CITY, **changed}).replace("'2026-06-30'", "2026-06-30"))
        return load_city(folder)

    return do
