"""The dbt project as files: models with their SQL, and what their YAML says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[3]
PROJECT = ROOT / "dbt_project"


@dataclass(frozen=True)
class Model:
    """One model: its name, its SQL and its YAML (empty where it has none)."""

    name: str
    folder: str
    sql: str
    said: dict[str, Any]

    @property
    def meta(self) -> dict[str, Any]:
        meta: dict[str, Any] = self.said.get("config", {}).get("meta", {})
        return meta

    @property
    def columns(self) -> dict[str, dict[str, Any]]:
        return {column["name"]: column for column in self.said.get("columns", [])}


def read_yaml(pattern: str, key: str) -> list[dict[str, Any]]:
    """All entries under `key` in the project's YAML files."""
    found: list[dict[str, Any]] = []
    for path in sorted(PROJECT.glob(pattern)):
        found += (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get(key, [])
    return found


@pytest.fixture(scope="session")
def models() -> dict[str, Model]:
    said = {entry["name"]: entry for entry in read_yaml("models/**/*.yml", "models")}
    found = {}
    for path in sorted((PROJECT / "models").rglob("*.sql")):
        folder = path.relative_to(PROJECT / "models").parts[0]
        found[path.stem] = Model(path.stem, folder, path.read_text(encoding="utf-8"), said.get(path.stem, {}))
    return found


@pytest.fixture(scope="session")
def marts(models: dict[str, Model]) -> dict[str, Model]:
    return {name: model for name, model in models.items() if model.folder == "marts"}
