"""Record of processing activities (UU 27/2022, article 31), derived from the contracts, never written by hand."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from governance.marts import Mart
    from ingestion.contract import Contract

# One row a feed. Titles are what the officer reads, in the language of the law.
TITLES: Mapping[str, str] = {
    "feed": "Aliran data",
    "title": "Judul",
    "owner": "Pemilik data",
    "entity": "Jenis data",
    "purpose": "Tujuan",
    "legal_basis": "Dasar pemrosesan",
    "personal_columns": "Kolom data pribadi",
    "specific_columns": "Kolom data pribadi spesifik",
    "kept": "Disimpan",
    "generalised": "Digeneralisasi",
    "pseudonymised": "Disamarkan",
    "extracted": "Diambil istilahnya",
    "redacted": "Disunting",
    "dropped": "Dibuang",
    "retention_days": "Retensi (hari)",
    "cadence": "Jadwal",
    "is_synthetic": "Sintetis",
    "contract_version": "Versi kontrak",
    "contract_digest": "Sidik kontrak",
}
_ACTIONS = {
    "kept": "keep",
    "generalised": "generalise",
    "pseudonymised": "pseudonymise",
    "extracted": "extract",
    "redacted": "redact",
    "dropped": "drop",
}


def processing_record(contracts: Sequence[Contract]) -> pl.DataFrame:
    """One row a feed, by name: who delivers what, why, on which basis, what becomes of each column, for how long.

    Columns are those of TITLES; lists of columns are text, joined by ", "; names only, never a value.
    """
    import polars as pl

    schema: dict[str, pl.DataType] = dict.fromkeys(TITLES, pl.String())
    schema |= {"retention_days": pl.Int64(), "is_synthetic": pl.Boolean()}
    rows = [_row(contract) for contract in sorted(contracts, key=lambda contract: contract.feed)]
    return pl.DataFrame(rows, schema=schema)


def _row(contract: Contract) -> dict[str, object]:
    columns = contract.columns
    by_action = {
        title: ", ".join(column.name for column in columns if column.action == action)
        for title, action in _ACTIONS.items()
    }
    return {
        "feed": contract.feed,
        "title": contract.title,
        "owner": contract.owner,
        "entity": contract.entity,
        "purpose": contract.purpose,
        "legal_basis": contract.legal_basis,
        "personal_columns": ", ".join(c.name for c in columns if c.classification == "personal"),
        "specific_columns": ", ".join(c.name for c in columns if c.classification == "specific"),
        **by_action,
        "retention_days": contract.retention_days,
        "cadence": contract.cadence,
        "is_synthetic": contract.is_synthetic,
        "contract_version": contract.version,
        "contract_digest": contract.digest,
    }


def as_markdown(contracts: Sequence[Contract], marts: Sequence[Mart] = (), *, controller: str) -> str:
    """The record as a document: one section a feed, then who receives what is made of it. `controller` names the
    city (pengendali data pribadi)."""
    lines = [
        f"# Rekaman kegiatan pemrosesan data pribadi: {controller}",
        "",
        "Dibuat dari kontrak data (UU 27/2022 pasal 31). Nama kolom saja, tanpa isi.",
    ]
    for row in processing_record(contracts).iter_rows(named=True):
        lines += ["", f"## {row['feed']}", "", "| Hal | Isi |", "| --- | --- |"]
        lines += [f"| {title} | {_cell(row[name])} |" for name, title in TITLES.items() if name != "feed"]
    if marts:
        lines += [
            "",
            "## Penerima",
            "",
            "| Tabel | Penerima | Pemilik | Aturan pengungkapan |",
            "| --- | --- | --- | --- |",
        ]
        lines += [
            f"| {mart.name} | {_cell(mart.audience)} | {_cell(mart.owner)} | {_cell(mart.disclosure)} |"
            for mart in marts
        ]
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "ya" if value else "tidak"
    return " ".join(str(value).split()).replace("|", "\\|") if value not in (None, "") else "-"
