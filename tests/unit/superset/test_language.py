"""Bahasa Indonesia for both halves of Superset, from one file of words."""

from __future__ import annotations

import gettext
import json
from pathlib import Path

import pytest
import yaml

from infra.superset import language


def test_the_words_parse_and_none_is_said_twice() -> None:
    known = language.words()
    assert known["Filters"] == "Saringan"
    assert all(source.strip() and target.strip() for source, target in known.items())
    node = yaml.compose(language.WORDS.read_text(encoding="utf-8"))
    keys = [key.value for key, _ in node.value]
    assert sorted(set(keys)) == sorted(keys)


def test_a_translation_keeps_the_placeholders(tmp_path: Path) -> None:
    path = tmp_path / "id.yaml"
    path.write_text('"%s rows": banyak baris\n')
    with pytest.raises(ValueError, match=r"id.yaml: placeholders differ .*%s rows"):
        language.words(path)


def test_both_packs_say_the_same(tmp_path: Path) -> None:
    known = language.words()
    browser = language.write_packs(tmp_path, known)
    pack = json.loads(browser.read_text(encoding="utf-8"))["locale_data"]["superset"]
    assert pack.pop("")["lang"] == "id"
    assert {source: target for source, (target,) in pack.items()} == known
    with browser.with_name("messages.mo").open("rb") as file:
        server = gettext.GNUTranslations(file)
    assert {source: server.gettext(source) for source in known} == known


def test_numbers_and_months_are_written_as_in_indonesia() -> None:
    assert (language.NUMBER_FORMAT["decimal"], language.NUMBER_FORMAT["thousands"]) == (",", ".")
    assert [len(names) for names in (language.MONTHS, language.SHORT_MONTHS, language.DAYS, language.SHORT_DAYS)] == [
        12,
        12,
        7,
        7,
    ]
    assert (language.MONTHS[4], language.SHORT_MONTHS[7], language.DAYS[0]) == ("Mei", "Agu", "Minggu")
