"""Stops everything of this home: Superset, Airflow with its tasks, PostgreSQL. No process is left; data stays."""

from __future__ import annotations

import argparse

from infra.settings import current_home

SUMMARY = "stop everything of this home"
ENVIRONMENT = "main"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example: TELAGA_HOME=.telaga ./telaga down"


def run(arguments: argparse.Namespace) -> int:
    """Stops the home's services; 0 also where nothing ran."""
    from infra.cli.progress import Progress
    from infra.stack import local

    home = current_home()
    if not home.root.exists():
        print(f"nothing to stop: {home.root} does not exist")
        return 0
    with local.alone(home), Progress().step(f"stopping {home.root}") as step:
        local.stop(home, step)
    print("stopped; ./telaga up starts it again")
    return 0
