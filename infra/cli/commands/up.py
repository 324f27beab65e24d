"""Starts this home's services and leaves them running: Airflow on its contracts' cadence, and Superset."""

from __future__ import annotations

import argparse

from infra.settings import SettingsError, current_home

SUMMARY = "start Airflow on the contracts' cadence, and Superset"
ENVIRONMENT = "main"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example: ./telaga up && ./telaga status"


def run(arguments: argparse.Namespace) -> int:
    """Starts what does not run yet; prints addresses, users, and where the passwords lie."""
    from infra.cli.progress import Progress
    from infra.cli.serve import serve, tell_addresses
    from infra.stack import local

    home = current_home()
    if home.state() is None:
        raise SettingsError(f"{home.root} holds no city yet: run ./telaga demo or ./telaga run first")
    progress = Progress()
    with local.alone(home):
        serve(home, progress)
    tell_addresses(home)
    return 0
