"""The connector s3 against real servers, each of SeaweedFS and MinIO: versions, many keys, TLS, object lock, drops."""

from __future__ import annotations

import datetime as dt
import hashlib
import io
import json
import random
import tracemalloc
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from ingestion.connectors import ConnectorError
from ingestion.connectors.s3 import S3Connector
from ingestion.contract import Contract, check_contract, load_contract
from ingestion.sealing import open_sealed
from tests.support.bucket_house import DropsInABucket, Inbox, bucket_feed
from tests.support.landing import CALL_HEADER, CALLS, call, lines
from tests.support.object_store import ObjectStore
from tests.support.sealed import FORGERIES

pytestmark = pytest.mark.integration

UTC = dt.UTC


@pytest.fixture
def inbox(store: ObjectStore) -> Inbox:
    return Inbox(store, store.bucket())


@pytest.fixture
def connect(tmp_path: Path, inbox: Inbox) -> Callable[..., S3Connector]:
    def do(location: str = "drop/**/c_*.csv*", chunk_rows: int = 200_000, **server: Any) -> S3Connector:
        contract = contract_of(tmp_path, inbox.bucket, location, **server)
        return S3Connector(contract, inbox.store.connection(), {}, chunk_rows)

    return do


def contract_of(folder: Path, bucket: str, location: str = "drop/**/c_*.csv*", **server: Any) -> Contract:
    path = folder / f"{CALLS}.odcs.yaml"
    path.write_text(yaml.safe_dump(bucket_feed(bucket, location, **server)))
    assert check_contract(path) == []
    return load_contract(path)


def content(*numbers: int, **changed: str) -> str:
    return lines(CALL_HEADER, [call(number, **changed) for number in numbers])


# Versions


def test_every_version_of_an_object_is_a_delivery(inbox: Inbox, connect: Callable[..., S3Connector]) -> None:
    from minio.versioningconfig import ENABLED, VersioningConfig

    inbox.store.client.set_bucket_versioning(inbox.bucket, VersioningConfig(ENABLED))
    key = "drop/1/c_2026-05-01.csv"
    first, second = inbox.put(key, content(1)), inbox.put(key, content(2, 3))
    assert first and second and first != second
    inbox.store.client.remove_object(inbox.bucket, key)
    assert connect().batches(frozenset()) == []
    connector = connect(versions=True)
    batches = connector.batches(frozenset())
    assert len({batch.batch_id for batch in batches}) == 2
    read = {batch.location.partition("?version=")[2]: pl.concat(connector.open(batch)).height for batch in batches}
    assert read == {first: 1, second: 2}
    known = frozenset(batch.batch_id for batch in batches)
    inbox.put(key, content(4))
    assert [pl.concat(connector.open(batch))["number"].item() for batch in connector.batches(known)] == ["4"]


# Conditional reads


def test_an_object_replaced_while_it_is_read_is_not_mixed(inbox: Inbox, connect: Callable[..., S3Connector]) -> None:
    """The rest is asked for under the etag of the beginning, and the server itself refuses another content."""
    body = content(*range(60_000))
    inbox.put("drop/1/c_2026-05-01.csv", body)
    connector = connect()
    batch = connector.batches(frozenset())[0]
    source = connector.original(batch)
    with source.open() as stream:
        assert stream.read(1000) == body.encode()[:1000]
        inbox.put("drop/1/c_2026-05-01.csv", content(*range(60_000, 120_000)))
        stream.raw._disconnect()  # type: ignore[attr-defined]
        with pytest.raises(ConnectorError, match="PreconditionFailed"):
            stream.read()
    assert getattr(source, "digest", None) is None
    assert [found.batch_id != batch.batch_id for found in connector.batches(frozenset())] == [True]


def test_a_read_goes_on_behind_a_break(inbox: Inbox, connect: Callable[..., S3Connector]) -> None:
    body = content(*range(60_000)).encode()
    inbox.put("drop/1/c_2026-05-01.csv", body)
    connector = connect()
    source = connector.original(connector.batches(frozenset())[0])
    pieces = []
    with source.open() as stream:
        while piece := stream.read(700_000):
            pieces.append(piece)
            stream.raw._disconnect()  # type: ignore[attr-defined]
    assert b"".join(pieces) == body
    assert getattr(source, "digest", None) == hashlib.sha256(body).hexdigest()


# Many keys


def test_ten_thousand_keys_are_listed_in_pages_and_only_new_ones_are_held(
    inbox: Inbox, connect: Callable[..., S3Connector]
) -> None:
    """A million is the same a hundred times over: of a page of a thousand keys nothing stays but what is new."""
    client = inbox.store.client

    def put(number: int) -> None:
        key = f"drop/{number % 40:02d}/c_2026-{number % 12 + 1:02d}-{number % 28 + 1:02d}.{number:05d}.csv"
        client.put_object(inbox.bucket, key, io.BytesIO(b"x"), 1)

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(put, range(10_000)))
    connector = connect()
    found = connector.batches(frozenset())
    assert len(found) == len({batch.batch_id for batch in found}) == 10_000
    assert [batch.position for batch in found] == sorted(batch.position for batch in found)
    known = frozenset(batch.batch_id for batch in found[1:])
    may = dt.datetime(2026, 5, 1, tzinfo=UTC), dt.datetime(2026, 6, 1, tzinfo=UTC)
    in_may = [batch for batch in found if batch.period_from < may[1] and batch.period_to > may[0]]
    assert connector.batches(known, interval=may) == in_may
    del found, in_may
    connector.batches(known)  # what the SDK loads once
    tracemalloc.start()
    fresh = connector.batches(known)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(fresh) == 1
    assert peak < 12 * 2**20  # a page's XML and its objects


# Who speaks


def test_tls_under_an_authority_of_ones_own(tls_store: ObjectStore, tmp_path: Path) -> None:
    inbox = Inbox(tls_store, tls_store.bucket())
    inbox.put("drop/1/c_2026-05-01.csv", content(1, 2))
    contract = contract_of(tmp_path, inbox.bucket)
    connector = S3Connector(contract, tls_store.connection(), {})
    assert pl.concat(connector.open(connector.batches(frozenset())[0])).height == 2
    trusting_nobody = tls_store.connection()
    trusting_nobody["extra"] = json.dumps({**json.loads(trusting_nobody["extra"]), "ca_file": None})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ingestion.connectors.s3.ATTEMPTS", 0)
        stranger = S3Connector(contract, trusting_nobody, {})
        with pytest.raises(ConnectorError, match="cannot be listed"):
            stranger.batches(frozenset())


def test_credentials_are_those_of_an_airflow_connection(
    inbox: Inbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from infra.airflow.runtime import credentials

    inbox.put("drop/1/c_2026-05-01.csv", content(1))
    stated = {
        "conn_type": "aws",
        "login": inbox.store.key[0],
        "password": inbox.store.key[1],
        "extra": {"endpoint_url": inbox.store.endpoint, "region_name": "us-east-1"},
    }
    contract = contract_of(tmp_path, inbox.bucket)
    monkeypatch.setenv("AIRFLOW_CONN_POLICE_S3", json.dumps(stated))
    connector = S3Connector(contract, credentials(contract), {})
    assert len(connector.batches(frozenset())) == 1
    monkeypatch.setenv("AIRFLOW_CONN_POLICE_S3", json.dumps({**stated, "password": "another-secret"}))
    with pytest.raises(ConnectorError, match="cannot be listed") as told:
        S3Connector(contract, credentials(contract), {}).batches(frozenset())
    assert "another-secret" not in str(told.value)


# Sealed drops


@pytest.fixture
def house(tmp_path: Path, inbox: Inbox) -> DropsInABucket:
    made = DropsInABucket(tmp_path / "home", inbox)
    made.with_regions()
    return made


def deliver(house: DropsInABucket, number: int, rows: int = 2, **given: Any) -> bytes:
    made = house.drop(f"c_2026-05-{number:02d}.csv", [call(f"{number}-{row}") for row in range(rows)], number)
    house.inbox_of_calls.put(f"drop/{number:02d}/c_2026-05-{number:02d}.csv.drop", made, **given)
    return made


def test_a_drop_lands_once_with_its_digest_and_stays(house: DropsInABucket) -> None:
    made = deliver(house, 1)
    outcome = house.pull("run1")
    assert (outcome.accepted, outcome.quarantined) == (2, 0)
    assert house.log_rows(CALLS)["digest"].to_list() == [hashlib.sha256(made).hexdigest()]
    assert house.inbox_of_calls.get("drop/01/c_2026-05-01.csv.drop") == made
    assert house.pull("run2").batches == 0
    # A copy under another name is known by its mark.
    house.inbox_of_calls.put("drop/02/copy.drop", made)
    assert "is a repeat" in house.pull("run3").reasons[0]
    assert house.table("emergency_call").height == 2


def test_forged_and_damaged_drops_are_refused_and_moved_aside(house: DropsInABucket) -> None:
    chance = random.Random(4)
    good = deliver(house, 1)
    house.pull("run0")
    refused = {}
    for name, forgery in sorted(FORGERIES.items()):
        key = f"drop/10/{name}.drop"
        refused[key] = forgery(house, good, chance)
        house.inbox_of_calls.put(key, refused[key])
    outcome = house.pull("run1")
    assert (outcome.batches, outcome.accepted, len(outcome.reasons)) == (len(FORGERIES), 0, len(FORGERIES))
    keys = house.inbox_of_calls.keys()
    assert not set(keys) & set(refused)
    aside = [key for key in keys if key.startswith("drop/.refused/")]
    assert sorted(house.inbox_of_calls.get(key) for key in aside) == sorted(refused.values())
    assert house.pull("run2").batches == 0
    assert house.table("emergency_call").height == 2
    assert len(aside) == len(FORGERIES)


def test_a_stopped_drop_is_kept_as_it_came(house: DropsInABucket) -> None:
    made = house.drop_of("c_2026-05-01.csv", b"number,surprise\n1,2\n", 1)
    house.inbox_of_calls.put("drop/1/c_2026-05-01.csv.drop", made)
    assert "columns differ" in house.pull("run1").reasons[0]
    path = house.quarantine(CALLS)["sealed_path"].item()
    assert open_sealed(house.lake.get(path), house.keys.folder) == made


def test_where_the_inbox_cannot_be_written_a_refused_drop_stays_and_is_told_once(
    house: DropsInABucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    from minio import Minio
    from minio.error import ServerError

    def denied(*given: Any, **named: Any) -> None:
        raise ServerError("AccessDenied", 403)

    monkeypatch.setattr(Minio, "copy_object", denied)
    house.inbox_of_calls.put("drop/1/c.drop", b"no drop at all")
    assert "stays in the inbox, which cannot be written" in house.pull("run1").reasons[0]
    assert house.inbox_of_calls.keys() == ["drop/1/c.drop"]
    assert house.pull("run2").batches == 0


# Object lock


def test_originals_stay_under_object_lock_whatever_becomes_of_them(store: ObjectStore, tmp_path: Path) -> None:
    """COMPLIANCE: nobody takes a delivered drop away, the administrator included, and the landing needs nobody to."""
    from minio.commonconfig import COMPLIANCE
    from minio.error import S3Error
    from minio.objectlockconfig import DAYS, ObjectLockConfig

    client = store.client
    inbox = Inbox(store, store.bucket(object_lock=True))
    client.set_object_lock_config(inbox.bucket, ObjectLockConfig(COMPLIANCE, 1, DAYS))
    house = DropsInABucket(tmp_path / "home", inbox)
    house.with_regions()
    made = deliver(house, 1)
    forged = made[:-1] + bytes([made[-1] ^ 1])
    bad = inbox.put("drop/09/bad.drop", forged)
    outcome = house.pull("run1")
    assert (outcome.batches, outcome.accepted, len(outcome.reasons)) == (2, 2, 1)
    # Moved aside, which under a lock means behind a marker: the version itself is there, and may not be deleted.
    assert "drop/09/bad.drop" not in inbox.keys()  # noqa: SIM118  no dictionary
    assert inbox.get("drop/09/bad.drop", bad) == forged
    with pytest.raises(S3Error):
        client.remove_object(inbox.bucket, "drop/09/bad.drop", version_id=bad)
    landed = "drop/01/c_2026-05-01.csv.drop"
    version = client.stat_object(inbox.bucket, landed).version_id
    assert client.get_object_retention(inbox.bucket, landed, version).retain_until_date > dt.datetime.now(UTC)
    with pytest.raises(S3Error):
        client.remove_object(inbox.bucket, landed, version_id=version)
    assert inbox.get(landed, version) == made
    assert house.pull("run2").batches == 0
