"""What the state numbers a person by: NIK, KK, NPWP, passport, SIM, BPJS; and the day of birth."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ingestion.minimise.recognizers import validity
from ingestion.minimise.recognizers.base import (
    CERTAIN,
    LABELLED,
    LIKELY,
    SHAPED,
    Hit,
    IndonesianRecognizer,
    NumberRecognizer,
)
from ingestion.minimise.recognizers.document import Document


class NikRecognizer(NumberRecognizer):
    """Nomor Induk Kependudukan: 16 digits, with or without a label."""

    ENTITY = "NIK"
    LENGTHS = frozenset({16})
    BARE = frozenset({16})
    is_valid = staticmethod(validity.nik)


class KkRecognizer(NumberRecognizer):
    """Number of a family card: 16 digits of a NIK's shape, told apart by its label alone."""

    ENTITY = "KK"
    LENGTHS = frozenset({16})
    is_valid = staticmethod(validity.kk)


class NpwpRecognizer(NumberRecognizer):
    """Tax number: 15 digits (99.999.999.9-999.999), or 16 since 2024."""

    ENTITY = "NPWP"
    LENGTHS = frozenset({15, 16})
    BARE = frozenset({15})
    is_valid = staticmethod(validity.npwp)


class SimRecognizer(NumberRecognizer):
    """Driving licence: sources disagree between 12, 14 and 16 digits, so only a label tells."""

    ENTITY = "SIM"
    LENGTHS = frozenset({12, 13, 14, 16})


class BpjsRecognizer(NumberRecognizer):
    """Social insurance: 13 digits (health) or 11 (workers)."""

    ENTITY = "BPJS"
    LENGTHS = frozenset({11, 13})
    BARE = frozenset({13})
    is_valid = staticmethod(validity.bpjs)


# Sources conflict about a passport's letters: one or two, then six or seven digits.
_PASSPORT = re.compile(r"(?<![^\W_])[a-z]{1,2}[ .\-]{0,2}\d(?:[ .\-]?\d){5,6}(?!\d)", re.IGNORECASE)
_GLUED_PASSPORT = re.compile(
    r"pa[s5]{1,2}p[o0]rt?(?:ri)?(?P<number>[a-z]{1,2}[ .\-]?[\dOoIilSsB|]{6,7})(?![^\W_])", re.IGNORECASE
)
_SLIPPED_PASSPORT = re.compile(r"(?<![^\W_])[a-z0-9|]{1,2}[ .\-]{0,2}[\dOoIilSsB|]{6,7}(?![^\W_])", re.IGNORECASE)


class PassportRecognizer(IndonesianRecognizer):
    """Passport: one or two letters and six or seven digits after a label; one letter and seven digits are likely."""

    ENTITY = "PASSPORT"

    def hits(self, document: Document) -> Iterable[Hit]:
        is_named = "paspor" in document.lower or any(kind == self.ENTITY for _, kind in document.labels)
        is_long = any(end - start >= 6 for start, end in document.digit_groups)
        for match in _PASSPORT.finditer(document.numerals) if is_named or is_long else ():
            if is_named and self.ENTITY in document.labels_before(match.start(), 40):
                yield Hit(*match.span(), LABELLED, "label")
            elif len(match[0]) == 8 and match[0][1:].isdigit():
                yield Hit(*match.span(), LIKELY, "shape")
        for match in _GLUED_PASSPORT.finditer(document.text) if is_named else ():
            yield Hit(*match.span("number"), LABELLED, "label")
        if is_named:
            for match in _SLIPPED_PASSPORT.finditer(document.text):
                if sum(map(str.isdigit, match[0])) >= 4 and self.ENTITY in document.labels_before(match.start(), 40):
                    yield Hit(*match.span(), SHAPED, "label, slips")


# Letters of a month that are mistaken for others may be those.
_SLIPS = {"e": "[ec]", "i": "[i1l]", "l": "[l1i]", "u": "[uv]", "o": "[o0]", "s": "[s5]", "b": "[b8]", "n": "[nm]"}
_MONTHS = re.sub(
    "[eiluosbn]",
    lambda letter: _SLIPS[letter[0]],
    "jan(?:uari)?|feb(?:ruari)?|pebruari|peb|mar(?:et)?|apr(?:il)?|mei|juni?|juli?|agu(?:stus)?|agt|ags|agust|"
    "sep(?:tember)?|sept|okt(?:ober)?|nov(?:ember)?|nop(?:ember)?|des(?:ember)?|may|aug|oct|dec",
)
_YEAR = r"(?:(?:19|20)\d{2}|'?\d{2})"
_DAY = rf"(?=\d|[oil|sb]\d)[\doil|sb]{{1,2}}\s?(?:[-/. ]\s?)?(?:{_MONTHS})\.?,?\s?(?:[-/. ]\s?)?{_YEAR}(?!\d)"
_NUMERIC = rf"\d{{1,2}}\s?[-/. ]\s?\d{{1,2}}\s?[-/. ]\s?{_YEAR}(?!\d)"
_ISO = r"(?:19|20)\d{2}[-/.]\d{2}[-/.]\d{2}(?!\d)"
_SOLID = r"(?:0[1-9]|[12]\d|3[01])(?:0[1-9]|1[0-2])(?:19|20)\d{2}(?!\d)"
_DATE = re.compile(rf"(?<!\d)(?:{_DAY}|{_NUMERIC}|{_ISO}|{_SOLID})", re.IGNORECASE)
_BORN = re.compile(
    r"(?:lahir|lhr|t\.?t\.?l|tgl ?lhr|kelahiran|dob|ulang ?tahun|born|tempat\W{1,4}(?:tgl|tanggal)\.?|ttgl|usia|"
    r"umur)\W*"
    r"(?:[^\W\d]+\W+){0,5}$"
)
_BORN_HINT = re.compile(r"l(?:ahir|hr)|t\.?t\.?l|t?tgl|tempat|dob|tahun|born|usia|umur")
_BARE_YEAR = re.compile(r"(?<!\d)(?:19[3-9]\d|20[01]\d)(?!\d)")
_YEAR_OF_BIRTH = re.compile(r"(?:lahir|lhr|kelahiran)\W*(?:di\W+)?(?:[^\W\d]+\W+){0,3}$")
_EVENT = re.compile(r"(?:sejak|pada|hari|kejadian|pukul|terjadi|tgl|tanggal)\W*$")
_YEAR_AT_END = re.compile(r"(\d{4})$|(\d{2})$")


_MONTH_AND_YEAR = re.compile(rf"(?<![^\W_])(?:{_MONTHS})\.?,? {_YEAR}(?!\d)", re.IGNORECASE)
_NUMERAL = (
    r"(?:se(?:ribu|puluh|belas|ratus)|satu|dua|tiga|empat|lima|enam|tujuh|delapan|sembilan|nol|belas|puluh|ratus|ribu)"
)
# "lima Mei seribu sembilan ratus sembilan puluh satu"
_SPELT = re.compile(
    rf"(?<![^\W_]){_NUMERAL}(?: ?{_NUMERAL}){{0,2}} (?:bulan )?(?:{_MONTHS}) (?:tahun )?{_NUMERAL}"
    rf"(?: {_NUMERAL}){{2,8}}",
    re.IGNORECASE,
)


class DateOfBirthRecognizer(IndonesianRecognizer):
    """A day, or year, of birth: by its label, or because it lies a dozen years before the latest year of the text."""

    ENTITY = "DATE_OF_BIRTH"

    def hits(self, document: Document) -> Iterable[Hit]:
        lower = _lower_numerals(document)
        found = [(start, end, _year(lower[start:end])) for start, end in _dates(document, lower)]
        is_told = bool(_BORN_HINT.search(lower)) if found else False
        latest = max((year for *_, year in found), default=0)
        for start, end, year in found:
            before = lower[max(0, start - 60) : start]
            if is_told and _BORN.search(before):
                yield Hit(start, end, CERTAIN, "label")
            elif document.is_record and year and year <= (latest - 12 if latest >= 2015 else 2012):
                yield Hit(start, end, LIKELY if _EVENT.search(before) else SHAPED, "long ago")
        is_born = "lahir" in lower or "lhr" in lower or "ttl" in lower
        for pattern, rule in ((_MONTH_AND_YEAR, "month"), (_SPELT, "spelt")) if is_born else ():
            for match in pattern.finditer(lower):
                if _BORN.search(lower[max(0, match.start() - 60) : match.start()]):
                    yield Hit(*match.span(), LABELLED, rule)
        for match in _BARE_YEAR.finditer(lower) if is_born else ():
            if _YEAR_OF_BIRTH.search(lower[max(0, match.start() - 45) : match.start()]):
                yield Hit(*match.span(), SHAPED, "year")


def _dates(document: Document, lower: str) -> Iterable[tuple[int, int]]:
    """(start, end) of all dates; looked for from their first digits, of which a text has few."""
    last = 0
    for start, end in document.digit_groups:
        if start < last or end - start > 8:
            continue
        # A day's first digit may be read as a letter.
        before = start - (start > last and lower[start - 1] in "oil|sb" and not lower[start - 2 : start - 1].isalnum())
        match = _DATE.match(lower, before) or (_DATE.match(lower, start) if before < start else None)
        if match:
            last = match.end()
            yield match.span()


def _lower_numerals(document: Document) -> str:
    """Digits as numerals has them, words as lower has them."""
    if document.numerals is document.text:
        return document.lower
    return "".join(n if n.isdigit() else c for n, c in zip(document.numerals, document.lower, strict=True))


def _year(date: str) -> int:
    """The year of a spelt date; of two digits, the latest that is not after 2029."""
    if re.match(r"(?:19|20)\d{2}[-/.]", date):
        return int(date[:4])
    end = _YEAR_AT_END.search(date)
    if not end:
        return 0
    year = int(end[0])
    return year if year > 99 else 2000 + year if year < 30 else 1900 + year
