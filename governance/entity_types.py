"""The kinds of personal data that are looked for in narratives, as the officer reads them.

A closed list: what a reviewer marks is one of these, so that no mark can carry text.
"""

from __future__ import annotations

KINDS = {
    "PERSON": "Nama orang",
    "ADDRESS": "Alamat",
    "NIK": "NIK",
    "KK": "Kartu keluarga",
    "NPWP": "NPWP",
    "PASSPORT": "Paspor",
    "SIM": "SIM",
    "REPORT_NUMBER": "Nomor laporan polisi",
    "NRP": "NRP",
    "NIP": "NIP",
    "BPJS": "BPJS",
    "PLATE": "Pelat nomor",
    "VEHICLE_NUMBER": "Nomor rangka atau mesin",
    "PHONE": "Telepon",
    "EMAIL": "Surel",
    "COORDINATES": "Koordinat",
    "ACCOUNT": "Rekening atau dompet digital",
    "IMEI": "IMEI",
    "DATE_OF_BIRTH": "Tanggal lahir",
    "SOCIAL": "Akun media sosial",
    "RELIGION": "Agama",
    "ETHNICITY": "Suku",
}
