"""The recall floor stops what it must stop, and nothing else: each gate is shown to stop and to let pass."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from governance.access_log import AccessLog
from governance.recall import (
    FEWEST_SAMPLES,
    FEWEST_SPANS,
    Bound,
    FieldState,
    ModelCard,
    NothingToLift,
    field_states,
    held_marts,
    lift,
    read_cards,
    store,
)
from governance.review import Marks, Sample, record, wilson
from ingestion.contract import Column, Contract
from ingestion.lake import Lake
from tests.support.tallies import COLUMN, FEED, landed

LANDED = dt.datetime(2026, 6, 1, tzinfo=dt.UTC)
DUE = LANDED + dt.timedelta(days=30)
BEFORE, AFTER = DUE - dt.timedelta(seconds=1), DUE
MODEL = "name model 0123456789ab"
DIGEST = "0123456789ab" + "c" * 52
READERS = {"patterns": frozenset({"police_record"}), "calls": frozenset({"emergency_call"})}


@pytest.fixture
def real(contract: Callable[..., Contract]) -> Contract:
    return contract(FEED, is_synthetic=False)


def card(value: float, n: int = 2000, found_by: str = DIGEST) -> ModelCard:
    return ModelCard(found_by, 0.4, {"PERSON": Bound(value, value - 0.01, n)})


def state(lake: Lake, contract: Contract, *cards: ModelCard, now: dt.datetime = BEFORE) -> FieldState:
    (found,) = field_states(lake, [contract], cards=cards, now=now, time_zone="Asia/Makassar")
    return found


def reviewed(
    lake: Lake, *, missed: int, spans: int = FEWEST_SPANS, found_by: str = MODEL, at: dt.datetime = LANDED
) -> None:
    """One long sample with so many spans, `missed` of them not found."""
    found = tuple(("PERSON", 10 * number, 10 * number + 5, 0.9, "title") for number in range(spans - missed))
    text = " " * (10 * spans)
    sample = Sample(f"s{at.isoformat()}", FEED, COLUMN, "b1", "mixed", 1, text, found, text)
    left = tuple((10 * number, 10 * number + 5, "PERSON") for number in range(spans - missed, spans))
    record(lake, sample, Marks(missed=left), reviewer="Ani", reading=1, found_by=found_by, now=at)


def test_before_any_measure_a_field_is_unmeasured_and_releases_go_on(lake: Lake, real: Contract) -> None:
    landed(lake, at=LANDED, found_by=MODEL)
    found = state(lake, real)
    assert (found.status, found.source, found.recall, found.is_held) == ("unmeasured", "none", None, False)
    assert (found.first_landed, found.due_on) == (dt.date(2026, 6, 1), dt.date(2026, 7, 1))


def test_thirty_days_without_a_review_stop_and_one_day_less_does_not(lake: Lake, real: Contract) -> None:
    landed(lake, at=LANDED, found_by=MODEL)
    landed(lake, "b2", at=LANDED + dt.timedelta(days=20), run_id="run2", found_by=MODEL)
    assert not state(lake, real, card(0.99), now=BEFORE).is_held
    overdue = state(lake, real, card(0.99), now=AFTER)
    assert (overdue.status, overdue.is_held) == ("overdue", True)
    assert "was to be reviewed by 2026-07-01" in overdue.reason
    assert held_marts([overdue], READERS) == {"patterns": overdue.reason}


def test_a_review_that_holds_lets_releases_go_on_after_thirty_days(lake: Lake, real: Contract) -> None:
    landed(lake, at=LANDED, found_by=MODEL)
    reviewed(lake, missed=3)
    found = state(lake, real, card(0.5), now=AFTER)
    assert (found.status, found.source, found.is_held) == ("met", "review", False)
    assert found.recall_lower == pytest.approx(wilson(FEWEST_SPANS - 3, FEWEST_SPANS)[0], abs=1e-6)
    assert held_marts([found], READERS) == {}


def test_a_review_of_few_spans_is_no_measure_unless_it_is_plainly_bad(lake: Lake, real: Contract) -> None:
    landed(lake, at=LANDED, found_by=MODEL)
    reviewed(lake, missed=2, spans=50)
    good = state(lake, real, card(0.98))
    assert (good.source, good.status, good.is_held) == ("model_card", "unreviewed", False)
    # 12 of 100 missed: even the upper end of the interval, .934, lies under .95.
    reviewed(lake, missed=10, spans=50, at=LANDED + dt.timedelta(hours=1))
    bad = state(lake, real, card(0.98))
    assert (bad.source, bad.status, bad.is_held) == ("review", "below", True)


@pytest.mark.parametrize(("read", "is_held"), [(FEWEST_SAMPLES - 1, True), (FEWEST_SAMPLES, False)])
def test_a_review_was_made_where_ten_samples_were_read(lake: Lake, real: Contract, read: int, is_held: bool) -> None:
    landed(lake, at=LANDED, found_by=MODEL)
    for number in range(read):
        reviewed(lake, missed=0, spans=2, at=LANDED + dt.timedelta(minutes=number))
    late = state(lake, real, card(0.98), now=AFTER)
    assert (late.status, late.is_held, late.reviewed) == ("overdue" if is_held else "unreviewed", is_held, read)


def test_of_three_narratives_three_are_enough(lake: Lake, real: Contract) -> None:
    landed(lake, at=LANDED, found_by=MODEL, narratives=3, touched=3)
    for number in range(2):
        reviewed(lake, missed=0, spans=2, at=LANDED + dt.timedelta(minutes=number))
    assert state(lake, real, now=AFTER).is_held
    reviewed(lake, missed=0, spans=2, at=LANDED + dt.timedelta(minutes=9))
    assert not state(lake, real, now=AFTER).is_held


def test_a_review_under_the_floor_stops_until_the_officer_lifts_it(lake: Lake, real: Contract, tmp_path: Path) -> None:
    landed(lake, at=LANDED, found_by=MODEL)
    reviewed(lake, missed=20)
    found = state(lake, real)
    assert (found.status, found.is_held) == ("below", True)
    assert f"{FEED}.{COLUMN}: recall of at least 0." in found.reason
    log = AccessLog(tmp_path / "access.jsonl")
    told = {"by": "Dewi", "reason": "the agency redacts at its own gate", "now": BEFORE}
    lift(lake, [found], log, FEED, COLUMN, **told)  # type: ignore[arg-type]
    after = state(lake, real)
    assert (after.status, after.is_held, after.is_lifted) == ("below", False, True)
    (entry,) = log.entries()
    assert (entry["actor"], entry["action"], entry["purpose"]) == ("Dewi", "lift", told["reason"])
    # A later review asks again.
    reviewed(lake, missed=25, at=BEFORE + dt.timedelta(hours=1))
    assert state(lake, real, now=AFTER).is_held


def test_the_bound_of_the_card_counts_before_a_review_shown_as_unreviewed(lake: Lake, real: Contract) -> None:
    landed(lake, at=LANDED, found_by=MODEL)
    good = state(lake, real, card(0.98))
    assert (good.status, good.source, good.is_held, good.spans) == ("unreviewed", "model_card", False, 2000)
    assert good.recall_lower == pytest.approx(wilson(1960, 2000)[0], abs=1e-6)
    bad = state(lake, real, card(0.955))
    assert (bad.status, bad.is_held) == ("below", True)
    assert "model card" in bad.reason


@pytest.mark.parametrize("other", ["f" * 64, "rules only"])
def test_a_card_speaks_for_its_own_model_alone(lake: Lake, real: Contract, other: str) -> None:
    landed(lake, at=LANDED, found_by=MODEL)
    assert state(lake, real, card(0.5, found_by=other)).status == "unmeasured"
    assert ModelCard("rules only", None, {}).speaks_for("rules only")


def test_a_review_of_another_model_is_none_and_its_time_begins_with_its_first_batch(lake: Lake, real: Contract) -> None:
    landed(lake, at=LANDED, found_by="rules only")
    reviewed(lake, missed=0, found_by="rules only")
    changed = AFTER + dt.timedelta(days=10)
    landed(lake, "b2", at=changed, run_id="run2", found_by=MODEL)
    assert state(lake, real, now=changed + dt.timedelta(days=29)).status == "unmeasured"
    assert state(lake, real, now=changed + dt.timedelta(days=30)).is_held


def test_a_new_model_buys_no_time_where_nobody_ever_reviewed(lake: Lake, real: Contract) -> None:
    landed(lake, at=LANDED, found_by="rules only")
    landed(lake, "b2", at=BEFORE, run_id="run2", found_by=MODEL)
    assert state(lake, real, now=AFTER).is_held


def test_synthetic_data_waits_for_no_review_but_heeds_one(lake: Lake, contract: Callable[..., Contract]) -> None:
    synthetic = contract(FEED, is_synthetic=True)
    landed(lake, at=LANDED, found_by=MODEL)
    late = state(lake, synthetic, now=AFTER + dt.timedelta(days=999))
    assert (late.status, late.is_held, late.is_synthetic) == ("unmeasured", False, True)
    weak = state(lake, synthetic, card(0.5), now=AFTER)
    assert (weak.status, weak.is_held) == ("below", False)
    reviewed(lake, missed=20)
    assert state(lake, synthetic, now=AFTER).is_held


def test_a_contract_may_state_a_floor_of_its_own(lake: Lake, contract: Callable[..., Contract]) -> None:
    landed(lake, at=LANDED, found_by=MODEL)
    strict = Column(COLUMN, "string", "text", False, "personal", "extract", options={"recall_floor": 0.99})
    found = state(lake, contract(FEED, is_synthetic=False, columns=(strict,)), card(0.98))
    assert (found.recall_floor, found.status, found.is_held) == (0.99, "below", True)
    assert state(lake, contract(FEED, is_synthetic=False), card(0.98)).status == "unreviewed"


@pytest.mark.parametrize(
    ("missed", "now", "message"),
    [(0, BEFORE, "holds nothing back: it is met"), (None, AFTER, "waits for its review, which nobody can lift")],
    ids=["nothing held", "overdue"],
)
def test_what_cannot_be_lifted_is_refused_with_the_reason(
    lake: Lake, real: Contract, tmp_path: Path, missed: int | None, now: dt.datetime, message: str
) -> None:
    landed(lake, at=LANDED, found_by=MODEL)
    if missed is not None:
        reviewed(lake, missed=missed)
    log = AccessLog(tmp_path / "access.jsonl")
    states = [state(lake, real, now=now)]
    with pytest.raises(NothingToLift, match=message):
        lift(lake, states, log, FEED, COLUMN, by="Dewi", reason="why not", now=now)
    with pytest.raises(NothingToLift, match="no field of narratives"):
        lift(lake, states, log, FEED, "other", by="Dewi", reason="why not", now=now)
    with pytest.raises(ValueError, match="needs a name and a reason"):
        lift(lake, states, log, FEED, COLUMN, by="Dewi", reason=" ", now=now)
    assert not log.path.exists()


def test_a_mart_of_two_held_fields_is_told_both_reasons(lake: Lake, real: Contract) -> None:
    landed(lake, at=LANDED, found_by=MODEL)
    one = state(lake, real, now=AFTER)
    told = held_marts([one, one], {"both": frozenset({"police_record", "emergency_call"})})
    assert told == {"both": f"{one.reason}; {one.reason}"}


def test_states_are_a_table_that_is_written_only_where_they_changed(lake: Lake, real: Contract) -> None:
    store(lake, ())
    assert lake.version("control", "recall_floors") is None
    landed(lake, at=LANDED, found_by=MODEL)
    store(lake, [state(lake, real)])
    written = lake.version("control", "recall_floors")
    store(lake, [state(lake, real, now=BEFORE - dt.timedelta(days=3))])
    assert lake.version("control", "recall_floors") == written
    store(lake, [state(lake, real, now=AFTER)])
    (row,) = lake.read("control", "recall_floors").collect().to_dicts()
    assert (row["status"], row["is_held"], row["recall"]) == ("overdue", True, None)


def test_a_feed_without_contract_has_no_floor(lake: Lake, contract: Callable[..., Contract]) -> None:
    landed(lake, at=LANDED)
    assert field_states(lake, [contract("a.b")], cards=(), now=BEFORE, time_zone="UTC") == ()
    assert field_states(Lake(f"{lake.uri}/none"), [], cards=(), now=BEFORE, time_zone="UTC") == ()


CARD: dict[str, Any] = {
    "measured": {
        "found_by": DIGEST,
        "threshold": 0.4,
        "recall": {"PERSON": {"lower": 0.95, "value": 0.96, "n": 1000}, "NIK": {"lower": 0.99, "value": 1.0, "n": 500}},
        "leak": {"value": 0.01, "upper": 0.014, "n": 4000},
    }
}


@pytest.mark.parametrize("name", ["names/card.json", "names.card.json"])
def test_a_card_is_read_beside_the_model(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(CARD))
    (read,) = read_cards(tmp_path)
    assert read.speaks_for(MODEL) and not read.speaks_for("rules only")
    assert read.leak == (0.01, 0.014, 4000)
    both = read.all_types
    assert both is not None and both.value == pytest.approx(1460 / 1500) and both.n == 1500


def test_what_bench_pii_writes_is_read_for_the_model_and_for_rules_alone(tmp_path: Path) -> None:
    from benchmarks.pii import write_card

    alone = {"found_by": "rules only", "threshold": 0.4, "recall": {}, "leak": CARD["measured"]["leak"]}
    write_card(tmp_path / "models" / "names.npz", [CARD["measured"], alone])
    model, rules = read_cards(tmp_path / "models")
    assert model.speaks_for(MODEL) and rules.speaks_for("rules only") and rules.all_types is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"digest": "x", "recall_lower_bounds": {}}'])
def test_a_card_that_is_none_measures_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "names.card.json").write_text(text)
    assert read_cards(tmp_path) == ()
    assert read_cards(tmp_path / "absent") == ()


def test_a_field_that_nobody_reviewed_waits_for_a_person_unless_its_data_is_synthetic(
    lake: Lake, real: Contract, contract: Callable[..., Contract]
) -> None:
    from infra.cli.attention import attention

    landed(lake, at=LANDED, found_by=MODEL)
    store(lake, [state(lake, real)])
    line = f"{FEED}: redaction of {COLUMN} is to be reviewed by 2026-07-01: ./telaga review open"
    assert attention(lake) == [line]
    store(lake, [state(lake, contract(FEED, is_synthetic=True))])
    assert attention(lake) == []
    reviewed(lake, missed=0)
    store(lake, [state(lake, real)])
    assert attention(lake) == []


def test_the_floor_of_a_field_stands_in_its_contract(tmp_path: Path) -> None:
    from governance.recall import floor_of
    from tests.support.landing import COUNTS, House, column, count_feed

    house = House(tmp_path)
    stated = count_feed()
    told = column("remark", classification="personal", action="extract", about="narrative", recall_floor=0.9)
    stated["schema"][0]["properties"][-1] = told
    house.documents[COUNTS] = stated
    assert floor_of(house.contract(COUNTS), "remark") == 0.9
    stated["schema"][0]["properties"][-1] = column(
        "remark", classification="personal", action="extract", recall_floor=2
    )
    house.documents[COUNTS] = dict(stated)
    with pytest.raises(Exception, match="recall_floor"):
        house.contract(COUNTS)
