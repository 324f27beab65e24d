"""Retention and the redaction report, once a day. What it does not do yet stands in its result, named."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, dag, get_current_context, task

from _common import DEFAULT_ARGS, START, deadline


@dag(
    dag_id="govern_data",
    description="Retention, redaction report, records of processing",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 19 * * *", timezone="UTC"),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args={**DEFAULT_ARGS, "owner": "data-protection"},
    dagrun_timeout=timedelta(hours=2),
    deadline=deadline(hours=1),
    tags=["governance"],
)
def govern_data() -> None:
    @task
    def govern() -> dict[str, Any]:
        from infra.airflow.runtime import govern as govern_home

        return govern_home(get_current_context())

    govern()


govern_data()
