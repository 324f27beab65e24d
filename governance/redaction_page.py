"""The redaction report of a period as one page to print, without anything from elsewhere: counts, never a value.

In Bahasa Indonesia with English beside it. The same lake, floors and day give the same bytes.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from governance.entity_types import KINDS
from governance.findings import (
    FEWEST_EARLIER,
    LONGEST_AGO,
    NO_USUAL_YET,
    USUAL,
    batch_days,
    deviation,
    narrative_batches,
    narrative_findings,
    scores,
)
from governance.redaction_report import redaction_report
from governance.review import Agreement, agreement, measured, reviews

if TYPE_CHECKING:
    import polars as pl

    from governance.recall import FieldState, ModelCard
    from ingestion.contract import Contract
    from ingestion.lake import Lake

TEMPLATES = Path(__file__).with_name("templates")
MOST_BATCHES = 400
TENTHS = 10

WORDS: Mapping[str, Mapping[str, str]] = {
    "kind": KINDS,
    "action": {
        "drop": "dibuang / drop",
        "keep": "disimpan / keep",
        "generalise": "diperumum / generalise",
        "pseudonymise": "disamarkan / pseudonymise",
        "redact": "diredaksi / redact",
        "extract": "hanya istilah / extract",
    },
    "class": {
        "public": "publik / public",
        "internal": "internal",
        "personal": "pribadi umum / personal",
        "specific": "pribadi spesifik / specific",
    },
    "deviation": {
        "no_usual_yet": "belum ada yang lazim / no usual yet",
        "usual": "lazim / usual",
        "high": "▲ lebih tinggi / higher",
        "low": "▼ lebih rendah / lower",
    },
    "status": {
        "met": "✔ terpenuhi / met",
        "below": "✘ di bawah batas / below",
        "unreviewed": "belum ditinjau / unreviewed",
        "unmeasured": "belum terukur / unmeasured",
        "overdue": "✘ tinjauan terlambat / overdue",
    },
    "source": {
        "review": "tinjauan / review",
        "model_card": "kartu model, belum ditinjau / model card, unreviewed",
        "none": "belum terukur / none",
    },
    "case": {"capitals": "kapital / capitals", "lower": "kecil / lower", "mixed": "campuran / mixed"},
}


class BadPeriod(ValueError):
    """A text that is no period; the message says how one is written."""


@dataclass(frozen=True)
class Period:
    """Days from `start` to `end`, both included; `label` is how it was asked for, fit for a file's name."""

    label: str
    start: dt.date
    end: dt.date


def period_of(text: str) -> Period:
    """`2026-05`, `2026-Q2` or `2026-05-01..2026-05-15` (both days included). Raises BadPeriod."""
    try:
        if match := re.fullmatch(r"(\d{4})-(\d{2})", text):
            return Period(text, *_months(int(match[1]), int(match[2]), 1))
        if match := re.fullmatch(r"(\d{4})-Q([1-4])", text):
            return Period(text, *_months(int(match[1]), 3 * int(match[2]) - 2, 3))
        if match := re.fullmatch(r"(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})", text):
            start, end = dt.date.fromisoformat(match[1]), dt.date.fromisoformat(match[2])
            if start <= end:
                return Period(f"{start}_{end}", start, end)
    except ValueError:
        pass
    raise BadPeriod(f"{text!r} is no period; write 2026-05, 2026-Q2 or 2026-05-01..2026-05-15")


def month_before(day: dt.date) -> Period:
    """The whole month before the one that a day lies in."""
    return period_of(f"{day.replace(day=1) - dt.timedelta(days=1):%Y-%m}")


def _months(year: int, month: int, count: int) -> tuple[dt.date, dt.date]:
    after = year * 12 + month - 1 + count
    return dt.date(year, month, 1), dt.date(after // 12, after % 12 + 1, 1) - dt.timedelta(days=1)


@dataclass(frozen=True)
class RedactionReport:
    """What the page shows. Rows are mappings of names to counts, shares (percent) and names; `synthetic` is all, some
    or none of the contracts; `scores`: feed, column, (height in percent of the tallest, count) of each tenth;
    `finders`: what found in the period, with its card where one speaks for it."""

    city: str
    city_title: str
    period: Period
    as_of: dt.date
    file_name: str
    synthetic: str
    synthetic_feeds: tuple[str, ...]
    fields: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    scores: list[tuple[str, str, list[tuple[float, int]]]]
    batches: list[dict[str, Any]]
    columns: list[dict[str, Any]]
    finders: list[tuple[str, ModelCard | None]]
    states: Sequence[FieldState]
    reviewed: list[dict[str, Any]]
    agreement: Agreement
    uniqueness: list[dict[str, Any]]
    most_batches: int = MOST_BATCHES
    fewest: int = FEWEST_EARLIER

    @property
    def narratives(self) -> int:
        return sum(row["narratives"] for row in self.fields)

    @property
    def touched_percent(self) -> float | None:
        touched = sum(row["touched"] for row in self.fields)
        return 100 * touched / self.narratives if self.narratives else None

    @property
    def protected(self) -> int:
        return sum(row["protected"] for row in self.fields)

    @property
    def refused(self) -> int:
        return sum(row["refused"] for row in self.fields)

    @property
    def affected(self) -> int:
        """Values of personal or specific columns that were changed."""
        return sum(row["affected"] for row in self.columns if row["classification"] in ("personal", "specific"))

    @property
    def unusual(self) -> list[dict[str, Any]]:
        return [row for row in self.batches if row["deviation"] not in (USUAL, NO_USUAL_YET)]

    @property
    def with_refused(self) -> list[dict[str, Any]]:
        """Batches of which something was refused, and that are not unusual as well."""
        return [row for row in self.batches if row["refused"] and row["deviation"] in (USUAL, NO_USUAL_YET)]


def make_report(
    lake: Lake,
    contracts: Sequence[Contract],
    period: Period,
    *,
    city: str,
    city_title: str,
    time_zone: str,
    as_of: dt.date,
    states: Sequence[FieldState],
    cards: Sequence[ModelCard],
    file_name: str,
) -> RedactionReport:
    """Everything of a period, from the control tables.

    A batch is of the last city-local day that it tells of, `as_of` at the latest.
    """
    import polars as pl

    every = narrative_batches(lake, time_zone=time_zone, as_of=as_of)
    inside = pl.col("day").is_between(period.start, period.end)
    batches = every.filter(inside)
    found = narrative_findings(lake, time_zone=time_zone, as_of=as_of)
    fields = _against_usual(
        batches, every, period, ["feed", "column", "action", "found_by"], "touched", "touched_percent"
    )
    synthetic = tuple(sorted(contract.feed for contract in contracts if contract.is_synthetic))
    done = reviews(lake)
    columns = redaction_report(
        lake, time_zone=time_zone, start=period.start, end=period.end, days=batch_days(lake, time_zone, as_of)
    )
    return RedactionReport(
        city=city,
        city_title=city_title,
        period=period,
        as_of=as_of,
        file_name=file_name,
        synthetic="none" if not synthetic else "all" if len(synthetic) == len(contracts) else "some",
        synthetic_feeds=synthetic,
        fields=fields,
        findings=_findings(found, every, period),
        scores=_tenths(scores(lake, time_zone=time_zone, as_of=as_of).filter(inside)),
        batches=batches.sort("day", "feed", "column", "batch_id").to_dicts(),
        columns=columns.with_columns(share=100 * pl.col("affected_share")).to_dicts(),
        finders=[
            (name, next((card for card in cards if card.speaks_for(name)), None))
            for name in batches["found_by"].unique().sort().to_list()
        ],
        states=states,
        reviewed=measured(done, ["feed", "column", "letter_case", "entity_type"]).to_dicts(),
        agreement=agreement(done),
        uniqueness=_uniqueness(lake),
    )


def _against_usual(
    batches: pl.DataFrame, every: pl.DataFrame, period: Period, by: list[str], part: str, value: str
) -> list[dict[str, Any]]:
    """Sums over the period by `by`, `value` in percent of the narratives, and how it lies to batches before it."""
    import polars as pl

    sums = ["narratives", *(name for name in (part, "protected", "refused", *_BANDS) if name in batches.columns)]
    summed = batches.group_by(by).agg(pl.col(sums).sum(), batches=pl.col("batch_id").n_unique())
    whole = pl.when(pl.col("narratives") > 0).then(100 * pl.col(part) / pl.col("narratives"))
    since = period.start - dt.timedelta(days=LONGEST_AGO)
    before = every.filter(
        pl.col("day").is_between(since, period.start, closed="left"), pl.col(value).is_not_null()
    ).with_columns(middle=pl.col(value).median().over(by))
    usual = before.group_by(by).agg(
        usual=pl.col("middle").first(), spread=(pl.col(value) - pl.col("middle")).abs().median(), earlier=pl.len()
    )
    rows = []
    for row in summed.with_columns(value=whole).join(usual, on=by, how="left").sort(by).iter_rows(named=True):
        known = (row["earlier"] or 0) >= FEWEST_EARLIER and row["value"] is not None
        told = deviation(row["value"], row["usual"], row["spread"]) if known else NO_USUAL_YET
        rows.append({**row, "usual": row["usual"] if known else None, "deviation": told})
    return rows


_BANDS = ("score_low", "score_middle", "score_high")


def _findings(found: pl.DataFrame, every: pl.DataFrame, period: Period) -> list[dict[str, Any]]:
    """By type and rule; a batch in which a rule found nothing counts in the narratives, and as 0 in what is usual."""
    import polars as pl

    fields = ["feed", "column", "action", "found_by"]
    by = [*fields, "entity_type", "rule"]
    kinds = found.select(by).unique()
    filled = (
        every.select(*fields, "batch_id", "day", "narratives")
        .join(kinds, on=fields)
        .join(found.select(*by, "batch_id", "findings", *_BANDS), on=[*by, "batch_id"], how="left")
        .with_columns(pl.col("findings", *_BANDS).fill_null(0))
        .with_columns(per_100=pl.when(pl.col("narratives") > 0).then(100 * pl.col("findings") / pl.col("narratives")))
    )
    inside = filled.filter(pl.col("day").is_between(period.start, period.end))
    rows = _against_usual(inside, filled, period, by, "findings", "per_100")
    return [row for row in rows if row["findings"]]


def _tenths(lines: pl.DataFrame) -> list[tuple[str, str, list[tuple[float, int]]]]:
    import polars as pl

    told = []
    for (feed, column), part in sorted(lines.group_by(["feed", "column"]), key=lambda group: str(group[0])):
        # A tenth's lower end, which a double does not hold exactly.
        tenth = (pl.col("score_from") * TENTHS).round().cast(pl.Int64)
        counts = dict(part.group_by(tenth=tenth).agg(pl.col("count").sum()).iter_rows())
        most = max(counts.values(), default=0) or 1
        told.append(
            (
                str(feed),
                str(column),
                [(round(100 * counts.get(n, 0) / most, 1), counts.get(n, 0)) for n in range(TENTHS)],
            )
        )
    return told


def _uniqueness(lake: Lake) -> list[dict[str, Any]]:
    import polars as pl

    if lake.version("control", "uniqueness") is None:
        return []
    told = lake.read("control", "uniqueness").collect()
    last = told.filter(pl.col("as_of") == pl.col("as_of").max().over("feed", "entity"))
    return last.sort("feed", "entity").to_dicts()


def as_html(report: RedactionReport) -> str:
    """The page, complete in itself."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "whole": _whole,
        "number": _decimal,
        "percent": _percent,
        "share": partial(_decimal, digits=3),
    }
    environment.filters |= {name: partial(_word, name) for name in WORDS}
    return environment.get_template("redaction.html.j2").render(report=report)


def _word(words: str, said: str) -> str:
    return WORDS[words].get(said, said)


def _whole(value: int | None) -> str:
    return "–" if value is None else f"{value:,}".replace(",", ".")


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{_decimal(value)} %"


def _decimal(value: float | None, digits: int = 1) -> str:
    if value is None:
        return "–"
    return f"{value:,.{digits}f}".translate(str.maketrans(",.", ".,"))
