"""Signed reports for the data protection officer: counts, rules and shares, never a value.

redaction   what was removed from which feed and field in a period, by which rule, beside what is usual, with the recall
            floors and reviews: one page to print, and its signature beside it (FILE.sig)
verify      that a report is the one that was signed; with --key by a public key that you kept
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infra.settings import SettingsError, current_home

SUMMARY = "a signed redaction report of a period, and the check of one"
ENVIRONMENT = "main"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "example: ./telaga report redaction --period 2026-05 --out may.html && ./telaga report verify may.html"
    )
    below = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    made = below.add_parser("redaction", help="write the report of a period")
    made.add_argument("--period", required=True, metavar="PERIOD", help="2026-05, 2026-Q2 or FROM..TO (both included)")
    made.add_argument("--out", type=Path, metavar="FILE", help="where to write it (default: TELAGA_HOME/reports)")
    made.set_defaults(act=_redaction)
    verify = below.add_parser("verify", help="hold a report to its signature")
    verify.add_argument("file", type=Path, metavar="FILE")
    verify.add_argument("--signature", type=Path, metavar="FILE", help="its signature (default: FILE.sig)")
    verify.add_argument(
        "--key", metavar="KEY", help="a public key you kept: the line, or its file (default: this home's)"
    )
    verify.set_defaults(act=_verify)


def run(arguments: argparse.Namespace) -> int:
    """Runs the action; `verify` ends with 1 where the report is not what was signed."""
    return int(arguments.act(arguments))


def _redaction(arguments: argparse.Namespace) -> int:
    import getpass
    from datetime import UTC, datetime
    from zoneinfo import ZoneInfo

    from governance.redaction_page import BadPeriod, period_of
    from infra.officer import signature_path, signer_of, write_report
    from ingestion.city import load_city

    home = current_home()
    state = home.state()
    if state is None:
        raise SettingsError(f"{home.root} holds no city yet: run ./telaga demo or ./telaga run first")
    try:
        period = period_of(arguments.period)
    except BadPeriod as error:
        raise SettingsError(str(error)) from None
    city = load_city(state.city_dir)
    as_of = state.as_of or city.as_of or datetime.now(UTC).astimezone(ZoneInfo(city.time_zone)).date()
    out = arguments.out.absolute() if arguments.out else None
    path = write_report(home, city, period, as_of=as_of, actor=getpass.getuser(), path=out)
    print(path)
    print(f"signature  {signature_path(path)}", file=sys.stderr)
    print(f"public key {signer_of(home, city.name).verifier}\nKeep the key elsewhere.", file=sys.stderr)
    return 0


def _verify(arguments: argparse.Namespace) -> int:
    from governance.signed_file import check_file
    from governance.signed_note import BadNote, Verifier
    from infra.officer import signature_path, signer_of

    home = current_home()
    beside = arguments.signature or signature_path(arguments.file)
    for path in (arguments.file, beside):
        if not path.is_file():
            raise SettingsError(f"no file {path}; a report and its signature (FILE.sig) are handed on together")
    try:
        if arguments.key:
            given = Path(arguments.key)
            key = Verifier.parse(given.read_text(encoding="utf-8") if given.is_file() else arguments.key)
        else:
            state = home.state()
            if state is None:
                raise SettingsError(f"{home.root} holds no city and so no key; name one with --key")
            key = signer_of(home, state.city).verifier
        name = check_file(arguments.file.read_bytes(), beside.read_text(encoding="utf-8"), [key])
    except BadNote as error:
        print(f"telaga: {error}", file=sys.stderr)
        return 1
    print(f"{arguments.file.name}: signed as {name}, unchanged")
    return 0
