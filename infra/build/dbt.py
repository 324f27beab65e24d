"""One dbt run a phase, as a process of its own: dbt keeps global state and its DuckDB file open while it lives."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from infra.build import spark
from infra.build.settings import ROOT, BuildFailed, BuildSettings, ModelResult, Pins

# Two selections a build. Unit tests prove the code, not the data: they run with the project's tests.
PHASES: dict[str, tuple[str, ...]] = {
    "count": ("resource_type:seed", "path:models/staging", "path:models/intermediate"),
    "present": ("path:models/estimates", "path:models/marts"),
}
# Neither has anything to run on the data: an exposure would end as a no-op.
SKIPPED: tuple[str, ...] = ("unit_test", "exposure")
TIMEOUT = timedelta(minutes=40)
PASSED = frozenset({"success", "pass"})


def variables(
    settings: BuildSettings,
    pins: Pins,
    estimates: dict[str, int] | None = None,
    touched: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The vars of the project: the city, the clock, each table at its pinned version, and the days to count again."""
    city = settings.city
    versions = {**pins.versions, **{f"estimates__{name}": version for name, version in (estimates or {}).items()}}
    tables = {}
    for name, version in sorted(versions.items()):
        kind, _, table = name.partition("__")
        tables[name] = {"uri": settings.lake.table(kind, table), "version": version}
    given: dict[str, Any] = {
        "as_of": settings.as_of.isoformat(),
        "city_name": city.name,
        "data_label": city.data_label,
        "time_zone": city.time_zone,
        "h3_resolution": city.h3_resolution,
        "levels": [{"key": key, "title": title} for key, title in city.levels],
        "index_level": city.index_level,
        "index_months": settings.months,
        "surface_weeks": settings.surface_weeks,
        "sensitive_categories": sorted(city.sensitive_categories),
        "readiness": list(city.index.get("readiness", [])),
        "feeds": [
            {
                "feed": contract.feed,
                "entity": contract.entity,
                "title": contract.title,
                "freshness_hours": contract.freshness_hours,
            }
            for contract in city.contracts
        ],
        "touched": touched or {},
        "source_tables": tables,
    }
    # What the city does not state keeps the project's own default.
    for stated, name in (
        ("answer_seconds", "answer_standard_seconds"),
        ("arrival_seconds", "arrival_standard_seconds"),
    ):
        if stated in city.response_standards:
            given[name] = int(city.response_standards[stated])
    for stated, name in (("completeness", "smallest_completeness"), ("provisional_days", "provisional_days")):
        if stated in city.thresholds:
            given[name] = city.thresholds[stated]
    return given


def prepare(settings: BuildSettings) -> None:
    """Folders, and what the engine needs: a Spark server that answers, or DuckDB's extensions, from their wheels so
    that nothing is downloaded."""
    for folder in (settings.build_dir, settings.target_dir, settings.extension_dir, settings.logs_dir):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if settings.engine == "spark":
        spark.reachable()
        return
    needed = ["delta"] if settings.lake.is_local else ["delta", "httpfs"]
    missing = [name for name in needed if not any(settings.extension_dir.rglob(f"{name}.duckdb_extension"))]
    if not missing:
        return
    import duckdb
    import duckdb_extensions

    with duckdb.connect(config={"extension_directory": str(settings.extension_dir)}) as connection:
        for name in missing:
            duckdb_extensions.import_extension(name, con=connection)


def run(
    settings: BuildSettings, phase: str, given: dict[str, Any], command: Sequence[str] = ("build",)
) -> list[ModelResult]:
    """Run one phase; returns a row for each model and seed, and one for all data tests.

    Raises BuildFailed naming the models and tests that failed and the log; dbt's own message may quote a value, so
    it stays in the log.
    """
    prepare(settings)
    log = settings.logs_dir / f"dbt-{phase}.log"
    results_path = settings.target_dir / "run_results.json"
    results_path.unlink(missing_ok=True)
    arguments = [
        spark.interpreter() if settings.engine == "spark" else sys.executable,
        "-c",
        "from dbt.cli.main import cli; cli()",
        *command,
        "--project-dir",
        str(settings.project_dir),
        "--profiles-dir",
        str(settings.project_dir),
        "--target",
        settings.engine,
        "--target-path",
        str(settings.target_dir),
        "--log-path",
        str(settings.target_dir),
        "--select",
        *PHASES[phase],
        "--indirect-selection",
        # A test that joins a mart to what it is made of belongs to the run that makes the mart.
        "cautious" if phase == "count" else "eager",
        "--vars",
        json.dumps(given, sort_keys=True),
    ]
    if tuple(command) == ("build",):
        for kind in SKIPPED:
            arguments += ["--exclude-resource-type", kind]
    with log.open("w", encoding="utf-8") as output:
        try:
            ended = subprocess.run(
                arguments,
                cwd=settings.build_dir,
                env=environment(settings),
                stdout=output,
                stderr=subprocess.STDOUT,
                timeout=TIMEOUT.total_seconds(),
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise BuildFailed(f"dbt {phase} took longer than {TIMEOUT}; see {log}") from None
    if not results_path.exists():
        raise BuildFailed(f"dbt {phase} ended with code {ended.returncode} before it ran a model; see {log}")
    results = json.loads(results_path.read_text(encoding="utf-8"))["results"]
    failed = [result for result in results if result["status"] not in PASSED]
    if failed or ended.returncode:
        raise BuildFailed(_failure(phase, failed, str(log)))
    return _report(results)


def environment(settings: BuildSettings) -> dict[str, str]:
    """What profiles.yml and the lake's connection read; telemetry is off twice, in the project and here."""
    return {
        **os.environ,
        **settings.lake.storage_options,
        "TELAGA_REPOSITORY": str(ROOT),
        "TELAGA_BUILD_LAKE": settings.lake.uri,
        "TELAGA_ENGINE": settings.engine,
        "TELAGA_BUILD_DATABASE": str(settings.database),
        "TELAGA_BUILD_THREADS": str(settings.threads),
        "TELAGA_BUILD_MEMORY": settings.memory,
        "TELAGA_BUILD_SCHEMA": spark.schema(settings),
        "TELAGA_DUCKDB_EXTENSIONS": str(settings.extension_dir),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
        "DO_NOT_TRACK": "1",
    }


def _failure(phase: str, failed: list[dict[str, Any]], log: str) -> str:
    named = []
    for result in failed:
        kind, *_ = result["unique_id"].split(".")
        name = _name(result["unique_id"])
        if result["status"] == "skipped":
            continue
        rows = f" ({result['failures']} rows)" if result.get("failures") else ""
        named.append(f"{kind} {name} {result['status']}{rows}")
    skipped = sum(result["status"] == "skipped" for result in failed)
    after = f"; {skipped} behind them were not built" if skipped else ""
    return f"dbt {phase}: {', '.join(named) or 'ended with an error'}{after}; nothing was published; see {log}"


def _name(unique_id: str) -> str:
    """model.telaga.name -> name; test.telaga.name.hash -> name."""
    return unique_id.split(".")[2]


def _table(result: dict[str, Any]) -> str:
    """The table that a model became: versions of one mart have tables of their own. Seeds and views alike."""
    relation = result.get("relation_name") or ""
    return relation.split(".")[-1].strip('"`') or _name(result["unique_id"])


def _report(results: list[dict[str, Any]]) -> list[ModelResult]:
    models = [
        ModelResult(_table(result), "success", round(result["execution_time"], 2))
        for result in results
        if result["unique_id"].startswith(("model.", "seed."))
    ]
    tests = [result for result in results if result["unique_id"].startswith("test.")]
    seconds = round(sum(result["execution_time"] for result in tests), 2)
    return [*models, ModelResult("data tests", f"{len(tests)} passed", seconds)]
