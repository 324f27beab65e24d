"""What every recognizer here has in common: an ordinary Presidio recognizer that reads a Document."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, ClassVar, NamedTuple

from presidio_analyzer import EntityRecognizer, RecognizerResult

from ingestion.minimise.recognizers.document import Document, read

# One threshold for every entity, text and letter case: what scores less is not a finding.
THRESHOLD = 0.4
CERTAIN, LABELLED, SHAPED, LIKELY, FAINT = 0.95, 0.85, 0.65, 0.45, 0.2


class Hit(NamedTuple):
    """Characters from `start` to `end` (exclusive), the score, and the name of the rule that found them."""

    start: int
    end: int
    score: float
    rule: str


class IndonesianRecognizer(EntityRecognizer):
    """Finds one entity. Works with any NLP engine, also none (NoOpNlpEngine): it reads the text alone.

    `ENTITY` is the Presidio entity; `analyze` returns results whose metadata carries the `rule`.
    """

    ENTITY: ClassVar[str]

    def __init__(self, supported_language: str = "id") -> None:
        super().__init__(supported_entities=[self.ENTITY], supported_language=supported_language)

    def load(self) -> None:
        """Nothing to load."""

    @abstractmethod
    def hits(self, document: Document) -> Iterable[Hit]:
        """What is found in a document, in any order; hits may overlap."""

    def analyze(
        self, text: str, entities: list[str] | None = None, nlp_artifacts: Any = None
    ) -> list[RecognizerResult]:
        """Presidio's interface: results for `text`; none where `entities` is given without this entity."""
        if entities and self.ENTITY not in entities:
            return []
        return [
            RecognizerResult(
                self.ENTITY,
                hit.start,
                hit.end,
                hit.score,
                recognition_metadata={
                    RecognizerResult.RECOGNIZER_NAME_KEY: type(self).__name__,
                    RecognizerResult.RECOGNIZER_IDENTIFIER_KEY: self.id,
                    "rule": hit.rule,
                },
            )
            for hit in self.hits(read(text))
        ]


class NumberRecognizer(IndonesianRecognizer):
    """Finds one kind of number by its label, its length and its validity.

    A label makes a number of a fitting length certain, of any length likely; without a label only the lengths in
    `BARE` count. Validity raises a score and never drops a hit: numbers are mistyped, and old ones stay in use.
    """

    LENGTHS: ClassVar[frozenset[int]] = frozenset()
    BARE: ClassVar[frozenset[int]] = frozenset()
    BARE_SCORE: ClassVar[float] = LIKELY
    LEAST: ClassVar[int] = 5  # digits that a labelled number has at least
    ALSO: ClassVar[frozenset[str]] = frozenset()  # labels of other kinds that announce this number too

    def is_valid(self, digits: str) -> bool:
        """Whether digits keep the identifier's own rules."""
        return False

    def hits(self, document: Document) -> Iterable[Hit]:
        entity, also, bare = self.ENTITY, self.ALSO, self.BARE
        for number in document.numbers:
            labels = number.labels[:3]
            if entity in labels or (also and also.intersection(labels)):
                yield from self._labelled(number)
            elif bare and len(number.digits) >= 8 and not number.is_money and not number.is_date:
                for start, end, digits in number.parts(bare, solid_only=not self._is_uniform(number)):
                    score = SHAPED if self.is_valid(digits) else self.BARE_SCORE
                    yield Hit(start, end, score, "valid" if score == SHAPED else "shape")

    def _labelled(self, number: Any) -> Iterable[Hit]:
        if number.is_money or number.is_date:
            return
        parts = number.parts(self.LENGTHS)
        for start, end, digits in parts:
            yield Hit(start, end, CERTAIN if self.is_valid(digits) else LABELLED, "label")
        if not parts and len(number.digits) >= self.LEAST and number.labels[:1] == (self.ENTITY,):
            yield Hit(number.start, number.end, SHAPED, "label, odd length")

    @staticmethod
    def _is_uniform(number: Any) -> bool:
        """One sort of gap throughout: 6471 0501 1290 0003, or a digit at a time."""
        return number.gap is not None and len(number.groups) >= 3
