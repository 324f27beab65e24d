"""Presidio recognizers for Indonesian text, usable on their own:

    from ingestion.minimise.recognizers import analyzer
    analyzer().analyze("Sdr. Budi, NIK 6471051204900003", language="id")

No NLP model is needed (NoOpNlpEngine). Scores below THRESHOLD are not findings.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry
from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer
from presidio_analyzer.nlp_engine import NoOpNlpEngine

from ingestion.minimise.recognizers.base import THRESHOLD, IndonesianRecognizer
from ingestion.minimise.recognizers.beliefs import EthnicityRecognizer, ReligionRecognizer
from ingestion.minimise.recognizers.civil import (
    BpjsRecognizer,
    DateOfBirthRecognizer,
    KkRecognizer,
    NikRecognizer,
    NpwpRecognizer,
    PassportRecognizer,
    SimRecognizer,
)
from ingestion.minimise.recognizers.contact import (
    IndonesianEmailRecognizer,
    IndonesianPhoneRecognizer,
    SocialRecognizer,
)
from ingestion.minimise.recognizers.money import AccountRecognizer, ImeiRecognizer
from ingestion.minimise.recognizers.name_model import FILE_NAME, ModelUnreadable, NameModel, load
from ingestion.minimise.recognizers.persons import PersonRecognizer
from ingestion.minimise.recognizers.places import AddressRecognizer, CoordinatesRecognizer
from ingestion.minimise.recognizers.police import NipRecognizer, NrpRecognizer, ReportNumberRecognizer
from ingestion.minimise.recognizers.vehicles import PlateRecognizer, VehicleNumberRecognizer

if TYPE_CHECKING:
    from presidio_analyzer import RecognizerResult
    from presidio_analyzer.nlp_engine import NlpArtifacts

RULES: tuple[type[IndonesianRecognizer], ...] = (
    NikRecognizer, KkRecognizer, NpwpRecognizer, PassportRecognizer, SimRecognizer, BpjsRecognizer,
    DateOfBirthRecognizer, ReportNumberRecognizer, NrpRecognizer, NipRecognizer, PlateRecognizer,
    VehicleNumberRecognizer, IndonesianPhoneRecognizer, IndonesianEmailRecognizer, SocialRecognizer, AccountRecognizer,
    ImeiRecognizer,
    AddressRecognizer, CoordinatesRecognizer, ReligionRecognizer, EthnicityRecognizer,
)  # fmt: skip
ENTITIES = tuple(sorted([*(rule.ENTITY for rule in RULES), PersonRecognizer.ENTITY]))

__all__ = [
    "ENTITIES",
    "FILE_NAME",
    "RULES",
    "THRESHOLD",
    "IndonesianRecognizer",
    "ModelUnreadable",
    "NameModel",
    "PersonRecognizer",
    "analyzer",
    "describe",
    "model_in",
    "recognizers",
]


class _NoEnhancer(ContextAwareEnhancer):
    """Every recognizer here reads its own context; Presidio's enhancer would look for lemmas that nobody makes."""

    def __init__(self) -> None:
        super().__init__(0.0, 0.0, 0, 0)

    def enhance_using_context(
        self,
        text: str,
        raw_results: list[RecognizerResult],
        nlp_artifacts: NlpArtifacts,
        recognizers: list[EntityRecognizer],
        context: list[str] | None = None,
    ) -> list[RecognizerResult]:
        return raw_results


def recognizers(model: NameModel | None = None, language: str = "id") -> list[IndonesianRecognizer]:
    """One recognizer an entity, ready for any registry. `model`: the trained name model, else rules alone."""
    return [*(rule(language) for rule in RULES), PersonRecognizer(model, language)]


def analyzer(
    model: NameModel | None = None, also: Sequence[EntityRecognizer] = (), language: str = "id"
) -> AnalyzerEngine:
    """Presidio's engine with these recognizers and no NLP model; `also` adds others."""
    registry = RecognizerRegistry(recognizers=[*recognizers(model, language), *also], supported_languages=[language])
    engine: Any = NoOpNlpEngine(models=[{"lang_code": language, "model_name": "none"}])
    return AnalyzerEngine(
        registry=registry,
        nlp_engine=engine,
        supported_languages=[language],
        default_score_threshold=THRESHOLD,
        context_aware_enhancer=_NoEnhancer(),
    )


def model_in(folder: Path) -> NameModel | None:
    """The name model that `./telaga train names` left in a folder, or None. Raises ModelUnreadable for another file."""
    path = folder / FILE_NAME
    return load(path) if path.is_file() else None


def describe(model: NameModel | None) -> str:
    """What finds names, for a report: the model by the first 12 digits of its digest, or that there is none."""
    return f"name model {model.digest[:12]}" if model else "rules only"
