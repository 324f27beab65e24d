"""The narratives of one batch: terms and tally for the lake, redacted text and a sample for the officer alone.

Texts are read chunk by chunk in the memory of the landing task; what a frame hands on is terms, and redacted text that
the walk seals. A narrative that cannot be read is named by its row, so that the row goes to quarantine.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ingestion.minimise.columns import REDACTED, TERMS, TEXT
from ingestion.minimise.narratives import NarrativeTally, Processed, Redactor, letter_case
from ingestion.minimise.policy import NARRATIVE_ACTIONS

if TYPE_CHECKING:
    from ingestion.contract import Column, Contract
    from ingestion.minimise.pseudonyms import KeyRing

SAMPLED = 5  # narratives a batch, column and letter case
_BLOCK = "\n"


def narrative_columns(contract: Contract) -> tuple[Column, ...]:
    """Columns of free text of which something is kept, in the contract's order."""
    return tuple(column for column in contract.columns if column.action in NARRATIVE_ACTIONS)


def redactor_of(models: Path) -> Redactor:
    """The home's redactor: with the trained name model where `models` holds one, else by rules alone. Two processes,
    except where this one may have no children."""
    from multiprocessing import current_process

    from ingestion.minimise.recognizers import FILE_NAME, model_in

    processes = 1 if current_process().daemon else 2
    return Redactor(model_in(models), processes=processes, model_path=models / FILE_NAME)


@dataclass
class SampleDraw:
    """At most SAMPLED narratives of each column and letter case, by the smallest keyed digests of batch, column and
    position: the same ones whenever the batch lands. Protected narratives are not drawn from."""

    feed: str
    batch_id: str
    keys: KeyRing
    sizes: Counter[tuple[str, str]] = field(default_factory=Counter)
    _drawn: dict[tuple[str, str], list[tuple[int, str, str, Processed]]] = field(default_factory=dict)

    def add(self, column: str, positions: list[int], texts: list[str], found: list[Processed | None]) -> None:
        """Offer narratives of one column."""
        digester = self.keys.digester(self.feed, "sample", len(positions))
        lots = digester.hexadecimal(f"{self.batch_id}|{column}|{position}" for position in positions)
        for lot, text, result in zip(lots, texts, found, strict=True):
            if result is None or result.is_protected:
                continue
            stratum = (column, letter_case(text))
            self.sizes[stratum] += 1
            drawn = self._drawn.setdefault(stratum, [])
            # A heap of the largest: negated.
            offer = (-int(lot, 16), lot, text, result)
            if len(drawn) < SAMPLED:
                heapq.heappush(drawn, offer)
            elif offer[0] > drawn[0][0]:
                heapq.heapreplace(drawn, offer)

    def lines(self) -> Iterator[dict[str, Any]]:
        """One mapping a sample: id, feed, column, batch_id, letter_case, stratum_size (narratives of that case that
        could be drawn), original, spans ([type, start, end, score, rule]), redacted."""
        for (column, case), drawn in sorted(self._drawn.items(), key=lambda item: item[0]):
            for _, lot, text, result in sorted(drawn, key=lambda one: one[1]):
                yield {
                    "id": lot,
                    "feed": self.feed,
                    "column": column,
                    "batch_id": self.batch_id,
                    "letter_case": case,
                    "stratum_size": self.sizes[column, case],
                    "original": text,
                    "spans": [list(span) for span in result.spans],
                    "redacted": result.text,
                }


@dataclass
class NarrativeReading:
    """What is read of the narratives of one batch. `sensitive`: categories whose narratives are protected whatever
    their text says."""

    contract: Contract
    batch_id: str
    redactor: Redactor
    keys: KeyRing
    sensitive: frozenset[str] = frozenset()
    tallies: dict[str, NarrativeTally] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.columns = narrative_columns(self.contract)
        self.tallies = {column.name: NarrativeTally() for column in self.columns}
        self.samples = SampleDraw(self.contract.feed, self.batch_id, self.keys)

    def read(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """(rows with terms, `narrative_redacted` and TEXT columns instead of the narratives; `_row` of the refused).

        Where one narrative of a row is protected, nothing of its others is kept either.
        """
        read = [self._column(column, rows) for column in self.columns]
        rows = rows.drop(column.name for column in self.columns)
        if not read:
            return rows, rows.select("_row").clear()
        height = range(rows.height)
        refused = pl.Series([any(one[at] is _REFUSED for one in read) for at in height], dtype=pl.Boolean)
        shut = [any(isinstance(one[at], Processed) and one[at].is_protected for one in read) for at in height]
        kept: list[list[Any]] = [
            [None if shut[at] or not isinstance(one[at], Processed) else one[at] for at in height] for one in read
        ]
        made = [
            pl.Series(name, [_joined(one[at] for one in kept) for at in height], dtype=pl.String)
            for name, _joined in zip(TERMS, (_modus, _places, _objects), strict=True)
        ]
        redacted = [one for column, one in zip(self.columns, kept, strict=True) if column.action == "redact"]
        texts = [_BLOCK.join(str(one[at].text) for one in redacted if one[at]) or None for at in height]
        made.append(pl.Series(REDACTED, texts, dtype=pl.String))
        made += [
            pl.Series(TEXT + column.name, [result.text if result else None for result in one], dtype=pl.String)
            for column, one in zip(self.columns, kept, strict=True)
            if column.action == "extract"
        ]
        return rows.with_columns(made).filter(~refused), rows.filter(refused).select("_row")

    def frames(self) -> tuple[pl.DataFrame, pl.DataFrame]:
        """What was read (column, action, found_by, narratives, touched, protected, refused) and what was found (column,
        entity_type, rule, score_from, count), one row a column and finding. Counts only."""
        counts = ("narratives", "touched", "protected", "refused")
        read = pl.DataFrame(
            {
                "column": [column.name for column in self.columns],
                "action": [column.action for column in self.columns],
                "found_by": [self.redactor.found_by] * len(self.columns),
                **{name: [getattr(self.tallies[column.name], name) for column in self.columns] for name in counts},
            }
        )
        found = [
            self.tallies[column.name].frame().with_columns(pl.lit(column.name).alias("column"))
            for column in self.columns
        ]
        return read, pl.concat(found)

    def _column(self, column: Column, rows: pl.DataFrame) -> list[Any]:
        """One entry a row: Processed, None where there is no text, _REFUSED where it could not be read."""
        name, tally = column.name, self.tallies[column.name]
        if name not in rows.columns:
            return [None] * rows.height
        told = rows[name].str.strip_chars().fill_null("") != ""
        at = told.arg_true().to_list()
        texts, positions = rows[name].filter(told).to_list(), rows["_row"].filter(told).to_list()
        closed = rows["category"].is_in(sorted(self.sensitive)).to_list() if self.sensitive else [False] * rows.height
        results: list[Any] = [None] * rows.height
        begin = 0
        for chunk, counted in self.redactor.process(texts):
            end = begin + len(chunk)
            tally.update(counted)
            here = [self._closed(result, closed[at[begin + n]], tally) for n, result in enumerate(chunk)]
            self.samples.add(name, positions[begin:end], texts[begin:end], here)
            for n, result in enumerate(here):
                results[at[begin + n]] = _REFUSED if result is None else _without_spans(result)
            begin = end
        return results

    def _closed(self, result: Processed | None, is_closed: bool, tally: NarrativeTally) -> Processed | None:
        if result is None or result.is_protected or not is_closed:
            return result
        tally.protected += 1
        return Processed(None, (), (), (), (), True)


_REFUSED = object()


def _without_spans(result: Processed) -> Processed:
    return Processed(result.text, (), result.modus, result.places, result.objects, result.is_protected)


def _modus(found: Iterator[Processed | None]) -> str | None:
    return _terms(result.modus for result in found if result)


def _places(found: Iterator[Processed | None]) -> str | None:
    return _terms(result.places for result in found if result)


def _objects(found: Iterator[Processed | None]) -> str | None:
    return _terms(result.objects for result in found if result)


def _terms(found: Iterator[tuple[str, ...]]) -> str | None:
    return ";".join(sorted({term for terms in found for term in terms})) or None
