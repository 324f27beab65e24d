"""Files of a size that no memory should follow: huge ones, bombs, one endless record. Each lands, or is stopped whole,
in a process of its own whose peak memory is bounded.

A tenth of the size runs by default, all of it under the `soak` marker.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from tests.support.landing import CALL_HEADER, CALLS, House, accept, call, call_feed

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
SOAK = [pytest.mark.soak, pytest.mark.timeout(3600)]
GB = 1 << 30
SIZES = pytest.mark.parametrize("size", [GB // 10, pytest.param(GB, marks=SOAK)])
BLOCK = 100_000
# What the libraries take before a row is read, and a chunk of rows in every step of the walk.
MOST_GB = 1.6


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "home").with_regions()
    yield made
    shutil.rmtree(made.root)


def landed(house: House) -> dict[str, Any]:
    """Land the calls in another process; its counts, reasons and peak memory in GB."""
    documents = house.root / "documents.json"
    documents.write_text(json.dumps(house.documents, default=str))
    done = subprocess.run(
        [sys.executable, "-m", "tests.integration.test_large_files", str(house.root)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def rows(first: int) -> pl.DataFrame:
    """A block of good calls whose numbers go on from `first`."""
    good = dict(zip(CALL_HEADER.split(","), call(0).split(","), strict=True))
    frame = pl.DataFrame({name: pl.repeat(text, BLOCK, eager=True) for name, text in good.items()})
    return frame.with_columns(pl.int_range(first, first + BLOCK, eager=True).cast(pl.String).alias("number"))


def as_csv(frame: pl.DataFrame, is_first: bool) -> bytes:
    return frame.write_csv(include_header=is_first).encode()


def as_lines(frame: pl.DataFrame, is_first: bool) -> bytes:
    return frame.write_ndjson().encode()


def write(path: Path, size: int, content: Callable[[pl.DataFrame, bool], bytes], opener: Callable[..., Any]) -> int:
    """Write at least `size` bytes of rows (before compression); returns how many rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = made = 0
    with opener(path, "wb") as file:
        while written < size:
            written += file.write(content(rows(made), not made))
            made += BLOCK
    return made


@SIZES
@pytest.mark.parametrize("kind", ["csv", "jsonl.gz"])
def test_a_huge_file_lands_in_bounded_memory(house: House, size: int, kind: str) -> None:
    path = house.root / f"inbox/calls/c_2026-05-01.{kind}"
    if kind == "csv":
        count = write(path, size, as_csv, open)
    else:
        house.documents[CALLS] = call_feed(format={"kind": "jsonl", "compression": "gzip"})
        count = write(path, size, as_lines, partial(gzip.open, compresslevel=1))
    told = landed(house)
    assert (told["read"], told["accepted"], told["quarantined"]) == (count, count, 0)
    assert told["peak_gb"] < MOST_GB
    assert house.lake.read("minimised", "emergency_call").select(pl.len()).collect().item() == count


@SIZES
@pytest.mark.parametrize(("kind", "compression"), [("csv", "gzip"), ("csv", "zstd"), ("jsonl", "zstd")])
def test_a_bomb_stops_its_batch_in_bounded_memory(house: House, size: int, kind: str, compression: str) -> None:
    """Blank lines, records that are mostly spaces: what shrinks over a thousand times, and holds ten times the size."""
    house.documents[CALLS] = call_feed(format={"kind": kind, "compression": compression})
    good = rows(0).head(1)
    piece = b"\n" * (1 << 20) if kind == "csv" else as_lines(good, False).replace(b"}", b" " * (1 << 20) + b"}")
    bomb = house.root / "inbox/calls/c_2026-05-01.packed"
    bomb.parent.mkdir(parents=True)
    with pa.OSFile(str(bomb), "wb") as file, pa.CompressedOutputStream(file, compression) as stream:
        stream.write(as_csv(good, True) if kind == "csv" else as_lines(good, True))
        for _ in range(10 * size // (1 << 20)):
            stream.write(piece)
    assert bomb.stat().st_size < size / 50
    told = landed(house)
    assert (told["read"], told["accepted"]) == (0, 0)
    assert "refused as a bomb" in told["reasons"][0]
    assert told["peak_gb"] < MOST_GB
    assert house.quarantine(CALLS)["rule"].to_list() == ["unreadable"]


@SIZES
def test_a_record_without_end_stops_its_batch_in_bounded_memory(house: House, size: int) -> None:
    path = house.root / "inbox/calls/c_2026-05-01.csv"
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.write(f'{CALL_HEADER}\n1,"'.encode())
        for _ in range(size // (1 << 20)):
            file.write(b"x" * (1 << 20))
    told = landed(house)
    assert "an open quote or no line ends" in told["reasons"][0]
    assert told["peak_gb"] < MOST_GB


def main(root: Path) -> None:
    """Land the calls of a house in this process."""
    house = House(root)
    house.documents = json.loads((root / "documents.json").read_text())
    outcome = house.land(CALLS, judge=accept)
    status = Path("/proc/self/status").read_text().splitlines()
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
    told = {"read": outcome.read, "accepted": outcome.accepted, "quarantined": outcome.quarantined}
    print(json.dumps({**told, "reasons": list(outcome.reasons), "peak_gb": peak / 2**20}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
