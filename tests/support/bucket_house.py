"""Houses whose lake, or whose agency's inbox, lies in a bucket of a real server."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ingestion.connectors import Connector, connector_for
from ingestion.lake import Lake
from ingestion.land import FeedOutcome, LandingContext, land_feed
from tests.support.landing import CALLS, House, accept, call_feed
from tests.support.object_store import ObjectStore
from tests.support.sealed import SealedHouse


@dataclass
class LakeInABucket(House):
    """A house with no lake on disk."""

    place: Lake | None = None

    @property
    def lake(self) -> Lake:
        assert self.place is not None
        return self.place


def bucket_feed(bucket: str, location: str = "drop/**/c_*.csv*", **server: Any) -> dict[str, Any]:
    """The calls feed, delivered into a bucket."""
    document = call_feed(connector="s3")
    document["servers"] = [
        {
            "server": "bucket",
            "type": "s3",
            "location": f"s3://{bucket}/{location}",
            "format": "csv",
            "customProperties": [{"property": "telaga", "value": {"connection_id": "police_s3", **server}}],
        }
    ]
    return document


@dataclass
class Inbox:
    """An agency's bucket: what it puts there, and what lies there."""

    store: ObjectStore
    bucket: str

    def put(self, key: str, content: bytes | str, **given: Any) -> str | None:
        data = content.encode() if isinstance(content, str) else content
        return self.store.client.put_object(self.bucket, key, io.BytesIO(data), len(data), **given).version_id

    def get(self, key: str, version: str | None = None) -> bytes:
        response = self.store.client.get_object(self.bucket, key, version_id=version)
        try:
            return response.read()
        finally:
            response.close()
            response.release_conn()

    def keys(self) -> list[str]:
        return sorted(str(found.object_name) for found in self.store.client.list_objects(self.bucket, recursive=True))


class DropsInABucket(SealedHouse):
    """A house whose calls come sealed into a bucket."""

    def __init__(self, root: Path, inbox: Inbox, **server: Any) -> None:
        super().__init__(root)
        self.inbox_of_calls, self.server = inbox, server
        self.documents[CALLS] = bucket_feed(
            inbox.bucket,
            "drop/**",
            sealed=True,
            agency_key=str(self.agency / "police.pem"),
            **server,
        )

    def pull(self, run_id: str, **given: Any) -> FeedOutcome:
        """Land what is new in the bucket."""
        context = LandingContext(self.lake, self.city(), self.keys, run_id, None, accept)
        return land_feed(self.contract(CALLS), self.bucket_connector(), context, **given)

    def bucket_connector(self) -> Connector:
        return connector_for(
            self.contract(CALLS),
            credentials=self.inbox_of_calls.store.connection(),
            places={"simulation": str(self.root / "inbox")},
            keys_dir=self.keys.folder,
        )
