"""The whole walk with its lake on S3: the same tables and releases as on a folder, and no part of the lake on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ingestion.lake import Lake
from ingestion.lake.sync import list_objects
from tests.support.object_store import NoServer, ObjectStore, minio_binary, object_store
from tests.support.walked import NUSANTARA, Walked, processes_of, table_contents, telaga, walked

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1800)]


@dataclass(frozen=True)
class WalkedOnS3:
    walked: Walked
    store: ObjectStore
    lake: Lake


SOAK = [pytest.mark.soak, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module", params=["one server", pytest.param("the other", marks=SOAK)])
def on_s3(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WalkedOnS3]:
    """MinIO behind TLS, under an authority of a city's own, where there is one, else SeaweedFS; the other in soak."""
    try:
        minio_binary()
        kinds = ["minio", "seaweedfs"]
    except NoServer as reason:
        kinds = ["seaweedfs"]
        if request.param == "the other":
            pytest.skip(str(reason))
    kind = kinds[request.param == "the other"]
    home = tmp_path_factory.mktemp(kind) / "home"
    with object_store(kind, tls=kind == "minio") as store, pytest.MonkeyPatch.context() as patch:
        lake = store.lake(prefix="city/lake")
        for name, value in store.environment.items():
            if name != "SSL_CERT_FILE":
                patch.setenv(name, value)
        patch.setenv("TELAGA_LAKE", lake.uri)
        try:
            found = walked(home, *NUSANTARA)
            if store.ca_file:
                patch.setenv("SSL_CERT_FILE", str(store.ca_file))
            yield WalkedOnS3(found, store, lake)
        finally:
            telaga(home, "down", check=False)


def counts(summary: dict[str, Any]) -> dict[str, tuple[int, ...]]:
    names = ("batches", "read", "accepted", "duplicate", "quarantined")
    return {feed["feed"]: tuple(feed[name] for name in names) for feed in summary["feeds"]}


def marts(summary: dict[str, Any]) -> list[tuple[Any, ...]]:
    return [(mart["mart"], mart["audience"], mart["rows"]) for mart in summary["marts"]]


def test_every_feed_lands_and_every_mart_is_released_as_from_a_folder(nusantara: Walked, on_s3: WalkedOnS3) -> None:
    assert counts(on_s3.walked.summary) == counts(nusantara.summary)
    assert marts(on_s3.walked.summary) == marts(nusantara.summary)
    assert on_s3.walked.summary["release"]
    assert table_contents(on_s3.walked.home, on_s3.lake) == nusantara.contents


def test_no_part_of_the_lake_lies_on_disk(on_s3: WalkedOnS3) -> None:
    home = on_s3.walked.home
    ours = [path for path in home.rglob("*") if "simulation" not in path.relative_to(home).parts]
    assert [path for path in ours if path.suffix in (".parquet", ".age") and path.parent != home / "keys"] == []
    assert [path for path in ours if path.name == "_delta_log"] == []
    assert not (home / "lake").exists()
    held = {found.path.split("/")[0] for found in list_objects(on_s3.lake, "")}
    assert held >= {"minimised", "control", "quarantine", "aggregates", "estimates", "marts"}
    assert "scratch" not in held


def test_the_secret_of_the_store_is_in_no_file_and_no_process_is_left(on_s3: WalkedOnS3) -> None:
    secret = on_s3.store.key[1]
    assert secret not in on_s3.walked.output
    home: Path = on_s3.walked.home
    holding = [
        path
        for path in home.rglob("*")
        if path.is_file() and not path.is_symlink() and secret.encode() in path.read_bytes()
    ]
    assert holding == []
    assert processes_of(home) == []
