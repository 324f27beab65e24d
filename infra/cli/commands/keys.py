"""Keys of this home, files of mode 0600 in TELAGA_HOME/keys: make those that drops need, list public parts.

make                  the lakehouse's key that opens sealed drops; prints its public part (age1...) for the agencies
make --agency NAME    the agency's signing key, in the agency's own home; prints its public part (PEM), which also
                      lies beside it as *.pem and is named by the contract's agency_key
list                  every key with what it is for and its public part; a secret is never printed
"""

from __future__ import annotations

import argparse
import sys

from infra.settings import SettingsError, current_home

SUMMARY = "make and list the keys of sealed drops, public parts only"
ENVIRONMENT = "main"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example: ./telaga keys make --agency dishub_balikpapan > dishub_balikpapan.pem"
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    make = actions.add_parser("make", help="make a key where there is none yet, and print its public part")
    make.add_argument("--agency", metavar="NAME", help="the signing key of this agency, as its feeds name it")
    make.set_defaults(act=_make)
    actions.add_parser("list", help="list keys with their public parts").set_defaults(act=_list)


def run(arguments: argparse.Namespace) -> int:
    """Runs the action; what it made is there already when it is run again."""
    return int(arguments.act(arguments))


def _make(arguments: argparse.Namespace) -> int:
    from ingestion.sealing import AGENCY_KEY, DROPS_KEY, make_agency_key, recipient_of

    keys = current_home().make().keys_dir
    if arguments.agency is None:
        print(recipient_of(keys, DROPS_KEY))
        print(f"keys/{DROPS_KEY}: back it up; without it no drop opens. Give agencies the line above.", file=sys.stderr)
        return 0
    try:
        print(make_agency_key(keys, arguments.agency), end="")
    except ValueError as error:
        raise SettingsError(str(error)) from None
    name = AGENCY_KEY.format(agency=arguments.agency)
    print(f"keys/{name}: keep it secret. Give the lakehouse keys/{name}.pem, shown above.", file=sys.stderr)
    return 0


def _list(arguments: argparse.Namespace) -> int:
    from ingestion.sealing import known_keys

    found = known_keys(current_home().keys_dir)
    if not found:
        print("no keys yet: ./telaga keys make", file=sys.stderr)
    for key in found:
        print(f"{key.file:<32} {key.use:<26} {key.public or '-'}")
    return 0
