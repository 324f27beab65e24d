"""A toy entity whose rows can be written out by hand, and deliveries of it through spool, plan and commit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field, replace

import polars as pl

from ingestion.entities import Entity, Field
from ingestion.lake import Lake
from ingestion.lake.spool import ORDINAL, Spool
from ingestion.lake.tables import REVISION, columns_of, ensure_minimised, partitions_of
from ingestion.lake.upsert import BatchWrite, Counts, Plan, apply_plan, note_of, plan_batch

TOY = Entity("toy", "none", "month", (), (Field("text", "string"), Field("month", "string", required=True)))
FEED = "agency.toys"


def key_of(name: object) -> str:
    return hashlib.sha256(str(name).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Version:
    """One version of a record as an agency would send it."""

    name: str
    text: str
    revision: int | None = None

    @property
    def month(self) -> str:
        # A correction may move a record to another partition.
        return f"2026-{1 + int(key_of(self.text)[0], 16) % 3:02d}"


@dataclass
class Toys:
    """A lake of toys of one feed. Keeps the positions of what was delivered, as the batch log does."""

    lake: Lake
    has_key: bool = True
    is_dated: bool = True
    rows_per_part: int = 400_000
    memory_bytes: int = 1 << 30
    positions: dict[str, str] = field(default_factory=dict)

    def spool(self, batch: str, versions: Iterable[Version]) -> Spool:
        spool = Spool(
            self.lake,
            f"scratch/{batch}",
            partitions_of(TOY),
            rows_per_part=self.rows_per_part,
            memory_bytes=self.memory_bytes,
        )
        rows = [
            {
                "feed": FEED,
                "record_key": key_of(version.name),
                "row_digest": key_of(version.text),
                "batch_id": batch,
                "is_synthetic": True,
                "text": version.text,
                "month": version.month,
                REVISION: version.revision,
                ORDINAL: number,
            }
            for number, version in enumerate(versions, 1)
        ]
        frame = pl.DataFrame(rows, schema={**columns_of(TOY), ORDINAL: pl.Int64()})
        for start in range(0, frame.height, 3):
            spool.add(frame[start : start + 3])
        spool.flush()
        return spool

    def write(self, batch: str, *, is_retaken: bool = False) -> BatchWrite:
        order = dict(self.positions)
        return BatchWrite(FEED, batch, "run", batch, self.has_key, is_retaken, self.is_dated, order)

    def deliver(self, batch: str, versions: Iterable[Version], *, is_retaken: bool = False) -> tuple[Plan, int]:
        """Land one batch; its plan and the table's version afterwards."""
        table = ensure_minimised(self.lake, TOY)
        spool = self.spool(batch, versions)
        write = self.write(batch, is_retaken=is_retaken)
        plan = plan_batch(self.lake, table, TOY, spool, write)
        assert plan.accepted + plan.duplicate == spool.rows
        version = table.version()
        if not plan.changes_nothing:
            counts = Counts(spool.rows, plan.accepted, plan.duplicate, 0)
            version = apply_plan(self.lake, table, TOY, spool, write, plan, note_of(write, counts))
        spool.close()
        self.positions[batch] = batch
        return plan, version

    def held(self) -> list[tuple[str, str, int | None]]:
        """(record_key, text, revision) of every row, sorted; which batch wrote it is no content."""
        rows = self.lake.read("minimised", "toy").collect()
        assert rows.filter(pl.col("row_digest").is_null() | pl.col("is_synthetic").is_null()).height == 0
        found = rows.select("record_key", "text", REVISION).rows()
        return sorted(found, key=str)


def keyed(version: Version) -> tuple[str, str, int | None]:
    return key_of(version.name), version.text, version.revision


def numbered(texts: Iterable[str]) -> list[Version]:
    """Records without key: known by content and by how often the delivery has held it so far."""
    seen: dict[str, int] = {}
    made = []
    for text in texts:
        seen[text] = seen.get(text, 0) + 1
        made.append(Version(f"{text}#{seen[text]}", text))
    return made


def without_time(version: Version) -> Version:
    return replace(version, revision=None)
