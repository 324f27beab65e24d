"""Keys that live as long as a day may still be corrected, and what is made under them: tokens of plates.

One secret for each feed and city-local event day, two files of mode 0600 in `keys/days/<feed>`: `<day>.key` makes the
tokens, `<day>.age-key` opens originals and quarantine of that day. Once its lateness window is over a day's key is
destroyed and never made again: what comes later lands without a token, and nothing sealed under it opens.
"""

from __future__ import annotations

import datetime as dt
import os
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from ingestion.minimise.pseudonyms import Digester, KeyRing, derived
from ingestion.sealing import create_private, recipient_of

if TYPE_CHECKING:
    from ingestion.contract import Column, Contract

LATENESS = dt.timedelta(hours=72)  # after the end of an event's local day
FOLDER = "days"
CLOSED = "closed"  # last day whose key was destroyed: no key of it or of a day before is ever made again


def linked_plate(contract: Contract) -> Column | None:
    """The column of plates whose tokens a staging model counts, null where the contract names none."""
    for column in contract.columns:
        if column.action == "pseudonymise" and column.options.get("about") == "plate" and "links" in column.options:
            return column
    return None


def last_closed(today: dt.date) -> dt.date:
    """The last event day whose lateness window is over when the local day `today` begins."""
    return today - LATENESS - dt.timedelta(days=1)


@dataclass(frozen=True)
class DayKeys:
    """The keys of one feed's days, in `folder`; `uses` counts every use with those of the home's other keys."""

    folder: Path
    feed: str
    uses: Counter[tuple[str, str, str]] = field(default_factory=Counter, repr=False, compare=False)

    @classmethod
    def of(cls, keys: KeyRing, feed: str) -> DayKeys:
        """Those of a feed in the home's ring."""
        return cls(keys.folder / FOLDER / feed, feed, keys.uses)

    def is_open(self, day: dt.date, today: dt.date) -> bool:
        """Whether a day may still have a key."""
        return day > max(last_closed(today), self._closed())

    def digester(self, purpose: str, day: dt.date, today: dt.date, values: int) -> Digester | None:
        """HMAC-SHA-256 under a key of feed, purpose and day, made on first use; null once the day is closed."""
        if not self.is_open(day, today):
            return None
        path = self.folder / f"{day.isoformat()}.key"
        if not path.exists():
            self._make_folder()
            create_private(path, os.urandom(32).hex().encode())
        self.uses[f"{FOLDER}/{self.feed}/{path.name}", self.feed, purpose] += values
        return Digester.of_key(derived(bytes.fromhex(path.read_text().strip()), self.feed, f"plate/{purpose}"))

    def recipient(self, day: dt.date, today: dt.date) -> str | None:
        """Public part of the age key of a day, made on first use; null once the day is closed."""
        if not self.is_open(day, today):
            return None
        self.uses[f"{FOLDER}/{self.feed}/{day.isoformat()}.age-key", self.feed, "seal"] += 1
        self._make_folder()
        return recipient_of(self.folder, f"{day.isoformat()}.age-key")

    def landing_recipient(self, today: dt.date) -> str:
        """Public part of the age key under which is sealed what is set aside today: today's, or where that day was
        closed already (as-of was set back) the first day's after."""
        recipient = self.recipient(max(today, self._closed() + dt.timedelta(days=1)), today)
        assert recipient is not None, "a day behind the last closed one is open"
        return recipient

    def destroy(self, today: dt.date) -> list[dt.date]:
        """Destroy the keys of the days that are closed at `today`; returns those days. The mark of what is closed is on
        disk before a key goes, so that a crash in between brings none back."""
        last, due = last_closed(today), self.due(today)
        if not due:
            return []
        mark = self.folder / CLOSED
        part = mark.with_name(f".{CLOSED}")
        part.unlink(missing_ok=True)
        create_private(part, max(last, self._closed()).isoformat().encode())
        part.replace(mark)
        for path in due:
            self.uses[f"{FOLDER}/{self.feed}/{path.name}", self.feed, "destroy"] += 1
            path.unlink()
        _flush(self.folder)
        return sorted({_day(path) for path in due})

    def due(self, today: dt.date) -> list[Path]:
        """Files of keys whose day is closed at `today`."""
        return sorted(path for path in self._files() if _day(path) <= last_closed(today))

    def _make_folder(self) -> None:
        self.folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.folder.mkdir(mode=0o700, exist_ok=True)

    def _files(self) -> list[Path]:
        found = self.folder.iterdir() if self.folder.is_dir() else ()
        return [path for path in found if path.name.endswith((".key", ".age-key")) and not path.name.startswith(".")]

    def _closed(self) -> dt.date:
        mark = self.folder / CLOSED
        return dt.date.fromisoformat(mark.read_text().strip()) if mark.exists() else dt.date(1, 1, 1)


def plate_tokens(rows: pl.DataFrame, contract: Contract, keys: KeyRing, today: dt.date | None) -> pl.Series:
    """Tokens of the linked plates of conformed rows with `occurred_local_date`; null without a plate, of a closed day,
    where the contract links none, or without `today`. Equal plates of one feed, purpose and day are equal, no others.
    """
    column = linked_plate(contract)
    nothing = pl.repeat(None, rows.height, eager=True, dtype=pl.String)
    if column is None or today is None or column.name not in rows.columns:
        return nothing
    days = DayKeys.of(keys, contract.feed)
    plates = rows.select(
        pl.col(column.name).str.to_uppercase().str.replace_all(r"[^A-Z0-9]", "").replace("", None).alias("plate"),
        pl.col("occurred_local_date").alias("day"),
    )
    found = []
    for (day,), group in plates.drop_nulls().unique(maintain_order=True).group_by("day", maintain_order=True):
        assert isinstance(day, dt.date)
        digester = days.digester(str(column.options["links"]["model"]), day, today, group.height)
        if digester is not None:
            tokens = digester.hexadecimal(group["plate"].to_list())
            found.append(group.with_columns(pl.Series("token", tokens, dtype=pl.String)))
    if not found:
        return nothing
    return plates.join(pl.concat(found), on=["plate", "day"], how="left", maintain_order="left")["token"]


def _day(path: Path) -> dt.date:
    return dt.date.fromisoformat(path.name.split(".", 1)[0])


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
