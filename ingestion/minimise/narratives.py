"""Narratives: personal data found in free text and taken out, or only terms of a closed list kept of it.

Texts live in the memory of this process and of its workers, never in a file, a log, an argument or an error. A
narrative that cannot be processed is reported by its position, for quarantine, and never passed.
"""

from __future__ import annotations

import logging
import sys
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, islice
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

import polars as pl

from ingestion.minimise.recognizers import THRESHOLD, NameModel, describe, recognizers
from ingestion.minimise.recognizers.document import Document
from ingestion.minimise.terms import is_protected, terms_of

if TYPE_CHECKING:
    from concurrent.futures import Executor, Future

# Its lines name recognizers at best, and at worst what they found.
logging.getLogger("presidio-analyzer").setLevel(logging.WARNING)

LONGEST = 50_000  # characters; a longer text is no narrative
CHUNK = 256  # texts a worker takes at once
IN_PROCESS = 2_048  # texts; starting workers for fewer takes longer than reading them
FOUND = " ¤ "  # stands where something was found, while terms are looked for
BINS = 10  # of the score distribution
Result = TypeVar("Result")


class Span(NamedTuple):
    """A finding: characters from `start` to `end` (exclusive). Findings of one text do not overlap."""

    type: str
    start: int
    end: int
    score: float
    rule: str


@dataclass(frozen=True)
class Redacted:
    """`text`: the narrative with `<TYPE>` for each span; None where it is protected, and nothing of it may be kept."""

    text: str | None = field(repr=False)
    spans: tuple[Span, ...]
    is_protected: bool


@dataclass(frozen=True)
class Extracted:
    """Terms of the closed list (terms.py); all empty where the narrative is protected."""

    modus: tuple[str, ...]
    places: tuple[str, ...]
    objects: tuple[str, ...]
    is_protected: bool


@dataclass(frozen=True)
class Processed:
    """Both of one reading: what `Redacted` and what `Extracted` hold. `text` None and no terms where protected."""

    text: str | None = field(repr=False)
    spans: tuple[Span, ...]
    modus: tuple[str, ...]
    places: tuple[str, ...]
    objects: tuple[str, ...]
    is_protected: bool


@dataclass
class NarrativeTally:
    """Counts only: what was found by which rule, what became of it, and how the scores lie."""

    narratives: int = 0
    touched: int = 0
    protected: int = 0
    refused: int = 0
    findings: Counter[tuple[str, str, int]] = field(default_factory=Counter)  # type, rule, tenth of the score

    def add(self, spans: Sequence[Span], protected: bool) -> None:
        """Count one narrative."""
        self.narratives += 1
        self.touched += bool(spans)
        self.protected += protected
        self.findings.update((span.type, span.rule, min(BINS - 1, int(span.score * BINS))) for span in spans)

    def update(self, other: NarrativeTally) -> None:
        """Count all of another tally too."""
        self.narratives += other.narratives
        self.touched += other.touched
        self.protected += other.protected
        self.refused += other.refused
        self.findings.update(other.findings)

    def frame(self) -> pl.DataFrame:
        """entity_type, rule, score_from (lower end of its tenth), count; sorted."""
        rows = sorted((kind, rule, tenth / BINS, count) for (kind, rule, tenth), count in self.findings.items())
        schema = {"entity_type": pl.String, "rule": pl.String, "score_from": pl.Float64, "count": pl.Int64}
        return pl.DataFrame(rows, schema=schema, orient="row")


@dataclass(frozen=True)
class NarrativeBatch(Generic[Result]):
    """One result a text, None where it was refused; `refused`: their positions; `found_by`: see describe()."""

    narratives: list[Result | None]
    refused: tuple[int, ...]
    tally: NarrativeTally
    found_by: str


class Redactor:
    """Finds and takes out personal data with one set of recognizers.

    `processes` > 1 spreads `in_process` texts or more over worker processes, which read the model from `model_path`
    themselves and stay until `close`. At most two chunks a worker are under way, so that memory does not grow with the
    number of texts.
    """

    def __init__(
        self,
        model: NameModel | None = None,
        *,
        threshold: float = THRESHOLD,
        processes: int = 1,
        model_path: Path | None = None,
        in_process: int = IN_PROCESS,
    ) -> None:
        if processes > 1 and model is not None and model_path is None:
            raise ValueError("workers read the model themselves: give model_path, or processes=1")
        self.model = model
        self.threshold = threshold
        self.processes = processes
        self.model_path = model_path
        self.in_process = in_process
        self._recognizers = recognizers(model)
        self._workers: Executor | None = None

    @property
    def found_by(self) -> str:
        """The model's digest or "rules only", for every report."""
        return describe(self.model)

    def spans_of(self, text: str) -> list[tuple[int, int]]:
        """(start, end) of all that is found in one text, disjoint and in order."""
        return [(span.start, span.end) for span in self._find(Document(text))]

    def analyse(self, texts: Sequence[str]) -> list[list[Span]]:
        """Findings of each text, in this process. Same results as Presidio's engine over these recognizers."""
        found = []
        for begin in range(0, len(texts), CHUNK):
            found += [self._find(document) for document in self._read(texts[begin : begin + CHUNK])]
        return found

    def _read(self, texts: Sequence[str]) -> list[Document]:
        """Documents of a chunk, looked at by the model together; where that fails each is looked at on its own."""
        documents = [Document(text) for text in texts]
        if self.model is not None:
            with suppress(Exception):
                self.model.prepare(documents)
        # One recognizer after the other, so that each one's patterns stay at hand. What fails here is found out on its
        # own by `_find`.
        with suppress(Exception):
            found = self._hits(documents)
            for document, spans in zip(documents, found, strict=True):
                document.marks[self] = disjoint(spans)
        return documents

    def redact(self, texts: Iterable[str | None]) -> NarrativeBatch[Redacted]:
        """Texts without their personal data. A missing text (None) is refused like one that cannot be read."""
        return self._all("redact", texts)

    def extract(self, texts: Iterable[str | None]) -> NarrativeBatch[Extracted]:
        """Terms of the closed list, and the tally; never text."""
        return self._all("extract", texts)

    def process(self, texts: Iterable[str | None]) -> Iterator[tuple[list[Processed | None], NarrativeTally]]:
        """Redacted text and terms of each text in order, a chunk at a time, with the chunk's tally; None: refused."""
        return self._chunks("process", _chunked(texts))

    def close(self) -> None:
        """End the workers; the next large batch starts new ones."""
        if self._workers is not None:
            self._workers.shutdown(cancel_futures=True)
            self._workers = None

    def _find(self, document: Document) -> list[Span]:
        found: list[Span] | None = document.marks.get(self)
        return disjoint(self._hits([document])[0]) if found is None else found

    def _hits(self, documents: Sequence[Document]) -> list[list[Span]]:
        """All findings in each document, overlapping ones too."""
        found: list[list[Span]] = [[] for _ in documents]
        for one in self._recognizers:
            entity, threshold = one.ENTITY, self.threshold
            for document, spans in zip(documents, found, strict=True):
                spans += [
                    Span(entity, start, end, score, rule)
                    for start, end, score, rule in one.hits(document)
                    if score >= threshold
                ]
        return found

    def _all(self, action: str, texts: Iterable[str | None]) -> NarrativeBatch[Any]:
        results: list[Any] = []
        tally = NarrativeTally()
        try:
            for made, counted in self._chunks(action, _chunked(texts)):
                results += made
                tally.update(counted)
        finally:
            self.close()
        refused = tuple(at for at, result in enumerate(results) if result is None)
        return NarrativeBatch(results, refused, tally, self.found_by)

    def _chunks(self, action: str, chunks: Iterator[list[str | None]]) -> Iterator[tuple[list[Any], NarrativeTally]]:
        first = list(islice(chunks, -(-self.in_process // CHUNK)))
        chunks = chain(first, chunks)
        if self.processes <= 1 or sum(map(len, first)) < self.in_process:
            for chunk in chunks:
                yield self._chunk(action, chunk)
            return
        under_way: deque[tuple[Future[tuple[list[Any], NarrativeTally]], int]] = deque()
        for chunk in chunks:
            under_way.append((self._submitted(action, chunk), len(chunk)))
            if len(under_way) >= 2 * self.processes:
                yield self._result(*under_way.popleft())
        while under_way:
            yield self._result(*under_way.popleft())

    def _submitted(self, action: str, chunk: list[str | None]) -> Future[tuple[list[Any], NarrativeTally]]:
        try:
            return self._started().submit(_work, action, chunk)
        except BrokenExecutor:
            self.close()
            return self._started().submit(_work, action, chunk)

    def _result(self, future: Future[tuple[list[Any], NarrativeTally]], texts: int) -> tuple[list[Any], NarrativeTally]:
        try:
            return future.result()
        except BrokenExecutor:
            # A worker died, of one of these texts or of something else: all that it may have held is refused.
            return [None] * texts, NarrativeTally(refused=texts)

    def _started(self) -> Executor:
        if self._workers is None:
            from concurrent.futures import ProcessPoolExecutor
            from multiprocessing import get_context

            # Not forked: a landing task has threads of its own.
            given = (self.model_path if self.model else None, self.threshold)
            self._workers = ProcessPoolExecutor(self.processes, get_context("spawn"), _begin_worker, given)
            with _no_main():
                self._workers.submit(_ready)  # the first task starts them all
        return self._workers

    def _chunk(self, action: str, texts: Sequence[str | None]) -> tuple[list[Any], NarrativeTally]:
        tally = NarrativeTally()
        act = {"redact": self._redacted, "extract": self._extracted, "process": self._processed}[action]
        results: list[Any] = [None] * len(texts)
        readable = [at for at, text in enumerate(texts) if isinstance(text, str) and len(text) <= LONGEST]
        documents = self._read([texts[at] or "" for at in readable])
        for at, document in zip(readable, documents, strict=True):
            # Whatever is raised, its message may hold the text. The position is reported, and the row quarantined.
            with suppress(Exception):
                results[at] = act(document, tally)
        tally.refused += sum(result is None for result in results)
        return results, tally

    def _processed(self, document: Document, tally: NarrativeTally) -> Processed:
        spans = self._find(document)
        protected = is_protected(document.lower)
        text = None if protected else spliced(document.text, spans)
        terms = ((), (), ()) if protected else _terms(document, spans)
        tally.add(spans, protected)
        return Processed(text, tuple(spans), *terms, protected)

    def _redacted(self, document: Document, tally: NarrativeTally) -> Redacted:
        spans = self._find(document)
        protected = is_protected(document.lower)
        redacted = None if protected else self._anonymised(document.text, spans)
        tally.add(spans, protected)
        return Redacted(redacted, tuple(spans), protected)

    def _extracted(self, document: Document, tally: NarrativeTally) -> Extracted:
        spans = self._find(document)
        protected = is_protected(document.lower)
        terms = ((), (), ()) if protected else _terms(document, spans)
        tally.add(spans, protected)
        return Extracted(*terms, protected)

    @cached_property
    def _anonymizer(self) -> Any:
        from presidio_anonymizer import AnonymizerEngine

        return AnonymizerEngine()

    def _anonymised(self, text: str, spans: Sequence[Span]) -> str:
        from presidio_anonymizer.entities import RecognizerResult

        results = [RecognizerResult(span.type, span.start, span.end, span.score) for span in spans]
        return str(self._anonymizer.anonymize(text, results).text)


def redact(texts: Iterable[str | None], model: NameModel | None = None, **options: Any) -> NarrativeBatch[Redacted]:
    """Redactor(model, **options).redact(texts)."""
    return Redactor(model, **options).redact(texts)


def extract(texts: Iterable[str | None], model: NameModel | None = None, **options: Any) -> NarrativeBatch[Extracted]:
    """Redactor(model, **options).extract(texts)."""
    return Redactor(model, **options).extract(texts)


def disjoint(found: Iterable[Span]) -> list[Span]:
    """Overlapping findings made one, from the first start to the last end, named after the surest (then longest)."""
    merged: list[Span] = []
    for span in sorted(found, key=lambda one: (one.start, -one.end)):
        if merged and span.start < merged[-1].end:
            last = merged[-1]
            best = max(last, span, key=lambda one: (one.score, one.end - one.start))
            merged[-1] = Span(best.type, last.start, max(last.end, span.end), best.score, best.rule)
        else:
            merged.append(span)
    return merged


def spliced(text: str, spans: Sequence[Span]) -> str:
    """The text with `<TYPE>` for each of its disjoint spans in order; spans of one type with spaces alone between them
    are one. As Presidio's anonymizer gives it, in a sixth of the time."""
    pieces: list[str] = []
    end, kind = 0, ""
    for span in spans:
        between = text[end : span.start]
        if span.type != kind or not between or between.strip(" "):
            pieces += [between, f"<{span.type}>"]
        end, kind = span.end, span.type
    return "".join([*pieces, text[end:]])


def letter_case(text: str) -> str:
    """ "capitals" or "lower" where (nearly) all letters are: nine in ten, every one; else "mixed"."""
    upper = sum(map(str.isupper, text))
    lower = sum(map(str.islower, text))
    if upper >= 9 * lower and upper:
        return "capitals"
    return "lower" if lower and not upper else "mixed"


def _terms(document: Document, spans: Sequence[Span]) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    # Read without what was found: a street's name is no place type.
    rest = _blanked(document.lower, spans)
    return terms_of(rest, "modus"), terms_of(rest, "place"), terms_of(rest, "object")


def _blanked(lower: str, spans: Sequence[Span]) -> str:
    pieces, end = [], 0
    for span in spans:
        pieces += [lower[end : span.start], FOUND]
        end = span.end
    return "".join([*pieces, lower[end:]])


def _chunked(texts: Iterable[str | None]) -> Iterator[list[str | None]]:
    chunk: list[str | None] = []
    for text in texts:
        chunk.append(text)
        if len(chunk) == CHUNK:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


@contextmanager
def _no_main() -> Iterator[None]:
    """Workers started within do not run the program that started this process (a scheduler's) once more."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _ready() -> None:
    """A task of no work."""


_worker: Redactor | None = None


def _begin_worker(model_path: Path | None, threshold: float) -> None:
    global _worker
    from ingestion.minimise.recognizers.name_model import load

    _worker = Redactor(load(model_path) if model_path else None, threshold=threshold)


def _work(action: str, texts: Sequence[str | None]) -> tuple[list[Any], NarrativeTally]:
    assert _worker is not None, "a worker begins with _begin_worker"
    return _worker._chunk(action, texts)
