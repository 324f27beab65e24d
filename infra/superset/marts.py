"""What a dashboard may be built on: the marts as dbt declares them, with their columns and audience.

A mart's newest version bears the mart's name; an older one, `<mart>_v<number>`, lives one release as deprecated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

REPOSITORY = Path(__file__).resolve().parents[2]
MARTS = REPOSITORY / "dbt_project" / "models" / "marts"
DEPRECATED = "Usang, tidak ada lagi pada rilis berikut. / Deprecated, gone with the next release."


@dataclass(frozen=True)
class MartColumn:
    """One column: dbt's data type in lower case, and what it means."""

    name: str
    data_type: str
    description: str = ""

    @property
    def is_time(self) -> bool:
        return self.data_type.startswith(("date", "timestamp"))

    @property
    def superset_type(self) -> str:
        """The type as DuckDB writes it (DATE, VARCHAR, DECIMAL(6, 1) ...)."""
        return {"string": "VARCHAR", "text": "VARCHAR"}.get(self.data_type, self.data_type.upper())


@dataclass(frozen=True)
class Mart:
    """One mart: who may read it, and its columns in declared order."""

    name: str
    audience: str
    description: str = ""
    columns: Mapping[str, MartColumn] = field(default_factory=dict)
    is_deprecated: bool = False


def read_marts(folder: Path = MARTS) -> dict[str, Mart]:
    """Marts by name from every YAML file below `folder`. Raises ValueError where a column states no type."""
    found: dict[str, Mart] = {}
    for path in sorted([*folder.rglob("*.yml"), *folder.rglob("*.yaml")]):
        for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models", []):
            meta = {**(model.get("meta") or {}), **((model.get("config") or {}).get("meta") or {})}
            columns = {}
            for column in model.get("columns", []):
                if not column.get("data_type"):
                    raise ValueError(f"{path}: {model['name']}.{column['name']} states no data_type: add it")
                name, data_type = str(column["name"]), str(column["data_type"]).strip().lower()
                columns[name] = MartColumn(name, data_type, _flat(column.get("description")))
            mart = Mart(str(model["name"]), str(meta.get("audience") or ""), _flat(model.get("description")), columns)
            found |= {each.name: each for each in _versions(mart, model)}
    return found


def _versions(mart: Mart, model: Mapping[str, Any]) -> Iterator[Mart]:
    """The mart, or each of its versions with the columns that it takes of the mart's (dbt's include and exclude)."""
    declared = model.get("versions") or []
    if not declared:
        yield mart
        return
    latest = model.get("latest_version", max(version["v"] for version in declared))
    for version in declared:
        left_out = {
            str(name)
            for column in version.get("columns") or []
            if "include" in column
            for name in column.get("exclude") or []
        }
        columns = {name: column for name, column in mart.columns.items() if name not in left_out}
        if version["v"] == latest:
            yield replace(mart, columns=columns)
        else:
            about = f"{DEPRECATED} {mart.description}"
            yield replace(
                mart, name=f"{mart.name}_v{version['v']}", description=about, columns=columns, is_deprecated=True
            )


def _flat(text: object) -> str:
    return " ".join(str(text or "").split())
