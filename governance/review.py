"""Residual-risk review: what redaction missed or took too much of, read by people in samples drawn at random.

Landing seals samples to the officer's key, drawn by feed and letter case. A reviewer opens one at a time, in memory,
and marks; a tenth, chosen by its digest, is marked a second time. Kept are positions, types and counts, never text.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from governance.entity_types import KINDS
from ingestion.lake.sync import list_objects

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl

    from governance.access_log import AccessLog
    from ingestion.lake import Lake

SAMPLES = "officer/samples"
NAME = "reviews"
LATER = dt.timedelta(days=1)  # before the same reviewer may mark a sample a second time
TWICE = 10  # one sample in so many is marked twice
PURPOSE = "residual-risk review"
NOTHING = ""  # entity type of the line that says that a sample was read, whatever was found in it


class BadMarks(ValueError):
    """Marks that do not fit their sample; the message names the sample and the mark's place, never its text."""


@dataclass(frozen=True)
class Sample:
    """One narrative as landing sealed it. `spans`: (entity type, start, end, score, rule), characters, end exclusive.

    `stratum_size` counts the narratives of its letter case in its batch, of which it was drawn.
    """

    id: str
    feed: str
    column: str
    batch_id: str
    letter_case: str
    stratum_size: int
    original: str = field(repr=False)
    spans: tuple[tuple[str, int, int, float, str], ...]
    redacted: str | None = field(repr=False)

    @property
    def is_twice(self) -> bool:
        """Whether it is one of the tenth that is marked twice."""
        return int.from_bytes(hashlib.sha256(b"twice/" + self.id.encode()).digest()[:8], "big") % TWICE == 0

    @property
    def stratum(self) -> tuple[str, str, str]:
        return self.feed, self.column, self.letter_case


@dataclass(frozen=True)
class Marks:
    """What a reviewer says of a sample: `missed` (start, end, entity type), `excessive` (places among its spans)."""

    missed: tuple[tuple[int, int, str], ...] = ()
    excessive: tuple[int, ...] = ()


def schema() -> dict[str, Any]:
    """Columns of control/reviews: a line a reading and entity type, and one of no type that says it was read.

    `found` spans of the type, `excessive` of them, `missed`; `*_at`: their positions as "start-end" joined by ";".
    `reading` is 1 or 2.
    """
    import polars as pl

    texts = ("sample_id", "feed", "column", "batch_id", "letter_case")
    return {
        **dict.fromkeys(texts, pl.String),
        "stratum_size": pl.Int64,
        "found_by": pl.String,
        "reviewer": pl.String,
        "reading": pl.Int64,
        "entity_type": pl.String,
        "found": pl.Int64,
        "excessive": pl.Int64,
        "missed": pl.Int64,
        "excessive_at": pl.String,
        "missed_at": pl.String,
        "reviewed_at": pl.Datetime("us", "UTC"),
    }


def reviews(lake: Lake) -> pl.DataFrame:
    """All lines of control/reviews, none before the first review."""
    import polars as pl

    if lake.version("control", NAME) is None:
        return pl.DataFrame(schema=schema())
    return lake.read("control", NAME).select(list(schema())).collect()


def sealed_files(lake: Lake, feed: str | None = None) -> list[str]:
    """Paths of the sealed samples, `officer/samples/<feed>/<batch>.age`, in order."""
    below = f"{SAMPLES}/{feed}" if feed else SAMPLES
    return [found.path for found in list_objects(lake, below) if found.path.endswith(".age")]


def open_samples(lake: Lake, path: str, key: Path) -> list[Sample]:
    """The samples of one sealed file, in memory. Raises ingestion.sealing.SealBroken where the key does not open it."""
    from ingestion.sealing import open_sealed

    opened = open_sealed(lake.get(path), key.parent, key.name)
    return [_sample(json.loads(line)) for line in opened.decode().splitlines() if line]


def _sample(said: Mapping[str, Any]) -> Sample:
    plain = {name: said[name] for name in ("id", "feed", "column", "batch_id", "letter_case", "original", "redacted")}
    spans = tuple(
        (str(kind), int(start), int(end), float(score), str(rule)) for kind, start, end, score, rule in said["spans"]
    )
    return Sample(**plain, stratum_size=int(said["stratum_size"]), spans=spans)


def waiting(
    samples: Iterable[Sample], done: pl.DataFrame, *, reviewer: str, now: dt.datetime
) -> list[tuple[Sample, int]]:
    """What this reviewer may mark now, as (sample, reading), in the order in which to mark it.

    First the strata (feed, field, letter case) of which fewest were read; within one by digest, which is at random.
    The second reading of a sample is another reviewer's, or the same one's a day later.
    """
    read: dict[str, list[tuple[str, dt.datetime]]] = defaultdict(list)
    counts: dict[tuple[str, str, str], int] = defaultdict(int)
    kept = done.filter(done["entity_type"] == NOTHING).sort("reviewed_at")
    for row in kept.iter_rows(named=True):
        read[row["sample_id"]].append((row["reviewer"], row["reviewed_at"]))
        counts[row["feed"], row["column"], row["letter_case"]] += row["reading"] == 1
    found = []
    for sample in samples:
        before = read[sample.id]
        if not before:
            found.append((sample, 1))
        elif sample.is_twice and len(before) == 1:
            who, when = before[0]
            if who != reviewer or now - when >= LATER:
                found.append((sample, 2))
    # In turn through the strata, so that whoever stops early has read of each.
    found.sort(key=lambda each: (each[1], _order(each[0])))
    ranked = []
    for sample, reading in found:
        ranked.append((counts[sample.stratum], _order(sample), sample, reading))
        counts[sample.stratum] += 1
    return [(sample, reading) for _, _, sample, reading in sorted(ranked, key=lambda each: each[:2])]


def _order(sample: Sample) -> str:
    return hashlib.sha256(b"order/" + sample.id.encode()).hexdigest()


def note_opening(log: AccessLog, sample: Sample, reviewer: str) -> None:
    """Write to the access log that a reviewer is about to see this sample."""
    subject = f"officer/samples {sample.feed} {sample.column} {sample.id}"
    log.record(actor=reviewer, action="review", subject=subject, purpose=PURPOSE, audience="privacy")


def record(
    lake: Lake, sample: Sample, marks: Marks, *, reviewer: str, reading: int, found_by: str, now: dt.datetime
) -> None:
    """Keep what was marked, without text, synced. Raises BadMarks where it does not fit the sample."""
    import polars as pl

    check(sample, marks)
    told = {
        "sample_id": sample.id,
        "feed": sample.feed,
        "column": sample.column,
        "batch_id": sample.batch_id,
        "letter_case": sample.letter_case,
        "stratum_size": sample.stratum_size,
        "found_by": found_by,
        "reviewer": reviewer,
        "reading": reading,
        "reviewed_at": now,
    }
    excessive = [sample.spans[place] for place in marks.excessive]
    kinds = sorted({span[0] for span in sample.spans} | {kind for _, _, kind in marks.missed})
    lines = []
    for kind in (NOTHING, *kinds):
        taken = sorted((start, end) for each, start, end, *_ in excessive if each == kind)
        left = sorted((start, end) for start, end, each in marks.missed if each == kind)
        counts = {
            "found": sum(span[0] == kind for span in sample.spans),
            "excessive": len(taken),
            "missed": len(left),
            "excessive_at": _positions(taken),
            "missed_at": _positions(left),
        }
        lines.append({**told, "entity_type": kind, **counts})
    lake.append("control", NAME, pl.DataFrame(lines, schema=schema()))


def _positions(spans: Iterable[tuple[int, int]]) -> str:
    return ";".join(f"{start}-{end}" for start, end in spans)


def check(sample: Sample, marks: Marks) -> None:
    """Raises BadMarks for a place that the sample does not have, or a missed span that was found whole."""
    for start, end, kind in marks.missed:
        if kind not in KINDS:
            raise BadMarks(f"sample {sample.id}: a missed span's type is one of {', '.join(KINDS)}")
        if not 0 <= start < end <= len(sample.original):
            raise BadMarks(
                f"sample {sample.id}: a missed span is start, end, type within the text; {start}-{end} is none"
            )
        if any(begin <= start and end <= stop for _, begin, stop, *_ in sample.spans):
            raise BadMarks(f"sample {sample.id}: {start}-{end} was found; mark what was missed alone")
    for place in marks.excessive:
        if not 0 <= place < len(sample.spans):
            raise BadMarks(f"sample {sample.id}: it has {len(sample.spans)} spans, counted from 0; {place} is none")
    if len(set(marks.excessive)) != len(marks.excessive) or len(set(marks.missed)) != len(marks.missed):
        raise BadMarks(f"sample {sample.id}: the same mark stands there twice")


def marks_of(said: Mapping[str, Any], sample: Sample) -> Marks:
    """Marks from JSON: `missed` [[start, end, type]], `excessive` [place among the spans, from 0]. Raises BadMarks."""
    try:
        missed = tuple((int(start), int(end), str(kind)) for start, end, kind in said.get("missed", ()))
        excessive = tuple(int(place) for place in said.get("excessive", ()))
    except (TypeError, ValueError):
        raise BadMarks(f"sample {sample.id}: missed is [[start, end, type]], excessive [place]") from None
    return Marks(missed, excessive)


def wilson(part: float, whole: float, z: float = 1.959964) -> tuple[float, float]:
    """95 % score interval of a share (Wilson 1927). `whole` may be an effective number; (0, 1) where it is 0."""
    if whole <= 0:
        return 0.0, 1.0
    share = min(1.0, max(0.0, part / whole))
    middle = (share + z * z / (2 * whole)) / (1 + z * z / whole)
    half = z / (1 + z * z / whole) * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole))
    return max(0.0, middle - half), min(1.0, middle + half)


def measured(done: pl.DataFrame, by: Sequence[str]) -> pl.DataFrame:
    """Recall and excess per span, weighed to the narratives that the samples were drawn of, by columns of `done`.

    `by`, `samples`, `spans` (personal data there was), `missed`, `found`, `excessive`, `recall` with `recall_lower` and
    `recall_upper`, `excess` (share of what was taken that was no personal data) with its bounds; shares are null where
    there is nothing to share by. A sample weighs as many narratives as it stands for; intervals are Wilson's at the
    effective number of spans (Kish 1965), which unequal weights make smaller. First readings alone count.
    """
    import polars as pl

    first = done.filter(pl.col("reading") == 1)
    stratum = ["feed", "column", "batch_id", "letter_case", "found_by"]
    weight = pl.col("stratum_size") / pl.col("sample_id").n_unique().over(stratum)
    lines = first.with_columns(weight=weight, true=pl.col("found") - pl.col("excessive") + pl.col("missed"))
    if "entity_type" in by:
        lines = lines.filter(pl.col("entity_type") != NOTHING)
    w, right = pl.col("weight"), pl.col("found") - pl.col("excessive")
    summed = lines.group_by(by).agg(
        samples=pl.col("sample_id").n_unique().cast(pl.Int64),
        spans=pl.col("true").sum(),
        missed=pl.col("missed").sum(),
        found=pl.col("found").sum(),
        excessive=pl.col("excessive").sum(),
        recall=(w * right).sum() / (w * pl.col("true")).sum(),
        excess=(w * pl.col("excessive")).sum() / (w * pl.col("found")).sum(),
        true_n=(w * pl.col("true")).sum() ** 2 / (w**2 * pl.col("true")).sum(),
        found_n=(w * pl.col("found")).sum() ** 2 / (w**2 * pl.col("found")).sum(),
    )
    rows = [_with_bounds(row) for row in summed.sort(by).iter_rows(named=True)]
    bounds = dict.fromkeys(
        ("recall", "recall_lower", "recall_upper", "excess", "excess_lower", "excess_upper"), pl.Float64()
    )
    counts = dict.fromkeys(("samples", "spans", "missed", "found", "excessive"), pl.Int64())
    return pl.DataFrame(rows, schema={**dict.fromkeys(by, pl.String()), **counts, **bounds})


def _with_bounds(row: dict[str, Any]) -> dict[str, Any]:
    for share, whole, number in (("recall", "spans", "true_n"), ("excess", "found", "found_n")):
        effective = row.pop(number)
        if not row[whole]:
            row |= {share: None, f"{share}_lower": None, f"{share}_upper": None}
            continue
        lower, upper = wilson(row[share] * effective, effective)
        row |= {share: round(row[share], 6), f"{share}_lower": round(lower, 6), f"{share}_upper": round(upper, 6)}
    return row


@dataclass(frozen=True)
class Agreement:
    """How far two readings of the same samples agree: `same` of `samples` have the very same marks, with a Wilson
    interval; `shared` is the share of marks that both made (Dice), None where neither made any."""

    samples: int
    same: int
    lower: float
    upper: float
    shared: float | None


def agreement(done: pl.DataFrame) -> Agreement:
    """Of all samples that were read twice."""
    import polars as pl

    marks: dict[tuple[str, int], set[tuple[str, str, str]]] = defaultdict(set)
    for row in done.sort("reviewed_at").iter_rows(named=True):
        mine = marks[row["sample_id"], row["reading"]]
        for kind in ("excessive_at", "missed_at"):
            mine |= {(kind, row["entity_type"], at) for at in (row[kind] or "").split(";") if at}
    twice = done.filter(pl.col("reading") == 2)["sample_id"].unique().to_list()
    pairs = [(marks[sample, 1], marks[sample, 2]) for sample in twice]
    same = sum(first == second for first, second in pairs)
    made = sum(len(first) + len(second) for first, second in pairs)
    both = sum(len(first & second) for first, second in pairs)
    return Agreement(len(pairs), same, *wilson(same, len(pairs)), 2 * both / made if made else None)
