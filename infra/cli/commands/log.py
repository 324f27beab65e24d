"""Holds a log of this home (access, releases) to its signed checkpoints, with a public key alone.

verify   checks that the log is what its newest checkpoint, and every one you kept (--earlier), say. Take the key and
         the checkpoints from where you keep them: what lies beside the log proves nothing against its machine.
prove    prints the proof that one entry stands in the log of the newest checkpoint, to hand on with that entry.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infra.settings import SettingsError, current_home

SUMMARY = "verify the access log or the log of releases, prove an entry of it"
ENVIRONMENT = "main"
LOGS = ("access", "releases")


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example: ./telaga log verify access --key officer.vkey --earlier 2026-06.checkpoint"
    below = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    verify = below.add_parser("verify", help="hold a log to its checkpoints")
    prove = below.add_parser("prove", help="prove one entry")
    for action in (verify, prove):
        action.add_argument("log", choices=LOGS)
        action.add_argument(
            "--key", action="append", required=True, metavar="KEY", help="a public key you kept: the line, or its file"
        )
    verify.add_argument("--file", type=Path, metavar="FILE", help="the log elsewhere (default: this home's)")
    verify.add_argument("--checkpoint", type=Path, metavar="FILE", help="its newest checkpoint (default: this home's)")
    verify.add_argument("--earlier", type=Path, action="append", default=[], metavar="FILE", help="one that you kept")
    prove.add_argument("entry", type=int, metavar="NUMBER", help="sequence of the entry, from 1")


def run(arguments: argparse.Namespace) -> int:
    """0 where the log is what was signed, 1 where it is not (the reason on standard error)."""
    from governance.chained_log import BrokenLog, ChainedLog
    from governance.signed_note import BadNote, Verifier
    from governance.transparency import audit, checkpoint_path, prove_entry

    own = ChainedLog(current_home().serving_dir / f"{arguments.log}.jsonl")
    log = ChainedLog(getattr(arguments, "file", None) or own.path)
    note = _read(getattr(arguments, "checkpoint", None) or checkpoint_path(log))
    if not log.path.exists():
        raise SettingsError(f"no log at {log.path}: it is written by the first release or erasure")
    try:
        keys = [Verifier.parse(_key(given)) for given in arguments.key]
        if arguments.action == "prove":
            print(prove_entry(log, note, arguments.entry - 1, keys), end="")
            return 0
        chained = log.verify()
        found = audit(log.lines(), note, keys, earlier=[_read(path) for path in arguments.earlier])
    except (BadNote, BrokenLog, IndexError) as error:
        print(f"telaga: {error}", file=sys.stderr)
        return 1
    print(f"{found.origin}: {found.size} entries are those that were signed; {chained.entries - found.size} came later")
    return 0


def _key(given: str) -> str:
    path = Path(given)
    return path.read_text(encoding="utf-8") if path.is_file() else given


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SettingsError(f"no checkpoint at {path}: the DAG govern_data signs one a day") from None
