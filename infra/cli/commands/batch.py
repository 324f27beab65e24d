"""Follow a sealed drop to the marts, or decide about a batch.

trace DIGEST|BATCH                      the chain of custody of a sealed drop: when it came (the access log), what
                                        landed of it, which build took it, which releases show it.
accept BATCH --by NAME --reason TEXT    a batch that was stopped by its verdict lands with the feed's next pull, as it
                                        was delivered. Who accepted it and why stands in the batch log.
"""

from __future__ import annotations

import argparse

from infra.settings import SettingsError, current_home

SUMMARY = "trace a sealed drop to the marts; accept a batch that was judged failed"
ENVIRONMENT = "main"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        'example: ./telaga batch accept BATCH --by "R. Wulandari" --reason "a holiday: the low volume is real"'
    )
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    accept = actions.add_parser("accept", help="let a batch land although it was judged failed")
    accept.add_argument("batch", metavar="BATCH", help="as ./telaga quarantine list names it")
    accept.add_argument("--feed", metavar="FEED", help="where two feeds name a batch alike")
    accept.add_argument("--by", required=True, metavar="NAME", help="who stands for it")
    accept.add_argument("--reason", required=True, metavar="TEXT", help="why it may land; no personal data")
    accept.set_defaults(act=_accept)
    trace = actions.add_parser("trace", help="chain of custody of a sealed drop")
    trace.add_argument("drop", metavar="DIGEST|BATCH", help="sha-256 of the drop (12 digits are enough), or its batch")
    trace.set_defaults(act=_trace)


def run(arguments: argparse.Namespace) -> int:
    """Runs the action; 2 where no such batch was stopped by its verdict, or no such drop was received."""
    return int(arguments.act(arguments))


def _trace(arguments: argparse.Namespace) -> int:
    from governance.access_log import AccessLog
    from governance.chained_log import ChainedLog
    from governance.custody import trace

    home = current_home()
    serving = home.serving_dir
    log = AccessLog(serving / "access.jsonl")
    links = trace(home.lake(), log, ChainedLog(serving / "releases.jsonl"), arguments.drop)
    if not links:
        raise SettingsError(f"no sealed drop of that digest or batch was received: {arguments.drop}")
    for link in links:
        print(f"{link.at[:19]}  {link.what}")
    return 0


def _accept(arguments: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from infra.airflow.runtime import writers
    from ingestion.lake.decisions import ACCEPT, decide
    from ingestion.replay import NotInQuarantine, kept

    home = current_home()
    lake = home.lake()
    try:
        entries = kept(lake, arguments.feed, arguments.batch)
    except NotInQuarantine as error:
        raise SettingsError(str(error)) from None
    stopped = [entry for entry in entries if entry.rule == "verdict"]
    if not stopped:
        raise SettingsError(
            f"{arguments.batch} was stopped by {entries[0].rule}, not by its verdict: correct the contract and replay"
        )
    feeds = sorted({entry.feed for entry in stopped})
    if len(feeds) > 1:
        raise SettingsError(f"{' and '.join(feeds)} both name a batch so: give --feed")
    try:
        with writers(home).writing("control"):
            decide(
                lake,
                ACCEPT,
                feeds[0],
                by=arguments.by,
                reason=arguments.reason,
                now=datetime.now(UTC),
                batch_id=arguments.batch,
            )
    except ValueError as error:
        raise SettingsError(str(error)) from None
    print(f"{feeds[0]}  {arguments.batch}  accepted by {arguments.by}: it lands with the feed's next pull")
    return 0
