"""What is kept of verdicts: every check of a batch's last one, in counts, without a value."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from expectations.judge import Judge
from expectations.outcomes import Recording, outcomes
from ingestion.contract import Contract
from ingestion.lake import Lake
from ingestion.profile import Verdict
from tests.unit.expectations.test_judge import CORRUPTIONS, corrupted, profile_of


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


def test_each_check_of_the_last_verdict_is_kept(
    judge: Judge, contract: Contract, clean: Callable[[int], pl.DataFrame], tmp_path: Path
) -> None:
    lake, hours = Lake(str(tmp_path / "lake")), iter(range(24))
    record = Recording(judge, lake, "r1", lambda: dt.datetime(2026, 6, 1, next(hours), tzinfo=dt.UTC))
    assert outcomes(lake).height == 0
    assert not record(profile_of(clean(300), contract, rejected=90)).passed
    assert record(profile_of(corrupted(clean(300), "kind", "ARSON", [3, 4]), contract)).passed
    kept = outcomes(lake, "police.records")
    assert kept["logged_at"].dt.hour().unique().to_list() == [1]
    assert kept["comparable"].unique().to_list() == [20]
    told = {(row["rule"], row["severity"]): row for row in kept.iter_rows(named=True)}
    assert told["codes:kind", "warning"]["passed"] and told["codes:kind", "warning"]["broken"] == 2
    assert (told["rejected", "error"]["measured"], told["rejected", "error"]["maximum"]) == (2 / 300, 0.25)
    assert told["rejected", "error"]["measure"] == "rejected_share"
    assert told["required:kind", "warning"]["column"] == "text:kind"
    assert outcomes(lake, "other.feed").height == 0


def test_no_value_of_the_data_is_kept(
    judge: Judge, contract: Contract, clean: Callable[[int], pl.DataFrame], tmp_path: Path
) -> None:
    raw = clean(300)
    for number, (column, value, _) in enumerate(CORRUPTIONS):
        raw = corrupted(raw, column, None if value is None else f"CANARY{value}", [10 * number + 1, 10 * number + 2])
    lake = Lake(str(tmp_path / "lake"))
    Recording(judge, lake, "r1")(profile_of(raw, contract))
    text = outcomes(lake).write_csv()
    assert outcomes(lake)["broken"].sum() > 20
    assert not any(part in text for part in ("CANARY", "Budi", "R0000"))


def test_shares_of_codes_are_remembered_and_told_to_the_judge(
    judge: Judge, contract: Contract, clean: Callable[[int], pl.DataFrame], tmp_path: Path
) -> None:
    lake, hours = Lake(str(tmp_path / "lake")), iter(range(24))

    def record(batch: str, theft: int, **more: Any) -> Verdict:
        # A process a batch: what was learned stands in the lake.
        recording = Recording(judge, lake, "r1", lambda: dt.datetime(2026, 6, 1, next(hours), tzinfo=dt.UTC))
        coded = {("category", "theft"): theft, ("category", "robbery"): 300 - theft}
        return recording(profile_of(clean(300), contract, batch_id=batch, coded=coded, **more))

    assert not record("stopped", 0, rejected=90).passed
    for number in range(15):
        assert record(f"usual-{number}", 240).warnings == ()
    turned = record("turned", 30)
    assert not turned.passed and turned.failures[0].startswith("shift: shift:category is 0.7")
    assert record("usual-again", 240).passed, "of what was stopped nothing is learned"


def test_the_checks_alone_are_checks(
    judge: Judge, contract: Contract, clean: Callable[[int], pl.DataFrame], tmp_path: Path
) -> None:
    lake = Lake(str(tmp_path / "lake"))
    Recording(judge, lake, "r1")(profile_of(clean(300), contract, coded={("category", "theft"): 300}))
    (remembered,) = outcomes(lake).filter(pl.col("shares").is_not_null()).iter_rows(named=True)
    assert (remembered["expectation"], remembered["measure"]) == ("", "shares:category")
    assert json.loads(remembered["shares"]) == {"theft": 1.0}
