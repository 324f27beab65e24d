"""Airflow of one home: its settings, its metadata, and its four components.

Nothing here imports Airflow: the components are processes of the same environment, driven over HTTP (airflow_client).
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from infra.settings import REPOSITORY, Home
from infra.stack import ports, processes
from infra.stack.airflow_client import COMPONENTS, AirflowError, Client, PortTaken, records, secret_name, task_logs
from infra.stack.metadata import AIRFLOW_DATABASE, database_uri, metadata_cluster

# All at once hangs: the others report their end to the API server. A scheduler waits for running tasks.
STOP_ORDER = ("scheduler", "triggerer", "dag-processor", "api-server")
USERS = (("admin", "Admin"), ("engineer", "Op"), ("officer", "Officer"), ("viewer", "Viewer"))


def environment(home: Home, *, port: int, cadence: bool, dags: Path | None = None) -> dict[str, str]:
    """Environment of every Airflow process of the home. `cadence` False: no DAG starts by the clock."""
    known = home.secrets("airflow_fernet", "airflow_secret_key", "airflow_jwt", nbytes=64)
    inherited = {
        name: value
        for name, value in os.environ.items()
        if name not in {"PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "VIRTUAL_ENV", "TELAGA_CADENCE"}
    }
    folder = dags or REPOSITORY / "dags"
    base = f"http://{ports.HOST}:{port}"
    settings = {
        "CORE__DAGS_FOLDER": str(folder),
        "CORE__PLUGINS_FOLDER": str(home.airflow_dir / "plugins"),
        "CORE__LOAD_EXAMPLES": "False",
        "CORE__EXECUTOR": "LocalExecutor",
        "CORE__PARALLELISM": str(max(4, os.cpu_count() or 1)),
        "CORE__AUTH_MANAGER": "airflow.providers.fab.auth_manager.fab_auth_manager.FabAuthManager",
        "CORE__FERNET_KEY": _fernet(known["airflow_fernet"]),
        "CORE__EXECUTION_API_SERVER_URL": f"{base}/execution/",
        "CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "CORE__MIN_SERIALIZED_DAG_UPDATE_INTERVAL": "1",
        "DATABASE__SQL_ALCHEMY_CONN": database_uri(home, AIRFLOW_DATABASE, "postgresql+psycopg2"),
        "DATABASE__SQL_ALCHEMY_CONN_ASYNC": database_uri(home, AIRFLOW_DATABASE, "postgresql+asyncpg"),
        "LOGGING__BASE_LOG_FOLDER": str(task_logs(home)),
        "LOGGING__DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": str(home.logs_dir / "dag_processor"),
        "LOGGING__COLORED_CONSOLE_LOG": "False",
        "API__HOST": ports.HOST,
        "API__PORT": str(port),
        "API__BASE_URL": base,
        "API__WORKERS": "1",
        "API__SECRET_KEY": known["airflow_secret_key"],
        "API_AUTH__JWT_SECRET": known["airflow_jwt"],
        "SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.2",
        # What a killed run leaves behind is found in seconds, not in the five minutes of the defaults.
        "SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL": "10",
        "SCHEDULER__SCHEDULER_HEALTH_CHECK_THRESHOLD": "15",
        "SCHEDULER__JOB_HEARTBEAT_SEC": "3",
        "SCHEDULER__SCHEDULER_HEARTBEAT_SEC": "3",
        "SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "60",
        "DAG_PROCESSOR__REFRESH_INTERVAL": "30",
        # A command's DAG files do not change under it; a stack that stays up sees an edit within half a minute.
        "DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL": "30" if cadence else "3600",
        "DAG_PROCESSOR__PARSING_PROCESSES": "2",
        "USAGE_DATA_COLLECTION__ENABLED": "False",
        "FAB__ENABLE_PROXY_FIX": "False",
    }
    return {
        **inherited,
        **{f"AIRFLOW__{name}": value for name, value in settings.items()},
        "AIRFLOW_HOME": str(home.airflow_dir),
        "TELAGA_HOME": str(home.root),
        "TELAGA_CADENCE": "contracts" if cadence else "off",
        "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "infra" / "airflow" / "policies")]),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
        # Telemetry of what runs inside tasks.
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "False",
        "GX_ANALYTICS_ENABLED": "False",
        "DO_NOT_TRACK": "1",
    }


def _fernet(secret: str) -> str:
    # Fernet wants exactly 32 bytes, URL-safe base64 with padding: derived, so that one store holds all secrets.
    return base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest()).decode()


def bootstrap(home: Home, dags: Path | None = None) -> bool:
    """Makes or upgrades the metadata tables, roles and users; skipped (False) where nothing of it has changed."""
    passwords = home.secrets(*(secret_name(user) for user, _ in USERS))
    users = [{"name": user, "role": role, "password": passwords[secret_name(user)]} for user, role in USERS]
    digest = hashlib.sha256()
    for path in (REPOSITORY / "infra" / "requirements" / "main.txt", Path(__file__).with_name("airflow_bootstrap.py")):
        digest.update(path.read_bytes())
    digest.update(json.dumps(users).encode())
    # Inside the cluster's own folder: a cluster that is thrown away takes the stamp with it.
    stamp = home.metadata_dir / "airflow-bootstrap.stamp"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return False
    home.airflow_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = home.logs_dir / "airflow-bootstrap.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        done = subprocess.run(
            [sys.executable, "-m", "infra.stack.airflow_bootstrap"],
            input=json.dumps(users).encode(),
            stdout=output,
            stderr=output,
            env={**environment(home, port=8080, cadence=False, dags=dags), processes.MARK: str(home.root)},
            cwd=REPOSITORY,
        )
    if done.returncode != 0:
        raise AirflowError(f"Airflow's metadata could not be set up; read {log}")
    stamp.write_text(digest.hexdigest())
    return True


def abandon_unfinished(home: Home) -> int:
    """Ends, as failed, what a killed stack left running in the metadata; only right while no component runs.

    Airflow would find these by itself, minutes later, and hold new runs of the same DAG back until then. Runs that
    wait for a person (deferred) stay. Returns how many DAG runs were ended.
    """
    cluster = metadata_cluster(home)
    live = "('running','queued','scheduled','restarting','up_for_retry','up_for_reschedule')"
    with contextlib.closing(cluster.connect(AIRFLOW_DATABASE)) as connection, connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE task_instance SET state = 'failed', end_date = now() WHERE state IN {live} AND NOT EXISTS "
            "(SELECT 1 FROM task_instance w WHERE w.dag_id = task_instance.dag_id AND w.run_id = task_instance.run_id "
            "AND w.state = 'deferred')"
        )
        cursor.execute(
            "UPDATE dag_run SET state = 'failed', end_date = now() WHERE state IN ('running', 'queued') AND NOT EXISTS "
            "(SELECT 1 FROM task_instance w WHERE w.dag_id = dag_run.dag_id AND w.run_id = dag_run.run_id "
            "AND w.state = 'deferred')"
        )
        ended = int(cursor.rowcount)
        cursor.execute("DELETE FROM asset_dag_run_queue")
    return ended


def start(
    home: Home, *, cadence: bool, dags: Path | None = None, tell: Callable[[str], None] = lambda _: None
) -> Client:
    """Starts the components and returns when they are healthy and have read the DAGs.

    The metadata cluster must run and be set up (bootstrap). A port that is taken in between costs a second try.
    """
    last = home.run_dir / "airflow-port"
    preferred = int(last.read_text()) if last.exists() else None
    for attempt in range(3):
        port = ports.choose(preferred if attempt == 0 else None)
        variables = environment(home, port=port, cadence=cadence, dags=dags)
        since = datetime.now(UTC)
        for name in COMPONENTS:
            _start_component(home, name, port, variables)
        client = Client(home, port)
        try:
            client.wait_healthy(since, tell)
            client.wait_parsed(since, dags or REPOSITORY / "dags", tell)
        except PortTaken:
            stop(home)
            continue
        except BaseException:
            stop(home, grace=0)
            raise
        last.write_text(str(port))
        processes.write_json(home.run_dir / "airflow-mode.json", {"cadence": cadence})
        return client
    raise AirflowError(f"every port tried was taken in between; read {home.logs_dir / 'api-server.log'}")


def _start_component(home: Home, name: str, port: int, variables: Mapping[str, str]) -> None:
    arguments = [sys.executable, "-m", "airflow", name]
    if name == "api-server":
        arguments += ["--host", ports.HOST, "--port", str(port), "--workers", "1"]
    elif name in ("scheduler", "triggerer"):
        # The API server reads task logs from the same disk; their own log servers would listen on every interface.
        arguments += ["--skip-serve-logs"]
    processes.start(
        name,
        arguments,
        home=home.root,
        run_dir=home.run_dir,
        log=home.logs_dir / f"{name}.log",
        environment=variables,
        cwd=REPOSITORY,
        port=port if name == "api-server" else None,
    )


def connect(home: Home) -> Client:
    """A client of the running Airflow of the home."""
    record = records(home).get("api-server")
    if record is None or record.port is None or not processes.record_alive(record):
        raise AirflowError(f"Airflow of {home.root} is not running; start it with ./telaga up")
    return Client(home, record.port)


def stop(home: Home, grace: float = 12) -> None:
    """Stops the components in order, by force after `grace` seconds each, with every task of their sessions."""
    known = records(home)
    for name in STOP_ORDER:
        if name in known:
            processes.stop(known[name], home.run_dir, grace=grace, number=_stop_signal(name))


def _stop_signal(name: str) -> signal.Signals:
    return signal.SIGINT if name in ("dag-processor", "triggerer") else signal.SIGTERM
