"""Disclosure control, then publication per audience, when the marts changed.

An audience whose marts are refused keeps its last release; the others go on. The same inputs on the same day of the
city's clock publish nothing.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import dag, get_current_context, task

from _common import DEFAULT_ARGS, MARTS, START, deadline


@dag(
    dag_id="release_marts",
    description="Disclosure control and one immutable release per audience",
    doc_md=__doc__,
    schedule=[MARTS],
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=1),
    deadline=deadline(hours=1),
    tags=["release", "governance"],
)
def release_marts() -> None:
    @task
    def publish() -> dict[str, Any]:
        from infra.airflow.runtime import publish as publish_release

        return publish_release(get_current_context())

    publish()


release_marts()
