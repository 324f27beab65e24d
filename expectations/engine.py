"""Great Expectations, quiet and without calls to the outside: imported once a process, one context an engine.

Its import takes three to five seconds, so nothing imports it before a batch is judged. A process that forks its
tasks may call `preload` before it forks, and each task then pays nothing.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

    from expectations.suite import Check

# Neither format may list what it found: BASIC without partial_unexpected_count: 0, and SUMMARY always, copy values.
COUNTS = {"result_format": "BASIC", "partial_unexpected_count": 0}
YES_OR_NO = {"result_format": "BOOLEAN_ONLY"}


@dataclass(frozen=True)
class Answer:
    """What one check found: `broken` rows of those that hold a value (null unless counted), `measured` the observed
    aggregate (null for a row rule), `error` the name of the exception that kept it from an answer."""

    check: Check
    passed: bool
    broken: int | None = None
    measured: float | None = None
    error: str = ""


def preload() -> None:
    """Import Great Expectations in this process, silently. Starts no thread and opens no connection."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # On import it logs every expectation it registers.
    _hush()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations  # noqa: F401
    # Some of its modules set a level of their own.
    _hush()
    from tqdm import tqdm

    # Its progress bars are off, but their monitor would start a thread all the same.
    tqdm.monitor_interval = 0


def _hush() -> None:
    for name in ["great_expectations", *logging.root.manager.loggerDict]:
        if name.split(".")[0] == "great_expectations":
            logging.getLogger(name).setLevel(logging.ERROR)


class Engine:
    """One ephemeral context over pandas frames. Suites are built once per key and used again."""

    def __init__(self) -> None:
        preload()
        import great_expectations as gx
        from great_expectations.data_context.types.base import ProgressBarsConfig

        self._gx = gx
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("telaga").add_dataframe_asset("frame")
        self._definition = asset.add_batch_definition_whole_dataframe("whole")

    def ask(self, frame: pd.DataFrame, checks: Sequence[Check], *, count: bool) -> list[Answer]:
        """Ask every check of the frame; with `count`, answers carry how many rows broke it, else only yes or no.

        A check that cannot be asked (a column is missing, an exception) has failed: its answer names the error's
        class, never its message, which may carry values.
        """
        if not checks:
            return []
        # Two rules may ask the same (a key is also required): Great Expectations would answer only one of them.
        asked: dict[str, int] = {}
        positions = [
            asked.setdefault(repr((c.expectation, sorted(c.arguments.items()))), n) for n, c in enumerate(checks)
        ]
        suite = self._gx.ExpectationSuite(
            name="checks", expectations=[self._expectation(checks[n], n) for n in asked.values()]
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            batch = self._definition.get_batch({"dataframe": frame})
            result = batch.validate(suite, result_format=dict(COUNTS if count else YES_OR_NO))
        answers: dict[int, Any] = {_position(item): item for item in result.results}
        return [
            _answer(check, answers[n]) if n in answers else Answer(check, False, error="NoResult")
            for check, n in zip(checks, positions, strict=True)
        ]

    def _expectation(self, check: Check, position: int) -> Any:
        kind = getattr(self._gx.expectations, check.expectation)
        return kind(**dict(check.arguments), meta={"position": position})


def _position(item: Any) -> int:
    return int(item.expectation_config.meta["position"])


def _answer(check: Check, item: Any) -> Answer:
    error = _error_of(item.exception_info or {})
    found = item.result or {}
    measured = found.get("observed_value")
    return Answer(
        check,
        bool(item.success) and not error,
        broken=None if found.get("unexpected_count") is None else int(found["unexpected_count"]),
        measured=float(measured) if isinstance(measured, int | float) else None,
        error=error,
    )


def _error_of(info: Any) -> str:
    """The class of the exception that an expectation met, from GX's report of it; empty where it met none."""
    reports = [info] if "raised_exception" in info else list(info.values())
    for report in reports:
        if isinstance(report, dict) and report.get("raised_exception"):
            lines = [line for line in str(report.get("exception_traceback") or "").splitlines() if line.strip()]
            name = lines[-1].split(":", 1)[0].strip() if lines else ""
            return name if name.replace(".", "").replace("_", "").isalnum() else "Error"
    return ""
