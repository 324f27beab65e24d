"""A linear-chain conditional random field for names, as small as its task: hashed weights in one file, no pickle.

All features but pairs of word classes belong to one word, so that a word is scored once and remembered: tagging is
sums of rows and a forward-backward pass.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ingestion.minimise.recognizers.document import Document, Token
from ingestion.minimise.recognizers.name_features import (
    BITS,
    CLASSES,
    LABELS,
    OFFSETS,
    Vocabulary,
    bucket,
    features_at,
    is_mixed,
    pair_feature,
    shape_of,
    word_class,
)

FORMAT = 1
FILE_NAME = "names.npz"
_TOGETHER = 128  # texts
_REMEMBERED = 100_000  # words; a row of each takes 140 bytes
_PERSON = [LABELS.index("B-PERSON"), LABELS.index("I-PERSON")]


class ModelUnreadable(Exception):
    """The file is no name model, or one of another format."""


@dataclass(eq=False)
class NameModel:
    """`weights`: buckets x labels; `transitions`: label x label (row before column); `card`: how it was trained.

    `digest` (SHA-256 of the file) names the model in every report.
    """

    weights: np.ndarray
    transitions: np.ndarray
    starts: np.ndarray
    vocabulary: Vocabulary
    card: dict[str, Any]
    digest: str = ""
    _rows: dict[tuple[str, bool], int] = field(default_factory=dict, repr=False)
    _common: dict[str, bool] = field(default_factory=dict, repr=False)
    _vectors: np.ndarray = field(init=False, repr=False)
    _classes: np.ndarray = field(init=False, repr=False)
    _pairs: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._vectors = np.zeros((1024, len(OFFSETS), len(LABELS)), dtype=np.float64)
        self._classes = np.zeros(1024, dtype=np.int64)
        grid = np.array(
            [[[bucket(pair_feature(a, b, place)) for b in range(CLASSES)] for a in range(CLASSES)] for place in (0, 1)]
        )
        self._pairs = self.weights[grid].astype(np.float64)
        self._moves = np.exp(self.transitions.astype(np.float64))
        self._opening = np.exp(self.starts.astype(np.float64))

    def person(self, document: Document) -> np.ndarray:
        """Probability of each token of the document to be part of a person's name."""
        prepared = document.marks.get(self)
        return prepared if prepared is not None else self.marginals(document)[:, _PERSON].sum(axis=1)

    def marginals(self, document: Document) -> np.ndarray:
        """Probability of each label (columns, as LABELS) at each token."""
        size = len(document.tokens)
        if not size:
            return np.zeros((0, len(LABELS)))
        scores = self._scores(document)
        potentials = np.exp(scores - scores.max(axis=1, keepdims=True))
        forward = np.empty_like(potentials)
        backward = np.empty_like(potentials)
        state = self._opening * potentials[0]
        forward[0] = state
        moves, back = self._moves, np.ascontiguousarray(self._moves.T)
        for at in range(1, size):
            state = state.dot(moves)
            state *= potentials[at]
            # Rescaled now and then: only proportions within a place count.
            if not at % 16:
                state = state / state.sum()
            forward[at] = state
        state = np.ones(len(LABELS))
        backward[-1] = state
        for at in range(size - 1, 0, -1):
            state = (state * potentials[at]).dot(back)
            if not at % 16:
                state = state / state.sum()
            backward[at - 1] = state
        marginals = forward * backward
        marginals /= marginals.sum(axis=1, keepdims=True)
        return marginals

    def prepare(self, documents: Sequence[Document]) -> None:
        """Look at many documents at once and mark each: a step in all of them costs what it costs in one. `person` then
        answers from the mark."""
        scores = self._scores_of(documents)
        lengths = np.array([len(one) for one in scores])
        # Texts of like length side by side, so that little is padded.
        order = np.argsort(-lengths, kind="stable")
        for begin in range(0, len(order), _TOGETHER):
            group = order[begin : begin + _TOGETHER]
            group = group[lengths[group] > 0]
            if not len(group):
                continue
            # Behind a text's end every label has potential 1, and nothing comes back from there.
            padded = np.zeros((len(group), int(lengths[group[0]]), len(LABELS)))
            for row, at in enumerate(group):
                one = scores[at]
                padded[row, : len(one)] = one - one.max(axis=1, keepdims=True)
            persons = self._persons(np.exp(padded), lengths[group])
            for row, at in enumerate(group):
                documents[at].marks[self] = persons[row, : lengths[at]]

    def _persons(self, potentials: np.ndarray, lengths: np.ndarray) -> np.ndarray:
        """Probability of PERSON (texts x places) by forward and backward passes over all texts at once."""
        texts, steps, _ = potentials.shape
        forward = np.empty_like(potentials)
        backward = np.empty_like(potentials)
        state = self._opening * potentials[:, 0]
        forward[:, 0] = state
        for at in range(1, steps):
            state = (state @ self._moves) * potentials[:, at]
            if not at % 16:
                state = state / state.sum(axis=1, keepdims=True)
            forward[:, at] = state
        back = np.ascontiguousarray(self._moves.T)
        state = np.ones((texts, len(LABELS)))
        backward[:, -1] = state
        for at in range(steps - 1, 0, -1):
            state = (state * potentials[:, at]) @ back
            # Nothing comes back from behind a text's end.
            state[lengths <= at] = 1.0
            if not at % 16:
                state = state / state.sum(axis=1, keepdims=True)
            backward[:, at - 1] = state
        marginals = forward * backward
        persons: np.ndarray = marginals[:, :, _PERSON].sum(axis=2) / marginals.sum(axis=2)
        return persons

    def is_common(self, word: str) -> bool:
        """Whether training met the lower-case word as ordinary language."""
        found = self._common.get(word)
        if found is None:
            if len(self._common) > _REMEMBERED:
                self._common.clear()
            found = self._common[word] = self.vocabulary.known(word) >= 4
        return found

    def _scores_of(self, documents: Sequence[Document]) -> list[np.ndarray]:
        """`_scores` of many documents, in one go: what a text's ends would give to its neighbours is left out."""
        if len(self._rows) > _REMEMBERED:
            self._rows.clear()
        each = [self._ids(document) for document in documents]
        ids = np.fromiter((row for one in each for row in one), dtype=np.int64)
        ends = np.cumsum([len(one) for one in each])
        # Distance to the end and the beginning of its text, in tokens.
        text = np.repeat(np.arange(len(each)), [len(one) for one in each])
        near, far = text[1:] == text[:-1], text[2:] == text[:-2]
        vectors, classes = self._vectors[ids], self._classes[ids]
        scores = vectors[:, 2].copy()
        scores[1:] += vectors[:-1, 1] * near[:, None]
        scores[:-1] += vectors[1:, 3] * near[:, None]
        scores[2:] += vectors[:-2, 0] * far[:, None]
        scores[:-2] += vectors[2:, 4] * far[:, None]
        scores[1:] += self._pairs[0, classes[:-1], classes[1:]] * near[:, None]
        scores[:-1] += self._pairs[1, classes[:-1], classes[1:]] * near[:, None]
        return np.split(scores, ends[:-1])

    def _ids(self, document: Document) -> list[int]:
        """Row of each token's vectors."""
        mixed, rows = is_mixed(document), self._rows
        # The letters as they stand say the shape, once it is known whether capitals mean anything.
        return [
            row if row >= 0 else self._remember(token, mixed)
            for row, token in [(rows.get((token[2], mixed), -1), token) for token in document.tokens]
        ]

    def _scores(self, document: Document) -> np.ndarray:
        return self._scores_of([document])[0]

    def _remember(self, token: Token, mixed: bool) -> int:
        row = self._rows.get((token.text, mixed), -1)
        if row >= 0:
            return row
        word, shape = token.word, shape_of(token, mixed)
        row = len(self._rows)
        if row == len(self._vectors):
            self._vectors = np.concatenate([self._vectors, np.zeros_like(self._vectors)])
            self._classes = np.concatenate([self._classes, np.zeros_like(self._classes)])
        known = self.vocabulary.known(word) if shape > 1 else 0
        for place, offset in enumerate(OFFSETS):
            buckets = [bucket(feature) for feature in features_at(offset, word, shape, known)]
            self._vectors[row, place] = self.weights[buckets].sum(axis=0, dtype=np.float64)
        self._classes[row] = word_class(shape, known)
        self._rows[token.text, mixed] = row
        return row


def save(model: NameModel, path: Path) -> str:
    """Write the model as one .npz file without pickled objects; its SHA-256."""
    used = np.flatnonzero(np.any(model.weights != 0, axis=1)).astype(np.uint32)
    names = sorted(model.vocabulary.names.items())
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer,
        format=np.array([FORMAT, BITS]),
        used=used,
        weights=model.weights[used].astype(np.float16),
        transitions=model.transitions.astype(np.float32),
        starts=model.starts.astype(np.float32),
        names=np.array([key for key, _ in names], dtype=np.uint64),
        ranks=np.array([rank for _, rank in names], dtype=np.uint8),
        common=np.array(sorted(model.vocabulary.common), dtype=np.uint64),
        card=np.frombuffer(json.dumps(model.card, sort_keys=True).encode(), dtype=np.uint8),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    new.write_bytes(buffer.getvalue())
    new.replace(path)
    return hashlib.sha256(buffer.getvalue()).hexdigest()


def load(path: Path) -> NameModel:
    """Read a model. Raises FileNotFoundError, or ModelUnreadable with the next step."""
    content = path.read_bytes()
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as file:
            if file["format"].tolist() != [FORMAT, BITS]:
                raise ModelUnreadable(f"{path.name} is a name model of another format: run ./telaga train names")
            weights = np.zeros((1 << BITS, len(LABELS)), dtype=np.float32)
            weights[file["used"]] = file["weights"]
            return NameModel(
                weights=weights,
                transitions=file["transitions"],
                starts=file["starts"],
                vocabulary=Vocabulary(
                    dict(zip(file["names"].tolist(), file["ranks"].tolist(), strict=True)),
                    frozenset(file["common"].tolist()),
                ),
                card=json.loads(file["card"].tobytes()),
                digest=hashlib.sha256(content).hexdigest(),
            )
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ModelUnreadable(f"{path.name} is no name model: run ./telaga train names") from error
