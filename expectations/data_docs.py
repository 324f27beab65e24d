"""Data Docs of Great Expectations from stored outcomes: one page a batch and an index; counts and limits, no values.

Its own renderers write the pages. What they would load from other hosts is cut out, and a content policy in each page
forbids the rest, so that opening one calls nobody.
"""

from __future__ import annotations

import hashlib
import html
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl

from expectations.engine import preload
from expectations.outcomes import outcomes
from ingestion.lake import Lake

INDEX = "index.html"
NEWEST = 3  # pages of passed batches a feed; every batch that failed or warned has one, within MOST
MOST = 200
_POLICY = (
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
    "<style>body{font-family:sans-serif;margin:2rem;max-width:70rem}td,th{padding:.2rem .6rem;text-align:left;"
    "border-bottom:1px solid #ddd;vertical-align:top}.gagal{background:#f4a582}.peringatan{background:#fee090}</style>"
)
_REMOTE = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*>|<img\b[^>]*>|<iframe\b.*?</iframe>|<style\b.*?</style>|<form\b.*?</form>",
    re.DOTALL | re.IGNORECASE,
)
_ADDRESS = re.compile(r"""\s(?:href|src|action)=["']?https?:[^"'\s>]*["']?""", re.IGNORECASE)


def build(lake: Lake, folder: Path, *, newest: int = NEWEST) -> Path:
    """Write what is not there yet, drop pages of batches that fell out; returns the index. Raises OSError."""
    checks = outcomes(lake).filter(pl.col("expectation") != "")
    batches = _batches(checks, newest)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    wanted = {_name(batch): batch for batch in batches.iter_rows(named=True)}
    missing = [name for name in wanted if not (folder / name).exists()]
    if missing:
        preload()
    for name in missing:
        batch = wanted[name]
        mine = checks.filter((pl.col("feed") == batch["feed"]) & (pl.col("batch_id") == batch["batch_id"]))
        _write(folder / name, _page(batch, mine))
    _write(folder / INDEX, _index(wanted))
    for page in folder.glob("*.html"):
        if page.name != INDEX and page.name not in wanted:
            page.unlink()
    return folder / INDEX


def _batches(checks: pl.DataFrame, newest: int) -> pl.DataFrame:
    """One row a batch that gets a page, newest first: feed, batch_id, logged_at, run_id, outcome, counts of checks."""
    is_error = pl.col("severity") == "error"
    batches = checks.group_by("feed", "batch_id", "logged_at", "run_id").agg(
        pl.len().alias("checks"),
        (~pl.col("passed") & is_error).sum().alias("failed"),
        (~pl.col("passed") & ~is_error).sum().alias("warned"),
    )
    outcome = pl.when(pl.col("failed") > 0).then(pl.lit("gagal")).when(pl.col("warned") > 0).then(pl.lit("peringatan"))
    age = pl.col("logged_at").rank("ordinal", descending=True).over("feed")
    batches = batches.with_columns(outcome.otherwise(pl.lit("lulus")).alias("outcome"), age.alias("age"))
    chosen = batches.filter((pl.col("age") <= newest) | (pl.col("outcome") != "lulus"))
    return chosen.sort(["logged_at", "feed", "batch_id"], descending=[True, False, False]).head(MOST)


def _name(batch: Mapping[str, Any]) -> str:
    told = f"{batch['feed']}|{batch['batch_id']}|{batch['logged_at']:%Y%m%dT%H%M%S%f}"
    return f"{hashlib.sha256(told.encode()).hexdigest()[:24]}.html"


def _page(batch: Mapping[str, Any], checks: pl.DataFrame) -> str:
    import great_expectations as gx
    from great_expectations.core.expectation_validation_result import (
        ExpectationSuiteValidationResult,
        ExpectationValidationResult,
    )
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration
    from great_expectations.render.renderer.page_renderer import ValidationResultsPageRenderer
    from great_expectations.render.view import DefaultJinjaPageView

    results = [
        ExpectationValidationResult(
            success=check["passed"],
            expectation_config=ExpectationConfiguration(type=_type(check["expectation"]), kwargs=_arguments(check)),
            result=_result(check),
            exception_info={"raised_exception": False, "exception_message": None, "exception_traceback": None},
        )
        for check in checks.iter_rows(named=True)
    ]
    passed = int(checks["passed"].sum())
    whole = ExpectationSuiteValidationResult(
        success=batch["failed"] == 0,
        results=results,
        suite_name=batch["feed"],
        statistics={
            "evaluated_expectations": len(results),
            "successful_expectations": passed,
            "unsuccessful_expectations": len(results) - passed,
            "success_percent": 100.0 * passed / max(len(results), 1),
        },
        meta={
            "great_expectations_version": gx.__version__,
            "run_id": {"run_name": batch["run_id"], "run_time": batch["logged_at"].isoformat()},
            "active_batch_definition": {"batch": batch["batch_id"]},
        },
    )
    return _at_home(DefaultJinjaPageView().render(ValidationResultsPageRenderer().render(whole)))


def _type(expectation: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", expectation).lower()


def _arguments(check: Mapping[str, Any]) -> dict[str, Any]:
    """What the renderer says of the check: its column and limits. Lists of codes and patterns stand in the contract."""
    name = str(check["column"]).partition(":")[2] if check["measure"] is None else str(check["measure"])
    found: dict[str, Any] = {"column": name}
    if check["expectation"] == "ExpectColumnPairValuesAToBeGreaterThanB":
        found = {"column_A": name, "column_B": f"the other column of {check['rule']}"}
    if check["expectation"] == "ExpectColumnValuesToBeInSet":
        found["value_set"] = []
    if check["expectation"] == "ExpectColumnValuesToMatchRegex":
        found["regex"] = ""
    if check["expectation"].endswith("ToBeBetween"):
        found |= {f"{name[:3]}_value": check[name] for name in ("minimum", "maximum") if check[name] is not None}
    return found


def _result(check: Mapping[str, Any]) -> dict[str, Any]:
    if check["measured"] is not None:
        return {"observed_value": check["measured"]}
    rows, broken = check["rows"] or 0, check["broken"] or 0
    return {
        "element_count": rows,
        "unexpected_count": broken,
        "unexpected_percent": 100.0 * broken / rows if rows else 0.0,
        "partial_unexpected_list": [],
    }


def _at_home(page: str) -> str:
    page = _ADDRESS.sub("", _REMOTE.sub("", page))
    return page.replace("<head>", f"<head>{_POLICY}", 1)


def _index(batches: Mapping[str, Mapping[str, Any]]) -> str:
    rows = "".join(
        f'<tr class="{batch["outcome"]}"><td>{batch["logged_at"]:%Y-%m-%d %H:%M}</td>'
        f"<td>{html.escape(batch['feed'])}</td>"
        f'<td><a href="{name}">{html.escape(batch["batch_id"])}</a></td><td>{batch["outcome"]}</td>'
        f"<td>{batch['checks']}</td><td>{batch['failed']}</td><td>{batch['warned']}</td></tr>"
        for name, batch in batches.items()
    )
    heads = "".join(f"<th>{name}</th>" for name in ("UTC", "feed", "batch", "outcome", "checks", "failed", "warned"))
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Data Docs</title>{_POLICY}</head><body>'
        f"<h1>Data Docs</h1><p>Last verdicts, newest first: counts and limits, never a value.</p>"
        f"<table><tr>{heads}</tr>{rows}</table></body></html>"
    )


def _write(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text, encoding="utf-8")
    new.replace(path)
