"""What every DAG shares: owner, retries, deadlines, assets, and the way from a run's conf to a task's arguments.

Nothing here does work at import: the rooms (ingestion, infra.build, governance) are imported inside the tasks.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import Asset, DeadlineAlert, DeadlineReference, SyncCallback

CAMERA_EVENTS = Asset("camera_events", uri="telaga://minimised/camera_events")
POLICE_RECORDS = Asset("police_records", uri="telaga://minimised/police_records")
CITY_SPATIAL = Asset("city_spatial", uri="telaga://minimised/city_spatial")
MARTS = Asset("marts", uri="telaga://marts")

START = datetime(2024, 1, 1)

# A task that meets a database that is starting up, or an S3 that answers 503, tries again by itself; what stays
# broken after that is for a person.
DEFAULT_ARGS: dict[str, Any] = {
    "owner": "data-engineering",
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=5),
    "execution_timeout": timedelta(minutes=45),
}


def deadline(hours: float) -> DeadlineAlert:
    """Alert (a line in the home's logs/alerts.jsonl) when a run has not ended `hours` after it was queued."""
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_QUEUED_AT,
        interval=timedelta(hours=hours),
        callback=SyncCallback("infra.airflow.alerts.deadline_missed"),
    )
