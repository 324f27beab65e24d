"""Which versions a build reads, and whether there is anything to build.

The log of builds is a Delta table, control/build_log: `pin` writes an intent, `count` which versions its aggregates
have, the last step an outcome. A build whose
inputs, day and code equal those of the last finished one has nothing to do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from infra.build.settings import ROOT, BuildFailed, BuildSettings, Pins
from infra.build.sources import CONTROL
from infra.build.touched import Base
from ingestion.entities import load_entities

LOG = "build_log"
COUNTED = "counted"
LOG_SCHEMA: dict[str, pl.DataType] = {
    "run_id": pl.String(),
    "event": pl.String(),
    "as_of": pl.Date(),
    "code_digest": pl.String(),
    "input_digest": pl.String(),
    "inputs": pl.String(),
    "outputs": pl.String(),
    "logged_at": pl.Datetime("us", "UTC"),
}

# What a number depends on besides its inputs: a change of any of these is a new build.
CODE = ("dbt_project", "infra/build", "estimation")
CODE_SUFFIXES = frozenset({".py", ".sql", ".yml", ".yaml", ".csv"})
IGNORED_FOLDERS = frozenset({"target", "logs", "__pycache__"})

# A batch that is refused, or found to hold nothing new, changes no minimised table but does change what the quality
# and redaction marts say. Only its result counts, so that the same refusal logged twice starts no second build.
OUTCOME = ("feed", "batch_id", "status", "read", "accepted", "duplicate", "quarantined")


def code_digest(settings: BuildSettings) -> str:
    """SHA-256 over the models, the estimation, this room and the city's folder."""
    digest = hashlib.sha256()
    folders = [("dbt_project", settings.project_dir)]
    folders += [(name, ROOT / name) for name in CODE if name != "dbt_project"]
    folders.append(("city", settings.city.dir))
    for name, folder in folders:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if path.suffix in CODE_SUFFIXES and not IGNORED_FOLDERS.intersection(relative.parts) and path.is_file():
                digest.update(f"{name}/{relative.as_posix()}\0".encode())
                digest.update(path.read_bytes())
    return digest.hexdigest()


def current_versions(settings: BuildSettings) -> dict[str, int]:
    """Newest version of every table that a build may read; absent tables are left out."""
    names = [("minimised", entity.name) for entity in load_entities().by_name.values()]
    names += [("control", name) for name in CONTROL]
    found = {f"{kind}__{name}": settings.lake.version(kind, name) for kind, name in names}
    return {name: version for name, version in found.items() if version is not None}


def _input_digest(settings: BuildSettings, versions: dict[str, int], code: str) -> str:
    minimised = {name: version for name, version in sorted(versions.items()) if name.startswith("minimised__")}
    inputs = {
        "minimised": minimised,
        # A review, or a day on which one is due, changes what the officer's marts say and no minimised table.
        "floors": versions.get("control__recall_floors"),
        "outcomes": _outcomes_digest(settings, versions.get("control__batch_log")),
        "as_of": settings.as_of.isoformat(),
        "city": settings.city.name,
        "code": code,
        "engine": settings.engine,
        "shown": [settings.months, settings.surface_weeks],
    }
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def _outcomes_digest(settings: BuildSettings, version: int | None) -> str:
    if version is None:
        return ""
    log = settings.lake.read("control", "batch_log", version)
    outcomes = log.filter(pl.col("event") == "outcome").select(OUTCOME).unique().collect().sort(OUTCOME)
    return hashlib.sha256(outcomes.write_csv().encode()).hexdigest()


def build_log(settings: BuildSettings) -> pl.DataFrame:
    """The log of builds, empty before the first."""
    if settings.lake.version("control", LOG) is None:
        return pl.DataFrame(schema=LOG_SCHEMA)
    return settings.lake.read("control", LOG).collect()


def last_outcome(settings: BuildSettings) -> dict[str, Any] | None:
    """Newest finished build: its row of the log."""
    finished = build_log(settings).filter(pl.col("event") == "outcome").sort("logged_at")
    return finished.row(-1, named=True) if finished.height else None


def base(settings: BuildSettings, pins: Pins) -> Base | None:
    """The last finished build, where this one may keep what it counted: the same code by the same engine.

    A step that is tried again finds the same one: only the last step of a build makes it a finished one.
    """
    finished = last_outcome(settings)
    if finished is None or finished["code_digest"] != pins.code_digest:
        return None
    mine = (pl.col("event") == COUNTED) & (pl.col("input_digest") == finished["input_digest"])
    counted = build_log(settings).filter(mine & (pl.col("run_id") == finished["run_id"])).sort("logged_at")
    outputs = json.loads(counted["outputs"][-1]) if counted.height else {}
    if outputs.get("engine") != settings.engine:
        return None
    return Base(finished["as_of"], json.loads(finished["inputs"]), outputs["aggregates"])


def log_event(settings: BuildSettings, pins: Pins, event: str, outputs: Mapping[str, Any] | None = None) -> None:
    """Append `intent`, `counted` or `outcome` of a build."""
    row = {
        "run_id": pins.run_id,
        "event": event,
        "as_of": pins.as_of,
        "code_digest": pins.code_digest,
        "input_digest": pins.input_digest,
        "inputs": json.dumps(dict(pins.versions), sort_keys=True),
        "outputs": json.dumps(outputs or {}, sort_keys=True),
        "logged_at": datetime.now(UTC),
    }
    settings.lake.append("control", LOG, pl.DataFrame([row], schema=LOG_SCHEMA))


def pin(settings: BuildSettings) -> Pins | None:
    """Fix what this build reads, and log it; None where the last finished build already had exactly that.

    Raises BuildFailed when there is nothing to count yet.
    """
    versions = current_versions(settings)
    if "minimised__region" not in versions:
        raise BuildFailed("no regions have landed yet: run the DAG pull_city_spatial first, then build_marts")
    code = code_digest(settings)
    pins = Pins(settings.run_id, settings.as_of, versions, code, _input_digest(settings, versions, code))
    last = last_outcome(settings)
    if last is not None and last["input_digest"] == pins.input_digest:
        return None
    log_event(settings, pins, "intent")
    return pins


def pinned(settings: BuildSettings) -> Pins:
    """What `pin` fixed for this run: a step that is tried again reads the same versions."""
    mine = build_log(settings).filter((pl.col("run_id") == settings.run_id) & (pl.col("event") == "intent"))
    if not mine.height:
        raise BuildFailed(f"run {settings.run_id} has pinned no inputs: call pin before count, judge and present")
    row = mine.sort("logged_at").row(-1, named=True)
    return Pins(row["run_id"], row["as_of"], json.loads(row["inputs"]), row["code_digest"], row["input_digest"])


def relative_path(path: Path) -> str:
    """A path as it may stand in a message: from the repository, else its name."""
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else path.name
