"""How the tests ask a recognizer: what it finds at the threshold in one text."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from ingestion.minimise.recognizers import RULES, THRESHOLD, PersonRecognizer
from ingestion.minimise.recognizers.name_model import save
from ingestion.minimise.recognizers.name_training import TrainingOptions, train

Find = Callable[[str, str], list[str]]
IN_CASES = {"mixed": str, "capitals": str.upper, "lower": str.lower}


@pytest.fixture(scope="session")
def find() -> Find:
    """Texts found of one entity by its own recognizer alone, without a model."""
    every = {rule.ENTITY: rule() for rule in RULES} | {"PERSON": PersonRecognizer()}

    def found(entity: str, text: str) -> list[str]:
        results = every[entity].analyze(text, [entity])
        return [text[result.start : result.end] for result in results if result.score >= THRESHOLD]

    return found


@pytest.fixture(params=sorted(IN_CASES))
def in_case(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """A text as it is, in capitals, in lower case."""
    return IN_CASES[request.param]


@pytest.fixture(scope="session")
def tiny_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The shape of TELAGA_CITY_DATA/pii with a few invented sentences."""
    folder = tmp_path_factory.mktemp("pii")
    for name in ("nergrit", "idner2k", "names"):
        (folder / name).mkdir()
    sentence = "Hendra\tB-PERSON\nWijaya\tI-PERSON\ntinggal\tO\ndi\tO\nSamarinda\tB-PLACE\n.\tO\n\n"
    other = "harga\tO\nberas\tO\ndi\tO\npasar\tO\nnaik\tO\n.\tO\n\n"
    (folder / "nergrit" / "train.txt").write_text((sentence + other) * 10)
    (folder / "idner2k" / "train.txt").write_text("Rina PROPN B-PER\nmelihat VERB O\nitu DET O\n\n" * 5)
    (folder / "names" / "first.csv").write_text("Hendra\nRina\nBudi\nSiti\nAgus\n")
    (folder / "names" / "last.csv").write_text("Wijaya\nLestari\nSantoso\n")
    return folder


@pytest.fixture(scope="session")
def tiny_options() -> TrainingOptions:
    """Training that takes a second."""
    return TrainingOptions(made=100, iterations=8, averaged=2)


@pytest.fixture(scope="session")
def tiny_model_path(tiny_corpus: Path, tiny_options: TrainingOptions, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained model's file."""
    path = tmp_path_factory.mktemp("model") / "names.npz"
    save(train(tiny_corpus, tiny_options), path)
    return path
