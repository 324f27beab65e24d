"""Airflow's own hook for a site's rules, found on the PYTHONPATH that infra.stack.airflow sets."""

from __future__ import annotations

import os
import sys
from typing import Any

if sys.argv[1:2] == ["scheduler"]:
    # Its workers fork each task from this process: what takes seconds to import is imported once, here.
    from expectations.engine import preload

    preload()


def dag_policy(dag: Any) -> None:
    """Takes the clock out of clock-driven DAGs while `telaga run` drives them (TELAGA_CADENCE=off), and the deadline
    out of every DAG under `airflow dags test`, which would end in an error: a run in the foreground stores none.

    With the clock left in, unpausing a DAG makes the scheduler start a run of its own, without the command's as-of
    day and run id, ahead of the one that the command asked for. DAGs that follow assets are left as they are.
    """
    if sys.argv[1:3] == ["dags", "test"]:
        dag.deadline = None
    if os.environ.get("TELAGA_CADENCE") != "off":
        return
    from airflow.sdk.definitions.timetables.assets import AssetTriggeredTimetable
    from airflow.sdk.definitions.timetables.simple import NullTimetable

    if not isinstance(dag.timetable, AssetTriggeredTimetable):
        dag.timetable = NullTimetable()
