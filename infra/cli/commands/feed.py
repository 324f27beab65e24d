"""Contracts of feeds: check one, draft one from a sample, migrate what has landed, pause and resume a feed.

check PATH       one line a fault of a contract, or of a city's folder; nothing and exit 0 where there is none
new SAMPLE       a draft contract from a sample file, or a table of a database: format, types, key, times, suspected
                 personal data with a proposed action; what a person must decide says DECIDE, and no value of the sample
                 stands in it
migrate FEED     apply the changed contract (or --to FILE, which takes its place) to the rows that have landed: columns
                 added, widened or renamed; what got stricter leaves the table and every older version of it. What the
                 table cannot follow is refused, with the next step; --dry-run only says what would be done
pause FEED       nothing is pulled of the feed until it is resumed; what is published stays, what is delivered waits
resume FEED
"""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from infra.settings import Home, HomeState, SettingsError, city_folder, current_home

SUMMARY = "check, draft or migrate a feed's contract, pause or resume a feed"
ENVIRONMENT = "main"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = "example: ./telaga feed check ingestion/feeds/chicago"
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    check = actions.add_parser("check", help="explain what is wrong with a contract, one line a fault")
    check.add_argument("path", type=Path, help="a contract (*.odcs.yaml) or a city's folder")
    check.set_defaults(act=_check)
    new = actions.add_parser("new", help="draft a contract from a sample: CSV, JSON lines, Parquet, spatial, a table")
    new.add_argument("sample", metavar="SAMPLE", help="a file, or with --table a database: postgresql://host/database")
    new.add_argument("--table", metavar="SCHEMA.NAME", help="a table or view of that database (password: PGPASSFILE)")
    new.add_argument("--feed", metavar="NAME", help="<agency>.<dataset> (default: from the sample's name)")
    new.add_argument(
        "--entity", metavar="NAME", help="what it maps onto (ingestion/entities.yaml); columns are matched"
    )
    new.add_argument("--city", metavar="NAME|DIR", help="the city it belongs to (default: the home's)")
    new.add_argument("--out", type=Path, metavar="DIR", help="write <feed>.odcs.yaml there (default: standard output)")
    new.set_defaults(act=_new)
    migrate = actions.add_parser("migrate", help="apply a changed contract to what has landed, history included")
    migrate.add_argument("feed", metavar="FEED")
    migrate.add_argument("--to", type=Path, metavar="FILE", help="the new contract (default: the city's, as it stands)")
    migrate.add_argument("--dry-run", action="store_true", help="say what would be done, change nothing")
    migrate.set_defaults(act=_migrate)
    for name, about in (
        ("pause", "pull nothing of a feed until it is resumed"),
        ("resume", "pull a paused feed again"),
    ):
        turn = actions.add_parser(name, help=about)
        turn.add_argument("feed", metavar="FEED")
        turn.add_argument("--by", default=getpass.getuser(), metavar="NAME", help="who decides (default: you)")
        turn.add_argument("--reason", default="not stated", metavar="TEXT", help="why; no personal data")
        turn.set_defaults(act=_turn)


def run(arguments: argparse.Namespace) -> int:
    """Runs the action; 1 where a contract has faults, 2 for a refused use."""
    return int(arguments.act(arguments))


def _new(arguments: argparse.Namespace) -> int:
    import re

    from ingestion.connectors import ConnectorError, UnreadableBatch
    from ingestion.contract import SUFFIX
    from ingestion.draft import draft_contract
    from ingestion.entities import load_entities
    from ingestion.sample import read_sample
    from ingestion.sample_table import read_table

    entities = load_entities()
    if arguments.entity is not None and arguments.entity not in entities:
        raise SettingsError(f"no entity {arguments.entity}: one of {', '.join(entities.by_name)}")
    file = Path(arguments.sample)
    named = arguments.table.rpartition(".")[2] if arguments.table else file.name.split(".")[0]
    words = re.sub(r"[^a-z]+", "_", named.lower()).strip("_")
    feed = arguments.feed or f"agency.{words or 'dataset'}"
    if not re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_]+", feed):
        raise SettingsError("--feed is <agency>.<dataset> in lower case letters, digits and _")
    if not arguments.table and not file.is_file():
        raise SettingsError(f"{file.name}: is not there; give a sample file")
    target = arguments.out / f"{feed}{SUFFIX}" if arguments.out else None
    if target is not None and (target.exists() or not arguments.out.is_dir()):
        raise SettingsError(f"{target.name if target.exists() else arguments.out}: is there already, or no folder")
    try:
        sample = read_table(arguments.sample, arguments.table) if arguments.table else read_sample(file)
    except (UnreadableBatch, ConnectorError) as error:
        raise SettingsError(str(error)) from None
    entity = entities[arguments.entity] if arguments.entity else None
    draft = draft_contract(sample, feed, _city_name(arguments.city), entity)
    if target is None:
        print(draft, end="")
    else:
        target.write_text(draft, encoding="utf-8")
        print(f"{target}: {draft.count('DECIDE')} places to decide; then ./telaga feed check {target}")
    return 0


def _migrate(arguments: argparse.Namespace) -> int:
    from infra.airflow.runtime import writers
    from ingestion.city import load_city
    from ingestion.contract import ContractError, load_contract
    from ingestion.migrate import MigrationRefused, TableBusy, migrate_feed, plan_migration
    from ingestion.minimise import KeyRing

    home, state = _claimed()
    city = load_city(state.city_dir)
    lake, now = home.lake(), city.feed(arguments.feed)
    try:
        after = load_contract(arguments.to) if arguments.to else now
        if after.feed != now.feed:
            raise SettingsError(f"{arguments.to.name} is the contract of {after.feed}, not of {now.feed}")
        plan_migration(lake, after)
        if arguments.to and not arguments.dry_run:
            # First, so that no landing in between brings back what is taken out; cut here, go on without --to.
            _put_in_place(after.text, Path(now.path))
        done = migrate_feed(
            lake,
            after,
            city,
            KeyRing(home.keys_dir),
            writers(home),
            run_id=f"migrate-{after.version}",
            is_dry=arguments.dry_run,
        )
    except (ContractError, MigrationRefused, TableBusy) as error:
        raise SettingsError(str(error)) from None
    for line in done.told:
        print(f"{done.feed}: {line}")
    if arguments.dry_run:
        print("nothing was changed (--dry-run)", file=sys.stderr)
    return 0


def _put_in_place(text: str, path: Path) -> None:
    new = path.with_name(f".{path.name}.new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)


def _claimed() -> tuple[Home, HomeState]:
    home = current_home()
    state = home.state()
    if state is None:
        raise SettingsError(f"{home.root} holds no city yet: run ./telaga demo or ./telaga run first")
    return home, state


def _city_name(given: str | None) -> str:
    if given is None:
        state = current_home().state()
        return state.city if state else "city"
    return city_folder(given).name


def _turn(arguments: argparse.Namespace) -> int:
    from datetime import UTC, datetime

    from infra.airflow.runtime import writers
    from ingestion.city import load_city
    from ingestion.lake.decisions import PAUSE, RESUME, decide, paused_feeds

    home, state = _claimed()
    feed = load_city(state.city_dir).feed(arguments.feed).feed
    lake = home.lake()
    is_pause = arguments.action == "pause"
    if (feed in paused_feeds(lake)) != is_pause:
        try:
            with writers(home).writing("control"):
                decision = PAUSE if is_pause else RESUME
                decide(lake, decision, feed, by=arguments.by, reason=arguments.reason, now=datetime.now(UTC))
        except ValueError as error:
            raise SettingsError(str(error)) from None
    print(f"{feed} is paused: no run takes it" if is_pause else f"{feed} is pulled again on its cadence")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from ingestion.feed_check import check_path, contracts_at

    faults = check_path(arguments.path)
    for fault in faults:
        print(fault)
    if not faults:
        count = len(contracts_at(arguments.path))
        print(f"{count} {'contract' if count == 1 else 'contracts'} without fault", file=sys.stderr)
    return 1 if faults else 0
