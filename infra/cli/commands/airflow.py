"""Hands any command to the installed Airflow, with this home's settings.

./telaga airflow dags list
./telaga airflow dags test pull_camera_events
./telaga airflow backfill create --dag-id pull_camera_events --from-date 2026-06-01 --to-date 2026-06-14
"""

from __future__ import annotations

import argparse

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
        return subprocess.run([sys.executable, "-m", "airflow", *arguments.words], env=variables).returncode
    finally:
        if not was_running:
            local.stop_databases(home)
