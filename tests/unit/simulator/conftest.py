"""A small simulation without its database server: the tables that would be loaded are kept instead."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl
import pytest

from infra.settings import Home
from infra.simulator import SimulationResult, police_db, simulate

SIZE = {"events": 4000, "records": 1500, "days": 120, "seed": 7}


@dataclass
class Shelf:
    """Stands in for the police's cluster: takes the tables, is started and stopped."""

    tables: dict[str, pl.DataFrame] = field(default_factory=dict)
    stopped: int = 0

    def create(self, home: Home, tables: Mapping[str, pl.DataFrame]) -> Shelf:
        self.tables = dict(tables)
        return self

    def stop(self) -> None:
        self.stopped += 1


@dataclass(frozen=True)
class Played:
    """One finished simulation: its home, what it says of itself, and the police tables."""

    home: Home
    result: SimulationResult
    shelf: Shelf

    @property
    def tables(self) -> dict[str, pl.DataFrame]:
        return self.shelf.tables

    @property
    def root(self) -> Path:
        return self.home.simulation_dir


def play(folder: Path, **size: int) -> Played:
    """Simulates into `folder`, without boundaries from elsewhere."""
    shelf = Shelf()
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("TELAGA_CITY_DATA", raising=False)
        patch.setattr(police_db, "create", shelf.create)
        home = Home(folder)
        result = simulate(home, **{**SIZE, **size})
    return Played(home, result, shelf)


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    return play(tmp_path_factory.mktemp("agencies"))
