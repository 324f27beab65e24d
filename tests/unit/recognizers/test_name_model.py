"""The name model: trained from files, kept without pickle, the same for the same data."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ingestion.minimise.recognizers import describe, model_in
from ingestion.minimise.recognizers.document import Document
from ingestion.minimise.recognizers.name_corpus import CorpusMissing, Sentence, in_case, read_names, read_tagged
from ingestion.minimise.recognizers.name_model import ModelUnreadable, load, save
from ingestion.minimise.recognizers.name_training import TrainingOptions, train


def test_a_trained_model_knows_a_name_from_an_ordinary_word(tiny_model_path: Path) -> None:
    document = Document("Pelapor Hendra Wijaya melihat pelaku di pasar")
    person = load(tiny_model_path).person(document)
    words = [token.text for token in document.tokens]
    assert min(person[words.index("Hendra")], person[words.index("Wijaya")]) > 0.5
    assert max(person[words.index("melihat")], person[words.index("pasar")]) < 0.5


def test_the_same_data_give_the_same_file(tiny_corpus: Path, tiny_options: TrainingOptions, tmp_path: Path) -> None:
    digests = {save(train(tiny_corpus, tiny_options), tmp_path / f"{at}.npz") for at in range(2)}
    assert len(digests) == 1


def test_a_model_read_back_says_what_it_said(tiny_corpus: Path, tiny_options: TrainingOptions, tmp_path: Path) -> None:
    model = train(tiny_corpus, tiny_options)
    digest = save(model, tmp_path / "names.npz")
    again = model_in(tmp_path)
    assert again is not None and again.digest == digest
    assert describe(again) == f"name model {digest[:12]}"
    document = Document("Saksi Rina Lestari datang")
    np.testing.assert_allclose(model.person(document), again.person(document), atol=1e-3)


def test_many_texts_at_once_are_judged_as_each_alone(tiny_model_path: Path) -> None:
    together, alone = load(tiny_model_path), load(tiny_model_path)
    documents = [
        Document(text) for text in ("Saksi Rina.", "", "Korban Budi Santoso melihat Rina Lestari di pasar. " * 9, "a")
    ]
    together.prepare(documents)
    for document in documents:
        np.testing.assert_allclose(together.person(document), alone.person(document), atol=1e-9)


def test_the_file_spells_no_name(tiny_model_path: Path) -> None:
    content = tiny_model_path.read_bytes().lower()
    assert b"wijaya" not in content and b"hendra" not in content


def test_no_model_is_none_and_another_file_is_refused(tmp_path: Path) -> None:
    assert model_in(tmp_path) is None
    for content in (b"", b"PK\x03\x04 nothing", b"\x80\x04pickle"):
        (tmp_path / "names.npz").write_bytes(content)
        with pytest.raises(ModelUnreadable, match="train names"):
            model_in(tmp_path)


def test_missing_data_are_named_without_a_path(tmp_path: Path) -> None:
    with pytest.raises(CorpusMissing, match="TELAGA_CITY_DATA") as raised:
        train(tmp_path)
    assert str(tmp_path) not in str(raised.value)


def test_tagged_words_become_a_text_with_spans(tiny_corpus: Path) -> None:
    first = read_tagged(tiny_corpus / "nergrit" / "train.txt")[0]
    assert [(first.text[start:end], kind) for start, end, kind in first.spans] == [
        ("Hendra Wijaya", "PERSON"),
        ("Samarinda", "PLACE"),
    ]


def test_labels_follow_the_spans() -> None:
    document, labels = Sentence("Saksi Rina Lestari datang", ((6, 18, "PERSON"),)).labelled()
    assert [token.text for token in document.tokens] == ["Saksi", "Rina", "Lestari", "datang"]
    assert labels == [0, 1, 2, 0]


def test_a_sentence_in_capitals_keeps_its_spans() -> None:
    cased = in_case(Sentence("Saksi Rina", ((6, 10, "PERSON"),)), upper=True)
    assert cased == Sentence("SAKSI RINA", ((6, 10, "PERSON"),))


def test_names_are_ranked_by_how_often_they_are_listed(tiny_corpus: Path) -> None:
    assert read_names(tiny_corpus).ranks["hendra"] == 2
