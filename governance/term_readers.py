"""Which marts are made of what narratives told, read from dbt's manifest.

A model reads a term column where its SQL, or a macro that it calls, names it, or takes every column of a model that
has one. A staging model hands it on under the name its line gives; whatever else reads one is all made of it. What
cannot be told is taken for a reader: a mart is held back once too often rather than once too seldom.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from governance.marts import ManifestError

# Columns that landing fills from narratives (ingestion/minimise/columns.py).
TERM_COLUMNS = frozenset({"modus_terms", "place_terms", "object_terms", "narrative_redacted"})
_COMMENTS = re.compile(r"\{#.*?#\}|--[^\n]*", re.DOTALL)
_EVERYTHING = re.compile(r"select\s+(?:distinct\s+)?(?:\w+\.)?\*", re.IGNORECASE)
_LAST_WORD = re.compile(r"(\w+)\s*,?\s*$")


@dataclass(frozen=True)
class _Told:
    """What a node hands on of narratives: of which entities, in which columns (None: in any)."""

    entities: frozenset[str] = frozenset()
    columns: frozenset[str] | None = frozenset()


def term_readers(path: Path, estimates: Mapping[str, tuple[str, ...]]) -> dict[str, frozenset[str]]:
    """Mart -> the entities of whose narratives it is made, of a dbt `manifest.json`; marts that read none are left out.

    `estimates`: estimate -> the models that it is made of, which no SQL tells; one that is not named there is taken to
    be made of every intermediate model. Raises ManifestError where the file is absent or no manifest.
    """
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        nodes, sources = manifest["nodes"], manifest["sources"]
    except (FileNotFoundError, KeyError, TypeError, ValueError):
        raise ManifestError(f"{path}: no dbt manifest there: run build_marts first") from None
    models = {node["name"]: key for key, node in nodes.items() if node.get("resource_type") == "model"}
    intermediate = tuple(name for name, key in models.items() if _folder(nodes[key]) == "intermediate")

    @cache
    def told(key: str) -> _Told:
        if key in sources:
            source = sources[key]
            if source["source_name"] == "minimised":
                return _Told(frozenset({source["name"]}), TERM_COLUMNS & source.get("columns", {}).keys())
            if source["source_name"] != "estimates":
                return _Told()
            made_of = [told(models[name]) for name in estimates.get(source["name"], intermediate) if name in models]
            every = frozenset(name for each in made_of if each.columns != frozenset() for name in each.entities)
            return _Told(every, None if every else frozenset())
        node = nodes.get(key)
        if node is None or node.get("resource_type") != "model":
            return _Told()
        sql = _sql(node, manifest)
        entities, columns = set[str](), set[str]()
        for parent in node.get("depends_on", {}).get("nodes", ()):
            handed = told(parent)
            read = _read(sql, handed.columns)
            if read:
                entities |= handed.entities
                columns |= read
        if not entities:
            return _Told()
        named = _handed_on(sql, columns) if _folder(node) == "staging" else None
        return _Told(frozenset(entities), named)

    marts = {name: told(key) for name, key in models.items() if _folder(nodes[key]) == "marts"}
    return {name: found.entities for name, found in sorted(marts.items()) if found.entities}


def _folder(node: Mapping[str, Any]) -> str:
    """staging, intermediate, estimates or marts: the folder under `models`."""
    parts = Path(str(node.get("original_file_path", ""))).parts
    return parts[1] if len(parts) > 1 else ""


def _sql(node: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    """The model's code and that of the project's macros that it calls, without comments."""
    seen: set[str] = set()
    waiting = list(node.get("depends_on", {}).get("macros", ()))
    texts = [str(node.get("raw_code", ""))]
    while waiting:
        name = waiting.pop()
        if name in seen or not name.startswith(f"macro.{node.get('package_name', 'telaga')}."):
            continue
        seen.add(name)
        macro = manifest.get("macros", {}).get(name, {})
        texts.append(str(macro.get("macro_sql", "")))
        waiting += macro.get("depends_on", {}).get("macros", ())
    return _COMMENTS.sub("", "\n".join(texts))


def _read(sql: str, columns: frozenset[str] | None) -> set[str]:
    """Which of a parent's columns the SQL reads; any, where every column of the parent tells of narratives."""
    if columns is None:
        return {"*"}
    named = {name for name in columns if re.search(rf"\b{re.escape(name)}\b", sql)}
    return set(columns) if columns and _EVERYTHING.search(sql) else named


def _handed_on(sql: str, columns: set[str]) -> frozenset[str] | None:
    """Names under which a staging model hands the columns on, one to a line; None where a line does not end in one."""
    found = set()
    for line in sql.splitlines():
        if any(re.search(rf"\b{re.escape(name)}\b", line) for name in columns):
            last = _LAST_WORD.search(line)
            if last is None:
                return None
            found.add(last[1])
    return frozenset(found) if found and not _EVERYTHING.search(sql) else None
