"""The steps of a build as the DAG build_marts calls them: pin, count, judge, present.

Each may be tried again: it reads what `pin` fixed, and writes a Delta version only where content changed.
"""

from __future__ import annotations

import time
from typing import Any

import estimation  # noqa: F401  before anything loads numpy: it says how many threads linear algebra takes
from infra.build import dbt, export, lineage, spark
from infra.build import pin as pinning
from infra.build import touched as touching
from infra.build.settings import BuildFailed, BuildSettings, ModelResult, Pins

__all__ = ["BuildFailed", "BuildSettings", "Pins", "count", "judge", "pin", "present"]


def pin(settings: BuildSettings) -> Pins | None:
    """Fix every source's Delta version; None where nothing is new since the last finished build."""
    return pinning.pin(settings)


def count(settings: BuildSettings, pins: Pins | None = None) -> list[dict[str, Any]]:
    """First dbt run, from a fresh scratch database: minimised tables to aggregates, which go to the lake.

    Days that no commit touched since the last finished build are kept as that one counted them.
    """
    pins = pins or pinning.pinned(settings)
    settings.build_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    lineage.check(settings)
    _clear(settings)
    started = time.monotonic()
    base = pinning.base(settings, pins)
    days = touching.touched(settings, pins, base)
    told = ModelResult("days counted again", touching.told(days), round(time.monotonic() - started, 2))
    results = dbt.run(
        settings, "count", dbt.variables(settings, pins, touched=touching.variables(settings, base, days))
    )
    written = export.export(settings, "aggregates", pins)
    versions = {name: table.version for name, table in written.items()}
    pinning.log_event(settings, pins, pinning.COUNTED, {"engine": settings.engine, "aggregates": versions})
    return _json([told, *export.with_rows(results, written)])


def judge(settings: BuildSettings, pins: Pins | None = None) -> list[dict[str, Any]]:
    """Statistics between the two dbt runs: aggregates to estimates, both in the lake."""
    from infra.build import estimate

    return _json(estimate.estimate(settings, pins or pinning.pinned(settings)))


def present(settings: BuildSettings, pins: Pins | None = None) -> list[dict[str, Any]]:
    """Second dbt run: aggregates and estimates to marts, which go to the lake; ends the build in its log."""
    from infra.build.estimate import ESTIMATES

    pins = pins or pinning.pinned(settings)
    versions = {name: settings.lake.version("estimates", name) for name in ESTIMATES}
    missing = sorted(name for name, version in versions.items() if version is None)
    if missing:
        raise BuildFailed(f"estimates {', '.join(missing)} are missing: clear the task judge and run it again")
    estimates = {name: version for name, version in versions.items() if version is not None}
    results = dbt.run(settings, "present", dbt.variables(settings, pins, estimates))
    written = export.export(settings, "marts", pins)
    _clear(settings)
    pinning.log_event(settings, pins, "outcome", {name: table.version for name, table in written.items()})
    return _json(export.with_rows(results, written))


def _clear(settings: BuildSettings) -> None:
    """No scratch of an earlier step or run."""
    if settings.engine == "spark":
        spark.clear(settings)
    for left in settings.build_dir.glob(f"{settings.database.name}*"):
        left.unlink()


def _json(results: list[ModelResult]) -> list[dict[str, Any]]:
    return [result.to_json() for result in results]
