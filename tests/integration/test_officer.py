"""All that the officer gets, over one small lake with real dbt runs: marts, report, review, and a release held back."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import duckdb
import polars as pl
import pytest

from governance.access_log import AccessLog
from governance.findings import narrative_batches, narrative_findings
from governance.release import LINK
from infra.airflow import runtime
from infra.build import floors
from infra.build.settings import PROJECT, BuildSettings
from infra.cli import summary
from infra.cli.commands import report, review
from infra.settings import FEEDS, Home
from ingestion.city import City, load_city
from tests.support.minimised_lake import Plan, write_city
from tests.support.tallies import COLUMN, landed, sealed_samples

pytestmark = pytest.mark.integration

FEED = "polda_kaltim.police_records"
PLAN = Plan(incidents=1500, calls=300, events=300)
CONTEXT = {"dag_run": SimpleNamespace(conf={"run_id": "r1"}, dag_id="release_marts", run_id="r1", run_type="manual")}
PATTERNS = "pattern_time_modus"


@dataclass(frozen=True)
class Office:
    """A home whose lake is built once; `project` is dbt's, in which patterns are made of what narratives told."""

    home: Home
    city: City

    def mart(self, name: str) -> pl.DataFrame:
        return self.home.lake().read("marts", name).collect()

    def released(self, audience: str) -> dict[str, str]:
        """Mart -> why it is held back, as a reader of the current release finds it."""
        path = (self.home.serving_dir / audience / LINK).resolve()
        with duckdb.connect(str(path), read_only=True) as connection:
            return dict(connection.sql("select mart, held_back from marts.release").fetchall())

    def attention(self) -> list[str]:
        told: list[str] = summary.summarise(self.home, self.city, "r1", 1.0, True, [])["attention"]
        return [line for line in told if line.startswith("held back")]


def telaga(command: ModuleType, *words: str) -> int:
    parser = argparse.ArgumentParser()
    command.configure(parser)
    return int(command.run(parser.parse_args(words)))


def of_terms(folder: Path) -> Path:
    """dbt's project with the terms of narratives handed on by staging and counted in the patterns."""
    project = folder / "dbt_project"
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("target", "logs"))
    staged = project / "models/staging/stg_police_record.sql"
    if "modus_terms" not in staged.read_text():
        handed = "select\n    cast(modus_terms as string) as modus_terms,\n"
        staged.write_text(staged.read_text().replace("select\n", handed, 1))
    counted = project / "models/intermediate/int_incidents__hour_modus.sql"
    if "modus_terms" not in counted.read_text():
        told = "where\n    (records.modus_terms is null or records.modus_terms <> 'x')\n    and "
        counted.write_text(counted.read_text().replace("where\n    ", told, 1))
    return project


@pytest.fixture(scope="module")
def office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("office")
    home = Home(folder / "home").make()
    home.claim("nusantara", FEEDS / "nusantara")
    home.set_clock(PLAN.as_of)
    city = load_city("nusantara")
    lake = home.lake()
    write_city(lake, city, PLAN)
    for number in range(20):
        found = {("PERSON", "title", 0.8): 60 + number, ("NIK", "nik", 0.5): number % 3}
        day = dt.date(2026, 5, 1) + dt.timedelta(days=2 * number)
        touched = 50 + number % 5 if number < 19 else 95
        landed(lake, f"b{number:02d}", feed=FEED, day=day, touched=touched, refused=number % 2, findings=found)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TELAGA_HOME", str(home.root))
        project, made = of_terms(folder), BuildSettings.for_home
        patch.setattr(
            BuildSettings, "for_home", lambda *given, **said: replace(made(*given, **said), project_dir=project)
        )
        pins = runtime.pin_build(CONTEXT)
        assert pins is not None
        for step in ("count", "judge", "present"):
            runtime.build_step(step, pins, CONTEXT)  # type: ignore[arg-type]
        yield Office(home, city)


def rows(frame: pl.DataFrame, names: dict[str, str]) -> list[tuple[Any, ...]]:
    """Rows of chosen columns (ours -> what the frame calls it), numbers to two decimals, in order."""
    told = frame.select(
        (
            pl.col(name).cast(pl.Float64).round(2)
            if frame.schema[name].is_decimal() or frame.schema[name].is_float()
            else pl.col(name)
        ).alias(ours)
        for ours, name in names.items()
    )
    return sorted(told.rows(), key=str)


def test_the_marts_say_what_the_report_counts(office: Office) -> None:
    same = (
        "feed",
        "action",
        "found_by",
        "batch_id",
        "day",
        "narratives",
        "earlier_batches",
        "usual_spread",
        "deviation",
    )
    batch = (*same, "touched", "protected", "refused", "touched_percent", "usual_percent")
    counted = narrative_batches(office.home.lake(), time_zone=office.city.time_zone, as_of=PLAN.as_of)
    shown = office.mart("redaction_batches")
    assert shown.height == counted.height == 20
    assert rows(shown, {name: name for name in batch}) == rows(counted, {name: name for name in batch})
    assert set(shown["deviation"]) == {"no_usual_yet", "usual", "high"}

    finding = (*same, "entity_type", "findings", "score_low", "score_middle", "score_high", "per_100", "usual_per_100")
    found = narrative_findings(office.home.lake(), time_zone=office.city.time_zone, as_of=PLAN.as_of)
    listed = office.mart("redaction_findings")
    assert listed.height == found.height > 20
    assert rows(listed, {name: name for name in finding} | {"rule": "rule_name"}) == rows(
        found, {name: name for name in finding} | {"rule": "rule"}
    )


def test_a_review_under_the_floor_holds_back_what_the_field_is_in_until_it_is_lifted(
    office: Office, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = office.home
    first = runtime.publish(CONTEXT)
    assert set(first["audiences"].values()) == {"published"} and first["held"] == []
    assert PATTERNS in office.released("operations") and office.attention() == []

    found = [("PERSON", 10 * number, 10 * number + 5) for number in range(320)]
    (sample,) = sealed_samples(home.lake(), home.keys_dir, [("x" * 3600, found)], feed=FEED, batch="b19")
    marks = tmp_path / "marks.json"
    missed = [[3200 + 10 * number, 3205 + 10 * number, "PERSON"] for number in range(30)]
    marks.write_text(json.dumps([{"id": sample, "missed": missed}]))
    assert telaga(review, "mark", str(marks), "--reviewer", "Ani") == 0

    held = runtime.publish(CONTEXT)
    stopped = set(floors.held(home, floors.states(home, office.city)))
    assert PATTERNS in stopped
    told = {line.split(" ")[0]: line for line in held["held"]}
    assert set(told) == stopped
    assert told[PATTERNS].startswith(f"{PATTERNS} (as last released): {FEED}.{COLUMN}: recall of at least 0.8")
    assert held["audiences"]["operations"] == "published"
    shown = office.released("operations")
    assert {mart for mart, why in shown.items() if why} == stopped & shown.keys()
    assert {"feed_quality", "response_times"} <= {mart for mart, why in shown.items() if not why}
    assert held["audiences"]["executive"] == "unchanged"
    assert set(office.released("executive").values()) == {""}
    lines = office.attention()
    assert len(lines) == len(stopped)
    assert any(line.startswith(f"held back: {PATTERNS}: {FEED}.{COLUMN}: recall of at least") for line in lines)
    # The floors stand in the next build, which the review alone makes a new one.
    assert runtime.pin_build({"dag_run": SimpleNamespace(**{**vars(CONTEXT["dag_run"]), "conf": {"run_id": "r2"}})})
    assert home.lake().read("control", "recall_floors").collect()["status"].to_list() == ["below"]

    assert telaga(review, "lift", FEED, COLUMN, "--by", "Dewi", "--reason", "agency redacts by itself") == 0
    lifted = runtime.publish(CONTEXT)
    assert (lifted["held"], lifted["audiences"]["operations"]) == ([], "published")
    assert set(office.released("operations").values()) == {""}
    assert office.attention() == []
    actions = [entry["action"] for entry in AccessLog(home.serving_dir / "access.jsonl").entries()]
    assert actions == ["review", "lift"]


def test_a_real_feed_that_nobody_reviewed_in_time_stops_and_the_demos_does_not(office: Office) -> None:
    """The same home, forty days after its first landing: as it is (synthetic), and as if its data were real."""
    lake = office.home.lake()
    landed(lake, "c1", feed="polda_kaltim.emergency_calls_110", day=dt.date(2026, 6, 20), found_by="other model")
    later = dt.datetime(2026, 7, 20, tzinfo=dt.UTC)
    assert floors.held(office.home, floors.states(office.home, office.city, later)) == {}
    contracts = tuple(replace(contract, is_synthetic=False) for contract in office.city.contracts)
    real = replace(office.city, contracts=contracts)
    soon = floors.states(office.home, real, dt.datetime(2026, 6, 20, tzinfo=dt.UTC))
    assert [state.status for state in soon if state.feed.endswith("110")] == ["unmeasured"]
    late = floors.states(office.home, real, later)
    assert [(state.status, state.is_held) for state in late if state.feed.endswith("110")] == [("overdue", True)]


def test_the_report_of_a_month_is_signed_and_tells_of_both(office: Office, tmp_path: Path) -> None:
    out = tmp_path / "june.html"
    assert telaga(report, "redaction", "--period", "2026-06", "--out", str(out)) == 0
    page = out.read_text()
    assert "SINTETIS." in page and "tinjauan / review" in page and "▲ lebih tinggi / higher" in page
    assert "penahanan dicabut pejabat" in page
    assert telaga(report, "verify", str(out)) == 0
    out.write_text(page.replace("tersentuh", "tak tersentuh"))
    assert telaga(report, "verify", str(out)) == 1


def test_as_the_project_stands_its_lineage_can_be_told(office: Office) -> None:
    from governance.term_readers import term_readers
    from infra.build.reads import estimates_read

    manifest = office.home.build_dir / "dbt" / "manifest.json"
    readers = term_readers(manifest, estimates_read())
    assert readers[PATTERNS] == frozenset({"police_record"})
    # Of the same records, but not of their narratives.
    assert not {"region_security_index", "risk_surface", "feed_quality", "response_times"} & readers.keys()


def test_what_landing_seals_is_what_a_review_opens(tmp_path: Path) -> None:
    from governance.recall import field_states
    from governance.review import Marks, measured, open_samples, record, reviews, sealed_files
    from ingestion.sealing import OFFICER_KEY
    from tests.support.landing import COUNTS, House, column, count, count_feed

    house = House(tmp_path)
    stated = count_feed()
    told = column("remark", classification="personal", action="extract", about="narrative")
    stated["schema"][0]["properties"][-1] = told
    house.documents[COUNTS] = stated
    house.with_regions()
    texts = ("Pelapor Sdr. Budi Santoso kehilangan motor KT 1234 AB", "PELAPOR SDR. BUDI SANTOSO, HP 081234567890")
    house.deliver_counts("c_2026-05.csv", [count(remark=f'"{text}"') for text in texts * 4])
    house.land(COUNTS, as_of=dt.date(2026, 6, 30))

    (batch,) = narrative_batches(house.lake, time_zone="Asia/Makassar").to_dicts()
    assert (batch["column"], batch["action"], batch["narratives"], batch["touched"]) == ("remark", "extract", 8, 8)
    assert batch["found_by"] == "rules only"
    assert batch["day"] <= dt.date(2026, 5, 31)
    found = narrative_findings(house.lake, time_zone="Asia/Makassar")
    assert {"PERSON", "PHONE", "PLATE"} <= set(found["entity_type"])

    (path,) = sealed_files(house.lake)
    samples = open_samples(house.lake, path, house.root / "keys" / OFFICER_KEY)
    assert {sample.letter_case: sample.stratum_size for sample in samples} == {"mixed": 4, "capitals": 4}
    for sample in samples:
        assert sample.original in texts
        assert all(0 <= start < end <= len(sample.original) for _, start, end, *_ in sample.spans)
        now = dt.datetime.now(dt.UTC)
        record(house.lake, sample, Marks(), reviewer="Ani", reading=1, found_by=batch["found_by"], now=now)
    (result,) = measured(reviews(house.lake), ["feed", "column"]).to_dicts()
    assert (result["samples"], result["recall"], result["missed"]) == (8, 1.0, 0)
    (state,) = field_states(
        house.lake, [house.contract(COUNTS)], cards=(), now=dt.datetime.now(dt.UTC), time_zone="Asia/Makassar"
    )
    assert (state.status, state.reviewed, state.is_held) == ("unmeasured", 8, False)
