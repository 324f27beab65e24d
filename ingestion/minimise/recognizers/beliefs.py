"""Religion and ethnicity, where they are said of a person (UU 27/2022 and equality alike keep them out)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ingestion.minimise.recognizers.base import CERTAIN, FAINT, LABELLED, LIKELY, Hit, IndonesianRecognizer
from ingestion.minimise.recognizers.document import Document
from ingestion.minimise.recognizers.labels import fold

_FAITHS = (
    r"[i1l][s5][l1i]am|muslim(?:ah)?|kr[i1l][s5]ten(?: protestan)?|prote[s5]tan|kato[l1i][i1l]k|nasrani|"
    r"h[i1l]ndu|bud+h?a|k[o0]ng ?hu ?[ct]h?u|khonghucu|advent|kejawen|kaharingan|penghayat(?: kepercayaan)?|"
    r"yahudi|ateis|atheis"
)
_LABELLED_FAITH = re.compile(
    rf"(?<![^\W_])(?:agama|be[rf]agama|agm|[a4]gama|memeluk|pemeluk|penganut|religi|keyakinan|agamanya|umat|"
    rf"jemaat)(?!nya|an)\W{{0,4}}(?:(?:agama|adalah|yaitu)\W+)?(?P<name>(?:{_FAITHS}|[a-z0158|"
    rf"]{{4,}})(?:\W?prot[a-z]+)?)",
    re.IGNORECASE,
)
_LISTED_FAITH = re.compile(rf"(?<=[,;/|])\s?(?P<name>{_FAITHS})(?=\s?[,;/|.])", re.IGNORECASE)
_BELIEVER = re.compile(r"(?<![^\W_])(?:muslim(?:ah)?|mualaf|nasrani|non ?muslim)(?![^\W_])", re.IGNORECASE)
_NOT_FAITH = frozenset(
    [
        "yang",
        "dan",
        "atau",
        "adalah",
        "tersebut",
        "sama",
        "lain",
        "islamnya",
        "antar",
        "apa",
        "dalam",
        "pada",
        "untuk",
    ]
)

_PEOPLES = [
    "jawa", "sunda", "batak", "toba", "karo", "mandailing", "simalungun", "minang", "minangkabau", "melayu", "bugis",
    "makassar", "mandar", "toraja", "banjar", "dayak", "kenyah", "kayan", "kutai", "paser", "pasir", "tidung",
    "betawi", "madura", "bali", "sasak", "sumbawa", "bima", "flores", "timor", "rote", "sumba", "ambon", "maluku",
    "ternate", "tidore", "papua", "asmat", "dani", "biak", "gorontalo", "minahasa", "manado", "sangir", "buton",
    "muna", "tolaki", "kaili", "pamona", "aceh", "gayo", "alas", "nias", "lampung", "komering", "rejang",
    "palembang", "serawai", "kerinci", "jambi", "tionghoa", "cina", "china", "arab", "india", "osing", "tengger",
    "baduy", "badui", "bajau", "bajo", "tunjung", "benuaq", "bahau", "modang", "punan", "iban", "ngaju", "maanyan",
    "lundayeh", "bulungan", "berau", "wajo", "bone", "selayar", "enrekang", "duri", "luwu",
]  # fmt: skip
# Letters that are mistaken for digits may be digits.
_PEOPLE = "|".join(
    re.sub("[ilosb]", lambda m: {"i": "[i1l|]", "l": "[l1i|]", "o": "[o0]", "s": "[s5]", "b": "[b8]"}[m[0]], people)
    for people in sorted(_PEOPLES, key=len, reverse=True)
)
_LABELLED_PEOPLE = re.compile(
    rf"(?<![^\W_])(?:suku(?: ?bangsa)?|s[uv]k[uv]|etnis|etnik|keturunan|bersuku|sukunya|ras|marga|warga "
    rf"keturunan|berdarah)(?!nya)\W{{0,4}}(?:(?:adalah|yaitu|asli|bangsa)\W+)?(?P<name>(?:{_PEOPLE})(?:[ "
    rf"\-](?:{_PEOPLE}))?(?![^\W_])|[a-z0158|]{{4,}})",
    re.IGNORECASE,
)
_CALLED_PEOPLE = re.compile(
    rf"(?<![^\W_])(?:orang|asli|logat|berlogat|dialek|aksen|beraksen)\W{{1,2}}(?:suku\W|"
    rf"logat\W)?(?P<name>{_PEOPLE})(?![^\W_])",
    re.IGNORECASE,
)
_LISTED_PEOPLE = re.compile(rf"(?<=[,;/|])\s?(?P<name>{_PEOPLE})(?=\s?[,;/|])", re.IGNORECASE)
_NOT_PEOPLE = frozenset(["cadang", "bunga", "yang", "dan", "atau", "adalah", "tersebut", "kata", "dinas"])


def _folded(words: str) -> frozenset[str]:
    return frozenset(map(fold, words.split()))


_FAITH_LABELS = _folded("agama beragama beragama agm memeluk pemeluk penganut religi keyakinan agamanya umat jemaat")
_FAITH_WORDS = _folded(
    "islam muslim muslimah kristen protestan katolik nasrani hindu budha buddha konghucu khonghucu kong advent "
    "kejawen kaharingan penghayat yahudi ateis atheis mualaf non"
)
_PEOPLE_LABELS = _folded("suku sukubangsa etnis etnik keturunan bersuku sukunya ras marga warga berdarah")
_PEOPLE_WORDS = _folded(" ".join(_PEOPLES))


_ITEM = re.compile(r"(?:^|[,;:(/\n])\s{0,2}$")


def _told(document: Document, match: re.Match[str]) -> float:
    """In a record a label is enough; in prose that is none, peoples and faiths are spoken of in general, unless as an
    item of a list."""
    if document.is_record:
        return CERTAIN
    return LIKELY if _ITEM.search(document.text, max(0, match.start() - 4), match.start()) else FAINT


class ReligionRecognizer(IndonesianRecognizer):
    """A person's religion: after its label, or as an item of the list that identifies a person."""

    ENTITY = "RELIGION"

    def hits(self, document: Document) -> Iterable[Hit]:
        words = document.words
        for match in _LABELLED_FAITH.finditer(document.text) if words & _FAITH_LABELS else ():
            if match["name"].lower() not in _NOT_FAITH:
                yield Hit(*match.span("name"), _told(document, match), "label")
        if not words & _FAITH_WORDS:
            return
        for match in _LISTED_FAITH.finditer(document.text):
            yield Hit(*match.span("name"), LABELLED, "list")
        for match in _BELIEVER.finditer(document.text):
            yield Hit(*match.span(), LIKELY if document.is_record else FAINT, "word")


class EthnicityRecognizer(IndonesianRecognizer):
    """A person's people: after "suku", "etnis", "keturunan", or as an item of the list that identifies a person."""

    ENTITY = "ETHNICITY"

    def hits(self, document: Document) -> Iterable[Hit]:
        words = document.words
        for match in _LABELLED_PEOPLE.finditer(document.text) if words & _PEOPLE_LABELS else ():
            if match["name"].lower() not in _NOT_PEOPLE:
                yield Hit(*match.span("name"), _told(document, match), "label")
        if not words & _PEOPLE_WORDS:
            return
        for match in _CALLED_PEOPLE.finditer(document.text):
            yield Hit(*match.span("name"), LIKELY if document.is_record else FAINT, "people")
        for match in _LISTED_PEOPLE.finditer(document.text):
            yield Hit(*match.span("name"), LIKELY, "list")
