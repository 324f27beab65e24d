"""Count, judge, present: from minimised tables to marts, when any entity changed.

`pin` fixes every source's Delta version and ends the run at once when nothing is new. `count` is one dbt run
(aggregates), `judge` the statistics between the two, `present` the second dbt run (marts). Their results name each
model with its state, seconds and rows.

Debug: the dbt log and target of the last build lie in TELAGA_HOME/build.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from _common import CAMERA_EVENTS, CITY_SPATIAL, DEFAULT_ARGS, MARTS, POLICE_RECORDS, START, deadline


@dag(
    dag_id="build_marts",
    description="Count (dbt), judge (estimation), present (dbt)",
    doc_md=__doc__,
    schedule=(CAMERA_EVENTS | POLICE_RECORDS | CITY_SPATIAL),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=2),
    deadline=deadline(hours=1),
    tags=["build", "models"],
)
def build_marts() -> None:
    @task
    def pin() -> dict[str, Any]:
        from infra.airflow.runtime import pin_build

        pins = pin_build(get_current_context())
        if pins is None:
            raise AirflowSkipException("no source has a new version since the last build")
        return pins

    @task
    def count(pins: dict[str, Any]) -> list[dict[str, Any]]:
        from infra.airflow.runtime import build_step

        return build_step("count", pins, get_current_context())

    @task
    def judge(pins: dict[str, Any]) -> list[dict[str, Any]]:
        from infra.airflow.runtime import build_step

        return build_step("judge", pins, get_current_context())

    @task(outlets=[MARTS])
    def present(pins: dict[str, Any]) -> list[dict[str, Any]]:
        from infra.airflow.runtime import build_step

        return build_step("present", pins, get_current_context())

    pins = pin()
    count(pins) >> judge(pins) >> present(pins)  # type: ignore[arg-type]


build_marts()
