"""A contract change proposed for a batch that drifted: the lines to write, deny by default, from names alone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.contract import Contract

_DIFFERENCE = re.compile(r"columns differ from the contract \((?P<parts>.*)\); change the contract")
_CHANGED = re.compile(r"(?P<name>\S+) \((?P<old>\w+) became (?P<new>\w+)\)")
# A delivered family of types, as a contract writes it.
_PHYSICAL = {"number": "double precision", "timestamp": "timestamp with time zone"}


def proposal(contract: Contract, reason: str) -> list[str]:
    """Lines for a terminal, from the reason that the batch log holds of the drift; empty where it is no drift."""
    found = _DIFFERENCE.search(reason)
    if not found:
        return []
    parts = dict(part.split(": ", 1) for part in found["parts"].split("; "))
    new = [name for name in _names(parts, "new") if " " not in name]
    missing = _names(parts, "missing")
    told = []
    if len(new) == len(missing) == 1:
        old = contract.column(missing[0])
        told.append(f"{new[0]} may be {old.name} under a new name: give that property physicalName: {new[0]}; else:")
    for name in new:
        told += [
            f"a new column, dropped until somebody decides what it is (or ignored: [{name}]):",
            f"  - {{name: {name}, logicalType: string, physicalType: text, classification: personal,",
            "     customProperties: [{property: telaga, value: {action: drop}}]}",
        ]
    if len(new) < len(_names(parts, "new")):
        told.append("columns whose names are not shown: the delivery may have no header; see format.header")
    for name in missing:
        told.append(f"{name} is no longer delivered: {_without(contract, name)}")
    for match in _CHANGED.finditer(parts.get("changed", "")):
        physical = _PHYSICAL.get(match["new"], match["new"])
        told.append(f"{match['name']} came as {match['new']}: give it physicalType: {physical}, or ask the agency")
    told.append(f"then raise version {contract.version}, ./telaga feed check, ./telaga feed migrate {contract.feed},")
    told.append("./telaga quarantine replay")
    return told


def _names(parts: Mapping[str, str], kind: str) -> list[str]:
    # A hint about names that are not shown holds a comma of its own.
    text = parts.get(kind, "").replace("not shown, as", "not shown as")
    return [name for name in text.split(", ") if name]


def _without(contract: Contract, name: str) -> str:
    from ingestion.entities import load_entities

    column = contract.column(name)
    entity = load_entities()[contract.entity]
    if name in contract.key:
        return "it is part of the key, and cannot be done without; ask the agency"
    if column.maps_to in entity.conformed_names and entity.field(str(column.maps_to)).required:
        return f"{column.maps_to} must stand in every row; map another column to it, or ask the agency"
    return "take its property out, or ask the agency"
