"""What was refused and why, and landing it again. Never a value of it: what lies in quarantine is sealed.

list               one line a batch and rule: feed, batch, rule, rows, since
show BATCH         its rules with the positions of the rows in the delivery, and the names of its columns; where they
                   are not the contract's, the difference and a proposed change of the contract
replay [BATCH ...] lands what now passes, after a contract was corrected; the rest stays, and nothing lands twice
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from infra.settings import Home, SettingsError, current_home

if TYPE_CHECKING:
    from ingestion.connectors.quarantined import Frames
    from ingestion.contract import Contract

SUMMARY = "list what was refused, show why, replay it after a contract was corrected"
ENVIRONMENT = "main"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example: ./telaga quarantine replay --feed polres_ppu.etle_events"
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    listed = actions.add_parser("list", help="what is kept, one line a batch and rule")
    listed.add_argument("--feed", metavar="FEED")
    listed.set_defaults(act=_list)
    show = actions.add_parser("show", help="rules, positions and column names of one batch")
    show.add_argument("batch", metavar="BATCH")
    show.set_defaults(act=_show)
    again = actions.add_parser("replay", help="land what passes by now")
    again.add_argument("batch", nargs="*", metavar="BATCH", help="these batches alone (default: all)")
    again.add_argument("--feed", metavar="FEED", help="this feed alone (default: all)")
    again.set_defaults(act=_replay)


def run(arguments: argparse.Namespace) -> int:
    """Runs the action; 1 where a batch could not be replayed."""
    return int(arguments.act(arguments))


def _list(arguments: argparse.Namespace) -> int:
    from ingestion.replay import kept

    entries = kept(current_home().lake(), arguments.feed)
    for entry in entries:
        rows = f"{entry.rows} rows" if entry.positions or entry.rows else "1 file" if entry.is_kept else "not kept"
        print(f"{entry.feed}  {entry.batch_id}  {entry.rule}  {rows}  since {entry.since:%Y-%m-%d %H:%M}")
    if not entries:
        print("quarantine is empty", file=sys.stderr)
    return 0


def _show(arguments: argparse.Namespace) -> int:
    from ingestion.replay import columns_of, kept, spans

    home = current_home()
    lake = home.lake()
    entries = kept(lake, batch_id=arguments.batch)
    print(f"feed     {entries[0].feed}\nbatch    {entries[0].batch_id}")
    for entry in entries:
        if entry.positions:
            print(f"rule     {entry.rule}: {entry.rows} rows, at {spans(entry.positions)}")
        else:
            kept_as = "the whole delivery, sealed" if entry.is_kept else "nothing is kept of it"
            print(f"rule     {entry.rule}: {kept_as}" + (f", {entry.rows} rows" if entry.rows else ""))
    columns = columns_of(lake, arguments.batch, home.keys_dir)
    if columns:
        print(f"columns  {', '.join(columns)}")
    if any(entry.rule == "schema_drift" for entry in entries):
        _propose(home, entries[0].feed, arguments.batch)
    return 0


def _propose(home: Home, feed: str, batch_id: str) -> None:
    """What was different, and the contract change that would take it in."""
    import polars as pl

    from ingestion.city import CityError, load_city
    from ingestion.drift_proposal import proposal

    log = home.lake().read("control", "batch_log").filter((pl.col("feed") == feed) & (pl.col("batch_id") == batch_id))
    reasons = log.filter(pl.col("reason").is_not_null()).collect().sort("logged_at")["reason"].to_list()
    state = home.state()
    if not reasons or state is None:
        return
    print(f"differs  {reasons[-1]}")
    try:
        contract = load_city(state.city_dir).feed(feed)
    except CityError:
        return
    for line in proposal(contract, reasons[-1]):
        print(f"proposed {line}")


def _replay(arguments: argparse.Namespace) -> int:
    from ingestion.connectors import ConnectorError
    from ingestion.replay import kept

    home = current_home()
    entries = [entry for entry in kept(home.lake(), arguments.feed) if entry.is_kept]
    unknown = set(arguments.batch) - {entry.batch_id for entry in entries}
    if unknown:
        raise SettingsError(f"quarantine keeps no batch {min(unknown)}; ./telaga quarantine list names those it does")
    chosen = [entry for entry in entries if not arguments.batch or entry.batch_id in arguments.batch]
    failed = False
    for feed in dict.fromkeys(entry.feed for entry in chosen):
        try:
            _replay_feed(home, feed, list(dict.fromkeys(entry.batch_id for entry in chosen if entry.feed == feed)))
        except ConnectorError as error:
            print(f"telaga: {error}", file=sys.stderr)
            failed = True
    if not chosen:
        print("nothing is kept that could be replayed", file=sys.stderr)
    return 1 if failed else 0


def _frames(home: Home, contract: Contract) -> Frames | None:
    """How a delivery's bytes are read that quarantine kept whole; null for a feed that has none."""
    from functools import partial

    from infra.airflow.runtime import places
    from ingestion.connectors import CHUNK_ROWS
    from ingestion.connectors.formats import frames_of
    from ingestion.connectors.sealed_drops import SealedDrops

    if contract.server.get("sealed"):
        # A kept drop is verified and opened as when it came.
        return SealedDrops(contract, places(home), home.keys_dir).frames
    if not contract.format:
        return None
    return partial(frames_of, contract=contract, places=places(home), chunk_rows=CHUNK_ROWS)


def _replay_feed(home: Home, feed: str, batch_ids: list[str]) -> None:
    import uuid

    from expectations.judge import Judge
    from expectations.outcomes import Recording
    from infra.airflow.runtime import writers
    from ingestion.city import load_city
    from ingestion.land import LandingContext
    from ingestion.minimise.pseudonyms import KeyRing
    from ingestion.replay import replay

    state = home.state()
    if state is None:
        raise SettingsError(f"{home.root} holds no city yet: run ./telaga demo or ./telaga run first")
    city = load_city(state.city_dir)
    contract = city.feed(feed)
    run_id = f"replay-{uuid.uuid4().hex[:12]}"
    context = LandingContext(
        lake=home.lake(),
        city=city,
        keys=KeyRing(home.keys_dir),
        run_id=run_id,
        as_of=state.as_of or city.as_of,
        judge=Recording(Judge(), home.lake(), run_id),
        log=lambda line: print(line, file=sys.stderr),
    )
    with writers(home).writing(f"minimised/{contract.entity}", "control"):
        outcome = replay(contract, context, _frames(home, contract), batch_ids)
    print(
        f"{feed}  {outcome.batches} batches  read {outcome.read}  accepted {outcome.accepted}  "
        f"duplicate {outcome.duplicate}  quarantined {outcome.quarantined}"
    )
