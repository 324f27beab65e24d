"""The seed of terms names what landing may keep of a narrative, and nothing else."""

from __future__ import annotations

import csv

from ingestion.minimise.terms import MODUS
from tests.unit.models.conftest import PROJECT


def test_the_seed_holds_each_term_of_how_once_with_its_names() -> None:
    with (PROJECT / "seeds/reference_term.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["term"] for row in rows] == list(MODUS)
    assert all(row["name_id"] and row["name_en"] for row in rows)
