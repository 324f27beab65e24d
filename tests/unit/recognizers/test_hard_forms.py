"""What officers, scanners and haste make of an identifier: slips of recognition, lost and added spaces, other marks,
and forms that are rarely met. Each is found whole; what only looks alike is left."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Find = Callable[[str, str], list[str]]

FOUND = [
    ("NIK", "identitas NIK : 647203I408880OO5 (hasil scan)", "647203I408880OO5"),
    ("NIK", "NIK 64.71.05.120490.0003 dicatat", "64.71.05.120490.0003"),
    ("REPORT_NUMBER", "dari LP / B / 55 / I / 2025 / SPKT / POLSEK BALIKPAPAN UTARA / POLDA KALTIM tanggal 2",
     "LP / B / 55 / I / 2025 / SPKT / POLSEK BALIKPAPAN UTARA / POLDA KALTIM"),
    ("REPORT_NUMBER", "laporanLP/B/69/II/2024/SPKT/Polsek Waru telah", "LP/B/69/II/2024/SPKT/Polsek Waru"),
    ("REPORT_NUMBER", "berdasarkan Sprin/212/V/RES.1.8./2025/Reskrim tim", "Sprin/212/V/RES.1.8./2025/Reskrim"),
    ("PLATE", "truk platKT 8871 LM kabur", "KT 8871 LM"),
    ("PLATE", "Nopol : K T 1 2 3 4 A B terbaca", "K T 1 2 3 4 A B"),
    ("PLATE", "mobil dinas TNI 1234-XIX dan 12045-07 terlihat", "12045-07"),
    ("PLATE", "nopol kt1234ab warna putih", "kt1234ab"),
    ("VEHICLE_NUMBER", "BPKB nomor N-01234567 disita", "N-01234567"),
    ("VEHICLE_NUMBER", "no mesim VM7131223 tercatat", "VM7131223"),
    ("PASSPORT", "pemegangpaspor E 1654908 ditahan", "E 1654908"),
    ("DATE_OF_BIRTH", "lahir di Berau 15 Mci 1992", "15 Mci 1992"),
    ("DATE_OF_BIRTH", "lahir pada lima Mei seribu sembilan ratus sembilan puluh satu",
     "lima Mei seribu sembilan ratus sembilan puluh satu"),
    ("DATE_OF_BIRTH", "kelahiran Mei 1991", "Mei 1991"),
    ("PHONE", "hp 0 8 1 2 3 4 5 6 7 8 9 0 aktif", "0 8 1 2 3 4 5 6 7 8 9 0"),
    ("PHONE", "hp 0812.3456.7890 aktif", "0812.3456.7890"),
    ("EMAIL", "email andi.k at gmail.com dipakai", "andi.k at gmail.com"),
    ("SOCIAL", "akun instagram travel_umroh.berkah dipakai", "travel_umroh.berkah"),
    ("SOCIAL", "akun IG@mas_wagiman hilang", "@mas_wagiman"),
    ("ACCOUNT", "dompet kripto 0x52908400098527886E0F7030069857D2E4169EE7 menerima",
     "0x52908400098527886E0F7030069857D2E4169EE7"),
    ("IMEI", "alamat mac A4:5E:60:C2:1B:7F perangkat", "A4:5E:60:C2:1B:7F"),
    ("COORDINATES", "di koordinat S 01 15.923 E 116 49.872 terdapat", "S 01 15.923"),
    ("COORDINATES", "posisi 0 30 7.6 LS 117 9 13.3 BT tepat", "117 9 13.3 BT"),
    ("COORDINATES", "UTM 50M 481234 9860123 patok", "50M 481234 9860123"),
    ("ADDRESS", "korban lari ke Jl. Sutoyo depan Gg. Karya Bersama lalu", "Jl. Sutoyo depan Gg. Karya Bersama"),
    ("ADDRESS", "motor korban hilang di kosan jl pramuka gg 8 no 12", "jl pramuka gg 8 no 12"),
    ("PERSON", "Aipda M. Fadli, S.H., M.Si telah memeriksa", "M. Fadli, S.H., M.Si"),
    ("PERSON", "tas milik Ngatirah Batuallo dirampas dua orang", "Ngatirah Batuallo"),
    ("PERSON", "terlapor mengancam Abd. Wagirin dengan parang", "Abd. Wagirin"),
    ("PERSON", "sabu dibeli dari Om Beng di pelabuhan", "Om Beng"),
    ("PERSON", "pelaku bernama Rudi Hartono als Gondrong ditangkap", "Rudi Hartono als Gondrong"),
]  # fmt: skip


@pytest.mark.parametrize(("entity", "text", "value"), FOUND)
def test_found_in_every_case(find: Find, in_case: Callable[[str], str], entity: str, text: str, value: str) -> None:
    found = find(entity, in_case(text))
    assert any(in_case(value) in one for one in found), found


LEFT = [
    ("PLATE", "laka R2 melawan R4 di simpang"),
    ("PLATE", "pesawat Airbus A320 dan dua kapal"),
    ("EMAIL", "akun fb nya @riko.jualhp"),
    ("ETHNICITY", "Pada abad lampau suku Jawa dan suku Sunda mendiami pulau itu dan menanam padi di lereng gunung."),
    ("ADDRESS", "Penduduk Desa Karangasem menanam singkong, dan pasokan air datang dari lereng sebelah utara pulau."),
    ("PERSON", "Korban memesan barang lewat aplikasi, lalu pelaku menghilang dan pesanan tidak dikirim."),
    ("ACCOUNT", "perdana 12 orang datang"),
]


@pytest.mark.parametrize(("entity", "text"), LEFT)
def test_left_alone(find: Find, entity: str, text: str) -> None:
    assert find(entity, text) == []
