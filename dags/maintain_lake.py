"""Compaction, checkpoints, log expiry and vacuum of every Delta table, once a week.

The grace of vacuum is longer than the longest task, and no table is maintained while one of its writers runs.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, dag, get_current_context, task

from _common import DEFAULT_ARGS, START, deadline


@dag(
    dag_id="maintain_lake",
    description="Compaction, checkpoints, log expiry, vacuum",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 20 * * 6", timezone="UTC"),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=4),
    deadline=deadline(hours=3),
    tags=["maintenance"],
)
def maintain_lake() -> None:
    @task
    def maintain() -> dict[str, Any]:
        from infra.airflow.runtime import maintain as maintain_tables

        return maintain_tables(get_current_context())

    maintain()


maintain_lake()
