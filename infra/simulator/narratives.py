"""What officers write: Indonesian narratives full of personal data, in their many hands, the spans kept as truth."""

# ruff: noqa: E501 - a template stands unbroken, as an officer would write it.

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
import polars as pl

# Fields whose value is personal, and of which kind.
PERSONAL = {
    "pelapor": "PERSON", "korban": "PERSON", "saksi": "PERSON", "terlapor": "PERSON", "petugas": "PERSON",
    "nik": "NIK", "nik_korban": "NIK", "telepon": "PHONE", "telepon_terlapor": "PHONE", "plat": "PLATE",
    "alamat": "ADDRESS", "alamat_pelapor": "ADDRESS", "lahir": "DATE_OF_BIRTH", "rekening": "ACCOUNT",
    "nomor_lp": "REPORT_NUMBER", "rangka": "VEHICLE_NUMBER", "imei": "IMEI", "surel": "EMAIL", "nrp": "NRP", "akun": "SOCIAL",
}  # fmt: skip

OPENINGS = (
    "Pada hari {hari} tanggal {tanggal} sekira pukul {jam} WITA di {alamat} telah terjadi {perkara} yang dilaporkan oleh {pelapor}. ",
    "Telah datang ke SPKT seorang bernama {pelapor}, NIK {nik}, alamat {alamat_pelapor}, melaporkan {perkara} pada {tanggal} pukul {jam} WITA. ",
    "Sdr. {pelapor} (lahir {lahir}) menerangkan bahwa pada hari {hari} {tanggal} sekitar jam {jam} telah terjadi {perkara} di {alamat}. ",
    "{nomor_lp}. Pelapor an. {pelapor}, HP {telepon}. TKP: {alamat}. Waktu kejadian {tanggal} jam {jam} WITA. Perkara {perkara}. ",
    "Pelapor {pelapor} mendatangi kantor polisi karena menjadi korban {perkara}, kejadian hari {hari} pukul {jam} WITA bertempat di {alamat}. ",
    "Kejadian {tanggal} pkl {jam}, lokasi {alamat}, perkara {perkara}, pelapor {pelapor} no hp {telepon}. ",
)
MODUS: Mapping[str, Sequence[str]] = {
    "CURAT": (
        "Pelaku masuk dengan cara mencongkel jendela belakang rumah korban {korban} saat penghuni pergi, mengambil {barang}. ",
        "Pintu ruko dirusak dengan linggis, {barang} hilang; rekaman CCTV memperlihatkan {orang} menggunakan sepeda motor {plat}. ",
        "Saat ditinggal mudik, rumah dibobol melalui plafon. Barang yang hilang {barang} dengan kerugian Rp {rugi}. ",
        "Korban {korban} terbangun dan mendapati gembok pagar sudah terpotong, {barang} tidak ada di tempat. ",
    ),
    "CURBIS": (
        "Korban {korban} meninggalkan {barang} di atas meja dan ketika kembali barang tersebut sudah tidak ada. ",
        "Tas milik {korban} yang digantung di motor diambil {orang}, berisi {barang} dan KTP NIK {nik_korban}. ",
        "{barang} milik korban hilang di parkiran, IMEI {imei}, kerugian Rp {rugi}. ",
    ),
    "CURANMOR": (
        "Sepeda motor Honda Beat nopol {plat} noka {rangka} milik {korban} hilang dari parkiran, diduga memakai kunci T. ",
        "Motor {plat} an. {korban} diparkir tanpa kunci ganda, {orang} membawa kabur ke arah pelabuhan. ",
        "Kendaraan dengan nomor polisi {plat} raib pada malam hari, kunci kontak dirusak, kerugian Rp {rugi}. ",
    ),
    "CURAS": (
        "Dua orang tidak dikenal memepet korban {korban} dan merampas {barang} sambil mengacungkan parang. ",
        "Korban {korban} dijambret saat berkendara, pelaku memakai motor {plat}, korban terjatuh dan luka. ",
        "Pelaku menodong kasir {korban} dengan pisau dan mengambil uang Rp {rugi}. ",
    ),
    "ANIAYA": (
        "Terlapor {terlapor} memukul korban {korban} dengan tangan kosong setelah cekcok mulut. ",
        "Korban {korban} dikeroyok oleh {terlapor} dan kawan-kawan di depan warung karena salah paham. ",
        "{terlapor} alias Ipul melempar korban dengan botol hingga luka robek di pelipis. ",
    ),
    "TIPU": (
        "Terlapor {terlapor} menawarkan pekerjaan proyek IKN, korban mentransfer Rp {rugi} ke rekening {rekening}. ",
        "Korban {korban} dihubungi nomor {telepon_terlapor} yang mengaku petugas bank lalu diminta kode OTP. ",
        "Korban membeli {barang} lewat akun {akun}, uang ditransfer ke {rekening} namun barang tidak dikirim. ",
    ),
    "SIBER": (
        "Akun milik {korban} dengan surel {surel} diambil alih, pelaku menghubungi kontak korban dari {telepon_terlapor}. ",
        "Korban {korban} mengklik tautan undangan, saldo rekening {rekening} berkurang Rp {rugi}. ",
    ),
    "KDRT": (
        "Korban {korban} dipukul suaminya {terlapor} di dalam rumah, disaksikan tetangga {saksi}. ",
        "Terlapor {terlapor} menampar dan mengusir korban {korban}, korban mengungsi ke rumah orang tua. ",
    ),
    "NARKOBA": (
        "Petugas {petugas} NRP {nrp} mengamankan {terlapor} dan menemukan {paket} paket kristal bening. ",
        "Berdasarkan informasi masyarakat dilakukan penggeledahan di rumah {terlapor}, ditemukan {paket} poket sabu dan HP {telepon_terlapor}. ",
    ),
    "LALIN": (
        "Kendaraan {plat} yang dikemudikan {terlapor} menabrak sepeda motor korban {korban} di persimpangan. ",
        "Mobil {plat} tidak berhenti setelah menyerempet {korban}. ",
    ),
    "": (
        "Terlapor {terlapor} diduga melakukan perbuatan tersebut terhadap korban {korban}. ",
        "Kejadian diketahui oleh {saksi} yang berada di sekitar lokasi. ",
        "Pelaku belum diketahui, kerugian ditaksir Rp {rugi}. ",
    ),
}
CLOSINGS = (
    "Saksi {saksi} melihat kejadian tersebut. Korban merasa dirugikan dan melapor untuk proses hukum lebih lanjut.",
    "Atas kejadian tersebut pelapor mengalami kerugian Rp {rugi}. Penyidik {petugas} NRP {nrp}.",
    "Pelapor dapat dihubungi di {telepon}.",
    "Barang bukti nihil, dilakukan olah TKP dan meminta keterangan saksi {saksi}.",
    "Pelapor mengetahui hal itu dari {saksi} dengan nomor HP {telepon} dan tidak keberatan dimintai keterangan.",
    "",
)
CALLS = (
    "Penelepon {pelapor} melaporkan {perkara} di {alamat}.",
    "{perkara} dekat {alamat}, mohon petugas segera, hub {telepon}.",
    "Warga melaporkan {perkara}, lokasi {alamat}, kendaraan {plat}.",
    "Laporan {perkara}. Pelapor an {pelapor}.",
    "{perkara}, ciri ciri pelaku jaket hitam motor {plat}",
    "{perkara}",
    "Bpk {pelapor} minta bantuan, {perkara} di depan rumah {alamat}",
)
SHORTHAND = (
    ("yang", "yg"), ("dengan", "dgn"), ("tidak", "tdk"), ("telah", "tlh"), ("pada", "pd"), ("Pelapor", "Plpr"),
    ("Korban", "Krbn"), ("korban", "krbn"), ("Terlapor", "Tsk"), ("terlapor", "tsk"), ("sepeda motor", "R2"),
    ("kerugian", "kerug"), ("tersebut", "tsb"), ("karena", "krn"), ("kendaraan", "ranmor"), ("Saksi", "Sks"),
)  # fmt: skip
OCR = {
    "O": "0",
    "0": "O",
    "l": "1",
    "1": "l",
    "I": "l",
    "S": "5",
    "5": "S",
    "B": "8",
    "8": "B",
    "m": "n",
    "e": "c",
    "u": "v",
}
GOODS = ("1 unit HP Samsung", "laptop Asus", "uang tunai", "perhiasan emas 10 gram", "tabung gas", "mesin pompa air",
         "kabel tembaga", "dompet", "genset", "sepeda", "besi proyek", "solar 200 liter", "rokok dan sembako")  # fmt: skip
SUSPECTS = ("orang tidak dikenal", "seorang laki-laki", "dua orang laki-laki", "pelaku")
DAYS = ("Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu")
MONTHS = (
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
PERKARA = {
    "BUNUH": "pembunuhan", "ANIRAT": "penganiayaan berat", "ANIAYA": "penganiayaan", "KOSA": "pemerkosaan", "KDRT": "kekerasan dalam rumah tangga",
    "ANAK": "kekerasan terhadap anak", "TPPO": "tindak pidana perdagangan orang", "CULIK": "penculikan", "CURAS": "pencurian dengan kekerasan",
    "CURAT": "pencurian dengan pemberatan", "CURBIS": "pencurian", "CURANMOR": "pencurian kendaraan bermotor", "TIPU": "penipuan",
    "GELAP": "penggelapan", "PERAS": "pemerasan", "RUSAK": "perusakan", "BAKAR": "pembakaran", "SIBER": "kejahatan siber",
    "TIBUM": "gangguan ketertiban umum", "NARKOBA": "penyalahgunaan narkotika", "SENPI": "kepemilikan senjata api", "SAJAM": "membawa senjata tajam",
    "JUDI": "perjudian", "SUSILA": "praktik prostitusi", "LALIN": "pelanggaran lalu lintas", "LAIN": "perkara lain",
}  # fmt: skip

_FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Narratives:
    """Texts, and the personal spans within them (row of the text, kind, characters from start to end)."""

    texts: pl.Series
    spans: pl.DataFrame


@cache
def _pieces(template: str, is_short: bool, is_tight: bool) -> tuple[str, ...]:
    # Literals and field names in turn: literal, field, literal, ...
    pieces = _FIELD.split(template)
    for index in range(0, len(pieces), 2):
        if is_short:
            for long, short in SHORTHAND:
                pieces[index] = pieces[index].replace(long, short)
        if is_tight:
            pieces[index] = pieces[index].replace(", ", ",").replace(". ", ".").replace("di ", "di")
    return tuple(pieces)


def write(
    rng: np.random.Generator, templates: Sequence[Sequence[str]], values: Mapping[str, Sequence[str]]
) -> Narratives:
    """One text a row: its templates one after another, filled from the columns of `values` (row by row).

    A third is in capitals, a tenth in lower case, half in shorthand, a few with slips of character recognition or
    without spaces after punctuation.
    """
    count = len(templates)
    case, short, tight, slips = (
        rng.random(count),
        rng.random(count) < 0.5,
        rng.random(count) < 0.06,
        rng.random(count) < 0.08,
    )
    texts: list[str] = []
    span_row: list[int] = []
    span_kind: list[str] = []
    span_start: list[int] = []
    span_end: list[int] = []
    for row in range(count):
        parts: list[str] = []
        length = 0
        for template in templates[row]:
            pieces = _pieces(template, bool(short[row]), bool(tight[row]))
            for index, piece in enumerate(pieces):
                text = piece if index % 2 == 0 else values[piece][row]
                if index % 2 and piece in PERSONAL:
                    span_row.append(row)
                    span_kind.append(PERSONAL[piece])
                    span_start.append(length)
                    span_end.append(length + len(text))
                parts.append(text)
                length += len(text)
        text = "".join(parts)
        if case[row] < 0.33:
            text = text.upper()
        elif case[row] < 0.43:
            text = text.lower()
        if slips[row]:
            text = _slip(rng, text)
        texts.append(text)
    spans = pl.DataFrame(
        {"row": span_row, "type": span_kind, "start": span_start, "end": span_end},
        schema={"row": pl.Int64, "type": pl.String, "start": pl.Int32, "end": pl.Int32},
    )
    return Narratives(pl.Series("uraian", texts, dtype=pl.String), spans)


def _slip(rng: np.random.Generator, text: str) -> str:
    # One letter for another of the same width, so that the spans stay where they are.
    letters = list(text)
    for at in rng.integers(0, len(letters), size=max(3, len(letters) // 25)) if letters else ():
        letters[at] = OCR.get(letters[at], letters[at])
    return "".join(letters)


def narrative_templates(rng: np.random.Generator, offences: Sequence[str]) -> list[tuple[str, str, str]]:
    """Opening, modus and closing for each offence code."""
    drawn = rng.random((len(offences), 3))
    found = []
    for offence, (first, second, third) in zip(offences, drawn, strict=True):
        middle = MODUS.get(offence, MODUS[""])
        found.append(
            (
                OPENINGS[int(first * len(OPENINGS))],
                middle[int(second * len(middle))],
                CLOSINGS[int(third * len(CLOSINGS))],
            )
        )
    return found


def spelled_dates(moments: np.ndarray) -> tuple[list[str], list[str], list[str]]:
    """Weekday, date and time of day as officers write them, of local seconds."""
    days = moments.astype("datetime64[D]")
    weekdays = ((days.astype(int) + 3) % 7).tolist()
    years = (days.astype("datetime64[Y]").astype(int) + 1970).tolist()
    months = (days.astype("datetime64[M]").astype(int) % 12).tolist()
    dates = ((days - days.astype("datetime64[M]")).astype(int) + 1).tolist()
    minutes = ((moments - days).astype("timedelta64[m]").astype(int)).tolist()
    spelled = [f"{day} {MONTHS[month]} {year}" for day, month, year in zip(dates, months, years, strict=True)]
    return [DAYS[day] for day in weekdays], spelled, [f"{at // 60:02d}.{at % 60:02d}" for at in minutes]
