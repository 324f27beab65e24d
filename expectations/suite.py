"""What Great Expectations is asked about a feed, derived from its contract. No import of Great Expectations here.

Two suites: one over the batch's profile (a frame of one row, a column a measure), one over its rows as read
(`expectations.reading`). A `Check` says one expectation; its rule carries the name that conform uses.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from ingestion.entities import load_entities
from ingestion.profile import coded_columns

if TYPE_CHECKING:
    from ingestion.contract import Column, Contract, Rule

REPEATS = "repeats"  # records that one delivery holds several times
EARLIEST = dt.date(1970, 1, 1)
# A connector that cuts its own batches (what is new since the last pull) has no volume of its own that could be short:
# three new records on a quiet day are no fault. The agency's own files have one.
OWN_BATCHES = frozenset({"folder", "s3", "sftp"})


@dataclass(frozen=True)
class Limits:
    """What holds for every feed unless its contract says otherwise. Shares lie between 0 and 1.

    History rules only warn until `history_needed` comparable batches exist; under `rows_needed` rows a share is
    noise, so share rules only warn (each bad row is quarantined all the same). Limits that a contract states are often
    tight, and two rows of thirty are no five percent: they stop from `rows_needed_stated` rows on.
    """

    rejected_share: float = 0.25
    rejected_share_noticed: float = 0.02
    unknown_code_share: float = 0.20
    geocoded_share: float = 0.20
    geocoded_share_noticed: float = 0.80
    duplicate_share: float = 0.9
    duplicate_share_noticed: float = 0.2
    shift: float = 0.5
    shift_noticed: float = 0.25
    volume_factor: float = 10.0
    history_needed: int = 14
    history_noticed: int = 3
    rows_needed: int = 20
    rows_needed_stated: int = 100


@dataclass(frozen=True)
class Check:
    """One expectation: its class name in `great_expectations.expectations` and its arguments."""

    rule: str
    expectation: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    severity: str = "error"

    @property
    def allowed(self) -> str:
        """The bounds in words, for a report."""
        low, high = self.arguments.get("min_value"), self.arguments.get("max_value")
        parts = [f"at least {low:g}" if low is not None else "", f"at most {high:g}" if high is not None else ""]
        return " and ".join(part for part in parts if part)


def profile_checks(contract: Contract, limits: Limits) -> tuple[Check, ...]:
    """Checks over the profile's measures, each as one column of a one-row frame; absent measures are left out later."""
    low = 1 / limits.volume_factor if contract.connector in OWN_BATCHES else None
    checks = [
        _between("volume", "volume_ratio", low, limits.volume_factor),
        _between("rejected", "rejected_share", None, limits.rejected_share),
        _between("rejected", "rejected_share", None, limits.rejected_share_noticed, "warning"),
        _between("unknown_codes", "unknown_code_share", None, limits.unknown_code_share),
        _between(REPEATS, "duplicate_share", None, limits.duplicate_share),
        _between(REPEATS, "duplicate_share", None, limits.duplicate_share_noticed, "warning"),
    ]
    if {"longitude", "latitude"} <= contract.mapped().keys():
        checks.append(_between("geocoded", "geocoded_share", limits.geocoded_share, None))
        checks.append(_between("geocoded", "geocoded_share", limits.geocoded_share_noticed, None, "warning"))
    for column in coded_columns(load_entities()[contract.entity]):
        checks.append(_between("shift", f"shift:{column}", None, limits.shift))
        checks.append(_between("shift", f"shift:{column}", None, limits.shift_noticed, "warning"))
    for rule in contract.batch_rules:
        checks += _stated(rule)
    return tuple(checks)


def _between(rule: str, measure: str, low: float | None, high: float | None, severity: str = "error") -> Check:
    bounds = {"column": measure, "min_value": low, "max_value": high}
    return Check(rule, "ExpectColumnMaxToBeBetween", bounds, severity)


def _stated(rule: Rule) -> list[Check]:
    """A batch rule of the contract; over several columns, one check a column."""
    low, high = rule.argument.get("min"), rule.argument.get("max")
    severity = "warning" if rule.severity in ("warning", "info") else "error"
    if rule.kind == "row_count":
        return [_between(rule.name, "rows", low, high, severity)]
    if rule.kind == "duplicate_share":
        return [_between(rule.name, "duplicate_share", low, high, severity)]
    names = [f"{rule.name}:{column}" if len(rule.columns) > 1 else rule.name for column in rule.columns]
    return [
        _between(name, f"missing_share:{column}", low, high, severity)
        for name, column in zip(names, rule.columns, strict=True)
    ]


def row_checks(contract: Contract, last_day: dt.date | None, time_zone: str) -> tuple[Check, ...]:
    """Checks over the frame of `expectations.reading.read_again`, one or two a row rule of the contract."""
    used = {column.name: column for column in contract.columns if is_used(column, contract)}
    checks: list[Check] = []
    for rule in contract.row_rules:
        if all(name in used for name in rule.columns):
            checks += _row_check(rule, used[rule.columns[0]], last_day, time_zone)
    return tuple(checks)


def is_used(column: Column, contract: Contract) -> bool:
    """Whether the walk reads the column at all: what is only dropped keeps no rule."""
    reaches_on = column.action in ("pseudonymise", "extract", "redact") or "use" in column.options
    return bool(column.maps_to) or column.name in contract.key or reaches_on


def _row_check(rule: Rule, column: Column, last_day: dt.date | None, time_zone: str) -> list[Check]:
    name, argument = rule.columns[0], rule.argument
    text, plain, value = {"column": f"text:{name}"}, {"column": f"plain:{name}"}, {"column": f"value:{name}"}
    bounds = {"min_value": argument.get("min"), "max_value": argument.get("max")}
    is_bounded = any(bound is not None for bound in bounds.values())
    if rule.kind in ("required", "key"):
        return [Check(rule.name, "ExpectColumnValuesToNotBeNull", text)]
    if rule.kind == "type":
        return [Check(rule.name, "ExpectColumnValuesToNotBeNull", {"column": f"readable:{name}"})]
    if rule.kind == "codes":
        known = list(argument["allowed"])
        if column.options.get("ignore_case"):
            known = [code.upper() for code in known]
        return [Check(rule.name, "ExpectColumnValuesToBeInSet", {"column": f"code:{name}", "value_set": known})]
    if rule.kind == "range" and is_bounded:
        return [Check(rule.name, "ExpectColumnValuesToBeBetween", {**plain, **bounds})]
    if rule.kind == "coordinate" and is_bounded:
        return [Check(rule.name, "ExpectColumnValuesToBeBetween", {**value, **bounds})]
    if rule.kind == "length" and is_bounded:
        return [Check(rule.name, "ExpectColumnValueLengthsToBeBetween", {**text, **bounds})]
    if rule.kind == "pattern":
        return [Check(rule.name, "ExpectColumnValuesToMatchRegex", {**text, "regex": f"^(?:{argument['pattern']})$"})]
    if rule.kind == "order":
        pair = {"column_A": f"value:{name}", "column_B": f"value:{rule.columns[1]}", "or_equal": True}
        pair["ignore_row_if"] = "either_value_is_missing"
        return [Check(rule.name, "ExpectColumnPairValuesAToBeGreaterThanB", pair)]
    if rule.kind == "time":
        return _time_checks(rule, column, last_day, time_zone)
    return []


def _time_checks(rule: Rule, column: Column, last_day: dt.date | None, time_zone: str) -> list[Check]:
    zone = ZoneInfo(str(column.options.get("time_zone", time_zone)))
    # A date has no zone: its seconds are counted as if the city lay at Greenwich.
    place: dt.tzinfo = dt.UTC if column.logical_type == "date" else zone
    inside: dict[str, Any] = {"column": f"value:{column.name}", "min_value": _midnight(EARLIEST, place)}
    if last_day is not None:
        after = last_day + dt.timedelta(days=int(rule.argument.get("future_days", 1)) + 1)
        inside |= {"max_value": _midnight(after, place), "strict_max": True}
    checks = [Check(rule.name, "ExpectColumnValuesToBeBetween", inside)]
    if column.logical_type == "timestamp":
        existing = {"column": f"placed:{column.name}"}
        checks.append(Check(f"nonexistent_local_time:{column.name}", "ExpectColumnValuesToNotBeNull", existing))
    return checks


def _midnight(day: dt.date, place: dt.tzinfo) -> float:
    """Midnight as seconds since 1970 UTC."""
    return dt.datetime.combine(day, dt.time(), place).timestamp()
