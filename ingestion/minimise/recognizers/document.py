"""What all recognizers read of one text: words, numbers, labels, each found once, at the text's own positions.

Slips of character recognition are undone in copies of the same length, so that a position in a copy is a position in
the text. A text is read once however many recognizers look at it.
"""

from __future__ import annotations

import re
import string
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any, NamedTuple

from ingestion.minimise.recognizers.labels import fold, label_of
from ingestion.minimise.recognizers.lexicon import CRIME_WORDS, RECORD_HINTS, RECORD_WORDS, is_common

# Words also end where a small letter meets a capital ("korbanBudi") and where letters meet digits ("NIK6471").
_TOKEN = re.compile(
    r"[A-ZÀ-ÖØ-Þ]+(?![a-zß-öø-ÿ])|[A-ZÀ-ÖØ-Þ]?[a-zß-öø-ÿ]+(?:['’`][a-zß-öø-ÿ]+)?|[^\W\d_]+|\d+|[^\w\s]|_", re.UNICODE
)
_TO_DIGITS = str.maketrans("OoQIilL|SsBZzGg", "000111115582266")
_SLIP_GROUP = r"[OoQIilL|SsBZz]{0,2}\d[\dOoQIilL|SsBZzG]*"
_MIXED_NUMBER = re.compile(
    rf"(?:(?<![^\W\d_])[OoQIilL|SsBZz]{{0,2}})?\d[\dOoQIilL|SsBZzG]*(?:[ .\-/,°'’\"]{{1,2}}{_SLIP_GROUP})*"
)
_SLIPPED = re.compile(r"\d(?:(?=[OoQIilL|SsBZzG])|(?<=[OoQIilL|SsBZz].))")
_TO_LETTERS = {"0": "o", "1": "l", "5": "s", "8": "b", "|": "l"}
# Between letters, before three or behind three, and in "n0 5". The digit comes first, so that few places are looked at.
_DIGIT_IN_WORD = re.compile(
    r"[0158|](?:(?<=[^\W\d_].)(?=[^\W\d_])|(?<![^\W_].)(?=[^\W\d_]{3})|(?<=[^\W\d_]{3}.)(?![^\W_])|"
    r"(?<=\b[nN]0)(?=\.?\s?\d)|(?:(?<=\b[jJ].)|(?<=\b[kK][eE].))(?=[. ]))"
)
_DIGIT_AT_WORD = re.compile(r"[0158|](?:(?<=[^\W\d_].)|(?=\.? ?[^\W\d_])|(?<=[nN]0))")
_GROUP = re.compile(r"\d+")
# What may stand between two groups of one number.
_GAP = re.compile(r" ?[-.–/,'] ?| {1,2}|\. \.|_")
_DATE = re.compile(r"(?:0?[1-9]|[12]\d|3[01])(\D)(?:0?[1-9]|1[0-2])\1(?:19|20)?\d\d")
_MONEY_BEFORE = re.compile(r"(?<![^\W_])(?:rp|idr|usd)[ .:;]*$")
_MONEY_AFTER = re.compile(r"\s*(?:,-|,00\b)?\s*(?:rupiah|juta|jt\b|ribu|rb\b)")

# A lost space after these would hide what they announce: "korbanbudi", "paspora1234567".
_GLUED = re.compile(
    r"(?:di(?=(?:jalan|jln|jl|lorong|perum|komplek|desa|dusun|gang|gg)\b)|korban|pelapor|terlapor|tersangka|"
    r"saksi|bernama|panggilan|atasnama|alias|istrinya|suaminya|paspor|telepon|rangka|mesin|"
    r"jln?|gg|desa|dinas|plat|pelat|agama|suku|perumahan|perum|komplek|jalan|kelurahan|kecamatan|kabupaten|lorong|dusun|"
    r"briptu|bripka|aipda|brigpol|kompol|nama|sdr[i]?)"
    r"(?=[a-z]{2})(?!nya|kan|lah|kah|ahan)"
)

_GLUED_BEGINNINGS = frozenset(
    [
        "dij",
        "dil",
        "dip",
        "dik",
        "did",
        "dig",
        "kor",
        "pel",
        "ter",
        "sak",
        "ber",
        "pan",
        "ata",
        "ali",
        "ist",
        "sua",
        "pas",
        "tel",
        "ran",
        "mes",
        "din",
        "pla",
        "age",
        "per",
        "kom",
        "jal",
        "kel",
        "kec",
        "kab",
        "lor",
        "dus",
        "des",
        "bri",
        "aip",
        "brp",
        "kom",
        "nam",
        "sdr",
        "suk",
        "aga",
    ]
)
_UPPER = string.ascii_uppercase.encode()
_LETTERS = string.ascii_letters.encode()
MIXED, CAPITALS, LOWER = "mixed", "capitals", "lower"


class Token(NamedTuple):
    """A word, a group of digits or a mark. `word` is in lower case, with slips undone; `folded` see labels.fold."""

    start: int
    end: int
    text: str
    word: str
    is_word: bool
    folded: str


class Group(NamedTuple):
    """Digits that stand together."""

    start: int
    end: int
    digits: str


class Number:
    """Groups of digits that may be one number; `labels`: what the words before it call it, the nearest first.

    `gap`: what stands between all groups, None where it differs.
    """

    __slots__ = ("digits", "end", "gap", "groups", "is_date", "is_money", "labels", "longest", "start")

    def __init__(
        self, groups: tuple[Group, ...], labels: tuple[str, ...], is_money: bool, is_date: bool, gap: str | None
    ) -> None:
        self.groups = groups
        self.labels = labels
        self.is_money = is_money
        self.is_date = is_date
        self.gap = gap
        self.start, self.end = groups[0].start, groups[-1].end
        self.digits = "".join([group.digits for group in groups])
        self.longest = max([len(group.digits) for group in groups])

    def parts(self, lengths: frozenset[int], solid_only: bool = False) -> list[tuple[int, int, str]]:
        """(start, end, digits) of each part with one of these lengths; a group that fits alone comes before joins."""
        at, groups = 0, self.groups
        whole = self.digits
        if len(groups) == 1:
            return [(self.start, self.end, whole)] if len(whole) in lengths else []
        if not solid_only and len(whole) in lengths and self.longest < 10:
            return [(self.start, self.end, whole)]
        found = []
        while at < len(groups):
            taken = None
            if len(groups[at].digits) in lengths:
                taken = at
            elif not solid_only:
                total = len(groups[at].digits)
                for after in range(at + 1, len(groups)):
                    if len(groups[after].digits) >= 10:
                        break
                    total += len(groups[after].digits)
                    if total in lengths:
                        taken = after
                        # A longer reading is the better one only where the number goes on without a space.
                        if self.gap is None or self.gap.isspace():
                            break
            if taken is None:
                at += 1
                continue
            digits = "".join(group.digits for group in groups[at : taken + 1])
            found.append((groups[at].start, groups[taken].end, digits))
            at = taken + 1
        return found


@dataclass(frozen=True)
class Document:
    """One text as the recognizers read it."""

    text: str = field(repr=False)
    # What a model has said of the text already, by model.
    marks: dict[Any, Any] = field(default_factory=dict, repr=False, compare=False)

    @cached_property
    def letters(self) -> str:
        """The text with digits inside words read as letters ("SULlST1YO")."""
        if not _DIGIT_AT_WORD.search(self.text):
            return self.text
        return _DIGIT_IN_WORD.sub(_as_letter, self.text)

    @cached_property
    def lower(self) -> str:
        """`letters` in lower case, of the text's length."""
        lowered = self.letters.lower()
        if len(lowered) == len(self.text):
            return lowered
        return "".join(c if len(c.lower()) != 1 else c.lower() for c in self.letters)

    @cached_property
    def numerals(self) -> str:
        """The text with letters inside numbers read as digits ("08I2 34S6")."""
        if not _SLIPPED.search(self.text):
            return self.text
        made = _MIXED_NUMBER.sub(_as_digits, self.text)
        # The same object where nothing changed: others look whether anything did.
        return self.text if made == self.text else made

    @cached_property
    def case(self) -> str:
        """How the text is written: mixed, capitals or lower."""
        plain = self.text.encode("ascii", "ignore")
        letters = len(plain) - len(plain.translate(None, _LETTERS))
        upper = len(plain) - len(plain.translate(None, _UPPER))
        if upper >= 0.7 * letters:
            return CAPITALS if letters else MIXED
        return LOWER if upper <= 0.02 * letters else MIXED

    @cached_property
    def tokens(self) -> list[Token]:
        """Words, digits and marks in order."""
        tokens: list[Token] = []
        add, make, known = tokens.append, tuple.__new__, _known
        letters, end = self.letters, 0
        for text in _TOKEN.findall(letters):
            start = letters.index(text, end)
            end = start + len(text)
            word, folded, cut = known(text)
            if cut:
                first, _, _ = known(text[:cut])
                add(make(Token, (start, start + cut, text[:cut], first, True, fold(first))))
                start, text, word, folded = start + cut, text[cut:], word[cut:], fold(word[cut:])
            add(make(Token, (start, end, text, word, bool(folded), folded)))
        return tokens

    @cached_property
    def words(self) -> frozenset[str]:
        """All words of the text, folded: a quick look whether a rule can apply at all."""
        return frozenset([token.folded for token in self.tokens])

    @cached_property
    def is_record(self) -> bool:
        """Whether the text is in the style of a police record or a call, not of news: it speaks of parties, places of
        the offence, identifiers; or it is very short."""
        words = {token.word for token in self.tokens}
        if len(words) <= 4 or words & RECORD_WORDS:
            return True
        # News has no number as long as those that people are known by, and seldom a way to write to them.
        is_known_by = "@" in self.text or any(len(one.digits) >= 9 and not one.is_money for one in self.numbers)
        hints = len(words & RECORD_HINTS) + 2 * len(words & CRIME_WORDS) + 2 * is_known_by
        return hints >= (3 if len(self.tokens) > 45 else 2)

    @cached_property
    def digit_groups(self) -> list[tuple[int, int]]:
        """(start, end) of all digits that stand together in `numerals`."""
        return [match.span() for match in _GROUP.finditer(self.numerals)]

    @cached_property
    def numbers(self) -> list[Number]:
        """Every number of at least four digits in all, with its labels."""
        numerals = self.numerals
        spans = self.digit_groups
        numbers = []
        begin = 0
        for at in range(1, len(spans) + 1):
            if at < len(spans) and _GAP.fullmatch(numerals, spans[at - 1][1], spans[at][0]):
                continue
            if sum(end - start for start, end in spans[begin:at]) >= 4:
                numbers.append(self._number(spans[begin:at]))
            begin = at
        return numbers

    @cached_property
    def labels(self) -> list[tuple[int, str]]:
        """(end, kind) of every word that says what number follows."""
        found = []
        for token in self.tokens:
            kind = label_of(token.folded)
            if kind:
                found.append((token.end, kind))
        return found

    def labels_before(self, start: int, within: int = 45) -> tuple[str, ...]:
        """Kinds of the labels that end at most `within` characters before `start`, the nearest first."""
        return tuple(kind for end, kind in reversed(self.labels) if start - within <= end <= start)

    def _number(self, spans: list[tuple[int, int]]) -> Number:
        numerals = self.numerals
        groups = tuple([Group(start, end, numerals[start:end]) for start, end in spans])
        start, end = spans[0][0], spans[-1][1]
        gaps = {numerals[spans[at][1] : spans[at + 1][0]] for at in range(len(spans) - 1)}
        labels = self.labels_before(start)
        is_money = bool(_MONEY_BEFORE.search(self.lower, max(0, start - 8), start)) or (
            not labels and bool(_MONEY_AFTER.match(self.lower, end))
        )
        is_date = len(spans) == 3 and bool(_DATE.fullmatch(numerals, start, end))
        return Number(groups, labels, is_money, is_date, gaps.pop() if len(gaps) == 1 else None)


@lru_cache(maxsize=200_000)
def _known(text: str) -> tuple[str, str, int]:
    """(word, folded, place where a lost space is) of what stands together; folded is empty where it is no word."""
    word = text.lower()
    if len(word) != len(text):
        word = "".join(c if len(c.lower()) != 1 else c.lower() for c in text)
    if not word[0].isalpha():
        return word, "", 0
    is_glued = word[:3] in _GLUED_BEGINNINGS or word[:2] in ("jl", "gg")
    glued = _GLUED.match(word) if len(word) > 4 and is_glued else None
    return word, fold(word), glued.end() if glued and not is_common(word) else 0


@lru_cache(maxsize=1)
def read(text: str) -> Document:
    """The document of a text; the last one is remembered, since every recognizer asks for it in turn."""
    return Document(text)


def _as_digits(match: re.Match[str]) -> str:
    """Digits for the letters of a number, unless the letters outweigh it or it runs on into a word."""
    text: str = match[0]
    kept = len(text)
    if match.end() < len(match.string) and match.string[match.end()].isalpha():
        # "6471lahir": the letters belong to the word that follows.
        while kept and not text[kept - 1].isdigit():
            kept -= 1
    number, rest = text[:kept], text[kept:]
    digits, letters = sum(map(str.isdigit, number)), sum(map(str.isalpha, number))
    if digits < 3 or letters > digits:
        return text
    return number.translate(_TO_DIGITS) + rest


def _as_letter(match: re.Match[str]) -> str:
    letter = _TO_LETTERS[match[0]]
    text, start, end = match.string, match.start(), match.end()
    if start == 0 or not text[start - 1].isalnum():
        # A word's first letter is most often a capital where the digit was read: "8udi".
        return letter.upper()
    neighbours = [text[at] for at in (start - 1, end) if 0 <= at < len(text) and text[at].isalpha()]
    return letter.upper() if neighbours and all(c.isupper() for c in neighbours) else letter
