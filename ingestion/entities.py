"""The entities a feed may map to, read from entities.yaml: the one place where their columns stand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    import polars as pl

ENTITIES_FILE = Path(__file__).with_name("entities.yaml")
LOCATED = ("h3_cell", "region_code", "location_quality")


@dataclass(frozen=True)
class Field:
    """One column of an entity.

    `type` is string, integer, number, boolean, date, timestamp (UTC), geometry or binary; `allowed` is empty where any
    value may stand.
    """

    name: str
    type: str
    required: bool = False
    allowed: tuple[str, ...] = ()
    about: str = ""


@dataclass(frozen=True)
class Entity:
    """`conformed`: what a contract maps onto, exact, in memory only. `minimised`: what lands in the lake."""

    name: str
    dag: str
    partition_by: str | None
    conformed: tuple[Field, ...]
    minimised: tuple[Field, ...]

    def field(self, name: str) -> Field:
        """The conformed column of that name; KeyError names the entity."""
        for field in self.conformed:
            if field.name == name:
                return field
        raise KeyError(f"{self.name} has no column {name}")

    @property
    def conformed_names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.conformed)

    @property
    def is_located(self) -> bool:
        """True where rows carry an H3 cell, a region and the quality of their location."""
        return any(field.name == "location_quality" for field in self.minimised)


@dataclass(frozen=True)
class Entities:
    """All entities, the columns that every minimised table carries, and the reference categories."""

    by_name: Mapping[str, Entity]
    every_table: tuple[Field, ...]
    reference_categories: tuple[str, ...]

    def __getitem__(self, name: str) -> Entity:
        return self.by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self.by_name

    def of_dag(self, dag: str) -> tuple[Entity, ...]:
        return tuple(entity for entity in self.by_name.values() if entity.dag == dag)


@cache
def load_entities(path: Path = ENTITIES_FILE) -> Entities:
    """Read the entities, once a process.

    Raises OSError where the file is missing, KeyError or yaml.YAMLError where it is malformed.
    """
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    categories = tuple(document["reference_categories"])

    def fields(columns: Mapping[str, Any]) -> tuple[Field, ...]:
        return tuple(_field(name, declared, categories) for name, declared in columns.items())

    by_name = {
        name: Entity(
            name=name,
            dag=declared["dag"],
            partition_by=declared.get("partition_by"),
            conformed=fields(declared["conformed"]),
            minimised=fields(declared["minimised"]),
        )
        for name, declared in document["entities"].items()
    }
    return Entities(by_name, fields(document["every_table"]), categories)


def _field(name: str, declared: Mapping[str, Any], categories: tuple[str, ...]) -> Field:
    allowed = categories if declared.get("reference") == "category" else tuple(declared.get("enum", ()))
    return Field(name, declared["type"], bool(declared.get("required", False)), allowed, declared.get("about", ""))


def is_generalised(name: str, field_type: str) -> bool:
    """Whether minimising makes that column of a minimised table coarser than it was: times to the hour, confidence."""
    return field_type == "timestamp" or name == "confidence"


def polars_type(field_type: str) -> pl.DataType:
    """The Polars type in which a column of that entity type is held. Timestamps are UTC, to the microsecond."""
    import polars as pl

    types: dict[str, pl.DataType] = {
        "string": pl.String(),
        "integer": pl.Int64(),
        "number": pl.Float64(),
        "boolean": pl.Boolean(),
        "date": pl.Date(),
        "timestamp": pl.Datetime("us", "UTC"),
        "geometry": pl.Binary(),
        "binary": pl.Binary(),
    }
    return types[field_type]
