"""Ways to reach a person: telephones, e-mail, names on social media."""

from __future__ import annotations

import re
from collections.abc import Iterable

import phonenumbers

from ingestion.minimise.recognizers.base import CERTAIN, LABELLED, LIKELY, SHAPED, Hit, IndonesianRecognizer
from ingestion.minimise.recognizers.document import Document, Number
from ingestion.minimise.recognizers.labels import fold

_FOREIGN = re.compile(r"(?:\+|(?<!\d)00)[1-9]\d{0,2}(?:[ .\-]?\(?\d{1,5}\)?){2,5}")
_AREA = re.compile(r"\(0\d{2,3}\)\s?\d{3,4}[ .\-]?\d{2,5}(?!\d)")
_MOBILE = re.compile(r"(?:(?:\+|00)?62\D{0,2}0?|0)8[1-9]\d{6,11}|8[1-9]\d{7,10}")


class IndonesianPhoneRecognizer(IndonesianRecognizer):
    """Telephone numbers: mobile from 08 or +62, land lines with their area, any number after a label.

    The rules of `phonenumbers` raise the score; lists of operators' prefixes are always out of date.
    """

    ENTITY = "PHONE"

    def hits(self, document: Document) -> Iterable[Hit]:
        text = document.numerals
        for number in document.numbers:
            if not number.is_money:
                yield from self._number(number, text)
        if "+" in text or "00" in text:
            for match in _FOREIGN.finditer(text):
                if 8 <= sum(map(str.isdigit, match[0])) <= 15:
                    yield Hit(*match.span(), CERTAIN if _exists(match[0]) else SHAPED, "international")
        if "(0" in text:
            for match in _AREA.finditer(text):
                yield Hit(*match.span(), LABELLED, "area")

    def _number(self, number: Number, text: str) -> Iterable[Hit]:
        is_named = self.ENTITY in number.labels[:2]
        for first, group in enumerate(number.groups):
            found = _mobile(number, first, text, is_named)
            if found:
                end, digits = found
                start = group.start - 1 if text[group.start - 1 : group.start] == "+" else group.start
                yield Hit(start, end, CERTAIN if is_named or _exists(digits) else SHAPED, "mobile")
                return
        if is_named and not number.is_date and len(number.digits) >= 5:
            start = number.start
            while start and text[start - 1] in "+(":
                start -= 1
            yield Hit(start, number.end, SHAPED, "label")
        elif len(number.groups) == 2 and number.gap in ("-", " - ") and 9 <= len(number.digits) <= 12:
            area = number.groups[0].digits
            if area.startswith("0") and 3 <= len(area) <= 4:
                yield Hit(number.start, number.end, LIKELY, "land line")


def _mobile(number: Number, first: int, text: str, is_named: bool) -> tuple[int, str] | None:
    """(end, digits) of the mobile number that begins with a number's group `first`, if one does."""
    found = None
    joined = ""
    if not number.groups[first].digits.startswith(("0", "62", "8")):
        return None
    for group in number.groups[first:]:
        joined += group.digits
        if len(joined) > 15:
            break
        if _MOBILE.fullmatch(joined) and (is_named or not joined.startswith("8")):
            found = group.end, joined
            # A number of full length ends here, unless it goes on without a space.
            if len(joined) >= 11 and len(group.digits) > 1 and text[group.end : group.end + 1].isspace():
                break
    return found


def _exists(digits: str) -> bool:
    try:
        return phonenumbers.is_valid_number(phonenumbers.parse(digits, "ID"))
    except phonenumbers.NumberParseException:
        return False


_HOSTS = r"gmail|yahoo|ymail|hotmail|outlook|rocketmail|icloud|live|proton(?:mail)?|mail"
_SIGN = re.compile(r"\s?(?:@|\(at\)|\[at\]|\bat\b)\s?", re.IGNORECASE)
_LOCAL = re.compile(r"[\w.+%\-]+$")
_HOST = re.compile(r"[\w\-]+(?:\s?(?:\.|\[dot\]|\(dot\)|,(?=com|co|id))\s?[a-z0-9][\w\-]*){1,4}", re.IGNORECASE)
_KNOWN_HOST = re.compile(rf"(?:{_HOSTS})[ .]?(?:com|co\.?id|id|net|org)?(?![^\W_])", re.IGNORECASE)


class IndonesianEmailRecognizer(IndonesianRecognizer):
    """E-mail addresses, also with spaces around the sign, or spelt (at), [dot]."""

    ENTITY = "EMAIL"

    def hits(self, document: Document) -> Iterable[Hit]:
        text = document.text
        if "@" not in text and "at" not in document.words:
            return
        for sign in _SIGN.finditer(text):
            local = _LOCAL.search(text, max(0, sign.start() - 70), sign.start())
            if not local:
                continue
            host = _HOST.match(text, sign.end())
            # "akun fb nya @riko.jual": a handle, unless what follows is a host of mail or ends like one.
            if sign[0] == " @" and host and not _KNOWN_HOST.match(text, sign.end()) and not _TOP_END.search(host[0]):
                continue
            if host and (
                sign[0].strip() == "@" or "(" in sign[0] or "[" in sign[0] or _KNOWN_HOST.match(text, sign.end())
            ):
                yield Hit(local.start(), _without_next_sentence(text, local.start(), host.end()), CERTAIN, "address")
            elif not host and (known := _KNOWN_HOST.match(text, sign.end())):
                yield Hit(local.start(), known.end(), SHAPED, "known host")


_TOP = re.compile(
    r"\.(?:com|co\.id|go\.id|ac\.id|or\.id|sch\.id|my\.id|web\.id|id|net|org|info|biz)(?=\.\s?[^\W\d_]|\s|$)",
    re.IGNORECASE,
)


_TOP_END = re.compile(r"\.(?:com|id|net|org|info|biz|gov|edu)$", re.IGNORECASE)


def _without_next_sentence(text: str, start: int, end: int) -> int:
    """A missing space must not draw the next sentence in: "a@b.com. Pelapor"."""
    top = _TOP.search(text, start, min(len(text), end + 1))
    return top.end() if top and top.end() < end else end


_HANDLE = re.compile(
    r"(?i:(?<![\w.@])|(?<=ig)|(?<=fb)|(?<=akun)|(?<=tok)|(?<=gram)|(?<=book))@\s?[A-Za-z0-9_](?:[A-Za-z0-9_.]{1,28}[A-Za-z0-9_])(?!\s?@)"
)
# Any address of a page: whose it is cannot be told from its host, which may be misread.
_PROFILE = re.compile(
    r"(?:https?\s?:\s?//\s?(?:www\s?\.\s?)?|www\.\s?)?[\w\-]+\s?\.\s?(?:c[o0]m|me|net|co(?:\.id)?|id|ly|"
    r"gl)\s?/\s?[\w.@/?=&%\-]*[\w/]|https?://\S+",
    re.IGNORECASE,
)
_SERVICE = (
    r"(?:instagram|insta|\big|\bfb|facebook|face ?book|tik ?tok|tiktok|twitter|telegram|tele|michat|mi ?chat|"
    r"line|youtube|snapchat|threads|"
    r"discord|shopee|tokopedia|olx|lazada|bigo|steam|medsos|media sosial|sosmed)"
)
_NAMED = re.compile(
    rf"(?:(?<![^\W_])(?:akun\s)?{_SERVICE}|(?<![^\W_])(?:user ?name|user ?id|id ?line|nick ?name|nama (?:akun|pengguna|"
    rf"user)|akun))\b"
    r"(?P<between>[\s:;=.,\"'“(]{1,4}(?:(?:a\.?n\.?|an|atas nama|bernama|nama|dengan nama|dgn nama|akun|user|"
    r"username|id|dengan|milik|pelaku|korban|terlapor|pelapor)[\s.:\"'“]{1,3}){0,3})"
    r"(?P<name>@?[\w.\-]{3,32})",
    re.IGNORECASE,
)
_QUOTED = re.compile(rf"(?:akun|{_SERVICE})\b[^\"“”\n]{{0,40}}[\"“](?P<name>[^\"“”\n]{{2,40}})[\"”]", re.IGNORECASE)


_SERVICE_WORDS = frozenset(
    map(
        fold,
        [
            "instagram",
            "insta",
            "ig",
            "fb",
            "facebook",
            "face",
            "tik",
            "tiktok",
            "twitter",
            "telegram",
            "tele",
            "michat",
            "mi",
            "line",
            "youtube",
            "snapchat",
            "threads",
            "discord",
            "shopee",
            "tokopedia",
            "olx",
            "lazada",
            "bigo",
            "steam",
            "medsos",
            "sosial",
            "sosmed",
            "username",
            "user",
            "akun",
            "nick",
            "nickname",
            "pengguna",
        ],
    )
)


class SocialRecognizer(IndonesianRecognizer):
    """Names on social media: @handle, a profile's address, what follows the name of a service."""

    ENTITY = "SOCIAL"

    def hits(self, document: Document) -> Iterable[Hit]:
        text, lower = document.text, document.lower
        if "@" in text:
            for match in _HANDLE.finditer(text):
                yield Hit(*match.span(), LABELLED, "handle")
        if "/" in text and (
            "com" in lower or "c0m" in lower or "http" in lower or "me/" in lower or "www" in lower or ".id/" in lower
        ):
            for match in _PROFILE.finditer(text):
                yield Hit(*match.span(), CERTAIN, "profile")
        for match in _NAMED.finditer(text) if document.words & _SERVICE_WORDS else ():
            name = match["name"]
            # A dot, a line or a digit inside marks a handle; a plain word may be any word.
            if re.search(r"[a-zA-Z][._\-]?\d|[a-zA-Z0-9][._][a-zA-Z0-9]|^@|_", name) and not re.fullmatch(
                r"\d+[.\-]?\d*", name
            ):
                end = match.end("name")
                while text[end - 1] in ".-":
                    end -= 1
                yield Hit(match.start("name"), end, SHAPED, "service")
        if '"' in text or "“" in text:
            for match in _QUOTED.finditer(text):
                yield Hit(*match.span("name"), SHAPED, "quoted")
