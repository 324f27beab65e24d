"""The peers: Presidio as it comes, and what one writes in an afternoon; the same interface as our finder."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

Finder = Callable[[str], "list[tuple[int, int]]"]
# Found by stock recognizers and no personal value of a narrative: left out, in the peers' favour.
_NOT_PERSONAL = frozenset({"DATE_TIME", "ORGANIZATION", "NRP"})


def stock_english() -> Finder:
    """P1: all predefined recognizers of Presidio for English, over a blank pipeline."""
    import spacy
    from presidio_analyzer import AnalyzerEngine, RecognizerRegistry

    _offline()
    registry = RecognizerRegistry(supported_languages=["en"])
    registry.load_predefined_recognizers(languages=["en"])
    return _finder(
        AnalyzerEngine(
            registry=registry, nlp_engine=_engine("en", spacy.blank("en"), None), supported_languages=["en"]
        ),
        "en",
    )


_PATTERNS = {
    "NIK": (r"\b\d{16}\b", 0.5, ("nik", "ktp")),
    "KK": (r"\b\d{16}\b", 0.3, ("kk", "keluarga")),
    "NPWP": (r"\b\d{2}\.\d{3}\.\d{3}\.\d-\d{3}\.\d{3}\b|\b\d{15}\b", 0.5, ("npwp", "pajak")),
    "PLATE": (r"\b[A-Z]{1,2}\s?\d{1,4}\s?[A-Z]{1,3}\b", 0.5, ("nopol", "polisi", "plat")),
    "PASSPORT": (r"\b[A-Z]\d{6,7}\b", 0.4, ("paspor",)),
    "SIM": (r"\b\d{12}(?:\d\d)?\b", 0.3, ("sim",)),
    "ACCOUNT": (r"\b\d{10,16}\b", 0.3, ("rekening", "rek")),
    "ADDRESS": (
        r"\b(?:Jl|Jln|Jalan|Gg|Perum|Desa)\.?\s?[A-Z][\w.]*(?:\s[A-Z][\w.]*)*(?:\sNo\.?\s?\d+)?"
        r"(?:\sRT\.?\s?\d+(?:\s?/?\s?(?:RW\.?\s?)?\d+)?)?",
        0.6,
        ("alamat",),
    ),
    "PERSON": (r"\b(?:Sdri?\.?|a\.n\.|bernama|Saksi|Korban|Pelapor)\s+(?:[A-Z][\w.]*\s?){1,4}", 0.5, ("nama",)),
}


def _offline() -> None:
    """Two stock recognizers ask a server for a list of domains; the list that their library ships serves here."""
    import tldextract

    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=())


def naive_indonesian(ner: Any) -> Finder:
    """P2: a pattern a type with context words, and Presidio's generic recognizers; P3 with a spaCy pipeline `ner`."""
    import re

    import spacy
    from presidio_analyzer import AnalyzerEngine, Pattern, PatternRecognizer, RecognizerRegistry
    from presidio_analyzer.nlp_engine import NerModelConfiguration
    from presidio_analyzer.predefined_recognizers import (
        CreditCardRecognizer,
        CryptoRecognizer,
        DateRecognizer,
        EmailRecognizer,
        IbanRecognizer,
        IpRecognizer,
        PhoneRecognizer,
        SpacyRecognizer,
        UrlRecognizer,
    )

    _offline()
    registry = RecognizerRegistry(supported_languages=["id"])
    for entity, (pattern, score, context) in _PATTERNS.items():
        registry.add_recognizer(
            PatternRecognizer(
                supported_entity=entity,
                patterns=[Pattern(entity, pattern, score)],
                context=list(context),
                supported_language="id",
                global_regex_flags=re.MULTILINE,
            )
        )
    for kind in (
        EmailRecognizer,
        UrlRecognizer,
        IpRecognizer,
        CreditCardRecognizer,
        IbanRecognizer,
        DateRecognizer,
        CryptoRecognizer,
    ):
        registry.add_recognizer(kind(supported_language="id"))
    registry.add_recognizer(
        PhoneRecognizer(supported_language="id", supported_regions=["ID"], context=["hp", "telepon", "wa"])
    )
    settings = None
    if ner is not None:
        registry.add_recognizer(
            SpacyRecognizer(supported_language="id", supported_entities=["PERSON", "LOCATION", "ORGANIZATION"])
        )
        settings = NerModelConfiguration(
            model_to_presidio_entity_mapping={"PERSON": "PERSON", "PLACE": "LOCATION", "ORGANISATION": "ORGANIZATION"},
            labels_to_ignore=[],
        )
    engine = _engine("id", ner if ner is not None else spacy.blank("id"), settings)
    return _finder(AnalyzerEngine(registry=registry, nlp_engine=engine, supported_languages=["id"]), "id")


def trained_ner(folder: Path, epochs: int = 6, seed: int = 1) -> Any:
    """A small spaCy pipeline for names, trained on nergrit and idner2k train with the default settings of its NER."""
    import spacy
    from spacy.training import Example
    from spacy.util import fix_random_seed, minibatch

    from ingestion.minimise.recognizers.name_corpus import read_tagged

    fix_random_seed(seed)
    nlp = spacy.blank("id")
    nlp.add_pipe("ner")
    examples = []
    for part in ("nergrit/train.txt", "idner2k/train.txt"):
        for sentence in read_tagged(folder / part):
            document = nlp.make_doc(sentence.text)
            spans = [
                document.char_span(start, end, kind, alignment_mode="expand") for start, end, kind in sentence.spans
            ]
            entities = spacy.util.filter_spans([span for span in spans if span is not None])
            examples.append(
                Example.from_dict(
                    document, {"entities": [(one.start_char, one.end_char, one.label_) for one in entities]}
                )
            )
    nlp.initialize(lambda: examples)
    order = random.Random(seed)
    for _ in range(epochs):
        order.shuffle(examples)
        for batch in minibatch(examples, 64):
            nlp.update(batch, drop=0.2)
    return nlp


def _engine(language: str, pipeline: Any, settings: Any) -> Any:
    from presidio_analyzer.nlp_engine import SpacyNlpEngine

    class Given(SpacyNlpEngine):
        """An engine over a pipeline that is already there; nothing is downloaded."""

        def __init__(self) -> None:
            super().__init__(models=[{"lang_code": language, "model_name": "given"}], ner_model_configuration=settings)
            setattr(self, "nlp", {language: pipeline})  # noqa: B010

        def load(self) -> None:
            """Loaded already."""

    return Given()


def _finder(engine: Any, language: str) -> Finder:
    def find(text: str) -> list[tuple[int, int]]:
        return [
            (result.start, result.end)
            for result in engine.analyze(text=text, language=language)
            if result.entity_type not in _NOT_PERSONAL
        ]

    return find
