"""Types and rules of the contract, once, vectorised: what passes is conformed, what fails keeps its raw row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.connectors.drift import SchemaDrift
from ingestion.entities import Entity, Field, load_entities, polars_type
from ingestion.parse import Parsed, parse, today

if TYPE_CHECKING:
    from ingestion.city import City
    from ingestion.contract import Column, Contract

UNREADABLE = "unreadable_line"
PASSED_ON = ("pseudonymise", "extract", "redact")  # actions that need the column as delivered, wherever it maps
# Fewer values than this may all be wrong by chance; more than that, all wrong, is another type.
RETYPED_FROM = 20
# What the entity says of an absent value.
ABSENT: Mapping[str, Mapping[str, Any]] = {"camera_event": {"event_count": 1}}
KEY_SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Conformed:
    """`rows`: the entity's conformed columns, exactly and typed, plus `_row` (Int64) and `_key` (String, null without
    a key), plus source columns whose action is pseudonymise, extract or redact and that map nowhere.
    `rejected`: the raw columns plus `_row` and `rule` (every rule broken, joined by ';').
    `broken`: rows per rule, `unknown_codes`: rows per source column, `repaired`: rows passed on whose geometry was
    invalid. Counts only, no values.
    """

    rows: pl.DataFrame
    rejected: pl.DataFrame
    broken: Mapping[str, int]
    unknown_codes: Mapping[str, int]
    repaired: int = 0


def conform(
    raw: pl.DataFrame, contract: Contract, city: City, *, as_of: dt.date | None = None, is_rest: bool = False
) -> Conformed:
    """Give raw rows (source columns, `_row`, perhaps `_raw`) the contract's types and apply its row rules.

    Local times become UTC by the contract's time zone, else the city's: an ambiguous one is taken as the earlier,
    one that never was is rejected. Times later than `as_of` (else the city's, else today) plus the column's
    `future_days` (1) are rejected. Raises SchemaDrift where every value of a column has another type than declared,
    unless `is_rest` says that these are rows which failed before: they are not what the agency delivers.
    """
    entity = load_entities()[contract.entity]
    zone = contract.time_zone or city.time_zone
    last_day = as_of or city.as_of or today()
    used = [column for column in contract.columns if column.name in raw.columns and _is_used(column, contract)]
    broken_geometry = pl.Series("_geometry_broken", [False] * raw.height, dtype=pl.Boolean)
    repaired = broken_geometry.alias("_geometry_repaired")
    for column in used:
        if column.logical_type == "object" and column.maps_to:
            from ingestion.geometry import to_wgs84

            shapes, broken_geometry, repaired = to_wgs84(raw[column.name], str(column.options.get("crs", "EPSG:4326")))
            raw = raw.with_columns(shapes.alias(f"_wgs84:{column.name}"))
    parsed = {column.name: parse(column, raw, zone, last_day) for column in used}
    table = raw.with_columns(
        broken_geometry,
        *(item.value.alias(f"_value:{name}") for name, item in parsed.items()),
        *(item.plain.alias(f"_plain:{name}") for name, item in parsed.items() if _is_plain(contract.column(name))),
    )
    parsed = {
        name: _read_once(name, item) if f"_plain:{name}" in table.columns else item for name, item in parsed.items()
    }
    failures = _failures(contract, parsed, table)
    verdict = table.select(failure.fill_null(False).alias(rule) for rule, failure in failures.items())
    if not is_rest:
        _refuse_retyped(contract, parsed, table, verdict)
    rule = _rules_of(verdict, raw.height)
    passes = rule.is_null()
    delivered = [name for name in raw.columns if not name.startswith("_wgs84:")]
    broken = {name: int(verdict[name].sum()) for name in verdict.columns}
    return Conformed(
        rows=_rows(table.filter(passes), contract, city, entity, parsed),
        rejected=raw.select(delivered).with_columns(rule.alias("rule")).filter(~passes),
        broken={name: count for name, count in broken.items() if count},
        unknown_codes={
            name.removeprefix("codes:"): count for name, count in broken.items() if name.startswith("codes:") and count
        },
        repaired=int((repaired & passes).sum()),
    )


def _is_plain(column: Column) -> bool:
    return column.logical_type in ("integer", "number", "boolean")


def _read_once(name: str, item: Parsed) -> Parsed:
    """The same, but from the table's own column: three rules would otherwise read each number's text three times."""
    plain = pl.col(f"_plain:{name}")
    return replace(item, plain=plain, unparseable=item.present & plain.is_null())


def _is_used(column: Column, contract: Contract) -> bool:
    passes_on = column.action in PASSED_ON
    return bool(column.maps_to) or column.name in contract.key or passes_on or "use" in column.options


def _failures(contract: Contract, parsed: Mapping[str, Parsed], table: pl.DataFrame) -> dict[str, pl.Expr]:
    failures: dict[str, pl.Expr] = {}
    if "_raw" in table.columns:
        failures[UNREADABLE] = pl.col("_raw").is_not_null()
    readable = pl.col("_raw").is_null() if "_raw" in table.columns else pl.lit(True)
    for rule in contract.row_rules:
        if not all(name in parsed for name in rule.columns):
            continue
        first = parsed[rule.columns[0]]
        value = pl.col(f"_value:{rule.columns[0]}")
        failure: pl.Expr
        if rule.kind in ("required", "key"):
            failure = first.present.not_()
        elif rule.kind == "type":
            failure = pl.col("_geometry_broken") if first.is_geometry else first.unparseable
        elif rule.kind == "codes":
            failure = first.unknown_code
        elif rule.kind == "range":
            failure = _outside(first.plain, rule.argument)
        elif rule.kind == "length":
            failure = _outside(first.text.str.len_chars(), rule.argument)
        elif rule.kind == "pattern":
            failure = first.text.str.contains(f"^(?:{rule.argument['pattern']})$").not_()
        elif rule.kind == "coordinate":
            failure = _outside(value, rule.argument)
        elif rule.kind == "order":
            failure = value < pl.col(f"_value:{rule.columns[1]}")
        else:
            failure = first.impossible_time
            failures[f"nonexistent_local_time:{rule.columns[0]}"] = readable & first.never_was
        failures[rule.name] = readable & failure
    return failures


def _outside(value: pl.Expr, limits: Mapping[str, Any]) -> pl.Expr:
    outside = pl.lit(False)
    if limits.get("min") is not None:
        outside = outside | (value < limits["min"])
    if limits.get("max") is not None:
        outside = outside | (value > limits["max"])
    return outside


def _rules_of(verdict: pl.DataFrame, height: int) -> pl.Series:
    """The broken rules of each row, joined by ';', null where none is."""
    if not verdict.width:
        return pl.Series("rule", [None] * height, dtype=pl.String)
    named = verdict.select(
        pl.concat_str(
            [pl.when(pl.col(name)).then(pl.lit(name)) for name in verdict.columns], separator=";", ignore_nulls=True
        ).alias("rule")
    )["rule"]
    return named.replace("", None)


def _refuse_retyped(
    contract: Contract, parsed: Mapping[str, Parsed], table: pl.DataFrame, verdict: pl.DataFrame
) -> None:
    present = table.select(item.present.sum().alias(name) for name, item in parsed.items()).row(0, named=True)
    changed = tuple(
        f"{name} (no value is a {contract.column(name).logical_type})"
        for name, count in present.items()
        if count >= RETYPED_FROM and f"type:{name}" in verdict.columns and verdict[f"type:{name}"].sum() == count
    )
    if changed:
        raise SchemaDrift(contract.feed, changed=changed)


def _rows(
    table: pl.DataFrame, contract: Contract, city: City, entity: Entity, parsed: Mapping[str, Parsed]
) -> pl.DataFrame:
    sources = {target: column.name for target, column in contract.mapped().items() if column.name in parsed}
    columns = [_canonical(field, sources, contract, city).alias(field.name) for field in entity.conformed]
    columns.append(pl.col("_row").cast(pl.Int64))
    key = [parsed[name].text.fill_null("") for name in contract.key]
    columns.append((pl.concat_str(key, separator=KEY_SEPARATOR) if key else pl.lit(None, pl.String)).alias("_key"))
    for column in contract.columns:
        if column.action in PASSED_ON and not column.maps_to and column.name in parsed:
            columns.append(pl.col(column.name).cast(pl.String))
    rows = table.select(columns)
    if "reported_by" in entity.conformed_names:
        # An agency that does not say who brought an event to notice still shows it by the category.
        found = pl.col("category").is_in(sorted(city.discovered_categories))
        said = pl.when(found).then(pl.lit("officer")).otherwise(pl.lit("citizen"))
        rows = rows.with_columns(pl.col("reported_by").fill_null(said))
    return rows


def _canonical(field: Field, sources: Mapping[str, str], contract: Contract, city: City) -> pl.Expr:
    kind = polars_type(field.type)
    if field.name in contract.constants:
        return pl.lit(contract.constants[field.name]).cast(kind)
    if field.name not in sources:
        value = pl.lit(None)
    else:
        column = contract.column(sources[field.name])
        value = pl.col(f"_value:{column.name}")
        if column.logical_type == "timestamp" and field.type == "date":
            value = value.dt.convert_time_zone(contract.time_zone or city.time_zone).dt.date()
    absent = ABSENT.get(contract.entity, {}).get(field.name)
    value = value.cast(kind)
    return value if absent is None else value.fill_null(absent)
