"""What an error says of undeclared columns: names of columns, never a row that stood where they were expected."""

from __future__ import annotations

from ingestion.connectors.drift import named


def test_plain_names_are_shown_where_most_of_the_header_is_known() -> None:
    assert named(["nama_ibu", "position.alt", "Kolom2"]) == ("nama_ibu", "position.alt", "Kolom2")


def test_what_looks_like_a_value_is_counted_and_not_shown() -> None:
    delivered = ["unit", "6471052204850012", "Budi Santoso", "a@b.id", "KT1234AB", "08125550001"]
    assert named(delivered) == ("unit", "5 not shown, as a row of data may stand there")


def test_of_a_file_without_its_header_nothing_is_shown() -> None:
    assert named(["Budi", "Jalan", "x"], has_header=False) == ("3 not shown, as a row of data may stand there",)
