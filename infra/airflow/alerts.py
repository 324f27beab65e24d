"""Alerts that Airflow raises: one line each in the home's logs/alerts.jsonl, which `./telaga status` shows."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from typing import Any

from infra.settings import current_home


def deadline_missed(context: dict[str, Any] | None = None, **_: Any) -> None:
    """Called by Airflow when a run passes its deadline. Writes DAG and run ids; nothing of the data."""
    run = (context or {}).get("dag_run") or {}
    fields = run if isinstance(run, dict) else vars(run)
    line = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "kind": "deadline_missed",
        "dag": fields.get("dag_id"),
        "run": fields.get("dag_run_id") or fields.get("run_id"),
    }
    path = current_home().logs_dir / "alerts.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, (json.dumps(line) + "\n").encode())
    finally:
        os.close(descriptor)
