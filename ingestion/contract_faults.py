"""What is wrong with a contract, one line a fault: the standard, our schema, and what the two cannot say."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

from ingestion.contract import METRICS, SCHEMA_FILE, source_name, stated_quality, telaga
from ingestion.contract_servers import NETWORK, server_faults
from ingestion.entities import Entity, is_generalised, load_entities

CLASSIFICATIONS = ("public", "internal", "personal", "specific")
# UU 27/2022 art. 4(2): columns about these people and matters may only be dropped.
ONLY_DROP = ("suspect", "victim", "witness", "child", "health", "biometrics", "account")
TELLING_NAMES = {
    "suspect": ("suspect", "offender", "tersangka", "terlapor", "pelaku"),
    "victim": ("victim", "korban"),
    "witness": ("witness", "saksi"),
    "child": ("child", "anak", "juvenile"),
    "health": ("health", "medis", "kesehatan", "diagnosis"),
    "biometrics": ("biometric", "biometrics", "fingerprint", "wajah", "retina"),
    "account": ("account", "rekening", "iban"),
}
UNDECIDED = "DECIDE"
NARRATIVE_ACTIONS = ("extract", "redact")
PERSONAL_NAMES = ("nik", "npwp", "ktp", "plat", "plate", "nopol", "telepon", "phone", "email", "alamat", "nrp", "imei")


def faults(document: Mapping[str, Any]) -> list[str]:
    """Faults of a parsed contract; empty where it can be used."""
    found = [*_undecided(document), *_standard(document), *_ours(document)]
    # Beyond this point the shape is relied on.
    return found or [*_meaning(document)]


def _undecided(value: Any, place: str = "") -> Iterator[str]:
    """What a draft (see ingestion.draft) left to a person."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            name = item.get("name", key) if isinstance(item, Mapping) else key
            yield from _undecided(str(key), place)
            yield from _undecided(item, f"{place}.{name}".lstrip("."))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            name = item.get("name", number) if isinstance(item, Mapping) else number
            yield from _undecided(item, f"{place}.{name}".lstrip("."))
    elif isinstance(value, str) and UNDECIDED in value:
        yield f"{place}: still says {UNDECIDED}; decide it"


def _standard(document: Mapping[str, Any]) -> Iterator[str]:
    import pydantic
    from jsonschema import Draft201909Validator
    from open_data_contract_standard.model import OpenDataContractStandard

    try:
        OpenDataContractStandard.model_validate(document)
    except pydantic.ValidationError as error:
        for item in error.errors(include_input=False, include_url=False):
            yield f"{_place(item['loc'])}: {item['msg']} (Open Data Contract Standard)"
        return
    validator = Draft201909Validator(json.loads(_standard_schema()))
    for issue in sorted(validator.iter_errors(json.loads(_as_json(document))), key=str):
        yield f"{_place(issue.absolute_path)}: {_short(issue)} (Open Data Contract Standard)"
    if str(document.get("apiVersion", "")).removeprefix("v") < "3.1":
        yield "apiVersion: must be v3.1.0 or later"


def _ours(document: Mapping[str, Any]) -> Iterator[str]:
    for name in ("name", "tenant", "description", "team", "servers", "schema", "slaProperties"):
        if not document.get(name):
            yield f"{name}: is missing; add it"
            return
    if not isinstance(document["team"], Mapping) or not document["team"].get("name"):
        yield "team: needs the name of the owner"
    if not document["description"].get("purpose"):
        yield "description: needs the purpose of processing"
    if not re.fullmatch(r"[a-z0-9_]+\.[a-z0-9_]+", str(document["name"])):
        yield "name: must be <agency>.<dataset> in lower case"
    if len(document["schema"]) != 1 or len(document["servers"]) != 1:
        yield "schema, servers: one of each a feed; write a second contract"
    for item, columns in stated_quality(document["schema"][0]):
        yield from _quality_shape(item, columns)
    stated = {item.get("property") for item in document["slaProperties"]}
    for name in ("freshness", "retention"):
        if name not in stated:
            yield f"slaProperties: {name} is missing (freshness in hours, retention in days)"
    yield from _held_to(telaga(document), "feed", "customProperties")
    for server in document["servers"]:
        yield from _held_to(telaga(server), "server", "servers")
    for prop in document["schema"][0].get("properties") or ():
        yield from _held_to(telaga(prop), "column", f"column {source_name(prop)}")
        for needed in ("logicalType", "classification"):
            if not prop.get(needed):
                yield f"column {source_name(prop)}: {needed} is missing; add it"


def _quality_shape(item: Mapping[str, Any], columns: tuple[str, ...]) -> Iterator[str]:
    name, metric = item.get("name"), item.get("metric")
    if not name:
        yield "quality: a rule without a name; name it"
    if item.get("type") == "custom":
        stated = item.get("implementation")
        is_order = isinstance(stated, Mapping) and stated.get("rule") == "order" and len(stated.get("columns", ())) == 2
        if not is_order or columns:
            yield f"quality {name}: custom rules are {{rule: order, columns: [later, earlier]}} of the whole schema"
        return
    if metric not in METRICS:
        yield f"quality {name}: metric must be {', '.join(METRICS)}"
        return
    # A limit that nobody reads would be a gate that stops nothing.
    limits = {key for key in item if key.startswith("mustBe")}
    if not limits or limits - {"mustBeGreaterOrEqualTo", "mustBeLessOrEqualTo"}:
        yield f"quality {name}: give mustBeGreaterOrEqualTo or mustBeLessOrEqualTo; no other limit is read"
    if (metric == "nullValues") != bool(columns):
        yield f"quality {name}: {metric} belongs to {'one column' if metric == 'nullValues' else 'the schema'}; move it"
    if metric != "rowCount" and item.get("unit") != "percent":
        yield f"quality {name}: say unit: percent; a number of rows means little where batches differ in size"


def _held_to(value: Mapping[str, Any], part: str, place: str) -> Iterator[str]:
    from jsonschema import Draft202012Validator

    schema = json.loads(_schema())
    validator = Draft202012Validator({"$ref": f"#/$defs/{part}", "$defs": schema["$defs"]})
    for issue in sorted(validator.iter_errors(value), key=str):
        if part == "column" and "'action' is a required property" in issue.message:
            yield (
                f"{place}: a classification without an action; say keep, drop, generalise, pseudonymise, extract or "
                "redact"
            )
        else:
            yield f"{place}: {'.'.join(map(str, issue.absolute_path)) or 'telaga'} {_short(issue)}"


@functools.cache
def _standard_schema() -> str:
    # The models' own json_schema() goes through a deprecated call.
    return files("open_data_contract_standard").joinpath("schema.json").read_text(encoding="utf-8")


@functools.cache
def _schema() -> str:
    return SCHEMA_FILE.read_text(encoding="utf-8")


def _meaning(document: Mapping[str, Any]) -> Iterator[str]:
    ours, entities = telaga(document), load_entities()
    if ours["entity"] not in entities:
        yield f"entity: {ours['entity']} is none of entities.yaml: {', '.join(entities.by_name)}"
        return
    entity = entities[ours["entity"]]
    properties = document["schema"][0].get("properties") or []
    names = [source_name(prop) for prop in properties]
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield f"column {name}: declared twice; remove one"
    for name in sorted(set(names) & set(ours.get("ignored", ()))):
        yield f"column {name}: declared and ignored; choose one"
    keyed = [prop for prop in properties if prop.get("primaryKey")]
    if keyed and not any(prop.get("required") for prop in keyed):
        yield "schema: a primaryKey of which every part may be empty is none; require one part"
    for prop in properties:
        yield from _column(prop, entity, set(names))
    if any("links" in telaga(prop) for prop in properties) and ours["connector"] != "folder":
        yield "connector: a feed whose plates are linked is delivered into a folder, where landing removes what it read"
    yield from _mapping(ours, properties, entity)
    yield from _source(document, ours, set(names))
    for item in document["schema"][0].get("quality") or ():
        for name in (item.get("implementation") or {}).get("columns", ()):
            if name not in names:
                yield f"quality {item['name']}: {name} is no declared column"
    if "time_zone" in ours and not _is_zone(ours["time_zone"]):
        yield "time_zone: give an IANA name such as Asia/Makassar"


def _column(prop: Mapping[str, Any], entity: Entity, names: set[str]) -> Iterator[str]:
    name, ours = source_name(prop), telaga(prop)
    action, maps_to, about = ours["action"], ours.get("maps_to"), ours.get("about")
    place = f"column {name}"
    if prop["classification"] not in CLASSIFICATIONS:
        yield f"{place}: classification must be one of {', '.join(CLASSIFICATIONS)}"
    words = set(re.split(r"[^a-z0-9]+", name.lower()))
    told = [subject for subject, hints in TELLING_NAMES.items() if words & set(hints)]
    if action != "drop" and (about in ONLY_DROP or told):
        yield f"{place}: is about a {about if about in ONLY_DROP else told[0]}; such columns may only be dropped"
    elif prop["classification"] == "specific" and action not in ("drop", *NARRATIVE_ACTIONS):
        yield f"{place}: specific personal data may only be dropped, in text extracted or redacted"
    elif prop["classification"] == "personal" and action == "keep":
        yield f"{place}: personal data is not kept; drop, generalise, pseudonymise, extract or redact it"
    elif prop["classification"] in ("public", "internal") and action != "drop" and words & set(PERSONAL_NAMES):
        yield f"{place}: sounds personal but is classified {prop['classification']}; classify it as personal"
    if maps_to and action in ("drop", *NARRATIVE_ACTIONS):
        done = {"drop": "dropped", "redact": "redacted", "extract": "extracted"}[action]
        yield f"{place}: is {done} and cannot map to {maps_to}"
    yield from _narrative(place, prop, ours, entity)
    yield from _plate(place, ours, entity)
    yield from _undone(place, action, maps_to, entity)
    if action in ("keep", "generalise") and not maps_to and not prop.get("primaryKey"):
        yield f"{place}: maps to nothing; drop it or name the entity's column in maps_to"
    if maps_to and maps_to not in entity.conformed_names:
        yield f"{place}: maps to {maps_to}, which {entity.name} does not have"
    for other in [ours.get("append"), *(item["when"]["column"] for item in ours.get("refine", ()))]:
        if other and other not in names:
            yield f"{place}: refers to {other}, which is not declared"
    if "time_zone" in ours and not _is_zone(ours["time_zone"]):
        yield f"{place}: time_zone is unknown; give an IANA name such as Asia/Makassar"
    if ours.get("pull") is False and action != "drop":
        yield f"{place}: is not pulled, so it can only be dropped"


def _narrative(place: str, prop: Mapping[str, Any], ours: Mapping[str, Any], entity: Entity) -> Iterator[str]:
    """What may become of free text: terms of it, or its redacted text where somebody says what for."""
    action = ours["action"]
    if action not in NARRATIVE_ACTIONS:
        for name in sorted({"purpose", "retention_days"} & ours.keys()):
            yield f"{place}: {name} means nothing unless text is extracted or redacted; remove it"
        return
    if prop["logicalType"] != "string":
        yield f"{place}: only text can be {'redacted' if action == 'redact' else 'extracted from'}"
    if "modus_terms" not in {field.name for field in entity.minimised}:
        yield f"{place}: {entity.name} keeps nothing of a narrative; drop it"
    if action == "redact" and not ours.get("purpose"):
        yield f"{place}: redacted text lands for a stated purpose alone; state it in purpose, or extract"
    if action == "extract" and "purpose" in ours:
        yield f"{place}: purpose is that of redacted text, and extracting lands none; remove it or redact"


def _plate(place: str, ours: Mapping[str, Any], entity: Entity) -> Iterator[str]:
    """A plate is dropped unless the contract names the staging model that needs its token."""
    is_linked = ours["action"] == "pseudonymise" and ours.get("about") == "plate"
    if is_linked and "links" not in ours:
        yield f"{place}: a plate is dropped unless links names the staging model that counts its tokens; drop it"
    if "links" in ours and not is_linked:
        yield f"{place}: links means nothing unless the column is about a plate and pseudonymised; remove it"
    if is_linked and "plate_token" not in {field.name for field in entity.minimised}:
        yield f"{place}: {entity.name} has no column for a plate's token; drop it"


def _undone(place: str, action: str, maps_to: str | None, entity: Entity) -> Iterator[str]:
    """What the table would hold as delivered although the contract says otherwise."""
    landed = {field.name: field.type for field in entity.minimised}
    if action == "pseudonymise" and maps_to in landed:
        yield f"{place}: {maps_to} lands as it is, not as a pseudonym; drop it, or keep it where it may stand plainly"
    if action == "generalise" and maps_to in landed and not is_generalised(maps_to, landed[maps_to]):
        yield f"{place}: {maps_to} lands as it is, nothing makes it coarser; drop it, or keep it where it may stand"


def _mapping(ours: Mapping[str, Any], properties: list[Mapping[str, Any]], entity: Entity) -> Iterator[str]:
    filled: dict[str, str] = {}
    constants = ours.get("constants", {})
    for prop in properties:
        target, name = telaga(prop).get("maps_to"), source_name(prop)
        if not target or target not in entity.conformed_names:
            continue
        if target in filled or target in constants:
            yield f"column {name}: {target} is filled twice; map it once"
        filled[target] = name
        field, column = entity.field(target), telaga(prop)
        if field.required and not prop.get("required"):
            yield f"column {name}: {entity.name}.{target} must be filled; say required: true"
        yield from _type(name, prop["logicalType"], field.type, column)
        targets = {*column.get("codes", {}).values(), *(item["to"] for item in column.get("refine", ()))}
        if "codes_else" in column:
            targets.add(column["codes_else"])
        if field.required and None in targets:
            yield f"column {name}: a code without equivalent would leave {target} empty; give it one"
        if field.allowed and "codes" not in column:
            yield f"column {name}: {target} takes {', '.join(field.allowed)}; list the agency's codes"
        wrong = sorted(item for item in targets if item is not None and item not in field.allowed)
        if wrong and field.allowed:
            yield f"column {name}: {', '.join(wrong)} not allowed in {target}; choose of {', '.join(field.allowed)}"
    for target, value in constants.items():
        if target not in entity.conformed_names:
            yield f"constants: {entity.name} has no column {target}"
        elif entity.field(target).allowed and value not in entity.field(target).allowed:
            yield f"constants: {target} takes {', '.join(entity.field(target).allowed)}"
    for field in entity.conformed:
        if field.required and field.name not in filled and field.name not in constants:
            yield f"schema: nothing fills {entity.name}.{field.name}, which must be filled; map a column or a constant"


def _type(name: str, logical: str, wanted: str, ours: Mapping[str, Any]) -> Iterator[str]:
    fits = {
        "string": ("string", "integer", "number", "boolean", "date"),
        "integer": ("integer", "number"),
        "number": ("integer", "number"),
        "boolean": ("boolean",),
        "date": ("date", "timestamp"),
        "timestamp": ("timestamp", "date"),
        "geometry": ("object",),
    }
    if wanted == "timestamp" and logical == "date":
        yield f"column {name}: is read as a time; say logicalType: timestamp (a date is its local midnight)"
    elif logical not in fits.get(wanted, ()):
        yield f"column {name}: a {logical} cannot become a {wanted}"
    if wanted != "string" and ("codes" in ours or "refine" in ours):
        yield f"column {name}: codes and refine end in text, not in a {wanted}"
    if logical == "object" and "crs" not in ours:
        yield f"column {name}: a geometry needs its crs, such as EPSG:4326"


def _source(document: Mapping[str, Any], ours: Mapping[str, Any], names: set[str]) -> Iterator[str]:
    server = document["servers"][0]
    stated = telaga(server)
    if "reconcile" in stated and ours["connector"] != "postgres":
        yield "servers: reconcile compares a database's keys; leave it out"
    if ours["connector"] in NETWORK:
        yield from server_faults(ours["connector"], server, stated, ours)
        yield from _period(ours.get("period", {}))
        yield from _sealed(stated)
        return
    if ours["connector"] in ("folder", "s3"):
        if ours["connector"] == "s3":
            yield from _bucket(server, stated)
        elif not server.get("path"):
            yield "servers: a folder connector needs path, such as {simulation}/inbox/agency/*.csv"
        if "kind" not in ours.get("format", {}):
            yield "format: kind is missing: csv, jsonl, parquet or spatial"
        lookup = ours.get("format", {}).get("lookup")
        for name in (lookup or {}).keys() & {"on", "longitude", "latitude"}:
            if lookup[name] not in names:
                yield f"format.lookup: {lookup[name]} is no declared column"
        yield from _period(ours.get("period", {}))
        yield from _sealed(stated)
        return
    if stated.keys() & {"sealed", "agency_key", "recipient"}:
        yield "servers: only files can be sealed; a database has its own encrypted connection"
    for name in ("connection_id", "relation", "updated"):
        if name not in stated:
            yield f"servers: a postgres connector needs {name}"
    for name in ("updated", "occurred"):
        if stated.get(name) and stated[name] not in names:
            yield f"servers: {name} names {stated[name]}, which is no declared column"
    if sum(bool(prop.get("primaryKey")) for prop in document["schema"][0].get("properties") or ()) != 1:
        yield "schema: a postgres feed needs exactly one primaryKey column for its keyset"


def _bucket(server: Mapping[str, Any], stated: Mapping[str, Any]) -> Iterator[str]:
    if not re.match(r"s3://[^/*?]+/.", str(server.get("location", ""))):
        yield "servers: an s3 connector needs location, such as s3://bucket/prefix/*.csv.gz"
    if "connection_id" not in stated:
        yield "servers: an s3 connector needs connection_id"


def _sealed(stated: Mapping[str, Any]) -> Iterator[str]:
    if stated.get("sealed") and not stated.get("agency_key"):
        yield "servers: sealed drops need agency_key, the file of the agency's public key"
    if not stated.get("sealed") and stated.keys() & {"agency_key", "recipient"}:
        yield "servers: agency_key and recipient mean nothing without sealed: true"


def _period(period: Mapping[str, Any]) -> Iterator[str]:
    if "pattern" not in period:
        return
    try:
        groups = set(re.compile(period["pattern"]).groupindex)
    except re.error:
        yield "period: pattern is no regular expression"
        return
    if "year" not in groups or groups - {"year", "month", "week", "day"}:
        yield "period: pattern needs the group year and may hold month, day or week"


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _as_json(document: Mapping[str, Any]) -> str:
    # YAML knows dates, JSON schemas do not.
    return json.dumps(document, default=str)


def _place(path: Any) -> str:
    return ".".join(str(part) for part in path) or "contract"


def _short(issue: Any) -> str:
    """The schema's complaint without the value that it complains about."""
    if issue.validator in ("required", "additionalProperties", "dependentRequired"):
        return str(issue.message)[:200]
    expected = issue.validator_value if isinstance(issue.validator_value, str | list | int | float) else ""
    return f"breaks {issue.validator} {expected}".strip()[:200]
