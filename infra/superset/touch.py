"""After a release has moved: marks Superset's datasets as changed, so that no cached answer of the old one survives.

A query that began on the old release may fill the cache after it was cleared; the cache's key, though, holds the
dataset's time of change. Plain SQL on Superset's metadata: no Superset is imported.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

from infra.superset.bundle import database_name

TOUCH = """
    UPDATE tables
    SET changed_on = greatest(clock_timestamp() AT TIME ZONE 'utc', tables.changed_on + interval '1 millisecond')
    FROM dbs WHERE dbs.id = tables.database_id AND dbs.database_name = ANY(%s)
"""


def touch_datasets(connection: Any, audiences: Iterable[str]) -> int:
    """Touches the datasets of the audiences' databases; returns how many. 0 where Superset has no tables yet."""
    with contextlib.closing(connection.cursor()) as cursor:
        cursor.execute("SELECT to_regclass('public.tables') IS NOT NULL AND to_regclass('public.dbs') IS NOT NULL")
        if not cursor.fetchone()[0]:
            return 0
        cursor.execute(TOUCH, ([database_name(audience) for audience in audiences],))
        return int(cursor.rowcount)
