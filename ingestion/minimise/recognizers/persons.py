"""Names of persons: what stands after a title or a role, what lists of names know, what a trained model sees."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

import numpy as np

from ingestion.minimise.recognizers.base import LABELLED, LIKELY, SHAPED, THRESHOLD, Hit, IndonesianRecognizer
from ingestion.minimise.recognizers.document import MIXED, Document, Token
from ingestion.minimise.recognizers.labels import LABELS, fold
from ingestion.minimise.recognizers.lexicon import (
    ANNOUNCES,
    CERTAINLY,
    GIVEN,
    JOINS,
    KIN,
    PARTIES,
    ROLES,
    STOP,
    is_common,
    is_listed_word,
)
from ingestion.minimise.recognizers.name_model import NameModel

# Records name people far more often than news, where places and organisations outnumber them: the odds of the model are
# multiplied by so much in a text in a record's style, and in others (prior shift, Saerens 2002).
RECORD_ODDS, NEWS_ODDS = 120.0, 0.8
# Of the model's probability: from here a word is a name, from here it is one beside a name.
SURE, BESIDE = 0.6, 0.15
_LONGEST = 6
# A degree behind a name belongs to it: "M. Fadli, S.H., M.Si".
_DEGREE = re.compile(
    r"(?:\s?[,.]?\s?(?:S\.?\s?(?:H|E|T|P|Si|Pd|Sos|Kom|IP|Ag|Ked|Kep|Farm|Psi|Hum|I\.?\s?K|H\.?I|Pd\.?I)|"
    r"M\.?\s?(?:H|M|Si|Pd|Kes|Kom|Ag|Hum|Sc|T|AP|Kn|Psi|Han|A|H\.?I)|A\.?\s?Md(?:\.?\s?[A-Z][a-z]{0,3})?|"
    r"Sp\.?\s?[A-Z]{1,3}|Lc|Ph\.?D|MBA)\b\.?)+",
    re.IGNORECASE,
)
_ALSO = frozenset(map(fold, ("alias", "als", "aka")))
_SHORTENED = frozenset(["abd", "muh", "moh", "mhd", "md", "st", "sy", "rr", "ra", "kms", "msy", "tgk", "cut", "abdr"])
_LISTING = frozenset(["dan", "serta", ",", "&", "/", ";", "dgn"])
_MONTHS = frozenset(["mei", "juli", "april", "januari", "agustus", "maret", "september", "oktober", "desember"])
_CHILD_OF = frozenset(map(fold, ("bin", "binti", "bt", "bte")))
# "n" of "a.n.", see _is_an.
_ANNOUNCING = ANNOUNCES | ROLES | _CHILD_OF | {fold("n")}
_BREAKS = (ROLES | ANNOUNCES) - JOINS


class PersonRecognizer(IndonesianRecognizer):
    """Persons' names by rules and a list of given names; with a NameModel (train names) by that as well.

    Without a model the rules alone find what follows a title, a role or "bin", and words of the list.
    """

    ENTITY = "PERSON"

    def __init__(self, model: NameModel | None = None, supported_language: str = "id") -> None:
        super().__init__(supported_language)
        self.model = model
        # Bounded, and of single words only.
        self._is_common = lru_cache(maxsize=100_000)(self._is_ordinary)

    def _is_ordinary(self, word: str) -> bool:
        """Whether a lower-case word is ordinary language, by the lists, its form, or what the model met in training."""
        if is_common(word) or (fold(word) in LABELS and word not in GIVEN):
            return True
        return self.model is not None and word not in GIVEN and self.model.is_common(word)

    def hits(self, document: Document) -> Iterable[Hit]:
        reading = _Reading(document, self.model, self._is_common)
        if self.model is not None and not document.is_record:
            # In news the rules' triggers ("oleh", "nama") stand before bands and towns as often as before people.
            yield from reading.modelled()
            return
        found = [*reading.announced(), *reading.modelled(), *reading.listed()]
        found += reading.joined(found)
        found += reading.listed_with(found)
        yield from found
        yield from _degrees(document.text, found)
        yield from reading.repeated(found)


class _Reading:
    """One document, token by token."""

    def __init__(self, document: Document, model: NameModel | None, is_common: Callable[[str], bool]) -> None:
        self.tokens: Sequence[Token] = document.tokens
        self.is_mixed = document.case == MIXED
        self.is_record = document.is_record
        self.model = model
        size = len(self.tokens)
        self.folded = [token[5] for token in self.tokens]
        self.is_common = [token.is_word and is_common(token.word) for token in self.tokens]
        self.person = self._person(document) if model and size else [0.0] * size

    def _person(self, document: Document) -> list[float]:
        """The model's probability of each token; in a record the odds of words that are no ordinary ones are raised."""
        assert self.model is not None
        found = self.model.person(document)
        odds = np.where(self.is_common, 1.0, RECORD_ODDS) if self.is_record else NEWS_ODDS
        shifted: list[float] = (found * odds / (found * odds + 1 - found)).tolist()
        return shifted

    def _may_be(self, at: int) -> bool:
        """Whether the token can be a word of a name once a name is expected here."""
        token = self.tokens[at]
        if not token.is_word or (self.is_common[at] and self.person[at] < SURE and not self._is_named_month(at)):
            return False
        if self.is_mixed and token.text[0].islower():
            return self.person[at] >= BESIDE or token.word in GIVEN
        return len(token.word) > 1 or token.text.isupper() or not self.is_mixed

    def _is_named_month(self, at: int) -> bool:
        """A month that stands between words of a name, and beside no number: "Tan Mei Ling"."""
        tokens = self.tokens
        return (
            tokens[at].word in _MONTHS
            and 0 < at < len(tokens) - 1
            and tokens[at + 1].is_word
            and tokens[at - 1].is_word
            and (tokens[at].text[0].isupper() or not self.is_mixed)
            and not self.is_common[at - 1]
            and not self.is_common[at + 1]
        )

    def _end(self, at: int) -> int:
        """Index after the name that begins at `at`; `at` where none does."""
        tokens = self.tokens
        end = at
        while end < len(tokens) and end - at < _LONGEST * 2:
            token = tokens[end]
            if self._may_be(end):
                # "Budi Saksi": the next role or title begins something else.
                if end > at and self.folded[end] in _BREAKS and token.word not in GIVEN:
                    break
                end += 1
            elif (end > at and self.folded[end] in JOINS and end + 1 < len(tokens) and self._may_be(end + 1)) or (
                end > at and token.text in ".'’`-" and end + 1 < len(tokens) and self._goes_on(at, end)
            ):
                end += 1
            else:
                break
        while end > at and not tokens[end - 1].is_word:
            end -= 1
        return end

    def _goes_on(self, at: int, mark: int) -> bool:
        """Whether a name goes on behind a mark: "M. Ridwan", "A.R.", "Ma'ruf", "Nur-Aini"."""
        before, after = self.tokens[mark - 1], self.tokens[mark + 1]
        if not after.is_word or not self._may_be(mark + 1):
            return False
        if self.tokens[mark].text == ".":
            return len(before.word) <= 3 and before.end == self.tokens[mark].start
        return before.end == self.tokens[mark].start and after.start == self.tokens[mark].end

    def announced(self) -> Iterable[Hit]:
        """What follows a title ("Sdr.", "Aipda", "a.n."), "alias", or a role ("korban")."""
        tokens = self.tokens
        least = 0
        for at, folded in enumerate(self.folded):
            if folded not in _ANNOUNCING or at < least:
                continue
            is_title = folded in ANNOUNCES or folded in _CHILD_OF or self._is_an(at)
            if not is_title and folded not in ROLES:
                continue
            begin = at + 1
            while begin < len(tokens) and (
                tokens[begin].text in ".,:;=-/\"'()[]“”"
                or self.folded[begin] in ANNOUNCES
                or tokens[begin].word in ("a", "n", "nama", "yang", "yaitu", "yakni", "adalah", "korban", "pelapor")
                or (tokens[begin].text.isdigit() and len(tokens[begin].text) == 1 and not is_title)
            ):
                if tokens[begin].start - tokens[at].end > 24 or (
                    tokens[begin].text == "." and self.is_mixed and not is_title
                ):
                    break
                is_title = is_title or self.folded[begin] in ANNOUNCES
                begin += 1
            end = self._end(begin) if begin < len(tokens) else begin
            if end == begin < len(tokens) and folded in CERTAINLY and self._is_odd_name(begin):
                end = begin + 1
            if end > begin:
                score = self._announced_score(at, begin, end, is_title)
                if score:
                    first = begin - 1 if begin and self.folded[begin - 1] in KIN else begin
                    yield Hit(tokens[first].start, tokens[end - 1].end, score, "title" if is_title else "role")
            least = begin if end > begin and self.folded[begin] in ANNOUNCES else 0

    def _is_odd_name(self, at: int) -> bool:
        """An ordinary noun in a name's place: "alias Kas"."""
        token = self.tokens[at]
        return token.is_word and token.word not in STOP and (not self.is_mixed or token.text[0].isupper())

    def _is_an(self, at: int) -> bool:
        """ "a.n." and "a/n" come as four tokens."""
        tokens = self.tokens
        return tokens[at].word == "n" and at >= 2 and tokens[at - 1].text in "./" and tokens[at - 2].word == "a"

    def _announced_score(self, at: int, begin: int, end: int, is_title: bool) -> float:
        tokens = self.tokens[begin:end]
        best = max(self.person[begin:end])
        if any(token.word in GIVEN for token in tokens):
            return LABELLED if is_title else SHAPED
        if is_title:
            if best >= BESIDE:
                return LABELLED
            is_certain = self.folded[at] in CERTAINLY or self._is_an(at) or self.folded[begin - 1] in CERTAINLY
            return SHAPED if self.model is None or is_certain or best >= 0.03 else 0.0
        if best >= 0.3:
            return SHAPED
        if self.folded[at] in PARTIES and self.model is not None:
            return LIKELY if best >= (0.02 if self.is_mixed else 0.04) else 0.0
        # A role and then a word that is no ordinary one: a name where capitals say so, else only without a model.
        is_capital = self.is_mixed and tokens[0].text[0].isupper()
        if self.model is None and (is_capital or (not self.is_mixed and end - begin >= 2)):
            return LIKELY
        return 0.0

    def joined(self, found: Sequence[Hit]) -> Iterable[Hit]:
        """Both sides of "bin" and "binti", and words beside a name that may belong to it."""
        starts = {hit.start for hit in found if hit.score >= THRESHOLD}
        ends = {hit.end for hit in found if hit.score >= THRESHOLD}
        for at, token in enumerate(self.tokens):
            if at > 1 and token[0] in starts and self.tokens[at - 1].text == "." and self._is_initial(at - 2):
                yield Hit(self.tokens[at - 2].start, token.end, LIKELY, "initial")
            if self.folded[at] not in _CHILD_OF and self.folded[at] not in _ALSO and token[1] not in ends:
                continue
            if self.folded[at] in _ALSO and 0 < at < len(self.tokens) - 1 and self.tokens[at + 1].start in starts:
                before = at - 1 if self.tokens[at - 1].is_word else max(0, at - 2)
                if {self.tokens[at - 1].end, self.tokens[before].end} & ends:
                    yield Hit(self.tokens[before].start, self.tokens[at + 1].end, SHAPED, "alias")
            if self.folded[at] in _CHILD_OF and at + 1 < len(self.tokens) and self.tokens[at + 1].start in starts:
                begin = at
                while begin > 0 and at - begin < 3 and self._may_be(begin - 1):
                    begin -= 1
                yield Hit(self.tokens[begin].start, self.tokens[at + 1].end, SHAPED, "child of")
            elif token.end in ends and at + 1 < len(self.tokens):
                end = at + 1
                while end < len(self.tokens) and end - at <= 2 and self._is_beside(end):
                    end += 1
                if end > at + 1:
                    yield Hit(self.tokens[at + 1].start, self.tokens[end - 1].end, LIKELY, "beside")

    def _is_initial(self, at: int) -> bool:
        """A letter or a shortened name straight before a dot: "A. Norsiah", "Abd. Gafur"."""
        token = self.tokens[at]
        is_short = len(token.word) == 1 or token.word in _SHORTENED
        return token.is_word and is_short and (token.text[0].isupper() or not self.is_mixed)

    def _is_beside(self, at: int) -> bool:
        return self.tokens[at].is_word and not self.is_common[at] and self.person[at] >= 0.05 and self._may_be(at)

    def listed_with(self, found: Sequence[Hit]) -> Iterable[Hit]:
        """Names joined to a name by "dan", "serta" or a comma: "saksi A, B dan C"."""
        ends = {hit.end for hit in found if hit.score >= THRESHOLD}
        for at in range(1, len(self.tokens) - 1):
            if self.tokens[at - 1][1] not in ends or self.tokens[at].word not in _LISTING:
                continue
            begin = at + 1
            if self.tokens[begin].word in ("dan", "serta") and begin + 1 < len(self.tokens):
                begin += 1
            end = self._end(begin)
            if end > begin and max(self.person[begin:end]) >= 0.03:
                ends.add(self.tokens[end - 1].end)
                yield Hit(self.tokens[begin].start, self.tokens[end - 1].end, LIKELY, "joined")

    def modelled(self) -> Iterable[Hit]:
        """Runs of words that the model takes for a name."""
        if self.model is None:
            return
        at, person = 0, self.person
        while at < len(person):
            if person[at] < SURE or not (self.tokens[at].is_word or self.tokens[at].text[0].isdigit()):
                at += 1
                continue
            begin, end = at, at + 1
            beside = BESIDE if self.is_record else SURE
            while (
                begin > 0
                and person[begin - 1] >= beside
                and self.tokens[begin - 1].is_word
                and not self.is_common[begin - 1]
            ):
                begin -= 1
            while end < len(person) and (person[end] >= SURE or (person[end] >= beside and not self.is_common[end])):
                # "Budi Santoso. Saldo": a full stop behind more than an abbreviation ends the name.
                mark = self.tokens[end].text
                if (mark == "." and len(self.tokens[end - 1].word) > 4) or mark in '()[]:;/,"':
                    break
                end += 1
            last = end
            while last > begin and not (self.tokens[last - 1].is_word or self.tokens[last - 1].text[0].isdigit()):
                last -= 1
            best = max(person[begin:end])
            yield Hit(
                self.tokens[begin].start,
                self.tokens[last - 1].end,
                round(THRESHOLD + (best - SURE) * 0.55 / (1 - SURE), 4),
                "model",
            )
            at = end

    def listed(self) -> Iterable[Hit]:
        """Two words or more that may be names, one of them listed. Only without a model, which knows better."""
        if self.model is not None:
            return
        at = 0
        while at < len(self.tokens):
            end = self._end(at) if self.tokens[at].is_word and not self.is_common[at] else at
            is_listed = end - at >= 2 and any(token.word in GIVEN for token in self.tokens[at:end])
            if is_listed and (self.is_mixed or self.tokens[at].word in GIVEN):
                yield Hit(self.tokens[at].start, self.tokens[end - 1].end, LIKELY, "list")
            elif end > at and self.is_record and self._is_unknown(at, end):
                yield Hit(self.tokens[at].start, self.tokens[end - 1].end, LIKELY, "no ordinary word")
            at = max(end, at + 1)

    def _is_unknown(self, at: int, end: int) -> bool:
        """Whether what no list knows is more likely a name than anything else: words with capitals that begin no
        sentence, or two and more in a text where capitals say nothing."""
        words = [token for token in self.tokens[at:end] if len(token.folded) > 1]
        if not words or all(is_listed_word(token.word) for token in words):
            return False
        if self.is_mixed:
            begins = at == 0 or self.tokens[at - 1].text in ".!?:;-\n"
            # "Ngatinah R." too.
            return sum(token.is_word for token in self.tokens[at:end]) >= 2 or (len(words[0].word) >= 3 and not begins)
        return all(len(token.word) >= (3 if len(words) > 1 else 5) for token in words)

    def repeated(self, found: Sequence[Hit]) -> Iterable[Hit]:
        """Words of a name found with certainty, wherever else they stand in the text."""
        words: set[str] = set()
        covered: set[int] = set()
        for hit in found:
            if hit.score < THRESHOLD:
                continue
            at = bisect_left(self.tokens, hit.start, key=_start)
            while at < len(self.tokens) and self.tokens[at].start < hit.end:
                token = self.tokens[at]
                covered.add(at)
                if hit.score >= SHAPED and token.is_word and len(token.word) >= 4 and not self.is_common[at]:
                    words.add(token.word)
                at += 1
        if words:
            for at in [at for at, token in enumerate(self.tokens) if token[3] in words]:
                token = self.tokens[at]
                if at not in covered and not (self.is_mixed and token.text[0].islower()):
                    yield Hit(token.start, token.end, LIKELY, "again")


def _degrees(text: str, found: Sequence[Hit]) -> Iterable[Hit]:
    """Degrees behind the names found, where a comma or a dot leads to them."""
    for hit in found:
        begins = text[hit.end : hit.end + 3].lstrip(",. ")[:1]
        if hit.score >= THRESHOLD and begins and begins in "SMALPsmalp":
            degree = _DEGREE.match(text, hit.end)
            if degree and ("," in degree[0] or "." in degree[0]):
                yield Hit(hit.start, degree.end(), hit.score, hit.rule)


def _start(token: Token) -> int:
    return token.start
