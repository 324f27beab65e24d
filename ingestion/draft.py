"""A draft contract from a sample: what can be seen is filled in, what must be decided says DECIDE, no value is in it.

Whatever nothing was found about is dropped: a draft lands less than its contract will, never more.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from ingestion.contract_faults import PERSONAL_NAMES, TELLING_NAMES, UNDECIDED
from ingestion.entities import Entity
from ingestion.sample import Guess, Sample

# Names that agencies give to what an entity has a column for; whole names, or words of them.
KNOWN_AS: Mapping[str, tuple[str, ...]] = {
    "longitude": ("longitude", "lon", "lng", "long", "bujur", "x_wgs84"),
    "latitude": ("latitude", "lat", "lintang", "y_wgs84"),
    "stated_region": ("kecamatan", "kec", "kode_kecamatan", "region", "district", "community_area", "kode_wilayah"),
    "category": ("category", "kategori", "primary_type", "jenis", "offence", "offense", "kind", "tindak_pidana"),
    "event_type": ("event_type", "violation", "pelanggaran", "kode", "event", "jenis_pelanggaran"),
    "camera_id": ("camera_id", "camera", "kamera", "device_id", "cam_id"),
    "confidence": ("confidence", "score", "keyakinan"),
    "event_count": ("event_count", "violations", "jumlah", "count"),
    "occurred_from_at": ("occurred_at", "date", "tanggal", "tgl", "waktu_kejadian", "occurred_from", "date_occurred"),
    "occurred_to_at": ("occurred_to", "sampai", "occurred_until"),
    "occurred_at": ("occurred_at", "timestamp", "time", "waktu", "date", "tgl", "tanggal", "event_time"),
    "reported_at": ("reported_at", "waktu_lapor", "tanggal_lapor", "date_reported"),
    "received_at": ("received_at", "received", "at", "waktu_terima", "call_time", "created_at"),
    "answered_at": ("answered_at", "answered", "waktu_jawab"),
    "dispatched_at": ("dispatched_at", "dispatched", "dispatch_time", "waktu_kirim"),
    "arrived_at": ("arrived_at", "arrived", "arrival", "on_scene", "waktu_tiba"),
    "updated_at": ("updated_at", "updated_on", "updated", "changed", "diubah"),
    "starts_at": ("starts_at", "start", "mulai"),
    "ends_at": ("ends_at", "end", "selesai"),
    "region_code": ("region_code", "kode", "code", "area_numbe", "kode_kemendagri"),
    "name": ("name", "nama", "community"),
    "level": ("level", "tingkat"),
    "parent_code": ("parent_code", "induk", "within", "parent"),
    "geometry": ("geometry",),
    "year": ("year", "tahun", "fiscal_year"),
    "fiscal_year": ("fiscal_year", "tahun_anggaran", "tahun", "year"),
    "population": ("population", "penduduk", "jumlah_penduduk", "total_population"),
    "indicator": ("indicator", "indikator"),
    "value": ("value", "nilai"),
    "target": ("target", "sasaran"),
    "unit": ("unit", "satuan"),
    "unit_type": ("unit_type", "jenis_unit"),
    "programme": ("programme", "program", "kegiatan"),
    "budget_idr": ("budget_idr", "pagu", "anggaran", "budget"),
    "realised_idr": ("realised_idr", "realisasi"),
    "uptime_date": ("uptime_date", "tanggal", "date"),
    "uptime_hours": ("uptime_hours", "jam_aktif", "menit_aktif"),
    "officers": ("officers", "personel", "jumlah_personel"),
    "channel": ("channel", "kanal", "saluran"),
    "outcome": ("outcome", "status", "arrest"),
}
RECORD = frozenset({"id", "no", "nomor", "number", "key", "kode", "record", "case", "uuid", "nr"})
PEOPLE = {
    "reporter": ("caller", "reporter", "pelapor", "penelepon", "informant"),
    "officer": ("officer", "petugas", "penyidik", "badge"),
    "owner": ("owner", "pemilik"),
}
ABOUT = {"nik": None, "phone": None, "email": None, "plate": "plate", "address": "place", "narrative": "narrative"}
FITS = {"geometry": ("object",), "timestamp": ("timestamp", "date"), "integer": ("integer",), "boolean": ("boolean",)}


@dataclass(frozen=True)
class Choice:
    """What the draft says of one column."""

    guess: Guess
    classification: str
    action: str
    options: Mapping[str, Any]
    is_key: bool = False
    required: bool = False
    is_time: bool = False
    doubts: tuple[str, ...] = ()


def draft_contract(sample: Sample, feed: str, city: str, entity: Entity | None = None) -> str:
    """The contract as YAML text, with a comment at everything that a person must decide."""
    key = _key(sample)
    taken: set[str] = set()
    choices = [_choice(guess, guess is key, entity, taken) for guess in sample.columns]
    if entity:
        choices = _only_time(choices, entity, taken)
    unfilled = [f.name for f in entity.conformed if f.required and f.name not in taken] if entity else []
    head = [
        f"Drafted from a sample of {sample.rows} rows. {UNDECIDED} marks what a person must decide; check it with",
        "  ./telaga feed check <this file>",
    ]
    head += [f"{UNDECIDED} {doubt}" for doubt in sample.doubts]
    if key is None:
        head.append(
            f"{UNDECIDED} key: no column alone is unique; name the primaryKey, or leave it: rows are then events"
        )
    if unfilled:
        head.append(
            f"{UNDECIDED} nothing fills {', '.join(unfilled)} of {entity.name if entity else ''}; map or constant"
        )
    return "".join(f"# {line}\n" for line in head) + _document(sample, feed, city, entity, choices)


def _key(sample: Sample) -> Guess | None:
    candidates = [g for g in sample.columns if g.is_unique and g.is_complete and g.logical in ("string", "integer")]
    candidates = [g for g in candidates if g.looks_like is None]
    hinted = [guess for guess in candidates if RECORD & set(_words(guess.name))]
    return next(iter(hinted or candidates), None) if sample.rows > 1 else None


def _choice(guess: Guess, is_key: bool, entity: Entity | None, taken: set[str]) -> Choice:
    words = set(_words(guess.name))
    subject = next((about for about, hints in TELLING_NAMES.items() if words & set(hints)), None)
    if subject:
        return Choice(guess, "specific", "drop", {"about": subject})
    person = next((about for about, hints in PEOPLE.items() if words & set(hints)), None)
    if person or guess.looks_like or words & set(PERSONAL_NAMES):
        about = person or ABOUT.get(guess.looks_like or "")
        seen = f"its values look like {guess.looks_like}" if guess.looks_like else "its name sounds personal"
        told = (f"{seen}: proposed as personal and dropped",)
        return Choice(guess, "personal", "drop", {"about": about} if about else {}, doubts=told)
    maps_to = _target(guess, is_key, entity, taken)
    if is_key:
        taken.add("source_key")
        options = {"maps_to": maps_to} if maps_to else {}
        told = ("unique in the sample: is it the agency's record number?",)
        if maps_to not in (None, "source_key"):
            return Choice(guess, "public", "keep", options, True, True, doubts=told)
        return Choice(guess, "personal", "pseudonymise", {**options, "about": "record"}, True, True, doubts=told)
    if maps_to is None:
        where = "name the entity's column in maps_to and keep it" if entity else "map it once the entity is known"
        return Choice(guess, "internal", "drop", {}, doubts=(f"{where}, or leave it dropped",))
    taken.add(maps_to)
    return _mapped(guess, maps_to, entity)


def _only_time(choices: list[Choice], entity: Entity, taken: set[str]) -> list[Choice]:
    """Where one time is left and one is needed, it is likely that one."""
    needed = [f.name for f in entity.conformed if f.required and f.type == "timestamp" and f.name not in taken]
    left = [choice for choice in choices if choice.classification == "internal" and choice.action == "drop"]
    times = [choice for choice in left if choice.guess.logical in ("timestamp", "date")]
    if not needed or len(times) != 1:
        return choices
    taken.add(needed[0])
    doubt = f"the only time that is left in the sample: is it {needed[0]}?"
    chosen = _mapped(times[0].guess, needed[0], entity)
    chosen = replace(chosen, doubts=(*chosen.doubts, doubt))
    return [chosen if choice is times[0] else choice for choice in choices]


def _mapped(guess: Guess, maps_to: str, entity: Entity | None) -> Choice:
    field = entity.field(maps_to) if entity else None
    options: dict[str, Any] = {"maps_to": maps_to}
    doubts: tuple[str, ...] = ()
    if field is not None and field.allowed:
        options["codes"] = {UNDECIDED: None}
        doubts = (f"list the agency's codes, each with one of: {', '.join(field.allowed)}",)
    required = bool(field and field.required)
    if maps_to in ("longitude", "latitude"):
        return Choice(guess, "personal", "generalise", {**options, "about": "place"}, required=required, doubts=doubts)
    if field is not None and field.type == "timestamp":
        return Choice(guess, "personal", "generalise", {**options, "about": "event"}, False, required, True, doubts)
    if maps_to == "camera_id":
        return Choice(guess, "internal", "pseudonymise", {**options, "about": "device"}, required=required)
    return Choice(guess, "internal", "keep", options, required=required, doubts=doubts)


def _target(guess: Guess, is_key: bool, entity: Entity | None, taken: set[str]) -> str | None:
    if entity is None:
        return None
    name = "_".join(_words(guess.name))
    for column in entity.conformed:
        known = (column.name, *KNOWN_AS.get(column.name, ()))
        if column.name not in taken and name in known and _fits(guess, column.type):
            return column.name
    return "source_key" if is_key and "source_key" in entity.conformed_names else None


def _fits(guess: Guess, wanted: str) -> bool:
    if wanted == "number":
        return guess.logical in ("integer", "number")
    return wanted == "string" or guess.logical in FITS.get(wanted, (wanted,))


def _words(name: str) -> list[str]:
    spaced = re.sub(r"([a-z])([A-Z])", r"\1_\2", name)
    return [word for word in re.split(r"[^a-z0-9]+", spaced.lower()) if word]


def _document(sample: Sample, feed: str, city: str, entity: Entity | None, choices: list[Choice]) -> str:
    suffix = "." + sample.file.split(".", 1)[1] if "." in sample.file else ""
    inbox = {"server": "inbox", "type": "local", "path": f"{UNDECIDED}/*{suffix}", "format": "file"}
    top = {
        "apiVersion": "v3.1.0",
        "kind": "DataContract",
        "id": f"{city}.{feed}",
        "name": feed,
        "version": "0.1.0",
        "status": "draft",
        "tenant": city,
        "description": {"purpose": f"{UNDECIDED}: what the data is processed for"},
        "team": {"name": f"{UNDECIDED}: the agency", "members": [{"username": UNDECIDED, "role": "owner"}]},
        "slaProperties": [
            {"property": "freshness", "value": 36, "unit": "h"},
            {"property": "retention", "value": 365, "unit": "d"},
        ],
        "servers": [dict(sample.server) if sample.server else inbox],
    }
    ours: dict[str, Any] = {
        "entity": entity.name if entity else UNDECIDED,
        "connector": "postgres" if sample.server else "folder",
        "cadence": "0 1 * * *",
        "legal_basis": f"{UNDECIDED}: law and article",
        "is_synthetic": False,
    }
    period = None if sample.server else _period(sample.file)
    if period:
        ours["period"] = {"pattern": period}
    if sample.format:
        ours["format"] = dict(sample.format)
    physical = "table" if sample.server else "file"
    table = {"name": feed.split(".")[1], "logicalType": "object", "physicalType": physical}
    parts = [
        _yaml(top).replace("- property: freshness\n", f"# {UNDECIDED} both: hours and days\n- property: freshness\n"),
        "schema:\n",
        textwrap.indent(_yaml([table]) + "  properties:\n", "  "),
        *(textwrap.indent(text, "      ") for text in _columns(choices)),
        "customProperties:\n",
        textwrap.indent(_yaml([{"property": "telaga", "value": ours}]), "  ")
        .replace(
            "      cadence:",
            f"      # {UNDECIDED} how often it comes; entities stand in ingestion/entities.yaml\n      cadence:",
        )
        .replace("      is_synthetic:", f"      # {UNDECIDED} true where the data is made up\n      is_synthetic:"),
    ]
    return "".join(parts)


def _columns(choices: list[Choice]) -> Iterator[str]:
    for choice in choices:
        guess = choice.guess
        doubts = "".join(f"# {UNDECIDED} {doubt}\n" for doubt in (*guess.doubts, *choice.doubts))
        # A day that stands for an instant is its local midnight.
        logical = "timestamp" if guess.logical == "date" and choice.is_time else guess.logical
        prop: dict[str, Any] = {"name": guess.name, "logicalType": logical, "physicalType": guess.physical}
        if choice.required:
            prop["required"] = True
        if choice.is_key:
            prop |= {"primaryKey": True, "primaryKeyPosition": 1}
        prop["classification"] = choice.classification
        reading = guess.options if choice.action != "drop" or choice.classification == "internal" else {}
        value = {"action": choice.action, **choice.options, **reading}
        prop["customProperties"] = [{"property": "telaga", "value": value}]
        yield doubts + _yaml([prop])


def _period(file: str) -> str | None:
    """A pattern for the period that the file's name states, without the name."""
    for shape, pattern in (
        (r"\d{4}-\d{2}-\d{2}", r"(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})"),
        (r"\d{4}-W\d{2}", r"(?P<year>\d{4})-W(?P<week>\d{2})"),
        (r"\d{4}-\d{2}", r"(?P<year>\d{4})-(?P<month>\d{2})"),
    ):
        if re.search(rf"(?<!\d){shape}(?!\d)", file):
            return pattern
    return None


def _yaml(value: Any) -> str:
    return yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120)
