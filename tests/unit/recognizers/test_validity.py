"""Rules of the digits, against vectors worked out by hand."""

from __future__ import annotations

import pytest

from ingestion.minimise.recognizers import validity


@pytest.mark.parametrize(
    ("digits", "valid"),
    [
        ("79927398713", True),  # the example of Luhn's patent as it is always given
        ("79927398710", False),
        ("012345674", True),  # 5+6+1+4+6+2+2+0 = 26, so the ninth is 4
        ("012345675", False),
        ("", False),
    ],
)
def test_luhn(digits: str, valid: bool) -> None:
    assert validity.luhn(digits) is valid


@pytest.mark.parametrize(
    ("digits", "valid"),
    [
        ("6471051204900003", True),  # East Kalimantan, Balikpapan, 12 April 1990, the third of the day
        ("6471055204900003", True),  # a woman: 52 - 40 = 12
        ("6471057504900003", False),  # 75 - 40 = 35, no day
        ("6471053102900001", False),  # 31 February
        ("6471052902000001", True),  # 29 February 2000
        ("6471052902010001", False),  # neither 1901 nor 2001 was a leap year
        ("9971051204900003", False),  # no province 99
        ("6400051204900003", False),  # no regency 00
        ("6471051204900000", False),  # serials begin at 0001
        ("647105120490003", False),  # fifteen digits
    ],
)
def test_nik(digits: str, valid: bool) -> None:
    assert validity.nik(digits) is valid


def test_a_family_card_has_no_day_above_31() -> None:
    assert validity.kk("6471051204100003")
    assert not validity.kk("6471055204100003")


@pytest.mark.parametrize(
    ("digits", "valid"),
    [
        ("012345674711000", True),
        ("012345675711000", False),
        ("0012345674711000", True),  # sixteen: a zero before the fifteen
        ("6471051204900003", True),  # sixteen: a NIK
        ("1012345674711000", False),
    ],
)
def test_npwp(digits: str, valid: bool) -> None:
    assert validity.npwp(digits) is valid


@pytest.mark.parametrize(
    ("digits", "valid"),
    [
        ("198506122010011002", True),  # born 12 June 1985, since January 2010, a man, the second
        ("198513122010011002", False),  # month 13
        ("198506122010013002", False),  # sex 3
        ("198506122010221002", False),  # appointed in month 22
    ],
)
def test_nip(digits: str, valid: bool) -> None:
    assert validity.nip(digits) is valid


def test_nrp_bpjs_and_imei() -> None:
    assert validity.nrp("85061234")
    assert not validity.nrp("85131234")
    assert validity.bpjs("0001234567890")
    assert not validity.bpjs("1231234567890")
    assert validity.imei("490154203237518")  # the GSM Association's example
    assert not validity.imei("490154203237519")
