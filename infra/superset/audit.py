"""Who opened what in Superset: one JSON line for each request that reads or is refused, each query, each event.

Lies in TELAGA_HOME/superset/audit/<UTC day>.jsonl. Requests are recorded after they are answered, so that answers from
the cache and refusals are there too; a reading that cannot be recorded is not handed out.
Superset is imported only inside functions: the file belongs to the environment of Superset.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

# Pages, pictures and the browser's own bookkeeping read no data.
UNRECORDED = ("/static/", "/health", "/ping", "/superset/log/", "/superset/language_pack/", "/telaga/", "/favicon")


@dataclass(frozen=True)
class Trail:
    """The audit files of one home."""

    folder: Path

    def write(self, kind: str, entry: Mapping[str, Any]) -> None:
        """Appends one line, whole or not at all between processes; OSError where it cannot be written."""
        now = datetime.now(UTC)
        line = json.dumps({"at": now.isoformat(timespec="milliseconds"), "kind": kind, **entry}, default=str)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = self.folder / f"{now:%Y-%m-%d}.jsonl"
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            data = (line + "\n").encode()
            if os.write(descriptor, data) != len(data):
                raise OSError(f"{path}: the disk took only part of an audit entry")
        finally:
            os.close(descriptor)


def event_logger(trail: Trail) -> Any:
    """Superset's own event log in its metadata, and the same events (names, ids, times) in the trail."""
    from superset.utils.log import DBEventLogger

    class AuditedEvents(DBEventLogger):
        def log(
            self,
            user_id: int | None,
            action: str,
            dashboard_id: int | None,
            duration_ms: int | None,
            slice_id: int | None,
            referrer: str | None,
            *args: Any,
            **kwargs: Any,
        ) -> None:
            super().log(user_id, action, dashboard_id, duration_ms, slice_id, referrer, *args, **kwargs)
            trail.write(
                "event",
                {
                    "user_id": user_id,
                    "action": action,
                    "dashboard": dashboard_id,
                    "chart": slice_id,
                    "milliseconds": duration_ms,
                },
            )

    return AuditedEvents()


def query_recorder(trail: Trail) -> Any:
    """Superset's SQL_QUERY_MUTATOR: writes down who runs which SQL on which database, and changes nothing."""

    def record(sql: str, **context: Any) -> str:
        from superset.utils.core import get_username

        database = getattr(context.get("database"), "database_name", None)
        trail.write("query", {"user": get_username(), "database": database, "sql": sql})
        return sql

    return record


def record_requests(app: Any, trail: Trail) -> None:
    """Adds the hook that records each answered request of the Flask app."""

    @app.after_request
    def record(response: Any) -> Any:
        from flask import request

        if not request.path.startswith(UNRECORDED):
            trail.write("request", request_entry(request, response.status_code, _user()))
        return response


def request_entry(request: Any, status: int, user: str | None) -> dict[str, Any]:
    """What is kept of a request: user, address, path without its query, status, and the assets it named."""
    form = _form_data(request)
    entry = {
        "user": user,
        "address": request.remote_addr,
        "method": request.method,
        "path": request.path,
        "status": status,
        "dashboard": form.get("dashboardId"),
        "chart": form.get("slice_id"),
        "dataset": _dataset(form.get("datasource")),
    }
    return {name: value for name, value in entry.items() if value is not None}


def _dataset(source: Any) -> Any:
    # The front end writes {"id": 7, "type": "table"} in one place and "7__table" in another.
    named = source.get("id") if isinstance(source, dict) else source
    number = str(named).partition("__")[0]
    return int(number) if number.isdigit() else named


def _user() -> str | None:
    from flask import g

    name = getattr(getattr(g, "user", None), "username", None)
    return str(name) if name else None


def _form_data(request: Any) -> dict[str, Any]:
    body = request.get_json(silent=True) if request.is_json else None
    if isinstance(body, dict):
        form = body.get("form_data")
        # What the body names is what is read, whatever the form data beside it says.
        asked = {"datasource": body["datasource"]} if "datasource" in body else {}
        return {**(form if isinstance(form, dict) else {}), **asked}
    text = request.form.get("form_data") or request.args.get("form_data")
    try:
        form = json.loads(text) if text else {}
    except ValueError:
        form = {}
    return form if isinstance(form, dict) else {}
