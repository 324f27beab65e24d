"""Contracts of feeds: check one, draft one from a sample, pause and resume a feed.

check PATH       one line a fault of a contract, or of a city's folder; nothing and exit 0 where there is none
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

SUMMARY = "check or draft a feed's contract, pause or resume a feed"
ENVIRONMENT = "main"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example: ./telaga feed check ingestion/feeds/chicago"
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="explain what is wrong with a contract, one line a fault")
    check.add_argument("path", type=Path, help="a contract (*.odcs.yaml) or a city's folder")
    check.set_defaults(act=_check)


def run(arguments: argparse.Namespace) -> int:
    """Runs the action; 1 where a contract has faults, 2 for a refused use."""
    return int(arguments.act(arguments))


def _check(arguments: argparse.Namespace) -> int:
    from ingestion.feed_check import check_path, contracts_at

    faults = check_path(arguments.path)
    for fault in faults:
        print(fault)
    if not faults:
        count = len(contracts_at(arguments.path))
        print(f"{count} {'contract' if count == 1 else 'contracts'} without fault", file=sys.stderr)
    return 1 if faults else 0
