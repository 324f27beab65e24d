"""Each gate stops the batch that it is there to stop, names rule and column, and never a value."""

from __future__ import annotations

import datetime as dt
import json
import random
import types
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from expectations.judge import Judge
from expectations.suite import Limits
from ingestion.conform import conform
from ingestion.contract import Contract
from ingestion.profile import BatchProfile, Verdict, sample_of
from tests.unit.expectations.conftest import COLUMNS

ZONE = "America/Chicago"
LAST_DAY = dt.date(2022, 11, 30)
CITY = types.SimpleNamespace(time_zone=ZONE, as_of=LAST_DAY, discovered_categories=frozenset())


@pytest.fixture(scope="module")
def judge() -> Judge:
    return Judge()


def profile_of(raw: pl.DataFrame, contract: Contract, **more: Any) -> BatchProfile:
    conformed = conform(raw, contract, CITY)  # type: ignore[arg-type]
    given: dict[str, Any] = {
        "feed": contract.feed,
        "batch_id": "batch-1",
        "contract": contract,
        "rows_read": raw.height,
        "rejected": conformed.rejected.height,
        "unknown_codes": sum(conformed.unknown_codes.values()),
        "geocoded_share": 0.95,
        "history": (raw.height,) * 20,
        "sample": raw,
        "rejected_rules": conformed.rejected.select("_row", "rule"),
        "time_zone": ZONE,
        "last_day": LAST_DAY,
    }
    return BatchProfile(**{**given, **more})


def corrupted(raw: pl.DataFrame, column: str, value: str | None, rows: list[int]) -> pl.DataFrame:
    broken = pl.when(pl.col("_row").is_in(rows)).then(pl.lit(value, pl.String)).otherwise(pl.col(column))
    return raw.with_columns(broken.alias(column))


def test_a_clean_batch_passes_without_a_warning(judge: Judge, contract: Contract, clean: Callable) -> None:
    verdict = judge(profile_of(clean(300), contract))
    assert verdict.passed
    assert verdict.failures == verdict.warnings == ()
    assert {"required:kind", "time:from", "order:to", "codes:kind"} <= {r["rule"] for r in verdict.results}


GATES: list[tuple[str, dict[str, Any]]] = [
    ("volume", {"history": (300_000,) * 14}),
    ("volume", {"history": (3,) * 14}),
    ("rejected", {"rejected": 90}),
    ("unknown_codes", {"unknown_codes": 80}),
    ("geocoded", {"geocoded_share": 0.1}),
    ("repeats", {"duplicate_share": 0.95}),
]


@pytest.mark.parametrize(("rule", "change"), GATES)
def test_each_profile_rule_stops_a_bad_batch(
    judge: Judge, contract: Contract, clean: Callable, rule: str, change: dict[str, Any]
) -> None:
    verdict = judge(profile_of(clean(300), contract, **change))
    assert not verdict.passed
    assert [failure.split(":")[0] for failure in verdict.failures] == [rule]


def test_what_a_feed_speaks_of_may_not_turn_over(judge: Judge, contract: Contract, clean: Callable) -> None:
    usual = {"category": [{"theft": 0.7, "robbery": 0.3}] * 14}
    coded = {("category", "theft"): 180, ("category", "robbery"): 120}
    assert judge(profile_of(clean(300), contract, coded=coded, past_shares=usual)).warnings == ()
    other = {("category", "robbery"): 90, ("category", "homicide"): 210}
    found = judge(profile_of(clean(300), contract, coded=other, past_shares=usual))
    assert [failure.split(" (")[0] for failure in found.failures] == [
        "shift: shift:category is 0.7, allowed at most 0.5"
    ]
    some = {("category", "theft"): 120, ("category", "robbery"): 180}
    noticed = judge(profile_of(clean(300), contract, coded=some, past_shares=usual))
    assert noticed.passed and noticed.warnings[0].startswith("shift: shift:category is 0.3")
    young = {"category": usual["category"][:13]}
    assert judge(profile_of(clean(300), contract, coded=other, past_shares=young)).passed, "until 14 batches exist"
    assert judge(profile_of(clean(90), contract, coded=other, past_shares=usual)).passed, "a handful of rows"


STATED: list[tuple[dict[str, Any], str | None, dict[str, Any]]] = [
    ({"name": "enough", "metric": "rowCount", "mustBeGreaterOrEqualTo": 400}, None, {}),
    (
        {"name": "told_modus", "metric": "nullValues", "unit": "percent", "mustBeLessOrEqualTo": 10},
        "modus",
        {"null_shares": {"modus": 0.3}},
    ),
    (
        {"name": "few_repeats", "metric": "duplicateValues", "unit": "percent", "mustBeLessOrEqualTo": 10},
        None,
        {"duplicate_share": 0.15},
    ),
]


def stating(write_contract: Callable[..., Contract], rule: dict[str, Any], name: str | None) -> Contract:
    """The contract with a batch rule of the schema, or of the column of that name."""
    if name is None:
        return write_contract(quality=[rule])
    return write_contract([{**given, "quality": [rule]} if given["name"] == name else given for given in COLUMNS])


@pytest.mark.parametrize(("rule", "column", "change"), STATED)
def test_each_batch_rule_of_a_contract_stops_a_bad_batch(
    judge: Judge,
    write_contract: Callable[..., Contract],
    clean: Callable,
    rule: dict[str, Any],
    column: str | None,
    change: dict[str, Any],
) -> None:
    contract = stating(write_contract, rule, column)
    verdict = judge(profile_of(clean(300), contract, **change))
    assert not verdict.passed
    assert verdict.failures[0].startswith(rule["name"])
    warned = judge(profile_of(clean(300), stating(write_contract, rule | {"severity": "warning"}, column), **change))
    assert warned.passed
    assert warned.warnings[0].startswith(rule["name"])


def test_a_tight_limit_over_few_rows_only_warns(
    judge: Judge, write_contract: Callable[..., Contract], clean: Callable
) -> None:
    rule, column, change = STATED[1]
    few = judge(profile_of(clean(90), stating(write_contract, rule, column), **change))
    assert few.passed and few.warnings[0].startswith("told_modus")


def test_a_stated_rule_over_what_nobody_measured_stops_the_batch(
    judge: Judge, write_contract: Callable[..., Contract], clean: Callable
) -> None:
    contract = stating(write_contract, *STATED[2][:2])
    verdict = judge(profile_of(clean(300), contract, duplicate_share=None))
    assert not verdict.passed
    assert "not measured" in verdict.failures[0]


def test_history_rules_only_warn_until_fourteen_batches_exist(
    judge: Judge, contract: Contract, clean: Callable
) -> None:
    young = judge(profile_of(clean(300), contract, history=(300_000,) * 13))
    assert young.passed
    assert young.warnings[0].startswith("volume")
    assert not judge(profile_of(clean(300), contract, history=(300_000,) * 14)).passed
    assert judge(profile_of(clean(300), contract, history=())).warnings == ()


def test_an_empty_batch_is_judged_by_its_volume(judge: Judge, contract: Contract, clean: Callable) -> None:
    empty = profile_of(clean(1).clear(), contract, history=(50,) * 14, geocoded_share=None)
    assert judge(empty).failures[0].startswith("volume")
    assert judge(replace(empty, history=(0, 1) * 7)).passed


def test_a_pull_of_what_is_new_may_be_small(judge: Judge, contract: Contract, clean: Callable) -> None:
    pulled = replace(contract, connector="postgres")
    assert judge(profile_of(clean(30), pulled, history=(30_000,) * 20)).passed
    assert not judge(profile_of(clean(300), pulled, history=(3,) * 20)).passed


def test_shares_of_a_handful_of_rows_only_warn(judge: Judge, contract: Contract, clean: Callable) -> None:
    verdict = judge(profile_of(corrupted(clean(4), "kind", "ARSON", [1, 2]), contract))
    assert verdict.passed
    assert any(warning.startswith("rejected") for warning in verdict.warnings)


CORRUPTIONS: list[tuple[str, str | None, str]] = [
    ("id", None, "key:id"),
    ("id", "  ", "key:id"),
    ("kind", "", "required:kind"),
    ("kind", "ARSON", "codes:kind"),
    ("kind", "BURGLARIES", "length:kind"),
    ("modus", "ab1", "pattern:modus"),
    ("from", "13/05/2022", "type:from"),
    ("from", "2022-02-30 10:00", "type:from"),
    ("from", "2022-12-25 10:00", "time:from"),
    ("from", "9999-12-31 23:59", "time:from"),
    ("from", "1969-07-01 00:00", "time:from"),
    ("from", "2022-03-13 02:30", "nonexistent_local_time:from"),
    ("to", "2022-01-01 00:00", "order:to"),
    ("to", "2021-11-01T10:00:00+07:00", "order:to"),
    ("to", "soon", "type:to"),
    ("lon", "eighty", "type:lon"),
    ("lon", "1e999", "type:lon"),
    ("lon", "-12.5", "range:lon"),
    ("lon", "-500", "coordinate:lon"),
    ("lat", "41.5", "type:lat"),
    ("lat", "99,5", "coordinate:lat"),
]


@pytest.mark.parametrize(("column", "value", "rule"), CORRUPTIONS)
def test_the_second_reading_stops_what_conform_let_pass(
    judge: Judge, contract: Contract, clean: Callable, column: str, value: str | None, rule: str
) -> None:
    raw = corrupted(clean(300), column, value, [7, 11])
    honest = profile_of(raw, contract)
    assert judge(honest).passed
    blind = replace(honest, rejected=0, rejected_rules=honest.rejected_rules.clear())
    verdict = judge(blind)
    assert not verdict.passed
    told = f"{rule}: second reading finds 2 of 300 rows broken, conform 0"
    assert told in verdict.failures
    assert value is None or not value.strip() or value not in json.dumps([*verdict.failures, *verdict.results])


@pytest.mark.parametrize("seed", range(6))
def test_the_second_reading_breaks_the_same_rows_by_the_same_rules(
    contract: Contract, clean: Callable, seed: int
) -> None:
    from expectations.reading import read_again
    from expectations.suite import row_checks

    raw, chance = clean(400), random.Random(seed)
    for column, value, _ in CORRUPTIONS:
        raw = corrupted(raw, column, value, chance.sample(range(1, 401), 6))
    raw = raw.with_columns(_raw=pl.when(pl.col("_row") == 400).then(pl.lit("half a line")).otherwise(pl.col("_raw")))
    checks = row_checks(contract, LAST_DAY, ZONE)
    found = _rows_by_rule(read_again(raw, contract, checks, ZONE), checks)
    rejected = conform(raw, contract, CITY).rejected  # type: ignore[arg-type]
    told: dict[str, set[int]] = {}
    for row, rules in rejected.select("_row", "rule").iter_rows():
        for rule in rules.split(";"):
            told.setdefault(rule, set()).add(row)
    assert told.pop("unreadable_line") == {400}
    assert {rule: rows for rule, rows in found.items() if rows} == told
    assert len(told) >= 15


def _rows_by_rule(frame: Any, checks: Any) -> dict[str, set[int]]:
    """Which rows break which rule, as Great Expectations says when it is asked row by row numbers, without values."""
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("rows").add_dataframe_asset("rows")
    frame = frame.reset_index(names="row")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": frame})
    asked = {"result_format": "COMPLETE", "unexpected_index_column_names": ["row"], "exclude_unexpected_values": True}
    found: dict[str, set[int]] = {}
    for check in checks:
        expectation = getattr(gx.expectations, check.expectation)(**check.arguments)
        result = batch.validate(expectation, result_format=asked)
        listed = result.result.get("unexpected_index_list") or []
        for item in listed:
            # One entry a row, or one entry for all rows that hold the same value (which is left out).
            rows = item["row"] if isinstance(item["row"], list) else [item["row"]]
            found.setdefault(check.rule, set()).update(int(row) for row in rows)
    return found


def test_no_value_of_the_data_stands_in_a_verdict(judge: Judge, contract: Contract, clean: Callable) -> None:
    raw = clean(300)
    for number, (column, value, _) in enumerate(CORRUPTIONS):
        raw = corrupted(raw, column, None if value is None else f"CANARY{value}", [10 * number + 1, 10 * number + 2])
    honest = profile_of(raw, contract)
    blind = replace(honest, rejected_rules=honest.rejected_rules.clear())
    for verdict in (judge(honest), judge(blind)):
        text = json.dumps([verdict.failures, verdict.warnings, verdict.results])
        assert "CANARY" not in text
        assert "Budi" not in text
        assert "R0000" not in text
    assert not judge(blind).passed


def test_a_sample_is_the_same_for_the_same_batch(clean: Callable) -> None:
    raw = clean(500)
    assert sample_of(raw, "a", 50).equals(sample_of(raw, "a", 50))
    assert not sample_of(raw, "a", 50).equals(sample_of(raw, "b", 50))
    assert sample_of(raw, "a", 50)["_row"].is_sorted()


def test_without_word_from_conform_the_share_of_broken_rows_decides(
    judge: Judge, contract: Contract, clean: Callable
) -> None:
    raw = clean(300)
    few = profile_of(corrupted(raw, "kind", "ARSON", list(range(1, 31))), contract, rejected_rules=None)
    assert judge(few).passed
    many = profile_of(corrupted(raw, "kind", "ARSON", list(range(1, 101))), contract, rejected_rules=None, rejected=0)
    assert "codes:kind: second reading finds 100 of 300 rows broken, allowed 0.25" in judge(many).failures


def test_limits_can_be_set(contract: Contract, clean: Callable) -> None:
    strict = Judge(Limits(rejected_share=0.001))
    verdict: Verdict = strict(profile_of(corrupted(clean(300), "kind", "ARSON", [5]), contract))
    assert not verdict.passed


def test_a_rule_that_cannot_be_asked_has_failed(judge: Judge, contract: Contract, clean: Callable) -> None:
    import pandas as pd

    from expectations.suite import Check

    answers = judge.engine.ask(
        pd.DataFrame({"text:a": ["x"]}),
        [
            Check("there", "ExpectColumnValuesToNotBeNull", {"column": "text:a"}),
            Check("there_again", "ExpectColumnValuesToNotBeNull", {"column": "text:a"}),
            Check("absent", "ExpectColumnValuesToNotBeNull", {"column": "text:b"}),
        ],
        count=False,
    )
    assert [answer.passed for answer in answers] == [True, True, False]
    assert answers[2].error
    assert "text:b" not in answers[2].error
