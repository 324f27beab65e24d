"""Runs the command line as a user would, and keeps what must be compared later."""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion.lake import Lake

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Walked:
    """A home after a command: `summary` is its run-summary.json, `output` what the command printed, `seconds` how long
    it took, `contents` what its minimised tables held then (see `table_contents`)."""

    home: Path
    output: str
    summary: dict[str, Any]
    seconds: float
    contents: dict[str, tuple[int, int]]


NUSANTARA = ("demo", "--no-serve", "--events", "30000", "--days", "400", "--seed", "7")
# Keyed by the home's own keys, or named after the time at which a file was delivered: another home has others.
OF_THIS_HOME = ("batch_id", "record_key", "row_digest", "revision", "camera_key", "plate_token")


def telaga(home: Path, *arguments: str, timeout: int = 900, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [str(ROOT / "telaga"), *arguments],
        env={**os.environ, "TELAGA_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
    )
    if check and done.returncode != 0:
        raise AssertionError(f"telaga {' '.join(arguments)} ended {done.returncode}:\n{done.stdout[-6000:]}")
    return done


def summary_of(home: Path) -> dict[str, Any]:
    return json.loads((home / "run-summary.json").read_text())


def table_contents(home: Path, lake: Lake | None = None) -> dict[str, tuple[int, int]]:
    """Of each minimised table its rows, and a digest of them that neither order nor this home's keys move. `lake`:
    where it is not the home's own folder."""
    import polars as pl

    from ingestion.lake.maintenance import lake_tables

    lake = lake or Lake(str(home / "lake"))
    found = {}
    for kind, name in lake_tables(lake):
        if kind != "minimised":
            continue
        rows = lake.read(kind, name).collect().select(pl.exclude(*OF_THIS_HOME))
        rows = rows.select(sorted(rows.columns)).with_columns(pl.selectors.binary().hash(seed=1))
        digest = rows.select(pl.struct(pl.all()).hash(seed=1).cast(pl.Int128).sum()).item()
        found[name] = (rows.height, int(digest or 0))
    return found


def walked(home: Path, *arguments: str) -> Walked:
    """Runs a command in a home and keeps what must be compared later, before another test changes the home."""
    began = time.monotonic()
    done = telaga(home, *arguments)
    seconds = time.monotonic() - began
    return Walked(home, done.stdout, summary_of(home), seconds, table_contents(home))


def processes_of(home: Path) -> list[int]:
    """Processes whose environment names this home, whoever their parent is."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if f"TELAGA_HOME={home}\0".encode() in environment:
            found.append(int(entry.name))
    return found
