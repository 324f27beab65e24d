"""Narratives: what goes in comes out without its personal data, or not at all."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from ingestion.minimise import narratives
from ingestion.minimise.narratives import Redactor, Span, disjoint, extract, redact
from ingestion.minimise.recognizers import analyzer

TEXT = (
    "Sdr. Budi Santoso, NIK 6471051204900003, HP 081234567890, melapor: pelaku mencongkel jendela rumah di Jl. "
    "Melati No. 5 RT 03 dan mengambil laptop."
)


def test_redacted_text_holds_types_in_place_of_values() -> None:
    batch = redact([TEXT])
    text = batch.narratives[0].text
    for value in ("Budi", "Santoso", "6471051204900003", "081234567890", "Melati"):
        assert value not in text
    for kind in ("<PERSON>", "<NIK>", "<PHONE>", "<ADDRESS>"):
        assert kind in text
    assert "melapor: pelaku mencongkel jendela rumah" in text
    assert batch.found_by == "rules only"


@pytest.mark.parametrize("change", [str, str.upper, str.lower])
def test_extracted_terms_come_from_the_closed_list(change) -> None:
    result = extract([change(TEXT)]).narratives[0]
    assert result.modus == ("mencongkel",)
    assert result.places == ("rumah",)
    assert result.objects == ("komputer",)


@pytest.mark.parametrize(
    "text",
    [
        "Korban umur 14 tahun dibawa kabur pelaku",
        "KORBAN, 9 TH, HILANG",
        "terjadi pencabulan oleh terlapor",
        "Korban dipukul suami (KDRT)",
        "dugaan perdagangan orang di hotel",
    ],
)
def test_of_a_protected_narrative_nothing_is_kept(text: str) -> None:
    redacted, extracted = redact([text]), extract([text])
    assert redacted.narratives[0].text is None and redacted.narratives[0].is_protected
    assert extracted.narratives[0] == narratives.Extracted((), (), (), True)
    assert extracted.tally.protected == 1


def test_an_adult_is_no_protected_case() -> None:
    assert not redact(["Korban umur 41 tahun kehilangan motor"]).narratives[0].is_protected


def test_what_cannot_be_read_is_named_by_position_and_never_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Redactor._find

    def broken(self: Redactor, document):
        if "rusak" in document.text:
            raise RuntimeError(document.text)
        return honest(self, document)

    monkeypatch.setattr(Redactor, "_find", broken)
    batch = redact(["baik", "rusak Budi", None, "x" * (narratives.LONGEST + 1), "baik"])
    assert batch.refused == (1, 2, 3)
    assert [result is None for result in batch.narratives] == [False, True, True, True, False]
    assert batch.tally.refused == 3 and batch.tally.narratives == 2


def test_the_tally_holds_counts_and_no_value() -> None:
    tally = extract([TEXT, TEXT.upper(), "tidak ada apa-apa"]).tally
    frame = tally.frame()
    assert tally.narratives == 3 and tally.touched == 2
    assert frame.filter(frame["entity_type"] == "NIK")["count"].sum() == 2
    assert "budi" not in str(frame.rows()).lower()


def test_a_result_shows_no_text() -> None:
    assert "mencongkel" not in repr(redact([TEXT]).narratives[0])


def test_findings_equal_those_of_presidios_engine() -> None:
    engine = analyzer()
    for text in (TEXT, TEXT.upper(), TEXT.lower()):
        inside = [
            Span(one.entity_type, one.start, one.end, one.score, "") for one in engine.analyze(text, language="id")
        ]
        assert [(s.start, s.end) for s in disjoint(inside)] == Redactor().spans_of(text)


def test_overlapping_findings_become_one_named_after_the_surest() -> None:
    found = [Span("A", 0, 5, 0.5, "a"), Span("B", 3, 9, 0.9, "b"), Span("C", 9, 12, 0.4, "c")]
    assert disjoint(found) == [Span("B", 0, 9, 0.9, "b"), Span("C", 9, 12, 0.4, "c")]


@pytest.mark.parametrize("change", [str, str.upper, str.lower])
def test_the_walk_redacts_as_presidios_anonymizer_does(change) -> None:
    texts = [
        TEXT,
        "Budi Santoso Budi Santoso, bin  Ahmad Yani;Siti Aminah",
        "HP 081234567890 081298765432, 6471051204900003 6471051204900003",
        "tidak ada apa-apa",
        "",
    ]
    redacted = [one.text for one in redact(map(change, texts)).narratives]
    assert [one.text for chunk, _ in Redactor().process(map(change, texts)) for one in chunk] == redacted
    for spans in ([], [(0, 3)], [(0, 3), (4, 6)], [(0, 3), (3, 6)], [(0, 3), (5, 6), (7, 9)]):
        for kinds in ("AAA", "AAB", "ABA"):
            found = [Span(kind, start, end, 0.9, "x") for kind, (start, end) in zip(kinds, spans, strict=False)]
            for text in ("abc def ghi", "abc  d e f", "   , , ,  "):
                assert narratives.spliced(text, found) == Redactor()._anonymised(text, found), (text, found)


def test_workers_give_the_same_in_the_same_order() -> None:
    texts = [f"{TEXT} Nomor {at}" if at % 7 else None for at in range(600)]
    one, two = Redactor().redact(texts), Redactor(processes=2, in_process=0).redact(texts)
    assert one.narratives == two.narratives and one.refused == two.refused
    assert one.tally == two.tally


def test_what_a_worker_held_that_died_is_refused_and_the_next_ones_read_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(narratives, "CHUNK", 8)
    redactor = Redactor(processes=2, in_process=0)
    texts = [f"{TEXT} Nomor {at}" for at in range(200)]
    results, refused = [], 0
    try:
        for made, tally in redactor.process(texts):
            if not results:
                for pid in list(redactor._workers._processes):
                    os.kill(pid, signal.SIGKILL)
            results += made
            refused += tally.refused
    finally:
        redactor.close()
    assert len(results) == 200 and 0 < refused <= 40
    assert refused == sum(result is None for result in results)
    assert results[0] is not None and results[-1] is not None


def test_workers_need_the_models_path(tiny_model_path: Path) -> None:
    from ingestion.minimise.recognizers.name_model import load

    with pytest.raises(ValueError, match="model_path"):
        Redactor(load(tiny_model_path), processes=2)
