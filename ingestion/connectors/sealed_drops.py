"""The drops of one feed, wherever they lie: proven to be the agency's before they are opened, opened in memory alone.

A drop's batch id ends in its sequence number and mark, so that it is known again under any name.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ingestion.connectors import CHUNK_ROWS, Batch, ConnectorError, Delivery
from ingestion.connectors.drift import UnreadableBatch
from ingestion.connectors.formats import expand, frames_of
from ingestion.connectors.source import Source
from ingestion.drops import Drop, DropRefused, Header, id_suffix, of_id, verify
from ingestion.sealing import DROPS_KEY, SealBroken, agency_public_key, recipient_of

if TYPE_CHECKING:
    import polars as pl

    from ingestion.contract import Contract

ASIDE = ".refused"  # the folder, beside the drops, of those that were refused


class SealedDrops:
    """Holds drops to the contract's agency and to the lakehouse's key, and gives their rows."""

    def __init__(
        self, contract: Contract, places: Mapping[str, str], keys_dir: Path, chunk_rows: int = CHUNK_ROWS
    ) -> None:
        self.contract, self.places, self.keys_dir, self.chunk_rows = contract, places, keys_dir, chunk_rows
        self._taken: dict[str, str] = {}

    def remember(self, accepted: Iterable[str]) -> None:
        """Batches whose drops were accepted: these may not come again."""
        for batch_id in sorted(accepted):
            found = of_id(batch_id)
            if found:
                self._taken.setdefault(found[1], batch_id)

    def open(self, batch: Batch, source: Source) -> Delivery:
        """Verify a drop, then open it. Raises DropRefused, also while iterating."""
        drop = self._verified(source)
        found = of_id(batch.batch_id)
        if found:
            first = self._taken.setdefault(found[1], batch.batch_id)
            if first != batch.batch_id:
                raise DropRefused(f"is a repeat: drop {found[0]} was taken before as {first}")
        return Delivery(self._frames(drop), drop.digest)

    def frames(self, source: Source) -> Iterator[pl.DataFrame]:
        """Raw frames of a drop, wherever it lies. Raises DropRefused."""
        return self._frames(self._verified(source))

    def marked(self, batch: Batch, header: Header) -> Batch:
        """The batch under the id of its drop, with the period that the drop states where its name states none."""
        batch = replace(batch, batch_id=batch.batch_id + id_suffix(header))
        if batch.period_from is None and (period := self._stated(header)):
            start, end = period
            batch = replace(batch, period_from=start, period_to=end, position=f"{start.isoformat()}|{batch.location}")
        return batch

    def _verified(self, source: Source) -> Drop:
        contract = self.contract
        if not (self.keys_dir / DROPS_KEY).exists():
            raise ConnectorError(f"{contract.feed}: keys/{DROPS_KEY} is missing; make it with ./telaga keys make")
        try:
            return verify(
                source,
                agency=contract.agency,
                feed=contract.feed,
                agency_key=agency_public_key(self._agency_key()),
                recipient=recipient_of(self.keys_dir, DROPS_KEY),
                keys_dir=self.keys_dir,
            )
        except SealBroken as error:
            raise ConnectorError(f"{contract.feed}: agency_key: {error}") from None
        except OSError as error:
            raise ConnectorError(
                f"{contract.feed}: {source.name} cannot be read ({error.strerror}); check its rights"
            ) from None

    def _agency_key(self) -> Path:
        stated = expand(str(self.contract.server["agency_key"]), self.places, self.contract.feed)
        return Path(self.contract.path).parent / stated

    def _frames(self, drop: Drop) -> Iterator[pl.DataFrame]:
        rows = 0
        try:
            for frame in frames_of(drop, self.contract, self.places, self.chunk_rows):
                rows += frame.height
                yield frame
        except SealBroken as error:
            raise DropRefused(f"did not open: {error}") from None
        if drop.manifest.rows not in (None, rows):
            raise UnreadableBatch(
                f"{drop.name}: holds {rows} rows, its manifest says {drop.manifest.rows}; ask for it again"
            )

    def _stated(self, header: Header) -> tuple[dt.datetime, dt.datetime] | None:
        told = header.manifest
        if told is None or told.period_from is None or told.period_to is None:
            return None
        from zoneinfo import ZoneInfo

        zone = ZoneInfo(self.contract.time_zone or "UTC")
        moments = (dt.datetime.fromisoformat(text) for text in (told.period_from, told.period_to))
        try:
            start, end = (moment.replace(tzinfo=moment.tzinfo or zone).astimezone(dt.UTC) for moment in moments)
        except OverflowError:
            return None
        return (start, end) if start < end else None
