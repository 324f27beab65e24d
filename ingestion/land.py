"""The walk of a batch: intent, open, conform, locate, derive, minimise, verdict, commit, outcome.

Raw rows live in the memory of this call and nowhere else; what is refused leaves it sealed. One commit a batch, known
again by its transaction number, so that a repeated, late or crashed batch ends in the same table.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

from ingestion.conform import conform
from ingestion.connectors import Delivery
from ingestion.connectors.drift import SchemaDrift, UnreadableBatch
from ingestion.connectors.quarantined import Frames, QuarantinedConnector
from ingestion.derive import MOMENT, POINT, backwards, derive, mark_repeat_locations, repeat_days
from ingestion.drops import DropRefused, doubled_drops, missing_drops
from ingestion.lake.alerts import keep_alerts
from ingestion.lake.commit import replace_where, retried
from ingestion.lake.decisions import Decision, accepted_batches
from ingestion.lake.log import REFUSED, BatchLog, FeedState, first_id
from ingestion.lake.officer import OfficerFiles, is_due, retention_of
from ingestion.lake.originals import KeptOriginal, kept_original, seal_original
from ingestion.lake.quarantine import Quarantine, forget, index
from ingestion.lake.spool import ORDINAL, Spool, clear_scratch
from ingestion.lake.tables import (
    PLACEHOLDER_POINTS,
    REDACTION,
    REDACTION_FINDINGS,
    REDACTION_NARRATIVES,
    TableRuleBroken,
    check_rows,
    columns_of,
    ensure_minimised,
    entities,
    partitions_of,
)
from ingestion.lake.upsert import (
    BatchWrite,
    Counts,
    Plan,
    apply_plan,
    batch_transaction,
    committed,
    note_of,
    plan_batch,
)
from ingestion.locate import PLACEHOLDER_LAYERS, Regions, RegionsMissing, locate
from ingestion.migrate import note_landing
from ingestion.minimise import KeyRing, Occurrences, Tally, check_policy, minimise
from ingestion.minimise.columns import TEXT
from ingestion.minimise.day_keys import LATENESS, DayKeys, linked_plate
from ingestion.minimise.policy import NARRATIVE_ACTIONS, UNPROCESSABLE
from ingestion.profile import BatchProfile, Sampler, Verdict, coded_columns
from ingestion.sealing import officer_recipient, recipient_of

if TYPE_CHECKING:
    from deltalake import DeltaTable

    from ingestion.city import City
    from ingestion.connectors import Batch, Connector
    from ingestion.connectors.source import Source
    from ingestion.contract import Contract
    from ingestion.entities import Entity
    from ingestion.lake import Lake
    from ingestion.minimise.extraction import NarrativeReading
    from ingestion.minimise.narratives import Redactor

__all__ = ["FeedOutcome", "LandingContext", "RegionsMissing", "land_feed"]

REPEAT_ROWS = 2_000_000  # rows among which repeat locations are looked for at once
Interval = tuple[dt.datetime, dt.datetime]


def _silent(message: str) -> None:
    """The default log: nobody listens."""


@dataclass(frozen=True)
class LandingContext:
    """What a landing needs of its surroundings. `judge` gives the verdict on a batch, `log` takes one line of counts.

    `as_of` is the day that the run calls today (null: the city's, else the clock's). `models` is the folder that holds
    the name model (null: models/ beside the keys). `received` is told batch and sha-256 of each sealed drop whose
    signature holds, before anything of it is committed.
    """

    lake: Lake
    city: City
    keys: KeyRing
    run_id: str
    as_of: dt.date | None
    judge: Callable[[BatchProfile], Verdict]
    log: Callable[[str], Any] = _silent
    airflow_run: str | None = None
    clock: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)
    models: Path | None = None
    received: Callable[[str, str], Any] = lambda batch_id, digest: None


@dataclass(frozen=True)
class FeedOutcome:
    """What became of a feed's batches: read = accepted + duplicate + quarantined. `reasons`: one line a batch stopped
    whole or row rule broken, without values; `batches_left` waits for the next run."""

    feed: str
    batches: int = 0
    read: int = 0
    accepted: int = 0
    duplicate: int = 0
    quarantined: int = 0
    new_versions: int = 0
    batches_left: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Landed:
    status: str
    counts: Counts
    version: int | None = None
    is_new_version: bool = False
    reason: str | None = None
    digest: str | None = None


@dataclass
class _Reading:
    """What is gathered of one batch while it streams by."""

    quarantine: Quarantine
    spool: Spool
    sampler: Sampler
    officer: OfficerFiles
    narratives: NarrativeReading | None = None
    read: int = 0
    tally: Tally = field(default_factory=Tally)
    occurrences: Occurrences = field(default_factory=Occurrences)
    unknown_codes: int = 0
    coded: Counter[tuple[str, str]] = field(default_factory=Counter)
    located: int = 0
    geocoded: int = 0
    backwards: Counter[str] = field(default_factory=Counter)
    repaired: int = 0
    placeholder_points: list[pl.DataFrame] = field(default_factory=list)
    days: set[dt.date] = field(default_factory=set)
    is_rest: bool = False


def land_feed(
    contract: Contract,
    connector: Connector,
    context: LandingContext,
    *,
    interval: Interval | None = None,
    max_batches: int = 500,
    max_seconds: float = 1500,
) -> FeedOutcome:
    """Land what is new of one feed in order, or with `interval` (UTC, end excluded) every batch whose period touches
    it, acknowledged or not, replacing what it wrote.

    A batch that is refused whole is sealed and logged, and the next one follows. Raises RegionsMissing where nothing
    can be located yet, PolicyBroken for a contract that would let personal data past, ConnectorError where the source
    cannot be asked; a batch that failed so is logged as failed and taken again by the next run.

    First come batches that were judged failed and that a person has accepted since, from where quarantine keeps them.
    """
    accepted = _accepted_first(contract, connector, context)
    landed = _FeedLanding(contract, connector, context).run(interval, max_batches, max_seconds)
    return _together(accepted, landed)


def land_quarantined(
    contract: Contract, context: LandingContext, batch_ids: Sequence[str], frames: Frames | None
) -> FeedOutcome:
    """Land what quarantine keeps of these batches, each under the id that follows its own; what is refused again is
    kept under that id. Then what was kept under the old one is deleted: a row lies in the table or in quarantine once.

    `frames` reads a whole delivery's bytes (null: the feed has none). Raises as `land_feed`; what was not landed stays.
    """
    kept = QuarantinedConnector(contract, context.lake, context.keys, batch_ids, frames)
    accepted = accepted_batches(context.lake, contract.feed)
    despite = {batch_id: accepted[first] for first, batch_id in kept.ids.items() if first in accepted}
    landing = _FeedLanding(contract, kept, context, despite)
    outcome = landing.run(None, len(batch_ids), float("inf"))
    done = landing.log.state().acknowledged
    for kept_as, batch_id in kept.ids.items():
        if batch_id in done:
            forget(context.lake, contract.feed, kept_as)
    return outcome


def _accepted_first(contract: Contract, connector: Connector, context: LandingContext) -> FeedOutcome:
    feed = contract.feed
    accepted = accepted_batches(context.lake, feed)
    if not accepted:
        return FeedOutcome(feed)
    kept = index(context.lake, feed).filter(pl.col("rule") == "verdict")["batch_id"].unique(maintain_order=True)
    waiting = [batch_id for batch_id in kept.to_list() if batch_id in accepted]
    if not waiting:
        return FeedOutcome(feed)
    from ingestion.connectors import ConnectorError

    try:
        return land_quarantined(contract, context, waiting, getattr(connector, "frames", None))
    except ConnectorError as error:
        # It stays where it is, and what is new is not held up by it.
        context.log(str(error))
        return FeedOutcome(feed, reasons=(str(error),))


def _together(first: FeedOutcome, second: FeedOutcome) -> FeedOutcome:
    names = ("batches", "read", "accepted", "duplicate", "quarantined", "new_versions", "batches_left")
    sums = {name: getattr(first, name) + getattr(second, name) for name in names}
    return FeedOutcome(second.feed, **sums, reasons=first.reasons + second.reasons)


class _FeedLanding:
    """One call of `land_feed`: the feed's parts that all of its batches share."""

    def __init__(
        self,
        contract: Contract,
        connector: Connector,
        context: LandingContext,
        accepted: Mapping[str, Decision] | None = None,
    ) -> None:
        """`accepted`: batches that land whatever the verdict, by the id they are listed under."""
        check_policy(contract)
        self.accepted = accepted or {}
        self.contract, self.connector, self.context = contract, connector, context
        self.entity: Entity = entities()[contract.entity]
        self.lake = context.lake
        self.recipient = recipient_of(context.keys.folder)
        self.officer = officer_recipient(context.keys.folder)
        self.plates = linked_plate(contract)
        self.days = DayKeys.of(context.keys, contract.feed)
        if self.plates is not None:
            # What holds plates opens no longer than they may be linked.
            self.recipient = self.days.landing_recipient(self._local_day())
        self.originals: dict[str, KeptOriginal] = {}
        self.narrative_columns = [column for column in contract.columns if column.action in NARRATIVE_ACTIONS]
        self.scratch = f"scratch/{contract.feed}"
        self.log = BatchLog(
            self.lake,
            context.keys,
            context.run_id,
            contract.feed,
            contract.entity,
            context.airflow_run,
            clock=context.clock,
        )
        self.regions: Regions | None = None

    def run(self, interval: Interval | None, max_batches: int, max_seconds: float) -> FeedOutcome:
        began = time.monotonic()
        clear_scratch(self.lake, f"{self.scratch}/{self.context.run_id}")
        state = self._close_open_intents()
        if self.plates is not None:
            self._remove_delivered(state)
        # A refused drop is not listed again, and does not stand in the way of the same drop when it comes whole.
        batches = [
            batch
            for batch in self.connector.batches(state.acknowledged - state.refused, state.position, interval)
            if batch.batch_id not in state.refused
            # The runs of one backfill share an id, and a delivery of a day touches the hours of many of them.
            and not (interval and batch.batch_id in state.done_by_run)
        ]
        closed: list[str] = []
        if self.plates is not None and interval is not None:
            kept, closed = self._kept_originals({batch.batch_id for batch in batches}, interval)
            batches = sorted([*batches, *kept], key=lambda batch: batch.position)
        if batches and self.entity.name != "region":
            self.regions = load_regions(self.lake, self.context.city, is_of_places=self.entity.name == "place")
        if batches:
            note_landing(self.lake, self.contract, run_id=self.context.run_id, now=self.context.clock())
        results: list[_Landed] = []
        try:
            for batch in batches[:max_batches]:
                if time.monotonic() - began > max_seconds:
                    break
                # Only what was landed before can be replaced: a file first met in an interval lands as any other, while
                # rows pulled for an interval (which has no position among the batches) came with other batches before.
                is_retaken = interval is not None and (not batch.position or batch.batch_id in state.acknowledged)
                results.append(self._one(batch, state, is_retaken))
                if self.plates is not None:
                    closed += self._remove(batch, results[-1])
                if results[-1].status == "failed":
                    break  # a pull goes on behind the last batch acknowledged, which must not lie behind this one
        finally:
            if "redactor" in self.__dict__:
                self.redactor.close()
            self.log.flush()
            self.context.keys.write_uses(self.context.run_id)
        if results and self.contract.server.get("sealed"):
            self._watch_sequence()
        summed = self._sum(results, len(batches))
        return replace(summed, reasons=(*summed.reasons, *closed))

    def _remove_delivered(self, state: FeedState) -> None:
        """Delete delivered copies of what landed before, which a crash between outcome and deletion left."""
        for batch in self.connector.batches(frozenset()):
            if batch.batch_id in state.acknowledged - state.refused:
                self._remove_copy(batch)

    def _remove(self, batch: Batch, landed: _Landed) -> list[str]:
        """Delete the delivered copy of a batch whose outcome is on disk; a line where that cannot be done."""
        if landed.status == "failed" or (landed.reason or "").startswith(REFUSED):
            return []
        self.log.flush()
        if batch.batch_id in self.originals or self._remove_copy(batch):
            return []
        return [f"{batch.batch_id}: its delivered copy holds plates and cannot be removed; make the inbox writable"]

    def _remove_copy(self, batch: Batch) -> bool:
        remove = getattr(self.connector, "remove", None)
        return True if remove is None else bool(remove(batch))

    def _kept_originals(self, listed: set[str], interval: Interval) -> tuple[list[Batch], list[str]]:
        """Landed batches of an interval whose only copy the lake keeps, and a line for each whose key is gone; those
        that are `listed` still lie where they were delivered."""
        batches, closed = [], []
        for batch in self.log.landed(interval):
            if batch.batch_id in listed:
                continue
            name = first_id(batch.batch_id).rsplit(".", 1)[0]
            kept = kept_original(self.lake, self.contract.feed, batch.batch_id, name, self.days.folder)
            if kept is not None and kept.is_open:
                self.originals[batch.batch_id] = kept
                batches.append(batch)
            elif first_id(batch.batch_id) == batch.batch_id:
                closed.append(
                    f"{batch.batch_id}: its original is sealed under a key that was destroyed "
                    f"{LATENESS // dt.timedelta(hours=1)} hours after its day; have the agency deliver it again"
                )
        return batches, closed

    def _one(self, batch: Batch, state: FeedState, is_retaken: bool) -> _Landed:
        self.log.intent(batch)
        try:
            landed = self._known_commit(batch, is_retaken) or self._land(batch, state, is_retaken)
        except BaseException as error:
            # The class alone: a message of another room may carry a value.
            reason = str(error) if isinstance(error, _tellable()) else type(error).__name__
            self.log.outcome(batch.batch_id, "failed", Counts(0, 0, 0, 0), batch=batch, reason=reason)
            raise
        counts = landed.counts
        if counts.read != counts.accepted + counts.duplicate + counts.quarantined:
            raise AssertionError(f"{self.contract.feed}: counts of batch {batch.batch_id} do not add up: {counts}")
        is_refused = (landed.reason or "").startswith(REFUSED)
        self.log.outcome(
            batch.batch_id,
            landed.status,
            counts,
            # What a refused drop says of its period is not proven, and nobody's freshness.
            batch=replace(batch, period_from=None, period_to=None) if is_refused else batch,
            reason=landed.reason,
            table_version=landed.version,
            digest=landed.digest,
        )
        self.context.log(
            f"{self.contract.feed}: batch {batch.batch_id} {landed.status}: read {counts.read}, accepted "
            f"{counts.accepted}, duplicate {counts.duplicate}, quarantined {counts.quarantined}"
            + (f" ({landed.reason})" if landed.reason else "")
        )
        return landed

    def _sum(self, results: list[_Landed], listed: int) -> FeedOutcome:
        return FeedOutcome(
            feed=self.contract.feed,
            batches=len(results),
            read=sum(landed.counts.read for landed in results),
            accepted=sum(landed.counts.accepted for landed in results),
            duplicate=sum(landed.counts.duplicate for landed in results),
            quarantined=sum(landed.counts.quarantined for landed in results),
            new_versions=sum(landed.is_new_version for landed in results),
            batches_left=listed - len(results),
            reasons=tuple(landed.reason for landed in results if landed.reason),
        )

    def _close_open_intents(self) -> FeedState:
        """Log the outcome of what a crash left committed but unlogged; what was not committed is simply new again."""
        state = self.log.state()
        for intent in state.open_intents:
            if intent.batch_id in state.acknowledged and intent.run_id == self.context.run_id:
                continue
            found = committed(self.lake, self.entity, self.contract.feed, intent.batch_id, intent.run_id)
            if found is not None:
                counts, version = found
                self.log.outcome(
                    intent.batch_id,
                    _status(counts),
                    counts,
                    batch=intent,
                    reason="closed after an interruption",
                    table_version=version,
                    run_id=intent.run_id,
                )
        if self.log.pending:
            self.log.flush()
            state = self.log.state()
        return state

    def _known_commit(self, batch: Batch, is_retaken: bool) -> _Landed | None:
        if is_retaken:
            return None
        found = committed(self.lake, self.entity, self.contract.feed, batch.batch_id, None)
        if found is None:
            return None
        return _Landed(_status(found[0]), found[0], found[1], reason="closed after an interruption")

    def _land(self, batch: Batch, state: FeedState, is_retaken: bool) -> _Landed:
        feed = self.contract.feed
        is_again = is_retaken or batch.batch_id in state.attempted
        quarantine = Quarantine(
            self.lake, self.recipient, feed, batch.batch_id, self.context.run_id, clock=self.context.clock
        )
        days = repeat_days(self.contract)
        spool = Spool(
            self.lake,
            f"{self.scratch}/{self.context.run_id}",
            partitions_of(self.entity),
            finish=lambda rows: self._finished(rows, batch.batch_id),
            **({"rows_per_part": REPEAT_ROWS} if days else {}),
        )
        officer = OfficerFiles(self.lake, self.officer, feed, batch.batch_id)
        reading = _Reading(
            quarantine, spool, Sampler(batch.batch_id), officer, narratives=self._narratives(batch.batch_id)
        )
        write = BatchWrite(
            feed,
            batch.batch_id,
            self.context.run_id,
            batch.position,
            bool(self.contract.key),
            is_retaken,
            "updated_at" in self.contract.mapped(),
            state.positions,
        )
        digest: str | None = None
        try:
            delivery = self._open(batch)
            digest = getattr(delivery, "digest", None)
            if digest and self.contract.server.get("sealed"):
                self.context.received(batch.batch_id, digest)
            if getattr(delivery, "is_rest", False):
                reading.is_rest = True
                reading.occurrences = Occurrences(self._landed_of(batch))
            for raw in delivery:
                self._read(raw, reading)
            # Some sources know it only once they were read.
            digest = getattr(delivery, "digest", digest)
            spool.flush()
            return self._judged(batch, reading, write, state, is_again, digest)
        except (SchemaDrift, UnreadableBatch, TableRuleBroken) as error:
            rule = {SchemaDrift: "schema_drift", UnreadableBatch: "unreadable"}.get(type(error), "table_rule")
            return self._stopped(batch, reading, is_again, rule, str(error), digest)
        except DropRefused as error:
            return self._refused(batch, reading, is_again, str(error), digest)
        finally:
            spool.close()

    def _read(self, raw: pl.DataFrame, reading: _Reading) -> None:
        """One raw frame through conform, locate, derive and minimise."""
        context = self.context
        reading.read += raw.height
        reading.tally.add(raw, self.contract)
        reading.sampler.add(raw)
        conformed = conform(raw, self.contract, context.city, as_of=context.as_of, is_rest=reading.is_rest)
        reading.quarantine.add(conformed.rejected)
        reading.repaired += conformed.repaired
        reading.unknown_codes += sum(conformed.unknown_codes.values())
        rows = conformed.rows
        if self.regions is not None:
            rows = locate(rows, self.regions, context.city, self.entity)
            rows = self._of_known_regions(rows, raw, reading)
            if self.entity.is_located:
                reading.located += rows.height
                reading.geocoded += int((rows["location_quality"] == "exact").sum())
        if self.entity.name == "place":
            reading.placeholder_points.append(_placeholder_points(rows, self.contract.feed))
        if reading.narratives is not None:
            rows, refused = reading.narratives.read(rows)
            self._set_aside(raw, refused, UNPROCESSABLE, reading)
        texts = [name for name in rows.columns if name.startswith(TEXT)]
        rows = derive(rows, self.contract, context.city, self.entity)
        reading.backwards.update(backwards(rows, self.entity))
        if self.plates is not None:
            reading.days.update(rows["occurred_local_date"].unique().to_list())
        made = minimise(
            rows,
            self.contract,
            self.entity,
            context.city,
            context.keys,
            reading.occurrences,
            carried=(ORDINAL, POINT, MOMENT, *texts),
            today=self._local_day(),
        )
        for name in texts:
            self._keep_text(made.rows, name, reading)
        for name in coded_columns(self.entity):
            counted = made.rows.group_by(name).len().drop_nulls()
            reading.coded.update({(name, str(value)): count for value, count in counted.iter_rows()})
        reading.spool.add(made.rows.drop(texts))

    def _of_known_regions(self, rows: pl.DataFrame, raw: pl.DataFrame, reading: _Reading) -> pl.DataFrame:
        """Rows whose table needs a region and that state none that the city knows go to quarantine."""
        if not any(field.name == "region_code" and field.required for field in self.entity.minimised):
            return rows
        unknown = rows.filter(pl.col("region_code").is_null()).select("_row")
        if unknown.height:
            self._set_aside(raw, unknown, "region:stated_region", reading)
            rows = rows.filter(pl.col("region_code").is_not_null())
        return rows

    def _set_aside(self, raw: pl.DataFrame, positions: pl.DataFrame, rule: str, reading: _Reading) -> None:
        """Quarantine the raw rows at these positions (`_row`), whole, under one rule."""
        if positions.height:
            rejected = raw.join(positions.cast(raw.schema["_row"]), on="_row", how="semi")
            reading.quarantine.add(rejected.with_columns(pl.lit(rule).alias("rule")))

    def _narratives(self, batch_id: str) -> NarrativeReading | None:
        """The reading of a batch's narratives, null where the contract has none of which anything is kept."""
        if not self.narrative_columns:
            return None
        from ingestion.minimise.extraction import NarrativeReading

        return NarrativeReading(
            self.contract, batch_id, self.redactor, self.context.keys, self.context.city.sensitive_categories
        )

    @cached_property
    def redactor(self) -> Redactor:
        from ingestion.minimise.extraction import redactor_of

        return redactor_of(self.context.models or self.context.keys.folder.parent / "models")

    def _keep_text(self, rows: pl.DataFrame, name: str, reading: _Reading) -> None:
        """Hand redacted text of one column to the officer's files, unless its retention is over already."""
        days = retention_of(self.contract)
        month = pl.col(self.entity.partition_by) if self.entity.partition_by else pl.lit(f"{self._today():%Y-%m}")
        told = rows.select(month.alias("month"), "record_key", pl.lit(name.removeprefix(TEXT)).alias("column"), name)
        told = told.filter(pl.col(name).is_not_null())
        due = [one for one in told["month"].unique().to_list() if is_due(one, self._today(), days)]
        reading.officer.add(told.filter(~pl.col("month").is_in(due)).iter_rows())

    def _finished(self, rows: pl.DataFrame, batch_id: str) -> pl.DataFrame:
        """Rows as their file will hold them, plus `_row`; held to the table's constraints."""
        days = repeat_days(self.contract)
        if days and POINT in rows.columns:
            rows = mark_repeat_locations(rows, days)
        rows = rows.with_columns(pl.lit(batch_id).alias("batch_id"))
        check_rows(rows, self.entity, self.contract.feed)
        return rows.select(*columns_of(self.entity), ORDINAL)

    def _judged(
        self,
        batch: Batch,
        reading: _Reading,
        write: BatchWrite,
        state: FeedState,
        is_again: bool,
        digest: str | None,
    ) -> _Landed:
        table = ensure_minimised(self.lake, self.entity)
        first = plan_batch(self.lake, table, self.entity, reading.spool, write)
        verdict = self.context.judge(self._profile(batch, reading, first.repeated, state))
        accepted = self.accepted.get(batch.batch_id)
        if not verdict.passed and accepted is None:
            reason = "; ".join(verdict.failures)
            return self._stopped(batch, reading, is_again, "verdict", reason, digest)
        despite = ""
        if accepted is not None and not verdict.passed:
            despite = f"accepted by {accepted.decided_by}: {accepted.reason}; judged: {'; '.join(verdict.failures)}"
        quarantined = reading.quarantine.close(is_again=is_again)
        if self.plates is not None:
            self._seal_original(batch, reading)
        self._close_narratives(reading, batch.batch_id, is_again)
        self._write_tally(reading, batch.batch_id, is_again)
        if reading.placeholder_points:
            # Before the commit, so that no place is in the lake whose point still passes for where things happen.
            points = pl.concat(reading.placeholder_points)
            replace_where(self.lake, "control", "placeholder_points", points, {"feed": self.contract.feed}, ["feed"])

        plan: Plan | None = first

        def attempt() -> _Landed:
            nonlocal plan, table
            if plan is None:
                table = ensure_minimised(self.lake, self.entity)
            rival = None if write.is_retaken else self._rival(table, batch, reading)
            if rival is not None:
                return rival
            if plan is None:
                plan = plan_batch(self.lake, table, self.entity, reading.spool, write)
            counts = Counts(reading.read, plan.accepted, plan.duplicate, quarantined)
            reason = "; ".join(filter(None, (despite, self._reason(reading)))) or None
            if plan.changes_nothing:
                return _Landed(_status(counts), counts, table.version(), reason=reason, digest=digest)
            try:
                version = apply_plan(self.lake, table, self.entity, reading.spool, write, plan, note_of(write, counts))
            except Exception:
                plan = None
                raise
            return _Landed(_status(counts), counts, version, True, reason, digest)

        return retried(attempt, what=f"minimised/{self.entity.name}")

    def _rival(self, table: DeltaTable, batch: Batch, reading: _Reading) -> _Landed | None:
        """What another run made of this batch since it was opened here; what both listed of it is then listed once."""
        if table.transaction_version(batch_transaction(self.contract.feed, batch.batch_id)) is None:
            return None
        found = committed(self.lake, self.entity, self.contract.feed, batch.batch_id, None)
        if found is None:
            return None
        reading.quarantine.close(is_again=True)
        self._close_narratives(reading, batch.batch_id, is_again=True)
        self._write_tally(reading, batch.batch_id, is_again=True)
        return _Landed(_status(found[0]), *found, reason="landed by another run meanwhile")

    def _reason(self, reading: _Reading) -> str | None:
        rules = reading.quarantine.broken_rules()
        counted = Counter(rule for text in rules["rule"].to_list() for rule in text.split(";"))
        told = [f"{rule}: {count} rows" for rule, count in sorted(counted.items())]
        told += [f"{name} left empty, backwards: {count} rows" for name, count in sorted(reading.backwards.items())]
        told += [f"invalid geometry repaired: {reading.repaired} rows"] if reading.repaired else []
        return "; ".join(told) or None

    def _profile(self, batch: Batch, reading: _Reading, repeated: int, state: FeedState) -> BatchProfile:
        rows = reading.read
        if reading.is_rest:
            # Shares and volumes of rows that were set aside say nothing; that none of them breaks a rule does.
            return BatchProfile(
                feed=self.contract.feed,
                batch_id=batch.batch_id,
                contract=replace(self.contract, quality=self.contract.row_rules),
                rows_read=rows,
                rejected=0,
                sample=reading.sampler.frame(),
                rejected_rules=reading.quarantine.broken_rules(),
                time_zone=self.contract.time_zone or self.context.city.time_zone,
                last_day=self._today(),
            )
        return BatchProfile(
            feed=self.contract.feed,
            batch_id=batch.batch_id,
            contract=self.contract,
            rows_read=rows,
            rejected=reading.quarantine.rows,
            null_shares={name: 1 - count / rows for name, count in reading.tally.affected.items()} if rows else {},
            unknown_codes=reading.unknown_codes,
            duplicate_share=repeated / rows if rows else None,
            geocoded_share=reading.geocoded / reading.located if reading.located else None,
            coded=reading.coded,
            history=state.comparable(batch, self.contract.time_zone or self.context.city.time_zone),
            sample=reading.sampler.frame(),
            rejected_rules=reading.quarantine.broken_rules(),
            time_zone=self.contract.time_zone or self.context.city.time_zone,
            last_day=self._today(),
        )

    def _landed_of(self, batch: Batch) -> frozenset[str]:
        """Record keys of what landed of the delivery whose rest this batch is; none where records have keys."""
        if self.contract.key or self.lake.version("minimised", self.entity.name) is None:
            return frozenset()
        rows = self.lake.read("minimised", self.entity.name)
        first = first_id(batch.batch_id)
        mine = (pl.col("batch_id") == first) | pl.col("batch_id").str.starts_with(f"{first}.r")
        rows = rows.filter((pl.col("feed") == self.contract.feed) & mine)
        return frozenset(rows.select("record_key").collect()["record_key"].to_list())

    def _local_day(self) -> dt.date:
        """The city's own day, by the one clock."""
        zone = ZoneInfo(self.context.city.time_zone)
        return self.context.as_of or self.context.city.as_of or self.context.clock().astimezone(zone).date()

    def _seal_original(self, batch: Batch, reading: _Reading) -> None:
        """Keep the delivery sealed under its first open day's key; one of closed days alone is not kept."""
        today = self._local_day()
        day = min((day for day in reading.days if self.days.is_open(day, today)), default=None)
        original = self._original(batch)
        if day is None or original is None or batch.batch_id in self.originals:
            return
        recipient = self.days.recipient(day, today)
        if recipient is not None:
            seal_original(self.lake, self.contract.feed, batch.batch_id, day.isoformat(), recipient, original)

    def _today(self) -> dt.date:
        return self.context.as_of or self.context.city.as_of or self.context.clock().date()

    def _write_tally(self, reading: _Reading, batch_id: str, is_again: bool) -> None:
        self._write_control("redaction", reading.tally.frame(self.contract), REDACTION, batch_id, is_again)

    def _close_narratives(self, reading: _Reading, batch_id: str, is_again: bool) -> None:
        """The officer's files and the tally of what was found; nothing where the contract has no narratives."""
        if reading.narratives is None:
            return
        reading.officer.close(reading.narratives.samples.lines(), is_again=is_again)
        read, found = reading.narratives.frames()
        self._write_control("redaction_narratives", read, REDACTION_NARRATIVES, batch_id, is_again)
        self._write_control("redaction_findings", found, REDACTION_FINDINGS, batch_id, is_again)

    def _write_control(
        self, name: str, frame: pl.DataFrame, schema: Mapping[str, Any], batch_id: str, is_again: bool
    ) -> None:
        """Write what a control table says of a batch, in place of what it said before."""
        frame = frame.with_columns(
            run_id=pl.lit(self.context.run_id),
            feed=pl.lit(self.contract.feed),
            batch_id=pl.lit(batch_id),
            logged_at=pl.lit(self.context.clock()).cast(pl.Datetime("us", "UTC")),
        )
        frame = frame.select(pl.col(column).cast(kind) for column, kind in schema.items())
        if is_again:
            replace_where(
                self.lake, "control", name, frame, {"feed": self.contract.feed, "batch_id": batch_id}, ["feed"]
            )
        else:
            self.lake.append("control", name, frame, partition_by=["feed"])

    def _stopped(
        self, batch: Batch, reading: _Reading, is_again: bool, rule: str, reason: str, digest: str | None
    ) -> _Landed:
        """Seal a whole batch: the file as delivered where it is one, else its rows as they can be read again."""
        reading.officer.discard()
        # A stream that broke off in between has no count: a part of it would not be the batch's rows.
        rows = 0 if rule in ("schema_drift", "unreadable") else reading.read
        original = self._original(batch)
        if original is not None:
            with original.open() as file:
                reading.quarantine.seal_file(file, rule, rows)
        else:
            reading.quarantine.seal_frames(self._readable(batch), rule)
            rows = reading.quarantine.rows
            if not rows:
                # Nothing could be sealed, so it must not be acknowledged: the source still holds it for the next run.
                return _Landed("failed", Counts(0, 0, 0, 0), reason=reason, digest=digest)
        reading.quarantine.close(is_again=is_again)
        if not rows:
            reason = f"1 file whose rows cannot be counted; {reason}"
        return _Landed("quarantined", Counts(rows, 0, 0, rows), None, reason=reason, digest=digest)

    def _refused(self, batch: Batch, reading: _Reading, is_again: bool, reason: str, digest: str | None) -> _Landed:
        """Record a drop that may not be opened and move it aside; nothing of it was anybody's rows."""
        reading.officer.discard()
        reading.quarantine.discard()
        reading.quarantine.note("refused_drop")
        reading.quarantine.close(is_again=is_again)
        set_aside = getattr(self.connector, "set_aside", None)
        if set_aside is None or not set_aside(batch):
            reason += "; it stays in the inbox, which cannot be written"
        return _Landed("quarantined", Counts(0, 0, 0, 0), None, reason=f"{REFUSED}{reason}", digest=digest)

    def _watch_sequence(self) -> None:
        state = self.log.state()
        arrived = state.acknowledged - state.refused
        for kind, causes in (("drop_missing", missing_drops(arrived)), ("drop_doubled", doubled_drops(arrived))):
            raised, closed = keep_alerts(
                self.lake, self.contract.feed, kind, causes, run_id=self.context.run_id, now=self.context.clock()
            )
            if raised or closed:
                self.context.log(f"{self.contract.feed}: {kind}: {raised} alerts raised, {closed} closed")

    def _original(self, batch: Batch) -> Source | None:
        """The delivery as it came, where it is a file."""
        if batch.batch_id in self.originals:
            return self.originals[batch.batch_id]
        original = getattr(self.connector, "original", None)
        return None if original is None else original(batch)

    def _open(self, batch: Batch) -> Delivery:
        kept = self.originals.get(batch.batch_id)
        if kept is None:
            return self.connector.open(batch)
        return Delivery(self.connector.frames(kept), None)  # type: ignore[attr-defined]

    def _readable(self, batch: Batch) -> Any:
        try:
            yield from self._open(batch)
        except (SchemaDrift, UnreadableBatch, DropRefused):
            return


def _tellable() -> tuple[type[BaseException], ...]:
    """Errors whose message is ours, and so holds no value."""
    from ingestion.connectors import ConnectorError
    from ingestion.lake.commit import LakeBusy
    from ingestion.lake.sync import LakeUnreachable

    return (ConnectorError, LakeBusy, LakeUnreachable, RegionsMissing)


def _status(counts: Counts) -> str:
    if counts.read == 0:
        return "empty"
    if counts.accepted:
        return "landed"
    if counts.duplicate:
        return "duplicate" if not counts.quarantined else "landed"
    return "quarantined"


def _placeholder_points(rows: pl.DataFrame, feed: str) -> pl.DataFrame:
    """Exact points of public buildings whose place stands in for an unknown one."""
    import shapely

    chosen = rows.filter(pl.col("layer").is_in(PLACEHOLDER_LAYERS))
    points = shapely.point_on_surface(shapely.from_wkb(chosen["geometry"].to_list()))
    return pl.DataFrame(
        {
            "feed": [feed] * chosen.height,
            "layer": chosen["layer"],
            "longitude": shapely.get_x(points).round(6),
            "latitude": shapely.get_y(points).round(6),
        },
        schema=dict(PLACEHOLDER_POINTS),
    )


def load_regions(lake: Lake, city: City, *, is_of_places: bool = False) -> Regions:
    """The city's regions from the lake, with the points that stand in for unknown places. Public places themselves lie
    where they are, also beside a station (`is_of_places`): which of them landed first must not matter.

    Raises RegionsMissing where no region has landed.
    """
    columns = ["region_code", "name", "level", "boundary_wkb"]
    if lake.version("minimised", "region") is None:
        table = pl.DataFrame(schema={**dict.fromkeys(columns[:3], pl.String), "boundary_wkb": pl.Binary})
    else:
        table = lake.read("minimised", "region").select(columns).collect()
    places = None
    if not is_of_places and lake.version("control", "placeholder_points") is not None:
        places = lake.read("control", "placeholder_points").collect()
    return Regions.from_frame(table, city, places)
