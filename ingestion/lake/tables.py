"""The lake's tables: columns, partitions and CHECK constraints of the minimised ones, columns of the control ones."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.entities import Entities, Entity, Field, load_entities, polars_type
from ingestion.lake.commit import create_table, delta_schema
from ingestion.lake.sync import sync_log

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from ingestion.lake import Lake

# Orders the versions of one record and of no two: microseconds of the agency's own updated-at, shifted by an offset
# that is secret for each record, so that the table holds no exact time. Null where the agency states none.
REVISION = "revision"

UTC = pl.Datetime("us", "UTC")

BATCH_LOG: Mapping[str, Any] = {
    "run_id": pl.String,
    "feed": pl.String,
    "entity": pl.String,
    "batch_id": pl.String,
    "event": pl.String,
    "status": pl.String,
    "read": pl.Int64,
    "accepted": pl.Int64,
    "duplicate": pl.Int64,
    "quarantined": pl.Int64,
    "reason": pl.String,
    "table_version": pl.Int64,
    "position": pl.String,
    "period_from": UTC,
    "period_to": UTC,
    "digest": pl.String,
    "logged_at": UTC,
    "airflow_run": pl.String,
}
QUARANTINE: Mapping[str, Any] = {
    "run_id": pl.String,
    "feed": pl.String,
    "batch_id": pl.String,
    "rule": pl.String,
    "rows": pl.Int64,
    "positions": pl.List(pl.Int64),
    "sealed_path": pl.String,
    "sealed_at": UTC,
}
REDACTION: Mapping[str, Any] = {
    "run_id": pl.String,
    "feed": pl.String,
    "batch_id": pl.String,
    "column": pl.String,
    "classification": pl.String,
    "action": pl.String,
    "entity_type": pl.String,
    "rows": pl.Int64,
    "affected": pl.Int64,
    "logged_at": UTC,
}
# What was found in one column of narratives of one batch, and what became of it; a batch landed again counts as last
# landed. `found_by`: the name model's digest or "rules only".
REDACTION_NARRATIVES: Mapping[str, Any] = {
    "run_id": pl.String,
    "feed": pl.String,
    "batch_id": pl.String,
    "column": pl.String,
    "action": pl.String,
    "found_by": pl.String,
    "narratives": pl.Int64,
    "touched": pl.Int64,
    "protected": pl.Int64,
    "refused": pl.Int64,
    "logged_at": UTC,
}
# `score_from`: lower end of a tenth.
REDACTION_FINDINGS: Mapping[str, Any] = {
    "run_id": pl.String,
    "feed": pl.String,
    "batch_id": pl.String,
    "column": pl.String,
    "entity_type": pl.String,
    "rule": pl.String,
    "score_from": pl.Float64,
    "count": pl.Int64,
    "logged_at": UTC,
}
# How many minimised rows of a feed are alone with their category, cell and hour: `share` of `rows`, null without rows.
UNIQUENESS: Mapping[str, Any] = {
    "feed": pl.String,
    "entity": pl.String,
    "as_of": pl.Date,
    "rows": pl.Int64,
    "unique_rows": pl.Int64,
    "share": pl.Float64,
}
# Public buildings whose point stands in for an unknown one; exact, as no H3 cell of the lake is.
PLACEHOLDER_POINTS: Mapping[str, Any] = {
    "feed": pl.String,
    "layer": pl.String,
    "longitude": pl.Float64,
    "latitude": pl.Float64,
}


class TableRuleBroken(Exception):
    """Rows that a table's own constraint refuses: a fault of the walk or of a contract, never passed over."""


@cache
def entities() -> Entities:
    """entities.yaml, read once a process."""
    return load_entities()


def fields_of(entity: Entity) -> tuple[Field, ...]:
    """Columns of the entity's minimised table in order, without `revision`."""
    return (*entities().every_table, *entity.minimised)


def columns_of(entity: Entity) -> dict[str, Any]:
    """Column -> Polars type of the entity's minimised table, `revision` last."""
    return {field.name: polars_type(field.type) for field in fields_of(entity)} | {REVISION: pl.Int64()}


def partitions_of(entity: Entity) -> list[str]:
    return ["feed", *([entity.partition_by] if entity.partition_by else [])]


def rules_of(entity: Entity) -> dict[str, tuple[str, pl.Expr]]:
    """Constraint name -> (SQL for the table, Polars expression that is False on a row that breaks it)."""
    rules: dict[str, tuple[str, pl.Expr]] = {}
    for field in fields_of(entity):
        column = pl.col(field.name)
        if field.required:
            rules[f"{field.name}_required"] = (f"{field.name} IS NOT NULL", column.is_not_null())
        if field.allowed:
            values = ", ".join(f"'{value}'" for value in field.allowed)
            rules[f"{field.name}_allowed"] = (
                f"{field.name} IS NULL OR {field.name} IN ({values})",
                column.is_null() | column.is_in(list(field.allowed)),
            )
        if field.name.endswith("_seconds"):
            rules[f"{field.name}_not_negative"] = (
                f"{field.name} IS NULL OR {field.name} >= 0",
                column.is_null() | (column >= 0),
            )
        if field.name.endswith("_local_hour"):
            rules[f"{field.name}_of_day"] = (
                f"{field.name} IS NULL OR ({field.name} >= 0 AND {field.name} <= 23)",
                column.is_null() | column.is_between(0, 23),
            )
    return rules


def check_rows(rows: pl.DataFrame, entity: Entity, feed: str) -> None:
    """Hold rows to the table's constraints before their file is written (a commit of files is not checked by Delta).

    No time is finer than the hour, whatever made it. Raises TableRuleBroken, which names table, constraint and count of
    rows.
    """
    times = [field.name for field in fields_of(entity) if field.type == "timestamp"]
    finer = rows.select((pl.col(name).dt.truncate("1h") != pl.col(name)).sum() for name in times)
    for name, count in zip(times, finer.row(0) if times else (), strict=True):
        if count:
            raise TableRuleBroken(
                f"minimised/{entity.name}: {name} is finer than the hour in {count} rows of {feed}; "
                "truncate it where it is minimised"
            )
    rules = rules_of(entity)
    broken = rows.select((~rule.fill_null(False)).sum().alias(name) for name, (_, rule) in rules.items()).row(0)
    for name, count in zip(rules, broken, strict=True):
        if count:
            raise TableRuleBroken(
                f"minimised/{entity.name}: constraint {name} is broken by {count} rows of {feed}; "
                "correct the contract's mapping or codes of that column"
            )


def ensure_minimised(lake: Lake, entity: Entity) -> DeltaTable:
    """The entity's minimised table, made with its constraints on first use; a column new in entities.yaml is added."""
    table = lake.open("minimised", entity.name)
    frame = pl.DataFrame(schema=columns_of(entity))
    required = [field.name for field in fields_of(entity) if field.required]
    if table is None:
        constraints = {name: sql for name, (sql, _) in rules_of(entity).items()}
        schema = delta_schema(frame, required)
        return create_table(lake, "minimised", entity.name, schema, partitions_of(entity), constraints)
    present = {field.name: str(field.type) for field in table.schema().fields}
    from deltalake import Schema

    wanted = {field.name: field for field in Schema.from_arrow(delta_schema(frame)).fields}
    retyped = sorted(name for name, field in wanted.items() if present.get(name, str(field.type)) != str(field.type))
    if retyped:
        raise TableRuleBroken(
            f"minimised/{entity.name}: the table holds {', '.join(retyped)} in another type than entities.yaml; "
            "migrate the table before landing"
        )
    added = [field for name, field in wanted.items() if name not in present]
    if added:
        before = table.version()
        table.alter.add_columns(added)
        table.update_incremental()
        if lake.is_local:
            sync_log(lake.table("minimised", entity.name), range(before + 1, table.version() + 1))
    return table
