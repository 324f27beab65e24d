"""Months and quarters as dates of their first day."""

from __future__ import annotations

import calendar
from datetime import date


def month_start(day: date) -> date:
    return day.replace(day=1)


def quarter_start(day: date) -> date:
    return date(day.year, 3 * ((day.month - 1) // 3) + 1, 1)


def add_months(day: date, months: int) -> date:
    """First day of the month `months` after the month of `day`."""
    index = day.year * 12 + day.month - 1 + months
    return date(index // 12, index % 12 + 1, 1)


def month_days(month: date) -> int:
    return calendar.monthrange(month.year, month.month)[1]


def months_between(first: date, last: date) -> list[date]:
    """Every month from that of `first` to that of `last`, both included; empty when `last` is earlier."""
    months, month = [], month_start(first)
    while month <= month_start(last):
        months.append(month)
        month = add_months(month, 1)
    return months


def last_complete_month(as_of: date) -> date:
    """The latest month whose last day is not after `as_of`."""
    return month_start(as_of) if as_of.day == month_days(as_of) else add_months(as_of, -1)
