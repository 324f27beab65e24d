"""Which columns a model reads, from its SQL, and whether any of them is one that ends in staging.

A person, plate, face or device key, a record number, an exact time or point, religion or ethnicity may be read by
staging alone. Every other model is refused if it so much as filters, joins or counts by one, under whatever name,
hash, text or struct it comes. The one exception is a count that staging makes and its YAML declares (`meta: {count_of:
<column>}`): how many records, never which. SQL that cannot be read column by column is opaque, and may read no
relation that holds such a column.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.disclosure import forbidden_kind

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.optimizer.scope import Scope

STAGING = "staging"
# What the house itself did, and when: of no person and no event.
SYSTEM_SOURCES = frozenset({"control", "estimates"})


@dataclass(frozen=True)
class Relation:
    """A source or seed: its columns, and of those that end in staging the kind of what they tell."""

    schema: str
    name: str
    columns: tuple[str, ...]
    classified: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Model:
    """A model's compiled SQL (None where it has none, as a Python model). `layer` is its folder; `counts` are the
    columns that its YAML declares to be counts, each with the column that it counts."""

    schema: str
    name: str
    layer: str
    sql: str | None
    reads: tuple[str, ...]
    counts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Refusal:
    """One model that reads what ends in staging; `column` is empty where it shows in no column of the model."""

    model: str
    column: str
    source: str
    kind: str
    how: str

    def __str__(self) -> str:
        at = f"{self.model}.{self.column}" if self.column else self.model
        return f"{at} {self.how} {self.source} ({self.kind}), which ends in staging: leave it out"


@dataclass(frozen=True)
class _Known:
    """A relation as others see it: every column with the kind it tells of, None where it tells of nothing."""

    name: str
    columns: Mapping[str, str | None]

    @property
    def classified(self) -> tuple[str, ...]:
        return tuple(name for name, kind in self.columns.items() if kind)


def kind_of(column: str, data_type: str, source: str = "minimised") -> str | None:
    """What a source's column tells of that ends in staging, by its name and, for an exact time, its type."""
    kind = forbidden_kind(column)
    if kind is None and source not in SYSTEM_SOURCES and data_type.lower().startswith("timestamp"):
        return "exact time"
    return kind


def read_project(manifest: Mapping[str, Any]) -> tuple[tuple[Relation, ...], tuple[Model, ...]]:
    """Sources and seeds, and models in an order in which each follows what it reads, from dbt's compiled manifest."""
    relations = [
        Relation(
            node["schema"],
            node["name"],
            tuple(node["columns"]),
            {
                name: kind
                for name, column in node["columns"].items()
                if (kind := kind_of(name, str(column.get("data_type") or ""), node["source_name"]))
            },
        )
        for node in manifest["sources"].values()
    ]
    nodes = {key: node for key, node in manifest["nodes"].items() if node["resource_type"] == "model"}
    names = {key: node["name"] for key, node in {**manifest["nodes"], **manifest["sources"]}.items()}
    for node in manifest["nodes"].values():
        if node["resource_type"] == "seed":
            relations.append(Relation(node["schema"], node["name"], _header(manifest, node)))
    models = {}
    for key, node in nodes.items():
        counts = {
            name: str(meta["count_of"])
            for name, column in node["columns"].items()
            if (meta := {**(column.get("meta") or {}), **((column.get("config") or {}).get("meta") or {})}).get(
                "count_of"
            )
        }
        parts = Path(node["original_file_path"]).parts
        is_sql = node.get("language", "sql") == "sql"
        models[key] = Model(
            node["schema"],
            node["name"],
            parts[1] if len(parts) > 2 else "",
            node.get("compiled_code") if is_sql else None,
            tuple(names[other] for other in node["depends_on"]["nodes"] if other in names),
            counts,
        )
    ordered: list[Model] = []
    placed: set[str] = set()

    def place(key: str) -> None:
        if key not in placed and key in models:
            placed.add(key)
            for other in nodes[key]["depends_on"]["nodes"]:
                place(other)
            ordered.append(models[key])

    for key in sorted(models):
        place(key)
    return tuple(relations), tuple(ordered)


def _header(manifest: Mapping[str, Any], node: Mapping[str, Any]) -> tuple[str, ...]:
    root = Path(node.get("root_path") or manifest["metadata"].get("telaga_project", "."))
    with (root / node["original_file_path"]).open(encoding="utf-8") as file:
        return tuple(file.readline().strip().split(","))


def refusals(relations: Iterable[Relation], models: Iterable[Model], dialect: str = "duckdb") -> tuple[Refusal, ...]:
    """Every way in which a model outside staging reads what ends there. `models` follow what they read."""
    known: dict[tuple[str, str], _Known] = {}
    by_name: dict[str, _Known] = {}
    for relation in relations:
        columns = {name: relation.classified.get(name) for name in relation.columns}
        entry = _Known(relation.name, columns)
        known[relation.schema, relation.name] = by_name[relation.name] = entry
    found: list[Refusal] = []
    for model in models:
        entry, refused = _judged(model, known, by_name, dialect)
        found += refused
        known[model.schema, model.name] = by_name[model.name] = entry
    return tuple(found)


def _judged(
    model: Model, known: Mapping[tuple[str, str], _Known], by_name: Mapping[str, _Known], dialect: str
) -> tuple[_Known, list[Refusal]]:
    from sqlglot.errors import SqlglotError

    if model.sql is not None:
        try:
            read = _Read(model.sql, known, dialect)
        except (SqlglotError, _OpaqueError):
            pass
        else:
            if model.layer == STAGING:
                return _Known(model.name, _staged(model, read)), []
            return _Known(model.name, dict.fromkeys(read.outputs)), _refused(model, read)
    # Opaque: nobody can say what it does with what it reads.
    refused = [
        Refusal(model.name, "", f"{name}.{column}", str(by_name[name].columns[column]), "cannot be read and reads")
        for name in model.reads
        if name in by_name
        for column in by_name[name].classified
    ]
    return _Known(model.name, {}), refused


def _staged(model: Model, read: _Read) -> dict[str, str | None]:
    """Columns of a staging model: one made of a classified column is classified, but for a declared count of it."""
    columns: dict[str, str | None] = {}
    for name, origins in read.outputs.items():
        kinds = [kind for _, column, kind in origins if kind]
        counted = model.counts.get(name)
        is_count = counted is not None and name in read.counted and {c for _, c, k in origins if k} <= {counted}
        columns[name] = kinds[0] if kinds and not is_count else None
    return columns


def _refused(model: Model, read: _Read) -> list[Refusal]:
    found = []
    shown: set[tuple[str, str]] = set()
    for name, origins in read.outputs.items():
        for relation, column, kind in origins:
            if kind:
                shown.add((relation, column))
                found.append(Refusal(model.name, name, f"{relation}.{column}", kind, "is made of"))
    found += [
        Refusal(model.name, "", f"{relation}.{column}", kind, "joins, filters, groups or orders by")
        for relation, column, kind in sorted(read.everything - {(r, c, k) for r, c, k in read.everything if not k})
        if kind and (relation, column) not in shown
    ]
    return found


class _OpaqueError(ValueError):
    """SQL that hides which columns it reads."""


Origin = tuple[str, str, str | None]


class _Read:
    """What a query reads: `outputs` its columns with the columns of relations each is made of, `counted` those that are
    a count, `everything` all columns of relations that stand anywhere in it."""

    def __init__(self, sql: str, known: Mapping[tuple[str, str], _Known], dialect: str) -> None:
        from sqlglot import exp, parse_one
        from sqlglot.optimizer.qualify import qualify
        from sqlglot.optimizer.scope import build_scope

        self.known = known
        schema: dict[str, Any] = {}
        for (place, name), relation in known.items():
            schema.setdefault(place, {})[name] = dict.fromkeys(relation.columns, "unknown")
        tree = parse_one(sql, dialect=dialect)
        for table in tree.find_all(exp.Table):
            # A build's own database is the same for all.
            table.set("catalog", None)
        tree = qualify(tree, schema=schema, dialect=dialect, quote_identifiers=False)
        if any(not isinstance(star.parent, exp.Count) for star in tree.find_all(exp.Star)) or any(
            tree.find_all(exp.Columns, exp.TableColumn)
        ):
            raise _OpaqueError("a star, a pattern or a whole row, whose columns are not told")
        root = build_scope(tree)
        if root is None:
            raise _OpaqueError("no query")
        self.everything: set[Origin] = set()
        for scope in root.traverse():
            for column in scope.columns:
                self.everything |= self._origins(column, scope, deep=False)
        self.outputs: dict[str, set[Origin]] = {}
        self.counted: set[str] = set()
        for number, name in enumerate(_query(root).named_selects):
            self.outputs[name] = self._made_of(root, number)
            if self._is_count(root, number):
                self.counted.add(name)

    def _made_of(self, scope: Scope, number: int) -> set[Origin]:
        if scope.set_operation_scopes:
            return {origin for branch in scope.set_operation_scopes for origin in self._made_of(branch, number)}
        found: set[Origin] = set()
        for column in self._columns(_query(scope).selects[number], scope):
            found |= self._origins(column, scope, deep=True)
        # A scalar subquery in the select list reads what it reads.
        return found

    def _columns(self, select: exp.Expression, scope: Scope) -> list[exp.Column]:
        from sqlglot import exp

        return list(select.find_all(exp.Column))

    def _origins(self, column: exp.Column, scope: Scope, deep: bool) -> set[Origin]:
        from sqlglot import exp

        source: Any = None
        at: Scope | None = scope
        while at is not None and source is None:
            source = at.sources.get(column.table)
            at = at.parent
        if source is None:
            inner = [s for s in scope.traverse() if column.table in s.sources]
            source = inner[0].sources[column.table] if inner else None
        if isinstance(source, exp.Table):
            relation = self.known.get((source.db, source.name))
            if relation is None or column.name not in relation.columns:
                raise _OpaqueError(f"{source.name} is no relation of the project")
            return {(relation.name, column.name, relation.columns[column.name])}
        if source is None:
            raise _OpaqueError(f"{column.name} comes from nowhere known")
        if not deep:
            # It is counted where it enters the inner query.
            return set()
        names = _query(source).named_selects
        return self._made_of(source, names.index(column.name)) if column.name in names else set()

    def _is_count(self, scope: Scope, number: int) -> bool:
        from sqlglot import exp

        if scope.set_operation_scopes:
            return all(self._is_count(branch, number) for branch in scope.set_operation_scopes)
        select = _query(scope).selects[number].unalias()
        while isinstance(select, exp.Cast | exp.Paren):
            select = select.this
        if isinstance(select, exp.Count):
            return True
        if isinstance(select, exp.Column):
            source = scope.sources.get(select.table)
            if source is None or isinstance(source, exp.Table):
                return False
            names = _query(source).named_selects
            return select.name in names and self._is_count(source, names.index(select.name))
        return False


def _query(scope: Scope) -> Any:
    """The query of a scope; sqlglot does not type what a query can be asked for."""
    return scope.expression
