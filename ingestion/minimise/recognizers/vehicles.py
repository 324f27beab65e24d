"""Vehicles: plates of every kind, frame and engine numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ingestion.minimise.recognizers.base import CERTAIN, FAINT, LABELLED, LIKELY, SHAPED, Hit, IndonesianRecognizer
from ingestion.minimise.recognizers.document import MIXED, Document
from ingestion.minimise.recognizers.labels import fold
from ingestion.minimise.recognizers.lexicon import is_common

# Area codes (Perpol 7/2021), with those still on the road from before.
AREAS = frozenset(
    [
        "A",
        "B",
        "D",
        "E",
        "F",
        "G",
        "H",
        "K",
        "L",
        "M",
        "N",
        "P",
        "R",
        "S",
        "T",
        "W",
        "Z",
        "AA",
        "AB",
        "AD",
        "AE",
        "AG",
        "BA",
        "BB",
        "BD",
        "BE",
        "BG",
        "BH",
        "BK",
        "BL",
        "BM",
        "BN",
        "BP",
        "DA",
        "DB",
        "DC",
        "DD",
        "DE",
        "DG",
        "DH",
        "DK",
        "DL",
        "DM",
        "DN",
        "DP",
        "DR",
        "DS",
        "DT",
        "DW",
        "EA",
        "EB",
        "ED",
        "KB",
        "KH",
        "KT",
        "KU",
        "PA",
        "PB",
        "PD",
        "PE",
        "PG",
        "PS",
        "PT",
        "PV",
        "PY",
    ]
)
CORPS = frozenset({"CD", "CC", "CH", "CN", "CS"})
# Short words that stand where a plate's last letters would.
_WORDS = frozenset(
    [
        "dan",
        "di",
        "ke",
        "yg",
        "yang",
        "dr",
        "ada",
        "ini",
        "itu",
        "utk",
        "dgn",
        "dg",
        "an",
        "rt",
        "rw",
        "kel",
        "kec",
        "no",
        "km",
        "jl",
        "gg",
        "wib",
        "wit",
        "pkl",
        "jam",
        "org",
        "cm",
        "kg",
        "gr",
        "gram",
        "thn",
        "th",
        "tgl",
        "bln",
        "hr",
        "rp",
        "pcs",
        "unit",
        "buah",
        "kali",
        "cc",
        "ml",
        "lbr",
        "bh",
        "ons",
        "ton",
        "ltr",
        "jt",
        "rb",
        "s",
        "d",
        "sd",
        "x",
        "m",
        "mm",
        "hp",
        "wa",
        "per",
        "atau",
        "dua",
        "jan",
        "feb",
        "mar",
        "apr",
        "mei",
        "jun",
        "jul",
        "agu",
        "sep",
        "okt",
        "nov",
        "des",
        "oleh",
        "pada",
        "ia",
        "dia",
        "saat",
        "lalu",
        "tsb",
        "sdr",
        "sdri",
        "bpk",
        "ibu",
        "pak",
        "bu",
        "tdk",
        "tlh",
        "vs",
        "sdh",
        "krn",
        "dkk",
        "serta",
        "juga",
        "hari",
        "usia",
        "umur",
    ]
)
_PLATE = re.compile(
    r"(?<![^\W_])(?P<area>[A-Z]{1,2}|[A-Z] [A-Z](?= ?\d))(?P<gap>[ .\-_]{0,3})(?P<number>[\dOIl|SB]{1,4})"
    r"(?:[ .\-_]{0,3}(?P<suffix>(?:[A-Z]{1,3}|[A-Z](?: [A-Z]){1,2}|[A-Z0-9]{2,3})(?![^\W_])))?(?!\d)",
    re.IGNORECASE,
)
_AREA_BEFORE = re.compile(r"(?<![^\W_])(?:[A-Za-z]{1,2}|[A-Za-z] [A-Za-z])[ .\-_]{0,3}[OIl|SB]{0,3}$")
_AREA_GLUED = re.compile(
    r"(?:p[l1][a4]t|n[o0]p[o0][l1]|p[o0][l1][i1l]s[i1l]|m[o0]t[o0]r|m[o0]b[i1l]l|truk|kendaraan)"
    r"(?P<area>[A-Z]{1,2})[ .\-_]{0,3}$",
    re.IGNORECASE,
)
_PLATE_GLUED = re.compile(_PLATE.pattern.removeprefix(r"(?<![^\W_])"), re.IGNORECASE)
# An area's letter read as a digit, where the text speaks of a vehicle: "motor 8K-9671-GH".
_SLIPPED_PLATE = re.compile(
    r"(?<![^\W_])(?:8[A-Z]?|1|[A-Z][80])[ .\-](?P<number>[\dOIl|SB]{2,4})[ .\-]?"
    r"(?P<suffix>[A-Z]{1,3})(?![^\W_])",
    re.IGNORECASE,
)
_TIGHT_AREA = re.compile(r"[A-Z]{1,2}[ .\-]?$")
# Tied to a word without a space: "motorKT1234AB", "KT1234ABmilik".
_TIGHT = re.compile(r"(?P<area>[A-Z]{1,2})(?P<gap>[ .\-]?)(?P<number>\d{3,4})(?P<suffix>[ .\-]?[A-Z]{1,3})(?![A-Z0-9])")
_TIED = re.compile(r"(?P<gap>[ .\-]?)(?P<word>[A-Z]{1,12})(?![^\W_])", re.IGNORECASE)
_MISREAD_END = re.compile(r"[ .\-][580](?!\w)")
_CORPS = re.compile(
    r"(?:(?<![^\W_])|(?<=[dD][iI1l][nN][aA][sS])|(?<=[pP][lL][aA][tT]))(?:CD|CC|CH|CN|CS)[ .\-]{0,2}"
    r"(?=[\dB]{0,2}\d|\dB)[\dB]{1,3}[ .\-]{1,3}\d[\dB]{0,3}(?!\d)",
    re.IGNORECASE,
)
_STATE = re.compile(r"(?:(?<![^\W_])|(?<=dinas)|(?<=mobil))R[Il1][ .\-]?\d[\dB]{0,2}(?![\d/])", re.IGNORECASE)
# The army, navy, air force and police number their vehicles with a unit: 1234-IX, 4512-07, VII 1234-20.
_UNIT = re.compile(
    r"(?:(?<![^\W_])[IVX]{1,6}[ .\-])?(?<![\d.,])\d[\dOBSIl|]{1,4}\s?[-–]\s?"
    r"(?:[IVXl1|]{1,6}|[\dOBSIl]{2})(?![\d/\-:])|"
    r"(?<![^\W_])[IVX]{1,5} \d{3,5}(?![\w/\-.:])",
    re.IGNORECASE,
)
# "K T 1 2 3 4 A B"
_SPACED = re.compile(
    r"(?<![^\W_])(?P<area>[A-Z](?: [A-Z])?)(?: [\dOIl|SBZ]){1,4}(?: [A-Z]){0,3}(?![^\W_])", re.IGNORECASE
)
_BEFORE = re.compile(
    r"(?:no[ .:]?pol\w*|n[o0]p[o0][l1i]\w*|polisi|\bp[e]?lat\w*|berplat\w*|tnkb|nrkb|noreg|registrasi|stnk\w*|"
    r"bpkb\w*|d[i1l][nm]as|tni|polri|pol)\W{0,5}(?:\w+\W+){0,2}$"
)
_VEHICLE = re.compile(
    r"(?<!air)(?:motor\w*|mobil\w*|kendaraan|ranmor|r-?[246]|roda (?:dua|empat|2|4)|truk|truck|bus|bis|pick ?up|angkot|"
    r"taksi|honda|yamaha|suzuki|"
    r"kawasaki|toyota|daihatsu|mitsubishi|beat|vario|scoopy|mio|nmax|pcx|aerox|avanza|xenia|innova|xpander|brio|"
    r"jazz|agya|ayla|calya|sigra|"
    r"l300|hilux|fortuner|pajero|vixion|revo|supra|jupiter|satria|ninja|klx|crf|genio|fazzio|hitam|putih|merah|"
    r"biru|silver|abu-abu|hijau)"
    r"\W{0,3}(?:[^\W\d]+\W+){0,4}$"
)


_CORPS_WORDS = frozenset(map(fold, map(str.lower, CORPS)))
_UNIT_WORDS = frozenset(
    map(
        fold,
        [
            "plat",
            "pelat",
            "platnya",
            "pelatnya",
            "dinas",
            "tnkb",
            "nrkb",
            "noreg",
            "registrasi",
            "tni",
            "polri",
            "pol",
            "nopol",
            "polisi",
            "stnk",
        ],
    )
)


class PlateRecognizer(IndonesianRecognizer):
    """Number plates: civil (area, 1-4 digits, 0-3 letters), of the state (RI n), of embassies, of army and police."""

    ENTITY = "PLATE"

    def hits(self, document: Document) -> Iterable[Hit]:
        text, lower = document.text, document.lower
        for match in self._candidates(document):
            score = _plate_score(match, lower)
            if score > FAINT:
                end = match.end()
                suffix = match["suffix"]
                if suffix and suffix.lower() in _WORDS and suffix.islower() and document.case == MIXED:
                    # "B 1234 dan": the next word.
                    end = match.end("number")
                elif suffix is None:
                    # The last letters may be tied to the next word: "KT 1234 ABmilik".
                    tied = _TIED.match(text, end)
                    misread = _MISREAD_END.match(text, end) if score == CERTAIN else None
                    if misread:
                        end = misread.end()
                    if tied and (tied["gap"] != " " or not is_common(tied["word"].lower())):
                        end = tied.end()
                yield Hit(match.start(), end, score, "area code")
        for start, end in document.digit_groups:
            area = _TIGHT_AREA.search(text, max(0, start - 3), start) if 2 < end - start < 6 else None
            tight = _TIGHT.match(text, area.start()) if area else None
            if not tight:
                continue
            is_apart = not text[: tight.start()][-1:].isupper() or not tight["gap"]
            if tight["area"] in AREAS and is_apart and tight["suffix"].strip(" .-").lower() not in _WORDS:
                yield Hit(*tight.span(), LIKELY, "no space")
        words = document.words
        for match in _CORPS.finditer(text) if words & _CORPS_WORDS else ():
            yield Hit(*match.span(), LABELLED, "corps")
        is_official = bool(words & _UNIT_WORDS) or "dinas" in lower
        for match in _STATE.finditer(text) if is_official or "rl" in words else ():
            if text[match.start() : match.start() + 2].isupper() or _BEFORE.search(
                lower[max(0, match.start() - 40) : match.start()]
            ):
                yield Hit(*match.span(), LABELLED, "state")
        last = -50
        for match in _UNIT.finditer(text) if is_official else ():
            # "1234-IX dan 12045-07": one of them is announced for both.
            if match.start() - last <= 6 or _BEFORE.search(lower[max(0, match.start() - 50) : match.start()]):
                last = match.end()
                yield Hit(*match.span(), LABELLED, "unit")
        for match in _SLIPPED_PLATE.finditer(text) if is_official or "motor" in lower or "mobil" in lower else ():
            before = lower[max(0, match.start() - 30) : match.start()]
            is_word = match["suffix"] in _WORDS and document.case == MIXED
            if not is_word and (_BEFORE.search(before) or _VEHICLE.search(before)):
                yield Hit(*match.span(), LIKELY, "area misread")
        for match in _SPACED.finditer(text) if is_official else ():
            if match["area"].upper().replace(" ", "") in AREAS:
                yield Hit(*match.span(), LABELLED, "letter by letter")

    @staticmethod
    def _candidates(document: Document) -> Iterable[re.Match[str]]:
        """Digits with an area's letters before them; looked for from the digits, of which a text has few."""
        text, last = document.text, -1
        for start, end in document.digit_groups:
            if end - start > 6:
                continue
            behind = text[max(0, start - 4) : start].rstrip(" .-_")
            if not (behind and behind[-1].isalpha()) and not text[start].isalpha():
                continue
            area = _AREA_BEFORE.search(text, max(0, start - 9), start)
            if (
                not area
                and start > 4
                and text[start - 5 : start - 3].isalnum()
                and (glued := _AREA_GLUED.search(text, max(0, start - 16), start))
            ):
                # "platKT 1234 AB": read from its area, as if a space stood before it.
                at = glued.start("area")
                match = _PLATE_GLUED.match(text, at) if at > last else None
                if match:
                    last = at
                    yield match
                    continue
            # "B1234" is one group: its letter reads as a digit too.
            is_area = area is not None and area[0].rstrip(" .-_").upper() in AREAS
            at = start if text[start].isalpha() and not is_area else area.start() if area else last
            match = _PLATE.match(text, at) if at > last else None
            if match:
                last = at
                yield match


def _plate_score(match: re.Match[str], lower: str) -> float:
    area, number, suffix = match["area"].upper().replace(" ", ""), match["number"], (match["suffix"] or "").lower()
    digits = sum(map(str.isdigit, number))
    # "pe1aku": a slip inside a word.
    if not digits or (digits == 1 and len(match[0]) > 1 and match[0].isalnum()):
        return 0.0
    # "R2", "R4": vehicles by their wheels.
    if area == "R" and number in ("2", "3", "4", "6"):
        return 0.0
    if area not in AREAS and (area.lower() in _WORDS or not (len(number) >= 3 or suffix)):
        return 0.0
    start = match.start()
    before = lower[max(0, start - 50) : start]
    is_named = bool(_BEFORE.search(before))
    if area not in AREAS:
        return SHAPED if is_named else 0.0
    if suffix in _WORDS and not (
        suffix in ("an", "s", "d", "m", "x")
        and len(number) >= 3
        and match.string[match.start("suffix") : match.end("suffix")].isupper()
    ):
        suffix = ""
    if is_named:
        return CERTAIN
    if suffix:
        return (
            SHAPED
            if digits >= 3 or len(area) == 2 or _VEHICLE.search(before)
            else LIKELY
            if match["area"].isupper()
            else FAINT
        )
    if _VEHICLE.search(before) and digits >= 2:
        return LIKELY
    return LIKELY if digits == 4 and len(area) == 2 and match["area"].isupper() else FAINT


# World Manufacturer Identifiers of Indonesia begin with MF-ML; a frame number has no I, O or Q, but slips do.
_FRAME = re.compile(r"(?<![^\W_])[A-Za-z0-9]{17}(?![^\W_])")
_WMI = re.compile(r"m[f-l]|[jl1-9][a-z0-9]|k[lmn]", re.IGNORECASE)
_SERIAL = re.compile(r"[eE][ \-]?\d{6}")
_LABEL = re.compile(
    r"(?:n[o0][kr][a4]\w*|nosin\w*|n[o0][s5][i1l]n\w*|rangka\w*|r4ngka|m[ec][s5][i1l][nm]\w*|\bvin|chass?is|sasis|"
    r"\bka|\bsin|no\.? ?mes|no\.? ?rang)\b\W{0,4}(?:(?:no|nomor|nya|adalah|yaitu|nihil)\W+){0,2}$"
)
_CODE = re.compile(
    r"(?<![^\W_])(?:[A-Z]{1,4}[-–./])?[A-Z0-9]*\d[A-Z0-9]*(?:\s?[-–/]\s?[A-Z0-9]+|\.[A-Z0-9]*\d[A-Z0-9]*| "
    r"[A-Z0-9]*\d[A-Z0-9]*)*(?![^\W_])",
    re.IGNORECASE,
)
_GLUED = re.compile(
    r"(?:rangka|m[ec][s5][i1l][nm]|noka|nosin)(?P<code>(?=[A-Z]*\d)[A-Z0-9]{2,17}(?:[ \-]\d{5,7})?)(?![^\W_])",
    re.IGNORECASE,
)
_CODE_ALONE = re.compile(r"(?<![^\W_])(?=[A-Z0-9]*[A-Z])[A-Z][A-Z0-9]{3,4}E[ \-]?\d{6,7}(?!\d)", re.IGNORECASE)


# What the book of a vehicle is numbered by: a letter and seven or eight digits.
_BOOK = re.compile(r"(?<![^\W_])[A-Z] ?[-–. ]? ?\d{7,8}(?!\d)", re.IGNORECASE)
_BOOK_LABEL = re.compile(r"(?:bpkb|stnk|faktur|stck)\W{0,4}(?:(?:no|nomor|nmr|seri|adalah|dengan)\W{0,3}){0,3}$")
_BOOK_WORDS = frozenset(map(fold, ("bpkb", "stnk", "faktur", "stck")))


class VehicleNumberRecognizer(IndonesianRecognizer):
    """Frame numbers (17 characters) and engine numbers (a code of the model and a serial)."""

    ENTITY = "VEHICLE_NUMBER"

    def hits(self, document: Document) -> Iterable[Hit]:
        text, lower = document.text, document.lower
        for match in _FRAME.finditer(text):
            digits = sum(map(str.isdigit, match[0]))
            if not 4 <= digits < 17:
                continue
            yield Hit(*match.span(), CERTAIN if _WMI.match(match[0]) else SHAPED, "frame")
        for match in _BOOK.finditer(document.numerals) if document.words & _BOOK_WORDS else ():
            if _BOOK_LABEL.search(lower[max(0, match.start() - 36) : match.start()]):
                yield Hit(*match.span(), LABELLED, "book")
        for match in _CODE_ALONE.finditer(text) if _SERIAL.search(text) else ():
            yield Hit(*match.span(), LIKELY, "engine")
        for end, kind in document.labels:
            if kind == self.ENTITY:
                code = _CODE.search(text, end, end + 50)
                if (
                    code
                    and sum(map(str.isdigit, code[0])) >= 4
                    and _LABEL.search(lower[max(0, code.start() - 36) : code.start()])
                ):
                    yield Hit(*code.span(), LABELLED, "label")
        if "rangka" in lower or "mesin" in lower or "noka" in lower or "nosin" in lower:
            for match in _GLUED.finditer(text):
                # Tied to its label: "nosinJFZ1E1123456".
                yield Hit(*match.span("code"), SHAPED, "label")
