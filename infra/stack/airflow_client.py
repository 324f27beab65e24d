"""Airflow's REST API as the command line uses it: connections, pools, runs, waiting, and what to read when one fails.

Standard library only; nothing here imports Airflow.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from infra.settings import Home
from infra.stack import ports, processes

# In the order in which they start.
COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")
TERMINAL = frozenset({"success", "failed"})
FINISHED_TASK = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


class AirflowError(RuntimeError):
    """Airflow did not start, or something it ran failed; the message names what and which log to read."""


class PortTaken(Exception):
    """Another process took the API server's port between its choice and its use."""


@dataclass(frozen=True)
class DagRun:
    """One ended DAG run: its state (`success`, `failed`, or `waiting` for a person), tasks by state, seconds."""

    dag_id: str
    run_id: str
    state: str
    tasks: Mapping[str, int]
    seconds: float


def secret_name(user: str) -> str:
    """Name of a user's password in keys/secrets.json."""
    return f"airflow_{user}"


def task_logs(home: Home) -> Path:
    """Folder of the tasks' logs."""
    return home.logs_dir / "airflow"


def records(home: Home) -> dict[str, processes.ProcessRecord]:
    """The components' records by name, alive or not."""
    return {record.name: record for record in processes.records(home.run_dir) if record.name in COMPONENTS}


def running(home: Home) -> bool:
    """Whether all four components are alive."""
    known = records(home)
    return all(name in known and processes.record_alive(known[name]) for name in COMPONENTS)


class Client:
    """Airflow's REST API as the home's admin. Errors are AirflowError, naming the call, never what was sent."""

    def __init__(self, home: Home, port: int) -> None:
        self.home = home
        self.port = port
        self._token: str | None = None

    @property
    def url(self) -> str:
        return f"http://{ports.HOST}:{self.port}"

    # -- calls -------------------------------------------------------------------------------------------------

    def call(self, method: str, path: str, body: object = None, *, missing: bool = False) -> Any:
        """One call of /api/v2. `missing` True: None instead of an error where the answer is 404."""
        for attempt in range(6):
            try:
                return self._request(method, f"/api/v2{path}", body, self._authorisation())
            except urllib.error.HTTPError as error:
                if error.code == 404 and missing:
                    return None
                if error.code == 401 and attempt == 0:
                    self._token = None
                    continue
                # The answer may repeat what was sent, which may be a secret: only its code is told.
                raise AirflowError(f"Airflow answered {error.code} to {method} {path.split('?')[0]}") from None
            except (OSError, http.client.HTTPException) as error:
                # Only reading may be repeated blindly: a lost answer to a trigger may have started a run.
                if method not in ("GET", "PATCH") or attempt == 5 or not self._api_alive():
                    raise AirflowError(f"no answer to {method} {path.split('?')[0]}; {self._logs_hint()}") from error
                time.sleep(0.5 * (attempt + 1))
        raise AirflowError(f"Airflow refuses the home's admin; {self._logs_hint()}")

    def _request(self, method: str, path: str, body: object, headers: Mapping[str, str]) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(  # noqa: S310  always http to 127.0.0.1
            self.url + path, method=method, data=data, headers={"Content-Type": "application/json", **headers}
        )
        # No proxy, whatever the environment says: this never leaves the machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=30) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def _authorisation(self) -> dict[str, str]:
        if self._token is None:
            body = {"username": "admin", "password": self.home.secret(secret_name("admin"))}
            self._token = self._request("POST", "/auth/token", body, {})["access_token"]
        return {"Authorization": f"Bearer {self._token}"}

    def _api_alive(self) -> bool:
        record = records(self.home).get("api-server")
        return record is not None and processes.record_alive(record)

    def _logs_hint(self) -> str:
        return f"read {self.home.logs_dir / 'api-server.log'}"

    # -- waiting for the components ----------------------------------------------------------------------------

    def check_components(self) -> None:
        """Raises AirflowError where a component has died, naming its log."""
        known = records(self.home)
        for name in COMPONENTS:
            if name not in known or not processes.record_alive(known[name]):
                raise AirflowError(f"Airflow's {name} has ended; read {self.home.logs_dir / (name + '.log')}")

    def wait_healthy(self, since: datetime, tell: Callable[[str], None], seconds: float = 180) -> None:
        """Waits until all components report themselves healthy after `since` (a killed one's last word counts not)."""
        deadline = time.monotonic() + seconds
        names = ("scheduler", "dag_processor", "triggerer")
        while True:
            if not self._api_alive():
                if "address already in use" in self._tail("api-server"):
                    raise PortTaken
                self.check_components()
            self.check_components()
            healthy = 0
            with contextlib.suppress(OSError, ValueError, http.client.HTTPException):
                health = self._request("GET", "/api/v2/monitor/health", None, {})
                for name in names:
                    beat = health[name].get(f"latest_{name}_heartbeat")
                    fresh = beat is not None and datetime.fromisoformat(beat) >= since
                    healthy += health[name]["status"] == "healthy" and fresh
            tell(f"{healthy} of {len(names)} components healthy")
            if healthy == len(names):
                return
            if time.monotonic() > deadline:
                raise AirflowError(f"Airflow not healthy within {seconds:.0f} s; read the logs in {self.home.logs_dir}")
            time.sleep(0.3)

    def wait_parsed(self, since: datetime, folder: Path, tell: Callable[[str], None], seconds: float = 120) -> None:
        """Waits until every DAG file of the folder has been read after `since`; raises where one cannot be."""
        wanted = {path.stem for path in folder.glob("*.py") if not path.name.startswith("_")}
        deadline = time.monotonic() + seconds
        while True:
            dags = self.call("GET", "/dags?limit=100&exclude_stale=false")["dags"]
            read = {
                dag["dag_id"]
                for dag in dags
                if dag["last_parsed_time"] and datetime.fromisoformat(dag["last_parsed_time"]) >= since
            }
            tell(f"{len(wanted & read)} of {len(wanted)} DAGs read")
            if wanted <= read:
                return
            for broken in self.call("GET", "/importErrors?limit=10")["import_errors"]:
                if datetime.fromisoformat(broken["timestamp"]) >= since:
                    last = broken["stack_trace"].strip().splitlines()[-1]
                    raise AirflowError(f"DAG file {broken['filename']} cannot be read: {last}")
            self.check_components()
            if time.monotonic() > deadline:
                missing = ", ".join(sorted(wanted - read))
                log = self.home.logs_dir / "dag-processor.log"
                raise AirflowError(f"DAGs not read within {seconds:.0f} s: {missing}; read {log}")
            time.sleep(0.3)

    def _tail(self, name: str) -> str:
        with contextlib.suppress(OSError), (self.home.logs_dir / f"{name}.log").open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4000))
            return log.read().decode(errors="replace").lower()
        return ""

    # -- what a run needs --------------------------------------------------------------------------------------

    def set_connection(self, connection_id: str, fields: Mapping[str, Any]) -> None:
        """Makes or replaces a connection; `fields` as in the API (conn_type, host, login, password, schema, extra)."""
        body = {"connection_id": connection_id, **fields}
        known = self.call("GET", f"/connections/{quote(connection_id, safe='')}", missing=True)
        if known is None:
            self.call("POST", "/connections", body)
        else:
            self.call("PATCH", f"/connections/{quote(connection_id, safe='')}", body)

    def set_pool(self, name: str, slots: int, description: str) -> None:
        """Makes a pool, or sets its slots."""
        body = {"slots": slots, "description": description, "include_deferred": False}
        if self.call("GET", f"/pools/{quote(name)}", missing=True) is None:
            self.call("POST", "/pools", {"name": name, **body})
        else:
            self.call("PATCH", f"/pools/{quote(name)}", {"pool": name, **body})

    def dag_ids(self) -> list[str]:
        return sorted(dag["dag_id"] for dag in self.call("GET", "/dags?limit=100")["dags"])

    def pause(self, dag_ids: Iterable[str], paused: bool) -> None:
        for dag_id in dag_ids:
            self.call("PATCH", f"/dags/{quote(dag_id)}", {"is_paused": paused})

    def trigger(self, dag_id: str, conf: Mapping[str, Any], note: str | None = None) -> str:
        """Starts a run of a DAG; returns its run id."""
        # An own id makes a lost answer harmless: the same id again is refused, not run twice.
        run_id = f"telaga__{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        body = {"dag_run_id": run_id, "logical_date": None, "conf": dict(conf), "note": note}
        return str(self.call("POST", f"/dags/{quote(dag_id)}/dagRuns", body)["dag_run_id"])

    def runs_since(self, dag_id: str, since: datetime) -> list[dict[str, Any]]:
        """Runs of a DAG that were asked for at or after `since`, newest first."""
        query = urlencode({"limit": 100, "order_by": "-run_after", "run_after_gte": since.isoformat()})
        return list(self.call("GET", f"/dags/{quote(dag_id)}/dagRuns?{query}")["dag_runs"])

    def queued_events(self, dag_id: str) -> int:
        """Asset events that wait to start a run of the DAG."""
        found = self.call("GET", f"/dags/{quote(dag_id)}/assets/queuedEvents", missing=True)
        return int(found["total_entries"]) if found else 0

    def tasks(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        path = f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}/taskInstances?limit=100"
        return list(self.call("GET", path)["task_instances"])

    def result(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """What a task returned; None where it returned nothing or did not run."""
        path = f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}/taskInstances/{quote(task_id)}"
        found = self.call("GET", f"{path}/xcomEntries/return_value?deserialize=true", missing=True)
        return found["value"] if found else None

    def wait_task(self, dag_id: str, run_id: str, task_id: str, tell: Callable[[str], None]) -> None:
        """Waits until every (mapped) instance of a task has ended, however it ended, or the whole run has."""
        while True:
            self.check_components()
            tasks = self.tasks(dag_id, run_id)
            mine = [task for task in tasks if task["task_id"] == task_id]
            done = sum(task["state"] in FINISHED_TASK for task in mine)
            tell(f"{dag_id} {task_id} {done}/{len(mine)}")
            if (mine and done == len(mine)) or all(task["state"] in FINISHED_TASK for task in tasks):
                return
            time.sleep(0.3)

    def wait_runs(
        self, wanted: Mapping[str, str], tell: Callable[[str], None], *, waiting_ends: bool = True
    ) -> tuple[list[DagRun], list[str]]:
        """Waits until the runs (DAG id -> run id) have ended, and tells how many of their tasks have.

        A run that waits for a person counts as ended, state `waiting`, where `waiting_ends`. Returns the ended runs,
        and for each that failed what failed: DAG, task and log.
        """
        ended: dict[str, DagRun] = {}
        pause = 0.3
        while len(ended) < len(wanted):
            self.check_components()
            told = []
            for dag_id, run_id in wanted.items():
                if dag_id not in ended:
                    tasks = self.tasks(dag_id, run_id)
                    run = self.call("GET", f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}")
                    state = str(run["state"])
                    if waiting_ends and state == "running" and _waits_for_person(tasks):
                        state = "waiting"
                    if state in TERMINAL or state == "waiting":
                        ended[dag_id] = DagRun(dag_id, run_id, state, _count(tasks), _seconds(run))
                    counts = _count(tasks)
                else:
                    counts = dict(ended[dag_id].tasks)
                done = sum(counts.get(state, 0) for state in FINISHED_TASK)
                told.append(f"{dag_id} {done}/{sum(counts.values())} tasks")
            tell(", ".join(told))
            if len(ended) < len(wanted):
                time.sleep(pause)
                # Each look costs the API server, on the same cores as the tasks, some tens of milliseconds.
                pause = min(2.0, pause * 1.3)
        failed = [self.explain_failure(run.dag_id, run.run_id) for run in ended.values() if run.state == "failed"]
        return list(ended.values()), failed

    def explain_failure(self, dag_id: str, run_id: str) -> str:
        """What failed first in a run: DAG, task, log; and the last error that the log holds."""
        failed = [task for task in self.tasks(dag_id, run_id) if task["state"] == "failed"]
        failed.sort(key=lambda task: task["end_date"] or "")
        if not failed:
            log = self.home.logs_dir / "scheduler.log"
            return f"DAG {dag_id} failed without a failed task (run {run_id}); read {log}"
        task = failed[0]
        log = log_path(self.home, task)
        mapped = f"[{task['map_index']}]" if task["map_index"] >= 0 else ""
        return f"DAG {dag_id}, task {task['task_id']}{mapped} failed{_last_error(log)}; read {log}"


def log_path(home: Home, task: Mapping[str, Any]) -> Path:
    """Log file of a task's last attempt; its folder where no attempt has written one."""
    folder = task_logs(home) / f"dag_id={task['dag_id']}" / f"run_id={task['dag_run_id']}"
    folder /= f"task_id={task['task_id']}"
    if task["map_index"] >= 0:
        folder /= f"map_index={task['map_index']}"
    attempts = sorted(folder.glob("attempt=*.log"), key=lambda path: path.stat().st_mtime)
    return attempts[-1] if attempts else folder


def _last_error(log: Path) -> str:
    # Task logs are JSON lines; exception messages in this house name columns and files, never values.
    found = ""
    with contextlib.suppress(OSError), log.open(errors="replace") as lines:
        for line in lines:
            with contextlib.suppress(ValueError, TypeError, KeyError, IndexError):
                entry = json.loads(line)
                if entry.get("error_detail"):
                    detail = entry["error_detail"][0]
                    found = f" ({detail['exc_type']}: {detail['exc_value']})"
    return found


def _count(tasks: list[dict[str, Any]]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for task in tasks:
        state = str(task["state"] or "none")
        counts[state] = counts.get(state, 0) + 1
    return counts


def _waits_for_person(tasks: list[dict[str, Any]]) -> bool:
    live = [task for task in tasks if task["state"] not in FINISHED_TASK]
    held = [task for task in live if task["state"] == "deferred" and "pproval" in str(task.get("operator"))]
    # What only comes after the approval has no state yet.
    return bool(held) and all(task in held or task["state"] is None for task in live)


def _seconds(run: Mapping[str, Any]) -> float:
    if not run.get("start_date") or not run.get("end_date"):
        return 0.0
    return (datetime.fromisoformat(run["end_date"]) - datetime.fromisoformat(run["start_date"])).total_seconds()
