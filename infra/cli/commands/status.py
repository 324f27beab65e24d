"""How this home stands: its city and clock, what runs and where, the last run, releases, and what needs a person.

--open builds the Data Docs of Great Expectations from the verdicts of the last batches (counts and limits, never a
value) and opens them; without it their place is only named.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import webbrowser
from pathlib import Path
from typing import Any

from infra.settings import REPOSITORY, Home, current_home

SUMMARY = "how this home stands: services, last run, releases, alerts"
ENVIRONMENT = "none"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example: TELAGA_HOME=.telaga-chicago ./telaga status --open"
    parser.add_argument("--open", action="store_true", help="build the Data Docs of the last verdicts and open them")


def run(arguments: argparse.Namespace) -> int:
    """Prints the status; 0 also where nothing runs."""
    home = current_home()
    state = home.state()
    print(f"home      {home.root}")
    if state is None:
        print("city      none yet: run ./telaga demo or ./telaga run")
        return 0
    clock = f"as of {state.as_of}" if state.as_of else "as of today, or what the city states"
    print(f"city      {state.city}, {clock}")
    _services(home)
    _last_run(home)
    _releases(home)
    _attention(home)
    _waiting(home)
    return _docs(home, is_opened=arguments.open)


def _services(home: Home) -> None:
    from infra.stack import airflow_client
    from infra.stack.metadata import metadata_cluster
    from infra.superset import stack as superset

    known = airflow_client.records(home)
    if airflow_client.running(home):
        mode = _read(home.run_dir / "airflow-mode.json") or {}
        kept = "on the contracts' cadence" if mode.get("cadence") else "driven by a command"
        print(f"airflow   running, {kept}: http://127.0.0.1:{known['api-server'].port}")
    else:
        print("airflow   stopped" if not known else "airflow   partly stopped: ./telaga down, then ./telaga up")
    drawn = superset.status(home)
    print(f"superset  running: {drawn.url}" if drawn.is_running else "superset  stopped")
    print("postgres  " + ("running" if metadata_cluster(home).is_running() else "stopped"))


def _last_run(home: Home) -> None:
    unfinished = _read(home.run_dir / "current-run.json")
    if unfinished:
        print(f"run       {unfinished['run_id']} is under way, or was cut: the same command goes on with it")
    summary = _read(home.summary_path)
    if summary is None:
        print("last run  none has ended yet")
        return
    feeds = summary["feeds"]
    totals = {name: sum(feed[name] for feed in feeds) for name in ("read", "accepted", "duplicate", "quarantined")}
    told = ", ".join(f"{name} {count:,}" for name, count in totals.items())
    print(f"last run  {summary.get('run_id', '')} ended {summary.get('ended_at', '')}: {told}")
    for reason in summary.get("attention", ()):
        print(f"          {reason}")


def _releases(home: Home) -> None:
    from governance.release import current

    for audience, release in current(home.serving_dir).items():
        print(f"release   {audience:<12}{release.id}  {len(release.marts)} marts")


def _attention(home: Home) -> None:
    try:
        lines = home.alerts_path.read_text().splitlines()
    except FileNotFoundError:
        return
    for line in lines[-5:]:
        alert = json.loads(line)
        about = " ".join(str(alert[name]) for name in ("dag", "run", "feed", "detail") if alert.get(name))
        print(f"alert     {alert['at']} {alert['kind']} {about}")


def _waiting(home: Home) -> None:
    """What waits for a person, as the lake says now; as the last summary said where no environment can read it."""
    told = _asked(home)
    lines = (_read(home.summary_path) or {}).get("alerts", ()) if told is None else told.splitlines()
    for line in filter(None, lines):
        print(f"waiting   {line}")


def _docs(home: Home, *, is_opened: bool) -> int:
    from infra.cli.attention import docs_path

    index = docs_path(home)
    if not is_opened:
        print(f"data docs {index if index.exists() else 'not built yet'}: ./telaga status --open builds and opens them")
        return 0
    if _asked(home, "docs") is None:
        print("data docs cannot be built: they need the environment that ./telaga run installs", file=sys.stderr)
        return 2
    print(f"data docs {index.as_uri()}")
    webbrowser.open(index.as_uri())
    return 0


def _asked(home: Home, *question: str) -> str | None:
    """The answer of the environment that can read a lake; None where there is none, or no lake yet."""
    from infra.cli import envs

    if not envs.is_ready("main"):
        return None
    command = [str(envs.python("main")), "-m", "infra.cli.attention", *question]
    try:
        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        return None
    return done.stdout if done.returncode == 0 else None


def _read(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    return found
