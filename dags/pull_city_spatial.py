"""Spatial layers, population, budgets, targets and uptime, each as often as its contract says.

Tasks: `land_regions` first (without regions nothing is located), `land_places` (a point that is a station's is no place
where something happened), then `land`, one task a feed; `emit` tells the build,
once, that something landed; `settle` makes the run fail when any feed failed, after the others have landed. In a
scheduled run a feed is taken when its contract's cadence is due; in a run that somebody asked for, always.

Debug: `./telaga airflow dags test pull_city_spatial` runs it in the foreground;
a batch's fate stands in control/batch_log.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import CronDataIntervalTimetable, TriggerRule, dag, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException

from _common import CITY_SPATIAL, DEFAULT_ARGS, START, deadline


@dag(
    dag_id="pull_city_spatial",
    description="Land regions, places, population, budgets, targets and other slow layers",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("30 * * * *", timezone="UTC"),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    default_args=DEFAULT_ARGS,
    dagrun_timeout=timedelta(hours=2),
    deadline=deadline(hours=1),
    tags=["pull", "ingestion"],
)
def pull_city_spatial() -> None:
    @task
    def list_regions() -> list[str]:
        from infra.airflow.runtime import due_feeds

        return due_feeds("pull_city_spatial", get_current_context(), entities={"region"})

    @task
    def list_places() -> list[str]:
        from infra.airflow.runtime import due_feeds

        return due_feeds("pull_city_spatial", get_current_context(), entities={"place"})

    @task
    def list_feeds() -> list[str]:
        from infra.airflow.runtime import due_feeds

        return due_feeds("pull_city_spatial", get_current_context(), without={"region", "place"})

    # NONE_FAILED: an hour in which no region feed is due skips their landing, not the others'.
    @task(map_index_template="{{ feed }}", trigger_rule=TriggerRule.NONE_FAILED)
    def land(feed: str) -> dict[str, Any]:
        from infra.airflow.runtime import land as land_feed

        context = get_current_context()
        context["feed"] = feed
        return land_feed(feed, context)

    # all_done: one feed's failure never keeps the others' rows from the marts.
    @task(outlets=[CITY_SPATIAL], trigger_rule=TriggerRule.ALL_DONE)
    def emit(*steps: list[dict[str, Any]] | None) -> None:
        if not any(outcome["new_versions"] for step in steps for outcome in step or ()):
            raise AirflowSkipException("nothing new landed: no build is asked for")

    @task(trigger_rule=TriggerRule.NONE_FAILED)
    def settle(*steps: list[dict[str, Any]] | None) -> dict[str, int]:
        outcomes = [outcome for step in steps for outcome in step or ()]
        names = ("read", "accepted", "duplicate", "quarantined", "batches_left")
        return {name: sum(outcome[name] for outcome in outcomes) for name in names}

    regions = land.override(task_id="land_regions").expand(feed=list_regions())
    places = land.override(task_id="land_places").expand(feed=list_places())
    others = land.expand(feed=list_feeds())
    regions >> places >> others
    emit(regions, places, others)  # type: ignore[arg-type]
    settle(regions, places, others)  # type: ignore[arg-type]


pull_city_spatial()
