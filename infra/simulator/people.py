"""Invented people: names put together from lists written for this purpose, identifiers in the right shape."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

MALE = [
    "Ahmad", "Budi", "Agus", "Hendra", "Rizky", "Andi", "Muhammad", "Joko", "Bambang", "Slamet", "Eko", "Dedi",
    "Rudi", "Yusuf", "Ismail", "Ibrahim", "Fajar", "Arif", "Wahyu", "Surya", "Taufik", "Hasan", "Husein", "Syahrul",
    "Rahmat", "Hidayat", "Iwan", "Samsul", "Udin", "Dani", "Ferry", "Yohanes", "Petrus", "Markus", "Stefanus",
    "Daniel", "Gilang", "Bayu", "Dimas", "Galih", "Teguh", "Sutrisno", "Sugeng", "Supriadi", "Mulyadi", "Darmawan",
    "Gunawan", "Irwan", "Anwar", "Zainal", "Abdul", "Jamal", "Kamaruddin", "Baharuddin", "Syamsuddin", "Lukman",
    "Nurdin", "Ridwan", "Firman", "Yudi", "Hardi", "Indra", "Satria", "Reza", "Ilham", "Akbar", "Rangga", "Bagas",
    "Ardi", "Rendi", "Ucok", "Togar", "Poltak", "Made", "Ketut", "Wayan", "Nyoman", "Asep", "Ujang", "Cecep",
    "Dadang", "Tatang",
]  # fmt: skip
FEMALE = [
    "Siti", "Dewi", "Sri", "Nur", "Rina", "Wati", "Fitri", "Ayu", "Putri", "Lestari", "Indah", "Ratna", "Yuni",
    "Wulan", "Maya", "Rini", "Dian", "Eka", "Tri", "Endang", "Sulastri", "Suryani", "Aminah", "Fatimah", "Khadijah",
    "Aisyah", "Zahra", "Halimah", "Rohani", "Maimunah", "Marlina", "Herlina", "Yuliana", "Kristina", "Maria",
    "Agnes", "Veronika", "Theresia", "Magdalena", "Novita", "Melati", "Kartika", "Intan", "Permata", "Anisa",
    "Nabila", "Salsabila", "Rahma", "Hasnah", "Hartati", "Sumiati", "Sukarti", "Tumini", "Painem", "Murni",
    "Nurhayati", "Nuraini", "Rosdiana", "Sinta", "Desi", "Ria", "Lina", "Mega", "Tuti", "Elis", "Neneng", "Euis",
    "Kadek",
]  # fmt: skip
FAMILY = [
    "Saputra", "Pratama", "Hidayat", "Setiawan", "Wijaya", "Santoso", "Nugroho", "Kurniawan", "Susanto", "Wibowo",
    "Rahman", "Hakim", "Siregar", "Nasution", "Simanjuntak", "Sitompul", "Panjaitan", "Lubis", "Harahap", "Ginting",
    "Tarigan", "Daulay", "Tanjung", "Chaniago", "Daeng", "Mappasessu", "Makmur", "Basri", "Mattalatta", "Palinggi",
    "Rante", "Tandilangi", "Lambe", "Jau", "Lawing", "Ding", "Bilung", "Ngau", "Usat", "Huvat", "Belawan", "Lejau",
    "Kusuma", "Permana", "Ramadhan", "Maulana", "Firdaus", "Syahputra", "Alamsyah", "Effendi", "Iskandar",
    "Sulaiman", "Noor", "Ariffin", "Jamhari", "Masdar", "Rusli", "Hamdani", "Fauzi", "Arsyad", "Anshari", "Banjari",
    "Mahmud", "Salim", "Tahir", "Yunus", "Marpaung", "Hutagalung", "Situmorang", "Manurung", "Sinaga", "Purba",
    "Saragih", "Hutapea", "Rumengan", "Lontoh", "Mandagi", "Wenas", "Supit", "Latuconsina", "Pattimura", "Lado",
    "Bria", "Seran", "Adiputra", "Hartono", "Halim",
]  # fmt: skip
STREETS = [
    "Jenderal Sudirman", "Ahmad Yani", "MT Haryono", "Soekarno Hatta", "Mulawarman", "Pangeran Antasari",
    "Diponegoro", "Gajah Mada", "Kartini", "Imam Bonjol", "Panglima Batur", "Awang Long", "Wolter Monginsidi",
    "Patimura", "Gunung Sari", "Telaga Sari", "Marsma Iswahyudi", "Propinsi", "Negara", "Pesut", "Danau Semayang",
    "Mangga", "Rambutan", "Melati", "Kenanga", "Cempaka", "Anggrek", "Flamboyan", "Belida", "Jelawat",
    "Sepinggan Baru", "Manunggal", "Poros Samarinda", "Pelabuhan", "Sultan Alimuddin", "Robert Wolter",
    "Gotong Royong", "Swadaya", "Perjuangan", "Mekar Sari",
]  # fmt: skip
JOBS = [
    "Karyawan swasta", "Wiraswasta", "Buruh harian lepas", "Petani", "Nelayan", "PNS", "Guru", "Mahasiswa",
    "Pelajar", "Ibu rumah tangga", "Pedagang", "Sopir", "Karyawan tambang", "Pekerja proyek", "Honorer",
    "Tidak bekerja",
]  # fmt: skip
FAITHS = (("Islam", 86.0), ("Kristen", 8.0), ("Katolik", 4.0), ("Hindu", 1.0), ("Buddha", 1.0))
# First registration elsewhere: many moved here. Regencies of Java, Sulawesi and South Kalimantan.
ORIGINS = ("350101", "351012", "357301", "330216", "337105", "320410", "317301", "730201", "731105", "737101", "630101",
           "637103", "631005", "640101", "647201", "647402", "127105", "510301")  # fmt: skip


@dataclass(frozen=True)
class People:
    """A pool of invented people ordered by kecamatan; `first` is where each kecamatan's people begin (length n + 1)."""

    frame: pl.DataFrame
    first: np.ndarray

    def living_in(self, rng: np.random.Generator, region: np.ndarray) -> np.ndarray:
        """One person for each kecamatan index given."""
        return (self.first[region] + rng.random(len(region)) * (self.first[region + 1] - self.first[region])).astype(
            np.int64
        )


def digits(rng: np.random.Generator, size: int, count: int) -> pl.Series:
    """Strings of `count` random digits."""
    drawn = pl.Series(rng.integers(0, 10**count, size=size))
    return drawn.cast(pl.String).str.zfill(count)


def words(rng: np.random.Generator, size: int, choices: list[str] | tuple[str, ...]) -> pl.Series:
    return pl.Series(list(choices), dtype=pl.String).gather(rng.integers(0, len(choices), size=size))


def make_people(
    rng: np.random.Generator, kecamatan: list[tuple[str, str]], per_kecamatan: np.ndarray, year: int
) -> People:
    """Invented people: code and name of their kecamatan, how many live in each, the year in which they are looked at.

    Columns: nama, nik, jenis_kelamin (L|P), tanggal_lahir, telepon, alamat, pekerjaan, agama, kode_kecamatan.
    """
    counts = np.maximum(per_kecamatan, 20)
    size = int(counts.sum())
    at = np.repeat(np.arange(len(kecamatan)), counts)
    is_woman = rng.random(size) < 0.48
    age_days = np.clip(rng.gamma(4.5, 8.0, size=size) * 365.25 + rng.random(size) * 365, 4 * 365, 85 * 365).astype(int)
    born = np.datetime64(f"{year}-01-01") - age_days
    frame = pl.DataFrame(
        {
            "nama": _names(rng, is_woman),
            "jenis_kelamin": pl.Series(np.where(is_woman, "P", "L")),
            "tanggal_lahir": pl.Series(born.astype("datetime64[D]")),
            "kode_kecamatan": pl.Series([code for code, _ in kecamatan]).gather(at),
            "telepon": _phones(rng, size),
            "pekerjaan": words(rng, size, JOBS),
            "alamat": addresses(rng, pl.Series([name for _, name in kecamatan]).gather(at)),
        }
    )
    frame = frame.with_columns(
        _nik(rng, frame, is_woman).alias("nik"),
        pl.Series([faith for faith, _ in FAITHS])
        .gather(rng.choice(len(FAITHS), size=size, p=np.array([weight for _, weight in FAITHS]) / 100))
        .alias("agama"),
    )
    return People(frame, np.concatenate([[0], np.cumsum(counts)]))


def _names(rng: np.random.Generator, is_woman: np.ndarray) -> pl.Series:
    size = len(is_woman)
    frame = pl.DataFrame(
        {
            "first": pl.select(
                pl.when(pl.lit(pl.Series(is_woman)))
                .then(pl.lit(words(rng, size, FEMALE)))
                .otherwise(pl.lit(words(rng, size, MALE)))
            ).to_series(),
            "middle": words(rng, size, [*MALE, *FEMALE, *FAMILY]),
            "last": words(rng, size, FAMILY),
            "father": words(rng, size, MALE),
            "shape": rng.random(size),
            "bin": pl.Series(np.where(is_woman, "binti", "bin")),
        }
    )
    return frame.select(
        pl.when(pl.col("shape") < 0.07)
        .then("first")
        .when(pl.col("shape") < 0.22)
        .then(pl.format("{} {} {}", "first", "middle", "last"))
        .when(pl.col("shape") < 0.36)
        .then(pl.format("{} {} {}", "first", "bin", "father"))
        .otherwise(pl.format("{} {}", "first", "last"))
        .alias("nama")
    ).to_series()


def _phones(rng: np.random.Generator, size: int) -> pl.Series:
    operator = words(
        rng, size, ("11", "12", "13", "21", "22", "52", "53", "57", "58", "77", "78", "96", "97", "38", "31")
    )
    frame = pl.DataFrame(
        {"o": operator, "a": digits(rng, size, 4), "b": digits(rng, size, 4), "shape": rng.random(size)}
    )
    return frame.select(
        pl.when(pl.col("shape") < 0.7)
        .then(pl.format("08{}{}{}", "o", "a", "b"))
        .when(pl.col("shape") < 0.85)
        .then(pl.format("+628{}{}{}", "o", "a", "b"))
        .otherwise(pl.format("08{}-{}-{}", "o", "a", "b"))
        .alias("telepon")
    ).to_series()


def addresses(rng: np.random.Generator, kecamatan: pl.Series) -> pl.Series:
    """An invented address in each kecamatan (names)."""
    size = len(kecamatan)
    frame = pl.DataFrame(
        {
            "street": words(rng, size, STREETS),
            "number": rng.integers(1, 180, size=size),
            "rt": pl.Series(rng.integers(1, 48, size=size)).cast(pl.String).str.zfill(2),
            "rw": pl.Series(rng.integers(1, 12, size=size)).cast(pl.String).str.zfill(2),
            "kecamatan": kecamatan,
            "kind": words(rng, size, ("Jl.", "Jl.", "Jl.", "Jalan", "Gg.")),
        }
    )
    return frame.select(
        pl.format("{} {} No. {} RT {} RW {} Kec. {}", "kind", "street", "number", "rt", "rw", "kecamatan").alias(
            "alamat"
        )
    ).to_series()


def _nik(rng: np.random.Generator, frame: pl.DataFrame, is_woman: np.ndarray) -> pl.Series:
    """Sixteen digits: district of first registration, day (plus 40 for women), month, year, serial."""
    moved = rng.random(frame.height) < 0.3
    parts = frame.select(
        pl.when(pl.lit(pl.Series(moved)))
        .then(pl.lit(words(rng, frame.height, ORIGINS)))
        .otherwise(pl.col("kode_kecamatan").str.replace_all(".", "", literal=True))
        .alias("district"),
        (pl.col("tanggal_lahir").dt.day().cast(pl.Int32) + pl.lit(pl.Series(is_woman * 40)).cast(pl.Int32)).alias(
            "day"
        ),
        pl.col("tanggal_lahir").dt.strftime("%m%y").alias("rest"),
        pl.lit(pl.Series(rng.integers(1, 60, size=frame.height))).alias("serial"),
    )
    return parts.select(
        pl.concat_str(
            "district",
            pl.col("day").cast(pl.String).str.zfill(2),
            "rest",
            pl.col("serial").cast(pl.String).str.zfill(4),
        )
    ).to_series()


def plates(rng: np.random.Generator, size: int) -> pl.Series:
    """Number plates, most of East Kalimantan (KT)."""
    frame = pl.DataFrame(
        {
            "area": words(rng, size, ("KT",) * 17 + ("DA", "B", "L", "DD", "KU")),
            "number": rng.integers(1000, 9999, size=size),
            "a": words(rng, size, tuple("ABCDEFGHKLMNPRTUVWXYZ")),
            "b": words(rng, size, (*tuple("ABCDEFGHJKLMNPRTUVWYZ"), "")),
        }
    )
    return frame.select(pl.format("{} {} {}{}", "area", "number", "a", "b")).to_series()
