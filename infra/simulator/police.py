"""The police's records as they stand in their own database: reports, scenes, stamps, persons and narratives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from infra.simulator import narratives
from infra.simulator.categories import NEW_CODE_FROM, OFFENCES
from infra.simulator.incidents import Incidents
from infra.simulator.ledger import scatter
from infra.simulator.people import People, addresses, digits, make_people, plates, words
from infra.simulator.responses import respond
from infra.simulator.seeds import times
from infra.simulator.world import World

FEED = "polda_kaltim.police_records"
WITA = np.timedelta64(8 * 3600, "s")
UNITS = {"64.02": "POLRES KUKAR", "64.09": "POLRES PPU", "64.71": "POLRESTA BALIKPAPAN"}
ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
# Rows that a reader must refuse, by reason, and rows that it must accept though their place is not where it happened.
FAULTS = {
    "unknown_code": 0.0012,
    "future_time": 0.0008,
    "ends_before_start": 0.0008,
    "coordinates_swapped": 0.0015,
    "missing_required": 0.0006,
}
PLACEHOLDERS = {
    "police_station": 0.025,
    "headquarters": 0.008,
    "centroid": 0.008,
    "null_island": 0.006,
    "no_coordinates": 0.022,
    "no_stated_region": 0.012,
    "no_place_at_all": 0.002,
}
DELETED_SHARE = 0.003
CORRECTED_SHARE = 0.07


@dataclass(frozen=True)
class PoliceRecords:
    """Tables of schema reskrim by name, and what was planted in them.

    `truth`: one row a report: what really happened, the fault or placeholder planted, whether it was deleted.
    `spans`: personal spans of the narratives (id_laporan, type, start, end, value).
    """

    tables: dict[str, pl.DataFrame]
    truth: pl.DataFrame
    spans: pl.DataFrame


def make_records(
    world: World,
    incidents: Incidents,
    rng: np.random.Generator,
    *,
    first_id: int = 1,
    changed_after: np.datetime64 | None = None,
    is_faultless: bool = False,
) -> PoliceRecords:
    """Records of incidents, numbered from `first_id` in order of report. With `changed_after` (UTC) every record was
    entered after that moment: a delivery of late reports."""
    size = len(incidents)
    people = make_people(
        rng,
        [(region.code, region.name) for region in world.kecamatan],
        (world.population / world.population.sum() * max(size, 600)).astype(np.int64),
        world.as_of.year,
    )
    ids = np.arange(first_id, first_id + size)
    codes = np.array([offence.code for offence in OFFENCES], dtype=object)[incidents.offence]
    is_old = incidents.occurred_from < NEW_CODE_FROM.astype("datetime64[s]")
    articles = np.where(
        is_old,
        np.array([offence.old_article for offence in OFFENCES], dtype=object)[incidents.offence],
        np.array([offence.new_article for offence in OFFENCES], dtype=object)[incidents.offence],
    )
    kecamatan = np.array([region.code for region in world.kecamatan], dtype=object)[incidents.region]
    is_phoned = (incidents.reporter == "W") & (rng.random(size) < 0.45)
    received = incidents.reported_at - rng.integers(60, 3600, size=size).astype("timedelta64[s]")
    received = np.maximum(
        received, np.where(np.isnat(incidents.occurred_to), incidents.occurred_from, incidents.occurred_to)
    )
    stamps = respond(world, rng, incidents.region, received, np.ones(size, dtype=bool))
    changed, is_corrected, status = _history(world, rng, incidents, changed_after)

    columns = {
        "longitude": incidents.longitude.copy(),
        "latitude": incidents.latitude.copy(),
        "code": codes.copy(),
        "from": incidents.occurred_from.copy(),
        "to": incidents.occurred_to.copy(),
        "stated": kecamatan.copy(),
    }
    fault, placeholder = _plant(world, rng, incidents, columns, 0.0 if is_faultless else 1.0)
    who = _roles(rng, people, incidents)
    scene = addresses(rng, pl.Series([region.name for region in world.kecamatan]).gather(incidents.region))
    number = _report_numbers(incidents, kecamatan)
    texts = _narratives(rng, world, incidents, people, who, scene, number)
    names = people.frame["nama"]
    reporter = names.gather(who["pelapor"])

    def phoned(values: np.ndarray) -> pl.Series:
        return times(np.where(is_phoned, values - WITA, np.datetime64("NaT", "s")))

    deleted = rng.random(size) < (0.0 if is_faultless else DELETED_SHARE)
    laporan = pl.DataFrame(
        {
            "id_laporan": ids,
            "nomor_lp": number,
            "kode_jenis": pl.Series(columns["code"].tolist(), dtype=pl.String),
            "pasal": pl.Series(articles.tolist(), dtype=pl.String),
            "jenis_pelapor": pl.Series(incidents.reporter.tolist(), dtype=pl.String),
            "status_perkara": status,
            "waktu_lapor": times(incidents.reported_at),
            "kode_kecamatan": pl.Series(columns["stated"].tolist(), dtype=pl.String),
            "versi": pl.Series(np.where(is_corrected, 2, 1)),
            "dihapus_pada": times(np.where(deleted, changed, np.datetime64("NaT", "s"))),
            "diubah_pada": times(changed),
        }
    )
    kejadian = pl.DataFrame(
        {
            "id_laporan": ids,
            "waktu_awal": times(columns["from"]),
            "waktu_akhir": times(columns["to"]),
            "kode_modus": pl.Series(incidents.modus.tolist(), dtype=pl.String),
            "kode_tkp": pl.Series(incidents.place.tolist(), dtype=pl.String),
            "alamat_tkp": scene,
            "bujur": pl.Series(columns["longitude"]).fill_nan(None),
            "lintang": pl.Series(columns["latitude"]).fill_nan(None),
        }
    )
    # Officers do not always say how or at what kind of place.
    kejadian = kejadian.with_columns(
        pl.when(pl.lit(pl.Series(rng.random(size) > 0.08))).then("kode_modus").alias("kode_modus"),
        pl.when(pl.lit(pl.Series(rng.random(size) > 0.04))).then("kode_tkp").alias("kode_tkp"),
    )
    tanggapan = pl.DataFrame(
        {
            "id_laporan": ids,
            "waktu_terima": phoned(received),
            "waktu_jawab": phoned(stamps.answered),
            "waktu_kirim": phoned(stamps.dispatched),
            "waktu_tiba": phoned(stamps.arrived),
        }
    ).filter(pl.col("waktu_terima").is_not_null())
    uraian = pl.DataFrame({"id_laporan": ids, "uraian": texts.texts})
    orang = _persons(people, who, ids, reporter)
    truth = pl.DataFrame(
        {
            "id_laporan": ids,
            "offence": pl.Series(codes.tolist(), dtype=pl.String),
            "category": pl.Series([OFFENCES[row].category for row in incidents.offence.tolist()], dtype=pl.String),
            "region_code": pl.Series(kecamatan.tolist(), dtype=pl.String),
            "longitude": incidents.longitude,
            "latitude": incidents.latitude,
            "occurred_from": times(incidents.occurred_from),
            "reporter": pl.Series(incidents.reporter.tolist(), dtype=pl.String),
            "hotspot_id": pl.Series(
                [world.hotspots[at].hotspot_id if at >= 0 else None for at in incidents.hotspot.tolist()],
                dtype=pl.String,
            ),
            "is_surge": incidents.is_surge,
            "repeat_of": pl.Series(np.where(incidents.repeat_of >= 0, ids[incidents.repeat_of], -1)).replace(-1, None),
            "fault": pl.Series(fault.tolist(), dtype=pl.String),
            "placeholder": pl.Series(placeholder.tolist(), dtype=pl.String),
            "is_deleted": deleted,
            "is_corrected": is_corrected,
        }
    )
    spans = texts.spans.with_columns(
        pl.Series("id_laporan", ids[texts.spans["row"].to_numpy()]),
        pl.Series(
            "value",
            [
                text[start:end]
                for text, start, end in zip(
                    texts.texts.gather(texts.spans["row"]).to_list(),
                    texts.spans["start"].to_list(),
                    texts.spans["end"].to_list(),
                    strict=True,
                )
            ],
            dtype=pl.String,
        ),
    ).drop("row")
    tables = {"laporan_polisi": laporan, "kejadian": kejadian, "tanggapan": tanggapan, "uraian": uraian, "orang": orang}
    return PoliceRecords(tables, truth, spans)


def _history(
    world: World, rng: np.random.Generator, incidents: Incidents, changed_after: np.datetime64 | None
) -> tuple[np.ndarray, np.ndarray, pl.Series]:
    """Last change (UTC seconds), whether it was a correction, and the state of the case then."""
    size = len(incidents)
    end = world.end - WITA - np.timedelta64(60, "s")
    entered = incidents.reported_at - WITA + (rng.lognormal(0, 1.0, size=size) * 3600).astype("timedelta64[s]")
    corrected = entered + (rng.lognormal(np.log(25), 1.0, size=size) * 86_400).astype("timedelta64[s]")
    is_corrected = (rng.random(size) < CORRECTED_SHARE) & (corrected < end)
    changed = np.minimum(np.where(is_corrected, corrected, entered), end)
    if changed_after is not None:
        is_corrected = np.zeros(size, dtype=bool)
        changed = changed_after + (np.arange(size) + 1).astype("timedelta64[s]")
    # Old cases are more often closed than new ones; discoveries nearly always.
    age = (world.end - incidents.reported_at).astype(float) / 86_400
    chance = np.where(incidents.reporter == "A", 0.75, 0.32) * (1 - np.exp(-age / 90))
    closed = rng.random(size) < chance
    open_state = words(rng, size, ("LIDIK", "LIDIK", "SIDIK"))
    end_state = words(rng, size, ("P21", "P21", "P21", "SP3", "RJ", "RJ"))
    status = pl.select(
        pl.when(pl.lit(pl.Series(closed))).then(pl.lit(end_state)).otherwise(pl.lit(open_state))
    ).to_series()
    return changed, is_corrected, status


def _plant(
    world: World, rng: np.random.Generator, incidents: Incidents, columns: dict[str, np.ndarray], faults: float
) -> tuple[np.ndarray, np.ndarray]:
    size = len(incidents)
    where = scatter(rng, size, {**{name: share * faults for name, share in FAULTS.items()}, **PLACEHOLDERS})
    fault = np.full(size, None, dtype=object)
    placeholder = np.full(size, None, dtype=object)
    for name, rows in where.items():
        (fault if name in FAULTS else placeholder)[rows] = name
    longitude, latitude = columns["longitude"], columns["latitude"]
    columns["code"][where["unknown_code"]] = "CURAT2"
    later = where["future_time"]
    for name in ("from", "to"):
        columns[name][later] = columns[name][later] + np.timedelta64(40 * 365, "D")
    backwards = where["ends_before_start"]
    columns["to"][backwards] = columns["from"][backwards] - np.timedelta64(26, "h")
    swapped = where["coordinates_swapped"]
    longitude[swapped], latitude[swapped] = latitude[swapped].copy(), longitude[swapped].copy()
    columns["from"][where["missing_required"]] = np.datetime64("NaT", "s")
    station = {place.region_code: place for place in world.stations if place.kind == "POLSEK"}
    own = [station[region.code] for region in world.kecamatan]
    at = where["police_station"]
    longitude[at] = np.array([place.longitude for place in own])[incidents.region[at]]
    latitude[at] = np.array([place.latitude for place in own])[incidents.region[at]]
    at = where["headquarters"]
    longitude[at], latitude[at] = world.stations[-1].longitude, world.stations[-1].latitude
    at = where["centroid"]
    longitude[at], latitude[at] = world.centroids[incidents.region[at]].T
    longitude[where["null_island"]] = latitude[where["null_island"]] = 0.0
    for name in ("no_coordinates", "no_place_at_all"):
        longitude[where[name]] = latitude[where[name]] = np.nan
    for name in ("no_stated_region", "no_place_at_all"):
        columns["stated"][where[name]] = None
    return fault, placeholder


def _roles(rng: np.random.Generator, people: People, incidents: Incidents) -> dict[str, np.ndarray]:
    """One person of the pool for each role of each report; suspects and witnesses live nearby."""
    reporter = people.living_in(rng, incidents.region)
    victim = np.where(rng.random(len(reporter)) < 0.65, reporter, people.living_in(rng, incidents.region))
    return {
        "pelapor": reporter,
        "korban": victim,
        "terlapor": people.living_in(rng, incidents.region),
        "saksi": people.living_in(rng, incidents.region),
        "petugas": people.living_in(rng, incidents.region),
    }


def _persons(people: People, who: dict[str, np.ndarray], ids: np.ndarray, reporter: pl.Series) -> pl.DataFrame:
    parts = []
    for role, every in (("pelapor", 1), ("korban", 1), ("terlapor", 3), ("saksi", 2)):
        rows = np.arange(0, len(ids), every)
        parts.append(
            people.frame.select(
                "nik", "nama", "jenis_kelamin", "tanggal_lahir", "telepon", "alamat", "pekerjaan", "agama"
            )
            .select(pl.all().gather(who[role][rows]))
            .with_columns(pl.Series("id_laporan", ids[rows]), pl.lit(role.upper()).alias("peran"))
        )
    return pl.concat(parts).select("id_laporan", "peran", pl.exclude("id_laporan", "peran"))


def _report_numbers(incidents: Incidents, kecamatan: np.ndarray) -> pl.Series:
    days = incidents.reported_at.astype("datetime64[M]").astype(int)
    months, years = (days % 12).tolist(), (days // 12 + 1970).tolist()
    counters: dict[tuple[str, int], int] = {}
    found = []
    for code, month, year in zip(kecamatan.tolist(), months, years, strict=True):
        unit = UNITS[code[:5]]
        counters[unit, year] = counters.get((unit, year), 0) + 1
        found.append(f"LP/B/{counters[unit, year]}/{ROMAN[month]}/{year}/SPKT/{unit}/POLDA KALTIM")
    return pl.Series(found, dtype=pl.String)


def _narratives(
    rng: np.random.Generator,
    world: World,
    incidents: Incidents,
    people: People,
    who: dict[str, np.ndarray],
    scene: pl.Series,
    number: pl.Series,
) -> narratives.Narratives:
    size = len(incidents)
    codes: Sequence[str] = [OFFENCES[row].code for row in incidents.offence.tolist()]
    weekday, spelled, clock = narratives.spelled_dates(incidents.occurred_from)
    pool = people.frame

    def of(role: str, column: str) -> list[str]:
        return pool[column].gather(who[role]).to_list()

    names = pool["nama"].gather(who["korban"])
    born = pool["tanggal_lahir"].gather(who["pelapor"]).dt.strftime("%d-%m-%Y").to_list()
    money = [f"{amount:,}.000".replace(",", ".") for amount in rng.integers(150, 90_000, size=size).tolist()]
    bank = words(rng, size, ("BRI", "BNI", "BCA", "Mandiri", "Bankaltimtara"))
    handles = names.str.to_lowercase().str.replace_all(" ", "_", literal=True)
    values = {
        "pelapor": of("pelapor", "nama"), "korban": names.to_list(), "saksi": of("saksi", "nama"),
        "terlapor": of("terlapor", "nama"), "petugas": of("petugas", "nama"), "nik": of("pelapor", "nik"),
        "nik_korban": of("korban", "nik"), "telepon": of("pelapor", "telepon"), "telepon_terlapor": of("terlapor",
            "telepon"),
        "alamat_pelapor": of("pelapor", "alamat"), "alamat": scene.to_list(), "lahir": born, "plat": plates(rng,
            size).to_list(),
        "rekening": (bank + " " + digits(rng, size, 10)).to_list(), "nomor_lp": number.to_list(),
        "rangka": ("MH1" + words(rng, size, ("JFZ", "JM5", "KB1", "JFX")) + digits(rng, size, 11)).to_list(),
        "imei": ("35" + digits(rng, size, 13)).to_list(),
        "surel": (handles + "@" + words(rng, size, ("gmail.com", "yahoo.co.id", "outlook.com"))).to_list(),
        "akun": ("@" + handles + digits(rng, size, 2)).to_list(), "nrp": ("8" + digits(rng, size, 7)).to_list(),
        "hari": weekday, "tanggal": spelled, "jam": clock, "perkara": [narratives.PERKARA[code] for code in codes],
        "barang": words(rng, size, narratives.GOODS).to_list(), "orang": words(rng, size,
            narratives.SUSPECTS).to_list(),
        "rugi": money, "paket": [str(count) for count in rng.integers(1, 20, size=size).tolist()],
    }  # fmt: skip
    return narratives.write(rng, narratives.narrative_templates(rng, codes), values)
