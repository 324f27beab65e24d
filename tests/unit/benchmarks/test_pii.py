"""How `bench pii` counts, and what it leaves in the model's card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.narratives_gold import Gold
from benchmarks.pii import Counts, leak_figures, measured_bounds, narrative_figures, read_gold, wilson, write_card
from governance.recall import read_cards
from ingestion.minimise.narratives import Redactor

#       0         1         2         3         4
#       0123456789012345678901234567890123456789012345
TEXT = "Sdr. Budi Santoso, NIK 6471051204900003, pulang."
GOLD = Gold(TEXT, ((0, 17, "PERSON"), (23, 39, "NIK")))


def counted(*found: tuple[int, int]) -> Counts:
    counts = Counts()
    counts.add(GOLD, found)
    return counts


def test_a_title_is_neutral() -> None:
    counts = counted((5, 17), (23, 39))
    assert counts.covered == {"PERSON": 1, "NIK": 1}
    assert counts.precision == 1.0
    assert counted((0, 17)).precision == 1.0


def test_of_an_identifier_every_digit_counts() -> None:
    assert counted((5, 17), (23, 38)).covered == {"PERSON": 1, "NIK": 0}


def test_a_name_may_lack_a_twentieth_of_its_letters_at_most() -> None:
    assert counted((5, 16)).covered["PERSON"] == 0  # 10 of 11


def test_what_is_hit_beside_a_span_lowers_precision() -> None:
    # 11 letters of the name, and the six of "pulang".
    assert counted((5, 17), (41, 47)).precision == pytest.approx(11 / 17)


def test_wilson_by_hand() -> None:
    # 9 of 10, z = 1.96: (0.9 + 0.19208) / 1.38416 +- 1.96 / 1.38416 * sqrt(0.009 + 0.009604)
    assert wilson(9, 10) == pytest.approx((0.5958, 0.9821), abs=2e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_gold_of_another_author_is_read_and_a_bad_entry_named(tmp_path: Path) -> None:
    path = tmp_path / "gold.json"
    path.write_text(json.dumps([{"text": TEXT, "spans": [[0, 17, "PERSON"], [23, 39, "NATIONAL_ID"]]}]))
    assert read_gold(path)[0].spans[1] == (23, 39, "NATIONAL_ID")
    path.write_text(json.dumps([{"text": "kosong", "spans": [[2, 99, "PERSON"]]}]))
    with pytest.raises(ValueError, match=r"gold\.json: entry 0 has a span outside its text"):
        read_gold(path)


def test_the_card_speaks_for_what_was_measured_alone(tmp_path: Path) -> None:
    redactor = Redactor(None)
    gold = [GOLD] * 40
    figures = narrative_figures(gold, redactor.spans_of, noises=(False,))
    (leak,) = leak_figures(gold, redactor)
    write_card(tmp_path / "models" / "names.npz", [measured_bounds(redactor, figures, leak)])
    (card,) = read_cards(tmp_path / "models")
    assert card.speaks_for("rules only") and not card.speaks_for("name model 18e89e0ab10b")
    assert card.recall["NIK"].n == 40 and card.recall["NIK"].lower == pytest.approx(wilson(40, 40)[0], abs=1e-4)
    assert card.leak is not None and card.leak[0] == 0.0 and 0 < card.leak[1] < 0.05
