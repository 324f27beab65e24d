"""What Airflow gathers and nobody reads any more: rows of its metadata, logs of old tasks, ever-growing logs."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from infra.settings import REPOSITORY, Home
from infra.stack.airflow import environment
from infra.stack.airflow_client import task_logs

KEPT = timedelta(days=90)
# Not `dag` and `dag_version`: a home that was down for a season would forget its DAGs, paused states and all.
TABLES = (
    "callback",
    "dag_run",
    "deadline",
    "asset_event",
    "import_error",
    "job",
    "log",
    "revoked_token",
    "task_instance",
    "task_instance_history",
    "task_reschedule",
    "trigger",
    "xcom",
)
COMPONENT_LOG_BYTES = 64 * 2**20
COMPONENT_LOG_KEPT = 8 * 2**20


@dataclass(frozen=True)
class LogsTrimmed:
    """`deleted` task logs; `cut` logs of components, of which the newest part stays."""

    deleted: int
    cut: int


def trim_metadata(home: Home, before: datetime) -> None:
    """Delete rows of Airflow's metadata older than `before` (UTC); the newest scheduled run of each DAG stays.

    Runs `airflow db clean`: a task itself may not reach the metadata. Raises RuntimeError that names the log.
    """
    log = home.logs_dir / "airflow-db-clean.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "airflow", "db", "clean", "--yes", "--skip-archive", "--error-on-cleanup-failure"]
    command += ["--clean-before-timestamp", before.isoformat(timespec="seconds"), "--tables", ",".join(TABLES)]
    with log.open("wb") as output:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(home, port=8080, cadence=False),
            cwd=REPOSITORY,
        )
    if done.returncode != 0:
        raise RuntimeError(f"Airflow's metadata could not be trimmed; read {log}")


def trim_logs(home: Home, before: datetime) -> LogsTrimmed:
    """Delete task and parse logs last written before `before`, and cut component logs that have grown too large."""
    deleted = sum(_delete_old(folder, before) for folder in (task_logs(home), home.logs_dir / "dag_processor"))
    cut = sum(_cut(path) for path in sorted(home.logs_dir.glob("*.log")))
    return LogsTrimmed(deleted, cut)


def _delete_old(folder: Path, before: datetime) -> int:
    deleted = 0
    for path, is_folder in _deepest_first(folder):
        with contextlib.suppress(FileNotFoundError, OSError):
            if path.stat().st_mtime >= before.timestamp():
                continue
            if is_folder:
                path.rmdir()  # refused while something lies in it
            else:
                path.unlink()
                deleted += 1
    return deleted


def _deepest_first(folder: Path) -> Iterator[tuple[Path, bool]]:
    paths = [path for path in folder.rglob("*") if not path.is_symlink()] if folder.is_dir() else []
    for path in sorted(paths, key=lambda path: len(path.parts), reverse=True):
        yield path, path.is_dir()


def _cut(path: Path) -> bool:
    """Keep the newest part of a log that a running component appends to: in place, since it stays open."""
    if path.stat().st_size <= COMPONENT_LOG_BYTES:
        return False
    with path.open("a+b") as file:
        file.seek(-COMPONENT_LOG_KEPT, os.SEEK_END)
        tail = file.read()
        file.truncate(0)
        file.write(tail[tail.find(b"\n") + 1 :])
    return True
