"""Trains the name model: a conditional random field by L-BFGS, on all sentences at once; the same data give the same
file on the same versions of numpy and scipy."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ingestion.minimise.recognizers.document import Document
from ingestion.minimise.recognizers.name_corpus import (
    PARTS,
    NameLists,
    Sentence,
    in_case,
    made_sentences,
    misplaced,
    ordinary_words,
    read_names,
    read_tagged,
    renamed,
)
from ingestion.minimise.recognizers.name_features import (
    BUCKETS,
    LABELS,
    OFFSETS,
    Vocabulary,
    bucket,
    features_at,
    is_mixed,
    pair_feature,
    shape_of,
    word_class,
    word_hash,
)
from ingestion.minimise.recognizers.name_model import NameModel


@dataclass(frozen=True)
class TrainingOptions:
    """How much is made and how strongly weights are held small (`l2`); below `smallest` they are written as 0.

    The weights are the mean of `averaged` fits, each on sentences made from a seed of its own.
    """

    made: int = 4000
    iterations: int = 60
    l2: float = 1.5
    common_at_least: int = 3
    rare: int = 1
    renamed_share: float = 0.25
    misplaced_made: float = 0.4
    upper_share: float = 0.5
    lower_share: float = 0.4
    smallest: float = 0.004
    seed: int = 20
    averaged: int = 3


def train(
    folder: Path, options: TrainingOptions = TrainingOptions(), log: Callable[[str], None] = lambda _: None
) -> NameModel:
    """A model from the data below `folder` (TELAGA_CITY_DATA/pii). Raises CorpusMissing.

    Only the train parts are read; test, valid and dev parts stay for the benchmark.
    """
    lists = read_names(folder)
    tagged = [
        sentence
        for part in PARTS
        if part != PARTS[2] or (folder / part).is_file()
        for sentence in read_tagged(folder / part)
    ]
    log(f"{len(tagged):,} labelled sentences, {len(lists.ranks):,} words of names")
    vocabulary = _vocabulary(tagged, lists, options)
    fits = []
    for seed in range(options.seed, options.seed + options.averaged):
        sentences = _augmented(tagged, lists, replace(options, seed=seed))
        log(f"{len(sentences):,} sentences to train on")
        fits.append(_fit(sentences, vocabulary, options, log))
    # As the file keeps them, so that a model just trained and one read back say the same.
    weights = _mean([fit[0] for fit in fits]).astype(np.float16).astype(np.float32)
    transitions, starts, tokens = _mean([fit[1] for fit in fits]), _mean([fit[2] for fit in fits]), fits[-1][3]
    card: dict[str, Any] = {
        "data": {part: _file_digest(folder / part) for part in PARTS if (folder / part).is_file()},
        "labelled_sentences": len(tagged),
        "sentences": len(sentences),
        "tokens": tokens,
        "name_words": len(lists.ranks),
        "options": options.__dict__,
    }
    return NameModel(weights, transitions, starts, vocabulary, card)


def _augmented(tagged: Sequence[Sentence], lists: NameLists, options: TrainingOptions) -> list[Sentence]:
    rng = np.random.default_rng(options.seed)
    sentences = list(tagged)
    has_person = [any(kind == "PERSON" for *_, kind in sentence.spans) for sentence in tagged]
    sentences += [
        renamed(sentence, lists, rng)
        for sentence, named in zip(tagged, has_person, strict=True)
        if named and rng.random() < options.renamed_share
    ]
    for sentence in list(sentences):
        for upper, share in ((True, options.upper_share), (False, options.lower_share)):
            cased = in_case(sentence, upper) if rng.random() < share else None
            if cased:
                sentences.append(cased)
    for at, sentence in enumerate(made_sentences(lists, options.made, options.seed)):
        if rng.random() < options.misplaced_made:
            sentence = misplaced(sentence, lists, rng) or sentence
        cased = sentence if at % 3 == 0 else in_case(sentence, at % 3 == 1)
        if cased:
            sentences.append(cased)
    return sentences


def _vocabulary(tagged: Sequence[Sentence], lists: NameLists, options: TrainingOptions) -> Vocabulary:
    counts: Counter[str] = Counter()
    for sentence in tagged:
        document, labels = sentence.labelled()
        if is_mixed(document):
            counts.update(
                token.word
                for token, label in zip(document.tokens, labels, strict=True)
                if not label and token.is_word and token.text[0].islower()
            )
    # A word seen less often is treated as any word never seen, as most words of a new text are.
    ordinary = {word for word, count in counts.items() if count >= options.common_at_least}
    ordinary |= ordinary_words(lists, counts)
    common = frozenset(word_hash(word) for word in ordinary)
    return Vocabulary({word_hash(word): rank for word, rank in lists.ranks.items()}, common)


def _fit(
    sentences: Sequence[Sentence], vocabulary: Vocabulary, options: TrainingOptions, log: Callable[[str], None]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    from scipy.optimize import minimize
    from scipy.sparse import csr_matrix

    documents = [sentence.labelled() for sentence in sentences]
    documents = [(document, labels) for document, labels in documents if labels]
    # The longest first, so that the sentences still running at a step are a prefix.
    documents.sort(key=lambda pair: -len(pair[1]))
    lengths = np.array([len(labels) for _, labels in documents])
    matrix, gold = _matrix(documents, lengths, vocabulary, options)
    used = np.unique(matrix.indices)
    columns = np.zeros(BUCKETS, dtype=np.int64)
    columns[used] = np.arange(len(used))
    small = csr_matrix((matrix.data, columns[matrix.indices], matrix.indptr), shape=(matrix.shape[0], len(used)))
    transposed = small.T.tocsr()
    log(f"{matrix.shape[0]:,} tokens, {len(used):,} features in use, {matrix.nnz:,} values")
    size, kinds = len(used), len(LABELS)
    observed = np.asarray(transposed @ np.eye(kinds)[gold])
    steps = _Steps(lengths)
    moves_seen, starts_seen = steps.counts(gold, kinds)

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        weights = flat[: size * kinds].reshape(size, kinds)
        moves = flat[size * kinds : size * kinds + kinds * kinds].reshape(kinds, kinds)
        starts = flat[size * kinds + kinds * kinds :]
        scores = np.asarray(small @ weights)
        log_z, marginals, moves_expected = steps.forward_backward(scores, moves, starts)
        seen = float((observed * weights).sum() + (moves_seen * moves).sum() + (starts_seen * starts).sum())
        value = log_z - seen + options.l2 / 2 * float(flat @ flat)
        gradient = np.concatenate(
            [
                (np.asarray(transposed @ marginals) - observed).ravel(),
                (moves_expected - moves_seen).ravel(),
                marginals[steps.first].sum(axis=0) - starts_seen,
            ]
        )
        return value, gradient + options.l2 * flat

    done = 0

    def note(_: np.ndarray) -> None:
        nonlocal done
        done += 1
        log(f"iteration {done} of at most {options.iterations}")

    found = minimize(
        objective,
        np.zeros(size * kinds + kinds * kinds + kinds),
        jac=True,
        method="L-BFGS-B",
        callback=note,
        options={"maxiter": options.iterations, "maxcor": 8},
    )
    flat = found.x
    weights = np.zeros((BUCKETS, kinds), dtype=np.float32)
    fitted = flat[: size * kinds].reshape(size, kinds)
    fitted[np.abs(fitted).max(axis=1) < options.smallest] = 0
    weights[used] = fitted
    moves = flat[size * kinds : size * kinds + kinds * kinds].reshape(kinds, kinds)
    return weights, moves.astype(np.float32), flat[size * kinds + kinds * kinds :].astype(np.float32), len(gold)


def _matrix(
    documents: Sequence[tuple[Document, list[int]]],
    lengths: np.ndarray,
    vocabulary: Vocabulary,
    options: TrainingOptions,
) -> tuple[Any, np.ndarray]:
    """Features of every token (rows in the order of documents) and its label."""
    from scipy.sparse import csr_matrix

    words = Counter(token.word for document, _ in documents for token in document.tokens)
    remembered: dict[tuple[str, int], tuple[list[np.ndarray], int]] = {}

    def of_word(word: str, shape: int) -> tuple[list[np.ndarray], int]:
        found = remembered.get((word, shape))
        if found is None:
            known = vocabulary.known(word) if shape > 1 else 0
            rows = []
            for offset in OFFSETS:
                features = features_at(offset, word, shape, known)
                if words[word] <= options.rare:
                    # Met once: its identity would only be learnt by heart.
                    features = [feature for feature in features if "w=" not in feature]
                rows.append(np.array([bucket(feature) for feature in features], dtype=np.int32))
            found = remembered[word, shape] = (rows, word_class(shape, known))
        return found

    pairs: dict[tuple[int, int, int], np.ndarray] = {}

    def of_pair(before: int, after: int, place: int) -> np.ndarray:
        found = pairs.get((before, after, place))
        if found is None:
            found = pairs[before, after, place] = np.array([bucket(pair_feature(before, after, place))], dtype=np.int32)
        return found

    indices: list[np.ndarray] = []
    counts: list[int] = []
    for document, _ in documents:
        mixed = is_mixed(document)
        known = [of_word(token.word, shape_of(token, mixed)) for token in document.tokens]
        for at in range(len(known)):
            parts = [known[at][0][2]]
            for place, offset in enumerate(OFFSETS):
                # A row of OFFSETS says what a word gives to a place; the word -2 before gives its row 0.
                if offset and 0 <= at + offset < len(known):
                    parts.append(known[at + offset][0][place])
            if at:
                parts.append(of_pair(known[at - 1][1], known[at][1], 0))
            if at + 1 < len(known):
                parts.append(of_pair(known[at][1], known[at + 1][1], 1))
            indices.extend(parts)
            counts.append(sum(map(len, parts)))
    flat = np.concatenate(indices)
    pointers = np.concatenate([[0], np.cumsum(counts)])
    matrix = csr_matrix((np.ones(len(flat)), flat, pointers), shape=(int(lengths.sum()), BUCKETS))
    matrix.sum_duplicates()
    return matrix, np.concatenate([labels for _, labels in documents]).astype(np.int64)


class _Steps:
    """All sentences walked at once: at step t the rows of those that are longer than t."""

    def __init__(self, lengths: np.ndarray) -> None:
        begins = np.cumsum(lengths) - lengths
        self.first = begins
        self.rows = [begins[: int((lengths > step).sum())] + step for step in range(int(lengths.max()))]

    def counts(self, gold: np.ndarray, kinds: int) -> tuple[np.ndarray, np.ndarray]:
        """How often each label follows each, and begins a sentence."""
        moves = np.zeros((kinds, kinds))
        for before, rows in zip(self.rows, self.rows[1:], strict=False):
            np.add.at(moves, (gold[before[: len(rows)]], gold[rows]), 1)
        return moves, np.bincount(gold[self.first], minlength=kinds).astype(float)

    def forward_backward(
        self, scores: np.ndarray, moves: np.ndarray, starts: np.ndarray
    ) -> tuple[float, np.ndarray, np.ndarray]:
        """(log Z of all sentences, marginal of each token, expected count of each move)."""
        top = scores.max(axis=1, keepdims=True)
        potentials = np.exp(scores - top)
        step_moves = np.exp(moves)
        log_z = float(top.sum())
        forward = np.empty_like(potentials)
        backward = np.empty_like(potentials)
        scale = np.ones(len(scores))
        for step, rows in enumerate(self.rows):
            if step == 0:
                state = np.exp(starts) * potentials[rows]
            else:
                state = (forward[self.rows[step - 1][: len(rows)]] @ step_moves) * potentials[rows]
            total = state.sum(axis=1)
            scale[rows] = total
            forward[rows] = state / total[:, None]
        log_z += float(np.log(scale).sum())
        expected = np.zeros_like(moves)
        for step in range(len(self.rows) - 1, -1, -1):
            rows = self.rows[step]
            after = self.rows[step + 1] if step + 1 < len(self.rows) else rows[:0]
            backward[rows[len(after) :]] = 1.0
            if len(after):
                ahead = potentials[after] * backward[after] / scale[after][:, None]
                backward[rows[: len(after)]] = ahead @ step_moves.T
                expected += forward[rows[: len(after)]].T @ ahead
        return log_z, forward * backward, expected * step_moves


def _mean(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.asarray(np.mean(np.stack(arrays), axis=0, dtype=np.float64), dtype=np.float32)


def _file_digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
