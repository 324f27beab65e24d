"""Accounts at banks and wallets, cards, and the IMEI of a telephone."""

from __future__ import annotations

import re
from collections.abc import Iterable

from ingestion.minimise.recognizers import validity
from ingestion.minimise.recognizers.base import FAINT, LABELLED, LIKELY, SHAPED, Hit, NumberRecognizer
from ingestion.minimise.recognizers.document import Document

# Wallets of crypto-assets: hexadecimal (Ethereum), base 58 and bech32 (Bitcoin), base 58 with T (Tron).
_WALLET = re.compile(
    r"(?<![^\W_])(?:0x[0-9a-f]{40}|bc1[0-9a-z]{25,59}|[13T](?=[a-z]*\d)[0-9a-z]{25,34})(?![^\W_])", re.IGNORECASE
)
_LONG = re.compile(r"[0-9A-Za-z]{26}")
_MAC = re.compile(r"(?<![^\W_])(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}(?![^\W_])", re.IGNORECASE)


class AccountRecognizer(NumberRecognizer):
    """A bank or e-wallet account, a card, a virtual account; a long number that nothing else explains is likely one."""

    ENTITY = "ACCOUNT"
    LENGTHS = frozenset(range(8, 20))
    BARE = frozenset({9, 10, 11, 12, 14, 17, 19, 20, 21, 22, 23, 24})

    def is_valid(self, digits: str) -> bool:
        """Cards (16 digits or 19) pass Luhn; an account number has no rule that all banks share."""
        return len(digits) in (16, 19) and validity.luhn(digits)

    def hits(self, document: Document) -> Iterable[Hit]:
        yield from super().hits(document)
        for number in document.numbers:
            # Split by spaces, dots or slips, and yet long: no amount, date or time has thirteen digits.
            if len(number.digits) >= 13 and not number.is_money:
                yield Hit(number.start, number.end, LIKELY if _is_even(number.groups) else FAINT, "long")
        if _LONG.search(document.text):
            for match in _WALLET.finditer(document.text):
                yield Hit(*match.span(), SHAPED, "wallet")


class ImeiRecognizer(NumberRecognizer):
    """International Mobile Equipment Identity: 15 digits with a Luhn check; also a device's address in its network."""

    ENTITY = "IMEI"
    LENGTHS = frozenset({14, 15, 16})
    BARE = frozenset({15})
    is_valid = staticmethod(validity.imei)

    def hits(self, document: Document) -> Iterable[Hit]:
        yield from super().hits(document)
        if document.text.count(":") + document.text.count("-") >= 5:
            for match in _MAC.finditer(document.text):
                yield Hit(*match.span(), LABELLED, "network address")


def _is_even(groups: tuple[tuple[int, int, str], ...]) -> bool:
    """Groups of one or two lengths, none of them a time or a day beside a year."""
    return len({len(digits) for *_, digits in groups}) <= 2 and len(groups) >= 3
