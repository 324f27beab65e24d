"""One delivered column to one typed expression, with what can be wrong about it. Expressions only, no data."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

if TYPE_CHECKING:
    from ingestion.contract import Column

EARLIEST = dt.date(1970, 1, 1)
NEVER = pl.lit(False)


@dataclass(frozen=True)
class Parsed:
    """`text`: as delivered, trimmed, absent as null. `plain`: parsed, before units and codes. `value`: canonical.

    The rest are masks: `present`, `unparseable`, `unknown_code`, `impossible_time`, `never_was` (a local time that
    daylight saving skipped).
    """

    text: pl.Expr
    plain: pl.Expr
    value: pl.Expr
    present: pl.Expr
    unparseable: pl.Expr = NEVER
    unknown_code: pl.Expr = NEVER
    impossible_time: pl.Expr = NEVER
    never_was: pl.Expr = NEVER
    is_geometry: bool = False


def today() -> dt.date:
    return dt.datetime.now(dt.UTC).date()


def absent_as_null(name: str, kind: pl.DataType) -> pl.Expr:
    """A text column trimmed, an empty string as null; another type as it is."""
    column = pl.col(name)
    if kind == pl.Null:
        return column.cast(pl.String)
    if kind != pl.String:
        return column
    trimmed = column.str.strip_chars()
    return pl.when(trimmed != "").then(trimmed)


def parse(column: Column, raw: pl.DataFrame, zone: str, last_day: dt.date) -> Parsed:
    """How that column is read. Types follow the contract's logical type, times the zone, limits the last day."""
    kind = raw.schema[column.name]
    given = absent_as_null(column.name, kind)
    if "append" in column.options:
        other = str(column.options["append"])
        given = pl.concat_str([given, absent_as_null(other, raw.schema[other])], separator=" ")
    typed = kind not in (pl.String, pl.Null)
    if column.logical_type == "object":
        shape = pl.col(f"_wgs84:{column.name}") if column.maps_to else given
        return Parsed(given, shape, shape, given.is_not_null(), is_geometry=True)
    if column.logical_type in ("timestamp", "date"):
        return _time(column, given, kind if typed else None, zone, last_day)
    if column.logical_type in ("integer", "number"):
        plain = _number(column, given, typed)
        value = plain
        if "unit_factor" in column.options:
            value = plain.cast(pl.Float64) * float(column.options["unit_factor"])
        text = given.cast(pl.String)
        coded, unknown = _coded(column, _as_code(text, kind), value)
        return Parsed(text, plain, coded, given.is_not_null(), given.is_not_null() & plain.is_null(), unknown)
    if column.logical_type == "boolean":
        plain = given if kind == pl.Boolean else _boolean(column, given.cast(pl.String))
        text = given.cast(pl.String)
        coded, unknown = _coded(column, text, plain)
        return Parsed(text, plain, coded, given.is_not_null(), given.is_not_null() & plain.is_null(), unknown)
    text = _as_code(given.cast(pl.String), kind)
    coded, unknown = _coded(column, text, text)
    return Parsed(text, text, coded, given.is_not_null(), unknown_code=unknown)


def _as_code(text: pl.Expr, kind: pl.DataType) -> pl.Expr:
    # A whole number held as a float is written 24.0: its code is 24.
    return text.str.strip_suffix(".0") if kind.is_float() else text


def _coded(column: Column, text: pl.Expr, value: pl.Expr) -> tuple[pl.Expr, pl.Expr]:
    if column.codes is None:
        return _refined(column, text, value), NEVER
    codes = dict(column.codes)
    key = text
    if column.options.get("ignore_case"):
        key = text.str.to_uppercase()
        codes = {code.upper(): target for code, target in codes.items()}
    known = key.is_in(list(codes))
    mapped = key.replace_strict(list(codes), list(codes.values()), default=None, return_dtype=pl.String)
    if "codes_else" in column.options:
        other = column.options["codes_else"]
        mapped = pl.when(text.is_null() | known).then(mapped).otherwise(pl.lit(other, pl.String))
        return _refined(column, key, mapped), NEVER
    return _refined(column, key, mapped), text.is_not_null() & known.not_()


def _refined(column: Column, key: pl.Expr, value: pl.Expr) -> pl.Expr:
    """Where a second column says more than the code: the first matching refinement wins."""
    refinements = column.options.get("refine", ())
    if not refinements:
        return value
    chain: Any = pl
    for refinement in refinements:
        condition = _says(refinement["when"])
        if "codes" in refinement:
            condition = condition & key.is_in([str(code) for code in refinement["codes"]])
        chain = chain.when(condition.fill_null(False)).then(pl.lit(refinement["to"], pl.String))
    refined: pl.Expr = chain.otherwise(value)
    return refined


def _says(when: Mapping[str, Any]) -> pl.Expr:
    other = pl.col(when["column"]).cast(pl.String).str.strip_chars()
    if "equals" in when:
        wanted = when["equals"]
        # A boolean is delivered as a word or as a type; both read true or false in lower case.
        return other.str.to_lowercase() == str(wanted).lower()
    if "in" in when:
        return other.is_in([str(item) for item in when["in"]])
    return other.str.contains(f"^{re.escape(when['starts_with'])}")


def _number(column: Column, given: pl.Expr, typed: bool) -> pl.Expr:
    if typed:
        number = given.cast(pl.Float64, strict=False)
    else:
        decimal, thousands = column.options.get("decimal", "."), column.options.get("thousands")
        shape = rf"^[+-]?\d+(?:{re.escape(decimal)}\d+)?(?:[eE][+-]?\d+)?$"
        digits = given
        if thousands:
            # A group of other than three digits means that the separator was a decimal point after all.
            grouped = rf"^[+-]?\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+(?:{re.escape(decimal)}\d+)?$"
            is_grouped = given.str.contains(grouped)
            digits = pl.when(is_grouped).then(given.str.replace_all(thousands, "", literal=True)).otherwise(given)
        point = digits if decimal == "." else digits.str.replace_all(decimal, ".", literal=True)
        digits = pl.when(digits.str.contains(shape)).then(point)
        if column.logical_type == "integer" and not thousands:
            # Whole numbers beyond 2^53 (milliseconds are not, record numbers may be) must not pass through a float.
            whole = digits.cast(pl.Int64, strict=False)
            number = digits.cast(pl.Float64, strict=False)
            return pl.coalesce(whole, pl.when(number == number.floor()).then(number.cast(pl.Int64, strict=False)))
        number = digits.cast(pl.Float64, strict=False)
    number = pl.when(number.is_finite()).then(number)
    if column.logical_type == "integer":
        number = pl.when(number == number.floor()).then(number.cast(pl.Int64, strict=False))
    return number


def _boolean(column: Column, text: pl.Expr) -> pl.Expr:
    true = [str(word).lower() for word in column.options.get("true_values", ("true", "1", "t", "y", "yes"))]
    false = [str(word).lower() for word in column.options.get("false_values", ("false", "0", "f", "n", "no"))]
    word = text.str.to_lowercase()
    return pl.when(word.is_in(true)).then(pl.lit(True)).when(word.is_in(false)).then(pl.lit(False))


def _time(column: Column, given: pl.Expr, kind: pl.DataType | None, zone: str, last_day: dt.date) -> Parsed:
    zone = str(column.options.get("time_zone", zone))
    # One day of grace for clocks and zones, more only where the contract says that it plans ahead.
    after = last_day + dt.timedelta(days=int(column.options.get("future_days", 1)) + 1)
    earliest = EARLIEST
    text, present = given.cast(pl.String), given.is_not_null()
    if column.logical_type == "date":
        day = _dates(column, given, kind)
        impossible = (day >= pl.lit(after)) | (day < pl.lit(earliest))
        return Parsed(text, day, day, present, present & day.is_null(), impossible_time=impossible)
    local, instant = _stamps(column, given, kind)
    placed = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")
    value = pl.coalesce(instant, placed)
    impossible = (value >= pl.lit(_midnight(after, zone))) | (value < pl.lit(_midnight(earliest, zone)))
    return Parsed(
        text,
        value,
        value,
        present,
        unparseable=present & local.is_null() & instant.is_null(),
        impossible_time=impossible,
        never_was=local.is_not_null() & placed.is_null(),
    )


def _midnight(day: dt.date, zone: str) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), ZoneInfo(zone)).astimezone(dt.UTC)


def _dates(column: Column, given: pl.Expr, kind: pl.DataType | None) -> pl.Expr:
    if kind is not None:
        return given.cast(pl.Date, strict=False)
    return pl.coalesce(given.str.strptime(pl.Date, form, strict=False) for form in _formats(column, "%Y-%m-%d"))


def _stamps(column: Column, given: pl.Expr, kind: pl.DataType | None) -> tuple[pl.Expr, pl.Expr]:
    """(local time without zone, instant in UTC): each null where the other speaks."""
    naive, utc = pl.Datetime("us"), pl.Datetime("us", "UTC")
    no_local, no_instant = pl.lit(None, naive), pl.lit(None, utc)
    if isinstance(kind, pl.Datetime):
        if kind.time_zone and column.options.get("wall_clock"):
            # Old Parquet marks every time as UTC; here it is the clock on the wall.
            return given.dt.convert_time_zone("UTC").dt.replace_time_zone(None).cast(naive), no_instant
        if kind.time_zone:
            return no_local, given.dt.convert_time_zone("UTC").cast(utc)
        return given.cast(naive), no_instant
    if kind == pl.Date:
        return given.cast(naive), no_instant
    formats = _formats(column, "iso")
    if formats[0] in ("epoch_ms", "epoch_s"):
        ticks = given.cast(pl.Int64, strict=False)
        # Beyond the year 9999 a number is no time, and must not overflow into one.
        scale, limit = (1_000, 253_402_300_800_000) if formats[0] == "epoch_ms" else (1_000_000, 253_402_300_800)
        inside = pl.when(ticks.abs() < limit).then(ticks * scale)
        return no_local, inside.cast(naive).dt.replace_time_zone("UTC")
    if kind is not None:
        return no_local, no_instant
    local, instant = [], []
    for form in formats:
        if form == "iso":
            instant.append(given.str.strptime(utc, "%Y-%m-%dT%H:%M:%S%.f%#z", strict=False))
            local.append(given.str.strptime(naive, "%Y-%m-%dT%H:%M:%S%.f", strict=False))
        elif "%z" in form or "%#z" in form:
            instant.append(given.str.strptime(utc, form, strict=False))
        else:
            local.append(given.str.strptime(naive, form, strict=False))
    return pl.coalesce(no_local, *local), pl.coalesce(no_instant, *instant)


def _formats(column: Column, default: str) -> tuple[str, ...]:
    form = column.options.get("format", default)
    return (form,) if isinstance(form, str) else tuple(form)
