"""Disclosure control: what a mart must declare, and what may not stand in it, before its audience gets it.

Findings name mart, column and rule, never a value. What is not checked yet is listed in every outcome, so that
nobody takes a passed check for more than it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from governance.bands import settled
from governance.marts import AUDIENCES, Mart

if TYPE_CHECKING:
    import polars as pl

SMALLEST_SHOWN = 8
DONE = (
    "every mart declares audience, grain, disclosure rule and owner",
    "the columns are exactly the declared ones",
    "one row per grain",
    "no count between 1 and 7 in a column declared as count, nor in the text of a band",
    "no column that looks like a count is left undeclared",
    "bands of wider regions and of quarters are the sums of the bands in them",
    "column lineage: nothing that ends in staging is read by another model (infra/build/lineage.py, at each build)",
    "a settled band stays as last released until its count has moved two bands away",
    "no column named or classified as person, plate, face, device, record key, exact time or point, religion, or "
    "ethnicity",
)
NOT_DONE = (
    "attack on this release (the attack is a test of the code: tests/unit/governance/test_attack.py)",
    "cell keys",
    "approval by a second person",
)

# Words of a column's name, Indonesian and English. Compared with whole words of the snake-case name, so that
# `region_name` or `rank` are not caught by a part of them.
_FORBIDDEN_WORDS: Mapping[str, frozenset[str]] = {
    "person": frozenset(
        [
            "nik",
            "kk",
            "npwp",
            "passport",
            "paspor",
            "sim",
            "nip",
            "nrp",
            "bpjs",
            "ktp",
            "person",
            "orang",
            "victim",
            "korban",
            "suspect",
            "tersangka",
            "witness",
            "saksi",
            "reporter",
            "pelapor",
            "offender",
            "pelaku",
            "child",
            "anak",
            "email",
            "phone",
            "telepon",
            "hp",
            "msisdn",
            "surname",
            "alias",
            "birth",
            "lahir",
            "officer_name",
            "nama_lengkap",
            "full_name",
            "first_name",
            "last_name",
            "address",
            "alamat",
            "account",
            "rekening",
            "narrative",
            "narasi",
            "uraian",
        ]
    ),
    "plate": frozenset(["plate", "plat", "nopol", "license_plate", "vehicle_token", "plate_token"]),
    "face": frozenset(["face", "wajah", "facial", "biometric", "biometrik", "embedding"]),
    "device": frozenset(["device", "imei", "imsi", "mac", "perangkat", "serial"]),
    "record key": frozenset(
        [
            "record_key",
            "row_digest",
            "source_key",
            "camera_key",
            "camera_id",
            "report_number",
            "record_number",
            "nomor_laporan",
            "batch_digest",
        ]
    ),
    "exact point": frozenset(
        ["longitude", "latitude", "lat", "lon", "lng", "bujur", "lintang", "geom", "geometry", "point", "wkb"]
    ),
    "religion": frozenset(["religion", "religious", "agama"]),
    "ethnicity": frozenset(["ethnicity", "ethnic", "etnis", "ras", "race", "suku"]),
}
_FORBIDDEN_CLASSES = frozenset({"personal", "specific"})
_COUNT_NAME = re.compile(
    r"^(n|n_.+|.+_n|counts?|.+_counts?|incidents|calls|events|cases|jumlah|jumlah_.+|kasus|kejadian|total_(?:incidents|calls|events))$"
)


@dataclass(frozen=True)
class Finding:
    """One reason not to release: `column` is empty where the mart as a whole is meant."""

    mart: str
    column: str
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.mart}{'.' + self.column if self.column else ''}: {self.message}"


@dataclass(frozen=True)
class DisclosureOutcome:
    """What was found over an audience's marts. `done` and `not_done` say which checks exist at all."""

    findings: tuple[Finding, ...]
    done: tuple[str, ...] = DONE
    not_done: tuple[str, ...] = NOT_DONE

    @property
    def passed(self) -> bool:
        return not self.findings


def check_mart(mart: Mart, frame: pl.DataFrame) -> tuple[Finding, ...]:
    """Every finding of one mart: `frame` holds its rows as they would be published."""
    return (
        *check_declaration(mart),
        *check_columns(mart, frame),
        *_check_grain(mart, frame),
        *_check_counts(mart, frame),
        *_check_totals(mart, frame),
    )


def check_declaration(mart: Mart) -> tuple[Finding, ...]:
    """What the mart's YAML leaves unsaid; needs no data."""
    found = []
    for name in ("audience", "grain", "disclosure", "owner"):
        if not getattr(mart, name):
            found.append(Finding(mart.name, "", "declared", f"declares no {name}: add it to meta in the mart's YAML"))
    if mart.audience and mart.audience not in AUDIENCES:
        found.append(Finding(mart.name, "", "declared", f"declares an unknown audience: one of {', '.join(AUDIENCES)}"))
    if mart.name == "release":
        found.append(Finding(mart.name, "", "declared", "has the name of the release's own table: rename the mart"))
    if not mart.columns:
        found.append(Finding(mart.name, "", "declared", "declares no columns: add them to the mart's YAML"))
    return tuple(found)


def check_columns(mart: Mart, frame: pl.DataFrame) -> tuple[Finding, ...]:
    """Columns that are not the declared ones, and columns that no audience may get."""
    import polars as pl

    declared = {column.name: column for column in mart.columns}
    found = []
    if declared:
        for name in frame.columns:
            if name not in declared:
                found.append(Finding(mart.name, name, "columns", "is not declared in the mart's YAML"))
        for name in declared:
            if name not in frame.columns:
                found.append(
                    Finding(mart.name, name, "columns", "is declared but not in the table: build the marts again")
                )
    for name in mart.counts + mart.not_counts:
        if name not in frame.columns:
            found.append(
                Finding(mart.name, name, "columns", "is named in meta counts or not_counts but not in the table")
            )
    for name, dtype in frame.schema.items():
        column = declared.get(name)
        kind = forbidden_kind(name)
        if kind:
            found.append(Finding(mart.name, name, "identifying", f"names a {kind}, which ends in staging"))
        if column is not None and column.classification in _FORBIDDEN_CLASSES:
            found.append(
                Finding(mart.name, name, "identifying", f"is classified {column.classification}, which ends in staging")
            )
        is_stamp = isinstance(dtype, pl.Datetime | pl.Time) or dtype in (pl.Datetime, pl.Time)
        if is_stamp and not (column is not None and column.is_system_time):
            found.append(
                Finding(
                    mart.name,
                    name,
                    "exact time",
                    "holds a time of day: publish a date or an hour band, or declare meta system_time where it tells "
                    "when the lakehouse did something",
                )
            )
        if dtype == pl.Binary:
            found.append(Finding(mart.name, name, "identifying", "holds bytes, whose content no check can read"))
    return tuple(found)


def forbidden_kind(name: str) -> str | None:
    """Which forbidden kind a column's name tells of, None where none."""
    words = name.lower().split("_")
    for kind, forbidden in _FORBIDDEN_WORDS.items():
        for phrase in forbidden:
            parts = phrase.split("_")
            if any(words[start : start + len(parts)] == parts for start in range(len(words) - len(parts) + 1)):
                return kind
    return None


def _check_grain(mart: Mart, frame: pl.DataFrame) -> tuple[Finding, ...]:
    missing = [name for name in mart.grain if name not in frame.columns]
    if missing:
        return tuple(Finding(mart.name, name, "grain", "is in the grain but not in the table") for name in missing)
    if mart.grain and frame.select(mart.grain).is_duplicated().any():
        return (Finding(mart.name, "", "grain", f"has more than one row for {' x '.join(mart.grain)}"),)
    return ()


def _check_counts(mart: Mart, frame: pl.DataFrame) -> tuple[Finding, ...]:
    import polars as pl

    found = []
    for name, dtype in frame.schema.items():
        if name in mart.not_counts:
            continue
        looks_like_one = bool(_COUNT_NAME.match(name.lower()))
        if name in mart.counts or (dtype == pl.String and (looks_like_one or name.endswith("_band"))):
            # A band is text, and so may hold the very number that it should hide.
            number = pl.col(name) if dtype.is_numeric() else pl.col(name).cast(pl.String).cast(pl.Float64, strict=False)
            # Between, not a list of whole numbers: a count kept as DECIMAL or double must not slip through as 2.0001.
            is_small = (number > 0) & (number < SMALLEST_SHOWN)
            if frame.select(is_small.any()).item():
                found.append(
                    Finding(
                        mart.name,
                        name,
                        "small count",
                        f"holds counts under {SMALLEST_SHOWN}: show them as a band in the mart",
                    )
                )
        elif dtype.is_numeric() and looks_like_one:
            found.append(
                Finding(
                    mart.name,
                    name,
                    "undeclared count",
                    "looks like a count: name it in meta counts, or in not_counts where it counts neither events nor "
                    "persons",
                )
            )
    return tuple(found)


def _check_totals(mart: Mart, frame: pl.DataFrame) -> tuple[Finding, ...]:
    """A total that was counted, and not added up of what its parts show, gives back the part that is left."""
    found = []
    for name in mart.settled:
        if not {name, *mart.grain} <= set(frame.columns):
            found.append(Finding(mart.name, name, "totals", "is declared settled but not in the table with its grain"))
        elif not settled(frame, frame, name, mart.grain)[name].equals(frame[name]):
            found.append(Finding(mart.name, name, "totals", "holds totals that are not the sums of the bands in them"))
    return tuple(found)
