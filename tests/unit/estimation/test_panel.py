"""From long frames to arrays of one level."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from estimation.panel import count_array, region_tables, require_columns, with_ancestors

REGIONS = pl.DataFrame(
    {
        "region_code": ["A", "A1", "A2", "B", "B1"],
        "level": ["top", "low", "low", "top", "low"],
        "parent_code": [None, "A", "A", None, "B"],
        "population": [None, 100, 50, 70, None],
        "is_official": [None, True, False, True, None],
    }
)


def test_a_parent_without_people_takes_its_childrens() -> None:
    tables = region_tables(REGIONS, ("top", "low"))
    assert tables["top"].codes == ("A", "B")
    assert tables["top"].population.tolist() == [150, 70]
    assert tables["top"].official.tolist() == [False, True]  # one child's population is not official
    assert tables["low"].population.tolist() == [100, 50, 0]
    assert tables["low"].parents == ("A", "A", "B")


def test_a_parent_with_an_unknown_child_stays_unknown() -> None:
    regions = REGIONS.with_columns(population=pl.Series([None, 100, None, None, None], dtype=pl.Int64))
    assert region_tables(regions, ("top", "low"))["top"].population.tolist() == [0, 0]


def test_a_region_twice_is_refused() -> None:
    with pytest.raises(ValueError, match="more than once"):
        region_tables(pl.concat([REGIONS, REGIONS.head(1)]), ("top", "low"))


def test_missing_columns_are_named() -> None:
    with pytest.raises(ValueError, match=r"incidents lacks column\(s\) n, day; it has region_code"):
        require_columns(pl.DataFrame({"region_code": ["A"]}), ("region_code", "n", "day"), "incidents")


def counts(rows: list[tuple[str, str, date, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=["region_code", "category", "month", "n"], orient="row")


def test_counts_are_summed_up_the_regions() -> None:
    may = date(2026, 5, 1)
    own = counts([("A1", "theft", may, 2), ("A2", "theft", may, 3), ("A", "theft", may, 1), ("B1", "theft", may, 9)])
    summed = with_ancestors(own, REGIONS).group_by("region_code").agg(pl.col("n").sum())
    assert dict(summed.iter_rows()) == {"A": 6, "A1": 2, "A2": 3, "B": 9, "B1": 9}


def test_a_circle_of_parents_ends() -> None:
    ring = pl.DataFrame({"region_code": ["X", "Y"], "parent_code": ["Y", "X"]})
    found = with_ancestors(counts([("X", "theft", date(2026, 5, 1), 2)]), ring)
    assert sorted(found["region_code"]) == ["X", "Y"]


def test_the_array_holds_zeros_and_leaves_out_what_lies_outside() -> None:
    may, june = date(2026, 5, 1), date(2026, 6, 1)
    rows = [("A1", "theft", may, 2), ("A1", "theft", may, 1), ("A2", "fraud", june, 4), ("Z", "theft", may, 9)]
    array = count_array(counts([*rows, ("A1", "arson", may, 7)]), ("A1", "A2"), ("fraud", "theft"), [may, june])
    assert array.shape == (2, 2, 2) and array.sum() == 7
    assert array[0, 1, 0] == 3 and array[1, 0, 1] == 4
    assert np.array_equal(
        count_array(counts([]).cast({"n": pl.Int64}), ("A1",), ("theft",), [may]), np.zeros((1, 1, 1))
    )
