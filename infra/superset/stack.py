"""Superset of one home: set up, started, stopped, told of a new release. Nothing here imports Superset."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from infra.settings import REPOSITORY, Home, locked
from infra.stack import ports, processes
from infra.stack.metadata import SUPERSET_DATABASE, database_uri, metadata_cluster
from infra.superset.access import ADMINISTRATOR, User

NAME = "superset"
STAMP = "superset-bootstrap.stamp"
HERE = Path(__file__).resolve().parent
AUDIENCES = ("executive", "oversight", "operations", "privacy", "engineering")
# Roles that dashboards of ours once had; emptied where they are still found.
RETIRED_ROLES: tuple[str, ...] = ()


class SupersetError(RuntimeError):
    """Superset could not be set up, started or stopped; the message names the log to read."""


@dataclass(frozen=True)
class Status:
    """Whether Superset answers, and where. `url` is None while it has no recorded process."""

    is_running: bool
    url: str | None
    pid: int | None


def python(environment: Path | None = None) -> Path:
    """Python of Superset's environment: `environment`, else TELAGA_ENVS/superset, else the clone's."""
    folder = environment or Path(os.environ.get("TELAGA_ENVS") or REPOSITORY / ".venvs") / "superset"
    found = folder / "bin" / "python"
    if not found.exists():
        raise SupersetError(f"no Superset in {folder}: ./telaga up makes that environment")
    return found


def secret_name(user: str) -> str:
    """Name of a user's generated password in the home's keys."""
    return f"superset_user_{user}"


def environment(home: Home) -> dict[str, str]:
    """Environment of every Superset process of the home; secrets from its keys."""
    known = home.secrets("superset_secret_key", "superset_guest_secret", nbytes=64)
    dropped = ("SUPERSET", "FLASK", "AIRFLOW", "PYTHON", "VIRTUAL_ENV", "GUNICORN")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {
        **inherited,
        "TELAGA_HOME": str(home.root),
        "SUPERSET_CONFIG_PATH": str(HERE / "superset_config.py"),
        "SUPERSET_HOME": str(home.superset_dir),
        "SUPERSET_SECRET_KEY": known["superset_secret_key"],
        "SUPERSET_GUEST_SECRET": known["superset_guest_secret"],
        "SUPERSET_METADATA_URI": database_uri(home, SUPERSET_DATABASE, "postgresql+psycopg2"),
        "SCARF_ANALYTICS": "false",
        "DO_NOT_TRACK": "1",
        "PYTHONPATH": str(REPOSITORY),
    }


def bootstrap(home: Home, superset_environment: Path | None = None) -> bool:
    """Brings tables, roles, users and dashboards up to date; False where nothing of it has changed since.

    The home has its city, and its metadata cluster runs. Raises SupersetError naming the log, DefinitionError where a
    dashboard does not fit the marts.
    """
    asked = _asked(home)
    text = json.dumps(asked, sort_keys=True)
    digest = hashlib.sha256(text.encode())
    for path in (HERE / "bootstrap.py", HERE / "superset_config.py", REPOSITORY / "infra/requirements/superset.txt"):
        digest.update(path.read_bytes())
    # Inside the cluster's own folder: a cluster that is thrown away takes the stamp with it.
    stamp = home.metadata_dir / STAMP
    # A command and a release may both find that something has changed.
    with locked(home.run_dir / ".superset-bootstrap.lock"):
        if stamp.exists() and stamp.read_text() == digest.hexdigest():
            return False
        _set_up(home, text, superset_environment)
        new = stamp.with_suffix(".new")
        new.write_text(digest.hexdigest())
        new.replace(stamp)
    return True


def _set_up(home: Home, asked: str, superset_environment: Path | None) -> None:
    home.superset_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = home.logs_dir / "superset-bootstrap.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        done = subprocess.run(
            [str(python(superset_environment)), "-m", "infra.superset.bootstrap"],
            input=asked.encode(),
            stdout=output,
            stderr=output,
            env={**environment(home), processes.MARK: str(home.root)},
            cwd=REPOSITORY,
        )
    if done.returncode != 0:
        raise SupersetError(f"Superset's metadata could not be set up; read {log}")


def _asked(home: Home) -> dict[str, object]:
    from infra.superset.bundle import Setting, assets
    from infra.superset.definition import read_dashboards
    from infra.superset.marts import read_marts
    from ingestion.city import load_city

    state = home.state()
    if state is None:
        raise SupersetError(f"{home.root} holds no city yet: run ./telaga demo or ./telaga run first")
    city = load_city(state.city_dir)
    marts = read_marts()
    dashboards = read_dashboards(marts)
    setting = Setting(home.serving_dir, city.title, city.data_label, city.levels[0][0])
    names = [ADMINISTRATOR, *(each.user for each in dashboards)]
    passwords = home.secrets(*(secret_name(name) for name in names), nbytes=18)
    users = [User(ADMINISTRATOR, "Admin", passwords[secret_name(ADMINISTRATOR)])]
    users += [User(each.user, each.role, passwords[secret_name(each.user)], each.slug) for each in dashboards]
    return {
        "users": [asdict(user) for user in users],
        "assets": assets(dashboards, marts, setting),
        "opened_by": {each.slug: each.role for each in dashboards},
        "retired": list(RETIRED_ROLES),
    }


def users() -> tuple[str, ...]:
    """Accounts that the bootstrap makes; each one's password is the home's secret `secret_name(user)`."""
    from infra.superset.definition import DASHBOARDS, read_dashboard

    return (ADMINISTRATOR, *(read_dashboard(path).user for path in sorted(DASHBOARDS.glob("*.yaml"))))


def start(home: Home, superset_environment: Path | None = None, seconds: float = 120) -> str:
    """Starts Superset on a free port of 127.0.0.1 and returns its address when it answers; running already, that.

    Raises SupersetError naming the log where it ends or does not answer in time.
    """
    now = status(home)
    if now.is_running and now.url:
        return now.url
    old = _record(home)
    if old is not None:
        processes.stop(old, home.run_dir, grace=5)
    log = home.logs_dir / "superset.log"
    for _ in range(3):
        port = ports.choose(old.port if old else None)
        record = processes.start(
            NAME,
            _command(python(superset_environment), port),
            home=home.root,
            run_dir=home.run_dir,
            log=log,
            environment=environment(home),
            cwd=home.superset_dir,
            port=port,
        )
        answered = processes.wait_until(partial(_answers_or_ended, record), seconds, 0.2)
        if answered and processes.record_alive(record):
            return _url(record)
        ended = not processes.record_alive(record)
        processes.stop(record, home.run_dir, grace=5)
        if not ended or ports.is_free(port):
            break
        # Another process took the port between finding and binding it.
        old = None
    raise SupersetError(f"Superset did not start; read {log}")


def _command(interpreter: Path, port: int) -> list[str]:
    # One worker with threads: two would double the memory, and each would draw and cache for itself.
    return [
        str(interpreter),
        "-m",
        "gunicorn",
        "--bind",
        f"{ports.HOST}:{port}",
        "--workers",
        "1",
        "--worker-class",
        "gthread",
        "--threads",
        "8",
        "--timeout",
        "120",
        "--graceful-timeout",
        "5",
        # Its default socket lies outside the home, and two homes would share it.
        "--no-control-socket",
        "--limit-request-line",
        "0",
        "superset.app:create_app()",
    ]


def stop(home: Home, grace: float = 10) -> bool:
    """Stops Superset; False where none was recorded."""
    record = _record(home)
    if record is None:
        return False
    processes.stop(record, home.run_dir, grace=grace)
    return True


def status(home: Home) -> Status:
    """How Superset of this home stands, by its record, its process and its port."""
    record = _record(home)
    if record is None:
        return Status(False, None, None)
    return Status(processes.record_alive(record) and _answers(record), _url(record), record.pid)


def follow(home: Home) -> int:
    """To be called after a release has moved its link: datasets take the columns that their marts have now, and no
    answer of the release before is shown again. Returns how many were touched.

    0 where Superset was never set up or its metadata does not run: then `bootstrap` does it, before anyone reads.
    """
    if not (home.metadata_dir / STAMP).exists() or not metadata_cluster(home).is_running():
        return 0
    bootstrap(home)
    return touch(home)


def touch(home: Home, audiences: Iterable[str] = AUDIENCES) -> int:
    """To be called after a release has moved its link: no answer cached from the one before is shown again.

    Returns how many datasets were touched: 0 where Superset was never set up or its metadata does not run (its
    cache outlives no restart of the metadata: what is not running shows nothing to anybody).
    """
    cluster = metadata_cluster(home)
    if not (home.metadata_dir / STAMP).exists() or not cluster.is_running():
        return 0
    from infra.superset.touch import touch_datasets

    password = home.secret(f"metadata_{SUPERSET_DATABASE}")
    with contextlib.closing(cluster.connect(SUPERSET_DATABASE, SUPERSET_DATABASE, password)) as connection:
        return touch_datasets(connection, audiences)


def _record(home: Home) -> processes.ProcessRecord | None:
    return next((record for record in processes.records(home.run_dir) if record.name == NAME), None)


def _url(record: processes.ProcessRecord) -> str:
    return f"http://{ports.HOST}:{record.port}"


def _answers_or_ended(record: processes.ProcessRecord) -> bool:
    return _answers(record) or not processes.record_alive(record)


def _answers(record: processes.ProcessRecord) -> bool:
    try:
        with urllib.request.urlopen(f"{_url(record)}/health", timeout=2) as answer:  # noqa: S310, an own address
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False
