"""Deny by default: what is delivered must be what the contract declares."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.contract import Contract


# A file without its header has a person where its columns' names should be: what is no plain name is only counted.
_NAME = re.compile(r"(?!.*\d{4})[A-Za-z_][A-Za-z0-9_.]{0,39}")


class UnreadableBatch(Exception):
    """The delivery as a whole cannot be read (encoding, compression, container). Holds no value of it."""


class SchemaDrift(Exception):
    """The delivery's columns are not those of the contract. Names only, never values: see `named`."""

    def __init__(
        self, feed: str, new: tuple[str, ...] = (), missing: tuple[str, ...] = (), changed: tuple[str, ...] = ()
    ) -> None:
        super().__init__(feed, new, missing, changed)
        self.feed, self.new, self.missing, self.changed = feed, new, missing, changed

    def __str__(self) -> str:
        parts = [
            f"{title}: {', '.join(names)}"
            for title, names in (("new", self.new), ("missing", self.missing), ("changed", self.changed))
            if names
        ]
        return f"{self.feed}: columns differ from the contract ({'; '.join(parts)}); change the contract and replay"


def check_columns(
    delivered: Mapping[str, str] | Collection[str], contract: Contract, *, may_miss: Collection[str] = ()
) -> tuple[str, ...]:
    """Compare delivered columns with the contract's; return the undeclared ones that the contract lets through.

    `delivered` maps names to type families (see `families`), or only lists names where the format has no types.
    Raises SchemaDrift for an undeclared, missing or retyped column; only an undeclared one can be let through, by
    `ignored` or `unknown_columns: drop`.
    """
    declared = {column.name: column for column in contract.columns if column.options.get("pull", True)}
    unasked = {column.name for column in contract.columns} - declared.keys()
    unknown = [name for name in delivered if name not in declared and name not in unasked]
    passed = [n for n in unknown if n in contract.ignored or contract.unknown_columns == "drop"]
    missing = [name for name in declared if name not in delivered and name not in may_miss]
    changed: list[str] = []
    if isinstance(delivered, Mapping):
        changed = [
            f"{name} ({families(column.physical_type)} became {delivered[name]})"
            for name, column in declared.items()
            if name in delivered and not _same(families(column.physical_type), delivered[name])
        ]
    new = [name for name in unknown if name not in passed]
    if new or missing or changed:
        known = sum(name in delivered for name in declared)
        raise SchemaDrift(contract.feed, named(new, known >= len(declared) / 2), tuple(missing), tuple(changed))
    return tuple(passed)


def named(names: Collection[str], has_header: bool = True) -> tuple[str, ...]:
    """Delivered names as an error may show them: those that look like names of columns where the delivery has most of
    the declared ones, the others as a count. A first row read as a header is thereby never shown."""
    shown = [name for name in names if has_header and _NAME.fullmatch(name)]
    hidden = len(names) - len(shown)
    return (*shown, f"{hidden} not shown, as a row of data may stand there") if hidden else tuple(shown)


def families(physical_type: str) -> str:
    """The family of a declared or delivered type: text, number, boolean, date, timestamp, geometry, object."""
    name = physical_type.strip().lower()
    starts = {
        "boolean": ("bool", "bit"),
        "timestamp": ("timestamp", "datetime"),
        "date": ("date",),
        "number": ("int", "uint", "big", "small", "float", "double", "numeric", "decimal", "real", "number", "serial"),
        "geometry": ("geom", "point", "multi", "polygon", "line", "binary", "bytea", "wkb"),
        "object": ("struct", "object", "json", "list", "array"),
    }
    return next((family for family, heads in starts.items() if name.startswith(heads)), "text")


def _same(declared: str, delivered: str) -> bool:
    # A column of nulls only has no type of its own; nothing can be said against it.
    return delivered == "null" or declared == delivered
