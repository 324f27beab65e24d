"""What may not stand in a mart, and what it must say of itself, before its audience gets it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

import polars as pl
import pytest

from governance.disclosure import Finding, check_declaration, check_mart, forbidden_kind
from governance.marts import Mart, MartColumn, marts_from_nodes

Make = Callable[..., Mart]


def rules(found: tuple[Finding, ...]) -> list[tuple[str, str]]:
    return [(finding.rule, finding.column) for finding in found]


def of(mart: Make, frame: pl.DataFrame, **said: object) -> tuple[Finding, ...]:
    """Findings of a mart whose declared columns are those of the frame."""
    return check_mart(mart(columns=tuple(frame.columns), **{"grain": (frame.columns[0],), **said}), frame)


def test_a_mart_that_says_everything_and_holds_rates_passes(mart: Make) -> None:
    assert check_mart(mart(), pl.DataFrame({"region_code": ["64.01", "64.02"], "value": [1.5, 2.5]})) == ()


@pytest.mark.parametrize("name", ["audience", "grain", "disclosure", "owner"])
def test_what_is_not_declared_is_named(mart: Make, name: str) -> None:
    empty = () if name == "grain" else ""
    found = check_declaration(mart(**{name: empty}))
    assert [str(finding) for finding in found] == [f"index: declares no {name}: add it to meta in the mart's YAML"]


def test_an_unknown_audience_and_the_name_of_the_releases_own_table_are_refused(mart: Make) -> None:
    assert rules(check_declaration(mart(audience="everyone"))) == [("declared", "")]
    assert rules(check_declaration(mart("release"))) == [("declared", "")]


@pytest.mark.parametrize("count", [1, 7, 7.5, 0.5, Decimal("2.0001")])
def test_a_count_under_eight_is_a_finding_whatever_its_type(mart: Make, count: object) -> None:
    frame = pl.DataFrame({"region_code": ["a", "b"], "incidents": [count, type(count)(40)]})  # type: ignore[call-arg]
    assert rules(of(mart, frame, counts=("incidents",))) == [("small count", "incidents")]


@pytest.mark.parametrize("count", [0, 8, 15, None])
def test_nothing_and_eight_or_more_are_no_finding(mart: Make, count: int | None) -> None:
    frame = pl.DataFrame({"region_code": ["a"], "incidents": pl.Series([count], dtype=pl.Int64)})
    assert of(mart, frame, counts=("incidents",)) == ()


@pytest.mark.parametrize(("text", "is_found"), [("<8", False), ("15", False), ("3", True), ("7", True)])
def test_a_band_may_not_hold_the_number_it_hides(mart: Make, text: str, is_found: bool) -> None:
    frame = pl.DataFrame({"region_code": ["a", "b"], "incidents_band": [text, "40"]})
    assert bool(of(mart, frame)) is is_found


@pytest.mark.parametrize("name", ["n", "incidents", "open_cases_count", "jumlah", "jumlah_kasus", "total_calls"])
def test_what_looks_like_a_count_must_be_declared(mart: Make, name: str) -> None:
    frame = pl.DataFrame({"region_code": ["a"], name: [100]})
    assert rules(of(mart, frame)) == [("undeclared count", name)]
    assert of(mart, frame, counts=(name,)) == ()
    assert of(mart, frame, not_counts=(name,)) == ()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("nik", "person"),
        ("nama_lengkap", "person"),
        ("victim_age", "person"),
        ("plate_token", "plate"),
        ("wajah", "face"),
        ("device_id", "device"),
        ("record_key", "record key"),
        ("longitude", "exact point"),
        ("agama", "religion"),
        ("suku", "ethnicity"),
    ],
)
def test_a_column_that_names_what_ends_in_staging_is_refused(mart: Make, name: str, kind: str) -> None:
    assert forbidden_kind(name) == kind
    found = of(mart, pl.DataFrame({"region_code": ["a"], name: ["x"]}))
    assert rules(found) == [("identifying", name)]


@pytest.mark.parametrize(
    "name", ["region_name", "rank", "embedded_share", "platform", "interface", "pointer", "anaknya"]
)
def test_a_part_of_a_word_is_no_such_name(name: str) -> None:
    assert forbidden_kind(name) is None


@pytest.mark.parametrize("classification", ["personal", "specific"])
def test_a_column_classified_as_personal_is_refused_whatever_its_name(mart: Make, classification: str) -> None:
    columns = (MartColumn("region_code"), MartColumn("value", classification=classification))
    found = check_mart(replace(mart(), columns=columns), pl.DataFrame({"region_code": ["a"], "value": [1.0]}))
    assert rules(found) == [("identifying", "value")]


def test_a_time_of_day_is_refused_unless_it_is_the_lakehouses_own(mart: Make) -> None:
    frame = pl.DataFrame({"region_code": ["a"], "seen": [dt.datetime(2026, 1, 1, 13, 5)]})
    assert rules(of(mart, frame)) == [("exact time", "seen")]
    columns = (MartColumn("region_code"), MartColumn("seen", is_system_time=True))
    assert check_mart(replace(mart(), columns=columns), frame) == ()


def test_bytes_are_refused(mart: Make) -> None:
    assert rules(of(mart, pl.DataFrame({"region_code": ["a"], "shape": [b"x"]}))) == [("identifying", "shape")]


def test_the_columns_are_exactly_the_declared_ones(mart: Make) -> None:
    found = check_mart(mart(), pl.DataFrame({"region_code": ["a"], "other": [1.0]}))
    assert rules(found) == [("columns", "other"), ("columns", "value")]


def test_a_count_that_is_declared_and_absent_is_a_finding(mart: Make) -> None:
    found = check_mart(mart(counts=("incidents",)), pl.DataFrame({"region_code": ["a"], "value": [1.0]}))
    assert rules(found) == [("columns", "incidents")]


def test_one_row_a_grain(mart: Make) -> None:
    twice = pl.DataFrame({"region_code": ["a", "a"], "value": [1.0, 2.0]})
    assert rules(check_mart(mart(), twice)) == [("grain", "")]
    assert rules(check_mart(mart(grain=("elsewhere",)), twice)) == [("grain", "elsewhere")]


def test_a_finding_tells_no_value(mart: Make) -> None:
    frame = pl.DataFrame({"region_code": ["a", "a"], "nik": ["6471010101900001"] * 2, "incidents": [3, 3]})
    told = " ".join(map(str, of(mart, frame, counts=("incidents",))))
    assert "6471010101900001" not in told
    assert "under 8" in told


def test_what_a_mart_declares_is_read_from_both_places_of_a_manifest() -> None:
    node = {
        "resource_type": "model",
        "name": "index",
        "original_file_path": "models/marts/security/index.sql",
        "meta": {"audience": "executive", "grain": ["region_code"]},
        "config": {"meta": {"owner": "Bappeda", "disclosure": "rates", "counts": "incidents"}},
        "columns": {"n": {"meta": {"count": True}}, "at": {"config": {"meta": {"system_time": True}}}},
    }
    other = {**node, "name": "int_x", "original_file_path": "models/intermediate/int_x.sql"}
    (found,) = marts_from_nodes([other, node])
    assert (found.name, found.audience, found.owner, found.grain) == ("index", "executive", "Bappeda", ("region_code",))
    assert found.counts == ("incidents", "n")
    assert [column.is_system_time for column in found.columns] == [False, True]
