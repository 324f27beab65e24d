"""What the name model is trained on: labelled news and encyclopaedia text, lists of names, and sentences in an
officer's style made of both. Read only while training; nothing of it is part of the project."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ingestion.minimise.recognizers.document import Document
from ingestion.minimise.recognizers.lexicon import GIVEN
from ingestion.minimise.recognizers.name_features import LABELS
from ingestion.minimise.recognizers.name_styles import STYLES

KINDS = {
    "PERSON": "PERSON", "PER": "PERSON", "Person": "PERSON", "PLACE": "PLACE", "LOC": "PLACE", "Place": "PLACE",
    "ORGANISATION": "ORGANISATION", "ORG": "ORGANISATION", "Organisation": "ORGANISATION",
}  # fmt: skip
PARTS = ("nergrit/train.txt", "idner2k/train.txt", "mdee/gold0811.txt")


class CorpusMissing(Exception):
    """A file of the training data is not there."""


@dataclass(frozen=True)
class Sentence:
    """A text and its entities as (start, end, kind)."""

    text: str
    spans: tuple[tuple[int, int, str], ...]

    def labelled(self) -> tuple[Document, list[int]]:
        """The document and the index in LABELS of each of its tokens."""
        document = Document(self.text)
        labels = [0] * len(document.tokens)
        for start, end, kind in self.spans:
            prefix = "B-"
            for at, token in enumerate(document.tokens):
                if token.start < end and token.end > start:
                    labels[at] = LABELS.index(prefix + kind)
                    prefix = "I-"
        return document, labels


def read_tagged(path: Path) -> list[Sentence]:
    """Sentences of a file with one token a line, its label last; texts are joined as a person would write them."""
    if not path.is_file():
        raise CorpusMissing(
            f"{path.name} of {path.parent.name} is missing: set TELAGA_CITY_DATA to the folder that holds pii/"
        )
    sentences = []
    for block in re.split(r"\r?\n\s*\r?\n", path.read_text(encoding="utf-8", errors="replace")):
        rows = [line.rstrip().split("\t") if "\t" in line else line.split() for line in block.splitlines()]
        words = [(row[0], row[-1].strip()) for row in rows if len(row) >= 2 and row[0].strip()]
        for piece in _pieces(words):
            sentences.append(_joined(piece))
    return sentences


def _pieces(words: Sequence[tuple[str, str]], longest: int = 80) -> Iterable[Sequence[tuple[str, str]]]:
    """Documents of thousands of words cut at the ends of their sentences."""
    begin = 0
    for at, (word, _) in enumerate(words):
        if (word == "." and at - begin >= longest // 3) or at - begin >= longest:
            yield words[begin : at + 1]
            begin = at + 1
    if begin < len(words):
        yield words[begin:]


def _joined(words: Sequence[tuple[str, str]]) -> Sentence:
    text = ""
    spans: list[tuple[int, int, str]] = []
    before = "O"
    for word, label in words:
        if text and word not in ".,;:!?)]%'" and text[-1] not in "([":
            text += " "
        start = len(text)
        text += word
        prefix, _, name = label.partition("-") if label[:2] in ("B-", "I-") else ("I", "-", label)
        kind = KINDS.get(name)
        if kind and prefix == "I" and before == kind and spans:
            spans[-1] = (spans[-1][0], len(text), kind)
        elif kind:
            spans.append((start, len(text), kind))
        before = kind or "O"
    return Sentence(text, tuple(spans))


@dataclass(frozen=True)
class NameLists:
    """First and last names, and whole names; `ranks`: word -> 1 met once, 2 more often."""

    first: tuple[str, ...]
    last: tuple[str, ...]
    whole: tuple[str, ...]
    ranks: dict[str, int]


def read_names(folder: Path) -> NameLists:
    """The lists below TELAGA_CITY_DATA/pii: names/*.csv and mdee/person.txt (where it is there)."""
    first: list[str] = []
    last: list[str] = []
    for path in sorted((folder / "names").glob("*.csv")):
        lines = [line.strip() for line in path.read_text(encoding="utf-8", errors="replace").splitlines()]
        (first if path.name.startswith("first") else last).extend(line for line in lines if line.isalpha())
    if not first or not last:
        raise CorpusMissing("no list of names below pii/names: set TELAGA_CITY_DATA to the folder that holds pii/")
    people = folder / "mdee" / "person.txt"
    whole: list[str] = []
    if people.is_file():
        lines = people.read_bytes().decode("cp1252", errors="replace").splitlines()
        whole = [line.strip() for line in lines if re.fullmatch(r"[A-Za-z.' -]{3,40}", line.strip())]
    counts = Counter(word.lower() for name in whole for word in re.findall(r"[A-Za-z]{3,}", name))
    counts.update({word.lower(): 2 for word in first + last})
    return NameLists(tuple(first), tuple(last), tuple(whole), {word: min(count, 2) for word, count in counts.items()})


# In the style of records of interrogation and of short messages. {P} a person, {A} an address, {L} a place,
# {O} an organisation, {N} a number, {T} a time.
_TEMPLATES = (
    "Pelapor {P} melaporkan kejadian di {A}.",
    "korban {P} umur {N} tahun pekerjaan swasta alamat {A}",
    "Sdr. {P} menerangkan kehilangan sepeda motor.",
    "Terlapor {P} memukul {P} di bagian kepala.",
    "Saksi-saksi: 1. {P}, 2. {P}, 3. {P}.",
    "Tersangka {P} als {P} ditangkap di {A}",
    "TSK an. {P} dibawa ke {O}",
    "Pada hari Senin sekira pukul {T} pelapor a.n. {P} datang ke {O}.",
    "Menurut keterangan {P}, pelaku melarikan diri ke arah {L}.",
    "rumah milik {P} di {A} dibobol maling",
    "Bripka {P} NRP {N} menerima laporan dari {P}.",
    "Penyidik: Aiptu {P}",
    "IPDA {P} selaku kanit reskrim {O}",
    "AKP {P}, S.H. memimpin olah TKP.",
    "Kompol {P} menjelaskan kronologi",
    "Korban bernama {P} (inisial {I}) telah membuat laporan polisi.",
    "pelaku inisial {I} dan {I} diamankan warga",
    "Sdri {P} binti {P} menjadi korban jambret",
    "{P} bin {P}, lahir di {L}, {N}",
    "Identitas pelapor: Nama {P}, Tempat/tgl lahir {L}, {N}, agama Islam, alamat {A}.",
    "Nama: {P}; NIK: {N}; alamat: {A}",
    "HP korban dibawa oleh {P} yang dikenal lewat Facebook.",
    "kendaraan yang dikemudikan {P} menabrak {P} di depan {O}",
    "Pengemudi truk {P} melarikan diri usai menabrak pengendara motor {P}.",
    "Pengendara motor a.n {P} mengalami luka lecet",
    "uang sebesar Rp {N} ditransfer ke rekening BRI {N} atas nama {P}",
    "transfer ke rek BCA {N} an {P}",
    "ke rekening {N} a/n {P} namun barang tidak dikirim",
    "Istri korban, {P}, melihat pintu terbuka.",
    "Suami pelapor yang bernama {P} tidak pulang sejak kemarin.",
    "anak pelapor {P} dibawa kabur oleh {P}",
    "Telah diamankan seorang laki-laki bernama {P} warga {L}.",
    "Ibu {P} minta bantuan ada orang mencurigakan di {A}",
    "Bpk {P} melaporkan keributan dekat {L}",
    "Pak {P} ketua RT melapor ada maling",
    "Penelepon: {P}, no {N}",
    "lapor pak, ini {P} dari {A}, ada tawuran",
    "mohon bantuan anggota, di {A} ada kecelakaan, kontak {P} {N}",
    "H. {P} pemilik toko di {A} merasa ditipu.",
    "Hj. {P} kehilangan perhiasan emas",
    "dr. {P} menyatakan korban meninggal dunia",
    "Korban {P} meninggal dunia di {O}.",
    "Jenazah {P} ditemukan di {L}.",
    "Dari tangan {P} disita sabu seberat {N} gram.",
    "Tersangka {P} dan {P} mengaku membeli sabu dari {P} di {L}.",
    "BB tsb diakui milik {P} dkk",
    "Sat Resnarkoba {O} menangkap {P} alias {W} di {A}.",
    "{P} mengancam {P} dengan parang.",
    "{P} dan {P} terlibat cekcok mulut di {L}.",
    "{P} ditusuk {P}",
    "Akibat kejadian tersebut {P} mengalami luka robek.",
    "Terhadap {P} dilakukan visum di {O}",
    "Pelapor adalah karyawan {O} yang berlokasi di {A}",
    "Pelapor tidak mengetahui siapa pelakunya.",
    "Pelaku masuk melalui jendela belakang yang dicongkel.",
    "Barang yang hilang berupa laptop, uang tunai dan dompet.",
    "Selanjutnya pelapor melapor ke {O} guna proses lebih lanjut.",
    "Pelaku menggunakan sepeda motor warna hitam tanpa plat.",
    "Kerugian ditaksir sebesar Rp {N}.",
    "Petugas mendatangi TKP dan melakukan olah TKP.",
    "Telah terjadi tindak pidana pencurian dengan pemberatan di {A}.",
    "Kejadian diketahui pada hari Rabu pukul {T} WITA.",
    "tkp di {A} rt {N} kel {L} kec {L}",
    "Sepeda motor Honda Beat warna merah hilang di parkiran {O}",
    "Korban mengecek CCTV dan melihat dua orang laki-laki.",
    "Unit reskrim sedang melakukan penyelidikan.",
    "Situasi aman dan kondusif di wilayah hukum {O}.",
    "Pelaku diduga berjumlah tiga orang dan membawa senjata tajam.",
    "Dilaporkan adanya kebakaran di {A} dekat {O}.",
    "kebakaran rumah di {L} mohon segera",
    "saat itu {P} sedang tidur di kamar",
    "setelah itu {P} pergi meninggalkan {P}",
    "sdr {P} (pelapor) kenal dgn {P} sejak lama",
    "diserahkan oleh {P} kpd {P} selaku petugas piket",
    "Plpr an {P} kehilangan dompet berisi KTP",
    "sks {P} melihat pelaku lari ke arah {L}",
    "krbn {P} luka di tangan",
    "tsk {P} umur {N} thn",
    "Adik korban {P} membawa korban ke {O}",
    "tetangga korban yaitu {P} mendengar teriakan",
    "menghubungi {P} melalui WhatsApp nomor {N}",
    "akun Facebook {P} menawarkan HP murah",
    "Sopir angkot, {P} ({N}), mengaku mengantuk.",
    "{P} ({N}) warga {L} tewas di tempat.",
    "Kapolres {O} AKBP {P} mengatakan pelaku sudah ditangkap.",
    "Kepala desa {L}, {P}, membenarkan kejadian itu.",
    "Lurah {L} bernama {P}",
    "Pelapor dan {P} sepakat damai",
    "Penggugat {P} melawan {P}",
    "Kasir toko, sdri. {P}, ditodong pisau",
    "Dua pelaku yakni {P} dan {P} sudah diamankan",
    "{P}, {P} dan {P} dikeroyok orang tak dikenal",
    "disaksikan oleh {P} serta {P}",
    "Rumah tersebut dihuni {P} sejak tahun {N}.",
    "motor dipinjam {P} lalu digadaikan",
    "PELAPOR: {P} / TERLAPOR: {P}",
    "Korban : {P}. Saksi : {P}. Pelaku : dalam lidik.",
    "Pelapor an. {P} tlp {N}",
    "TKP: {A}. Korban: {P}.",
    # A name where nothing announces it.
    "{P} mengatakan dirinya tidak tahu apa-apa.",
    "{P} datang bersama {P} naik motor.",
    "{P} kemudian lari.",
    "{P} yang saat itu berada di dapur langsung keluar.",
    "Lalu {P} memanggil {P} dan {P}.",
    "Kemarin {P} masih terlihat di {L}.",
    "Padahal {P} sudah membayar lunas.",
    "Karena takut, {P} bersembunyi di rumah {P}.",
    "Setahu saya {P} orangnya baik.",
    "Bahwa benar {P} adalah adik kandung {P}.",
    "Bahwa {P} pernah meminjam uang pada {P}.",
    "Ditanya soal itu, {P} diam saja.",
    "Jawab: saya kenal {P} sejak {N} tahun lalu.",
    "Apakah saudara kenal dengan {P}? Jawab: kenal, dia anak {P}.",
    "Siapa saja yang ada di sana? {P}, {P}, sama {P}.",
    "Mobil itu punya {P}.",
    "Surat kuasa dari {P} kepada {P}.",
    "Ditandatangani {P}.",
    "Hormat kami, {P}",
    "ttd {P}",
    "Yang menerima laporan, {P}, pangkat Bripda.",
    "{P} / {N}",
    "{P} ({N} th)",
    "{P}, {N} tahun, buruh harian lepas",
    "{P}, lk, {N} th, swasta, {A}",
    "1) {P} 2) {P} 3) {P}",
    "a. {P}; b. {P}; c. {P}",
    "- {P}\n- {P}\n- {P}",
    "{P} - {P} - {P}",
    "Nama lengkap : {P}",
    "Nama Panggilan: {W}",
    "Nama ayah {P}, nama ibu {P}",
    "Anak ke 2 dari {P} dan {P}",
    "Ahli waris: {P}",
    "Penjamin: {P}",
    "Kuasa hukum {P}, S.H., M.H.",
    "Jaksa penuntut umum {P}",
    "Hakim {P} memutus bersalah.",
    "Kanit Reskrim Iptu {P} membenarkan",
    "Kasat Reskrim AKP {P} menyebut",
    "Kasi Humas Ipda {P}",
    "Wakapolres Kompol {P}",
    "Babinsa Serka {P} dan Bhabinkamtibmas Aipda {P} mendatangi lokasi",
    "Camat {L}, {P}, hadir di lokasi",
    "Ketua RW {P}",
    "Kepala sekolah {P}",
    "Guru honorer {P} dianiaya wali murid bernama {P}",
    "Perawat {P} memberi pertolongan",
    "Nakhoda {P} dan ABK {P} selamat",
    "Satpam {P} memergoki pelaku",
    "Manajer {O}, {P}, mengecek gudang",
    "Pemilik kos {P} menegur {P}",
    "Mandor {P} tidak di tempat",
    "Tukang ojek {P} mengantar {P} ke {L}",
    "Kasus {P} dilimpahkan ke {O}",
    "Keluarga {P} menolak otopsi",
    "Makam {P} dibongkar",
    "rumah kontrakan {P}",
    "warung {P} di {A}",
    "toko milik {P}",
    "sawah {P}",
    "kebun sawit {P} terbakar",
    "kapal KM {W} milik {P}",
    "dipukul {P} pakai kayu",
    "ditabrak {P}",
    "dibonceng {P}",
    "diantar {P} ke {O}",
    "dijemput {P}",
    "ditemani {P}",
    "dibantu {P}",
    "dituduh {P} mencuri",
    "diajak {P} minum miras",
    "diberi tahu {P}",
    "ditolong {P} dan {P}",
    "dilerai {P}",
    "antara {P} dengan {P}",
    "antara {P} dan {P} ada hutang",
    "bersama-sama {P}",
    "termasuk {P}",
    "selain {P} ada juga {P}",
    "kecuali {P}",
    "hanya {P} yang selamat",
    "tanpa sepengetahuan {P}",
    "atas suruhan {P}",
    "melalui {P}",
    "lewat {P}",
    "untuk {P}",
    "punya {P}",
    "kata {P}",
    "suami ({P})",
    "ibu kandung ({P})",
    "istri sah {P}",
    "anak tiri {P}",
    "kakak ipar bernama {P}",
    "Perempuan itu, {P}, berteriak.",
    "Pria asal {L} itu, {P}, kabur.",
    "Seorang pemuda, {P} ({N}), diamankan di {A}.",
    "Buronan {P} ditangkap di {L}.",
    "DPO a.n. {P} alias {W}",
    "KTP atas nama {P}",
    "STNK an {P}",
    "BPKB nama {P}",
    "SIM C milik {P}",
    "paspor {P}",
    "buku tabungan {P}",
    "kwitansi {P}",
    "sertifikat tanah nama {P}",
    "transferan dari {P}",
    "hutang {P}",
    "gaji {P} belum dibayar",
    "WA dari {P}",
    "chat {P}",
    "telpon {P}",
    "hub {P}",
    "tanya {P}",
    # And ordinary sentences without one.
    "Pemeriksaan saksi dilanjutkan besok.",
    "Barang bukti disimpan di gudang.",
    "Hasil pemeriksaan dokter menunjukkan luka memar.",
    "Anggota piket menuju lokasi.",
    "Tagihan listrik belum dibayar.",
    "Saldo rekening berkurang.",
    "Sidik jari ditemukan di kaca.",
    "Cuaca saat itu hujan deras.",
    "Jalan licin dan berlubang.",
    "Lampu jalan padam sejak sore.",
    "Listrik padam di seluruh kelurahan.",
    "Warga panik dan berhamburan keluar.",
    "Api cepat membesar karena angin.",
    "Kasus masih dalam penyelidikan.",
    "Mediasi gagal mencapai kesepakatan.",
    "Kedua belah pihak sepakat berdamai secara kekeluargaan.",
    "Mobil dinas terparkir di halaman kantor.",
    "Nomor mesin telah dirusak.",
    "Penyidik memanggil para pihak.",
    "Motor ditinggal dengan kunci masih menempel.",
    "Uang muka sudah dibayarkan.",
    "Perahu karam di muara sungai.",
    "Tanah longsor menutup jalan poros.",
    "Gudang sembako dibobol pada dini hari.",
    "Kunci cadangan disimpan di laci.",
    "Rekaman kamera menunjukkan dua orang bermasker.",
    "Paket berisi pil tanpa izin edar.",
    "Timbangan digital dan plastik klip disita.",
    "Kendaraan melaju kencang dari arah bandara.",
    "Anak-anak bermain petasan.",
    "Orkes dibubarkan karena lewat waktu.",
)
_CITIES = (
    "Samarinda",
    "Balikpapan",
    "Bontang",
    "Penajam",
    "Tenggarong",
    "Sangatta",
    "Tarakan",
    "Banjarmasin",
    "Surabaya",
    "Makassar",
    "Medan",
    "Bekasi",
    "Depok",
    "Tangerang",
    "Bogor",
    "Cirebon",
    "Solo",
    "Malang",
    "Kediri",
    "Jember",
    "Mataram",
    "Kupang",
    "Ambon",
    "Ternate",
    "Sorong",
    "Jayapura",
    "Palu",
    "Kendari",
    "Gorontalo",
    "Manado",
    "Pontianak",
    "Singkawang",
    "Sampit",
    "Jambi",
    "Padang",
    "Bukittinggi",
    "Dumai",
    "Batam",
    "Lampung",
    "Serang",
    "Cilegon",
    "Garut",
    "Tasikmalaya",
    "Purwokerto",
    "Tegal",
    "Kudus",
    "Madiun",
    "Banyuwangi",
    "Bima",
    "Sepaku",
    "Loa Janan",
    "Muara Badak",
    "Samboja",
    "Palaran",
    "Sungai Kunjang",
    "Karang Paci",
    "Gunung Bahagia",
)
_STREETS = (
    "Merdeka",
    "Pahlawan",
    "Veteran",
    "Pemuda",
    "Cendrawasih",
    "Rajawali",
    "Kutilang",
    "Nuri",
    "Dahlia",
    "Bougenville",
    "Teratai",
    "Kamboja",
    "Sawo",
    "Durian",
    "Jambu",
    "Nangka",
    "Salak",
    "Majapahit",
    "Sriwijaya",
    "Pajajaran",
    "Hasanuddin",
    "Ratulangi",
    "Supratman",
    "Yos Sudarso",
    "S. Parman",
    "Gatot Subroto",
    "Teuku Umar",
    "Cut Nyak Dien",
    "Sisingamangaraja",
    "Hayam Wuruk",
    "Veteran Raya",
    "Pasar Pagi",
    "Stasiun",
    "Masjid",
    "Industri",
    "Pendidikan",
    "Kesehatan",
    "Lingkar Timur",
    "P. Suryanata",
    "KH. Wahid Hasyim",
    "A.W. Syahranie",
    "Bhayangkara",
    "Mayjen Sutoyo",
    "DI Panjaitan",
    "Dr. Sutomo",
    "Ki Hajar Dewantara",
    "Ir. Sutami",
)
_ORGANISATIONS = (
    "Polsek {L}",
    "Polres {L}",
    "Polresta {L}",
    "RSUD {L}",
    "PT Karya {W}",
    "CV Maju {W}",
    "Bank {W}",
    "SMP Negeri {N} {L}",
    "SDN {N} {L}",
    "Universitas {W}",
    "Koperasi {W}",
    "Toko {W}",
    "Hotel {W}",
    "Puskesmas {L}",
    "Polda {L}",
    "SPKT Polres {L}",
    "PT {W} {W}",
    "Warung {W}",
    "Alfamart {L}",
    "Indomaret",
    "Mall {W}",
    "RS {W}",
    "SPBU {L}",
    "Kodim {L}",
    "Masjid {W}",
    "Pasar {W}",
)
_SYLLABLES = [
    "ba",
    "bi",
    "bu",
    "da",
    "di",
    "du",
    "fa",
    "ga",
    "gi",
    "ha",
    "hi",
    "ja",
    "ju",
    "ka",
    "ki",
    "ku",
    "la",
    "li",
    "lu",
    "ma",
    "mi",
    "mu",
    "na",
    "ni",
    "nu",
    "pa",
    "ra",
    "ri",
    "ru",
    "sa",
    "si",
    "su",
    "ta",
    "ti",
    "tu",
    "wa",
    "ya",
    "yu",
    "zi",
    "tra",
    "pra",
    "kri",
    "sul",
    "wir",
    "har",
    "sur",
    "ran",
    "lin",
    "man",
    "dar",
    "yan",
    "tin",
    "gal",
    "ber",
    "tom",
    "mar",
    "nel",
    "sim",
]
_TITLES = (
    "",
    "",
    "",
    "",
    "",
    "",
    "H. ",
    "Hj. ",
    "dr. ",
    "Ir. ",
    "Drs. ",
    "M. ",
    "Moh. ",
    "Muh. ",
    "Abd. ",
    "St. ",
    "A. ",
    "I ",
    "Ni ",
    "Ny. ",
    "Tn. ",
)
_EVERY = (*_TEMPLATES, *STYLES)
_FIELD = re.compile(r"\{(\w)\}")


@dataclass
class _Invention:
    """Draws names, addresses and the rest."""

    lists: NameLists
    rng: np.random.Generator
    streets: Sequence[str] = _STREETS
    cities: Sequence[str] = _CITIES

    def pick(self, words: Sequence[str]) -> str:
        return words[int(self.rng.integers(len(words)))]

    def coined(self) -> str:
        """A word that is in no list, so that the model learns to go by what stands around a name."""
        parts = int(self.rng.integers(2, 4))
        return "".join(self.pick(_SYLLABLES) for _ in range(parts)).capitalize()

    def word(self) -> str:
        draw = self.rng.random()
        if draw < 0.3:
            return self.pick(self.lists.first)
        if draw < 0.5:
            return self.pick(self.lists.last)
        if draw < 0.65:
            return self.pick(_GIVEN_SORTED).capitalize()
        if draw < 0.82 or not self.lists.whole:
            return self.coined()
        return self.pick(self.lists.whole).split()[0]

    def person(self) -> str:
        draw = self.rng.random()
        if draw < 0.15 and self.lists.whole:
            return self.pick(self.lists.whole)
        size = 1 if draw < 0.35 else 2 if draw < 0.8 else 3
        words = [self.word() for _ in range(size)]
        if size > 1 and self.rng.random() < 0.06:
            words[-1] = words[-1][0] + "."
        if size == 3 and self.rng.random() < 0.2:
            words[1] = words[1][0] + "."
        return self.pick(_TITLES[6:] if self.rng.random() < 0.15 else ("",)) + " ".join(words)

    def address(self) -> str:
        name = (
            self.pick(self.streets)
            if self.rng.random() < 0.6
            else f"{self.word()} {self.word()}"
            if self.rng.random() < 0.5
            else self.word()
        )
        kind = self.pick(
            ("Jl. ", "Jl ", "Jln. ", "Jalan ", "Gg. ", "Gang ", "Perum ", "Komplek ", "jl.", "Dusun ", "Desa ")
        )
        text = kind + name
        if self.rng.random() < 0.5:
            text += self.pick((" No. ", " no ", " No.", " nomor ")) + self.number(3)
        if self.rng.random() < 0.4:
            text += self.pick((" RT ", " RT.", " Rt. ", " rt ")) + self.number(2)
        if self.rng.random() < 0.35:
            text += self.pick((" Kel. ", ", Kelurahan ", " kel ")) + self.pick(self.cities)
        if self.rng.random() < 0.3:
            text += self.pick((" Kec. ", ", Kecamatan ", " kec ")) + self.pick(self.cities)
        if self.rng.random() < 0.2:
            text += self.pick((", ", ", Kota ", " Kab. ")) + self.pick(self.cities)
        return text

    def number(self, most: int = 9) -> str:
        return str(int(self.rng.integers(1, 10 ** int(self.rng.integers(1, most + 1)))))

    def initials(self) -> str:
        letters = "".join(self.pick("ABDEFGHIJKLMNRSTUWYZ") for _ in range(int(self.rng.integers(1, 4))))
        return letters if self.rng.random() < 0.7 else ".".join(letters) + "."


_GIVEN_SORTED = sorted(GIVEN)


def ordinary_words(lists: NameLists, met: Collection[str]) -> frozenset[str]:
    """Words around the fields of the sentences that are made, in lower case, and of those that spaCy lists for
    Indonesian (its stop words, and what is said twice: "anak-anak") the ones `met` in text. What the lists of names
    know is left open."""
    from spacy.lang.id._tokenizer_exceptions_list import ID_BASE_EXCEPTIONS
    from spacy.lang.id.stop_words import STOP_WORDS

    written = re.findall(r"[a-z]{3,}", " ".join(_FIELD.sub(" ", template) for template in _EVERY).lower())
    listed = re.findall(r"[a-z]{3,}", " ".join([*filter(str.islower, ID_BASE_EXCEPTIONS), *STOP_WORDS]))
    ranks = lists.ranks
    return frozenset(
        [word for word in written if ranks.get(word, 0) < 2]
        + [word for word in listed if word in met and word not in ranks]
    ).difference(GIVEN)


def made_sentences(lists: NameLists, count: int, seed: int) -> list[Sentence]:
    """Sentences in an officer's style, one to three templates each, as in a narrative."""
    invention = _Invention(lists, np.random.default_rng(seed))
    made = []
    for _ in range(count):
        text = ""
        spans: list[tuple[int, int, str]] = []
        for _ in range(int(invention.rng.integers(1, 4))):
            if text:
                text += invention.pick((" ", ". ", ", ", " "))
            text = _fill(invention, invention.pick(_EVERY), text, spans)
        made.append(Sentence(text, tuple(spans)))
    return made


def _fill(invention: _Invention, template: str, text: str, spans: list[tuple[int, int, str]]) -> str:
    for at, piece in enumerate(_FIELD.split(template)):
        if at % 2 == 0:
            text += piece
            continue
        start = len(text)
        if piece == "P":
            text += invention.person()
        elif piece == "I":
            text += invention.initials()
        elif piece == "W":
            text += invention.word()
        elif piece == "A":
            text += invention.address()
        elif piece == "L":
            text += invention.pick(invention.cities)
        elif piece == "O":
            text = _fill(invention, invention.pick(_ORGANISATIONS), text, [])
        elif piece == "T":
            text += f"{int(invention.rng.integers(24)):02d}.{int(invention.rng.integers(60)):02d}"
        else:
            text += invention.number()
        kind = {"P": "PERSON", "I": "PERSON", "A": "PLACE", "L": "PLACE", "O": "ORGANISATION"}.get(piece)
        if piece == "W" and "alias" in template:
            kind = "PERSON"
        if kind:
            spans.append((start, len(text), kind))
    return text


def renamed(sentence: Sentence, lists: NameLists, rng: np.random.Generator) -> Sentence:
    """The sentence with other people's names in it."""
    invention = _Invention(lists, rng)
    text, spans, end = "", [], 0
    for start, stop, kind in sorted(sentence.spans):
        text += sentence.text[end:start]
        begin = len(text)
        text += invention.person() if kind == "PERSON" else sentence.text[start:stop]
        spans.append((begin, len(text), kind))
        end = stop
    return Sentence(text + sentence.text[end:], tuple(spans))


def misplaced(sentence: Sentence, lists: NameLists, rng: np.random.Generator) -> Sentence | None:
    """The sentence with a name put between any two of its words, so that a name is known without its context."""
    gaps = [match.start() for match in re.finditer(" ", sentence.text)]
    gaps = [gap for gap in gaps if all(not start <= gap < end for start, end, _ in sentence.spans)]
    if not gaps:
        return None
    at = gaps[int(rng.integers(len(gaps)))] + 1
    name = _Invention(lists, rng).person()
    added = name + ("," if rng.random() < 0.3 else "")
    further = len(added) + 1
    moved = [span if span[1] <= at else (span[0] + further, span[1] + further, span[2]) for span in sentence.spans]
    spans = sorted([*moved, (at, at + len(name), "PERSON")])
    return Sentence(f"{sentence.text[:at]}{added} {sentence.text[at:]}", tuple(spans))


def in_case(sentence: Sentence, upper: bool) -> Sentence | None:
    """The sentence in capitals or in small letters; None where that changes its length."""
    text = sentence.text.upper() if upper else sentence.text.lower()
    return Sentence(text, sentence.spans) if len(text) == len(sentence.text) else None
