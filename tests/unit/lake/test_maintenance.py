"""Maintenance moves rows and deletes what nobody needs: no row lost, no reader or writer disturbed."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from ingestion.lake import Lake, commit, maintenance
from ingestion.lake.commit import DataFile, commit_files, data_files, encode, put_file
from ingestion.lake.maintenance import GRACE, compact, maintain_lake, maintain_table
from ingestion.lake.writers import Writers

NOW = dt.datetime.now(dt.UTC)
DAY = 86400.0


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"))


@pytest.fixture
def writers(tmp_path: Path) -> Writers:
    return Writers(tmp_path / "writers")


@pytest.fixture
def days_ago(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[float, Callable[[], object]], None]:
    """Runs an action as if it were that many days ago: the log's own times, and the times of files it made."""

    def run(days: float, action: Callable[[], object]) -> None:
        then = time.time() - days * DAY
        before = {path for path in tmp_path.rglob("*") if path.is_file()}
        monkeypatch.setattr(commit, "time", SimpleNamespace(time=lambda: then, sleep=time.sleep))
        action()
        monkeypatch.setattr(commit, "time", time)
        for path in tmp_path.rglob("*"):
            if path.is_file() and path not in before:
                os.utime(path, (then, then))

    return run


def frame(number: int, rows: int = 3) -> pl.DataFrame:
    feed = "polri.a" if number % 2 else "polri.b"
    return pl.DataFrame({"feed": [feed] * rows, "batch": [number] * rows, "row": list(range(rows))})


def fill(lake: Lake, commits: int, first: int = 0) -> None:
    for number in range(first, first + commits):
        lake.append("control", "log", frame(number), partition_by=["feed"])


def content(lake: Lake, version: int | None = None) -> pl.DataFrame:
    return lake.read("control", "log", version).collect().sort("feed", "batch", "row").select("feed", "batch", "row")


def data_paths(lake: Lake) -> set[str]:
    root = Path(lake.table("control", "log"))
    return {path.relative_to(root).as_posix() for path in root.rglob("*.parquet") if "_delta_log" not in path.parts}


def read_seconds(lake: Lake) -> float:
    """The fastest of a few readings: what else the machine does only ever slows one down."""

    def once() -> float:
        began = time.perf_counter()
        content(lake)
        return time.perf_counter() - began

    return min(once() for _ in range(7))


def test_many_small_commits_become_one_file_a_partition_and_read_faster(lake: Lake) -> None:
    fill(lake, 100)
    before, seconds = content(lake), read_seconds(lake)
    outcome = maintain_table(lake, "control", "log", now=NOW)
    assert (outcome.files_before, outcome.files_after, outcome.rows) == (100, 2, 300)
    assert outcome.is_checkpointed
    assert content(lake).equals(before)
    assert read_seconds(lake) < seconds


def test_a_maintained_table_is_left_alone(lake: Lake) -> None:
    fill(lake, 12)
    maintain_table(lake, "control", "log", now=NOW)
    version = lake.version("control", "log")
    again = maintain_table(lake, "control", "log", now=NOW)
    assert lake.version("control", "log") == version
    assert (again.files_before, again.files_after, again.files_deleted, again.is_checkpointed) == (2, 2, 0, False)


def test_a_table_of_one_file_gets_no_version_so_that_no_release_changes(lake: Lake, days_ago) -> None:
    for value in (1, 2):
        days_ago(60, lambda value=value: lake.replace("marts", "index", pl.DataFrame({"value": [value]})))
    version = lake.version("marts", "index")
    outcome = maintain_table(lake, "marts", "index", now=NOW)
    assert outcome.files_deleted == 1
    assert lake.version("marts", "index") == version
    assert lake.read("marts", "index").collect().to_dicts() == [{"value": 2}]


def test_the_log_holds_row_counts_and_no_values(lake: Lake) -> None:
    fill(lake, 12)
    maintain_table(lake, "control", "log", now=NOW)
    log = Path(lake.table("control", "log")) / "_delta_log"
    for entry in log.glob("*.json"):
        for line in entry.read_text().splitlines():
            action = json.loads(line)
            if "add" in action:
                assert set(json.loads(action["add"]["stats"])) == {"numRecords"}
    held = pl.read_parquet(sorted(log.glob("*.checkpoint.parquet"))[-1])["add"].struct.field("stats").drop_nulls()
    assert held.len() == 2
    assert all(set(json.loads(stats)) == {"numRecords"} for stats in held)


def test_new_columns_of_a_replaced_table_put_no_values_into_the_log(lake: Lake) -> None:
    lake.replace("marts", "index", pl.DataFrame({"value": [1]}))
    lake.replace("marts", "index", pl.DataFrame({"name": ["Sepaku"]}))
    entries = "".join(path.read_text() for path in (Path(lake.table("marts", "index")) / "_delta_log").glob("*.json"))
    assert "Sepaku" not in entries
    assert lake.read("marts", "index").collect().to_dicts() == [{"name": "Sepaku"}]


def test_compaction_says_that_it_changed_no_row(lake: Lake) -> None:
    fill(lake, 4)
    version = compact(lake, "control", "log")
    entry = Path(lake.table("control", "log")) / "_delta_log" / f"{version:020d}.json"
    actions = [json.loads(line) for line in entry.read_text().splitlines()]
    moved = [action[kind] for action in actions for kind in ("add", "remove") if kind in action]
    assert len(moved) == 6
    assert not any(action["dataChange"] for action in moved)


def test_transactions_outlive_compaction_and_expired_log_entries(lake: Lake, days_ago) -> None:
    """A batch stays known by its number, so that it never lands twice."""

    def land() -> None:
        fill(lake, 15)
        commit.append_rows(lake, "control", "log", frame(99), ["feed"], {}, {"polri.a/batch": 1})

    days_ago(60, land)
    days_ago(59, lambda: maintenance.checkpoint(lake, "control", "log"))
    outcome = maintain_table(lake, "control", "log", now=NOW)
    assert outcome.log_entries_expired > 0
    table = lake.open("control", "log")
    assert table is not None and table.transaction_version("polri.a/batch") == 1


def test_a_reader_of_an_older_version_within_the_grace_goes_on(lake: Lake, days_ago) -> None:
    """Old files, merged a day ago: still readable at the version before; a week later they are gone."""
    days_ago(60, lambda: fill(lake, 20))
    before, version = content(lake), lake.version("control", "log")
    assert version is not None
    days_ago(1, lambda: compact(lake, "control", "log"))
    outcome = maintain_table(lake, "control", "log", now=NOW)
    assert outcome.files_deleted == 0
    assert content(lake, version).equals(before)


def test_what_no_version_within_the_grace_needs_is_deleted(lake: Lake, days_ago) -> None:
    days_ago(60, lambda: fill(lake, 20))
    days_ago(30, lambda: compact(lake, "control", "log"))
    before = content(lake)
    outcome = maintain_table(lake, "control", "log", now=NOW)
    assert outcome.files_deleted == 20
    assert outcome.bytes_freed > 0
    assert len(data_paths(lake)) == 2
    assert content(lake).equals(before)


def test_log_entries_expire_that_no_version_of_the_last_month_needs(lake: Lake, days_ago) -> None:
    days_ago(60, lambda: fill(lake, 60))
    days_ago(40, lambda: fill(lake, 5, first=60))
    days_ago(20, lambda: fill(lake, 40, first=65))
    before = content(lake)
    outcome = maintain_table(lake, "control", "log", now=NOW)
    assert outcome.log_entries_expired == 49  # 0 to 48: the checkpoint of 49 stands in for them
    assert content(lake).equals(before)
    assert content(lake, 65).height == 65 * 3  # the newest version of a month ago
    assert maintenance.expire_log(lake, "control", "log", now=NOW) == 0


def test_a_commit_expires_no_version_that_a_build_has_pinned(lake: Lake, days_ago) -> None:
    """A table that stood unchanged for a season, pinned, and then written past its checkpoint."""
    days_ago(90, lambda: fill(lake, 98))
    version = lake.version("control", "log")
    fill(lake, 2, first=98)
    assert content(lake, version).height == 98 * 3


def test_live_and_young_files_stay_whatever_deltalake_would_delete(
    lake: Lake, days_ago, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full vacuum has named live files beside an append (delta-rs 3645)."""
    from deltalake import DeltaTable

    days_ago(60, lambda: fill(lake, 2))
    rows = frame(50).drop("feed")
    young = put_file(lake, "control", "log", {"feed": "polri.a"}, encode(rows), rows.height)
    days_ago(60, lambda: put_file(lake, "control", "log", {"feed": "polri.a"}, encode(rows), rows.height))
    before = data_paths(lake)
    monkeypatch.setattr(DeltaTable, "vacuum", lambda table, **_: sorted(before))
    deleted = maintenance.delete_unneeded(lake, "control", "log", now=NOW)
    assert len(deleted) == 1
    assert content(lake).height == 6
    assert young.path in data_paths(lake)


def test_a_file_that_a_task_has_written_and_not_yet_committed_stays(lake: Lake, days_ago) -> None:
    fill(lake, 2)
    rows = frame(50).drop("feed")
    held: list[DataFile] = []
    held.append(put_file(lake, "control", "log", {"feed": "polri.a"}, encode(rows), rows.height))
    days_ago(8, lambda: put_file(lake, "control", "log", {"feed": "polri.a"}, encode(rows), rows.height))
    outcome = maintain_table(lake, "control", "log", now=NOW)
    assert outcome.files_deleted == 1  # the abandoned one
    table = lake.open("control", "log")
    assert table is not None
    commit_files(lake, table, held)
    assert content(lake).height == 9


def test_a_grace_no_longer_than_the_longest_task_is_refused(lake: Lake) -> None:
    fill(lake, 2)
    with pytest.raises(ValueError, match="longest task"):
        maintain_table(lake, "control", "log", now=NOW, grace=dt.timedelta(hours=4))


def test_an_append_during_compaction_survives(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where no lock is held: the append lands between what compaction read and its commit."""
    fill(lake, 10)
    ours = maintenance.commit_files

    def rivalled(*arguments: object, **named: object) -> int:
        fill(lake, 1, first=10)
        return ours(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(maintenance, "commit_files", rivalled)
    maintain_table(lake, "control", "log", now=NOW)
    assert content(lake).height == 33
    assert content(lake)["batch"].n_unique() == 11


def test_a_correction_during_compaction_wins_and_nothing_is_doubled(
    lake: Lake, writers: Writers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A writer takes a file out meanwhile: compaction gives up, says so, and leaves no file behind."""
    fill(lake, 4)
    before = data_paths(lake)
    ours = maintenance.commit_files

    def rivalled(lake: Lake, *arguments: object, **named: object) -> int:
        table = lake.open("control", "log")
        assert table is not None
        commit_files(lake, table, [], data_files(table)[:1])
        return ours(lake, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(maintenance, "commit_files", rivalled)
    outcome = maintain_lake(lake, writers, now=NOW)
    assert outcome.failed == ("control/log: CommitFailedError",)
    assert content(lake).height == 9
    assert data_paths(lake) == before


def test_a_table_with_a_writer_is_not_maintained(lake: Lake, writers: Writers) -> None:
    fill(lake, 4)
    lake.replace("marts", "index", pl.DataFrame({"value": [1]}))
    for name in ("control", "control/log"):
        with writers.writing(name):
            outcome = maintain_lake(lake, writers, now=NOW, patience=dt.timedelta(0))
        assert outcome.busy == ("control/log",)
        assert [table.table for table in outcome.tables] == ["marts/index"]
    assert len(data_paths(lake)) == 4


def test_a_busy_table_is_tried_again(lake: Lake, writers: Writers) -> None:
    fill(lake, 4)
    landing = writers.writing("control/log")
    landing.__enter__()
    outcome = maintain_lake(lake, writers, now=NOW, pause=lambda _: landing.__exit__(None, None, None))
    assert outcome.busy == ()
    assert [table.files_after for table in outcome.tables] == [2]


def test_a_writer_that_died_leaves_no_lock(lake: Lake, writers: Writers) -> None:
    code = (
        "import os, sys; from pathlib import Path; from ingestion.lake.writers import Writers\n"
        "with Writers(Path(sys.argv[1])).writing('control/log'): print('held', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(writers.folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None and writer.stdout.readline() == b"held\n"
        with writers.alone("control", "log") as is_alone:
            assert not is_alone
        writer.kill()
        writer.wait()
        with writers.alone("control", "log") as is_alone:
            assert is_alone


def test_writers_share_and_a_wrong_name_is_refused(writers: Writers) -> None:
    with writers.writing("minimised/police_record", "control"), writers.writing("minimised/camera_event", "control"):
        with writers.alone("minimised", "region") as is_alone:
            assert is_alone
        with writers.alone("control", "batch_log") as is_alone:
            assert not is_alone
    with pytest.raises(ValueError, match="kind"), writers.writing("elsewhere"):
        pass


def test_a_damaged_table_does_not_hold_up_the_others(lake: Lake, writers: Writers) -> None:
    fill(lake, 4)
    lake.append("control", "quarantine", pl.DataFrame({"rows": [1]}))
    lake.append("control", "quarantine", pl.DataFrame({"rows": [2]}))
    damaged = next(Path(lake.table("control", "quarantine")).glob("part-*.parquet"))
    damaged.write_bytes(b"no parquet")
    outcome = maintain_lake(lake, writers, now=NOW)
    assert [table.table for table in outcome.tables] == ["control/log"]
    assert len(outcome.failed) == 1 and outcome.failed[0].startswith("control/quarantine: ")


def test_files_that_do_not_hold_what_the_log_counts_are_not_merged(lake: Lake) -> None:
    fill(lake, 4)
    table = lake.open("control", "log")
    assert table is not None
    file = data_files(table)[0]
    (Path(lake.table("control", "log")) / file.path).write_bytes(encode(frame(0, rows=2).drop("feed")))
    before = data_paths(lake)
    with pytest.raises(maintenance.RowsDiffer):
        compact(lake, "control", "log")
    assert data_paths(lake) == before


def test_files_from_before_a_new_column_are_merged_with_those_after(lake: Lake) -> None:
    from deltalake import Field, Schema

    fill(lake, 2)
    table = lake.open("control", "log")
    assert table is not None
    table.alter.add_columns(
        [Field("note", Schema.from_arrow(pl.DataFrame({"note": ["x"]}).to_arrow().schema).fields[0].type)]
    )
    lake.append("control", "log", frame(2).with_columns(note=pl.lit("later")), partition_by=["feed"])
    maintain_table(lake, "control", "log", now=NOW)
    rows = lake.read("control", "log").collect()
    assert (rows.height, rows["note"].null_count()) == (9, 6)


def test_large_files_are_left_alone_and_groups_stay_within_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maintenance, "FILE_ROWS", 10)
    files = [DataFile(str(n), 1, rows, {"feed": "a"}) for n, rows in enumerate([6, 5, 4, 3, 2, 2, None, 5])]
    groups = maintenance.merge_groups([*files, DataFile("other", 1, 1, {"feed": "b"})])
    assert [[file.rows for file in group] for group in groups] == [[5, 4], [3, 2, 2]]


def test_old_scratch_is_cleared_and_young_scratch_stays(lake: Lake, writers: Writers, days_ago) -> None:
    days_ago(8, lambda: lake.put("scratch/polri.a/run-1/0.parquet", b"x"))
    lake.put("scratch/polri.a/run-2/0.parquet", b"y")
    assert maintain_lake(lake, writers, now=NOW).scratch_deleted == 1
    assert lake.get("scratch/polri.a/run-2/0.parquet") == b"y"


def test_a_lake_without_tables_is_no_error(lake: Lake, writers: Writers) -> None:
    outcome = maintain_lake(lake, writers, now=NOW)
    assert (outcome.tables, outcome.busy, outcome.failed) == ((), (), ())


@pytest.mark.soak
def test_two_thousand_commits(lake: Lake, days_ago) -> None:
    """Files and read time before and after, and every row."""
    days_ago(40, lambda: fill(lake, 2000))
    before, seconds = content(lake), read_seconds(lake)
    first = maintain_table(lake, "control", "log", now=NOW)
    after = read_seconds(lake)
    assert (first.files_before, first.files_after, first.rows) == (2000, 2, 6000)
    assert content(lake).equals(before)
    later = maintain_table(lake, "control", "log", now=NOW + 2 * GRACE)
    assert content(lake).equals(before)
    print(
        f"2000 commits: 2000 files read in {seconds * 1000:.0f} ms, 2 files in {after * 1000:.0f} ms; "
        f"{first.log_entries_expired + later.log_entries_expired} log entries expired"
    )
    assert after < seconds / 5
