"""Emergency calls to 110: monthly CSV files of the police's call centre."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from infra.simulator import narratives
from infra.simulator.categories import hour_profile, week_profile
from infra.simulator.ledger import Expected, Ledger, csv_bytes, deliver, scatter
from infra.simulator.people import addresses, make_people, plates, words
from infra.simulator.responses import respond
from infra.simulator.seeds import stream, times
from infra.simulator.world import World

FEED = "polda_kaltim.emergency_calls_110"
FOLDER = "inbox/polda_kaltim/panggilan_110"
# Code: share, profile of hours, of the week, exponent of urbanity, share to which somebody is sent, what is said.
KINDS = {
    "KRIM": (0.27, "night", "weekend", 0.7, 0.95, ("pencurian motor", "ada maling", "perampasan", "penganiayaan",
        "rumah kemasukan orang")),
    "GGN": (0.25, "night", "weekend", 0.8, 0.85, ("keributan", "balap liar", "orang mabuk", "musik keras",
        "tawuran pemuda")),
    "LAKA": (0.18, "commute", "flat", 0.5, 0.95, ("kecelakaan lalu lintas", "tabrak lari", "motor terjatuh")),
    "MED": (0.08, "day", "flat", 0.3, 0.8, ("orang pingsan", "butuh ambulans")),
    "KBKR": (0.04, "day", "flat", 0.3, 0.9, ("kebakaran rumah", "kebakaran lahan")),
    "INFO": (0.13, "office", "working", 0.4, 0.02, ("tanya syarat SKCK", "tanya perpanjangan SIM")),
    "LAIN": (0.05, "day", "flat", 0.3, 0.3, ("panggilan terputus", "lain-lain")),
}  # fmt: skip
FAULTS = {
    "unknown_code": 0.0006,
    "unparseable_time": 0.0008,
    "future_time": 0.0004,
    "coordinates_swapped": 0.0008,
    "missing_key": 0.0004,
    "missing_required": 0.0004,
}
ACCEPTED_AS_THEY_ARE = {"null_island": 0.004, "police_station": 0.008, "unknown_region": 0.002}
TIME = "%d/%m/%Y %H:%M:%S"
NOWHERE = np.datetime64("NaT", "s")


def make_calls(
    world: World, rng: np.random.Generator, count: int, *, first_day: int = 0, first_number: int = 1
) -> tuple[pl.DataFrame, np.ndarray]:
    """About `count` calls of the days from `first_day`, in order: the frame as delivered (text) and each call's day."""
    codes = list(KINDS)
    shares = np.array([KINDS[code][0] for code in codes])
    kind = rng.choice(len(codes), size=count, p=shares / shares.sum())
    days = world.first_day + np.arange(first_day, world.days)
    weekday = (days.astype("datetime64[D]").astype(int) + 3) % 7
    region, day, hour = (np.empty(count, dtype=np.int64) for _ in range(3))
    for number, code in enumerate(codes):
        _, hours, week, urban, _, _ = KINDS[code]
        here = np.flatnonzero(kind == number)
        people = world.population * (0.3 + world.urban) ** urban * world.risk[number % len(world.risk)]
        region[here] = rng.choice(len(people), size=len(here), p=people / people.sum())
        factor = week_profile(week)[weekday]
        day[here] = rng.choice(len(days), size=len(here), p=factor / factor.sum())
        hour[here] = rng.choice(24, size=len(here), p=hour_profile(hours))
    region, day, hour, kind = _surges(world, rng, region, day, hour, kind, first_day)
    count = len(kind)
    received = (world.first_day + first_day + day).astype("datetime64[s]") + (
        hour * 3600 + rng.integers(0, 3600, size=count)
    ).astype("timedelta64[s]")
    order = np.argsort(received, kind="stable")
    region, day, kind, received = region[order], day[order], kind[order], received[order]
    sent = rng.random(count) < np.array([KINDS[code][4] for code in codes])[kind]
    stamps = respond(world, rng, region, received, sent)
    longitude, latitude = np.full(count, np.nan), np.full(count, np.nan)
    for at, pool in enumerate(world.addresses):
        here = np.flatnonzero(region == at)
        chosen = rng.choice(len(pool.chance), size=len(here), p=pool.chance)
        longitude[here], latitude[here] = pool.longitude[chosen], pool.latitude[chosen]
    unplaced = rng.random(count) < np.where(kind >= codes.index("INFO"), 0.6, 0.07)
    longitude[unplaced] = latitude[unplaced] = np.nan
    people = make_people(
        rng,
        [(place.code, place.name) for place in world.kecamatan],
        np.full(len(world.kecamatan), 150),
        world.as_of.year,
    )
    caller = people.living_in(rng, region)
    names = people.frame["nama"].gather(caller)
    names = pl.select(
        pl.when(pl.lit(pl.Series(rng.random(count) < 0.01))).then(pl.lit("André ") + names).otherwise(pl.lit(names))
    ).to_series()
    said = np.empty(count, dtype=object)
    for number, code in enumerate(codes):
        here = np.flatnonzero(kind == number)
        said[here] = words(rng, len(here), KINDS[code][5]).to_list()
    text = narratives.write(
        rng,
        [(narratives.CALLS[at],) for at in rng.integers(0, len(narratives.CALLS), size=count).tolist()],
        {
            "pelapor": names.to_list(),
            "perkara": said.tolist(),
            "alamat": addresses(rng, pl.Series([place.name for place in world.kecamatan]).gather(region)).to_list(),
            "telepon": people.frame["telepon"].gather(caller).to_list(),
            "plat": plates(rng, count).to_list(),
        },
    )
    frame = pl.DataFrame(
        {
            "no_panggilan": pl.Series(np.arange(first_number, first_number + count)).cast(pl.String).str.zfill(8),
            "jenis": pl.Series(codes).gather(kind),
            "kanal": words(rng, count, ("TELEPON",) * 7 + ("APLIKASI",) * 2 + ("SMS", "RADIO")),
            "waktu_masuk": times(received),
            "waktu_jawab": times(stamps.answered),
            "waktu_kirim": times(stamps.dispatched),
            "waktu_tiba": times(stamps.arrived),
            "lintang": pl.Series(latitude).fill_nan(None).cast(pl.String),
            "bujur": pl.Series(longitude).fill_nan(None).cast(pl.String),
            "kode_kecamatan": pl.Series([place.code for place in world.kecamatan]).gather(region),
            "nama_penelepon": names,
            "nomor_telepon": people.frame["telepon"].gather(caller),
            "keterangan": text.texts,
        }
    ).with_columns(
        pl.format("110-{}", "no_panggilan").alias("no_panggilan"),
        pl.col("waktu_masuk", "waktu_jawab", "waktu_kirim", "waktu_tiba").dt.strftime(TIME),
        pl.when(pl.lit(pl.Series(rng.random(count) > 0.02))).then("kode_kecamatan").alias("kode_kecamatan"),
    )
    return frame, day + first_day


def _surges(
    world: World,
    rng: np.random.Generator,
    region: np.ndarray,
    day: np.ndarray,
    hour: np.ndarray,
    kind: np.ndarray,
    first_day: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Disorder that the police record is also called in: more calls where public order was disturbed."""
    parts = [(region, day, hour, kind)]
    disorder = list(KINDS).index("GGN")
    for planted in world.disturbances:
        if planted.offence != "TIBUM" or planted.first_day < first_day:
            continue
        days = planted.last_day - planted.first_day + 1
        at = world.index_of(planted.region_code)
        usual = (
            float((kind == disorder).sum())
            * float(world.population[at] / world.population.sum())
            * days
            / (world.days - first_day)
        )
        more = int(rng.poisson(usual * (planted.factor - 1)))
        parts.append(
            (
                np.full(more, at),
                rng.integers(planted.first_day, planted.last_day + 1, size=more) - first_day,
                rng.choice(24, size=more, p=hour_profile("night")),
                np.full(more, disorder),
            )
        )
    joined = [np.concatenate(arrays) for arrays in zip(*parts, strict=True)]
    return joined[0], joined[1], joined[2], joined[3]


def plant(world: World, rng: np.random.Generator, frame: pl.DataFrame) -> tuple[pl.DataFrame, np.ndarray]:
    """Faults and odd places in a delivery; the second result names the fault of each row, '' where there is none."""
    where = scatter(rng, frame.height, {**FAULTS, **ACCEPTED_AS_THEY_ARE})
    fault = np.full(frame.height, "", dtype=object)
    for name in FAULTS:
        fault[where[name]] = name
    columns = {name: np.array(frame[name].to_list(), dtype=object) for name in
               ("no_panggilan", "jenis", "waktu_masuk", "waktu_jawab", "waktu_kirim", "waktu_tiba", "lintang", "bujur",
                   "kode_kecamatan")}  # fmt: skip
    columns["jenis"][where["unknown_code"]] = "KRMNL"
    columns["waktu_masuk"][where["unparseable_time"]] = "31/02/2025 10:00:00"
    for at in where["future_time"]:
        columns["waktu_masuk"][at] = f"01/01/{world.as_of.year + 9} 00:00:00"
    for name in ("waktu_jawab", "waktu_kirim", "waktu_tiba"):
        # Later stamps of such a row say nothing either.
        columns[name][np.concatenate([where["unparseable_time"], where["future_time"]])] = None
    swapped = where["coordinates_swapped"]
    columns["lintang"][swapped], columns["bujur"][swapped] = (
        str(world.kecamatan[0].longitude),
        str(world.kecamatan[0].latitude),
    )
    columns["no_panggilan"][where["missing_key"]] = None
    columns["jenis"][where["missing_required"]] = None
    columns["lintang"][where["null_island"]] = columns["bujur"][where["null_island"]] = "0"
    station = world.stations[-1]
    columns["lintang"][where["police_station"]] = str(station.latitude)
    columns["bujur"][where["police_station"]] = str(station.longitude)
    columns["kode_kecamatan"][where["unknown_region"]] = "64.99.99"
    planted = frame.with_columns(pl.Series(name, values.tolist(), dtype=pl.String) for name, values in columns.items())
    return planted, fault


def deliver_calls(world: World, ledger: Ledger, count: int) -> None:
    """All months: one in a wrong encoding and then again in the right one, one delivered twice."""
    rng = stream(world.seed, FEED)
    frame, day = make_calls(world, rng, count)
    frame, fault = plant(world, rng, frame)
    months = (world.first_day + day).astype("datetime64[M]")
    present = np.unique(months)
    wrong = present[len(present) // 2] if len(present) > 2 else None
    twice = present[len(present) // 3] if len(present) > 3 else None
    for month in present:
        rows = np.flatnonzero(months == month)
        content, expected = _month(rng, ledger, frame, fault, rows, str(month))
        delivered = min(_next_month(month), world.as_of)
        file = f"{FOLDER}/panggilan_110_{month}.csv"
        if month == wrong:
            _note_wrong(ledger, file, content)
            deliver(ledger.root, file, _in_cp1252(content), delivered)
            file = f"{FOLDER}/panggilan_110_{month}_r2.csv"
            delivered = min(delivered + timedelta(days=3), world.as_of)
        deliver(ledger.root, file, csv_bytes(content), delivered)
        read, repeated, refused = expected
        ledger.note(Expected(FEED, file, read, read - repeated - sum(refused.values()), repeated, refused))
        if month == twice:
            file = f"{FOLDER}/panggilan_110_{month}_r2.csv"
            deliver(ledger.root, file, csv_bytes(content), min(delivered + timedelta(days=9), world.as_of))
            ledger.note(Expected(FEED, file, read, 0, read - sum(refused.values()), refused))
            ledger.note_duplicates(
                FEED,
                file,
                content["no_panggilan"].filter(pl.Series(fault[rows] == "").extend_constant(True, read - len(rows))),
            )
    note_personal(ledger, frame)


def note_personal(ledger: Ledger, frame: pl.DataFrame) -> None:
    for column, kind in (("nama_penelepon", "PERSON"), ("nomor_telepon", "PHONE"), ("keterangan", "NARRATIVE")):
        ledger.note_personal(FEED, column, kind, frame["no_panggilan"], frame[column])


def _month(
    rng: np.random.Generator, ledger: Ledger, frame: pl.DataFrame, fault: np.ndarray, rows: np.ndarray, month: str
) -> tuple[pl.DataFrame, tuple[int, int, dict[str, int]]]:
    """A month as delivered, some calls twice in it, and what is to be read, repeated and refused."""
    clean = rows[fault[rows] == ""]
    again = np.sort(rng.choice(clean, size=len(clean) // 250, replace=False))
    content = frame[np.concatenate([rows, again])]
    ledger.note_duplicates(FEED, f"{FOLDER}/panggilan_110_{month}.csv", frame["no_panggilan"].gather(again))
    names, counts = np.unique(fault[rows][fault[rows] != ""].astype(str), return_counts=True)
    refused = {str(name): int(number) for name, number in zip(names, counts, strict=True)}
    return content, (content.height, len(again), refused)


def _in_cp1252(content: pl.DataFrame) -> bytes:
    # One letter beyond ASCII is needed for the encoding to show.
    first = content["nama_penelepon"].to_list()
    first[0] = f"{first[0]} (Renée)"
    return csv_bytes(content.with_columns(pl.Series("nama_penelepon", first)), encoding="cp1252")


def _note_wrong(ledger: Ledger, file: str, content: pl.DataFrame) -> None:
    refused = {"wrong_encoding": content.height}
    ledger.note(Expected(FEED, file, content.height, 0, 0, refused, whole="wrong_encoding"))


def _next_month(month: np.datetime64) -> date:
    following: date = (month + 1).astype("datetime64[D]").astype(object)
    return following + timedelta(days=1)
