"""Rules that an identifier's own digits keep. They say how sure a finding is, never whether it is one."""

from __future__ import annotations

import datetime as dt

# Province codes a NIK may begin with (Kemendagri): 11-21 Sumatra, 31-36 Java, 51-53 Bali and Nusa Tenggara,
# 61-65 Kalimantan, 71-76 Sulawesi, 81-82 Maluku, 91-97 Papua (91, 92 and 94 before the provinces of 2022).
PROVINCES = frozenset(
    {*range(11, 20), 20, 21, *range(31, 37), *range(51, 54), 54, *range(61, 66), *range(71, 77), 81, 82, *range(91, 98)}
)


def luhn(digits: str) -> bool:
    """Whether the digits pass the check of ISO/IEC 7812 (Luhn): cards, IMEI, the first nine of an NPWP."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = ord(digit) - 48
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return bool(digits) and total % 10 == 0


def is_date(day: int, month: int, year: int) -> bool:
    """Whether such a day exists; a year of two digits may be of either century."""
    for whole in (year,) if year > 99 else (1900 + year, 2000 + year):
        try:
            dt.date(whole, month, day)
        except ValueError:
            continue
        return True
    return False


def nik(digits: str) -> bool:
    """Province, regency and district not zero, birth date (day + 40 for women), serial from 0001.

    Codes of regencies and districts are not looked up: a NIK keeps the code of its first registration, also one that
    is gone from today's list.
    """
    if len(digits) != 16 or int(digits[:2]) not in PROVINCES or "00" in (digits[2:4], digits[4:6]):
        return False
    day = int(digits[6:8])
    return is_date(day - 40 if day > 40 else day, int(digits[8:10]), int(digits[10:12])) and digits[12:] != "0000"


def kk(digits: str) -> bool:
    """A family card has a NIK's shape with the day of issue, which never has 40 added."""
    return nik(digits) and int(digits[6:8]) <= 31


def npwp(digits: str) -> bool:
    """15 digits whose ninth is the check of the first eight; or 16: a zero and those, or a NIK."""
    if len(digits) == 16:
        return npwp(digits[1:]) if digits[0] == "0" else nik(digits)
    return len(digits) == 15 and luhn(digits[:9])


def nip(digits: str) -> bool:
    """A civil servant's 18 digits: birth date YYYYMMDD, YYYYMM of appointment, sex 1 or 2, serial of three."""
    if len(digits) != 18:
        return False
    born = is_date(int(digits[6:8]), int(digits[4:6]), int(digits[:4])) and 1900 < int(digits[:4]) < 2020
    return born and 1 <= int(digits[12:14]) <= 21 and digits[14] in "12"


def nrp(digits: str) -> bool:
    """A police officer's eight digits: YYMM of birth and a serial of four."""
    return len(digits) == 8 and 1 <= int(digits[2:4]) <= 12


def bpjs(digits: str) -> bool:
    """13 digits of the health insurance, which have begun with 000 since 2014; or 11 of the workers' insurance."""
    return (len(digits) == 13 and digits.startswith("000")) or len(digits) == 11


def imei(digits: str) -> bool:
    """15 digits with a Luhn check, or 16 (IMEISV) without one."""
    return (len(digits) == 15 and luhn(digits)) or len(digits) == 16
