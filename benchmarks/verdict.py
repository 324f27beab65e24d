"""What the verdict on a batch costs: sampling and judging a million rows, imports apart, beside the same row rules in
plain Polars (conform) over the same sample, in the same run and with the same counts of broken rows.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl

from benchmarks.report import Figure
from expectations.engine import preload
from expectations.judge import Judge
from expectations.suite import profile_checks, row_checks
from ingestion.conform import conform
from ingestion.contract import Contract, load_contract
from ingestion.profile import SAMPLE_ROWS, BatchProfile, Sampler

SUMMARY = "seconds of a verdict on a million rows, and what Great Expectations costs beside plain Polars"
ENVIRONMENT = "main"

AIM_SECONDS = 5.0
ZONE = "Asia/Makassar"
LAST_DAY = date(2026, 6, 30)
CHUNK_ROWS = 200_000
BROKEN_SHARE = 0.004  # of each kind of fault
CITY: Any = SimpleNamespace(time_zone=ZONE, as_of=LAST_DAY, discovered_categories=frozenset())
# A feed of the usual kinds of rule: key, required, type, codes, pattern, length, range, coordinate, time, order.
CONTRACT = """
apiVersion: v3.1.0
kind: DataContract
id: bench.records
name: bench.records
version: 1.0.0
status: active
tenant: bench
description: {purpose: to measure}
team: {name: Bench}
servers: [{server: inbox, type: local, path: '{simulation}/*.csv', format: csv}]
slaProperties: [{property: freshness, value: 24, unit: h}, {property: retention, value: 365, unit: d}]
schema:
  - name: records
    properties:
      - {name: id, logicalType: string, physicalType: text, required: true, primaryKey: true, classification: internal,
         logicalTypeOptions: {maxLength: 12},
         customProperties: [{property: telaga, value: {action: pseudonymise, maps_to: source_key}}]}
      - {name: kind, logicalType: string, physicalType: text, required: true, classification: internal,
         customProperties: [{property: telaga, value: {action: keep, maps_to: category,
           codes: {T: theft, R: robbery}}}]}
      - {name: modus, logicalType: string, physicalType: text, classification: internal,
         logicalTypeOptions: {pattern: '[A-Z]{2}[0-9]'},
         customProperties: [{property: telaga, value: {action: keep, maps_to: modus_code}}]}
      - {name: from, logicalType: timestamp, physicalType: text, required: true, classification: internal,
         customProperties: [{property: telaga, value: {action: generalise, maps_to: occurred_from_at,
           format: '%Y-%m-%d %H:%M'}}]}
      - {name: to, logicalType: timestamp, physicalType: text, classification: internal,
         customProperties: [{property: telaga, value: {action: generalise, maps_to: occurred_to_at,
           format: '%Y-%m-%d %H:%M'}}]}
      - {name: lon, logicalType: number, physicalType: text, classification: internal,
         logicalTypeOptions: {minimum: 110, maximum: 120},
         customProperties: [{property: telaga, value: {action: generalise, maps_to: longitude}}]}
      - {name: lat, logicalType: number, physicalType: text, classification: internal,
         customProperties: [{property: telaga, value: {action: generalise, maps_to: latitude}}]}
    quality:
      - {name: 'order:to', type: custom, engine: telaga, implementation: {rule: order, columns: [to, from]}}
      - {name: rows, type: library, metric: rowCount, mustBeGreaterOrEqualTo: 10}
customProperties:
  - property: telaga
    value: {entity: police_record, connector: folder, cadence: '0 1 * * *', legal_basis: to measure, is_synthetic: true,
      time_zone: Asia/Makassar, format: {kind: csv}}
"""
FAULTS = {
    "id": "",
    "kind": "X",
    "modus": "ab1",
    "from": "13/05/2026",
    "to": "2020-01-01 00:00",
    "lon": "-12.5",
    "lat": "99.5",
}


def configure(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rows", type=int, default=1_000_000, help="rows of the batch (default 1,000,000)")
    parser.add_argument("--times", type=int, default=3, help="rounds; the median counts (default 3)")


def run(arguments: argparse.Namespace) -> list[Figure]:
    """Figures in seconds. Raises SystemExit where the two readings do not find the same rows broken."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.records.odcs.yaml"
        path.write_text(CONTRACT, encoding="utf-8")
        contract = load_contract(path)
    print(f"{arguments.rows:,} rows", file=sys.stderr)
    raw = made_up(arguments.rows)
    imported, _ = timed(preload)
    judge = Judge()
    built, _ = timed(lambda: judge.engine)
    conformed, told = timed(lambda: conform(raw, contract, CITY))
    rejected = told.rejected.select(pl.col("_row").cast(pl.Int64), "rule")
    rounds = [_round(raw, contract, rejected, judge) for _ in range(arguments.times)]
    seconds = {name: statistics.median(each[name] for each in rounds) for name in rounds[0]}
    rows, sampled = arguments.rows, min(arguments.rows, SAMPLE_ROWS)
    checks = len(row_checks(contract, LAST_DAY, ZONE)) + len(profile_checks(contract, judge.limits))
    second = seconds["verdict"] - seconds["profile"]
    whole = seconds["sampling"] + seconds["verdict"]
    return [
        Figure("at most 5 s", "verdict (sampling and judging)", whole, n=rows, met=whole <= AIM_SECONDS),
        Figure("", "of which sampling", seconds["sampling"], n=rows),
        Figure("", "of which the profile's rules (Great Expectations)", seconds["profile"], n=rows),
        Figure("", "of which the second reading (Great Expectations)", second, n=sampled),
        Figure("", "the same row rules in plain Polars (conform)", seconds["polars"], n=sampled),
        Figure("", "times plain Polars", second / seconds["polars"], n=sampled),
        Figure("", "conform of the whole batch", conformed, n=rows),
        Figure("", "checks asked", float(checks), n=checks),
        Figure("", "rows broken, the same in both readings", float(seconds["broken"]), n=sampled),
        Figure("", "apart: import of Great Expectations, once a process", imported),
        Figure("", "apart: its context, once a process", built),
    ]


def _round(raw: pl.DataFrame, contract: Contract, rejected: pl.DataFrame, judge: Judge) -> dict[str, float]:
    sampling, sample = timed(lambda: _sampled(raw))
    profile = BatchProfile(
        feed=contract.feed,
        batch_id="bench",
        contract=contract,
        rows_read=raw.height,
        rejected=rejected.height,
        geocoded_share=0.95,
        history=(raw.height,) * 20,
        sample=sample,
        rejected_rules=rejected,
        time_zone=ZONE,
        last_day=LAST_DAY,
    )
    verdict, found = timed(lambda: judge(profile))
    without, _ = timed(lambda: judge(replace(profile, sample=None)))
    polars, again = timed(lambda: conform(sample, contract, CITY))
    if not found.passed:
        raise SystemExit(f"the two readings differ: {'; '.join(found.failures)}")
    told = again.rejected.select(pl.col("rule").str.split(";").explode()).group_by("rule").len()
    broken = {str(result["rule"]): result["broken"] for result in found.results if result.get("expected")}
    if dict(told.iter_rows()) != broken:
        raise SystemExit(f"the two readings differ: {broken} and {dict(told.iter_rows())}")
    return {
        "sampling": sampling,
        "verdict": verdict,
        "profile": without,
        "polars": polars,
        "broken": float(again.rejected.height),
    }


def _sampled(raw: pl.DataFrame) -> pl.DataFrame:
    sampler = Sampler("bench")
    for start in range(0, raw.height, CHUNK_ROWS):
        sampler.add(raw[start : start + CHUNK_ROWS])
    sample = sampler.frame()
    if sample is None:
        raise SystemExit("verdict needs at least one row")
    return sample


def made_up(rows: int, seed: int = 7) -> pl.DataFrame:
    """Raw rows as a CSV reader hands them on, a known share of them broken in each way. Synthetic."""
    random = np.random.default_rng(seed)
    start = np.datetime64("2026-01-01T00:00", "m") + random.integers(0, 170 * 1440, rows)
    frame = pl.DataFrame(
        {
            "_row": np.arange(1, rows + 1),
            "id": pl.select(pl.format("R{}", pl.int_range(rows))).to_series(),
            "kind": np.where(random.random(rows) < 0.5, "T", "R"),
            "modus": np.where(random.random(rows) < 0.5, "AB1", "CD2"),
            "from": pl.Series(start.astype("datetime64[us]")).dt.strftime("%Y-%m-%d %H:%M"),
            "to": pl.Series((start + random.integers(0, 600, rows)).astype("datetime64[us]")).dt.strftime(
                "%Y-%m-%d %H:%M"
            ),
            "lon": pl.Series(116.5 + random.random(rows)).round(6).cast(pl.String),
            "lat": pl.Series(-1.5 + random.random(rows)).round(6).cast(pl.String),
        }
    )
    hit = {name: pl.Series(random.random(rows) < BROKEN_SHARE) for name in FAULTS}
    broken = [pl.when(hit[name]).then(pl.lit(fault)).otherwise(name).alias(name) for name, fault in FAULTS.items()]
    return frame.with_columns(*broken, pl.lit(None, pl.String).alias("_raw"))


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """(seconds, result)."""
    began = time.perf_counter()
    found = work()
    return time.perf_counter() - began, found
