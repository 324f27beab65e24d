"""A city: a folder of contracts and a city.yaml that says where, since when and by which clock."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from ingestion.contract import SUFFIX, Contract, ContractError, load_contract
from ingestion.entities import load_entities

FEEDS = Path(__file__).with_name("feeds")


class CityError(Exception):
    """A city folder that cannot be used; the message names the file and the next step."""


@dataclass(frozen=True)
class City:
    """What every room needs to know of the city.

    `levels` run from coarse to fine as (key, title in Bahasa Indonesia); `as_of` is null where the home or the clock
    decides. `base_period` is (from, to) with `to` excluded, null where the method chooses it from the data.
    `placeholders` are points known to stand for "somewhere in here", as (longitude, latitude, metres).
    """

    name: str
    title: str
    dir: Path
    time_zone: str
    as_of: dt.date | None
    h3_resolution: int
    levels: tuple[tuple[str, str], ...]
    index_level: str
    discovered_categories: frozenset[str]
    sensitive_categories: frozenset[str]
    base_period: tuple[dt.date, dt.date] | None
    is_synthetic: bool
    contracts: tuple[Contract, ...]
    placeholders: tuple[tuple[float, float, float], ...] = ()
    thresholds: Mapping[str, Any] = field(default_factory=dict)
    response_standards: Mapping[str, int] = field(default_factory=dict)
    index: Mapping[str, Any] = field(default_factory=dict)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    @property
    def data_label(self) -> str:
        """What dashboards show beside the numbers."""
        return "SINTETIS" if self.is_synthetic else "NYATA"

    @property
    def level_keys(self) -> tuple[str, ...]:
        return tuple(key for key, _ in self.levels)

    def feeds_of(self, entity_or_dag: str) -> tuple[Contract, ...]:
        """Contracts of an entity, or of every entity that the named DAG pulls, region feeds first."""
        entities = load_entities()
        names = {e.name for e in entities.of_dag(entity_or_dag)} or {entity_or_dag}
        found = [contract for contract in self.contracts if contract.entity in names]
        return tuple(sorted(found, key=lambda contract: (contract.entity != "region", contract.feed)))

    def feed(self, name: str) -> Contract:
        """The contract of that feed; CityError lists nothing but says where to look."""
        for contract in self.contracts:
            if contract.feed == name:
                return contract
        raise CityError(f"{self.name} has no feed {name}; its contracts stand in {self.dir.name}/")


def city_dir(name_or_dir: str | Path) -> Path:
    """The folder of a city of the house by name, or any folder that holds a city.yaml."""
    for folder in (FEEDS / str(name_or_dir), Path(name_or_dir)):
        if (folder / "city.yaml").is_file():
            return folder.resolve()
    known = ", ".join(sorted(path.parent.name for path in FEEDS.glob("*/city.yaml")))
    raise CityError(f"no city {name_or_dir}: give one of {known}, or a folder that holds a city.yaml")


def load_city(name_or_dir: str | Path) -> City:
    """Read city.yaml and every contract beside it. Raises CityError or ContractError, one line a fault."""
    folder = city_dir(name_or_dir)
    try:
        document = yaml.safe_load((folder / "city.yaml").read_text(encoding="utf-8"))
        # A feed whose contract names no clock keeps the city's.
        contracts = tuple(replace(c, time_zone=c.time_zone or document["time_zone"]) for c in _contracts(folder))
        city = _city(document, folder, contracts)
    except KeyError as error:
        raise CityError(f"{folder.name}/city.yaml: {error.args[0]} is missing; add it") from None
    except (yaml.YAMLError, TypeError, ValueError, AttributeError) as error:
        raise CityError(f"{folder.name}/city.yaml: cannot be read ({type(error).__name__}); check its values") from None
    faults = _faults(city)
    if faults:
        raise CityError("\n".join(f"{folder.name}/city.yaml: {fault}" for fault in faults))
    return city


def _contracts(folder: Path) -> tuple[Contract, ...]:
    contracts, faults = [], []
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        try:
            contracts.append(load_contract(path))
        except ContractError as error:
            faults.append(str(error))
    if faults:
        raise ContractError("\n".join(faults))
    return tuple(contracts)


def _city(document: Mapping[str, Any], folder: Path, contracts: tuple[Contract, ...]) -> City:
    base = document.get("base_period")
    return City(
        name=document["name"],
        title=document["title"],
        dir=folder,
        time_zone=document["time_zone"],
        as_of=document.get("as_of"),
        h3_resolution=int(document["h3_resolution"]),
        levels=tuple((level["key"], level["title_id"]) for level in document["levels"]),
        index_level=document["index_level"],
        discovered_categories=frozenset(document["discovered_categories"]),
        sensitive_categories=frozenset(document["sensitive_categories"]),
        base_period=(base["from"], base["to"]) if base else None,
        is_synthetic=bool(document["is_synthetic"]),
        contracts=contracts,
        placeholders=tuple(
            (float(p["longitude"]), float(p["latitude"]), float(p.get("metres", 1)))
            for p in document.get("placeholders", ())
        ),
        thresholds=document.get("thresholds", {}),
        response_standards=document.get("response_standards", {}),
        index=document.get("index", {}),
    )


def _faults(city: City) -> list[str]:
    found = []
    categories = set(load_entities().reference_categories)
    for name in ("discovered_categories", "sensitive_categories"):
        unknown = sorted(getattr(city, name) - categories)
        if unknown:
            found.append(f"{name}: {', '.join(unknown)} not in the reference categories of entities.yaml")
    if city.index_level not in city.level_keys:
        found.append(f"index_level {city.index_level} is none of levels")
    try:
        ZoneInfo(city.time_zone)
    except (KeyError, ValueError):
        found.append(f"time_zone {city.time_zone} is unknown; give an IANA name such as Asia/Makassar")
    if not 0 <= city.h3_resolution <= 15:
        found.append("h3_resolution must lie between 0 and 15")
    strangers = sorted(contract.feed for contract in city.contracts if contract.city != city.name)
    if strangers:
        found.append(f"{', '.join(strangers)}: tenant is not {city.name}; correct the contract")
    return found
