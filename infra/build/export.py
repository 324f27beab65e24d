"""From the scratch database of a build to Delta: aggregates after the first dbt run, marts after the second."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from infra.build.settings import BuildFailed, BuildSettings, Exported, ModelResult, Pins

if TYPE_CHECKING:
    import polars as pl

SCHEMAS = {"aggregates": "intermediate", "marts": "marts"}


def export(settings: BuildSettings, kind: str, pins: Pins) -> dict[str, Exported]:
    """Every table of the kind's schema to the lake; a new Delta version only where the content changed."""
    import duckdb

    if not settings.database.exists():
        raise BuildFailed(f"the scratch database of run {pins.run_id} is gone: clear the task count and run it again")
    schema = SCHEMAS[kind]
    written = {}
    with duckdb.connect(str(settings.database), read_only=True) as connection:
        names = connection.execute(
            "select table_name from information_schema.tables where table_schema = ? order by table_name", [schema]
        ).fetchall()
        for (name,) in names:
            frame = connection.execute(f'select * from "{schema}"."{name}" order by all').pl()
            written[name] = store(settings, kind, name, frame, pins)
    return written


def store(settings: BuildSettings, kind: str, name: str, frame: pl.DataFrame, pins: Pins) -> Exported:
    """One frame to the lake, with the build's inputs in the commit."""
    before = settings.lake.version(kind, name)
    version = settings.lake.replace(kind, name, frame, metadata={"telaga.build": pins.input_digest})
    return Exported(frame.height, version, version != before)


def with_rows(results: list[ModelResult], written: dict[str, Exported]) -> list[ModelResult]:
    """The report with the rows and Delta version of each model that was stored."""
    return [
        replace(result, rows=written[result.model].rows, version=written[result.model].version)
        if result.model in written
        else result
        for result in results
    ]
