"""Each identifier, by its own recognizer: what it finds in three letter cases, and what it leaves alone."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Find = Callable[[str, str], list[str]]

FOUND = [
    ("NIK", "KTP dengan NIK 6471051204900003 milik pelapor", "6471051204900003"),
    ("NIK", "nomor 6471 0512 0490 0003 tercatat", "6471 0512 0490 0003"),
    ("NIK", "NIK: 6.4.7.1.0.5.1.2.0.4.9.0.0.0.0.3.", "6.4.7.1.0.5.1.2.0.4.9.0.0.0.0.3"),
    ("NIK", "NIK6471051204900003beralamat", "6471051204900003"),
    ("NIK", "NIK 9971057504900000 keliru pun dihapus", "9971057504900000"),
    ("KK", "Nomor KK 6471051204100003", "6471051204100003"),
    ("NPWP", "NPWP 01.234.567.4-711.000", "01.234.567.4-711.000"),
    ("NPWP", "NPWP: 012345674711000", "012345674711000"),
    ("NPWP", "NPWP 0012345674711000 berlaku", "0012345674711000"), ("PASSPORT", "paspor nomor C1234567", "C1234567"),
    ("PASSPORT", "paspor RI XB 123456", "XB 123456"), ("SIM", "SIM C 8506-1234-567890", "8506-1234-567890"),
    ("SIM", "SIM A: 850612345678", "850612345678"), ("BPJS", "kartu BPJS 0001234567890", "0001234567890"),
    ("BPJS", "KPJ 12345678901", "12345678901"),
    ("DATE_OF_BIRTH", "lahir di Samarinda, 12 April 1990", "12 April 1990"),
    ("DATE_OF_BIRTH", "Ttl Paser, 03-11-1988", "03-11-1988"), ("DATE_OF_BIRTH", "tgl lahir: 3/4/75", "3/4/75"),
    ("REPORT_NUMBER", "LP/B/123/IV/2024/SPKT/POLRES BONTANG tanggal", "LP/B/123/IV/2024/SPKT/POLRES BONTANG"),
    ("REPORT_NUMBER", "dengan LP-B/12/X/2023/Reskrim.", "LP-B/12/X/2023/Reskrim"),
    ("REPORT_NUMBER", "surat SP.Sidik/7/III/2022/Reskrim", "SP.Sidik/7/III/2022/Reskrim"),
    ("NRP", "Aipda Rahmat NRP 85061234", "85061234"), ("NRP", "NRP. 8506 1234", "8506 1234"),
    ("NRP", "Bripka Andi / 8506 1234 menerima", "8506 1234"),
    ("NIP", "NIP 19850612 201001 1 002", "19850612 201001 1 002"),
    ("NIP", "NIP 198506122010011002", "198506122010011002"), ("PLATE", "motor KT 1234 AB hilang", "KT 1234 AB"),
    ("PLATE", "nopol B1234XYZ", "B1234XYZ"), ("PLATE", "nopol DA-777-K", "DA-777-K"),
    ("PLATE", "mobil dinas RI 12", "RI 12"), ("PLATE", "mobil CD 45 12", "CD 45 12"),
    ("PLATE", "plat dinas 1234-IX", "1234-IX"), ("PLATE", "pelat dinas 4512-07", "4512-07"),
    ("VEHICLE_NUMBER", "noka MH1JFZ110JK123456", "MH1JFZ110JK123456"),
    ("VEHICLE_NUMBER", "nosin JFZ1E-1123456", "JFZ1E-1123456"),
    ("VEHICLE_NUMBER", "nomor mesin 2TX-849131", "2TX-849131"), ("PHONE", "HP 0812-3456-7890", "0812-3456-7890"),
    ("PHONE", "hubungi +62 812 3456 7890", "+62 812 3456 7890"),
    ("PHONE", "hub 081234567890 segera", "081234567890"), ("PHONE", "telepon (0541) 123456", "(0541) 123456"),
    ("PHONE", "HP 08l2345678 9O", "08l2345678 9O"),
    ("EMAIL", "kirim ke budi.s99@contoh.co.id ya", "budi.s99@contoh.co.id"),
    ("EMAIL", "kirim ke budi @ gmail.com", "budi @ gmail.com"),
    ("EMAIL", "kirim ke budi(at)gmail[dot]com", "budi(at)gmail[dot]com"), ("SOCIAL", "akun IG @budi_99", "@budi_99"),
    ("SOCIAL", "lihat instagram.com/budi_99", "instagram.com/budi_99"),
    ("SOCIAL", "username budi_99 di Telegram", "budi_99"), ("ACCOUNT", "rekening BCA 1234567890", "1234567890"),
    ("ACCOUNT", "rek BRI 0123-01-012345-50-1", "0123-01-012345-50-1"),
    ("ACCOUNT", "saldo DANA 081234567890", "081234567890"), ("IMEI", "IMEI 490154203237518", "490154203237518"),
    ("IMEI", "IMEI 1: 49-015420-323751-8", "49-015420-323751-8"),
    ("ADDRESS", "di Jl. Ahmad Yani No. 45 RT 03 RW 05 Kel. Damai Kec. Kota "
                "pada", "Jl. Ahmad Yani No. 45 RT 03 RW 05 Kel. Damai Kec. Kota"),
    ("ADDRESS", "tinggal di Gg. Mawar 3 RT. 12", "Gg. Mawar 3 RT. 12"),
    ("ADDRESS", "rumah di Perum Griya Asri Blok C2 No. 7, sejak", "Perum Griya Asri Blok C2 No. 7"),
    ("ADDRESS", "di RT 07/RW 02 Kelurahan Teritip telah", "RT 07/RW 02 Kelurahan Teritip"),
    ("COORDINATES", "titik -1.26540, 116.83120", "-1.26540, 116.83120"),
    ("COORDINATES", "di 1°15'55.4\" LS dan", "1°15'55.4\" LS"), ("COORDINATES", "lat: -1.2654 jauh", "-1.2654"),
    ("RELIGION", "agama Kristen, pekerjaan", "Kristen"), ("ETHNICITY", "suku Banjar, alamat", "Banjar"),
    ("PERSON", "Sdr. Budi Santoso menerangkan", "Budi Santoso"),
    ("PERSON", "seorang bernama Ngatinah datang", "Ngatinah"),
    ("PERSON", "pelapor a.n. Hendra Wijaya", "Hendra Wijaya"),
    ("PERSON", "Aipda Rahmat Hidayat menerima", "Rahmat Hidayat"),
    ("PERSON", "pelaku alias Ucok Bacok lari", "Ucok Bacok"),
    ("PERSON", "korban Siti Aminah terluka", "Siti Aminah"), ("PERSON", "inisial RS ditangkap", "RS"),
]  # fmt: skip


@pytest.mark.parametrize(("entity", "text", "value"), FOUND)
def test_found_in_every_case(find: Find, in_case: Callable[[str], str], entity: str, text: str, value: str) -> None:
    found = find(entity, in_case(text))
    assert any(in_case(value) in one for one in found), found


LEFT = [
    ("NIK", "kerugian Rp 6471051204900003"),
    ("NIK", "nomor 647105120490 saja"),
    ("KK", "6471051204100003 tanpa sebutan"),
    ("NPWP", "kerugian Rp 15.000.000"),
    ("PASSPORT", "blok C12 lantai 3"),
    ("SIM", "pukul 12.30 wita"),
    ("BPJS", "sebanyak 12 orang"),
    ("DATE_OF_BIRTH", "kejadian tanggal 12 April 2024 pukul 10.30"),
    ("REPORT_NUMBER", "dan/atau jalan kaki"),
    ("NRP", "pukul 08.30 sebanyak 12 orang"),
    ("NIP", "tanggal 12-04-2024"),
    ("PLATE", "di RT 12 RW 05"),
    ("PLATE", "sekitar jam 10 malam ada 3 orang"),
    ("VEHICLE_NUMBER", "mesin pompa air hilang"),
    ("PHONE", "tanggal 12-04-2024 pukul 10.30"),
    ("EMAIL", "datang @ rumah"),
    ("SOCIAL", "akun milik korban diretas"),
    ("ACCOUNT", "rekening korban dikuras Rp 15.000.000"),
    ("IMEI", "rugi Rp 490154203237518"),
    ("ADDRESS", "korban berjalan kaki ke pasar"),
    ("COORDINATES", "nilai 12,5 dan 13,25"),
    ("RELIGION", "masyarakat sedang berkumpul"),
    ("ETHNICITY", "saldo terkuras, pelapor marah"),
    ("PERSON", "korban melihat pelaku lari ke arah jalan"),
]


@pytest.mark.parametrize(("entity", "text"), LEFT)
def test_left_alone_in_every_case(find: Find, in_case: Callable[[str], str], entity: str, text: str) -> None:
    assert find(entity, in_case(text)) == []


def test_every_entity_is_found_and_left_alone_somewhere() -> None:
    from ingestion.minimise.recognizers import ENTITIES

    assert {entity for entity, *_ in FOUND} == {entity for entity, _ in LEFT} == set(ENTITIES)
