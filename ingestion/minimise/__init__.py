"""Minimisation: the contract's action on every column, before anything is written anywhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from ingestion.minimise.columns import TOKEN, canonical_text, minimised_columns
from ingestion.minimise.policy import PolicyBroken, check_policy
from ingestion.minimise.pseudonyms import DIGEST_BYTES, Digester, KeyRing

if TYPE_CHECKING:
    import datetime as dt

    from ingestion.city import City
    from ingestion.contract import Contract
    from ingestion.entities import Entity

__all__ = ["KeyRing", "Minimised", "Occurrences", "PolicyBroken", "Tally", "check_policy", "minimise"]

# Depends on what else came in the same delivery, so it must not make a repeated row look like a corrected one.
# A token dies with its day's key, and the row it stood in is still the same row.
_NOT_CONTENT = frozenset({"is_repeat_location", TOKEN})


@dataclass(frozen=True)
class Minimised:
    """`rows`: the entity's table without batch_id, plus `revision` and what `carried` asked for."""

    rows: pl.DataFrame


@dataclass
class Tally:
    """Per column of the contract: rows seen and values its action touched. Counts only."""

    rows: int = 0
    affected: Counter[str] = field(default_factory=Counter)

    def add(self, raw: pl.DataFrame, contract: Contract) -> None:
        """Count a raw frame (columns as delivered); an empty text is no value."""
        self.rows += raw.height
        present = [column.name for column in contract.columns if column.name in raw.columns]
        counts = raw.select(
            (
                ((pl.col(name) != "") & pl.col(name).is_not_null()).sum()
                if raw.schema[name] == pl.String
                else pl.col(name).is_not_null().sum()
            ).alias(name)
            for name in present
        )
        self.affected.update({name: int(count) for name, count in counts.row(0, named=True).items()} if present else {})

    def frame(self, contract: Contract) -> pl.DataFrame:
        """column, classification, action, entity_type, rows, affected (0 where a column is kept as it is)."""
        columns = contract.columns
        return pl.DataFrame(
            {
                "column": [column.name for column in columns],
                "classification": [column.classification for column in columns],
                "action": [column.action for column in columns],
                "entity_type": [str(column.options.get("about", "")) for column in columns],
                "rows": [self.rows] * len(columns),
                "affected": [0 if column.action == "keep" else self.affected[column.name] for column in columns],
            },
            schema={
                "column": pl.String,
                "classification": pl.String,
                "action": pl.String,
                "entity_type": pl.String,
                "rows": pl.Int64,
                "affected": pl.Int64,
            },
        )


class Occurrences:
    """Numbers equal rows of one delivery 1, 2, 3 ... over all its chunks, in 8 bytes a row.

    Rows are known by the first 64 bits of a keyed digest. Two different rows that share them (one chance in 10**7
    among a million) would only be numbered as if they were equal; they stay two rows.

    `taken`: record keys of rows of the same delivery that landed before, when the rest of it comes from quarantine.
    """

    def __init__(self, taken: frozenset[str] = frozenset()) -> None:
        self.taken = taken
        self._next: dict[bytes, int] = {}
        self._chunks: list[np.ndarray] = []
        self._repeated: dict[int, int] = {}

    def keys(self, contents: list[bytes], numbered: Callable[[bytes, int], bytes]) -> list[bytes]:
        """Digest of each content under the first number that no row of the delivery has; `numbered` makes it."""
        found = []
        for content in contents:
            number = self._next.get(content, 1)
            while (digest := numbered(content, number))[:DIGEST_BYTES].hex() in self.taken:
                number += 1
            self._next[content] = number + 1
            found.append(digest)
        return found

    def number(self, digests: np.ndarray) -> np.ndarray:
        """Occurrence number (from 1) of each digest (uint64) of the next chunk."""
        if not len(digests):
            return np.zeros(0, dtype=np.int64)
        distinct, inverse, counts = np.unique(digests, return_inverse=True, return_counts=True)
        order = np.argsort(inverse, kind="stable")
        within = np.empty(len(digests), dtype=np.int64)
        starts = np.cumsum(counts) - counts
        within[order] = np.arange(len(digests)) - np.repeat(starts, counts) + 1
        before = np.zeros(len(distinct), dtype=np.int64)
        seen = np.zeros(len(distinct), dtype=bool)
        for chunk in self._chunks:
            at = np.searchsorted(chunk, distinct)
            at[at == len(chunk)] = 0
            seen |= chunk[at] == distinct
        for place in np.flatnonzero(seen | (counts > 1)):
            digest = int(distinct[place])
            # Seen in an earlier chunk and not counted there as repeated: it occurred once.
            before[place] = self._repeated.get(digest, 1 if seen[place] else 0)
            self._repeated[digest] = int(before[place] + counts[place])
        if not seen.all():
            self._chunks.append(distinct[~seen])
        if len(self._chunks) > 16:
            self._chunks = [np.sort(np.concatenate(self._chunks))]
        return before[inverse] + within


def minimise(
    rows: pl.DataFrame,
    contract: Contract,
    entity: Entity,
    city: City,
    keys: KeyRing,
    occurrences: Occurrences,
    carried: Sequence[str] = (),
    today: dt.date | None = None,
) -> Minimised:
    """Minimised rows of one chunk of conformed, located and derived rows.

    `carried` names helper columns that the walk still needs in memory (`_row`); `today` is the city-local day, without
    which no plate has a token. Raises PolicyBroken for a contract
    whose actions are not allowed.
    """
    check_policy(contract)
    own = minimised_columns(rows, contract, entity, city, keys, today)
    record_keys, revisions = _record_keys(rows, contract, entity, keys, occurrences)
    every = [
        pl.repeat(contract.feed, rows.height, eager=True, dtype=pl.String).alias("feed"),
        record_keys.alias("record_key"),
        row_digests(own, contract.feed, keys),
        pl.repeat(contract.is_synthetic, rows.height, eager=True, dtype=pl.Boolean).alias("is_synthetic"),
    ]
    kept = [rows[name] for name in carried if name in rows.columns]
    return Minimised(pl.DataFrame([*every, *own.get_columns(), revisions.alias("revision"), *kept]))


def row_digests(own: pl.DataFrame, feed: str, keys: KeyRing) -> pl.Series:
    """`row_digest` of rows of an entity's own minimised columns, in their order."""
    texts = canonical_text(own, [name for name in own.columns if name not in _NOT_CONTENT])
    digester = keys.digester(feed, "content", own.height)
    return pl.Series("row_digest", digester.hexadecimal(texts.to_list()), dtype=pl.String)


def _record_keys(
    rows: pl.DataFrame, contract: Contract, entity: Entity, keys: KeyRing, occurrences: Occurrences
) -> tuple[pl.Series, pl.Series]:
    """(record_key, revision) of each row."""
    if not rows.height:
        return pl.Series(dtype=pl.String), pl.Series(dtype=pl.Int64)
    digester = keys.digester(contract.feed, "record", rows.height)
    nothing = pl.repeat(None, rows.height, eager=True, dtype=pl.Int64)
    if contract.key:
        digests = _table(digester.raw(value.encode() for value in rows["_key"].to_list()))
        if "updated_at" not in rows.columns:
            return _hexadecimal(digests), nothing
        # A secret shift for each record, below 2**52 microseconds (142 years), from bytes that its key does not show.
        shifts = _words(digests, DIGEST_BYTES) >> np.uint64(12)
        moments = rows["updated_at"].dt.cast_time_unit("us").to_physical()
        return _hexadecimal(digests), moments + pl.Series(shifts.astype(np.int64))
    # Without a key a record is its exact content, as mapped; equal rows of one delivery are told apart by number.
    names = [name for name in entity.conformed_names if name in rows.columns]
    contents = digester.raw(text.encode() for text in canonical_text(rows, names).to_list())
    if occurrences.taken:
        return _hexadecimal(_table(occurrences.keys(contents, partial(_numbered, digester)))), nothing
    numbers = occurrences.number(_words(_table(contents), 0))
    repeated = np.flatnonzero(numbers > 1)
    again = digester.raw(contents[place] + b"#%d" % numbers[place] for place in repeated)
    for place, digest in zip(repeated, again, strict=True):
        contents[place] = digest
    return _hexadecimal(_table(contents)), nothing


def _numbered(digester: Digester, content: bytes, number: int) -> bytes:
    return content if number == 1 else digester.raw([content + b"#%d" % number])[0]


def _table(digests: list[bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(digests), dtype=np.uint8).reshape(-1, 32)


def _words(digests: np.ndarray, start: int) -> np.ndarray:
    """Eight bytes of each digest as an unsigned number."""
    return digests[:, start : start + 8].copy().view(">u8").ravel().astype(np.uint64)


def _hexadecimal(digests: np.ndarray) -> pl.Series:
    text = digests[:, :DIGEST_BYTES].tobytes().hex()
    width = 2 * DIGEST_BYTES
    return pl.Series([text[at : at + width] for at in range(0, len(text), width)], dtype=pl.String)
