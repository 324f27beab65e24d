"""The recognizers inside Presidio: ordinary recognizers, one engine, one threshold."""

from __future__ import annotations

import pytest
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from ingestion.minimise.recognizers import ENTITIES, THRESHOLD, analyzer, describe, recognizers
from ingestion.minimise.recognizers.civil import NikRecognizer
from ingestion.minimise.recognizers.document import Document

TEXT = "Sdr. Budi, NIK 6471051204900003, HP 081234567890, Jl. Melati No. 5 RT 03"


def test_the_engine_finds_all_kinds_at_once() -> None:
    found = {result.entity_type for result in analyzer().analyze(TEXT, language="id")}
    assert {"PERSON", "NIK", "PHONE", "ADDRESS"} <= found


def test_one_recognizer_serves_in_anyones_registry() -> None:
    registry = RecognizerRegistry(recognizers=[NikRecognizer()], supported_languages=["id"])
    engine = AnalyzerEngine(
        registry=registry,
        nlp_engine=NoOpNlpEngine([{"lang_code": "id", "model_name": "none"}]),
        supported_languages=["id"],
    )
    results = engine.analyze(TEXT, language="id")
    assert [(result.entity_type, TEXT[result.start : result.end]) for result in results] == [
        ("NIK", "6471051204900003")
    ]


def test_only_asked_entities_are_given() -> None:
    assert {result.entity_type for result in analyzer().analyze(TEXT, language="id", entities=["NIK"])} == {"NIK"}


def test_results_carry_their_rule_and_reach_the_threshold() -> None:
    for result in analyzer().analyze(TEXT, language="id"):
        assert result.score >= THRESHOLD
        assert result.recognition_metadata["rule"]


def test_validity_raises_a_score_and_drops_nothing() -> None:
    recognizer = NikRecognizer()
    valid = recognizer.analyze("6471051204900003")[0].score
    odd = recognizer.analyze("9971057504900000")[0].score
    assert valid > odd >= THRESHOLD


def test_without_a_model_it_says_so() -> None:
    assert describe(None) == "rules only"


def test_an_entity_has_one_recognizer() -> None:
    assert sorted(one.ENTITY for one in recognizers()) == sorted(ENTITIES)


@pytest.mark.parametrize(
    "text", ["", " ", "\n\n", "İİİ ẞ 1", "\x00", "🚓 KT 1234 AB 🚓", "a" * 5000, "1 " * 3000, "/" * 2000, "@" * 500]
)
def test_odd_texts_are_read(text: str) -> None:
    analyzer().analyze(text, language="id")


@pytest.mark.parametrize("text", ["İstanbul 8udi S5nti 08l2", "NIK 64710S12O4900003", "abc"])
def test_copies_keep_the_texts_length(text: str) -> None:
    document = Document(text)
    assert len(document.letters) == len(document.lower) == len(document.numerals) == len(text)


def test_slips_inside_a_number_are_read_as_digits() -> None:
    assert Document("NIK 64710S12O4900003").numerals == "NIK 6471051204900003"


def test_slips_inside_a_word_are_read_as_letters() -> None:
    assert Document("SUL1STYO dan 8udi").letters == "SULLSTYO dan Budi"


def test_no_name_of_ours_hides_one_of_presidios() -> None:
    import presidio_analyzer.predefined_recognizers as predefined

    from ingestion.minimise.recognizers import RULES

    assert not {rule.__name__ for rule in RULES} & set(dir(predefined))
