"""Words that say which number follows them, folded so that a slip of character recognition changes nothing."""

from __future__ import annotations

from functools import lru_cache

_FOLD = str.maketrans({"i": "l", "1": "l", "|": "l", "0": "o", "5": "s", "8": "b", "c": "e", "v": "u", "n": "m"})


@lru_cache(maxsize=50_000)
def fold(word: str) -> str:
    """A lower-case word with letters that are mistaken for each other made one."""
    return word.translate(_FOLD)


_WORDS = {
    "NIK": "nik ktp ektp kependudukan nonik noktp suket identitas",
    "KK": "kk keluarga nokk",
    "NPWP": "npwp npwpd nonpwp pajak",
    "PASSPORT": "paspor passport pasport paspornya",
    "SIM": "sim nosim mengemudi",
    "NRP": "nrp",
    "NIP": "nip nipp pegawai",
    "BPJS": "bpjs kis jkn kpj jamsostek kartis bpjstk bpjskes kesehatan ketenagakerjaan",
    "PHONE": "hp telp telepon tlp tlpn telpon tel wa whatsapp handphone ponsel nohp nowa hub hubungi dihubungi "
             "dihub seluler "
    "menghubungi cp kontak phone telfon sms no_hp nomer_hp fax nelpon menelepon call",
    "ACCOUNT": "rek rekening norek bca bri bni mandiri bsi btn cimb danamon permata bankaltimtara bpd jago "
               "seabank panin ocbc "
    "mega bukopin muamalat virtual va briva dana ovo gopay shopeepay linkaja ewallet dompet kartu atm debit "
    "kredit kreditnya "
    "rekeningnya transfer ditransfer mentransfer tf bank cc brizzi jenius neobank sakuku flip",
    "IMEI": "imei",
    "PLATE": "nopol polisi plat pelat tnkb nrkb nopolnya platnya berplat registrasi noreg nopolisi stnk",
    "VEHICLE_NUMBER": "noka nosin rangka mesin vin chassis sasis norangka nomesin nokanya nosinnya ka",
}  # fmt: skip

# Folded word -> the entity it announces.
LABELS: dict[str, str] = {fold(word): kind for kind, words in _WORDS.items() for word in words.split()}
_TIED_TO = "no nomor nmr n pemegang memegang pemilik milik dan dengan dgn ke via hasil berupa"
_BEFORE = frozenset(map(fold, _TIED_TO.split()))


@lru_cache(maxsize=50_000)
def label_of(folded: str) -> str | None:
    """The entity that a folded word announces, also where a lost space ties it to the word before: "nomormesin"."""
    found = LABELS.get(folded)
    if found is None and len(folded) > 6:
        for size in range(3, len(folded) - 1):
            found = LABELS.get(folded[-size:])
            if found and folded[:-size] in _BEFORE:
                return found
        return None
    return found
