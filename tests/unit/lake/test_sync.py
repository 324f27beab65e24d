"""What a power cut finds: every file flushed before the entry that names it, every name before anyone is told."""

from __future__ import annotations

import os
from pathlib import Path

import polars as pl
import pytest

from ingestion.lake import Lake
from ingestion.lake import commit as commits
from ingestion.lake.log import BatchLog
from ingestion.lake.sync import delete_object, get_object, make_folder, put_object, write_synced
from ingestion.lake.upsert import committed
from ingestion.minimise import KeyRing
from tests.support.toys import FEED, TOY, Toys, Version

ROWS = pl.DataFrame({"feed": ["a", "b"], "n": [1, 2]})


@pytest.fixture
def flushed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Paths in the order in which they are flushed."""
    seen: list[str] = []

    def fsync(descriptor: int) -> None:
        seen.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))

    monkeypatch.setattr(os, "fsync", fsync)
    return seen


def names(seen: list[str], root: Path) -> list[str]:
    return [path.removeprefix(str(root)).lstrip("/") for path in seen]


def test_a_file_is_flushed_then_named_then_its_folder_is_flushed(tmp_path: Path, flushed: list[str]) -> None:
    write_synced(tmp_path / "one" / "two" / "file", b"content")
    seen = names(flushed, tmp_path)
    # Each new folder's name first, then the content under its unfinished name, then the name that counts.
    assert seen[:2] == ["", "one"]
    assert seen[2].startswith("one/two/.file.") and seen[2].endswith(".part")
    assert seen[3:] == ["one/two"]
    assert (tmp_path / "one/two/file").read_bytes() == b"content"


def test_a_file_that_could_not_be_flushed_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_synced(tmp_path / "file", b"old")

    def fails(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(OSError, match="No space"):
        write_synced(tmp_path / "file", b"new")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


def test_folders_that_are_there_are_not_flushed_again(tmp_path: Path, flushed: list[str]) -> None:
    make_folder(tmp_path / "a" / "b")
    assert names(flushed, tmp_path) == ["", "a"]
    flushed.clear()
    make_folder(tmp_path / "a" / "b")
    assert flushed == []


def test_a_commit_flushes_data_then_its_entry_then_the_log(tmp_path: Path, flushed: list[str]) -> None:
    lake = Lake(str(tmp_path / "lake"))
    lake.append("control", "t", ROWS, partition_by=["feed"])
    flushed.clear()
    version = lake.append("control", "t", ROWS, partition_by=["feed"])
    seen = names(flushed, tmp_path / "lake/control/t")
    entry = f"_delta_log/{version:020d}.json"
    data = [at for at, name in enumerate(seen) if name.endswith(".part")]
    folders = [at for at, name in enumerate(seen) if name in ("feed=a", "feed=b")]
    assert len(data) == len(folders) == 2
    assert max(data + folders) < seen.index(entry) < len(seen) - 1
    assert seen[-1] == "_delta_log"


def test_a_new_table_is_flushed_from_its_first_entry(tmp_path: Path, flushed: list[str]) -> None:
    lake = Lake(str(tmp_path / "lake"))
    lake.replace("marts", "t", ROWS)
    seen = names(flushed, tmp_path / "lake/marts/t")
    assert "_delta_log/00000000000000000000.json" in seen
    assert "_delta_log/00000000000000000001.json" in seen
    assert str(tmp_path / "lake") in flushed and str(tmp_path) in flushed


def test_a_checkpoint_is_flushed_with_the_entry_that_made_it(
    tmp_path: Path, flushed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(commits.PROPERTIES, "delta.checkpointInterval", "3")
    lake = Lake(str(tmp_path / "lake"))
    for _ in range(4):
        lake.append("control", "t", ROWS)
    log = tmp_path / "lake/control/t/_delta_log"
    checkpoints = sorted(log.glob("*.checkpoint.parquet"))
    assert checkpoints, "no checkpoint was written"
    assert {str(path) for path in checkpoints} <= set(flushed)
    assert str(log / "_last_checkpoint") in flushed


def test_what_a_rival_left_for_a_moment_beside_an_entry_is_no_fault(tmp_path: Path, flushed: list[str]) -> None:
    lake = Lake(str(tmp_path / "lake"))
    version = lake.append("control", "t", ROWS)
    assert version is not None
    log = tmp_path / "lake/control/t/_delta_log"
    # Listed, but gone when it is opened.
    (log / f"{version + 1:020d}.json#1").symlink_to(log / "gone")
    assert lake.append("control", "t", ROWS) == version + 1
    assert str(log / f"{version + 1:020d}.json") in flushed


def test_new_columns_are_flushed_too(tmp_path: Path, flushed: list[str]) -> None:
    lake = Lake(str(tmp_path / "lake"))
    lake.replace("marts", "t", ROWS)
    flushed.clear()
    lake.replace("marts", "t", ROWS.with_columns(more=pl.lit(1)))
    table = lake.open("marts", "t")
    assert table is not None
    seen = names(flushed, tmp_path / "lake/marts/t")
    live = [uri.rsplit("/", 1)[1] for uri in table.file_uris()]
    entry = f"_delta_log/{table.version():020d}.json"
    assert all(seen.index(name) < seen.index(entry) for name in live)


def test_a_commit_that_a_crash_left_unflushed_is_flushed_before_it_is_acknowledged(
    tmp_path: Path, flushed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    toys = Toys(Lake(str(tmp_path / "lake")))
    toys.deliver("0", [Version("z", "z", 1)])

    def killed(uri: str, versions: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(commits, "sync_log", killed)
        with pytest.raises(KeyboardInterrupt):
            toys.deliver("1", [Version("a", "a", 1)])
    flushed.clear()
    found = committed(toys.lake, TOY, FEED, "1", None)
    assert found is not None
    entry = f"_delta_log/{found[1]:020d}.json"
    assert names(flushed, tmp_path / "lake/minimised/toy") == [entry, "_delta_log"]


def test_an_intent_is_on_disk_before_its_batch_is_opened(tmp_path: Path, flushed: list[str]) -> None:
    from ingestion.connectors import Batch

    lake = Lake(str(tmp_path / "lake"))
    log = BatchLog(lake, KeyRing(tmp_path / "keys"), "run", "a.b", "toy", None)
    log.intent(Batch("a.b", "batch", "1", None, None, "file", None))
    assert log.pending == []
    seen = names(flushed, tmp_path / "lake/control/batch_log")
    assert any(name.startswith("feed=a.b/.part-") for name in seen)
    assert seen[-2:] == ["_delta_log/00000000000000000001.json", "_delta_log"]


def test_objects_are_stored_read_and_deleted(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    assert put_object(lake, "quarantine/a/b.age", b"x") == f"{tmp_path}/lake/quarantine/a/b.age"
    put_object(lake, "quarantine/a/b.age", b"y")
    assert get_object(lake, "quarantine/a/b.age") == b"y"
    delete_object(lake, "quarantine/a/b.age")
    delete_object(lake, "quarantine/a/b.age")
    with pytest.raises(FileNotFoundError):
        get_object(lake, "quarantine/a/b.age")
