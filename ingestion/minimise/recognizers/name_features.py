"""What the name model sees of a word: features of its own, hashed, and a class that pairs with its neighbours'."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ingestion.minimise.recognizers.document import MIXED, Document, Token
from ingestion.minimise.recognizers.labels import fold
from ingestion.minimise.recognizers.lexicon import ANNOUNCES, COMMON, GIVEN, JOINS, ROLES, TITLES

BITS = 18
BUCKETS = 1 << BITS
LABELS = ("O", "B-PERSON", "I-PERSON", "B-PLACE", "I-PLACE", "B-ORGANISATION", "I-ORGANISATION")
# How far a word's features reach: the word itself, its neighbours, and theirs.
OFFSETS = (-2, -1, 0, 1, 2)
SHAPES, KNOWN = 7, 8
CLASSES = SHAPES * KNOWN


def word_hash(word: str) -> int:
    """64 bits of a word, by which a model's file knows it without spelling it."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=8).digest(), "big", signed=False)


@dataclass(frozen=True)
class Vocabulary:
    """Words a model met in training, by `word_hash`.

    `names` -> 1 (once in the lists of names), 2 (more often), `common`: written small and not part of a name.
    """

    names: dict[int, int]
    common: frozenset[int]

    def known(self, word: str) -> int:
        """0-7: how the word stands in lists of names (0 not, 1 once, 2 often, 3 in our own), +4 where it is common."""
        key = word_hash(word)
        rank = 3 if word in GIVEN else self.names.get(key, 0)
        return rank + (4 if key in self.common or word in COMMON else 0)


def shape_of(token: Token, is_mixed: bool) -> int:
    """0 mark, 1 digits, 2 single letter, 3 small, 4 Capital, 5 CAPITALS, 6 word of a text without both cases."""
    text = token.text
    if not token.is_word:
        return 1 if text[0].isdigit() else 0
    if len(text) == 1:
        return 2
    if not is_mixed:
        return 6
    return 3 if text[0].islower() else 5 if text.isupper() else 4


def word_class(shape: int, known: int) -> int:
    """The class of a word by shape and by what is known of it."""
    return shape * KNOWN + known


def own_features(word: str, shape: int, known: int) -> Sequence[str]:
    """Features of a word at its own place."""
    if shape <= 1:
        return (f"w={word if shape == 0 else 'd' + str(min(len(word), 5))}", f"c={shape}")
    kept = f"c={shape}.{known}"
    found = [f"w={word}", kept, f"n={min(len(word), 12)}.{shape}", *_trigger(word)]
    length = len(word)
    for size in (1, 2, 3, 4, 5):
        if length > size:
            found.append(f"p={word[:size]}")
            found.append(f"s={word[-size:]}")
    found += [f"s3={word[-3:]}.{shape}", f"p3={word[:3]}.{shape}"]
    if shape >= 3:
        padded = f"^{word}$"
        found += [f"g={padded[at : at + 3]}" for at in range(len(padded) - 2)]
    return found


def near_features(word: str, shape: int, known: int) -> Sequence[str]:
    """Features of a word for its neighbours."""
    if shape <= 1:
        return (f"w={word if shape == 0 else 'd' + str(min(len(word), 5))}",)
    return (f"w={word}", f"c={shape}.{known}", f"s={word[-3:]}", f"w={word}.{shape == 6}", *_trigger(word))


def far_features(word: str, shape: int, known: int) -> Sequence[str]:
    """Features of a word for what stands two places away."""
    if shape <= 1:
        return (f"w={word if shape == 0 else 'd'}",)
    return (f"w={word}", f"c={shape}.{known}", *_trigger(word))


def _trigger(word: str) -> Iterator[str]:
    folded = fold(word)
    if folded in ANNOUNCES:
        yield "t=announces"
    if folded in ROLES:
        yield "t=role"
    if folded in TITLES:
        yield "t=title"
    if folded in JOINS:
        yield "t=joins"


def features_at(offset: int, word: str, shape: int, known: int) -> list[str]:
    """All features that a word gives to the place `offset` words before it (negative) or after it."""
    features = own_features if offset == 0 else near_features if abs(offset) == 1 else far_features
    return [f"{offset}{feature}" for feature in features(word, shape, known)]


def bucket(feature: str) -> int:
    """The bucket of a feature."""
    return zlib.crc32(feature.encode()) & (BUCKETS - 1)


def pair_feature(before: int, after: int, place: int) -> str:
    """A pair of classes, seen from the second (0) or the first word (1)."""
    return f"pair{place}={before}.{after}"


def is_mixed(document: Document) -> bool:
    """Whether capitals say something in this text."""
    return document.case == MIXED
