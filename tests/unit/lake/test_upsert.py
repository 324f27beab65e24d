"""Any sequence of deliveries of a set of records ends in the same table; each delivery adds up; nothing comes twice."""

from __future__ import annotations

import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake.exceptions import CommitFailedError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ingestion.lake import Lake, upsert
from ingestion.lake.tables import ensure_minimised
from ingestion.lake.upsert import Counts, apply_plan, committed, note_of, plan_batch
from tests.support.toys import FEED, TOY, Toys, Version, key_of, keyed, numbered

pytestmark = pytest.mark.usefixtures("unsynced")

# The same examples in every run, and no example kept on disk: examples of real data would be personal.
REPEATED = settings(
    database=None,
    derandomize=True,
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)

NAMES = ["a", "b", "c"]
TIMES = st.one_of(st.none(), st.integers(min_value=1, max_value=4))
VERSIONS = st.builds(
    lambda name, revision, variant: Version(name, f"{name}{revision}{variant}", revision),
    st.sampled_from(NAMES),
    TIMES,
    st.sampled_from("xy"),
)


@pytest.fixture
def lake() -> Iterator[Lake]:
    with tempfile.TemporaryDirectory() as folder:
        yield Lake(f"{folder}/lake")


@pytest.fixture(autouse=True)
def small_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """A few rows take the way that millions take."""
    monkeypatch.setattr(upsert, "BUCKET_ROWS", 2)
    monkeypatch.setattr(upsert, "FILE_GROUP_ROWS", 3)


def toys(**named: Any) -> tuple[tempfile.TemporaryDirectory[str], Toys]:
    folder = tempfile.TemporaryDirectory()
    return folder, Toys(Lake(f"{folder.name}/lake"), rows_per_part=4, **named)


# Properties


@REPEATED
@given(
    batches=st.lists(st.lists(VERSIONS, max_size=5), min_size=1, max_size=4),
    order=st.randoms(use_true_random=False),
    again=st.lists(st.integers(0, 3), max_size=3),
)
def test_dated_records_end_in_their_newest_versions(batches: list[list[Version]], order: Any, again: list[int]) -> None:
    """Delivered in any order, each once or more: of each record the latest time, of one time the larger digest."""
    # Versions without a time say nothing of their order but that every dated one is newer; here one a record.
    batches = [[v if v.revision is not None else Version(v.name, f"{v.name}0") for v in batch] for batch in batches]
    versions = [version for batch in batches for version in batch]
    newest = {
        name: max((v for v in versions if v.name == name), key=lambda v: (v.revision or 0, key_of(v.text)))
        for name in {version.name for version in versions}
    }
    expected = sorted(map(keyed, newest.values()), key=str)
    sequence = [*range(len(batches)), *(number for number in again if number < len(batches))]
    order.shuffle(sequence)
    folder, table = toys()
    with folder:
        for place, number in enumerate(sequence):
            # A redelivery is another file: it has an id of its own.
            table.deliver(f"{number}-{place}", batches[number])
        assert table.held() == expected
        before = table.lake.version("minimised", "toy")
        for number, batch in enumerate(batches):
            plan, version = table.deliver(f"again-{number}", batch)
            assert plan.changes_nothing and version == before


@REPEATED
@given(
    deliveries=st.lists(st.dictionaries(st.sampled_from(NAMES), st.sampled_from("xyz"), max_size=3), max_size=5),
    order=st.randoms(use_true_random=False),
    again=st.lists(st.integers(0, 4), max_size=3),
)
def test_undated_records_end_in_the_last_delivered_version(
    deliveries: list[dict[str, str]], order: Any, again: list[int]
) -> None:
    """Without a time the position of the delivery decides, whenever it arrives, also where a record is again what it
    once was (x, y, x)."""
    last = {name: Version(name, text) for delivery in deliveries for name, text in delivery.items()}
    sequence = [*range(len(deliveries)), *(number for number in again if number < len(deliveries))]
    order.shuffle(sequence)
    folder, table = toys(is_dated=False)
    with folder:
        for number in sequence:
            batch, versions = f"day-{number}", [Version(name, text) for name, text in deliveries[number].items()]
            table.deliver(batch, versions, is_retaken=batch in table.positions)
        if any(deliveries):
            assert table.held() == sorted(map(keyed, last.values()), key=str)


@REPEATED
@given(
    batches=st.lists(st.lists(st.sampled_from(["p", "q", "r"]), max_size=6), min_size=1, max_size=4),
    order=st.randoms(use_true_random=False),
)
def test_records_without_a_key_are_as_many_as_one_delivery_told_of(batches: list[list[str]], order: Any) -> None:
    most: Counter[str] = Counter()
    for batch in batches:
        most |= Counter(batch)
    sequence = [*range(len(batches)), 0]
    order.shuffle(sequence)
    folder, table = toys(has_key=False, is_dated=False)
    with folder:
        for place, number in enumerate(sequence):
            table.deliver(f"{number}-{place}", numbered(batches[number]))
        assert Counter(text for _, text, _ in table.held()) == most


@REPEATED
@given(first=st.lists(VERSIONS, max_size=6), second=st.lists(VERSIONS, max_size=6))
def test_taking_a_batch_again_leaves_what_it_now_gives(first: list[Version], second: list[Version]) -> None:
    """After a contract fix a batch is read otherwise: its own rows go, what it now gives is there, once."""
    folder, table = toys(is_dated=False)
    first, second = ([Version(v.name, v.text) for v in batch] for batch in (first, second))
    with folder:
        table.deliver("b", first)
        table.deliver("b", second, is_retaken=True)
        now = {version.name: version for version in second}
        assert table.held() == sorted(map(keyed, now.values()), key=str)
        plan, _ = table.deliver("b", second, is_retaken=True)
        # What stands as the batch wrote it is accepted, not a duplicate of itself.
        assert plan.changes_nothing
        assert (plan.accepted, plan.duplicate) == (len(now), len(second) - len(now))


# Single cases


def test_two_versions_of_one_instant_end_the_same_way_round(lake: Lake) -> None:
    one, other = Version("a", "x", 5), Version("a", "y", 5)
    for batches in ([one], [other]), ([other], [one]), ([one, other],), ([other, one],):
        with tempfile.TemporaryDirectory() as folder:
            table = Toys(Lake(folder))
            for number, batch in enumerate(batches):
                table.deliver(f"{number}", batch)
            assert [text for _, text, _ in table.held()] == [max("xy", key=key_of)]


def test_of_an_undated_delivery_the_last_line_counts(lake: Lake) -> None:
    table = Toys(lake, is_dated=False)
    plan, _ = table.deliver("one", [Version("a", "x"), Version("b", "b"), Version("a", "y")])
    assert (plan.accepted, plan.duplicate, plan.repeated) == (2, 1, 1)
    assert {text for _, text, _ in table.held()} == {"b", "y"}


def test_what_only_renews_a_record_is_a_duplicate(lake: Lake) -> None:
    table = Toys(lake, is_dated=False)
    table.deliver("1", [Version("a", "x"), Version("b", "b")])
    plan, _ = table.deliver("3", [Version("a", "x"), Version("c", "c")])
    assert (plan.accepted, plan.duplicate) == (1, 1)
    plan, _ = table.deliver("2", [Version("a", "y"), Version("b", "b2")])
    assert (plan.accepted, plan.duplicate) == (1, 1)
    assert {text for _, text, _ in table.held()} == {"x", "b2", "c"}
    plan, version = table.deliver("1", [Version("a", "x"), Version("b", "b")], is_retaken=True)
    assert plan.changes_nothing and version == lake.version("minimised", "toy")
    # "a" stands by what came later, "b" by the correction; nothing of the batch stands by itself.
    assert (plan.accepted, plan.duplicate) == (0, 2)


def test_a_contract_that_no_longer_knows_the_time_still_takes_corrections(lake: Lake) -> None:
    table = Toys(lake)
    table.deliver("1", [Version("a", "x", 9)])
    table.is_dated = False
    table.deliver("2", [Version("a", "y")])
    assert [text for _, text, _ in table.held()] == ["y"]


def test_taking_a_batch_again_does_not_undo_what_came_after(lake: Lake) -> None:
    table = Toys(lake)
    table.deliver("1", [Version("a", "x", 1), Version("b", "b", 1)])
    table.deliver("2", [Version("a", "y", 2)])
    table.deliver("1", [Version("a", "x-mended", 1), Version("b", "b-mended", 1)], is_retaken=True)
    assert sorted(text for _, text, _ in table.held()) == ["b-mended", "y"]


def test_a_correction_rewrites_only_the_files_that_hold_an_older_row(lake: Lake) -> None:
    table = Toys(lake)
    table.deliver("1", [Version("a", "x", 1)])
    table.deliver("2", [Version("b", "b", 1), Version("c", "c", 1)])
    root = Path(lake.table("minimised", "toy"))

    def live() -> set[str]:
        found = lake.open("minimised", "toy")
        assert found is not None
        return set(found.file_uris())

    before = live()
    table.deliver("3", [Version("a", "y", 2)])
    assert len(before & live()) == len(before) - 1
    assert root.exists()


def test_feeds_of_one_table_never_touch_each_other(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    table = Toys(lake)
    table.deliver("1", [Version("a", "x", 1)])
    monkeypatch.setattr("tests.support.toys.FEED", "other.toys")
    plan, _ = Toys(lake).deliver("1", [Version("a", "x", 1)])
    assert (plan.accepted, plan.duplicate) == (1, 0)
    assert [text for _, text, _ in table.held()] == ["x", "x"]


def test_a_commit_is_found_again_by_its_batch_and_run(lake: Lake) -> None:
    table = Toys(lake)
    assert committed(lake, TOY, FEED, "1", None) is None
    _, version = table.deliver("1", [Version("a", "x", 1), Version("a", "x", 1)])
    table.deliver("2", [Version("b", "b", 1)])
    assert committed(lake, TOY, FEED, "1", None) == (Counts(2, 1, 1, 0), version)
    assert committed(lake, TOY, FEED, "1", "run") == (Counts(2, 1, 1, 0), version)
    assert committed(lake, TOY, FEED, "1", "another run") is None
    assert committed(lake, TOY, FEED, "3", None) is None
    assert committed(lake, TOY, "other.toys", "1", None) is None


def test_of_two_landings_of_one_feed_the_loser_conflicts_and_leaves_no_file(lake: Lake) -> None:
    toy = Toys(lake)
    toy.deliver("0", [Version("z", "z", 1)])
    plans = []
    for batch in ("1", "2"):
        table = ensure_minimised(lake, TOY)
        spool, write = toy.spool(batch, [Version("a", f"a{batch}", int(batch))]), toy.write(batch)
        plans.append((table, spool, write, plan_batch(lake, table, TOY, spool, write)))
    files = set(Path(lake.uri).rglob("part-*.parquet"))
    for at, (table, spool, write, plan) in enumerate(plans):
        counts = note_of(write, Counts(1, 1, 0, 0))
        if at == 0:
            apply_plan(lake, table, TOY, spool, write, plan, counts)
            files = set(Path(lake.uri).rglob("part-*.parquet"))
            continue
        with pytest.raises(CommitFailedError):
            apply_plan(lake, table, TOY, spool, write, plan, counts)
    assert set(Path(lake.uri).rglob("part-*.parquet")) == files
    # Planned anew it sees the winner's row and beats it.
    toy.deliver("2", [Version("a", "a2", 2)])
    assert sorted(text for _, text, _ in toy.held()) == ["a2", "z"]


def test_a_file_that_cannot_be_written_leaves_none_of_its_siblings(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    toy = Toys(lake)
    toy.deliver("0", [Version("z", "z", 1)])
    before = set(Path(lake.uri).rglob("*.parquet"))
    real, seen = upsert.put_file, 0

    def full(*arguments: Any) -> Any:
        nonlocal seen
        seen += 1
        if seen == 2:
            raise OSError(28, "No space left on device")
        return real(*arguments)

    monkeypatch.setattr(upsert, "put_file", full)
    with pytest.raises(OSError, match="No space"):
        toy.deliver("1", [Version(name, name, 1) for name in "abcdefgh"])
    assert set(Path(lake.uri).rglob("*.parquet")) == before
    assert [text for _, text, _ in toy.held()] == ["z"]


def test_the_frame_that_was_spooled_is_what_is_held(lake: Lake) -> None:
    toy = Toys(lake, rows_per_part=4, memory_bytes=1)
    versions = [Version(f"n{number}", f"t{number}", number) for number in range(23)]
    plan, _ = toy.deliver("1", versions)
    assert plan.accepted == 23
    rows = lake.read("minimised", "toy").collect()
    assert sorted(rows["text"].to_list()) == sorted(version.text for version in versions)
    assert rows.filter(pl.col("month") != pl.col("month").first()).height > 0
