"""Tokens of plates end in the one staging model that a contract names, as counts that the contract declares."""

from __future__ import annotations

import re
from pathlib import Path

import duckdb
import yaml

from ingestion.city import load_city
from ingestion.minimise.columns import TOKEN
from ingestion.minimise.day_keys import linked_plate

ROOT = Path(__file__).resolve().parents[3]
MODELS = ROOT / "dbt_project/models"


def sql_of(path: Path) -> str:
    return re.sub(r"\{#.*?#\}|--[^\n]*", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def declared() -> dict[str, dict]:
    """Model -> what its meta says of tokens."""
    found = {}
    for path in MODELS.rglob("*.yml"):
        for model in (yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("models", ()):
            counts = model.get("config", {}).get("meta", {}).get("counts_tokens")
            if counts:
                found[model["name"]] = counts
    return found


def test_no_other_model_reads_tokens() -> None:
    readers = {path.stem: path.parent.name for path in MODELS.rglob("*.sql") if TOKEN in sql_of(path)}
    assert readers == dict.fromkeys(declared(), "staging") and readers
    # Nor takes every column of the table that holds them.
    for path in MODELS.rglob("*.sql"):
        if "'camera_event'" in sql_of(path):
            assert not re.search(r"select\s+(\w+\.)?\*", sql_of(path)), path.stem


def test_contracts_and_models_declare_the_same_counts() -> None:
    counts = declared()
    linked = [(contract, linked_plate(contract)) for contract in load_city("nusantara").contracts]
    named = {column.options["links"]["model"]: column.options["links"]["by"] for _, column in linked if column}
    assert named.keys() == counts.keys()
    for model, by in named.items():
        assert sorted(by) == sorted(counts[model]["by"]) and counts[model]["column"] == TOKEN


def test_a_model_of_tokens_hands_on_counts_by_what_is_declared_and_nothing_else() -> None:
    for name, counts in declared().items():
        sql = sql_of(MODELS / "staging" / f"{name}.sql")
        handed_on = re.findall(r"\bas (\w+),?\n", sql.split("from ", 1)[0])
        (count,) = set(handed_on) - {"feed", *counts["by"]}
        assert set(handed_on) == {"feed", *counts["by"], count}
        assert re.search(rf"count\(distinct {TOKEN}\) as bigint\) as {count}\n", sql)


def test_vehicles_are_counted_once_an_hour_and_place() -> None:
    sql = re.sub(r"\{\{.*?\}\}", "events", sql_of(MODELS / "staging/stg_vehicle_count.sql"))
    rows = [("f", "64.01", "c1", 10, "t1"), ("f", "64.01", "c1", 10, "t1"), ("f", "64.01", "c1", 10, "t2"),
            ("f", "64.01", "c1", 11, "t1"), ("f", "64.02", None, 10, "t1"), ("f", "64.02", None, 10, None)]  # fmt: skip
    with duckdb.connect() as base:
        base.execute("create table events (feed text, region_code text, h3_cell text, occurred_local_date date, "
                     "occurred_local_hour bigint, plate_token text)")  # fmt: skip
        base.executemany("insert into events values (?, ?, ?, date '2026-06-30', ?, ?)", rows)
        found = sorted((row[1], row[4], row[5]) for row in base.execute(sql).fetchall())
    assert found == [("64.01", 10, 2), ("64.01", 11, 1), ("64.02", 10, 1)]
