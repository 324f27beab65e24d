"""Invented police narratives with every personal span known, for `bench pii`: synthetic, each value drawn anew.

Written apart from the recognizers and from the simulator: templates, names, streets and the ways to write a number
are this module's own. Two sets that share no template, name or street: `dev` may be looked at while a method is made,
`scored` is only scored. Capitals, lower case and noise are made from the same texts, so that cells compare.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

CASES = ("mixed", "capitals", "lower")
_SLOT = re.compile(r"\{(\w+)\}")
Span = tuple[int, int, str]


@dataclass(frozen=True)
class Gold:
    """A narrative and its personal spans: characters from start to end (exclusive), and the type."""

    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class _Words:
    """What one set draws from."""

    given: Sequence[str]
    family: Sequence[str]
    streets: Sequence[str]
    places: Sequence[str]
    clauses: Sequence[str]


def narratives(part: str, count: int, seed: int = 7) -> list[Gold]:
    """`count` narratives of the part "dev" or "scored", in mixed case, of three to five clauses each."""
    words = {"dev": _DEV, "scored": _SCORED}[part]
    rng = random.Random(f"{part}-{seed}")
    made: list[Gold] = []
    order: list[str] = []
    for _ in range(count):
        text = ""
        spans: list[Span] = []
        for _ in range(rng.randint(3, 5)):
            if not order:
                # Every clause as often as any other, so that no type is rare.
                order = rng.sample(words.clauses, len(words.clauses))
            text, spans = _write(order.pop(), text + (" " if text else ""), spans, words, rng)
        made.append(Gold(text, tuple(spans)))
    return made


def _write(clause: str, text: str, spans: list[Span], words: _Words, rng: random.Random) -> tuple[str, list[Span]]:
    for at, piece in enumerate(_SLOT.split(clause)):
        if at % 2 == 0:
            text += piece
            continue
        kind, value = _VALUES[piece](words, rng)
        start = len(text)
        text += value
        if kind:
            spans = [*spans, (start, len(text), kind)]
    return text, spans


def in_case(gold: Gold, case: str) -> Gold:
    """The narrative in `mixed` (as it is), `capitals` or `lower` case; letters keep their places."""
    if case == "mixed":
        return gold
    change: Callable[[str], str] = str.upper if case == "capitals" else str.lower
    text = "".join(change(letter) if len(change(letter)) == 1 else letter for letter in gold.text)
    return Gold(text, gold.spans)


_SLIPS = {
    "O": "0",
    "0": "O",
    "I": "1",
    "l": "1",
    "1": "l",
    "S": "5",
    "5": "S",
    "B": "8",
    "8": "B",
    "o": "0",
    "i": "l",
    "e": "c",
    "n": "m",
    "u": "v",
    "rn": "m",
}
_SHORT = (
    ("yang", "yg"),
    ("dengan", "dgn"),
    ("tidak", "tdk"),
    ("kepada", "kpd"),
    ("sudah", "sdh"),
    ("karena", "krn"),
    ("untuk", "utk"),
    ("dari", "dr"),
    ("tersebut", "tsb"),
    ("tahun", "thn"),
    ("sampai", "smp"),
    ("korban", "krbn"),
    ("pelapor", "plpr"),
    ("terlapor", "tlpr"),
    ("nomor", "no"),
    ("rumah", "rmh"),
    ("orang", "org"),
    ("sepeda motor", "spm"),
    ("keterangan", "ket"),
    ("tanggal", "tgl"),
    ("anggota", "angg"),
)


def with_noise(gold: Gold, seed: int = 11) -> Gold:
    """Shorthand of officers, slips of character recognition (one letter in forty that can slip) and lost spaces
    (one in twenty-five); spans move along."""
    rng = random.Random(f"{seed}-{len(gold.text)}-{gold.text[:20]}")
    pieces: list[tuple[str, str]] = []  # "" where it is no span
    end = 0
    for start, stop, span_kind in gold.spans:
        pieces.append((gold.text[end:start], ""))
        pieces.append((gold.text[start:stop], span_kind))
        end = stop
    pieces.append((gold.text[end:], ""))
    text = ""
    spans: list[Span] = []
    for written, kind in pieces:
        piece = written
        if not kind:
            for long, short in _SHORT:
                if rng.random() < 0.5:
                    piece = re.sub(rf"\b{long}\b", short, piece)
        letters = []
        for letter in piece:
            if letter == " " and rng.random() < 0.04:
                continue
            letters.append(_SLIPS.get(letter, letter) if rng.random() < 0.025 else letter)
        start = len(text)
        text += "".join(letters)
        if kind:
            spans.append((start, len(text), kind))
    return Gold(text, tuple(spans))


Value = tuple[str, str]


def _digits(rng: random.Random, count: int) -> str:
    return "".join(rng.choice("0123456789") for _ in range(count))


def _name(words: _Words, rng: random.Random) -> str:
    draw = rng.random()
    given, family = rng.choice(words.given), rng.choice(words.family)
    if draw < 0.12:
        return given
    if draw < 0.55:
        return f"{given} {family}"
    if draw < 0.7:
        return f"{given} {rng.choice(words.given)} {family}"
    if draw < 0.78:
        return f"{given} {family[0]}."
    if draw < 0.84:
        return f"{rng.choice(('M.', 'Muh.', 'Moh.', 'A.', 'Abd.', 'Sy.'))} {given} {family}"
    if draw < 0.93:
        return f"{given} {rng.choice(('bin', 'binti'))} {rng.choice(words.given)}"
    return f"{given} {rng.choice(words.given)}"


def _person(words: _Words, rng: random.Random) -> Value:
    return "PERSON", _name(words, rng)


def _nickname(words: _Words, rng: random.Random) -> Value:
    return "PERSON", rng.choice(words.given)[: rng.randint(3, 6)].strip(" '").capitalize()


def _address(words: _Words, rng: random.Random) -> Value:
    street, place, other = rng.choice(words.streets), rng.choice(words.places), rng.choice(words.places)
    number, rt, rw = rng.randint(1, 199), rng.randint(1, 60), rng.randint(1, 15)
    return "ADDRESS", rng.choice(
        (
            f"Jl. {street} No. {number}",
            f"Jln {street} Gang {rng.choice(words.streets)} RT {rt:02d} No {number}",
            f"Jl {street} RT.{rt:02d}/RW.{rw:02d} Kel. {place}",
            f"Jalan {street} Nomor {number} RT {rt} RW {rw} Kelurahan {place} Kecamatan {other}",
            f"Perumahan {street} Blok {rng.choice('ABCDEFGH')}{rng.randint(1, 20)} No. {rng.randint(1, 40)}, {place}",
            f"Gg. {street} RT. {rt:03d} Kel {place} Kec {other}",
            f"Perum {street} Indah Blok {rng.choice('ABCD')} No {rng.randint(1, 30)} RT {rt}",
            f"Desa {place} RT {rt:02d} RW {rw:02d} Kec. {other}",
            f"Dusun {street} RT {rt:03d}/{rw:03d} Desa {place} Kecamatan {other} Kabupaten {rng.choice(words.places)}",
            f"Jl. {street}, Kel. {place}, Kec. {other}, Kota {rng.choice(words.places)}",
            f"Jl.{street} Km {rng.randint(1, 40)} RT {rt}",
            f"Komplek {street} Blok {rng.choice('KLMN')}-{rng.randint(1, 12)} Kelurahan {place}",
            f"Lorong {street} {rng.randint(1, 9)} RT {rt:02d} Kelurahan {place}",
            f"BTN {street} Blok {rng.choice('PQRS')}/{rng.randint(1, 30)}",
            f"jl. {street} no.{number} {place}",
        )
    )


def _birth(rng: random.Random) -> tuple[int, int, int]:
    return rng.randint(1, 28), rng.randint(1, 12), rng.randint(1950, 2006)


_AREAS = ("64", "63", "73", "35", "32", "12", "71", "61", "33", "53", "82", "94", "31", "18")


def _sixteen(rng: random.Random) -> str:
    day, month, year = _birth(rng)
    day += 40 if rng.random() < 0.5 else 0
    district = f"{rng.choice(_AREAS)}{rng.randint(1, 12):02d}{rng.randint(1, 20):02d}"
    return f"{district}{day:02d}{month:02d}{year % 100:02d}{rng.randint(1, 30):04d}"


def _nik(words: _Words, rng: random.Random) -> Value:
    digits = _sixteen(rng)
    groups = [digits[at : at + 4] for at in range(0, 16, 4)]
    return "NIK", rng.choice(
        (digits, digits, digits, " ".join(groups), ".".join(groups), f"{digits[:6]} {digits[6:12]} {digits[12:]}")
    )


def _kk(words: _Words, rng: random.Random) -> Value:
    digits = _sixteen(rng)
    return "KK", rng.choice((digits, digits, "-".join((digits[:4], digits[4:8], digits[8:12], digits[12:]))))


def _npwp(words: _Words, rng: random.Random) -> Value:
    d = _digits(rng, 15)
    return "NPWP", rng.choice(
        (
            f"{d[:2]}.{d[2:5]}.{d[5:8]}.{d[8]}-{d[9:12]}.{d[12:]}",
            d,
            "0" + d,
            f"{d[:2]} {d[2:5]} {d[5:8]} {d[8]} {d[9:12]} {d[12:]}",
        )
    )


def _passport(words: _Words, rng: random.Random) -> Value:
    return "PASSPORT", rng.choice(
        (
            f"{rng.choice('ABCEX')}{_digits(rng, 7)}",
            f"{rng.choice('ABCEX')} {_digits(rng, 7)}",
            f"{rng.choice('AX')}{rng.choice('BCD')}{_digits(rng, 6)}",
        )
    )


def _sim(words: _Words, rng: random.Random) -> Value:
    d = _digits(rng, 14)
    return "SIM", rng.choice((d[:12], d, f"{d[:4]}-{d[4:8]}-{d[8:]}", f"{d[:4]} {d[4:8]} {d[8:12]}"))


def _report(words: _Words, rng: random.Random) -> Value:
    roman = rng.choice(("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII"))
    number, year, place = rng.randint(1, 999), rng.randint(2019, 2025), rng.choice(words.places).split()[0]
    return "REPORT_NUMBER", rng.choice(
        (
            f"LP/B/{number}/{roman}/{year}/SPKT/Polres {place}",
            f"LP/{number}/{rng.choice('ABK')}/{roman}/{year}/Polsek {place}",
            f"LP-B/{number:03d}/{roman}/{year}/SPKT",
            f"LP / A / {number} / {roman} / {year} / Reskrim",
            f"LP/B-{number}/{roman}/RES.1.8/{year}/Satreskrim",
            f"STTLP/{number}/{roman}/{year}/SPKT/Polda {place}",
            f"SP.Sidik/{number}/{roman}/{year}/Reskrim",
            f"LP.B/{number}/{roman}/{year}/Sek {place}",
        )
    )


def _nrp(words: _Words, rng: random.Random) -> Value:
    digits = f"{rng.randint(66, 99)}{rng.randint(1, 12):02d}{_digits(rng, 4)}"
    return "NRP", rng.choice((digits, digits, f"{digits[:4]} {digits[4:]}"))


def _nip(words: _Words, rng: random.Random) -> Value:
    day, month, year = _birth(rng)
    born, since = f"{year}{month:02d}{day:02d}", f"{min(year + 24, 2024)}{rng.randint(1, 12):02d}"
    sex, serial = rng.choice("12"), f"{rng.randint(1, 20):03d}"
    return "NIP", rng.choice((born + since + sex + serial, f"{born} {since} {sex} {serial}"))


def _bpjs(words: _Words, rng: random.Random) -> Value:
    return "BPJS", rng.choice((f"000{_digits(rng, 10)}", f"000{_digits(rng, 10)}", _digits(rng, 11)))


def _plate(words: _Words, rng: random.Random) -> Value:
    area = rng.choice(("KT", "DA", "KH", "B", "L", "DD", "AB", "N", "DK", "BK", "KB", "W", "AG"))
    suffix = "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ") for _ in range(rng.randint(1, 3)))
    number = rng.randint(1001, 9999) if rng.random() < 0.85 else rng.randint(11, 999)
    return "PLATE", rng.choice(
        (
            f"{area} {number} {suffix}",
            f"{area} {number} {suffix}",
            f"{area}{number}{suffix}",
            f"{area}-{number}-{suffix}",
            f"{area} {number}{suffix}",
            f"{area}.{number}.{suffix}",
        )
    )


def _official_plate(words: _Words, rng: random.Random) -> Value:
    return "PLATE", rng.choice(
        (
            f"RI {rng.randint(1, 99)}",
            f"CD {rng.randint(10, 99)} {rng.randint(1, 99):02d}",
            f"{rng.randint(1000, 9999)}-{rng.choice(('IV', 'VII', 'XX', 'IX'))}",
            f"{rng.randint(1000, 99999)}-{rng.randint(0, 20):02d}",
        )
    )


def _frame(words: _Words, rng: random.Random) -> Value:
    tail = "".join(rng.choice("ABCDEFGHJKLMNPRSTUVWXYZ0123456789") for _ in range(7))
    maker = rng.choice(("MH1", "MH3", "MH8", "MHK", "MHF", "MHY", "MHM"))
    return "VEHICLE_NUMBER", f"{maker}{tail[:6]}{rng.choice('123')}{_digits(rng, 6)}{tail[6]}"


def _engine(words: _Words, rng: random.Random) -> Value:
    code = "".join(rng.choice("ABCDEFGHJKMNPRTVWXYZ") for _ in range(2))
    return "VEHICLE_NUMBER", rng.choice(
        (
            f"{code}{rng.randint(10, 99)}E-{_digits(rng, 7)}",
            f"{code}{rng.randint(10, 99)}E{_digits(rng, 7)}",
            f"{rng.randint(1, 4)}{code}-{_digits(rng, 6)}",
            f"{code}{_digits(rng, 7)}",
        )
    )


def _phone(words: _Words, rng: random.Random) -> Value:
    prefix, rest = (
        rng.choice(("811", "812", "813", "821", "822", "852", "853", "857", "878", "895", "896", "831", "838", "851")),
        _digits(rng, 8),
    )
    return "PHONE", rng.choice(
        (
            f"0{prefix}{rest}",
            f"0{prefix}{rest[:7]}",
            f"0{prefix}-{rest[:4]}-{rest[4:]}",
            f"0{prefix} {rest[:4]} {rest[4:]}",
            f"+62{prefix}{rest}",
            f"+62 {prefix}-{rest[:4]}-{rest[4:]}",
            f"62{prefix}{rest}",
            f"0{prefix}.{rest[:4]}.{rest[4:]}",
            f"(0541) {rest[:6]}",
            f"0542-{rest[:6]}",
            f"0{prefix} {rest[:3]} {rest[3:6]} {rest[6:]}",
        )
    )


def _email(words: _Words, rng: random.Random) -> Value:
    first, last = re.sub(r"\W", "", rng.choice(words.given).lower()), rng.choice(words.family).lower().replace(" ", "")
    local = rng.choice(
        (f"{first}.{last}", f"{first}{_digits(rng, 2)}", f"{first}_{last}", f"{last}{first[0]}{_digits(rng, 3)}")
    )
    host = rng.choice(
        ("gmail.com", "yahoo.co.id", "outlook.com", "ymail.com", "ptbara.co.id", "kemenag.go.id", "student.unmul.ac.id")
    )
    return "EMAIL", rng.choice((f"{local}@{host}", f"{local}@{host}", f"{local}@{host}", f"{local} @ {host}"))


def _coordinates(words: _Words, rng: random.Random) -> Value:
    latitude, longitude = rng.uniform(-8, 4), rng.uniform(98, 140)
    south = "LS" if latitude < 0 else "LU"
    whole = (abs(latitude), longitude)
    parts = [(int(v), int(v % 1 * 60), round(v * 60 % 1 * 60, 1)) for v in whole]
    return "COORDINATES", rng.choice(
        (
            f"{latitude:.6f}, {longitude:.6f}",
            f"{latitude:.5f},{longitude:.5f}",
            f"{abs(latitude):.4f} {south} {longitude:.4f} BT",
            f"{latitude:.6f} / {longitude:.6f}",
            f"{parts[0][0]}°{parts[0][1]}'{parts[0][2]}\" {south} {parts[1][0]}°{parts[1][1]}'{parts[1][2]}\" BT",
        )
    )


def _account(words: _Words, rng: random.Random) -> Value:
    d = _digits(rng, 16)
    return "ACCOUNT", rng.choice(
        (
            d[:10],
            d[:15],
            f"{d[:4]}-{d[4:6]}-{d[6:12]}-{d[12:14]}-{d[14]}",
            d[:13],
            f"{d[:3]}-{d[3:9]}-{d[9]}",
            f"{d[:4]} {d[4:8]} {d[8:10]}",
            d,
            d[:12],
        )
    )


def _wallet(words: _Words, rng: random.Random) -> Value:
    return "ACCOUNT", rng.choice((f"08{_digits(rng, 10)}", f"8{_digits(rng, 15)}", f"3901{_digits(rng, 12)}"))


def _imei(words: _Words, rng: random.Random) -> Value:
    body = f"{rng.choice(('35', '86', '01'))}{_digits(rng, 12)}"
    total = sum(int(c) if at % 2 == 0 else sum(map(int, str(int(c) * 2))) for at, c in enumerate(body))
    digits = body + str(-total % 10)
    return "IMEI", rng.choice(
        (
            digits,
            digits,
            f"{digits[:6]}-{digits[6:8]}-{digits[8:14]}-{digits[14]}",
            f"{digits[:2]} {digits[2:8]} {digits[8:14]} {digits[14]}",
        )
    )


_MONTH_NAMES = (
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
)


def _born(words: _Words, rng: random.Random) -> Value:
    day, month, year = _birth(rng)
    return "DATE_OF_BIRTH", rng.choice(
        (
            f"{day} {_MONTH_NAMES[month - 1]} {year}",
            f"{day:02d}-{month:02d}-{year}",
            f"{day:02d}/{month:02d}/{year}",
            f"{day} {_MONTH_NAMES[month - 1][:3]} {year}",
            f"{day:02d}.{month:02d}.{year}",
        )
    )


def _social(words: _Words, rng: random.Random) -> Value:
    first = re.sub(r"\W", "", rng.choice(words.given).lower())
    handle = rng.choice(
        (
            f"{first}_{_digits(rng, 2)}",
            f"{first}.{rng.choice(('real', 'ofc', 'store', 'kaltim'))}",
            f"{rng.choice(('si', 'mas', 'kak'))}_{first}",
            f"{first}{_digits(rng, 3)}",
        )
    )
    return "SOCIAL", rng.choice(
        (f"@{handle}", f"@{handle}", f"instagram.com/{handle}", f"https://www.facebook.com/{handle}", f"t.me/{handle}")
    )


def _religion(words: _Words, rng: random.Random) -> Value:
    return "RELIGION", rng.choice(("Islam", "Kristen", "Katolik", "Hindu", "Buddha", "Konghucu", "Kristen Protestan"))


def _ethnicity(words: _Words, rng: random.Random) -> Value:
    return "ETHNICITY", rng.choice(
        (
            "Banjar",
            "Bugis",
            "Kutai",
            "Toraja",
            "Mandar",
            "Sunda",
            "Batak",
            "Tionghoa",
            "Flores",
            "Buton",
            "Minahasa",
            "Sasak",
            "Lampung",
            "Berau",
            "Nias",
        )
    )


def _clock(words: _Words, rng: random.Random) -> Value:
    return "", f"{rng.randint(0, 23):02d}{rng.choice(('.', ':'))}{rng.randint(0, 59):02d}"


def _day(words: _Words, rng: random.Random) -> Value:
    day, month, year = rng.randint(1, 28), rng.randint(1, 12), rng.randint(2022, 2025)
    return "", rng.choice(
        (f"{day} {_MONTH_NAMES[month - 1]} {year}", f"{day:02d}-{month:02d}-{year}", f"{day:02d}/{month:02d}/{year}")
    )


def _money(words: _Words, rng: random.Random) -> Value:
    amount = rng.randint(2, 900) * 50_000
    return "", rng.choice(
        (
            f"Rp {amount:,}".replace(",", "."),
            f"Rp{amount:,},-".replace(",", ".").replace(".-", ",-"),
            f"Rp. {amount}",
            f"{rng.randint(1, 90)} juta rupiah",
        )
    )


def _count(words: _Words, rng: random.Random) -> Value:
    return "", str(rng.randint(2, 48))


def _town(words: _Words, rng: random.Random) -> Value:
    return "", rng.choice(words.places)


_VALUES: dict[str, Callable[[_Words, random.Random], Value]] = {
    "nama": _person, "panggilan": _nickname, "alamat": _address, "nik": _nik, "kk": _kk, "npwp": _npwp,
    "paspor": _passport, "sim": _sim, "lp": _report, "nrp": _nrp, "nip": _nip, "bpjs": _bpjs, "plat": _plate,
    "platdinas": _official_plate, "noka": _frame, "nosin": _engine, "hp": _phone, "surel": _email,
    "titik": _coordinates, "rek": _account, "dompet": _wallet, "imei": _imei, "lahir": _born, "medsos": _social,
    "agama": _religion, "suku": _ethnicity, "jam": _clock, "tanggal": _day, "uang": _money, "angka": _count,
    "kota": _town,
}  # fmt: skip

_DEV = _Words(
    given=(
        "Sudarsono",
        "Mardiah",
        "Yosafat",
        "Ngatinah",
        "Baharudin",
        "Lince",
        "Ruslan",
        "Sitti Hajar",
        "Edison",
        "Parjo",
        "Wagiman",
        "Tugirah",
        "Rosmini",
        "Anselmus",
        "Darwin",
        "Hamsinah",
        "Jumriati",
        "Kornelis",
        "Lodewik",
        "Misran",
        "Norsiah",
        "Oktafianus",
        "Poniman",
        "Rasyid",
        "Sarinem",
        "Tasrip",
        "Usman",
        "Vinsensius",
        "Wagini",
        "Yuliet",
        "Zubaidah",
        "Fransina",
        "Gusnadi",
        "Hotman",
        "Inaq Sari",
        "Jainuddin",
        "Kasman",
        "Ludia",
        "Metty",
        "Nasaruddin",
    ),
    family=(
        "Simorangkir",
        "Sarungallo",
        "Tandayu",
        "Kalalo",
        "Palisoa",
        "Batuallo",
        "Wijayanto",
        "Prayitno",
        "Sugiharto",
        "Rumbiak",
        "Mangunsong",
        "Sarjono",
        "Pakpahan",
        "Lengkong",
        "Tambunan",
        "Bolang",
        "Hadinata",
        "Suwandi",
        "Fernandez",
        "Matondang",
    ),
    streets=(
        "Letjen Suprapto",
        "Rawa Makmur",
        "Tirta Kencana",
        "Mawar Putih",
        "Padat Karya",
        "Ruhui Rahayu",
        "Biawan",
        "Abul Hasan",
        "Lambung Mangkurat",
        "Otto Iskandardinata",
        "Siradj Salman",
        "Batu Cermin",
        "Damanhuri",
        "Delima Dalam",
        "Sejati",
    ),
    places=(
        "Sidodadi",
        "Mugirejo",
        "Sempaja Utara",
        "Karang Asam",
        "Manggar",
        "Lamaru",
        "Teritip",
        "Graha Indah",
        "Loktuan",
        "Berebas Tengah",
        "Anggana",
        "Muara Jawa",
        "Tanah Grogot",
        "Petung",
        "Babulu",
    ),
    clauses=(
        "Pada {tanggal} jam {jam} WITA telah datang ke kantor seorang laki-laki bernama {nama}, umur {angka} "
        "tahun, suku {suku}, agama {agama}, tinggal di {alamat}.",
        "Yang bersangkutan menunjukkan KTP dengan NIK {nik} dan KK nomor {kk}.",
        "Korban atas nama {nama} (panggilan {panggilan}) lahir {lahir} di {kota}.",
        "Saudara {nama} menyebut pelaku adalah {nama} alias {panggilan}.",
        "Laporan dicatat dengan nomor {lp} oleh Bripda {nama} NRP {nrp}.",
        "Motor yang dibawa kabur bernopol {plat}, nomor rangka {noka}, nomor mesin {nosin}.",
        "Uang {uang} dikirim ke rekening Mandiri {rek} a.n. {nama}.",
        "Saldo DANA {dompet} milik korban ikut terkuras.",
        "HP korban IMEI {imei} terakhir aktif di titik koordinat {titik}.",
        "Nomor pelaku {hp} sudah tidak aktif, akun IG {medsos} juga hilang.",
        "Tagihan dikirim ke email {surel}.",
        "Saksi {nama}, PNS NIP {nip}, alamat {alamat}.",
        "Terlapor pemegang paspor {paspor} dan SIM B1 {sim}.",
        "Peserta BPJS nomor {bpjs}, NPWP {npwp}.",
        "Mobil dinas {platdinas} terlihat di lokasi.",
        "Korban {nama} dan istrinya {nama} luka di kaki.",
        "Pelaku berjumlah {angka} orang mengendarai motor {plat} lari ke {kota}.",
        "Pelapor bisa dihubungi lewat telepon {hp}.",
        "TKP di {alamat} dekat masjid.",
        "Dua saksi, {nama} dan {nama}, dimintai keterangan di ruang penyidik.",
        "{nama} terbangun mendengar kaca pecah lalu membangunkan anaknya {nama}.",
        "Tanya: siapa pemilik kios? Jawab: {nama}.",
        "{nama} (41), nelayan, hanyut di {kota}.",
        "Atas perintah Kapolsek, {nama} dan {nama} berangkat ke {alamat}.",
        "Yang hadir: {nama}; {nama}; {nama}.",
        "Terakhir {nama} menelepon {nama} memakai nomor {hp}.",
        "Utang itu menurut {nama} sudah lunas.",
        "Hari itu {nama} dibonceng {nama} ke {kota}.",
        "Di rumah kontrakan {nama} ditemukan {angka} botol miras.",
        "Pengadu: {nama}, alamat {alamat}, kontak {hp}.",
        "Kades {nama} minta warga tenang.",
        "{nama} NIK {nik} HP {hp}",
        "Sopir travel bernama {nama} (plat {plat}) menolak berhenti.",
        "Barang titipan {nama} diambil {nama} tanpa izin.",
        "Dengan ini saya {nama} mencabut laporan {lp}.",
    ),
)
_SCORED = _Words(
    given=(
        "Abidin",
        "Adolfina",
        "Agustinus",
        "Ainun",
        "Akhmadi",
        "Alfrida",
        "Ambrosius",
        "Amiruddin",
        "Anwari",
        "Apolonia",
        "Ardhana",
        "Asnawi",
        "Astrid",
        "Bahrul",
        "Barnabas",
        "Basuni",
        "Benyamin",
        "Boas",
        "Bonifasius",
        "Burhanuddin",
        "Chairil",
        "Dahlia",
        "Damianus",
        "Darsih",
        "Debora",
        "Dortea",
        "Dzulfikar",
        "Efraim",
        "Elisabet",
        "Emanuel",
        "Ernest",
        "Esau",
        "Evalina",
        "Fadhilah",
        "Fahrurrozi",
        "Farouk",
        "Fatmawati",
        "Ferdinan",
        "Fitrawan",
        "Gerson",
        "Ghina",
        "Gideon",
        "Gunarto",
        "Habibie",
        "Hadijah",
        "Hafsah",
        "Harsono",
        "Hartini",
        "Haryati",
        "Hasbi",
        "Helmi",
        "Hermin",
        "Hilmiyah",
        "Husna",
        "Ignasius",
        "Imanuel",
        "Irianto",
        "Isnaini",
        "Jamilatun",
        "Jauhari",
        "Jeremias",
        "Johansyah",
        "Jubaidah",
        "Jumaidi",
        "Kadir",
        "Karmila",
        "Kartinah",
        "Kasmawati",
        "Khairani",
        "Krispinus",
        "Kusnadi",
        "Laurensius",
        "Lazarus",
        "Leonard",
        "Lestiani",
        "Lisnawati",
        "Maharani",
        "Makmun",
        "Manase",
        "Mardiani",
        "Margaretha",
        "Marhaban",
        "Marjuki",
        "Marsudi",
        "Maslina",
        "Mastura",
        "Mathius",
        "Melkianus",
        "Mesak",
        "Misnawati",
        "Mulyati",
        "Munir",
        "Murdiyanto",
        "Musdalifah",
        "Nadhira",
        "Nafisah",
        "Nasrun",
        "Natanael",
        "Ngatemi",
        "Nikodemus",
        "Norhayati",
        "Nurdiansyah",
        "Nurhidayah",
        "Obaja",
        "Octavianus",
        "Paijo",
        "Parlindungan",
        "Paskalis",
        "Pujiastuti",
        "Purwanti",
        "Qomariah",
        "Rabiatul",
        "Rahimah",
        "Ramlah",
        "Ratnasari",
        "Razak",
        "Ridha",
        "Rohmatun",
        "Rosnani",
        "Rukayah",
        "Rusdiana",
        "Sabaruddin",
        "Saidah",
        "Sakinah",
        "Salmiah",
        "Samiun",
        "Saparuddin",
        "Sariman",
        "Selvi",
        "Septiana",
        "Serly",
        "Silas",
        "Sofyan",
        "Subandi",
        "Sudarti",
        "Suharsono",
        "Sukiman",
        "Sulaiha",
        "Sumarno",
        "Suparman",
        "Surti",
        "Suwarti",
        "Syahrani",
        "Syamsiah",
        "Tarmizi",
        "Theofilus",
        "Titus",
        "Tukiman",
        "Tumiyem",
        "Umarudin",
        "Veronica",
        "Wahidin",
        "Warsito",
        "Widyawati",
        "Yanuarius",
        "Yeremia",
        "Yulianus",
        "Yusniar",
        "Zaenuddin",
        "Zahrah",
        "Zulaikha",
        "Ni Luh Sekar",
        "I Gede Artawan",
        "La Ode Safar",
        "Andi Tenriawaru",
        "Liem Swie",
        "Tan Giok",
        "Ma'mun",
        "Nur'aini",
    ),
    family=(
        "Abdurrasyid",
        "Ambarita",
        "Aritonang",
        "Baskoro",
        "Batara",
        "Bukit",
        "Djunaedi",
        "Dwijayanti",
        "Fatahillah",
        "Gultom",
        "Hamzari",
        "Handoyo",
        "Hardiyanti",
        "Hasanuddin",
        "Hendrawan",
        "Iswanto",
        "Jatmika",
        "Kadang",
        "Kaligis",
        "Kalumata",
        "Karundeng",
        "Kastanya",
        "Kawengian",
        "Lamatokan",
        "Langi",
        "Limbong",
        "Lolong",
        "Lumban Gaol",
        "Malik",
        "Mambrasar",
        "Manalu",
        "Mangoting",
        "Maramis",
        "Masrukhin",
        "Mooduto",
        "Napitupulu",
        "Ndolu",
        "Ngantung",
        "Oematan",
        "Palungan",
        "Pangestu",
        "Pasaribu",
        "Patandianan",
        "Pelupessy",
        "Poluan",
        "Prabandari",
        "Prihatin",
        "Rajagukguk",
        "Rantetana",
        "Ratnaningsih",
        "Ritonga",
        "Rondonuwu",
        "Sabarudin",
        "Saleh",
        "Sampe",
        "Sapulette",
        "Sastrawan",
        "Sianturi",
        "Sidabutar",
        "Simbolon",
        "Soplanit",
        "Sormin",
        "Suhardiman",
        "Sukmawati",
        "Sumolang",
        "Suryadinata",
        "Syafruddin",
        "Tahapary",
        "Tamrin",
        "Tandirerung",
        "Tangkudung",
        "Tobigo",
        "Tokan",
        "Tumanggor",
        "Utomo",
        "Wahyuningtyas",
        "Walangitan",
        "Wairata",
        "Wicaksono",
        "Widianto",
        "Yulistiani",
        "Zebua",
    ),
    streets=(
        "Adi Sucipto",
        "Brigjen Katamso",
        "Cipto Mangunkusumo",
        "Dewi Sartika",
        "Untung Suropati",
        "Rapak Indah",
        "Slamet Riyadi",
        "Tengkawang",
        "Untung Surapati",
        "Juanda",
        "Pangeran Hidayatullah",
        "Agus Salim",
        "Bung Tomo",
        "Cendana",
        "Harun Nafsi",
        "Jakarta",
        "Kadrie Oening",
        "Kehewanan",
        "Kusuma Bangsa",
        "Lempake Tepian",
        "M. Said",
        "Nahkoda",
        "P. Diponegoro",
        "Padaelo",
        "Pattimura",
        "Pelita Dua",
        "Pramuka",
        "Pulau Irian",
        "Rumbia",
        "Sentosa Dalam",
        "Sultan Hasanuddin",
        "Sumber Mas",
        "Suwandi Blok",
        "Tanjung Pura",
        "Trikora",
        "Urip Sumoharjo",
        "Wiraguna",
        "Ampera",
        "Balikpapan Baru",
        "Beller",
        "Blora",
        "Inpres",
        "Jend. A. Yani",
        "K.H. Dewantara",
        "Letkol Pol Asnawi",
        "Mayjend. S. Parman",
        "Mekar Jaya",
        "Mukmin Faisal",
        "Prapatan",
        "R.E. Martadinata",
        "Sepinggan Pratama",
        "Spontan",
        "Syarifuddin Yoes",
        "Tata Surya",
        "Wonorejo",
        "Ahim",
        "Pemancar",
        "Somber",
    ),
    places=(
        "Air Putih",
        "Baru Ilir",
        "Baru Tengah",
        "Batu Ampar",
        "Bugis",
        "Bukuan",
        "Damai Bahagia",
        "Gn. Samarinda",
        "Guntung",
        "Handil Bakti",
        "Jawa",
        "Kanaan",
        "Klandasan Ilir",
        "Kota Bangun",
        "Loa Bakung",
        "Loa Kulu",
        "Lok Bahu",
        "Makroman",
        "Margo Mulyo",
        "Marang Kayu",
        "Masjid",
        "Muara Kaman",
        "Muara Rapak",
        "Nenang",
        "Pelita",
        "Pulau Atas",
        "Rawa Makmur",
        "Sambutan",
        "Sanga-Sanga",
        "Sanipah",
        "Sengkotek",
        "Simpang Pasir",
        "Sotek",
        "Sumber Rejo",
        "Sungai Pinang",
        "Sungai Siring",
        "Tani Aman",
        "Tanjung Laut",
        "Teluk Lerong",
        "Tenggarong Seberang",
        "Waru",
        "Batu Sopang",
        "Long Ikis",
        "Bengalon",
        "Kaubun",
        "Muara Wahau",
        "Talisayan",
        "Tanjung Redeb",
    ),
    clauses=(
        "BERITA ACARA: pada hari Jumat, {tanggal} pukul {jam} WITA, saya {nama}, pangkat Aipda NRP {nrp}, "
        "jabatan penyidik pembantu, telah memeriksa seorang perempuan yang mengaku bernama {nama}.",
        "Ia dilahirkan di {kota} pada tanggal {lahir}, agama {agama}, suku {suku}, pekerjaan ibu rumah tangga, "
        "bertempat tinggal di {alamat}.",
        "Ttl: {kota}, {lahir}. Agama: {agama}. Suku: {suku}. Alamat: {alamat}. No. HP {hp}.",
        "{nama}, 34 tahun, warga {alamat}, ditemukan tergeletak oleh {nama} yang hendak berangkat ke kebun.",
        "Mohon izin Komandan, melaporkan perkembangan kasus {lp}: terduga {nama} sudah dibawa ke mako.",
        "Dasar: Laporan Polisi Nomor {lp} tanggal {tanggal}.",
        "Pelapor sdri {nama}; terlapor sdr {nama}; saksi sdr {nama}.",
        "Menurut {nama}, suaminya ({nama}) pamit keluar membeli rokok lalu tak kunjung pulang.",
        "Ketua RT setempat, {nama}, menghubungi Bhabinkamtibmas Brigpol {nama} lewat WA {hp}.",
        "Identitas sesuai KTP-el: {nama} / {nik}.",
        "Kartu keluarga no. {kk} terdaftar atas nama {nama}.",
        "No. KK: {kk}",
        "NIK yang tertera {nik}, namun foto berbeda.",
        "Korban menyerahkan fotokopi NPWP {npwp} dan paspor nomor {paspor}.",
        "Nomor pokok wajib pajak: {npwp}.",
        "WNI pemegang paspor RI {paspor} itu hendak terbang ke Tawau.",
        "Pengemudi tidak dapat menunjukkan SIM A; yang ada hanya SIM C no {sim}.",
        "SIM: {sim} masih berlaku.",
        "Sepeda motor Yamaha warna biru, No.Pol. {plat}, noka: {noka}, nosin: {nosin}, hilang di parkiran pasar.",
        "Mobil Avanza {plat} menyenggol truk bermuatan pasir {plat} di tanjakan.",
        "Pengendara R2 {plat} a.n. {nama} terpental ke selokan.",
        "Nomor rangka {noka} / nomor mesin {nosin} cocok dengan BPKB.",
        "Rombongan dikawal kendaraan pelat {platdinas}.",
        "Kendaraan plat dinas {platdinas} diparkir di depan toko.",
        "Korban mentransfer {uang} ke no. rek {rek} (BRI) milik {nama}.",
        "Pembayaran lewat virtual account {dompet} sebesar {uang}.",
        "Dana ditarik dari rekening BNI {rek} dan dikirim ke OVO {dompet}.",
        "Handphone Vivo Y20, IMEI 1: {imei}, IMEI 2: {imei}, dijual seharga {uang}.",
        "Nomor IMEI perangkat: {imei}.",
        "Titik duga TKP: {titik}.",
        "Lokasi dibagikan melalui pesan: {titik}",
        "Pelaku menghubungi dari nomor {hp} dan mengaku bernama {panggilan}.",
        "Telp. rumah {hp}, bisa juga email ke {surel}.",
        "Akun marketplace didaftarkan dengan surel {surel}.",
        "Iklan dipasang di Facebook oleh {medsos}.",
        "Percakapan dengan akun {medsos} disimpan sebagai barang bukti.",
        "PNS pada dinas tersebut, {nama}, NIP. {nip}, membenarkan.",
        "Mengetahui: Lurah, {nama}, NIP {nip}.",
        "Pasien dirawat dengan kartu BPJS Kesehatan {bpjs}.",
        "No. peserta BPJS: {bpjs}",
        "Petugas piket Briptu {nama} / {nrp} menerima telepon.",
        "AKP {nama}, NRP {nrp}, memimpin penggerebekan.",
        "Dia mengaku disuruh {nama} als {panggilan} mengambil paket di {alamat}.",
        "Kerugian ditaksir {uang}, dilaporkan pukul {jam}.",
        "Kebakaran menghanguskan {angka} rumah di {alamat}; api berasal dari dapur {nama}.",
        "Anak dari {nama} yang bernama {nama} sempat dirawat di RS.",
        "Tolong pak, rumah saya di {alamat} dimasuki orang, saya {nama}.",
        "Kapten kapal {nama} melapor ke pos polair, titik terakhir {titik}.",
        "Tersangka 1. {nama}, 2. {nama} diserahkan ke jaksa {nama}.",
        "Orang tua korban ({nama} dan {nama}) beragama {agama}, keturunan {suku}.",
        "Kartu identitas lain: paspor {paspor}, SIM {sim}.",
        "Jaminan sosial ketenagakerjaan (KPJ) {bpjs} atas nama {nama}.",
        "Surat jalan nomor {lp} ditandatangani Kompol {nama}.",
        "Tuan {nama} lahir {lahir} dan nyonya {nama} lahir {lahir} sepakat berdamai.",
        "Pemilik toko, Haji {nama}, rugi {uang}.",
        "Warga melihat {nama} masuk lewat pagar belakang pukul {jam}.",
        "Barang bukti berupa {angka} lembar kuitansi diamankan.",
        "Penyidik masih mendalami motif karena keterangan berubah-ubah.",
    ),
)
