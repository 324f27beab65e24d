"""The closed list of terms that may be kept of a narrative: how it was done, what kind of place, what kind of object.

A term is one of these keys and nothing of the text. Words are matched at their beginning, in any letter case, with
slips of character recognition undone.
"""

from __future__ import annotations

import re
from functools import cache

MODUS = {
    "mencongkel": r"(?:di|men)?congkel\w*",
    "merusak_kunci": r"(?:merusak|rusak|dirusak)\w* (?:kunci|gembok|pintu|jendela)|kunci (?:kontak "
                     r")?(?:di)?rusak|gembok\w* (?:sudah )?(?:ter)?potong",
    "kunci_palsu": r"kunci (?:t|palsu|letter t|leter t|duplikat)\b",
    "memanjat": r"(?:me)?manjat\w*|lewat (?:plafon|atap|ventilasi)|melalui (?:plafon|atap|ventilasi)",
    "membobol": r"(?:mem|di)?bobol\w*|(?:mem|di)jebol\w*", "menjambret": r"(?:men|di)?jambret\w*",
    "menodong": r"(?:di)?todong\w*|menodong\w*",
    "membegal": r"(?:mem|di)?begal\w*|(?:di|me)pepet\w*|memepet\w*",
    "mengancam": r"(?:meng|di)?ancam\w*", "memukul": r"(?:di)?pukul(?!\s*\d)\w*(?! \d)|memukul\w*",
    "mengeroyok": r"(?:meng|di)?keroyok\w*|mengeroyok\w*",
    "menikam": r"(?:men|di)?tikam\w*|menikam\w*|(?:men|di)tusuk\w*|(?:mem|di)bacok\w*",
    "menendang": r"(?:men|di)tendang\w*|menendang\w*",
    "meninggalkan_kunci": r"kunci (?:masih )?(?:menempel|tertinggal|tergantung)|tanpa kunci ganda",
    "penipuan_daring": r"(?:akun|link|tautan|aplikasi|marketplace|facebook|instagram|whatsapp|online|"
                       r"daring)\b.{0,60}(?:transfer|uang|saldo|otp|tipu)",
    "kode_otp": r"(?:kode )?otp\b", "phishing": r"(?:meng|di)?klik\w* (?:tautan|link)|tautan undangan|file apk",
    "mengaku_petugas": r"mengaku\w* (?:sebagai )?(?:petugas|polisi|pegawai|karyawan|teman|keluarga)",
    "menjanjikan_kerja": r"(?:men|di)?janji\w* (?:kerja|pekerjaan)|tawar\w* (?:kerja|pekerjaan|proyek)",
    "penggelapan": r"(?:meng|di)?gelap(?:kan|an)\w*|tidak (?:di)?kembalikan",
    "menabrak": r"(?:di|ter)?tabrak\w*|menabrak\w*|(?:di|ter)?serempet\w*|menyerempet\w*",
    "melarikan_diri": r"(?:me)?larikan diri|kabur|tabrak lari", "membakar": r"(?:mem|di)bakar\w*",
    "melempar": r"(?:me|di)lempar\w*",
    "menyimpan_narkotika": r"(?:paket|poket|klip)\b.{0,30}(?:sabu|kristal|ganja)|(?:sabu|ganja|ekstasi|pil koplo)\b",
    "memasuki_rumah_kosong": r"rumah (?:dalam keadaan )?kosong|(?:di)?tinggal (?:mudik|pergi)|penghuni pergi",
}  # fmt: skip
PLACES = {
    "rumah": r"rumah\b|kontrakan|kos(?:an|t)?\b|kost\b|asrama|perumahan",
    "toko": r"toko\b|kios\b|warung|minimarket|ruko\b|swalayan|mall?\b|butik", "pasar": r"pasar\b",
    "parkiran": r"parkir\w*",
    "jalan": r"jalan raya|pinggir jalan|tepi jalan|persimpangan|simpang\b|perempatan|pertigaan|jembatan|"
             r"tanjakan|tikungan",
    "sekolah": r"sekolah|kampus|universitas|pesantren|sd\b|smp\b|sma\b|smk\b",
    "tempat_ibadah": r"masjid|mushola|musholla|gereja|pura\b|vihara|klenteng", "kantor": r"kantor\b|gedung",
    "bank_atm": r"\batm\b|mesin atm|kantor bank", "fasilitas_kesehatan": r"rumah sakit|puskesmas|klinik|rsud|apotek",
    "penginapan": r"hotel|penginapan|wisma|losmen", "pelabuhan": r"pelabuhan|dermaga|bandara|terminal|stasiun",
    "spbu": r"spbu|pom bensin", "kebun": r"kebun|ladang|sawah|hutan", "proyek": r"proyek|gudang|tambang|pabrik",
    "taman": r"taman\b|lapangan|pantai",
    "media_daring": r"facebook|instagram|tiktok|whatsapp|telegram|online|daring|marketplace|shopee|tokopedia",
}  # fmt: skip
OBJECTS = {
    "sepeda_motor": r"sepeda motor|motor\b|\br2\b|ranmor",
    "mobil": r"mobil|\br4\b|pick ?up|truk|truck",
    "telepon": r"\bhp\b(?!\W*¤)|handphone|ponsel|telepon genggam|iphone|smartphone",
    "komputer": r"laptop|komputer|notebook|tablet",
    "uang": r"uang\b|\brp\b|rupiah",
    "perhiasan": r"perhiasan|emas\b|kalung|cincin|gelang",
    "dompet_tas": r"dompet|\btas\b",
    "dokumen": r"\bktp\b|\bstnk\b|\bbpkb\b|sertifikat|ijazah|paspor",
    "elektronik": r"televisi|\btv\b|mesin cuci|kulkas|pompa air|genset|kipas",
    "tabung_gas": r"tabung gas|elpiji|lpg\b",
    "sembako": r"sembako|beras|rokok",
    "bahan_bangunan": r"kabel|tembaga|\bbesi\b|semen\b",
    "bahan_bakar": r"solar\b|bensin|pertalite|bbm\b",
    "ternak": r"\bsapi\b|kambing|ayam\b|ternak",
    "senjata_tajam": r"parang|pisau|badik|celurit|mandau|golok|senjata tajam|sajam",
    "senjata_api": r"senjata api|senpi|pistol|airsoft",
    "narkotika": r"sabu|ganja|ekstasi|narkotika|narkoba|pil koplo",
    "minuman_keras": r"miras|minuman keras|tuak\b",
    "saldo_rekening": r"saldo|rekening|m-?banking|dompet digital",
    "sepeda": r"sepeda(?! motor)",
}  # fmt: skip

# Minors, and victims of sexual or domestic violence and trafficking: of such a narrative nothing is kept.
_MINOR_AGE = (
    r"(?:umur|usia|berumur|berusia)\W{0,3}(?:\d|1[0-7])\b(?!\s*(?:bulan|hari)\W+lalu)|\b(?:\d|1[0-7]) ?(?:th|"
    r"thn|tahun)\b(?! (?:lalu|yang lalu|penjara))"
)
_PROTECTED = (
    _MINOR_AGE + r"|di ?bawah umur|dibawah umur|balita|bayi\b|anak (?:kandung|tiri|perempuan|laki|di|berusia|"
                 r"berumur)|(?:pe|ber)?cabul\w*|pencabulan|"
    r"(?:per|di|men|me)?setubuh\w*|perkosa\w*|rudapaksa|pelecehan|dilecehkan|melecehkan|asusila|kekerasan "
    r"seksual|tpks|incest|sodomi|"
    r"\bkdrt\b|kekerasan dalam rumah tangga|\btppo\b|perdagangan (?:orang|anak)|prostitusi|\bpsk\b|eksploitasi|"
    r"siswi|santriwati|korban anak|pelajar (?:sd|smp|sma|smk)"
)  # fmt: skip


@cache
def _compiled(kind: str) -> tuple[tuple[str, re.Pattern[str]], ...]:
    lists = {"modus": MODUS, "place": PLACES, "object": OBJECTS}[kind]
    return tuple((term, re.compile(rf"(?<![^\W_])(?:{words})")) for term, words in lists.items())


_IS_PROTECTED = re.compile(rf"(?<![^\W_])(?:{_PROTECTED})")


def terms_of(lower: str, kind: str) -> tuple[str, ...]:
    """Terms of a kind ("modus", "place" or "object") that a lower-case text speaks of, in the order of the list."""
    return tuple(term for term, pattern in _compiled(kind) if pattern.search(lower))


def is_protected(lower: str) -> bool:
    """Whether a lower-case text speaks of a minor, or of sexual or domestic violence or trafficking."""
    return bool(_IS_PROTECTED.search(lower))
