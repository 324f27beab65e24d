"""dbt's sources, derived: entities.yaml says what lands, this writes `_sources.yml` of the staging models.

Run `python -m infra.build.sources` after entities.yaml changed; a test says when the file is stale.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
ENTITIES = ROOT / "ingestion" / "entities.yaml"
TARGET = ROOT / "dbt_project" / "models" / "staging" / "_sources.yml"

HEADER = "# Derived from ingestion/entities.yaml: run `python -m infra.build.sources`, do not edit.\n"

# Feeds of events are expected to go on: their newest event against as-of. Layers, population and budgets change
# when someone decides so; how old they may be stands in their contract and shows in feed_quality.
FRESHNESS = {
    "police_record": "occurred_at",
    "emergency_call": "received_at",
    "camera_event": "occurred_at",
}

# Tables that the build reads but no feed lands: what the rooms before and after write about their own work.
CONTROL: dict[str, dict[str, str]] = {
    "batch_log": {
        "run_id": "string",
        "feed": "string",
        "entity": "string",
        "batch_id": "string",
        "event": "string",
        "status": "string",
        "read": "integer",
        "accepted": "integer",
        "duplicate": "integer",
        "quarantined": "integer",
        "reason": "string",
        "table_version": "integer",
        "position": "string",
        "period_from": "timestamp",
        "period_to": "timestamp",
        "digest": "string",
        "logged_at": "timestamp",
        "airflow_run": "string",
    },
    "redaction": {
        "run_id": "string",
        "feed": "string",
        "batch_id": "string",
        "column": "string",
        "classification": "string",
        "action": "string",
        "entity_type": "string",
        "rows": "integer",
        "affected": "integer",
        "logged_at": "timestamp",
    },
    "redaction_narratives": {
        "run_id": "string",
        "feed": "string",
        "batch_id": "string",
        "column": "string",
        "action": "string",
        "found_by": "string",
        "narratives": "integer",
        "touched": "integer",
        "protected": "integer",
        "refused": "integer",
        "logged_at": "timestamp",
    },
    "redaction_findings": {
        "run_id": "string",
        "feed": "string",
        "batch_id": "string",
        "column": "string",
        "entity_type": "string",
        "rule": "string",
        "score_from": "number",
        "count": "integer",
        "logged_at": "timestamp",
    },
    "uniqueness": {
        "feed": "string",
        "entity": "string",
        "as_of": "date",
        "rows": "integer",
        "unique_rows": "integer",
        "share": "number",
    },
    "recall_floors": {
        "feed": "string",
        "entity": "string",
        "column": "string",
        "found_by": "string",
        "source": "string",
        "recall_floor": "number",
        "recall": "number",
        "recall_lower": "number",
        "spans": "integer",
        "reviewed": "integer",
        "first_landed": "date",
        "due_on": "date",
        "status": "string",
        "is_held": "boolean",
        "is_lifted": "boolean",
        "is_synthetic": "boolean",
    },
    "verdicts": {
        "run_id": "string",
        "feed": "string",
        "batch_id": "string",
        "rule": "string",
        "measure": "string",
        "column": "string",
        "expectation": "string",
        "severity": "string",
        "passed": "boolean",
        "measured": "number",
        "minimum": "number",
        "maximum": "number",
        "broken": "integer",
        "expected": "integer",
        "rows": "integer",
        "comparable": "integer",
        "logged_at": "timestamp",
    },
    "alerts": {
        "feed": "string",
        "kind": "string",
        "subject": "string",
        "event": "string",
        "detail": "string",
        "run_id": "string",
        "logged_at": "timestamp",
    },
    "decisions": {
        "feed": "string",
        "batch_id": "string",
        "decision": "string",
        "reason": "string",
        "logged_at": "timestamp",
    },
    "quarantine": {
        "feed": "string",
        "batch_id": "string",
        "rule": "string",
        "rows": "integer",
        "sealed_at": "timestamp",
    },
}


def minimised_columns(entities: dict[str, Any], entity: str) -> dict[str, dict[str, Any]]:
    """Columns of an entity's minimised table: those of every table, then its own; name -> type, required, about."""
    return {**entities["every_table"], **entities["entities"][entity]["minimised"]}


def _columns(columns: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    listed = []
    for name, spec in columns.items():
        column: dict[str, Any] = {"name": name, "data_type": spec["type"]}
        if spec.get("about"):
            column["description"] = spec["about"]
        listed.append(column)
    return listed


def render(entities: dict[str, Any], estimates: dict[str, dict[str, str]]) -> str:
    """Text of `_sources.yml`: the minimised tables, the control tables, and the estimates (name -> column -> type)."""
    minimised = []
    for entity, spec in entities["entities"].items():
        table: dict[str, Any] = {
            "name": entity,
            "description": f"Minimised rows of every feed of {entity}, pulled by {spec['dag']}.",
            "columns": _columns(minimised_columns(entities, entity)),
        }
        if entity in FRESHNESS:
            table["config"] = {
                "loaded_at_field": FRESHNESS[entity],
                "freshness": {
                    "warn_after": {"count": 3, "period": "day"},
                    "error_after": {"count": 14, "period": "day"},
                },
            }
        minimised.append(table)

    def plain(tables: dict[str, dict[str, str]], about: str) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "description": about,
                "columns": [{"name": column, "data_type": kind} for column, kind in columns.items()],
            }
            for name, columns in tables.items()
        ]

    document = {
        "sources": [
            {
                "name": "minimised",
                "description": "Delta tables that landing writes, read at the version the build pinned.",
                "tables": minimised,
            },
            {
                "name": "control",
                "description": "Delta tables in which landing and minimisation log what they did; counts, no values.",
                "tables": plain(CONTROL, "Written by ingestion; append only."),
            },
            {
                "name": "estimates",
                "description": "Delta tables of the step between the two dbt runs (infra/build/estimate.py).",
                "tables": plain(estimates, "Written by infra/build/estimate.py from the aggregates."),
            },
        ]
    }
    return HEADER + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def current() -> str:
    """What `_sources.yml` should say now."""
    from infra.build.estimate import ESTIMATES

    return render(yaml.safe_load(ENTITIES.read_text(encoding="utf-8")), ESTIMATES)


def main() -> None:
    TARGET.write_text(current(), encoding="utf-8")


if __name__ == "__main__":
    main()
