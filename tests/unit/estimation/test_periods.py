"""Months and quarters."""

from __future__ import annotations

from datetime import date

import pytest

from estimation.periods import add_months, last_complete_month, month_days, month_start, months_between, quarter_start


def test_starts() -> None:
    assert month_start(date(2026, 5, 31)) == date(2026, 5, 1)
    assert [quarter_start(date(2026, month, 9)).month for month in range(1, 13)] == [1] * 3 + [4] * 3 + [7] * 3 + [
        10
    ] * 3


@pytest.mark.parametrize(
    ("day", "months", "result"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 1)),
        (date(2026, 1, 1), -1, date(2025, 12, 1)),
        (date(2025, 12, 5), 1, date(2026, 1, 1)),
        (date(2026, 6, 1), -18, date(2024, 12, 1)),
        (date(2026, 6, 7), 0, date(2026, 6, 1)),
    ],
)
def test_add_months(day: date, months: int, result: date) -> None:
    assert add_months(day, months) == result


def test_a_leap_year_has_its_day() -> None:
    assert (month_days(date(2024, 2, 1)), month_days(date(2026, 2, 1)), month_days(date(2026, 12, 1))) == (29, 28, 31)


def test_months_between_holds_both_ends() -> None:
    assert months_between(date(2025, 11, 20), date(2026, 1, 3)) == [
        date(2025, 11, 1),
        date(2025, 12, 1),
        date(2026, 1, 1),
    ]
    assert months_between(date(2026, 2, 1), date(2026, 1, 31)) == []


def test_a_month_is_complete_on_its_last_day() -> None:
    assert last_complete_month(date(2026, 6, 30)) == date(2026, 6, 1)
    assert last_complete_month(date(2026, 6, 29)) == date(2026, 5, 1)
    assert last_complete_month(date(2026, 1, 1)) == date(2025, 12, 1)
