"""Refuses a build whose models read what ends in staging, before anything is counted.

dbt compiles the project with every source as a plain table (var `lineage`), into a folder of its own, and
governance.lineage reads the SQL. What was found good is remembered by a digest of the project, so that only a changed
one is compiled.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from governance.lineage import read_project, refusals
from infra.build.settings import BuildFailed, BuildSettings

if TYPE_CHECKING:
    import polars as pl

    from infra.build.settings import Pins

SUFFIXES = frozenset({".sql", ".yml", ".csv", ".py"})
TIMEOUT_SECONDS = 300
# What statistics may read of a minimised table beside the aggregates: the shapes of regions, in which no one lives.
READABLE = {"region": frozenset({"region_code", "level", "parent_code", "boundary_wkb"})}


def check(settings: BuildSettings) -> None:
    """Raises BuildFailed with a line for each model, column and source column that may not be read."""
    digest = _digest(settings)
    good = settings.build_dir / "lineage.txt"
    if good.is_file() and good.read_text(encoding="utf-8").strip() == digest:
        return
    relations, models = read_project(_compiled(settings))
    found = sorted({str(refusal) for refusal in refusals(relations, models)})
    if found:
        raise BuildFailed("the models read what may not leave staging; nothing was built\n" + "\n".join(found))
    good.write_text(digest + "\n", encoding="utf-8")


def readable(settings: BuildSettings, pins: Pins, entity: str, columns: list[str]) -> pl.LazyFrame:
    """Columns of a minimised table for a step that no lineage can look into; BuildFailed for any that is not listed."""
    refused = sorted(set(columns) - READABLE.get(entity, frozenset()))
    if refused:
        raise BuildFailed(
            f"an estimate asks for {', '.join(f'{entity}.{name}' for name in refused)}: statistics read aggregates; "
            "list the column in infra/build/lineage.py if it tells of no person, device, moment or record"
        )
    return settings.lake.read("minimised", entity, pins.versions[f"minimised__{entity}"]).select(columns)


def _digest(settings: BuildSettings) -> str:
    digest = hashlib.sha256(json.dumps(settings.city.levels).encode())
    for path in sorted(settings.project_dir.rglob("*")):
        relative = path.relative_to(settings.project_dir)
        if path.suffix in SUFFIXES and path.is_file() and not {"target", "logs"}.intersection(relative.parts):
            digest.update(f"{relative.as_posix()}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()


def _compiled(settings: BuildSettings) -> dict[str, object]:
    """dbt's manifest with the SQL of every model; DuckDB in memory, whichever engine builds."""
    from infra.build.dbt import environment, prepare

    prepare(replace(settings, engine="duckdb"))
    folder = settings.build_dir / "lineage"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = settings.logs_dir / "dbt-lineage.log"
    settings.logs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    given = {"lineage": True, "levels": [{"key": key, "title": title} for key, title in settings.city.levels]}
    given["index_level"] = settings.city.index_level
    command = [sys.executable, "-c", "from dbt.cli.main import cli; cli()", "compile", "--no-introspect", "--quiet"]
    command += ["--project-dir", str(settings.project_dir), "--profiles-dir", str(settings.project_dir)]
    command += ["--target", "duckdb", "--target-path", str(folder), "--log-path", str(folder)]
    command += ["--select", "resource_type:model", "--vars", json.dumps(given)]
    manifest = folder / "manifest.json"
    manifest.unlink(missing_ok=True)
    with log.open("w", encoding="utf-8") as output:
        ended = subprocess.run(
            command,
            cwd=settings.build_dir,
            env={**environment(settings), "TELAGA_ENGINE": "duckdb", "TELAGA_BUILD_DATABASE": ":memory:"},
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    if ended.returncode or not manifest.is_file():
        raise BuildFailed(f"the models cannot be compiled, so that nobody can say what they read; see {log}")
    found: dict[str, object] = json.loads(manifest.read_text(encoding="utf-8"))
    return found
