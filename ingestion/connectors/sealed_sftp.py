"""Sealed drops on an SFTP server."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ingestion.connectors import CHUNK_ROWS, Batch, Delivery, Interval
from ingestion.connectors.resumed import Broken
from ingestion.connectors.sealed_drops import ASIDE, SealedDrops
from ingestion.connectors.sftp import SftpConnector
from ingestion.connectors.source import Source
from ingestion.drops import LONGEST_LINE, DropRefused, read_header

if TYPE_CHECKING:
    import paramiko
    import polars as pl

    from ingestion.contract import Contract


class SealedSftpConnector(SftpConnector):
    """As an SFTP server's files, but each is a drop (see ingestion.drops)."""

    def __init__(
        self,
        contract: Contract,
        credentials: Mapping[str, str],
        places: Mapping[str, str],
        keys_dir: Path,
        chunk_rows: int = CHUNK_ROWS,
    ) -> None:
        super().__init__(contract, credentials, places, chunk_rows)
        self._drops = SealedDrops(contract, places, keys_dir, chunk_rows)

    def batches(
        self, acknowledged: frozenset[str], position: str | None = None, interval: Interval | None = None
    ) -> list[Batch]:
        """As the server's files. `acknowledged` are the batches whose drops were accepted: they may not come again."""
        self._drops.remember(acknowledged)
        return super().batches(acknowledged, position, interval)

    def open(self, batch: Batch) -> Delivery:
        """Verify a drop, then open it. Raises DropRefused, also while iterating."""
        return self._drops.open(batch, self.file(batch))

    def frames(self, source: Source) -> Iterator[pl.DataFrame]:
        """Raw frames of a drop, wherever it lies. Raises DropRefused."""
        return self._drops.frames(source)

    def set_aside(self, batch: Batch) -> bool:
        """Move a refused drop out of the way, as evidence; false where the server does not let us."""
        aside = self.root / ASIDE
        try:
            with self.session() as client:
                with contextlib.suppress(OSError):  # it is there already, else the renaming fails
                    client.mkdir(str(aside))
                client.rename(str(self.root / batch.location), str(aside / batch.batch_id))
        except (OSError, Broken):
            return False
        return True

    def _listed(self, client: paramiko.SFTPClient) -> Iterator[Batch]:
        for batch in super()._listed(client):
            if ASIDE in PurePosixPath(batch.location).parts:
                continue
            try:
                header = read_header(self.file(batch).head(client, 3 * LONGEST_LINE))
            except (DropRefused, OSError):
                yield batch
                continue
            yield self._drops.marked(batch, header)
