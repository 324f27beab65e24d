"""What was delivered, and what became of each row if the reader does its work: the truth that tests compare with."""

from __future__ import annotations

import gzip
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

LABEL = "SINTETIS"
ZONE = ZoneInfo("Asia/Makassar")


@dataclass(frozen=True)
class Expected:
    """A delivery and what a reader of the contract does with it: read = accepted + duplicate + quarantined.

    `quarantined` counts rows by the reason planted (our words, not the reader's rule names); `whole` names the reason
    where the whole batch must stop. `file` is relative to the simulation folder.
    """

    feed: str
    file: str
    read: int
    accepted: int
    duplicate: int
    quarantined: Mapping[str, int]
    whole: str | None = None

    def row(self) -> dict[str, object]:
        return {
            "label": LABEL,
            "feed": self.feed,
            "file": self.file,
            "read": self.read,
            "accepted": self.accepted,
            "duplicate": self.duplicate,
            "quarantined": sum(self.quarantined.values()),
            "reasons": {reason: count for reason, count in sorted(self.quarantined.items()) if count},
            "whole": self.whole,
        }


@dataclass
class Ledger:
    """Collects deliveries, planted duplicates and personal values while the agencies deliver."""

    root: Path
    deliveries: list[Expected] = field(default_factory=list)
    personal: list[pl.DataFrame] = field(default_factory=list)
    duplicates: list[pl.DataFrame] = field(default_factory=list)

    def note(self, expected: Expected) -> None:
        total = expected.accepted + expected.duplicate + sum(expected.quarantined.values())
        if total != expected.read:
            raise ValueError(f"{expected.file}: the counts of the delivery do not add up; the simulator is at fault")
        self.deliveries.append(expected)

    def note_personal(
        self,
        feed: str,
        column: str,
        kind: str | pl.Series,
        keys: pl.Series,
        values: pl.Series,
        start: pl.Series | None = None,
        end: pl.Series | None = None,
    ) -> None:
        """Personal values by row key; `start` and `end` are characters within a narrative (end excluded)."""
        nothing = pl.Series([None] * len(values), dtype=pl.Int32)
        frame = pl.DataFrame(
            {
                "feed": pl.Series([feed] * len(values), dtype=pl.String),
                "column": pl.Series([column] * len(values), dtype=pl.String),
                "type": kind if isinstance(kind, pl.Series) else pl.Series([kind] * len(values), dtype=pl.String),
                "key": keys.cast(pl.String),
                "value": values.cast(pl.String),
                "start": nothing if start is None else start.cast(pl.Int32),
                "end": nothing if end is None else end.cast(pl.Int32),
            }
        )
        self.personal.append(frame.filter(pl.col("value").is_not_null()))

    def note_duplicates(self, feed: str, file: str, keys: pl.Series) -> None:
        self.duplicates.append(
            pl.DataFrame(
                {
                    "feed": pl.Series([feed] * len(keys), dtype=pl.String),
                    "file": pl.Series([file] * len(keys), dtype=pl.String),
                    "key": keys.cast(pl.String),
                }
            )
        )


def deliver(root: Path, file: str, content: bytes, delivered: date, hour: int = 6) -> None:
    """Writes a file of the inbox whole or not at all, dated as if an agency had delivered it then (local time)."""
    path = root / file
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}")
    unfinished.write_bytes(content)
    _date(unfinished, delivered, hour)
    unfinished.replace(path)


def redate(path: Path, delivered: date, hour: int = 6) -> None:
    """Dates a file that another library wrote."""
    _date(path, delivered, hour)


def _date(path: Path, delivered: date, hour: int) -> None:
    # A reader may know a file by its time of change: the same simulation must give the same one.
    moment = datetime(delivered.year, delivered.month, delivered.day, hour, tzinfo=ZONE).timestamp()
    os.utime(path, (moment, moment))


def csv_bytes(frame: pl.DataFrame, *, separator: str = ",", encoding: str = "utf-8", bom: bool = False) -> bytes:
    text = frame.write_csv(separator=separator, null_value="", quote_char='"')
    return (b"\xef\xbb\xbf" if bom else b"") + text.encode(encoding)


def gzip_bytes(content: bytes) -> bytes:
    return gzip.compress(content, compresslevel=5, mtime=0)


def zstd_bytes(content: bytes) -> bytes:
    import pyarrow

    return bytes(pyarrow.compress(content, codec="zstd", asbytes=True))


def scatter(rng: np.random.Generator, size: int, shares: Mapping[str, float]) -> dict[str, np.ndarray]:
    """Disjoint random rows of a delivery for each planted fault, by share of the rows (rounded at random)."""
    order = rng.permutation(size)
    found, start = {}, 0
    for name, share in shares.items():
        count = min(int(share * size + rng.random()), size - start) if share else 0
        found[name] = np.sort(order[start : start + count])
        start += count
    return found
