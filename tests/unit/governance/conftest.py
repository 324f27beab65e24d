"""Contracts, marts and a lake that say only what a test is about."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from governance.marts import Mart, MartColumn
from ingestion.contract import Column, Contract
from ingestion.lake import Lake


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def mart() -> Callable[..., Mart]:
    def make(name: str = "index", columns: tuple[str, ...] = ("region_code", "value"), **said: Any) -> Mart:
        """A mart that lacks nothing; `said` overrides."""
        stated = {
            "audience": "executive",
            "grain": ("region_code",),
            "disclosure": "rates only",
            "owner": "Bappeda",
            "columns": tuple(MartColumn(column) for column in columns),
            **said,
        }
        return Mart(name, **stated)

    return make


def column(name: str, classification: str = "internal", action: str = "keep") -> Column:
    return Column(name, "string", "text", False, classification, action)


@pytest.fixture
def contract() -> Callable[..., Contract]:
    def make(feed: str = "polri.laporan", entity: str = "police_record", **said: Any) -> Contract:
        stated = {
            "city": "testville",
            "version": "1.0.0",
            "title": "Laporan",
            "key": (),
            "columns": (column("category"), column("nik", "specific", "drop"), column("name", "personal", "drop")),
            "connector": "folder",
            "server": {},
            "format": {},
            "cadence": "0 1 * * *",
            "freshness_hours": 24.0,
            "owner": "Polda",
            "purpose": "count places",
            "legal_basis": "a law",
            "retention_days": 365,
            "ignored": frozenset(),
            "unknown_columns": "stop",
            "quality": (),
            "constants": {},
            "is_synthetic": True,
            "is_official": False,
            "digest": "d" * 64,
            "path": "polri.laporan.odcs.yaml",
            **said,
        }
        return Contract(feed=feed, entity=entity, **stated)

    return make
