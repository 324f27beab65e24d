"""Hands any command to the installed Airflow, with this home's settings.

./telaga airflow dags list
./telaga airflow dags test pull_camera_events
./telaga airflow backfill create --dag-id pull_camera_events --from-date 2026-06-01 --to-date 2026-06-14

A backfill needs the stack up (./telaga up). Its runs are given one id, so that a delivery whose day touches the hours
of many of them is replaced by the first and left alone by the others.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from datetime import UTC, datetime

from infra.settings import SettingsError, current_home

SUMMARY = "any command of the installed Airflow, on this home"
ENVIRONMENT = "main"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="Airflow's own words")


def run(arguments: argparse.Namespace) -> int:
    """Runs Airflow's command and returns its exit code; the metadata database is started for it if need be."""
    import subprocess
    import sys

    from infra.stack import airflow, airflow_client, local
    from infra.stack.metadata import metadata_cluster

    home = current_home()
    if home.state() is None:
        raise SettingsError(f"{home.root} holds no city yet: run ./telaga demo or ./telaga run first")
    was_running = metadata_cluster(home).is_running()
    if not was_running:
        local.start_databases(home)
    try:
        airflow.bootstrap(home)
        record = airflow_client.records(home).get("api-server")
        port = record.port if record is not None and record.port else 8080
        variables = airflow.environment(home, port=port, cadence=local.keeps_cadence(home))
        words = with_run_id(arguments.words, datetime.now(UTC))
        return subprocess.run([sys.executable, "-m", "airflow", *words], env=variables).returncode
    finally:
        if not was_running:
            local.stop_databases(home)


def with_run_id(words: Sequence[str], now: datetime) -> list[str]:
    """Airflow's words as given; `backfill create` without a conf of its own gets one that names its run."""
    if list(words[:2]) != ["backfill", "create"] or any(word.startswith("--dag-run-conf") for word in words):
        return list(words)
    return [*words, "--dag-run-conf", json.dumps({"run_id": f"backfill-{now:%Y%m%dT%H%M%SZ}"})]
