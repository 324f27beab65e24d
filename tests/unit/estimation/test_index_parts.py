"""Severity tables, a dimension's counts, and harm rates of one level."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest

from estimation.index_parts import level_harm, read_dimension, read_severity, severity_classes
from estimation.panel import region_tables
from estimation.settings import IndexSettings

SETTINGS = IndexSettings(
    as_of=date(2026, 6, 30), base_from=date(2026, 1, 1), base_to=date(2026, 6, 30), levels=("kecamatan",),
    index_level="kecamatan", draws=400,
)  # fmt: skip
SEVERITY = pl.DataFrame(
    {
        "category": ["theft", "robbery", "narcotics"],
        "weight_days": [20.0, 365.0, 100.0],
        "penalty_days": [1825.0, 3285.0, 4380.0],
        "counts_in_index": [True, True, False],
        "category_group": ["property", None, "public_order"],
    }
)
REGIONS = pl.DataFrame(
    {
        "region_code": ["a", "b", "c"],
        "level": ["kecamatan"] * 3,
        "parent_code": [None] * 3,
        "population": [100_000, 50_000, 80_000],
        "is_official": [True] * 3,
    }
)
MONTHS = [date(2026, month, 1) for month in range(1, 7)]


def records(region: str, category: str, first: date, days: int, each_day: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "region_code": [region] * days,
            "period_start": [first + timedelta(days=day) for day in range(days)],
            "category": [category] * days,
            "n": [each_day] * days,
        }
    )


def half_year() -> pl.DataFrame:
    return pl.concat(
        [
            records("a", "theft", MONTHS[0], 181, 6),
            records("b", "theft", MONTHS[0], 181, 3),
            records("b", "robbery", MONTHS[0], 181, 1),
        ]
    )


def test_only_what_counts_enters_the_tables() -> None:
    table = read_severity(SEVERITY, SETTINGS)
    assert table.categories == ("robbery", "theft")
    assert {name: values.tolist() for name, values in table.tables.items()} == {
        "weight_days": [365, 20], "penalty_days": [3285, 1825], "equal": [1, 1],
    }  # fmt: skip
    assert table.groups == {"robbery": "robbery", "theft": "property"}
    assert table.known == {"theft", "robbery", "narcotics"}


def test_sensitive_categories_hide_in_the_group_of_the_gravest_other_one() -> None:
    assert read_severity(SEVERITY, SETTINGS).cover == "robbery"
    settings = replace(SETTINGS, sensitive_categories=frozenset({"robbery"}))
    assert read_severity(SEVERITY, settings).cover == "property"
    settings = replace(SETTINGS, sensitive_categories=frozenset({"robbery", "theft"}))
    assert read_severity(SEVERITY, settings).cover is None


@pytest.mark.parametrize("weight", [None, 0.0, -1.0])
def test_a_category_without_a_weight_is_refused(weight: float | None) -> None:
    wrong = SEVERITY.with_columns(penalty_days=pl.Series([weight, 1.0, 1.0], dtype=pl.Float64))
    with pytest.raises(ValueError, match="penalty_days has a null or non-positive weight"):
        read_severity(wrong, SETTINGS)


def test_a_repeated_category_is_refused() -> None:
    with pytest.raises(ValueError, match="more than once"):
        read_severity(pl.concat([SEVERITY, SEVERITY.head(1)]), SETTINGS)


def test_only_citizens_reports_of_counted_categories_are_read() -> None:
    frame = pl.concat([half_year(), records("a", "narcotics", MONTHS[0], 181, 50)]).with_columns(
        reported_by=pl.lit("citizen")
    )
    officers = records("a", "theft", MONTHS[0], 181, 50).with_columns(reported_by=pl.lit("officer"))
    data = read_dimension(pl.concat([frame, officers]), REGIONS, read_severity(SEVERITY, SETTINGS), "crime", SETTINGS)
    counts = data.counts(("a", "b", "c"), MONTHS)
    assert counts.sum(axis=2).tolist() == [[0, 6 * 181], [181, 3 * 181], [0, 0]]
    assert counts[0, 1, 1] == 6 * 28


def test_an_unknown_category_is_refused() -> None:
    with pytest.raises(ValueError, match=r"1 categories .* no row in the severity table"):
        read_dimension(
            records("a", "piracy", MONTHS[0], 10, 1), REGIONS, read_severity(SEVERITY, SETTINGS), "crime", SETTINGS
        )


def test_a_month_that_misses_too_many_days_has_no_data() -> None:
    frame = half_year().filter(~pl.col("period_start").is_between(date(2026, 3, 10), date(2026, 3, 20)))
    data = read_dimension(frame, REGIONS, read_severity(SEVERITY, SETTINGS), "crime", SETTINGS)
    assert data.months == tuple(month for month in MONTHS if month.month != 3)
    quiet = frame.filter(pl.col("category") == "robbery")  # one a day: empty days prove nothing
    assert len(read_dimension(quiet, REGIONS, read_severity(SEVERITY, SETTINGS), "crime", SETTINGS).months) == 6


def test_a_month_that_is_not_over_has_no_data() -> None:
    settings = replace(SETTINGS, as_of=date(2026, 6, 29))
    data = read_dimension(half_year(), REGIONS, read_severity(SEVERITY, settings), "crime", settings)
    assert data.months == tuple(MONTHS[:5])


def test_classes_hold_weights_of_one_half_decade() -> None:
    assert severity_classes(np.array([1.0, 3.0, 3.2, 9.9, 10.0, 5475.0])).tolist() == [0, 0, 1, 1, 2, 3]


def test_harm_follows_counts_people_and_days() -> None:
    data = read_dimension(half_year(), REGIONS, read_severity(SEVERITY, SETTINGS), "crime", SETTINGS)
    table = region_tables(REGIONS, SETTINGS.levels)["kecamatan"]
    harm = level_harm(data, table, [(month,) for month in MONTHS] + [tuple(MONTHS[:3])], SETTINGS)
    theft = harm.categories.index("theft")
    # a: 6 a day among 100,000 people; b: 3 and 1 a day among 50,000
    assert harm.rates[0, :, theft] == pytest.approx([6 * 365.25] * 7, rel=0.06)
    assert harm.mean("equal")[1] == pytest.approx([8 * 365.25] * 7, rel=0.06)
    assert harm.mean("weight_days")[1] == pytest.approx([2 * 365.25 * (3 * 20 + 365)] * 7, rel=0.08)
    assert harm.draws.shape == (400, 3, 7)
    assert harm.draws[:, 1].mean(axis=0) == pytest.approx(harm.mean("weight_days")[1], rel=0.03)
    assert (harm.relative_error[1] < 0.25).all()
    assert harm.total[1, -1] == 4 * 90


def test_a_region_that_reports_nothing_has_no_data() -> None:
    data = read_dimension(half_year(), REGIONS, read_severity(SEVERITY, SETTINGS), "crime", SETTINGS)
    table = region_tables(REGIONS, SETTINGS.levels)["kecamatan"]
    harm = level_harm(data, table, [(MONTHS[0],)], SETTINGS)
    assert harm.available[:, 0].tolist() == [True, True, False]  # c: hundreds expected, not one came
    small = REGIONS.with_columns(population=pl.Series([100_000, 50_000, 300]))
    harm = level_harm(data, region_tables(small, SETTINGS.levels)["kecamatan"], [(MONTHS[0],)], SETTINGS)
    assert harm.available[:, 0].tolist() == [True, True, True]  # 300 people: nothing is no surprise


def test_one_more_event_never_lowers_the_harm() -> None:
    table = region_tables(REGIONS, SETTINGS.levels)["kecamatan"]
    values = []
    for more in (0, 1, 5, 20):
        extra = [records("b", "robbery", MONTHS[2], 1, more)] if more else []
        frame = pl.concat([half_year(), *extra])
        data = read_dimension(frame, REGIONS, read_severity(SEVERITY, SETTINGS), "crime", SETTINGS)
        values.append(level_harm(data, table, [(MONTHS[2],)], SETTINGS).mean("weight_days")[1, 0])
    assert values == sorted(values) and values[-1] > values[0]
