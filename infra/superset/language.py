"""Bahasa Indonesia for Superset, which ships none: our own words, in the two forms its two halves read.

`translations/id.yaml` maps English to Bahasa; the browser reads messages.json, the server messages.mo.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

WORDS = Path(__file__).with_name("translations") / "id.yaml"
PLURALS = "nplurals=1; plural=0;"

MONTHS = [
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
]
SHORT_MONTHS = ["Jan", "Feb", "Mar", "Apr", "Mei", "Jun", "Jul", "Agu", "Sep", "Okt", "Nov", "Des"]
DAYS = ["Minggu", "Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu"]
SHORT_DAYS = ["Min", "Sen", "Sel", "Rab", "Kam", "Jum", "Sab"]

# What Superset's charts ask d3 for.
TIME_FORMAT: dict[str, Any] = {
    "dateTime": "%A, %-d %B %Y %H.%M",
    "date": "%d/%m/%Y",
    "time": "%H.%M.%S",
    "periods": ["AM", "PM"],
    "days": DAYS,
    "shortDays": SHORT_DAYS,
    "months": MONTHS,
    "shortMonths": SHORT_MONTHS,
}
NUMBER_FORMAT: dict[str, Any] = {"decimal": ",", "thousands": ".", "grouping": [3], "currency": ["Rp", ""]}


def words(path: Path = WORDS) -> dict[str, str]:
    """English to Bahasa. Raises ValueError where a placeholder of the English text is missing in the other."""
    found = {str(source): str(target) for source, target in yaml.safe_load(path.read_text(encoding="utf-8")).items()}
    for source, target in found.items():
        if _placeholders(source) != _placeholders(target):
            raise ValueError(f"{path.name}: placeholders differ in the translation of {source!r}")
    return found


def _placeholders(text: str) -> list[str]:
    import re

    return sorted(re.findall(r"%(?:\(\w+\))?[sd]|\{\{?\w+\}?\}", text))


def browser_pack(known: Mapping[str, str]) -> str:
    """The pack that the front end fetches, as JSON (Jed's form)."""
    head = {"": {"domain": "superset", "lang": "id", "plural_forms": PLURALS}}
    pack = {**head, **{source: [target] for source, target in known.items()}}
    return json.dumps({"domain": "superset", "locale_data": {"superset": pack}}, ensure_ascii=False)


def write_packs(folder: Path, known: Mapping[str, str]) -> Path:
    """Writes `id/LC_MESSAGES/messages.{json,mo}` below `folder`; returns that of the browser."""
    from babel.messages.catalog import Catalog
    from babel.messages.mofile import write_mo

    target = folder / "id" / "LC_MESSAGES"
    target.mkdir(parents=True, exist_ok=True)
    catalog = Catalog(locale="id", domain="messages", charset="utf-8")
    for source, translation in known.items():
        catalog.add(source, translation)
    with (target / "messages.mo").open("wb") as file:
        write_mo(file, catalog)
    (target / "messages.json").write_text(browser_pack(known), encoding="utf-8")
    return target / "messages.json"
