"""What the police number: reports and letters, officers (NRP) and civil servants (NIP)."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ingestion.minimise.recognizers import validity
from ingestion.minimise.recognizers.base import CERTAIN, LIKELY, SHAPED, Hit, IndonesianRecognizer, NumberRecognizer
from ingestion.minimise.recognizers.document import Document
from ingestion.minimise.recognizers.labels import fold

_SLIPS = {"i": "[i1l]", "l": "[l1i]", "o": "[o0]", "s": "[s5]"}
_KINDS = r"[l1i]p(?:[- ]?[abmk])?|sprin[a-z.]{0,8}|b/?p|" + re.sub(
    "[ilos]",
    lambda letter: _SLIPS[letter[0]],
    "stpl|sttlp|sttp|stplp|stplkb|lapdu|lapeng|spdp|sp[. ]?(?:sidik|lidik|kap|han|gas|dik|sita|geledah|lit)|bap|tbl|"
    "sktlk|sktlp|sp2hp|skck|li|lpm|springas|sgas|r|surat|nomor|no",
)
# A kind, then parts between slashes; the last part may be a unit of several words ("POLDA KALIMANTAN TIMUR").
_REPORT = re.compile(
    rf"(?:(?<![^\W_])|(?<=aporan)|(?<=ap0ran)|(?<=aporam)|(?<=omor)|(?<=0mor)|(?<=0m0r)|(?<=\bno)|(?<=nno))"
    rf"(?P<kind>{_KINDS})"
    rf"[. :]{{0,3}}(?:nomor|no)?[. :]{{0,3}}(?:[/\-]\s?)?\s?[\w.\-]+"
    rf"(?P<rest>(?:\s?[/\\]\s?[\w.\-]+(?:\s[A-Za-z]+){{0,3}}(?=\s?[/\\])|"
    rf"\s?[/\\]\s?[\w.\-]+){{2,}})"
    r"(?P<unit>(?:\s(?:res|resor|resta|restabes|metro|sektor|sek|kota|kab|kec|besar|timur|barat|utara|selatan|tengah|"
    r"jawa|kalimantan|sulawesi|sumatera|sumatra|papua|kaltim|kalsel|kaltara|kalbar|kalteng|jatim|jabar|jateng|"
    r"sulsel|sumut|sumbar|"
    r"bali|banten|aceh|riau|lampung|jambi|bengkulu|maluku|ntb|ntt|diy|jaya|smd|bpp|btg|kukar|kutim|kubar|ppu)\b)*)",
    re.IGNORECASE,
)
_INNER = re.compile(r"(?:nomor|no|surat)[. :]+(?=[a-z]{2,6}[. ]?\w{0,6}\s?[/\-.])", re.IGNORECASE)
_ROMAN = re.compile(r"[/\\]\s?(?:x[i1l]{0,2}|[i1l]{1,3}|[i1l]?v[i1l]{0,3}|[i1l]x)\s?[/\\]", re.IGNORECASE)
_DIGITS = re.compile(r"\d")
_UNIT_END = re.compile(
    r"(?:/|^)\s?(?:p[o0][l1][s5][ec]k\w*|p[o0][l1]r[ec][s5]\w*|p[o0][l1]da\w*|[s5]ek|sektor|res|resta|resort?)$",
    re.IGNORECASE,
)
_NEXT_NAME = re.compile(r"\s[A-Za-z0158][A-Za-z0158]+")


class ReportNumberRecognizer(IndonesianRecognizer):
    """Number of a police report or letter: LP/B/123/IV/2024/SPKT/POLRES ... and its kin."""

    ENTITY = "REPORT_NUMBER"

    def hits(self, document: Document) -> Iterable[Hit]:
        text = document.text
        if text.count("/") + text.count("\\") < 2:
            return
        begin = min(at for at in (text.find("/"), text.find("\\")) if at >= 0)
        for match in _REPORT.finditer(text, max(0, begin - 60)):
            whole = match[0]
            parts = whole.count("/") + whole.count("\\")
            is_generic = match["kind"].lower() in ("nomor", "no", "surat", "li", "b/p", "r")
            has_month = bool(_ROMAN.search(whole))
            if not _DIGITS.search(whole) or (is_generic and not has_month):
                continue
            start, end = match.span()
            inner = _INNER.match(whole)
            if inner:
                start += inner.end()
            # "POLRES" ends a part: the name of the place belongs to it.
            while _UNIT_END.search(text[start:end]):
                name = _NEXT_NAME.match(text, end)
                if not name:
                    break
                end = name.end()
            while text[end - 1] in ".-":
                end -= 1
            yield Hit(start, end, CERTAIN if has_month and parts >= 3 else SHAPED, "slashes")


_RANKS = frozenset(
    fold(word)
    for word in (
        *("bharada", "bharatu", "bharaka", "abripda", "bripda", "briptu", "brigpol", "brigadir", "bripka"),
        *("aipda", "aiptu", "ipda", "iptu", "akp", "kompol", "akbp", "kombes"),
    )
)


class NrpRecognizer(NumberRecognizer):
    """Nomor Registrasi Pokok: eight digits of the police, also in two fours behind a rank; soldiers' are longer."""

    ENTITY = "NRP"
    LENGTHS = frozenset({8})
    BARE = frozenset({8})
    is_valid = staticmethod(validity.nrp)

    def hits(self, document: Document) -> Iterable[Hit]:
        yield from super().hits(document)
        if document.words & _RANKS:
            # "Bripka Andi / 8506 1234"
            for number in document.numbers:
                if (
                    number.gap == " "
                    and len(number.groups) == 2
                    and number.longest == 4
                    and self.is_valid(number.digits)
                ):
                    yield Hit(number.start, number.end, LIKELY, "rank")


class NipRecognizer(NumberRecognizer):
    """Nomor Induk Pegawai: 18 digits (8 + 6 + 1 + 3), or nine of old."""

    ENTITY = "NIP"
    LENGTHS = frozenset({9, 18})
    BARE = frozenset({18})
    is_valid = staticmethod(validity.nip)
