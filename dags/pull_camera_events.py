"""Camera event batches, from the agencies' drops to the minimised table, every quarter of an hour.

Tasks: `list_feeds` names the feeds of this DAG's entities that are due by their contract's cadence (all of them in a
run that somebody asked for); `land` walks one feed's new batches (one task a feed, not a batch: a backlog of a thousand
drops is normal); `emit` tells the build, once, that something landed; `settle` makes the run fail when any feed failed,
after the others have landed.

Debug: `./telaga airflow dags test pull_camera_events` runs it in the foreground;
a batch's fate stands in control/batch_log.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, TriggerRule, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from _common import CAMERA_EVENTS, DEFAULT_ARGS, START, deadline


@dag(
    dag_id="pull_camera_events",
    description="Land new camera event batches",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("*/15 * * * *", timezone="UTC"),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=4),
    deadline=deadline(hours=2),
    tags=["pull", "ingestion"],
)
def pull_camera_events() -> None:
    @task
    def list_feeds() -> list[str]:
        from infra.airflow.runtime import due_feeds

        return due_feeds("pull_camera_events", get_current_context())

    @task(map_index_template="{{ feed }}")
    def land(feed: str) -> dict[str, Any]:
        from infra.airflow.runtime import land as land_feed

        context = get_current_context()
        context["feed"] = feed
        return land_feed(feed, context)

    # all_done: one feed's failure never keeps the others' rows from the marts.
    @task(outlets=[CAMERA_EVENTS], trigger_rule=TriggerRule.ALL_DONE)
    def emit(outcomes: list[dict[str, Any]]) -> None:
        if not any(outcome["new_versions"] for outcome in outcomes or ()):
            raise AirflowSkipException("nothing new landed: no build is asked for")

    @task(trigger_rule=TriggerRule.NONE_FAILED)
    def settle(outcomes: list[dict[str, Any]]) -> dict[str, int]:
        names = ("read", "accepted", "duplicate", "quarantined", "batches_left")
        return {name: sum(outcome[name] for outcome in outcomes or ()) for name in names}

    landed = land.expand(feed=list_feeds())
    emit(landed)  # type: ignore[arg-type]
    settle(landed)  # type: ignore[arg-type]


pull_camera_events()
