"""Publishing per audience: nothing new publishes nothing, a refusal holds back one audience, a crash is finished."""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable
from pathlib import Path

import duckdb
import polars as pl
import pytest

from governance.chained_log import ChainedLog
from governance.marts import Mart
from governance.release import LINK, ReleaseOutcome, current, plan, publish
from ingestion.lake import Lake

DAY = dt.date(2026, 6, 30)
STEPS = ("written", "synced", "described", "named", "announced", "linked", "logged", "pruned")
Make = Callable[..., Mart]


class Crash(BaseException):
    """What a kill is to a process: nothing catches it."""


@pytest.fixture
def serving(tmp_path: Path) -> Path:
    return tmp_path / "serving"


@pytest.fixture
def marts(mart: Make) -> list[Mart]:
    return [mart("index"), mart("risk"), mart("kpis", audience="oversight")]


@pytest.fixture
def built(lake: Lake) -> Lake:
    """The marts as build_marts leaves them."""
    for name in ("index", "risk", "kpis"):
        build(lake, name, 1.0)
    return lake


def build(lake: Lake, name: str, value: float) -> None:
    lake.replace("marts", name, pl.DataFrame({"region_code": ["64.02", "64.01"], "value": [value, value + 1]}))


def release(lake: Lake, serving: Path, marts: list[Mart], **said: object) -> ReleaseOutcome:
    stated = {"code_digest": "c", "city": "testville", "as_of": DAY, **said}
    return publish(lake, serving, marts, **stated)  # type: ignore[arg-type]


def statuses(outcome: ReleaseOutcome) -> dict[str, str]:
    return {audience.audience: audience.status for audience in outcome.audiences}


def read(serving: Path, audience: str, query: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str((serving / audience / LINK).resolve()), read_only=True) as connection:
        return connection.sql(query).fetchall()


def events(serving: Path) -> list[tuple[str, str]]:
    return [(entry["event"], entry["audience"]) for entry in ChainedLog(serving / "releases.jsonl").entries()]


def test_each_audience_gets_its_marts_and_no_others(built: Lake, serving: Path, marts: list[Mart]) -> None:
    outcome = release(built, serving, marts)
    assert statuses(outcome) == {"executive": "published", "oversight": "published"}
    tables = "select table_name from information_schema.tables where table_schema = 'marts' order by 1"
    assert read(serving, "executive", tables) == [("index",), ("release",), ("risk",)]
    assert read(serving, "oversight", tables) == [("kpis",), ("release",)]
    assert read(serving, "executive", "select region_code, value from marts.index") == [("64.01", 2.0), ("64.02", 1.0)]
    said = read(serving, "executive", "select mart, rows, delta_version, as_of from marts.release order by 1")
    assert said == [
        ("index", 2, built.version("marts", "index"), DAY),
        ("risk", 2, built.version("marts", "risk"), DAY),
    ]


def test_the_same_inputs_on_the_same_day_publish_nothing(built: Lake, serving: Path, marts: list[Mart]) -> None:
    first = release(built, serving, marts)
    files = sorted(serving.rglob("*"))
    told = events(serving)
    again = release(built, serving, marts)
    assert statuses(again) == {"executive": "unchanged", "oversight": "unchanged"}
    assert again.release_id == first.release_id != ""
    assert sorted(serving.rglob("*")) == files
    assert events(serving) == told
    assert "nothing to publish" in again.summary()


@pytest.mark.parametrize(
    "said",
    [{"as_of": DAY + dt.timedelta(days=1)}, {"code_digest": "d"}, {"city": "elsewhere"}],
    ids=lambda said: next(iter(said)),
)
def test_another_day_code_or_city_is_another_release(
    built: Lake, serving: Path, marts: list[Mart], said: dict[str, object]
) -> None:
    first = release(built, serving, marts)
    second = release(built, serving, marts, **said)
    assert set(statuses(second).values()) == {"published"}
    assert second.release_id != first.release_id


def test_only_the_audience_whose_mart_changed_gets_a_release(built: Lake, serving: Path, marts: list[Mart]) -> None:
    release(built, serving, marts)
    build(built, "kpis", 9.0)
    assert statuses(release(built, serving, marts)) == {"executive": "unchanged", "oversight": "published"}
    assert read(serving, "oversight", "select max(value) from marts.kpis") == [(10.0,)]


def test_maintenance_of_the_marts_makes_no_release(built: Lake, serving: Path, marts: list[Mart]) -> None:
    from ingestion.lake.maintenance import maintain_table

    build(built, "index", 2.0)
    release(built, serving, marts)
    for name in ("index", "risk", "kpis"):
        maintain_table(built, "marts", name, now=dt.datetime.now(dt.UTC) + dt.timedelta(days=60))
    assert set(statuses(release(built, serving, marts)).values()) == {"unchanged"}


def test_a_refused_audience_keeps_its_last_release_and_the_others_go_on(
    built: Lake, serving: Path, marts: list[Mart], mart: Make
) -> None:
    release(built, serving, marts)
    before = (serving / "executive" / LINK).resolve()
    built.replace("marts", "index", pl.DataFrame({"region_code": ["a"], "value": [3]}))
    build(built, "kpis", 5.0)
    counted = [mart("index", counts=("value",)), *marts[1:]]
    outcome = release(built, serving, counted)
    assert statuses(outcome) == {"executive": "refused", "oversight": "published"}
    assert [finding.rule for finding in outcome.refused] == ["small count"]
    assert (serving / "executive" / LINK).resolve() == before
    assert read(serving, "executive", "select max(value) from marts.index") == [(2.0,)]
    assert events(serving)[-3:] == [("refused", "executive"), ("releasing", "oversight"), ("released", "oversight")]
    release(built, serving, counted)
    assert events(serving).count(("refused", "executive")) == 1
    assert len(list((serving / "executive" / "releases").glob("*.duckdb"))) == 1


def test_a_mart_that_belongs_to_nobody_holds_everybody_back(
    built: Lake, serving: Path, marts: list[Mart], mart: Make
) -> None:
    outcome = release(built, serving, [*marts, mart("stray", audience="")])
    assert set(statuses(outcome).values()) == {"refused"}
    assert current(serving) == {}
    assert {finding.mart for finding in outcome.refused} == {"stray"}


def test_an_audience_whose_mart_is_not_built_yet_waits(
    built: Lake, serving: Path, marts: list[Mart], mart: Make
) -> None:
    outcome = release(built, serving, [*marts, mart("surface")])
    assert statuses(outcome) == {"executive": "waiting", "oversight": "published"}
    assert outcome.audiences[0].missing == ("surface",)
    assert set(current(serving)) == {"oversight"}


def test_a_release_copies_the_version_that_was_planned(
    built: Lake, serving: Path, marts: list[Mart], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A build that ends between plan and copy does not get into the release."""
    from governance import release as module

    def planned(lake: Lake, marts: list[Mart], versions: object) -> object:
        made = plan(lake, marts)
        build(lake, "index", 50.0)
        return made

    monkeypatch.setattr(module, "plan", planned)
    release(built, serving, marts)
    assert read(serving, "executive", "select max(value) from marts.index") == [(2.0,)]


def test_a_release_is_of_one_finished_build_and_not_of_the_one_that_is_writing(
    built: Lake, serving: Path, marts: list[Mart]
) -> None:
    versions = {name: built.version("marts", name) for name in ("index", "risk", "kpis")}
    first = release(built, serving, marts, versions=versions)
    build(built, "index", 50.0)
    again = release(built, serving, marts, versions=versions)
    assert again.release_id == first.release_id
    assert read(serving, "executive", "select max(value) from marts.index") == [(2.0,)]
    assert statuses(release(built, serving, marts, versions={**versions, "kpis": None}))["oversight"] == "waiting"


@pytest.mark.parametrize(
    ("step", "is_first"), [("named", True), ("announced", True), ("linked", True), *((step, False) for step in STEPS)]
)
def test_a_crash_leaves_a_whole_release_and_the_next_publish_finishes(
    built: Lake, serving: Path, marts: list[Mart], step: str, is_first: bool
) -> None:
    if not is_first:
        release(built, serving, marts)
        build(built, "index", 7.0)

    def crash(audience: str, done: str) -> None:
        if (audience, done) == ("executive", step):
            raise Crash

    with pytest.raises(Crash):
        release(built, serving, marts, after=crash)
    has_moved = step in ("linked", "logged", "pruned")
    if is_first and not has_moved:
        assert "executive" not in current(serving)
    else:
        expected = 2.0 if is_first or not has_moved else 8.0
        assert read(serving, "executive", "select max(value) from marts.index") == [(expected,)]

    outcome = release(built, serving, marts)
    assert read(serving, "executive", "select max(value) from marts.index") == [(2.0 if is_first else 8.0,)]
    assert set(current(serving)) == {"executive", "oversight"}
    assert not outcome.refused
    count = 1 if is_first else 2
    assert events(serving).count(("released", "executive")) == count
    assert events(serving).count(("releasing", "executive")) == count
    assert not list(serving.rglob("*.part*"))
    ChainedLog(serving / "releases.jsonl").verify()


def test_a_reader_finds_a_whole_release_at_every_moment(built: Lake, serving: Path, marts: list[Mart]) -> None:
    """The link never dangles and never leads to a file without its description, while releases come and go."""
    release(built, serving, marts)
    faults: list[str] = []
    seen: set[Path] = set()
    done = threading.Event()

    def look() -> None:
        while not done.is_set():
            try:
                path = (serving / "executive" / LINK).resolve(strict=True)
                with path.open("rb") as file:
                    if file.read(12)[8:12] != b"DUCK":
                        faults.append(f"{path.name} is no DuckDB file")
                if not path.with_suffix(".json").is_file():
                    faults.append(f"{path.name} is not described")
                seen.add(path)
            except FileNotFoundError as error:
                faults.append(str(error))

    reader = threading.Thread(target=look)
    reader.start()
    for number in range(6):
        build(built, "index", float(number + 10))
        release(built, serving, marts)
    done.set()
    reader.join()
    assert faults == []
    assert len(seen) > 1


def test_a_published_file_cannot_be_written_and_is_what_its_digest_says(
    built: Lake, serving: Path, marts: list[Mart]
) -> None:
    import hashlib

    release(built, serving, marts)
    info = current(serving)["executive"]
    assert info.path.stat().st_mode & 0o222 == 0
    assert hashlib.sha256(info.path.read_bytes()).hexdigest() == info.content_digest


def test_the_newest_releases_are_kept_and_the_current_one_always(built: Lake, serving: Path, marts: list[Mart]) -> None:
    for number in range(5):
        build(built, "index", float(number))
        release(built, serving, marts, keep=2)
    kept = sorted(path.stem for path in (serving / "executive" / "releases").glob("*.duckdb"))
    assert len(kept) == 2
    assert current(serving)["executive"].id in kept
    assert sorted(path.stem for path in (serving / "executive" / "releases").glob("*.json")) == kept


def test_marts_that_return_to_what_they_were_are_released_again_and_told_again(
    built: Lake, serving: Path, marts: list[Mart], mart: Make
) -> None:
    """A declaration that is changed and changed back leads to the first file, which still lies there."""
    first = release(built, serving, marts).release_id
    release(built, serving, [mart("index", owner="Kominfo"), *marts[1:]])
    assert release(built, serving, marts).release_id == first
    assert events(serving).count(("released", "executive")) == 3
