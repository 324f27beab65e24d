"""Writing a table: what is the same writes nothing, rivals lose nothing, and a commit that stands is left alone."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from ingestion.lake import Lake
from ingestion.lake import commit as commits
from ingestion.lake.commit import (
    LakeBusy,
    commit_files,
    create_table,
    data_files,
    delta_schema,
    discard,
    encode,
    folder_of,
    put_file,
    read_file,
    replace_where,
    retried,
    same_rows,
    split,
    storable,
)

ROWS = pl.DataFrame({"feed": ["a", "a", "b"], "n": [1, 2, 3], "text": ["x", None, "z"]})


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


def held(lake: Lake, kind: str = "marts", name: str = "t") -> pl.DataFrame:
    return lake.read(kind, name).collect()


def files_on_disk(lake: Lake, kind: str = "marts", name: str = "t") -> set[str]:
    root = Path(lake.table(kind, name))
    return {str(path.relative_to(root)) for path in root.rglob("*.parquet") if "_delta_log" not in path.parts}


# Replace


def test_replacing_by_the_same_rows_writes_no_version(lake: Lake) -> None:
    first = lake.replace("marts", "t", ROWS)
    before = files_on_disk(lake)
    assert lake.replace("marts", "t", ROWS) == first
    assert lake.replace("marts", "t", ROWS.sample(fraction=1, shuffle=True, seed=3)) == first
    assert files_on_disk(lake) == before


@pytest.mark.parametrize(
    "other",
    [ROWS[:2], pl.concat([ROWS, ROWS[:1]]), ROWS.with_columns(n=pl.col("n") + 1), ROWS.with_columns(text=pl.lit("x"))],
)
def test_replacing_by_other_rows_writes_one_version(lake: Lake, other: pl.DataFrame) -> None:
    first = lake.replace("marts", "t", ROWS)
    assert first is not None
    assert lake.replace("marts", "t", other) == first + 1
    assert same_rows(held(lake), other)
    assert same_rows(lake.read("marts", "t", first).collect(), ROWS)


def test_a_row_held_twice_is_not_the_same_as_once(lake: Lake) -> None:
    assert not same_rows(pl.concat([ROWS, ROWS[:1]]), pl.concat([ROWS, ROWS[1:2]]))
    assert same_rows(pl.concat([ROWS[:1], ROWS]), pl.concat([ROWS, ROWS[:1]]))
    lists = pl.DataFrame({"n": [2, 1], "l": [[1, 2], [3]]})
    assert same_rows(lists, lists.reverse())


def test_replacing_takes_new_columns_and_empties(lake: Lake) -> None:
    lake.replace("marts", "t", ROWS)
    wider = ROWS.with_columns(more=pl.lit(1.5))
    lake.replace("marts", "t", wider)
    assert same_rows(held(lake), wider)
    lake.replace("marts", "t", wider.clear())
    assert held(lake).height == 0
    version = lake.version("marts", "t")
    assert lake.replace("marts", "t", wider.clear()) == version


def test_an_empty_frame_still_makes_its_table(lake: Lake) -> None:
    assert lake.replace("marts", "t", ROWS.clear()) == 0
    assert held(lake).schema == ROWS.schema


def test_a_frame_without_columns_is_refused(lake: Lake) -> None:
    with pytest.raises(ValueError, match="without columns"):
        lake.replace("marts", "t", pl.DataFrame())


def test_a_table_of_an_unknown_kind_is_refused(lake: Lake) -> None:
    with pytest.raises(ValueError, match="unknown kind"):
        lake.replace("mart", "t", ROWS)


def test_types_that_delta_has_not_are_stored_in_those_that_it_has(lake: Lake) -> None:
    frame = pl.DataFrame(
        {
            "small": pl.Series([1], dtype=pl.UInt8),
            "large": pl.Series([1], dtype=pl.UInt32),
            "kind": pl.Series(["a"], dtype=pl.Categorical),
            "nothing": pl.Series([None], dtype=pl.Null),
            "at": pl.Series([0]).cast(pl.Datetime("ns", "UTC")),
        }
    )
    lake.replace("marts", "t", frame)
    assert held(lake).equals(storable(frame))
    assert held(lake).dtypes == [pl.Int32, pl.Int64, pl.String, pl.String, pl.Datetime("us", "UTC")]


def test_no_value_stands_in_the_statistics_of_the_log(lake: Lake) -> None:
    lake.append("marts", "t", ROWS.with_columns(text=pl.lit("a name")))
    log = "".join(path.read_text() for path in Path(lake.table("marts", "t"), "_delta_log").glob("*.json"))
    assert "numRecords" in log
    assert "a name" not in log and "minValues" not in log and "maxValues" not in log


# Append, by partition


def test_appending_adds_and_an_empty_frame_does_not(lake: Lake) -> None:
    assert lake.append("control", "t", ROWS.clear()) is None
    version = lake.append("control", "t", ROWS, partition_by=["feed"])
    assert lake.append("control", "t", ROWS.clear(), partition_by=["feed"]) == version
    lake.append("control", "t", ROWS, partition_by=["feed"])
    assert held(lake, "control").height == 6


def test_an_append_that_the_table_knows_is_left_out(lake: Lake) -> None:
    for _ in range(3):
        commits.append_rows(lake, "control", "t", ROWS, (), {}, {"release": 7})
    assert held(lake, "control").height == 3
    assert len(files_on_disk(lake, "control")) == 1
    commits.append_rows(lake, "control", "t", ROWS, (), {}, {"release": 8})
    assert held(lake, "control").height == 6


def test_a_partition_is_named_by_its_values(lake: Lake) -> None:
    parts = split(ROWS, ["feed"])
    assert [(partition, part.height) for partition, part in parts] == [({"feed": "a"}, 2), ({"feed": "b"}, 1)]
    assert folder_of({"feed": "police.calls", "month": "2026-05"}) == "feed=police.calls/month=2026-05/"


@pytest.mark.parametrize("value", ["a/b", "a b", "..%2f", "", "é"])
def test_a_value_that_cannot_name_a_folder_is_refused_without_showing_it(value: str) -> None:
    with pytest.raises(ValueError, match="column feed") as error:
        folder_of({"feed": value})
    assert not value or value not in str(error.value).replace("a value", "")


def test_replacing_where_leaves_everything_else(lake: Lake) -> None:
    lake.append("control", "t", ROWS, partition_by=["feed"])
    where = {"feed": "a", "text": "x"}
    change = pl.DataFrame({"feed": ["a", "a"], "n": [10, 11], "text": ["x", "x"]})
    version = replace_where(lake, "control", "t", change, where, ["feed"])
    expected = pl.concat([ROWS.filter(pl.col("n") != 1), change])
    assert same_rows(held(lake, "control").select(ROWS.columns), expected)
    assert replace_where(lake, "control", "t", change.reverse(), where, ["feed"]) == version
    replace_where(lake, "control", "t", change.clear(), where, ["feed"])
    assert same_rows(held(lake, "control").select(ROWS.columns), ROWS.filter(pl.col("n") != 1))


def test_replacing_where_nothing_is_makes_no_table(lake: Lake) -> None:
    assert replace_where(lake, "control", "t", ROWS.clear(), {"feed": "a"}, ["feed"]) is None
    assert lake.version("control", "t") is None


# Rivals


@pytest.mark.parametrize("round_", range(4))
def test_those_that_make_one_table_at_once_all_get_it_whole(lake: Lake, round_: int) -> None:
    failures: list[BaseException] = []
    gate = threading.Barrier(4)

    def make(writer: int) -> None:
        gate.wait()
        try:
            create_table(lake, "marts", "t", delta_schema(ROWS, ["n"]), ["feed"], {"n_positive": "n > 0"})
            lake.append("marts", "t", ROWS[:1].with_columns(n=pl.lit(writer + 1, pl.Int64)), partition_by=["feed"])
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=make, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sorted(held(lake)["n"].to_list()) == [1, 2, 3, 4]
    assert DeltaTable(lake.table("marts", "t")).metadata().configuration["delta.constraints.n_positive"] == "n > 0"


def test_appends_side_by_side_all_stay(lake: Lake) -> None:
    def write(writer: int) -> None:
        for n in range(5):
            lake.append("control", "t", pl.DataFrame({"writer": [writer], "n": [n]}))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = held(lake, "control").sort("writer", "n").rows()
    assert found == [(writer, n) for writer in range(4) for n in range(5)]


def test_of_two_replacements_the_loser_looks_again(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.append("control", "t", ROWS, partition_by=["feed"])
    real = commits.commit_files
    rivals = iter([pl.DataFrame({"feed": ["a"], "n": [50], "text": ["rival"]})])

    def after_a_rival(*arguments: Any, **named: Any) -> int:
        for rival in rivals:
            replace_where(lake, "control", "t", rival, {"feed": "a", "text": "x"}, ["feed"])
        return real(*arguments, **named)

    monkeypatch.setattr(commits, "commit_files", after_a_rival)
    change = pl.DataFrame({"feed": ["a"], "n": [10], "text": ["x"]})
    replace_where(lake, "control", "t", change, {"feed": "a", "text": "x"}, ["feed"])
    assert sorted(held(lake, "control")["n"].to_list()) == [2, 3, 10, 50]


def test_a_transaction_is_committed_once_by_two_who_saw_the_same_table(lake: Lake) -> None:
    create_table(lake, "marts", "t", delta_schema(ROWS))
    first, second = lake.open("marts", "t"), lake.open("marts", "t")
    assert first is not None and second is not None
    one, other = (put_file(lake, "marts", "t", {}, encode(ROWS), ROWS.height) for _ in range(2))
    commit_files(lake, first, [one], transactions={"batch": 1})
    with pytest.raises(CommitFailedError):
        commit_files(lake, second, [other], transactions={"batch": 1})
    assert same_rows(held(lake), ROWS)
    discard(lake, "marts", "t", [other])
    assert files_on_disk(lake) == {one.path}


def test_a_conflict_is_tried_again_and_a_fault_is_not() -> None:
    told = iter([CommitFailedError("rival"), CommitFailedError("rival")])

    def action() -> int:
        for error in told:
            raise error
        return 7

    assert retried(action, what="t") == 7
    calls: list[int] = []

    def broken() -> None:
        calls.append(1)
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        retried(broken, what="t")
    assert calls == [1]


def test_who_never_wins_gives_up_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(commits.time, "sleep", pauses.append)

    def action() -> None:
        raise CommitFailedError("rival")

    with pytest.raises(LakeBusy, match="marts/t: 60 attempts"):
        retried(action, what="marts/t")
    assert len(pauses) == 60 and max(pauses) <= 2.0


# Faults around a commit


@pytest.mark.parametrize("write", ["replace", "replace_where", "append"])
def test_a_commit_whose_flush_failed_keeps_its_files(lake: Lake, monkeypatch: pytest.MonkeyPatch, write: str) -> None:
    lake.append("control", "t", ROWS, partition_by=[] if write == "replace" else ["feed"])
    change = ROWS.filter(pl.col("feed") == "a").with_columns(n=pl.col("n") + 100)

    def failing(uri: str, versions: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(commits, "sync_log", failing)
    with pytest.raises(OSError, match="Input/output"):
        if write == "replace":
            lake.replace("control", "t", change)
        elif write == "append":
            lake.append("control", "t", change, partition_by=["feed"])
        else:
            replace_where(lake, "control", "t", change, {"feed": "a"}, ["feed"])
    monkeypatch.undo()
    assert {101, 102} <= set(held(lake, "control")["n"].to_list())


def test_a_file_that_cannot_be_written_leaves_table_and_folder_as_they_were(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake.replace("marts", "t", ROWS)
    before, version = files_on_disk(lake), lake.version("marts", "t")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ingestion.lake.sync.os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        lake.replace("marts", "t", ROWS[:1])
    monkeypatch.undo()
    assert (files_on_disk(lake), lake.version("marts", "t")) == (before, version)
    assert not list(Path(lake.uri).rglob("*.part"))


def test_a_damaged_table_is_mended_by_a_replacement(lake: Lake) -> None:
    lake.replace("marts", "t", ROWS)
    for name in files_on_disk(lake):
        Path(lake.table("marts", "t"), name).unlink()
    lake.replace("marts", "t", ROWS)
    assert same_rows(held(lake), ROWS)


def test_a_file_is_read_back_without_its_partition(lake: Lake) -> None:
    lake.append("control", "t", ROWS, partition_by=["feed"])
    table = lake.open("control", "t")
    assert table is not None
    files = sorted(data_files(table), key=lambda file: file.path)
    assert [(dict(file.partition), file.rows) for file in files] == [({"feed": "a"}, 2), ({"feed": "b"}, 1)]
    assert read_file(lake, "control", "t", files[0]).columns == ["n", "text"]
    assert read_file(lake, "control", "t", files[0], ["n"])["n"].to_list() == [1, 2]


def test_credentials_are_in_no_representation() -> None:
    lake = Lake("s3://bucket/lake", {"aws_secret_access_key": "very-secret", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"})
    assert "very-secret" not in repr(lake)
    assert lake.options["aws_conditional_put"] == "etag" and lake.options["aws_allow_http"] == "true"
    assert Lake("s3://b/l", {"AWS_CONDITIONAL_PUT": "dynamo"}).options == {"AWS_CONDITIONAL_PUT": "dynamo"}
    assert Lake("somewhere").options == {}
