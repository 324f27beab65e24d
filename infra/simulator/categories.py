"""What happens in Nusantara: offence codes, how often, when, where and who reports them.

Shares and profiles are plausible, not measured; they exist to be found again by the models, not to describe a city.
Articles: the old code (KUHP and its special laws) until 1 January 2026, UU 1/2023 for offences from 2 January 2026.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

NEW_CODE_FROM = np.datetime64("2026-01-02")


@dataclass(frozen=True)
class Offence:
    """One offence code of the police. Shares sum to about 100; `urban` is the exponent of a place's urbanity.

    `hours` and `week` name profiles below; `span` is the median of the hours between occurred-from and -to where the
    moment is unknown (0: it is always known); `places` and `modus` weigh codes.
    """

    code: str
    category: str
    share: float
    old_article: str
    new_article: str
    hours: str
    week: str = "flat"
    urban: float = 0.5
    officer: float = 0.02
    camera: float = 0.0
    span: float = 0.0
    places: tuple[tuple[str, float], ...] = (("JLN", 4), ("RMH", 3), ("TOKO", 1), ("LL", 1))
    modus: tuple[tuple[str, float], ...] = (("M99", 1),)


_HOME = (("RMH", 9), ("LL", 1))
_SHOPS = (("TOKO", 4), ("PSR", 3), ("RMH", 2), ("PRK", 1), ("IBD", 0.5), ("SKL", 0.5), ("PRY", 1))
_STREET = (("JLN", 8), ("PRK", 1), ("PSR", 1), ("TRM", 1))

OFFENCES: tuple[Offence, ...] = (
    Offence("BUNUH", "homicide", 0.2, "338 KUHP", "458 UU 1/2023", "night", "weekend", modus=(("M05", 3), ("M06", 1))),
    Offence("ANIRAT", "serious_assault", 2.5, "351 ayat (2) KUHP", "468 UU 1/2023", "night", "weekend",
            modus=(("M05", 3), ("M06", 2))),
    Offence("ANIAYA", "assault", 9.0, "351 KUHP", "466 UU 1/2023", "evening", "weekend", modus=(("M06", 5), ("M05",
        1))),
    Offence("KOSA", "sexual_violence", 1.2, "285 KUHP", "473 UU 1/2023", "night", places=_HOME, modus=(("M06", 1),)),
    Offence("KDRT", "domestic_violence", 3.5, "44 UU 23/2004", "44 UU 23/2004", "evening", "weekend", places=_HOME,
            modus=(("M06", 1),)),
    Offence("ANAK", "child_abuse", 1.8, "80 UU 35/2014", "80 UU 35/2014", "day", places=(("RMH", 6), ("SKL", 2))),
    Offence("TPPO", "trafficking", 0.2, "2 UU 21/2007", "455 UU 1/2023", "flat", officer=0.3, modus=(("M04", 1),)),
    Offence("CULIK", "kidnapping", 0.15, "328 KUHP", "450 UU 1/2023", "day", modus=(("M06", 1), ("M04", 1))),
    Offence("CURAS", "robbery", 3.0, "365 KUHP", "479 UU 1/2023", "night", "weekend", urban=0.9, places=_STREET,
            modus=(("M05", 3), ("M02", 3), ("M06", 2))),
    Offence("CURAT", "burglary", 11.0, "363 KUHP", "477 UU 1/2023", "late", span=7.0, places=(*_HOME, ("TOKO", 3),
        ("KTR", 1),
            ("PRY", 2), ("KBN", 1)), modus=(("M01", 8), ("M08", 1))),
    Offence("CURBIS", "theft", 20.0, "362 KUHP", "476 UU 1/2023", "day", urban=0.7, span=1.5, camera=0.01,
        places=_SHOPS,
            modus=(("M99", 4), ("M02", 2), ("M08", 1))),
    Offence("CURANMOR", "motor_vehicle_theft", 10.0, "363 KUHP", "477 UU 1/2023", "late", urban=0.8, span=4.0,
            places=(("PRK", 5), ("RMH", 4), ("JLN", 2), ("IBD", 1)), modus=(("M03", 7), ("M99", 2))),
    Offence("TIPU", "fraud", 9.0, "378 KUHP", "492 UU 1/2023", "office", "working", places=(("RMH", 3), ("KTR", 2),
        ("TOKO", 2)),
            modus=(("M04", 4), ("M07", 3))),
    Offence("GELAP", "fraud", 5.0, "372 KUHP", "486 UU 1/2023", "office", "working", span=24.0,
            places=(("KTR", 3), ("TOKO", 2), ("PRY", 2)), modus=(("M08", 4), ("M04", 1))),
    Offence("PERAS", "extortion", 1.2, "368 KUHP", "482 UU 1/2023", "evening", places=_STREET, modus=(("M06", 2),
        ("M07", 2))),
    Offence("RUSAK", "property_damage", 2.5, "406 KUHP", "521 UU 1/2023", "night", "weekend", span=3.0, modus=(("M06",
        1),)),
    Offence("BAKAR", "arson", 0.4, "187 KUHP", "308 UU 1/2023", "night", places=(("RMH", 3), ("KBN", 3))),
    Offence("SIBER", "cybercrime", 3.0, "28 UU 1/2024", "28 UU 1/2024", "office", places=(("RMH", 1),), modus=(("M07",
        1),)),
    Offence("TIBUM", "public_order", 3.5, "503 KUHP", "265 UU 1/2023", "night", "weekend", urban=0.8, officer=0.3,
        camera=0.05,
            places=_STREET),
    Offence("NARKOBA", "narcotics", 6.0, "112 UU 35/2009", "609 UU 1/2023", "evening", officer=0.95,
            places=(("RMH", 4), ("JLN", 4), ("LL", 1))),
    Offence("SENPI", "weapons", 0.15, "UU Drt 12/1951", "306 UU 1/2023", "night", officer=0.8, modus=(("M05", 1),)),
    Offence("SAJAM", "weapons", 0.6, "UU Drt 12/1951", "307 UU 1/2023", "night", officer=0.85, modus=(("M05", 1),)),
    Offence("JUDI", "gambling", 1.2, "303 KUHP", "426 UU 1/2023", "evening", officer=0.9, modus=(("M07", 2), ("M99",
        1))),
    Offence("SUSILA", "prostitution", 0.4, "296 KUHP", "420 UU 1/2023", "night", officer=0.85, modus=(("M07", 1),)),
    Offence("LALIN", "traffic_offence", 4.0, "310 UU 22/2009", "310 UU 22/2009", "commute", officer=0.55, camera=0.2,
            places=(("JLN", 1),)),
    Offence("LAIN", "other", 1.5, "-", "-", "day"),
)  # fmt: skip

# Categories whose planted hotspots and disturbances are of use: citizens report them and there are enough.
PLANTED = ("CURBIS", "CURAT", "CURANMOR", "ANIAYA", "CURAS", "TIBUM")

_PEAKS: dict[str, tuple[tuple[float, float, float], ...]] = {
    # (peak hour, width in hours, weight); what is left of 1 is flat.
    "flat": (),
    "day": ((11, 3.0, 0.5), (16, 2.5, 0.3)),
    "office": ((10, 2.0, 0.55), (14, 2.0, 0.3)),
    "evening": ((19.5, 2.5, 0.7),),
    "night": ((22.5, 2.5, 0.6), (1.5, 2.0, 0.25)),
    "late": ((2.5, 2.0, 0.65), (13, 3.0, 0.15)),
    "commute": ((7.2, 1.2, 0.4), (17.2, 1.5, 0.4)),
}
_WEEK: dict[str, tuple[float, ...]] = {  # Monday first
    "flat": (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0),
    "weekend": (0.82, 0.82, 0.85, 0.92, 1.1, 1.35, 1.25),
    "working": (1.25, 1.2, 1.15, 1.15, 1.05, 0.7, 0.5),
}


def hour_profile(name: str) -> np.ndarray:
    """Shares of the 24 hours of a day, sum 1."""
    hours = np.arange(24) + 0.5
    profile = np.zeros(24)
    left = 1.0
    for peak, width, weight in _PEAKS[name]:
        distance = np.abs((hours - peak + 12) % 24 - 12)
        bump = np.exp(-0.5 * (distance / width) ** 2)
        profile += weight * bump / bump.sum()
        left -= weight
    return profile + left / 24


def week_profile(name: str) -> np.ndarray:
    """Factors of the seven weekdays, Monday first, mean 1."""
    factors = np.array(_WEEK[name])
    return factors / factors.mean()


def choose(rng: np.random.Generator, weighted: tuple[tuple[str, float], ...], size: int) -> np.ndarray:
    """`size` codes drawn by weight, as an object array."""
    codes = np.array([code for code, _ in weighted], dtype=object)
    weights = np.array([weight for _, weight in weighted])
    return codes[rng.choice(len(codes), size=size, p=weights / weights.sum())]
