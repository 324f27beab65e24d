"""Objects of the lake, on a folder and through deltalake's own storage (which is how an S3 lake is reached)."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from ingestion.lake import Lake, sync
from ingestion.lake.maintenance import clear_old_scratch, lake_tables, maintain_table
from ingestion.lake.sync import BUFFER_BYTES, LakeUnreachable, delete_folder, delete_object, list_folders, list_objects


@pytest.fixture(params=["folder", "store"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Lake:
    """`store`: a URI, so every byte goes through the storage interface and none through this machine's files."""
    (tmp_path / "lake").mkdir()
    return Lake(str(tmp_path / "lake") if request.param == "folder" else f"file://{tmp_path / 'lake'}")


@pytest.fixture
def store(tmp_path: Path) -> Lake:
    (tmp_path / "lake").mkdir()
    return Lake(f"file://{tmp_path / 'lake'}")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sync.time, "sleep", lambda seconds: None)


@pytest.mark.parametrize("size", [0, 1, BUFFER_BYTES, 3 * BUFFER_BYTES + 17])
def test_what_is_put_is_got(lake: Lake, size: int) -> None:
    content = os.urandom(size)
    lake.put("quarantine/polri.a/1.age", content)
    assert lake.get("quarantine/polri.a/1.age") == content
    lake.put("quarantine/polri.a/1.age", b"replaced")
    assert lake.get("quarantine/polri.a/1.age") == b"replaced"


def test_an_absent_object_is_said_to_be_absent_and_deleting_it_is_no_error(lake: Lake) -> None:
    with pytest.raises(FileNotFoundError):
        lake.get("quarantine/none")
    delete_object(lake, "quarantine/none")
    assert list_objects(lake, "scratch") == []
    assert list_folders(lake, "scratch") == []


def test_objects_are_listed_below_a_folder_with_size_and_time(lake: Lake) -> None:
    lake.put("scratch/a/1", b"xx")
    lake.put("scratch/b/c/2", b"yyy")
    lake.put("elsewhere/3", b"z")
    found = list_objects(lake, "scratch")
    assert [(each.path, each.size) for each in found] == [("scratch/a/1", 2), ("scratch/b/c/2", 3)]
    assert all(abs(dt.datetime.now(dt.UTC) - each.modified) < dt.timedelta(minutes=5) for each in found)
    assert list_folders(lake, "scratch") == ["a", "b"]
    delete_object(lake, "scratch/a/1")
    assert [each.path for each in list_objects(lake, "scratch")] == ["scratch/b/c/2"]


def test_a_folder_is_emptied(lake: Lake) -> None:
    lake.put("scratch/a/1", b"x")
    delete_folder(lake, "scratch/a")
    delete_folder(lake, "scratch/none")
    assert list_objects(lake, "scratch/a") == []


def test_a_table_is_written_maintained_and_read(lake: Lake) -> None:
    for number in range(12):
        lake.append("control", "log", pl.DataFrame({"feed": ["a"], "n": [number]}), partition_by=["feed"])
    assert lake_tables(lake) == [("control", "log")]
    later = dt.datetime.now(dt.UTC) + dt.timedelta(days=60)
    outcome = maintain_table(lake, "control", "log", now=later)
    assert (outcome.files_before, outcome.files_after, outcome.rows) == (12, 1, 12)
    assert outcome.log_entries_expired == (13 if lake.is_local else 14)  # a store's table has a checkpoint already
    assert sorted(lake.read("control", "log").collect()["n"]) == list(range(12))
    lake.put("scratch/a/1", b"x")
    assert clear_old_scratch(lake, now=later) == 1


@pytest.mark.parametrize("error", [OSError("the connection broke"), CommitFailedError("met itself as a rival")])
@pytest.mark.parametrize("is_stored", [True, False])
def test_a_commit_whose_answer_is_lost_stands_once(
    store: Lake, monkeypatch: pytest.MonkeyPatch, impatient: None, error: Exception, is_stored: bool
) -> None:
    """An object store may have stored what it never confirmed: what the commit names must then stay."""
    store.replace("aggregates", "counts", pl.DataFrame({"n": [1]}))
    real, left = DeltaTable.create_write_transaction, [error]

    def write(table: DeltaTable, *given: Any, **named: Any) -> None:
        if left and not is_stored:
            raise left.pop()
        real(table, *given, **named)
        if left:
            raise left.pop()

    monkeypatch.setattr(DeltaTable, "create_write_transaction", write)
    before = store.version("aggregates", "counts")
    assert before is not None
    assert store.replace("aggregates", "counts", pl.DataFrame({"n": [2, 3]})) == before + 1
    assert left == []
    assert sorted(store.read("aggregates", "counts").collect()["n"]) == [2, 3]


def test_what_a_store_does_not_answer_is_asked_again_and_then_told(
    store: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, impatient: None
) -> None:
    store.append("control", "log", pl.DataFrame({"n": [1]}))
    asked: list[int] = []

    def broken(*given: Any, **named: Any) -> None:
        asked.append(1)
        raise OSError("Generic S3 error\n  error sending request\n  invalid peer certificate\n")

    monkeypatch.setattr("deltalake.DeltaTable", broken)
    with pytest.raises(LakeUnreachable, match=r"control/log: the lake file.*invalid peer certificate.*check the AWS"):
        store.version("control", "log")
    assert len(asked) == sync.TRIES
    asked.clear()
    with pytest.raises(OSError, match="Generic S3 error"):
        Lake(str(tmp_path / "lake")).version("control", "log")
    assert len(asked) == 1
