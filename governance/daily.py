"""What `govern_data` does once a day, and what it does not do yet: both stand in its outcome."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from governance.access_log import AccessLog
from governance.chained_log import ChainedLog
from governance.records import processing_record
from governance.redaction_report import redaction_report
from governance.retention import RetentionOutcome, enforce_retention
from governance.transparency import make_checkpoint
from governance.uniqueness import keep_uniqueness
from ingestion.lake.officer import expire, retention_of

if TYPE_CHECKING:
    from governance.signed_note import Signer
    from ingestion.contract import Contract
    from ingestion.lake import Lake

DONE = (
    "rows past their contract's retention taken out of the minimised tables",
    "record of processing derived from the contracts (control/processing_record)",
    "redaction report counted from the landings' tallies (control/redaction_report)",
    "redacted narratives and samples past their retention deleted",
    "keys of plates destroyed with their day's lateness window, their tokens taken out of every version of the table",
    "share of minimised rows that stand alone by category, place and hour (control/uniqueness)",
    "each erasure written to the hash-chained access log before it is made",
    "each log verified, and a checkpoint of it signed",
)
NOT_DONE = (
    "residual-risk review: people read the samples (./telaga review)",
    "cosignature of the checkpoints by a witness: an act of the oversight, with its own key",
)


class Closed(Protocol):
    """What came to its end in one feed: days whose keys were destroyed, tokens of plates taken out."""

    @property
    def days(self) -> tuple[dt.date, ...]: ...

    @property
    def tokens(self) -> int: ...


@dataclass(frozen=True)
class GovernOutcome:
    """`rows_erased` in all, `erased_feeds` those that lost rows; `undated_feeds` have no day to judge by.
    `texts_deleted` are files of the officer's. `checkpoints` name the logs that were signed."""

    rows_erased: int
    erased_feeds: tuple[str, ...]
    undated_feeds: tuple[str, ...]
    feeds_recorded: int
    report_lines: int
    texts_deleted: int
    plate_tokens_cleared: int
    plate_days_closed: int
    checkpoints: tuple[str, ...]
    done: tuple[str, ...]
    not_done: tuple[str, ...]


def govern(
    lake: Lake,
    contracts: Sequence[Contract],
    *,
    as_of: dt.date,
    time_zone: str,
    access_log: AccessLog,
    actor: str,
    signed_logs: Sequence[tuple[ChainedLog, Signer]] = (),
    close_plates: Callable[..., Sequence[Closed]] | None = None,
    now: dt.datetime | None = None,
) -> GovernOutcome:
    """Retention at `as_of` (city-local), the record of processing, the redaction report, a checkpoint of each log.

    `close_plates` ends the days of plates that are over, calling its keyword `announce` (feed, last day) before
    anything goes. `now` (UTC, null: the clock) is what samples for a review age by. Repeats change nothing. Raises
    governance.chained_log.BrokenLog, after all else is done, for a log that was changed.
    """

    def announce(contract: Contract, before: dt.date) -> None:
        access_log.record(
            actor=actor,
            action="erase",
            subject=f"minimised/{contract.entity} {contract.feed} before {before.isoformat()}",
            purpose="retention",
        )

    retention: RetentionOutcome = enforce_retention(lake, contracts, as_of=as_of, announce=announce)
    moment = now or dt.datetime.now(dt.UTC)
    texts = sum(_expire_texts(lake, contract, as_of, moment, access_log, actor) for contract in contracts)
    closed: Sequence[Closed] = ()
    if close_plates is not None:

        def announce_plates(feed: str, last: dt.date) -> None:
            access_log.record(
                actor=actor,
                action="erase",
                subject=f"plates of {feed} to {last.isoformat()}: tokens and keys",
                purpose="lateness window",
            )

        closed = close_plates(announce=announce_plates)
    keep_uniqueness(lake, contracts, as_of=as_of)
    emptied = [erasure for erasure in retention.erased if erasure.rows]
    records = processing_record(contracts)
    if records.height:
        lake.replace("control", "processing_record", records)
    report = redaction_report(lake, time_zone=time_zone)
    if report.height:
        lake.replace("control", "redaction_report", report)
    written = [(log, signer) for log, signer in signed_logs if log.path.exists()]
    for log, signer in written:
        make_checkpoint(log, signer)
    return GovernOutcome(
        rows_erased=retention.rows,
        erased_feeds=tuple(erasure.feed for erasure in emptied),
        undated_feeds=retention.undated,
        feeds_recorded=records.height,
        report_lines=report.height,
        texts_deleted=texts,
        plate_tokens_cleared=sum(one.tokens for one in closed),
        plate_days_closed=sum(len(one.days) for one in closed),
        checkpoints=tuple(signer.name for _, signer in written),
        done=DONE,
        not_done=(*retention.not_done, *NOT_DONE),
    )


def _expire_texts(
    lake: Lake, contract: Contract, as_of: dt.date, now: dt.datetime, access_log: AccessLog, actor: str
) -> int:
    def announce() -> None:
        subject = f"officer's texts of {contract.feed} past {retention_of(contract)} days"
        access_log.record(actor=actor, action="erase", subject=subject, purpose="retention")

    return len(expire(lake, contract.feed, retention_of(contract), as_of=as_of, now=now, announce=announce))
