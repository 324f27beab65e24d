"""Seal files for the lakehouse, as an agency does: encrypted (age) to its public key, signed (Ed25519) by the agency.

Each FILE becomes <FILE name>.drop in the folder OUT, whole or not at all, and is counted through the feed's contract on
the way: what the lakehouse would refuse is refused here. The plain file stays where it is and is not sent.
The agency's key is made with `./telaga keys make --agency NAME`; docs/sealed-drops.md does the same with plain tools.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from infra.settings import Home, SettingsError, city_folder, current_home, locked

if TYPE_CHECKING:
    from ingestion.contract import Contract

SUMMARY = "seal files into drops that only the lakehouse can open"
ENVIRONMENT = "main"


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        "example: ./telaga seal --feed polres_ppu.etle_events --to age1... --out outbox etle_2026-05.jsonl.gz"
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE")
    parser.add_argument("--feed", required=True, metavar="FEED", help="<agency>.<dataset>, as its contract is named")
    parser.add_argument("--contract", type=Path, metavar="FILE", help="the feed's contract (default: the city's)")
    parser.add_argument("--city", metavar="NAME|DIR", help="where the contract stands (default: the home's city)")
    parser.add_argument(
        "--to", metavar="age1...", help="the lakehouse's public key (default: the contract's recipient)"
    )
    parser.add_argument(
        "--key", type=Path, metavar="FILE", help="the agency's private key (default: that of this home)"
    )
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="folder of the drops (default: here)")
    parser.add_argument("--sequence", type=int, metavar="N", help="number of the first drop (default: counted on)")
    parser.add_argument(
        "--period", nargs=2, metavar=("FROM", "TO"), help="days or instants that it covers, TO excluded"
    )


def run(arguments: argparse.Namespace) -> int:
    """Prints one line a drop; 1 where a file is not as its contract says, 2 for a refused use."""
    from ingestion.connectors import ConnectorError, SchemaDrift, UnreadableBatch
    from ingestion.sealing import SealBroken

    home = current_home()
    contract = _contract(home, arguments)
    recipient, key = _recipient(home, contract, arguments), _key(home, contract, arguments)
    missing = [path.name for path in arguments.files if not path.is_file()]
    if missing or not arguments.out.is_dir():
        raise SettingsError(f"{missing[0] if missing else arguments.out}: is not there; check the path")
    if arguments.sequence is not None and arguments.sequence < 1:
        raise SettingsError("--sequence counts from 1")
    period = _period(arguments.period)
    for path in arguments.files:
        try:
            _seal(home, contract, path, recipient, key, period, arguments)
        except (SchemaDrift, UnreadableBatch, ConnectorError) as error:
            print(f"telaga: {path.name} was not sealed: {error}", file=sys.stderr)
            return 1
        except (SealBroken, FileExistsError) as error:
            raise SettingsError(str(error)) from None
    return 0


def _seal(
    home: Home,
    contract: Contract,
    path: Path,
    recipient: str,
    key: Path,
    period: tuple[str | None, str | None],
    arguments: argparse.Namespace,
) -> None:
    from infra.airflow.runtime import places
    from ingestion.connectors import CHUNK_ROWS
    from ingestion.connectors.formats import frames_of
    from ingestion.connectors.source import FileSource
    from ingestion.drops import seal_file

    rows = sum(frame.height for frame in frames_of(FileSource(path), contract, places(home), CHUNK_ROWS))
    counter = home.make().root / "drops" / f"{contract.feed}.sequence"
    with locked(counter.with_suffix(".lock")):
        counted = int(counter.read_text()) if counter.exists() else 0
        sequence = arguments.sequence or counted + 1
        drop, manifest = seal_file(
            path,
            arguments.out,
            agency=contract.agency,
            feed=contract.feed,
            sequence=sequence,
            rows=rows,
            period=period,
            recipient=recipient,
            key_file=key,
        )
        counter.write_text(f"{max(counted, sequence)}\n")
    if arguments.sequence is not None:
        arguments.sequence += 1
    print(f"{drop.name}  drop {manifest.sequence}  {rows} rows  sha-256 {manifest.sha256}")


def _contract(home: Home, arguments: argparse.Namespace) -> Contract:
    from ingestion.city import load_city
    from ingestion.contract import load_contract

    if arguments.contract is not None:
        contract = load_contract(arguments.contract)
        if contract.feed != arguments.feed:
            raise SettingsError(f"{arguments.contract.name} is the contract of {contract.feed}, not {arguments.feed}")
    else:
        state = home.state()
        folder = city_folder(arguments.city) if arguments.city else state.city_dir if state else None
        if folder is None:
            raise SettingsError("no city here: give --contract FILE or --city NAME")
        contract = load_city(folder).feed(arguments.feed)
    if contract.connector not in ("folder", "s3", "sftp"):
        raise SettingsError(f"{contract.feed} is pulled from a {contract.connector}; only files are sealed")
    return contract


def _recipient(home: Home, contract: Contract, arguments: argparse.Namespace) -> str:
    from ingestion.sealing import DROPS_KEY, recipient_of

    stated = arguments.to or contract.server.get("recipient")
    if stated:
        return str(stated)
    if (home.keys_dir / DROPS_KEY).exists():
        return recipient_of(home.keys_dir, DROPS_KEY)
    raise SettingsError("no lakehouse key: give --to age1..., as ./telaga keys make prints it at the lakehouse")


def _key(home: Home, contract: Contract, arguments: argparse.Namespace) -> Path:
    from ingestion.sealing import AGENCY_KEY

    path = arguments.key or home.keys_dir / AGENCY_KEY.format(agency=contract.agency)
    if not path.is_file():
        raise SettingsError(f"no signing key: ./telaga keys make --agency {contract.agency}, or give --key FILE")
    return Path(path)


def _period(given: list[str] | None) -> tuple[str | None, str | None]:
    if given is None:
        return None, None
    from datetime import datetime

    if not all(re.match(r"\d{4}-\d{2}-\d{2}", text) for text in given):
        raise SettingsError("--period takes two days or instants such as 2026-05-01, the second excluded")
    try:
        start, end = (datetime.fromisoformat(text) for text in given)
    except ValueError:
        raise SettingsError("--period takes two days or instants such as 2026-05-01, the second excluded") from None
    if (start.tzinfo is None) != (end.tzinfo is None) or start >= end:
        raise SettingsError("--period: FROM must lie before TO, both with a UTC offset or both without")
    return given[0], given[1]
