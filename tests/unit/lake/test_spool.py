"""Rows on their way to the table: whole, in order, beyond the memory limit too, and gone when the batch is done."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ingestion.lake import Lake
from ingestion.lake.spool import ORDINAL, Spool

pytestmark = pytest.mark.usefixtures("unsynced")


def frame(start: int, rows: int) -> pl.DataFrame:
    numbers = range(start, start + rows)
    return pl.DataFrame({"part": [f"p{n % 2}" for n in numbers], "n": list(numbers), ORDINAL: list(numbers)})


def filled(lake: Lake, *, memory_bytes: int, rows_per_part: int = 10) -> Spool:
    spool = Spool(lake, "scratch/feed/run", ["part"], rows_per_part=rows_per_part, memory_bytes=memory_bytes)
    for start in range(0, 95, 5):
        spool.add(frame(start, 5))
    spool.add(frame(0, 0))
    spool.flush()
    return spool


@pytest.mark.parametrize("memory_bytes", [0, 2_000, 1 << 30])
def test_what_was_added_comes_back_whole_whatever_memory_there_is(tmp_path: Path, memory_bytes: int) -> None:
    spool = filled(Lake(str(tmp_path / "lake")), memory_bytes=memory_bytes)
    assert spool.rows == 95
    assert sorted(n for rows in spool.frames() for n in rows["n"].to_list()) == list(range(95))
    for part in spool.parts:
        rows = spool.read(part)
        assert rows.columns == ["n"]
        assert rows["n"].to_list() == spool.ordinals(part).to_list()
        assert {f"p{n % 2}" for n in rows["n"].to_list()} == {part.partition["part"]}
        assert rows.height == part.rows


def test_beyond_the_limit_parts_lie_in_the_lakes_own_scratch_and_nowhere_else(tmp_path: Path) -> None:
    lake = Lake(str(tmp_path / "lake"))
    spool = filled(lake, memory_bytes=2_000)
    held = [part for part in spool.parts if part.content is not None]
    spilled = [part for part in spool.parts if part.scratch is not None]
    assert held and spilled and len(held) + len(spilled) == len(spool.parts)
    assert sum(len(part.content or b"") for part in held) <= 2_000
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) == len(spilled)
    assert all(path.parent == tmp_path / "lake/scratch/feed/run" for path in files)
    spool.close()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_group_is_finished_before_it_is_encoded(tmp_path: Path) -> None:
    seen: list[int] = []

    def finish(rows: pl.DataFrame) -> pl.DataFrame:
        seen.append(rows.height)
        return rows.with_columns(pl.col("n") * 2)

    spool = Spool(Lake(str(tmp_path)), "scratch", ["part"], finish=finish, rows_per_part=10)
    for start in range(0, 24, 4):
        spool.add(frame(start, 4))
    spool.flush()
    spool.flush()
    assert seen == [12, 12]
    assert sorted(n for rows in spool.frames() for n in rows["n"].to_list()) == [2 * n for n in range(24)]


def test_a_column_of_choice_is_read_alone(tmp_path: Path) -> None:
    spool = Spool(Lake(str(tmp_path)), "scratch", [])
    spool.add(frame(0, 4))
    spool.flush()
    (part,) = spool.parts
    assert part.partition == {}
    assert spool.read(part, ["part"]).columns == ["part"]


def test_a_spool_of_nothing_gives_nothing(tmp_path: Path) -> None:
    spool = Spool(Lake(str(tmp_path)), "scratch", ["part"])
    spool.add(frame(0, 0))
    spool.flush()
    assert (spool.rows, spool.parts, list(spool.frames())) == (0, [], [])
    spool.close()
