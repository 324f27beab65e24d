"""Sealed drops in a bucket, with or without object lock."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from ingestion.connectors import CHUNK_ROWS, Batch, Delivery, Interval
from ingestion.connectors.s3 import S3Connector
from ingestion.connectors.sealed_drops import ASIDE, SealedDrops
from ingestion.connectors.source import Source
from ingestion.drops import DropRefused, of_id, read_header

if TYPE_CHECKING:
    import polars as pl

    from ingestion.contract import Contract


class SealedS3Connector(S3Connector):
    """As a bucket, but every object is a drop (see ingestion.drops). Of an object that was accepted before, nothing
    is read: its id tells."""

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
        self._known: dict[str, str] = {}

    def batches(
        self, acknowledged: frozenset[str], position: str | None = None, interval: Interval | None = None
    ) -> list[Batch]:
        """As a bucket's. `acknowledged` are the batches whose drops were accepted: they may not come again."""
        self._drops.remember(acknowledged)
        # With an interval the period is asked for, which a drop may state itself.
        self._known = {} if interval else {_unmarked(batch_id): batch_id for batch_id in acknowledged}
        return super().batches(acknowledged, position, interval)

    def open(self, batch: Batch) -> Delivery:
        """Verify a drop, then open it. Raises DropRefused, also while iterating."""
        return self._drops.open(batch, self._source(batch))

    def frames(self, source: Source) -> Iterator[pl.DataFrame]:
        """Raw frames of a drop, wherever it lies. Raises DropRefused."""
        return self._drops.frames(source)

    def set_aside(self, batch: Batch) -> bool:
        """Move a refused drop out of the way, as evidence; false where the bucket cannot be written.

        Under object lock the version that was delivered stays where it is, behind a marker, until its time has come.
        """
        from minio.commonconfig import CopySource
        from minio.error import MinioException
        from urllib3.exceptions import HTTPError

        source = self._source(batch)
        folder = self.prefix[: self.prefix.rfind("/") + 1]
        try:
            self._client.copy_object(
                self.bucket,
                f"{folder}{ASIDE}/{batch.batch_id}",
                CopySource(self.bucket, source.key, version_id=source.version),
            )
            self._client.remove_object(self.bucket, source.key)
        except (MinioException, HTTPError, OSError):
            return False
        return True

    def _listed(self) -> Iterator[Batch]:
        for batch in super()._listed():
            if ASIDE in PurePosixPath(batch.location).parts:
                continue
            known = self._known.get(batch.batch_id)
            yield self._marked(batch) if known is None else dataclasses.replace(batch, batch_id=known)

    def _marked(self, batch: Batch) -> Batch:
        try:
            with self._source(batch).open() as stream:
                header = read_header(stream)
        except DropRefused:
            return batch
        return self._drops.marked(batch, header)


def _unmarked(batch_id: str) -> str:
    """The id that the object had before its drop's sequence number and mark."""
    found = of_id(batch_id)
    return batch_id.removesuffix(f".s{found[0]}.{found[1]}") if found else batch_id
