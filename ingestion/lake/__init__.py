"""The lake: Delta tables on a local folder or an S3 bucket, and the few calls every room needs of them.

`Lake` names tables (`table`), reads them (`read`, `version`) and writes whole frames (`replace`, `append`).
Landing a batch needs more (transactions, corrections) and uses `ingestion.lake.commit`.
Nothing returns before what it wrote is on disk, or stored by S3: delta-rs itself issues no fsync.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl
    from deltalake import DeltaTable


KINDS = frozenset({"minimised", "control", "quarantine", "aggregates", "estimates", "marts"})


@dataclass(frozen=True)
class Lake:
    """Where the tables lie. `uri` is a folder or `s3://bucket/prefix`; `storage_options` are those of deltalake."""

    uri: str
    # Credentials may stand in here: never in a representation, so never in a log or a traceback.
    storage_options: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def options(self) -> dict[str, str]:
        """Storage options with what a commit on S3 needs: of two commits of one version the bucket's conditional PUT
        lets one win, so no lock table is needed."""
        options = dict(self.storage_options)
        if self.uri.startswith("s3://"):
            given = {name.lower(): value for name, value in options.items()}
            if "aws_conditional_put" not in given and "conditional_put" not in given:
                options["aws_conditional_put"] = "etag"
            if "aws_allow_http" not in given and given.get("aws_endpoint_url", "").startswith("http://"):
                options["aws_allow_http"] = "true"
        return options

    @property
    def is_local(self) -> bool:
        return "://" not in self.uri

    def table(self, kind: str, name: str) -> str:
        """URI of a table. Raises ValueError for an unknown kind."""
        if kind not in KINDS:
            raise ValueError(f"unknown kind of table {kind!r}: one of {', '.join(sorted(KINDS))}")
        return f"{self.uri.rstrip('/')}/{kind}/{name}"

    def open(self, kind: str, name: str, version: int | None = None) -> DeltaTable | None:
        """The Delta table, or None where it does not exist yet. Raises LakeUnreachable where S3 does not answer."""
        from deltalake import DeltaTable
        from deltalake.exceptions import TableNotFoundError

        from ingestion.lake.sync import patiently

        uri = self.table(kind, name)
        try:
            return patiently(
                self, f"{kind}/{name}", lambda: DeltaTable(uri, version=version, storage_options=self.options)
            )
        except TableNotFoundError:
            return None

    def version(self, kind: str, name: str) -> int | None:
        """Newest version of a table, None when it is absent."""
        table = self.open(kind, name)
        return None if table is None else table.version()

    def read(self, kind: str, name: str, version: int | None = None) -> pl.LazyFrame:
        """A table as a lazy frame. Raises FileNotFoundError when it is absent."""
        import polars as pl

        table = self.open(kind, name, version)
        if table is None:
            raise FileNotFoundError(f"the lake has no table {kind}/{name}")
        return pl.scan_delta(table, storage_options=self.options or None)

    def replace(
        self, kind: str, name: str, frame: pl.DataFrame, *, metadata: Mapping[str, Any] | None = None
    ) -> int | None:
        """Make `frame` the table's whole content; returns the table's version afterwards.

        A new version is written only where the rows (as a multiset) or the columns differ.
        A frame without columns is refused with ValueError.
        """
        from ingestion.lake.commit import replace_table

        return replace_table(self, kind, name, frame, metadata or {})

    def append(
        self,
        kind: str,
        name: str,
        frame: pl.DataFrame,
        *,
        partition_by: Sequence[str] = (),
        metadata: Mapping[str, Any] | None = None,
    ) -> int | None:
        """Add rows to a table, made on first use; returns its version. An empty frame writes no version."""
        from ingestion.lake.commit import append_rows

        return append_rows(self, kind, name, frame, tuple(partition_by), metadata or {})

    def put(self, path: str, content: bytes) -> str:
        """Store one object (`path` relative to the lake), synced; returns its URI. Replaces what was there."""
        from ingestion.lake.sync import put_object

        return put_object(self, path, content)

    def get(self, path: str) -> bytes:
        """Content of one object. Raises FileNotFoundError when it is absent."""
        from ingestion.lake.sync import get_object

        return get_object(self, path)
