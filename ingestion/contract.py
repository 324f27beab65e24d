"""A feed's contract: one Open Data Contract Standard file, from which everything about the feed is derived.

What the standard has a place for stands there (types, keys, classification, owner, service levels, server); what only
this lakehouse needs stands in `customProperties` named `telaga`, held to ingestion/contract.schema.json.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ACTIONS = ("keep", "drop", "generalise", "pseudonymise", "extract", "redact")
# Metrics of the standard, and the kind of our batch rule. Missing values are a column's own, the others a schema's.
METRICS = {"rowCount": "row_count", "nullValues": "missing_share", "duplicateValues": "duplicate_share"}
SCHEMA_FILE = Path(__file__).with_name("contract.schema.json")
SUFFIX = ".odcs.yaml"


@dataclass(frozen=True)
class Rule:
    """A rule of the contract, derived from its schema or stated under `quality`.

    `kind` of a row rule: required, type, codes, range, length, pattern, time, order, key, coordinate.
    `kind` of a batch rule: row_count, missing_share, duplicate_share; `argument` then holds {'min':, 'max':}.
    `name` is what a rejected row carries, as <kind>:<column>.
    """

    name: str
    kind: str
    columns: tuple[str, ...]
    argument: Mapping[str, Any] = field(default_factory=dict)
    scope: str = "row"
    severity: str = "error"


@dataclass(frozen=True)
class Column:
    """One column as the agency delivers it.

    `maps_to` names the entity's column, null where the column is only read and dropped. `codes` turns delivered
    values into ours (a null target: known, but without equivalent). `options`: format, time_zone, decimal, thousands,
    unit_factor, append, true_values, false_values, codes_else, refine, future_days, crs, about, pull, rename.
    """

    name: str
    logical_type: str
    physical_type: str
    required: bool
    classification: str
    action: str
    maps_to: str | None = None
    codes: Mapping[str, str | None] | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    logical_options: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""


@dataclass(frozen=True)
class Contract:
    """Everything the walk knows of one feed. `key` names source columns; empty where the agency has no key. `text` is
    the file as it stands, which the lake keeps of every contract that landed."""

    feed: str
    city: str
    entity: str
    version: str
    title: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    connector: str
    server: Mapping[str, Any]
    format: Mapping[str, Any]
    cadence: str
    freshness_hours: float
    owner: str
    purpose: str
    legal_basis: str
    retention_days: int
    ignored: frozenset[str]
    unknown_columns: str
    quality: tuple[Rule, ...]
    constants: Mapping[str, Any]
    is_synthetic: bool
    is_official: bool
    digest: str
    path: str
    updated_column: str | None = None
    derive: Mapping[str, Any] = field(default_factory=dict)
    period: Mapping[str, Any] = field(default_factory=dict)
    time_zone: str | None = None
    dataset: str = ""
    contact: str = ""
    limitations: str = ""
    text: str = field(default="", repr=False)

    @property
    def agency(self) -> str:
        return self.feed.split(".", 1)[0]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the declared source columns, as delivered."""
        return tuple(column.name for column in self.columns)

    @property
    def row_rules(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.quality if rule.scope == "row")

    @property
    def batch_rules(self) -> tuple[Rule, ...]:
        return tuple(rule for rule in self.quality if rule.scope == "batch")

    def column(self, name: str) -> Column:
        """The declared source column of that name; KeyError names the feed."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"{self.feed} declares no column {name}")

    def mapped(self) -> dict[str, Column]:
        """Canonical column -> the source column that fills it."""
        return {column.maps_to: column for column in self.columns if column.maps_to}


class ContractError(Exception):
    """A contract that cannot be used; the message holds one line a fault."""


def load_contract(path: Path | str) -> Contract:
    """Read a contract. Raises ContractError, one line a fault, where `check_contract` finds any."""
    path = Path(path)
    found = check_contract(path)
    if found:
        raise ContractError("\n".join(found))
    return parse_contract(path.read_text(encoding="utf-8"), path)


def parse_contract(text: str, path: Path | str) -> Contract:
    """A contract from its text, which passed `check_contract` when it was stored. Raises ContractError."""
    try:
        return _contract(yaml.safe_load(text), text, Path(path))
    except (yaml.YAMLError, KeyError, TypeError, ValueError, IndexError) as error:
        raise ContractError(f"{Path(path).name}: is no contract ({type(error).__name__})") from None


def check_contract(path: Path | str) -> list[str]:
    """One line a fault, each naming file, place and next step; empty where the contract can be used."""
    from ingestion.contract_faults import faults

    path = Path(path)
    try:
        document = yaml.safe_load(path.read_bytes())
    except OSError as error:
        return [f"{path.name}: cannot be read ({error.strerror}); check the path"]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark else ""
        return [f"{path.name}:{place} is not YAML; check indentation and quotes"]
    if not isinstance(document, dict):
        return [f"{path.name}: is no contract; it must be a mapping with kind: DataContract"]
    found = [f"{path.name}: {fault}" for fault in faults(document)]
    stem = path.name.removesuffix(SUFFIX)
    if not found and document["name"] != stem:
        found.append(f"{path.name}: name says {document['name']}; file and name must agree, rename one")
    return found


def telaga(holder: Mapping[str, Any]) -> dict[str, Any]:
    """The value of the custom property `telaga` of an ODCS element, empty where there is none."""
    for item in holder.get("customProperties") or ():
        if isinstance(item, Mapping) and item.get("property") == "telaga" and isinstance(item.get("value"), Mapping):
            return dict(item["value"])
    return {}


def source_name(prop: Mapping[str, Any]) -> str:
    """The name a column carries in the delivery."""
    return str(prop.get("physicalName") or prop.get("name"))


def _contract(document: Mapping[str, Any], text: str, path: Path) -> Contract:
    ours, schema = telaga(document), document["schema"][0]
    server = dict(document["servers"][0])
    server.update(telaga(server))
    server.pop("customProperties", None)
    columns = tuple(_column(prop) for prop in schema.get("properties", ()))
    keyed = [prop for prop in schema.get("properties", ()) if prop.get("primaryKey")]
    levels = {item["property"]: item.get("value") for item in document["slaProperties"]}
    description, team = document["description"], document["team"]
    return Contract(
        feed=document["name"],
        city=document["tenant"],
        entity=ours["entity"],
        version=document["version"],
        title=schema.get("businessName") or schema["name"],
        key=tuple(source_name(prop) for prop in sorted(keyed, key=lambda prop: prop.get("primaryKeyPosition", 1))),
        columns=columns,
        connector=ours["connector"],
        server=server,
        format=ours.get("format", {}),
        cadence=ours["cadence"],
        freshness_hours=float(levels["freshness"]),
        owner=team["name"],
        purpose=description["purpose"],
        legal_basis=ours["legal_basis"],
        retention_days=int(levels["retention"]),
        ignored=frozenset(ours.get("ignored", ())),
        unknown_columns=ours.get("unknown_columns", "stop"),
        quality=(*_row_rules(columns, keyed), *_stated_rules(schema)),
        constants=ours.get("constants", {}),
        is_synthetic=ours["is_synthetic"],
        is_official=ours.get("is_official", False),
        digest=hashlib.sha256(text.encode()).hexdigest(),
        path=str(path),
        updated_column=ours.get("updated_column"),
        derive=ours.get("derive", {}),
        period=ours.get("period", {}),
        time_zone=ours.get("time_zone"),
        dataset=schema["name"],
        contact=next((m.get("username", "") for m in team.get("members", ())), ""),
        limitations=description.get("limitations", ""),
        text=text,
    )


def _column(prop: Mapping[str, Any]) -> Column:
    ours = telaga(prop)
    codes = ours.get("codes")
    options = {key: value for key, value in ours.items() if key not in ("action", "maps_to", "codes")}
    return Column(
        name=source_name(prop),
        logical_type=prop["logicalType"],
        physical_type=str(prop.get("physicalType", "text")),
        required=bool(prop.get("required", False)),
        classification=prop["classification"],
        action=ours["action"],
        maps_to=ours.get("maps_to"),
        # YAML reads bare 1 and 01 as numbers: codes are compared as text, so they are text here too.
        codes=None if codes is None else {str(key): value for key, value in codes.items()},
        options=options,
        logical_options=dict(prop.get("logicalTypeOptions", {})),
        description=prop.get("description", ""),
    )


def _row_rules(columns: tuple[Column, ...], keyed: list[Mapping[str, Any]]) -> list[Rule]:
    # A part of a key may stand empty (a target of the whole city), the whole key may not: see contract_faults.
    parts = [source_name(prop) for prop in keyed if prop.get("required")]
    rules = [Rule(f"key:{name}", "key", (name,)) for name in parts]
    for column in columns:
        if column.action == "drop" and not column.maps_to:
            continue
        name = column.name
        if column.required and name not in parts:
            rules.append(Rule(f"required:{name}", "required", (name,)))
        if column.logical_type != "string":
            rules.append(Rule(f"type:{name}", "type", (name,), {"type": column.logical_type}))
        if column.codes is not None and "codes_else" not in column.options:
            rules.append(Rule(f"codes:{name}", "codes", (name,), {"allowed": sorted(column.codes)}))
        limits = column.logical_options
        if {"minimum", "maximum"} & limits.keys() and column.logical_type in ("integer", "number"):
            bounds = {"min": limits.get("minimum"), "max": limits.get("maximum")}
            rules.append(Rule(f"range:{name}", "range", (name,), bounds))
        if {"minLength", "maxLength"} & limits.keys():
            bounds = {"min": limits.get("minLength"), "max": limits.get("maxLength")}
            rules.append(Rule(f"length:{name}", "length", (name,), bounds))
        if "pattern" in limits:
            rules.append(Rule(f"pattern:{name}", "pattern", (name,), {"pattern": limits["pattern"]}))
        if column.logical_type in ("timestamp", "date") and column.maps_to:
            days = column.options.get("future_days", 1)
            rules.append(Rule(f"time:{name}", "time", (name,), {"future_days": days}))
        if column.maps_to in ("longitude", "latitude"):
            limit = 180 if column.maps_to == "longitude" else 90
            rules.append(Rule(f"coordinate:{name}", "coordinate", (name,), {"min": -limit, "max": limit}))
    return rules


def _stated_rules(schema: Mapping[str, Any]) -> list[Rule]:
    """Rules stated as ODCS quality of the schema or of a column: custom ones of ours, and library metrics of the
    standard. Percents become shares."""
    rules = []
    for item, columns in stated_quality(schema):
        severity = item.get("severity", "error")
        if item.get("type") == "custom":
            stated = item["implementation"]
            rules.append(Rule(item["name"], stated["rule"], tuple(stated["columns"]), severity=severity))
            continue
        part = 100 if item.get("unit") == "percent" else 1
        limits = {"min": item.get("mustBeGreaterOrEqualTo"), "max": item.get("mustBeLessOrEqualTo")}
        bounds = {name: None if limit is None else limit / part for name, limit in limits.items()}
        rules.append(Rule(item["name"], METRICS[item["metric"]], columns, bounds, "batch", severity))
    return rules


def stated_quality(schema: Mapping[str, Any]) -> list[tuple[Mapping[str, Any], tuple[str, ...]]]:
    """Quality rules of a schema as written, each with the columns that it stands at: none for the schema's own."""
    found: list[tuple[Mapping[str, Any], tuple[str, ...]]] = [(item, ()) for item in schema.get("quality") or ()]
    for prop in schema.get("properties") or ():
        found += [(item, (source_name(prop),)) for item in prop.get("quality") or ()]
    return found
