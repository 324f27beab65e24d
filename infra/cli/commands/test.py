"""Runs the project's tests, with lint and types first. What could not run is listed at the end, never as passed.

  ./telaga test               everything this machine can, with a seeded tenth of each fault campaign
  ./telaga test unit          quick: no service, no network
  ./telaga test integration   real PostgreSQL, S3, SFTP, Delta, dbt, Superset, started by the tests
  ./telaga test e2e           the whole walk in a fresh home, and the dashboards in a browser
  ./telaga test soak          all of it, fault campaigns whole

Tests on real data read TELAGA_CITY_DATA and say that they were skipped where it is unset. Words after `--` are for
pytest.
"""

from __future__ import annotations

import argparse

SUMMARY = "lint, types and tests"
ENVIRONMENT = "test"
KINDS = {
    "unit": ["tests/unit", "-m", "not soak"],
    "integration": ["tests", "-m", "integration and not soak"],
    "e2e": ["tests/end_to_end", "-m", "e2e and not soak"],
    "soak": ["tests"],
}
EVERYTHING = ["tests", "-m", "not soak"]


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", nargs="?", choices=sorted(KINDS), help="only this kind (default: all but soak)")
    parser.add_argument("words", nargs="*", metavar="-- WORDS", help="handed to pytest, e.g. -- -k landing -x")


def run(arguments: argparse.Namespace) -> int:
    """Runs lint (not before `integration` and `e2e`) and pytest; 1 where either finds something."""
    import os
    import subprocess
    import sys

    from infra.cli import envs
    from infra.cli.commands import lint
    from infra.settings import REPOSITORY

    kind = arguments.kind
    code = 0
    if kind in (None, "unit", "soak"):
        code = max(lint.check(tool) for tool in lint.TOOLS)
    if kind != "unit":
        for name in ("superset", "peers"):
            envs.ensure(name, lambda line: print(f"telaga: {line}", file=sys.stderr, flush=True))
    # A home, engine or lake of the caller's is no business of a test: each makes its own.
    dropped = ("TELAGA_HOME", "TELAGA_LAKE", "AIRFLOW_HOME", "SPARK_REMOTE")
    variables = {name: value for name, value in os.environ.items() if name not in dropped}
    variables["PYTHONPATH"] = str(REPOSITORY)
    variables["TELAGA_ENVS"] = str(envs.folder())
    command = [sys.executable, "-m", "pytest", *(KINDS[kind] if kind else EVERYTHING), *arguments.words]
    tests = subprocess.run(command, cwd=REPOSITORY, env=variables).returncode
    if code:
        print("telaga: lint or types found something; see above the tests", file=sys.stderr)
    return 1 if code or tests else 0
