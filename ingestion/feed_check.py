"""What is wrong with a contract file, or with a whole city's folder, one line a fault."""

from __future__ import annotations

from pathlib import Path

from ingestion.city import CityError, load_city
from ingestion.contract import SUFFIX, check_contract, load_contract


def contracts_at(path: Path) -> list[Path]:
    """The contract itself, or every contract of a folder, by name."""
    return sorted(path.glob(f"*{SUFFIX}")) if path.is_dir() else [path]


def check_path(path: Path) -> list[str]:
    """Faults of a contract, or of a city's contracts and its city.yaml; each names file, place and next step."""
    if not path.exists():
        return [f"{path.name}: is not there; give a contract or a city's folder"]
    if not path.is_dir():
        return [_line(fault) for fault in _faults(path)]
    contracts = contracts_at(path)
    faults = [fault for contract in contracts for fault in _faults(contract)]
    if not (path / "city.yaml").is_file():
        faults.append(f"{path.name}: has no city.yaml, so it is no city; add one or check its files one by one")
    elif not faults:
        try:
            load_city(path)
        except CityError as error:
            faults += str(error).splitlines()
    if not contracts:
        faults.append(f"{path.name}: holds no *{SUFFIX}; a city needs one contract a feed")
    return [_line(fault) for fault in faults]


def _faults(contract: Path) -> list[str]:
    found = check_contract(contract)
    if found:
        return found
    stated = load_contract(contract).server.get("agency_key")
    # One at a {place} is known where the feed runs, not where its contract is written.
    if stated is None or "{" in stated:
        return []
    from ingestion.sealing import SealBroken, agency_public_key

    try:
        agency_public_key(contract.parent / stated)
    except SealBroken as error:
        return [f"{contract.name}: servers: agency_key: {error}"]
    return []


def _line(fault: str) -> str:
    return " ".join(fault.split())
