"""What a mart declares about itself: audience, grain, disclosure rule, owner, columns. Read from dbt's manifest.

The manifest is the one place where it is said; the release, the disclosure check and the record of processing
derive from it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

AUDIENCES = ("executive", "oversight", "privacy", "operations", "engineering")


class ManifestError(ValueError):
    """The manifest cannot be read as one; the message names the file and what to do."""


@dataclass(frozen=True)
class MartColumn:
    """One declared column. `classification` is public, internal, personal or specific; empty where none is stated."""

    name: str
    data_type: str = ""
    description: str = ""
    classification: str = ""
    # Said of a timestamp that tells when the lakehouse did something, never when an event happened.
    is_system_time: bool = False


@dataclass(frozen=True)
class Mart:
    """One mart as declared. `counts` are columns holding counts of events or persons, `not_counts` those that only
    look like it by name (a number of feeds, of columns)."""

    name: str
    audience: str = ""
    grain: tuple[str, ...] = ()
    disclosure: str = ""
    owner: str = ""
    description: str = ""
    counts: tuple[str, ...] = ()
    not_counts: tuple[str, ...] = ()
    # Bands that stay as they were published until the count has moved two bands away (governance.bands).
    settled: tuple[str, ...] = ()
    columns: tuple[MartColumn, ...] = ()


def read_manifest(path: Path) -> tuple[Mart, ...]:
    """Marts of a dbt `manifest.json`, by name. Raises ManifestError where the file is absent or no manifest."""
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ManifestError(f"{path}: no dbt manifest there: run build_marts first") from None
    except ValueError as error:
        raise ManifestError(f"{path}: not JSON (line {getattr(error, 'lineno', '?')}): run build_marts again") from None
    if not isinstance(manifest, dict) or "nodes" not in manifest:
        raise ManifestError(f"{path}: has no nodes, so it is no dbt manifest: run build_marts again")
    return marts_from_nodes(manifest["nodes"].values())


def marts_from_nodes(nodes: Iterable[Mapping[str, Any]]) -> tuple[Mart, ...]:
    """Marts among a manifest's nodes: the models that lie in a folder `marts`, by name."""
    found = [
        _mart(node)
        for node in nodes
        if node.get("resource_type") == "model" and "marts" in Path(str(node.get("original_file_path", ""))).parts
    ]
    return tuple(sorted(found, key=lambda mart: mart.name))


def _meta(node: Mapping[str, Any]) -> dict[str, Any]:
    # dbt moved meta into config; both places are filled or one, by version.
    return {**(node.get("meta") or {}), **((node.get("config") or {}).get("meta") or {})}


def _names(value: object) -> tuple[str, ...]:
    if value is None:
        return ()
    if isinstance(value, str):
        return (value,)
    return tuple(str(item) for item in value) if isinstance(value, Iterable) else (str(value),)


def _mart(node: Mapping[str, Any]) -> Mart:
    meta = _meta(node)
    columns = tuple(_column(name, column) for name, column in (node.get("columns") or {}).items())
    marked = tuple(
        name for name, column in (node.get("columns") or {}).items() if str(_meta(column).get("count")) == "True"
    )
    return Mart(
        # The table's name: an older version of a mart has one of its own.
        name=str(node.get("alias") or node["name"]),
        audience=str(meta.get("audience") or ""),
        grain=_names(meta.get("grain")),
        disclosure=str(meta.get("disclosure") or ""),
        owner=str(meta.get("owner") or ""),
        description=str(node.get("description") or ""),
        counts=tuple(dict.fromkeys(_names(meta.get("counts")) + marked)),
        not_counts=_names(meta.get("not_counts")),
        settled=_names(meta.get("settled")),
        columns=columns,
    )


def _column(name: str, column: Mapping[str, Any]) -> MartColumn:
    meta = _meta(column)
    return MartColumn(
        name=name,
        data_type=str(column.get("data_type") or ""),
        description=str(column.get("description") or ""),
        classification=str(meta.get("classification") or ""),
        is_system_time=bool(meta.get("system_time", False)),
    )
