"""From the scratch of a build, in DuckDB or Spark, to Delta: aggregates after the first dbt run, marts after the
second."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from infra.build import spark
from infra.build.settings import BuildFailed, BuildSettings, Exported, ModelResult, Pins

if TYPE_CHECKING:
    import polars as pl

SCHEMAS = {"aggregates": "intermediate", "marts": "marts"}


def export(settings: BuildSettings, kind: str, pins: Pins) -> dict[str, Exported]:
    """Every table of the kind's schema to the lake; a new Delta version only where the content changed."""
    made = _of_spark if settings.engine == "spark" else _of_duckdb
    return {
        name: store(settings, kind, name, frame, pins) for name, frame in made(settings, SCHEMAS[kind], pins.run_id)
    }


def _of_duckdb(settings: BuildSettings, schema: str, run_id: str) -> Iterator[tuple[str, pl.DataFrame]]:
    import duckdb

    if not settings.database.exists():
        raise BuildFailed(f"the scratch database of run {run_id} is gone: clear the task count and run it again")
    with duckdb.connect(str(settings.database), read_only=True) as connection:
        names = connection.execute(
            "select table_name from information_schema.tables where table_schema = ? order by table_name", [schema]
        ).fetchall()
        for (name,) in names:
            yield name, connection.execute(f'select * from "{schema}"."{name}" order by all').pl()


def _of_spark(settings: BuildSettings, schema: str, run_id: str) -> Iterator[tuple[str, pl.DataFrame]]:
    import polars as pl

    for name, path in spark.fetch(settings, schema).items():
        frame = pl.read_parquet(path)
        yield name, frame.sort(frame.columns, nulls_last=True)


def store(settings: BuildSettings, kind: str, name: str, frame: pl.DataFrame, pins: Pins) -> Exported:
    """One frame to the lake, with the build's inputs in the commit."""
    before = settings.lake.version(kind, name)
    version = settings.lake.replace(
        kind, name, frame, metadata={"telaga.build": pins.input_digest, "telaga.engine": settings.engine}
    )
    return Exported(frame.height, version, version != before)


def with_rows(results: list[ModelResult], written: dict[str, Exported]) -> list[ModelResult]:
    """The report with the rows and Delta version of each model that was stored."""
    return [
        replace(result, rows=written[result.model].rows, version=written[result.model].version)
        if result.model in written
        else result
        for result in results
    ]
