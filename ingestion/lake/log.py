"""The batch log: what was meant to be landed (intent) and what became of it (outcome). An outcome acknowledges."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

from ingestion.lake.tables import BATCH_LOG

if TYPE_CHECKING:
    from ingestion.connectors import Batch
    from ingestion.lake import Lake
    from ingestion.lake.upsert import Counts
    from ingestion.minimise.pseudonyms import KeyRing

NAME = "batch_log"
# A batch with one of these needs nothing more; a failed one is tried again.
FINAL = frozenset({"landed", "quarantined", "empty", "duplicate"})
POSITION = "position"
# How the reason of a drop begins that was not the agency's or did not open: it may still come, whole, under its name.
REFUSED = "drop refused: "
_AGAIN = re.compile(r"\.r[0-9a-f]{8}$")


def next_id(batch_id: str, run_id: str) -> str:
    """The id under which is landed what a run left of a batch in quarantine: the same for the same leaving alone, so
    that a replay which was cut is known again, and one after a later leaving is another."""
    mark = hashlib.sha256(f"{batch_id}|{run_id}".encode()).hexdigest()[:8]
    return f"{first_id(batch_id)}.r{mark}"


def first_id(batch_id: str) -> str:
    """The id under which the delivery was first met."""
    return _AGAIN.sub("", batch_id)


@dataclass(frozen=True)
class OpenIntent:
    """A batch that a run meant to land and whose outcome is not in the log, with what the intent said of it."""

    run_id: str
    batch_id: str
    position: str
    period_from: dt.datetime | None
    period_to: dt.datetime | None


@dataclass(frozen=True)
class PastBatch:
    """A batch that landed: its rows, and what makes another comparable with it. A backfill of a source that cuts its
    own batches has no position among them."""

    rows: int
    period_from: dt.datetime | None
    period_to: dt.datetime | None
    is_backfill: bool


@dataclass(frozen=True)
class FeedState:
    """What the log knows of a feed: batches that need nothing more, where a pull goes on, positions by batch,
    batches that were ever begun, intents without outcome, batches that earlier runs landed, oldest first, those among
    the acknowledged that were refused as drops, and those that this very run has ended already."""

    acknowledged: frozenset[str]
    position: str | None
    positions: Mapping[str, str]
    attempted: frozenset[str]
    open_intents: tuple[OpenIntent, ...]
    past: tuple[PastBatch, ...]
    refused: frozenset[str] = frozenset()
    done_by_run: frozenset[str] = frozenset()

    def comparable(self, batch: Batch, zone: str) -> tuple[int, ...]:
        """Rows of the landed batches that this one may be compared with, oldest first: like with like, so backfills
        apart, periods of a like length, and of days those of the same weekday in `zone`."""
        kind = _kind(batch.period_from, batch.period_to, zone)
        return tuple(
            past.rows
            for past in self.past
            if past.is_backfill == (not batch.position) and _kind(past.period_from, past.period_to, zone) == kind
        )


def _kind(start: dt.datetime | None, end: dt.datetime | None, zone: str) -> tuple[str, int]:
    if start is None or end is None:
        return ("unknown", 0)
    hours = (end - start).total_seconds() / 3600
    if 18 <= hours <= 30:
        return ("day", start.astimezone(ZoneInfo(zone)).weekday())
    # A month is one with 28 days or 31; weeks, months, quarters and years lie apart.
    return ("span", round(math.log(max(hours, 1), 4)))


@dataclass
class BatchLog:
    """The log of one run's landing of one feed. Entries are written together: an outcome with the next intent, so that
    a batch costs one commit. What a crash keeps from the log, the table's own commit still tells."""

    lake: Lake
    keys: KeyRing
    run_id: str
    feed: str
    entity: str
    airflow_run: str | None
    clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    pending: list[dict[str, Any]] = field(default_factory=list)

    def state(self) -> FeedState:
        """Read what the log knows of the feed. Raises ValueError where positions were hidden under another key."""
        if self.lake.version("control", NAME) is None:
            return FeedState(frozenset(), None, {}, frozenset(), (), ())
        rows = self.lake.read("control", NAME).filter(pl.col("feed") == self.feed).collect().sort("logged_at")
        outcomes = rows.filter((pl.col("event") == "outcome") & pl.col("status").is_in(list(FINAL)))
        # A position may hold a record number of the agency (where a pull goes on), so it is hidden in the table.
        positions = {
            batch: self.keys.reveal(hidden, self.feed, POSITION)
            for batch, hidden in outcomes.select("batch_id", "position").iter_rows()
            if hidden is not None
        }
        # Not by which was logged last: a clock may have been set back between the two.
        told = ["run_id", "batch_id"]
        intents = rows.filter(pl.col("event") == "intent").unique(told, keep="last", maintain_order=True)
        unclosed = intents.join(rows.filter(pl.col("event") == "outcome"), on=told, how="anti", maintain_order="left")
        return FeedState(
            acknowledged=frozenset(outcomes["batch_id"].to_list()),
            position=max(positions.values(), default=None) or None,
            positions=positions,
            attempted=frozenset(rows["batch_id"].to_list()),
            open_intents=tuple(
                OpenIntent(run_id, batch_id, self.keys.reveal(position, self.feed, POSITION), start, end)
                for run_id, batch_id, position, start, end in unclosed.select(
                    *told, "position", "period_from", "period_to"
                ).iter_rows()
            ),
            past=self._past(outcomes),
            refused=frozenset(outcomes.filter(pl.col("reason").str.starts_with(REFUSED))["batch_id"].to_list()),
            done_by_run=frozenset(outcomes.filter(pl.col("run_id") == self.run_id)["batch_id"].to_list()),
        )

    def _past(self, outcomes: pl.DataFrame) -> tuple[PastBatch, ...]:
        # What came out of quarantine is no delivery that a later one could be compared with; one taken again is one.
        landed = outcomes.filter((pl.col("status") == "landed") & ~pl.col("batch_id").str.contains(_AGAIN.pattern))
        # What this very run has landed is left out: a run that was cut and goes on then judges as one that was not.
        landed = landed.filter(pl.col("run_id") != self.run_id).unique("batch_id", keep="first", maintain_order=True)
        backfilled = self.keys.hide("", self.feed, POSITION)
        return tuple(
            PastBatch(rows, start, end, position == backfilled)
            for rows, start, end, position in landed.select("read", "period_from", "period_to", "position").iter_rows()
        )

    def landed(self, interval: tuple[dt.datetime, dt.datetime]) -> list[Batch]:
        """Batches of the feed that landed and whose period touches the interval (UTC, end excluded), as last logged."""
        from ingestion.connectors import Batch

        if self.lake.version("control", NAME) is None:
            return []
        rows = self.lake.read("control", NAME).filter(
            (pl.col("feed") == self.feed)
            & (pl.col("event") == "outcome")
            & (pl.col("status") == "landed")
            & (pl.col("period_from") < interval[1])
            & (pl.col("period_to") > interval[0])
        )
        last = rows.collect().sort("logged_at").unique("batch_id", keep="last", maintain_order=True)
        return [
            Batch(self.feed, batch_id, self.keys.reveal(position, self.feed, POSITION), start, end, batch_id, None)
            for batch_id, position, start, end in last.select(
                "batch_id", "position", "period_from", "period_to"
            ).iter_rows()
        ]

    def intent(self, batch: Batch) -> None:
        """Say that a batch is about to be opened; on disk when this returns, with what was pending."""
        self._add(batch.batch_id, "intent", batch=batch)
        self.flush()

    def outcome(
        self,
        batch_id: str,
        status: str,
        counts: Counts,
        *,
        batch: Batch | OpenIntent | None = None,
        reason: str | None = None,
        table_version: int | None = None,
        digest: str | None = None,
        run_id: str | None = None,
    ) -> None:
        """Say what became of a batch. Written with the next intent or `flush`. `run_id`: of the run that landed it."""
        self._add(
            batch_id,
            "outcome",
            batch=batch,
            status=status,
            read=counts.read,
            accepted=counts.accepted,
            duplicate=counts.duplicate,
            quarantined=counts.quarantined,
            reason=reason,
            table_version=table_version,
            digest=digest,
            **({"run_id": run_id} if run_id else {}),
        )

    def flush(self) -> None:
        """Write what is pending, synced."""
        if not self.pending:
            return
        frame = pl.DataFrame(self.pending, schema=dict(BATCH_LOG))
        self.lake.append("control", NAME, frame, partition_by=["feed"])
        self.pending.clear()

    def _add(self, batch_id: str, event: str, *, batch: Batch | OpenIntent | None, **values: Any) -> None:
        entry: dict[str, Any] = dict.fromkeys(BATCH_LOG)
        entry.update(
            run_id=self.run_id,
            feed=self.feed,
            entity=self.entity,
            batch_id=batch_id,
            event=event,
            logged_at=self.clock(),
            airflow_run=self.airflow_run,
        )
        if batch is not None:
            entry.update(
                position=self.keys.hide(batch.position, self.feed, POSITION),
                period_from=batch.period_from,
                period_to=batch.period_to,
            )
        self.pending.append(entry | values)
