"""The report of a period: what belongs to it, beside what is usual, complete in itself, signed, and without a value."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from governance.entity_types import KINDS
from governance.recall import Bound, ModelCard, field_states
from governance.redaction_page import BadPeriod, RedactionReport, as_html, make_report, month_before, period_of
from governance.review import Marks, Sample, record
from governance.signed_file import check_file, sign_file
from governance.signed_note import BadNote, Signer
from ingestion.contract import Contract
from ingestion.lake import Lake
from ingestion.lake.tables import REDACTION, UNIQUENESS
from tests.support.tallies import COLUMN, FEED, FIRST, landed

MODEL = "name model 0123456789ab"
NOW = dt.datetime(2026, 7, 20, tzinfo=dt.UTC)
Make = Callable[..., Contract]


def report(
    lake: Lake, *contracts: Contract, period: str = "2026-06", cards: tuple[ModelCard, ...] = ()
) -> RedactionReport:
    states = field_states(lake, contracts, cards=cards, now=NOW, time_zone="UTC")
    return make_report(
        lake,
        contracts,
        period_of(period),
        city="testville",
        city_title="Testville",
        time_zone="UTC",
        as_of=dt.date(2026, 6, 30),
        states=states,
        cards=cards,
        file_name="june.html",
    )


def month(lake: Lake, touched: int = 50, *, june: int = 50) -> None:
    """Fourteen batches in May, alike, and two in June."""
    for number in range(14):
        landed(lake, f"m{number:02d}", day=FIRST + dt.timedelta(days=number), touched=touched, found_by=MODEL)
    for number in range(2):
        day = dt.date(2026, 6, 10 + number)
        found = {("PERSON", "title", 0.8): june, ("NIK", "nik", 0.5): 4}
        landed(lake, f"j{number}", day=day, touched=june, findings=found, found_by=MODEL, refused=number, protected=3)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-02", dt.date(2026, 2, 1), dt.date(2026, 2, 28)),
        ("2025-12", dt.date(2025, 12, 1), dt.date(2025, 12, 31)),
        ("2026-Q4", dt.date(2026, 10, 1), dt.date(2026, 12, 31)),
        ("2026-05-03..2026-05-03", dt.date(2026, 5, 3), dt.date(2026, 5, 3)),
    ],
)
def test_a_period_is_a_month_a_quarter_or_two_days(text: str, start: dt.date, end: dt.date) -> None:
    period = period_of(text)
    assert (period.start, period.end) == (start, end)
    assert re.fullmatch(r"[\w-]+", period.label)


@pytest.mark.parametrize("text", ["2026", "2026-13", "2026-Q5", "2026-05-03..2026-05-02", "2026-02-30..2026-03-01", ""])
def test_what_is_no_period_says_how_one_is_written(text: str) -> None:
    with pytest.raises(BadPeriod, match="write 2026-05, 2026-Q2 or"):
        period_of(text)


def test_the_month_before_a_day_is_whole() -> None:
    assert month_before(dt.date(2026, 1, 31)).label == "2025-12"


def test_a_period_counts_its_own_batches_and_is_held_against_those_before(lake: Lake, contract: Make) -> None:
    month(lake, june=70)
    told = report(lake, contract(FEED))
    (row,) = told.fields
    assert (row["batches"], row["narratives"], row["touched"], row["refused"], row["protected"]) == (2, 200, 140, 1, 6)
    assert (row["value"], row["usual"], row["deviation"]) == (70.0, 50.0, "high")
    assert [batch["batch_id"] for batch in told.unusual] == ["j0", "j1"]
    assert (told.narratives, told.touched_percent, told.refused) == (200, 70.0, 1)


def test_under_fourteen_batches_before_it_there_is_no_usual_yet(lake: Lake, contract: Make) -> None:
    month(lake, june=90)
    (row,) = report(lake, contract(FEED), period="2026-05").fields
    assert (row["batches"], row["usual"], row["deviation"]) == (14, None, "no_usual_yet")
    assert "belum ada yang lazim / no usual yet" in as_html(report(lake, contract(FEED), period="2026-05"))


def test_findings_are_told_by_type_rule_and_score(lake: Lake, contract: Make) -> None:
    month(lake)
    told = report(lake, contract(FEED))
    rows = {row["entity_type"]: row for row in told.findings}
    assert (rows["PERSON"]["findings"], rows["PERSON"]["value"], rows["PERSON"]["usual"]) == (100, 50.0, 50.0)
    assert rows["PERSON"]["deviation"] == "usual"
    assert (rows["NIK"]["findings"], rows["NIK"]["score_low"], rows["NIK"]["deviation"]) == (8, 8, "high")
    ((_, _, tenths),) = told.scores
    assert [count for _, count in tenths] == [0, 0, 0, 0, 0, 8, 0, 0, 100, 0]
    assert max(share for share, _ in tenths) == 100.0


def test_structured_columns_are_of_the_days_that_their_batches_tell_of(lake: Lake, contract: Make) -> None:
    """Both batches landed in July; one tells of May."""
    month(lake)
    lines = [
        {
            "run_id": "run1",
            "feed": FEED,
            "batch_id": batch,
            "column": "nik",
            "classification": "specific",
            "action": "drop",
            "entity_type": "victim",
            "rows": 10,
            "affected": 9,
            "logged_at": dt.datetime(2026, 7, 1, tzinfo=dt.UTC),
        }
        for batch in ("m00", "j0")
    ]
    lake.append("control", "redaction", pl.DataFrame(lines, schema=dict(REDACTION)))
    (row,) = report(lake, contract(FEED)).columns
    assert (row["batches"], row["rows"], row["affected"], row["share"]) == (1, 10, 9, 90.0)
    assert report(lake, contract(FEED)).affected == 9


def test_the_page_says_what_found_and_what_leaks_or_that_nobody_measured(lake: Lake, contract: Make) -> None:
    month(lake)
    unmeasured = as_html(report(lake, contract(FEED)))
    assert MODEL in unmeasured and "no model card speaks for it" in unmeasured
    card = ModelCard("0123456789ab" + "0" * 52, 0.4, {"PERSON": Bound(0.972, 0.966, 4200)}, (0.011, 0.0143, 5000))
    measured = as_html(report(lake, contract(FEED), cards=(card,)))
    assert "no model card speaks for it" not in measured
    assert "1,4 %" in measured and "97,2 %" in measured and "4.200" in measured


def test_synthetic_data_is_labelled_and_holds_nothing_back(lake: Lake, contract: Make) -> None:
    month(lake)
    synthetic = as_html(report(lake, contract(FEED, is_synthetic=True)))
    assert "SINTETIS." in synthetic and "No release waits for a review" in synthetic and "DITAHAN" not in synthetic
    real = as_html(report(lake, contract(FEED, is_synthetic=False)))
    assert "SINTETIS" not in real and "DITAHAN" in real and "tinjauan terlambat / overdue" in real
    both = as_html(report(lake, contract(FEED, is_synthetic=False), contract("sim.feed", is_synthetic=True)))
    assert "SEBAGIAN SINTETIS" in both and "sim.feed" in both


def test_a_review_and_the_share_of_unique_rows_are_told(lake: Lake, contract: Make) -> None:
    month(lake)
    text = "saksi Siti Aminah datang"
    sample = Sample("s1", FEED, COLUMN, "j0", "lower", 9, text, (("PERSON", 6, 10, 0.9, "title"),), "saksi <PERSON>")
    marks = Marks(missed=((11, 17, "PERSON"),))
    record(lake, sample, marks, reviewer="Ani", reading=1, found_by=MODEL, now=NOW)
    line = {"feed": FEED, "entity": "police_record", "as_of": dt.date(2026, 6, 30), "rows": 200, "unique_rows": 150}
    lake.append("control", "uniqueness", pl.DataFrame([{**line, "share": 0.75}], schema=dict(UNIQUENESS)))
    told = report(lake, contract(FEED))
    html = as_html(told)
    assert [(row["entity_type"], row["recall"], row["missed"]) for row in told.reviewed] == [("PERSON", 0.5, 1)]
    assert "kecil / lower" in html and "75,0 %" in html
    assert "Siti" not in html and "Aminah" not in html


def test_the_page_needs_nothing_from_elsewhere_and_is_the_same_again(lake: Lake, contract: Make) -> None:
    month(lake)
    html = as_html(report(lake, contract(FEED)))
    assert not re.search(r"https?://|src=|<script|@import|url\(", html)
    assert html == as_html(report(lake, contract(FEED)))
    assert html.count("<em>") > 40


def test_an_empty_lake_gives_a_page_that_says_so(lake: Lake, contract: Make) -> None:
    html = as_html(report(lake, contract(FEED)))
    assert "No narratives in this period" in html and "No batches in this period" in html and "No review yet" in html


def test_names_of_feeds_and_batches_are_escaped(lake: Lake, contract: Make) -> None:
    landed(lake, "<b>1</b>", day=dt.date(2026, 6, 3))
    html = as_html(report(lake, contract(FEED)))
    assert "<b>1</b>" not in html and "&lt;b&gt;1&lt;/b&gt;" in html


def test_types_are_named_as_on_the_dashboard() -> None:
    dashboard = Path(__file__).parents[3] / "infra/superset/dashboards/privasi.yaml"
    said: dict[str, Any] = yaml.safe_load(dashboard.read_text(encoding="utf-8"))
    sql = said["datasets"]["redaction_findings"]["computed"]["type_text"]["sql"]
    assert dict(re.findall(r"WHEN '(\w+)' THEN '([^']+)'", sql)) == KINDS


def test_every_type_that_a_recognizer_finds_has_a_name() -> None:
    from ingestion.minimise.recognizers import recognizers

    assert {one.ENTITY for one in recognizers(None)} <= KINDS.keys()


def test_a_signature_holds_for_this_content_name_and_key_alone() -> None:
    mine, other = Signer("telaga.testville/redaction", b"\x07" * 32), Signer("telaga.testville/redaction", b"\x08" * 32)
    note = sign_file(b"page", "telaga.testville/redaction 2026-06", mine)
    assert check_file(b"page", note, [mine.verifier]) == "telaga.testville/redaction 2026-06"
    with pytest.raises(BadNote, match="it was changed"):
        check_file(b"pagE", note, [mine.verifier])
    with pytest.raises(BadNote):
        check_file(b"page", note.replace("2026-06", "2026-07"), [mine.verifier])
    with pytest.raises(BadNote):
        check_file(b"page", note, [other.verifier])
