"""Where a person lives or is: addresses, and coordinates written in text."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Sequence

from ingestion.minimise.recognizers.base import CERTAIN, FAINT, LABELLED, SHAPED, Hit, IndonesianRecognizer
from ingestion.minimise.recognizers.document import MIXED, Document, Token
from ingestion.minimise.recognizers.labels import fold
from ingestion.minimise.recognizers.lexicon import STOP, VERB_BEGINNINGS, VERB_ENDINGS


def _folded(words: str) -> frozenset[str]:
    return frozenset(map(fold, words.split()))


# A street or estate follows, whatever its name.
_STREET = _folded(
    "jl jln jalan jalanan jlan jlm jin gg gang lorong lrg perum perumahan komplek kompleks komp btn griya "
    "apartemen rusun rusunawa cluster residence kost kos kosan asrama wisma mess villa"
)
# Of these the short form alone is a sign, also before a name in small letters.
_SIGNS = _folded("jl jln gg perum komp lrg")
_HOUSES = _folded("kost kos kosan mess wisma asrama villa")
_BETWEEN = _folded("depan dekat samping belakang seberang sebelah dkt smping")
# A part of an address; it begins one only before a name or number that looks like it.
_AREA = _folded(
    "kel kelurahan kec kecamatan kab kabupaten desa ds dusun dsn kampung kp kamp lingkungan lingk jorong "
    "nagari distrik prov provinsi propinsi kota dukuh banjar"
)
_NUMBERED = _folded("rt rw no nomor nmr blok block blk km kav kavling lantai lt unit rt/rw kodepos pos tower kamar")
_BEGINS_NUMBERED = _folded("rt rw blok")
_INSIDE = _STREET | _AREA | _NUMBERED | _folded("simpang sp samping")
_BEGINS = _STREET | _AREA | _BEGINS_NUMBERED
_NEVER = frozenset(
    [
        "polisi",
        "pol",
        "telp",
        "tlp",
        "hp",
        "ktp",
        "kk",
        "sim",
        "rek",
        "rekening",
        "nik",
        "npwp",
        "imei",
        "rangka",
        "mesin",
        "lp",
        "surat",
        "hp2",
    ]
)
_NOT_STREET = frozenset(
    [
        "raya",
        "kaki",
        "keluar",
        "masuk",
        "tol",
        "nasional",
        "buntu",
        "damai",
        "cepat",
        "tengah",
        "utama",
        "pintas",
    ]
)
_SHORTENED = frozenset(
    [
        "jend",
        "letjen",
        "mayjen",
        "brigjen",
        "kapt",
        "kol",
        "letkol",
        "let",
        "h",
        "hj",
        "kh",
        "dr",
        "ir",
        "prof",
        "s",
        "p",
        "r",
        "m",
        "t",
        "w",
        "a",
        "b",
        "c",
        "d",
        "e",
        "f",
        "g",
        "i",
        "j",
        "k",
        "l",
        "n",
        "o",
        "u",
        "v",
        "x",
        "y",
        "z",
        "st",
        "sp",
        "gn",
        "gng",
        "sei",
        "s",
        "ag",
        "pang",
        "pgr",
        "sultan",
        "sult",
        "mt",
        "ra",
        "lt",
        "kom",
        "serma",
    ]
)
_POSTCODE = re.compile(r"\d{5}")
_MAX_WORDS = 6
# Ordinary words that stand in the names of streets and villages.
_IN_NAMES = frozenset(
    [
        "dalam",
        "dua",
        "tiga",
        "empat",
        "lima",
        "satu",
        "enam",
        "baru",
        "atas",
        "bawah",
        "depan",
        "aman",
        "tani",
        "buruh",
        "lama",
        "banyak",
        "bersama",
        "air",
        "tengah",
        "luar",
        "minggu",
        "senin",
        "jumat",
        "juli",
        "agustus",
        "mei",
        "maret",
        "nelayan",
        "guru",
        "pelajar",
        "mahasiswa",
        "islam",
        "hari",
        "anggota",
        "kota",
        "jaya",
        "raya",
        "besar",
    ]
)


class AddressRecognizer(IndonesianRecognizer):
    """Addresses: a street, lane, estate or village, and all parts that follow it (No, RT, RW, Kel, Kec, Kab, city)."""

    ENTITY = "ADDRESS"

    def hits(self, document: Document) -> Iterable[Hit]:
        tokens = document.tokens
        at = 0
        while at < len(tokens):
            end = self._address(tokens, at, document) if tokens[at].folded in _BEGINS else at
            if end > at:
                is_street = tokens[at].folded in _STREET
                # In prose that is no record, a street or village alone is a place, not somebody's address.
                is_prose = not document.is_record
                is_exact = any(token.text[0].isdigit() for token in tokens[at:end])
                score = FAINT if is_prose and not (is_street and is_exact) else LABELLED if is_street else SHAPED
                yield Hit(tokens[at].start, tokens[end - 1].end, score, "street" if is_street else "area")
                at = end
            else:
                at += 1

    def _address(self, tokens: Sequence[Token], at: int, document: Document) -> int:
        """Index after the last token of an address that begins at `at`, or `at`."""
        kind = tokens[at].folded
        if kind in _STREET:
            end = _name(tokens, _skip(tokens, at + 1, ".:"), document)
        elif kind in _AREA:
            end = _name(tokens, _skip(tokens, at + 1, ".:"), document, is_area=True)
            if document.case == MIXED and not tokens[at].text[0].isupper() and not _is_followed(tokens, end):
                return at
        elif kind in _BEGINS_NUMBERED:
            end = _number(tokens, at + 1)
        else:
            return at
        if end <= _skip(tokens, at + 1, ".:"):
            return at
        return _rest(tokens, end, document)


def _skip(tokens: Sequence[Token], at: int, marks: str) -> int:
    while at < len(tokens) and tokens[at].text in marks:
        at += 1
    return at


def _is_followed(tokens: Sequence[Token], at: int) -> bool:
    """Whether another part of an address follows: a place alone is not one."""
    at = _skip(tokens, at, ",.")
    return at < len(tokens) and tokens[at].folded in _INSIDE


def _number(tokens: Sequence[Token], at: int) -> int:
    """After "RT": 03, .05, 12/04, 7A, III; `at` where none follows."""
    end = _skip(tokens, at, ".:")
    if end >= len(tokens):
        return at
    token = tokens[end]
    is_letter = token.is_word and len(token.word) <= 2 and token.word not in STOP
    if token.text[0].isdigit() or is_letter or set(token.word) <= set("ivxlo"):
        end += 1
        while end < len(tokens):
            token = tokens[end]
            if token.text[0].isdigit() or (
                token.is_word and len(token.text) <= 2 and token.start == tokens[end - 1].end
            ):
                end += 1
            elif (
                token.text in "/-."
                and end + 1 < len(tokens)
                and tokens[end + 1].start - token.end <= 1
                and (
                    tokens[end + 1].text[0].isdigit()
                    or (
                        len(tokens[end + 1].text) <= 2
                        and tokens[end + 1].is_word
                        and token.text != "."
                        and tokens[end + 1].folded not in _NUMBERED
                    )
                )
            ):
                end += 2
            else:
                break
        return end
    return at


def _name(tokens: Sequence[Token], at: int, document: Document, is_area: bool = False) -> int:
    """Index after the words of a street's or area's name."""
    is_mixed = document.case == MIXED
    end = at
    words = 0
    while end < len(tokens) and words < (4 if is_area else _MAX_WORDS):
        token = tokens[end]
        folded = token.folded
        if token.is_word:
            is_stop = _is_stop(token.word) and token.word not in _IN_NAMES
            if (folded in _INSIDE and words and token.word != "kota") or (
                is_stop and not (is_mixed and token.text[0].isupper() and token.word not in _HARD)
            ):
                break
            if words == 0 and (token.word in _NEVER or (folded in _STREET and at and tokens[at - 1].folded in _HOUSES)):
                return at
            if is_mixed and not token.text[0].isupper() and (words or not _looks_lower_name(tokens, end)):
                break
            words += 1
            end += 1
        elif token.text[0].isdigit():
            # "Gg. 3", "Jl. Ahmad Yani 45"; a year, or a longer number, is not its own.
            if len(token.text) > 4:
                break
            end += 1
            if words:
                break
            words += 1
        elif (
            (
                token.text == "."
                and words
                and tokens[end - 1].word in _SHORTENED
                and end + 1 < len(tokens)
                and tokens[end + 1].is_word
            )
            or (
                token.text in "'’-/"
                and words
                and end + 1 < len(tokens)
                and tokens[end + 1].start == token.end == tokens[end - 1].end + 1
            )
            or (token.text in '"“”(' and not words and end + 1 < len(tokens))
        ):
            end += 1
        else:
            break
    while end > at and not (tokens[end - 1].is_word or tokens[end - 1].text[0].isdigit()):
        end -= 1
    return end


# In the names of streets, but a calling behind an address.
_PEOPLE = frozenset(["mahasiswa", "pelajar", "guru", "nelayan", "buruh", "anggota", "hari", "tani"])
# Not part of a street's name even with a capital.
_HARD = frozenset(
    [
        "di",
        "dan",
        "ke",
        "dari",
        "pada",
        "yang",
        "telah",
        "sekira",
        "sekitar",
        "pukul",
        "jam",
        "hp",
        "nik",
        "ktp",
        "no",
        "nomor",
        "pelapor",
        "korban",
        "saksi",
        "terlapor",
        "tersangka",
        "melaporkan",
        "menerangkan",
        "telp",
        "wa",
        "agama",
        "pekerjaan",
        "lahir",
        "kejadian",
        "kerugian",
        "hari",
        "tanggal",
        "tgl",
        "wita",
        "wib",
        "wit",
    ]
)


def _may_begin_place(word: str) -> bool:
    """Whether a place between commas may begin with the word, in a text without capitals of its own."""
    if word in _PEOPLE:
        return False
    return word in _IN_NAMES or not (_is_stop(word) or (len(word) > 6 and word.startswith("di")))


def _is_stop(word: str) -> bool:
    return word in STOP or (len(word) > 7 and word.endswith(VERB_ENDINGS) and word.startswith(VERB_BEGINNINGS[:4]))


def _looks_lower_name(tokens: Sequence[Token], at: int) -> bool:
    """A street in small letters inside a mixed text: only straight after its sign, "jl." or "jl"."""
    return at > 0 and (tokens[at - 1].text == "." or tokens[at - 1].folded in _SIGNS) and not _is_stop(tokens[at].word)


def _rest(tokens: Sequence[Token], end: int, document: Document) -> int:
    """Index after all further parts of an address whose first part ends at `end`."""
    is_mixed = document.case == MIXED
    while True:
        at = end
        while at < len(tokens) and tokens[at].text in ",./-()":
            at += 1
        if at >= len(tokens) or tokens[at].start - tokens[end - 1].end > 6:
            return end
        token = tokens[at]
        folded = token.folded
        if folded in _NUMBERED:
            after = _skip(tokens, at + 1, ".:")
            if after < len(tokens) and tokens[after].word in _NEVER:
                return end
            new = _number(tokens, at + 1)
            if new > at + 1:
                end = new
                continue
            return end
        if folded in _BETWEEN and at + 1 < len(tokens) and tokens[at + 1].folded in _STREET:
            # "Jl. Sutoyo depan Gg. Karya"
            after = _skip(tokens, at + 2, ".:")
            new = _name(tokens, after, document)
            if new > after:
                end = new
                continue
            return end
        if folded in _STREET or folded in _AREA or folded == "slnpang":
            new = _name(tokens, _skip(tokens, at + 1, ".:"), document, is_area=folded in _AREA)
            if new > _skip(tokens, at + 1, ".:"):
                end = new
                continue
            return end
        if token.text[0].isdigit() and (_POSTCODE.fullmatch(token.text) or (at == end and len(token.text) <= 3)):
            end = at + 1
            continue
        # ", Sepinggan, Balikpapan Selatan" or "No. 5 Sepinggan": a name between commas, or behind a number.
        is_behind_number = at == end and tokens[end - 1].text[0].isdigit()
        if (is_behind_number or (at > end and tokens[at - 1].text in ",-")) and token.is_word:
            new = _name(tokens, at, document, is_area=True)
            ends_well = (
                new >= len(tokens)
                or tokens[new].text in ",.;)"
                or _is_stop(tokens[new].word)
                or tokens[new].folded in _INSIDE
            )
            is_place = token.text[0].isupper() if is_mixed else _may_begin_place(token.word)
            if new > at and new - at <= 3 and ends_well and is_place:
                end = new
                continue
        return end


_DECIMAL = r"[-−+]?\s?(?:\d{1,3}|[OolI])\s?[.,]\s?\d{3,}"
_AS_NUMBER = str.maketrans({",": ".", "−": "-", "O": "0", "o": "0", "l": "1", "I": "1"})
_PAIR = re.compile(
    rf"(?<![\d.])(?P<first>{_DECIMAL})\s?°?\s?(?:[L1][S5]|L[UV]|S|N)?\s{{0,2}}(?:(?:[,;/|&]|\s|dan|bujur|long(?:itude)?|lng|"
    rf"lon|x|y|bt|:|=)+|(?<=l[su]))\s{{0,2}}(?:[-−]?)(?P<second>{_DECIMAL})\s?°?\s?(?:[B8]T|BB|E|W)?(?![\d])",
    re.IGNORECASE,
)
_ONE = re.compile(
    rf"(?:lat(?:itude)?|lintang|long(?:itude)?|lng|bujur|koordinat|\bls|\bbt)\W{{0,4}}?(?P<value>{_DECIMAL})",
    re.IGNORECASE,
)
_DEGREES = re.compile(
    r"(?:(?:LS|LU|BT|S|N|E)\s?)?[\dlIO]{1,3}\s?(?:°|º|derajat|deg)\s?[\dlIO]{1,2}\s?(?:'|’|′|menit|"
    r"min)?\s?(?:[\dlIO]{1,2}(?:[.,]\d+)?)?\s?(?:\"|”|″|''|detik)?\s?(?:L[S5]|L[UV]|[B8]T|BB|S|N|E|W)?(?![^\W_])",
    re.IGNORECASE,
)
_HEMISPHERE = re.compile(
    r"(?<![^\W_])(?:LS|LU|BT|S|N|E)\s?\d{1,3}[.,]\d{3,}(?!\d)|(?<!\d)\d{1,3}[.,]\d{3,}\s?°?\s?(?:L[S5]|L[UV]|[B8]T)(?![^\W_])",
    re.IGNORECASE,
)
_POINT_NAME_END = re.compile(r"\b(?:lat(?:itude)?|lintang|l[su]|[sn])\W{0,3}$", re.IGNORECASE)
# Degrees, minutes and seconds without their signs: "0 30 7.6 LS", "S 01 15.923".
_SIGNLESS = re.compile(
    r"(?<![\w.])(?:\d{1,3}(?:[ .]\d{1,2}){1,2}(?:[.,]\d+)?\s?(?:L[S5]|L[UV]|[B8]T)(?![^\W_])|"
    r"(?:LS|LU|BT|S|N|E)\s?\d{1,3} \d{1,2}(?: \d{1,2})?[.,]\d{1,4}(?!\d))",
    re.IGNORECASE,
)
_UTM = re.compile(
    r"(?<![^\W_])(?:(?:4[6-9]|5[0-4]) ?[L-P] )?\d{6}(?:[.,]\d+)?(?: ?m?[TE]?[ ,;/]+)\d{7}(?!\d)", re.IGNORECASE
)
_FRACTION = re.compile(r"\d\s?[.,]\s?\d{4}")
_MONEY = re.compile(r"rp[ .]*$")
_POINT_NAMES = _folded("lat latitude lintang long longitude lng bujur koordinat ls lu bt titik")
_PLUS_CODE = re.compile(r"(?<![^\W_])[23456789CFGHJMPQRVWX]{4,8}\+[23456789CFGHJMPQRVWX]{2,3}(?![^\W_])", re.IGNORECASE)


class CoordinatesRecognizer(IndonesianRecognizer):
    """Points written in text: a pair of decimals, degrees and minutes, LS/BT, a plus code."""

    ENTITY = "COORDINATES"

    def hits(self, document: Document) -> Iterable[Hit]:
        text = document.numerals
        # Three decimals are an amount of money more often than a point, unless the text speaks of points.
        if document.words & _POINT_NAMES or _FRACTION.search(text):
            # "LS131.07" reads like a number that begins with its letters: the text as it stands is read too.
            sources = (text,) if text is document.text else (text, document.text)
            for match in itertools.chain.from_iterable(map(_PAIR.finditer, sources)):
                first, second = _degrees(match["first"]), _degrees(match["second"])
                is_inside = (abs(first) <= 15 and 90 <= abs(second) <= 145) or (
                    abs(second) <= 15 and 90 <= abs(first) <= 145
                )
                if is_inside and not _MONEY.search(document.lower, max(0, match.start() - 5), match.start()):
                    named = _POINT_NAME_END.search(text, max(0, match.start() - 12), match.start())
                    yield Hit(named.start() if named else match.start(), match.end(), CERTAIN, "pair")
            if document.words & _POINT_NAMES:
                for match in _ONE.finditer(text):
                    yield Hit(*match.span("value"), LABELLED, "label")
                for match in _HEMISPHERE.finditer(text):
                    yield Hit(*match.span(), SHAPED, "hemisphere")
                for match in _SIGNLESS.finditer(text):
                    yield Hit(*match.span(), SHAPED, "hemisphere")
        if "utm" in document.words or "vtm" in document.words:
            for match in _UTM.finditer(text):
                yield Hit(*match.span(), SHAPED, "utm")
        if "°" in text or "º" in text or "deg" in document.lower or "deraj" in document.lower:
            for match in _DEGREES.finditer(text):
                yield Hit(*match.span(), LABELLED, "degrees")
        if "+" in text:
            for match in _PLUS_CODE.finditer(text):
                yield Hit(*match.span(), SHAPED, "plus code")


def _degrees(text: str) -> float:
    return float(re.sub(r"\s", "", text).translate(_AS_NUMBER))
