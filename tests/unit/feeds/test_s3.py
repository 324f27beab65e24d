"""Objects of a bucket as batches: what is listed, what a break costs, and what a failing server is told as."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
from collections.abc import Iterator

import polars as pl
import pytest
import yaml

from ingestion.connectors import ConnectorError, connector_for
from ingestion.connectors.s3 import S3Connector
from ingestion.contract import check_contract, load_contract
from ingestion.land import LandingContext, land_feed
from tests.support.fake_s3 import FakeS3, fake_s3
from tests.support.landing import CALL_HEADER, CALLS, House, accept, call, call_feed, lines


@pytest.fixture
def s3() -> Iterator[FakeS3]:
    with fake_s3() as store:
        yield store


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ingestion.connectors.s3.PAUSE_SECONDS", 0.001)


def bucket_feed(**server: object) -> dict:
    document = call_feed(connector="s3")
    document["servers"] = [
        {
            "server": "bucket",
            "type": "s3",
            "location": "s3://police/drop/*/c_*.csv*",
            "format": "csv",
            "customProperties": [{"property": "telaga", "value": {"connection_id": "police_s3", **server}}],
        }
    ]
    return document


@pytest.fixture
def connect(tmp_path, s3):
    def do(chunk_rows: int = 200_000, **server: object) -> S3Connector:
        path = tmp_path / f"{CALLS}.odcs.yaml"
        path.write_text(yaml.safe_dump(bucket_feed(**server)))
        assert check_contract(path) == []
        return S3Connector(load_contract(path), s3.credentials, {}, chunk_rows)

    return do


def content(*numbers: int) -> str:
    return lines(CALL_HEADER, [call(number) for number in numbers])


def test_objects_are_listed_by_pattern_and_period_across_pages(s3, connect):
    for number in range(1100):
        s3.put(f"drop/{number % 7}/c_2026-05-{number % 28 + 1:02d}.{number}.csv", b"x")
    for other in (
        "drop/c_2026-05-01.csv",
        "drop/1/2/c_2026-05-01.csv",
        "drop/1/.c_1.csv",
        "other/1/c_1.csv",
        "drop/1/d_1.csv",
    ):
        s3.put(other, b"x")
    found = connect().batches(frozenset())
    assert len(found) == 1100
    assert [batch.position for batch in found] == sorted(batch.position for batch in found)
    assert found[0].period_from == dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
    known = frozenset(batch.batch_id for batch in found[:-1])
    assert [batch.batch_id for batch in connect().batches(known)] == [found[-1].batch_id]


def test_an_object_is_read_with_its_digest(s3, connect):
    body = gzip.compress(content(*range(500)).encode())
    s3.put("drop/1/c_2026-05-01.csv.gz", body)
    connector = connect(chunk_rows=200)
    delivery = connector.open(connector.batches(frozenset())[0])
    frames = list(delivery)
    assert [frame.height for frame in frames] == [200, 200, 100]
    assert delivery.digest == hashlib.sha256(body).hexdigest()


def test_an_empty_object_is_a_batch_of_no_rows(s3, connect):
    s3.put("drop/1/c_2026-05-01.csv", b"")
    connector = connect()
    assert list(connector.open(connector.batches(frozenset())[0])) == []


def test_a_read_that_breaks_off_goes_on_where_it_was(s3, connect):
    s3.put("drop/1/c_2026-05-01.csv", content(*range(2000)))
    connector = connect()
    batch = connector.batches(frozenset())[0]
    s3.faults[:] = [("cut", 1000), ("cut", 7), 503, ("cut", 50_000), 500]
    rows = pl.concat(connector.open(batch))
    assert rows["number"].to_list() == [str(number) for number in range(2000)]
    ranges = [request for request in s3.requests if "c_2026" in request and "list-type" not in request]
    assert len(ranges) == 6


def test_a_server_that_stays_broken_fails_the_feed_and_names_no_secret(s3, connect):
    s3.put("drop/1/c_2026-05-01.csv", content(1))
    connector = connect()
    batch = connector.batches(frozenset())[0]
    s3.faults[:] = [("cut", 3), *[("cut", 0)] * 50]
    with pytest.raises(ConnectorError, match="broke off behind byte 3 ") as told:
        list(connector.open(batch))
    assert "secret" not in str(told.value) and "se/cret" not in str(told.value)
    s3.list_faults[:] = [503] * 50
    with pytest.raises(ConnectorError, match="bucket police cannot be listed"):
        connector.batches(frozenset())


def test_an_object_that_is_replaced_while_it_is_read_is_not_mixed(s3, connect):
    s3.put("drop/1/c_2026-05-01.csv", content(*range(500)))
    connector = connect()
    batch = connector.batches(frozenset())[0]
    s3.faults[:] = [("cut", 2000)]
    source = connector.original(batch)
    with source.open() as stream:
        assert stream.read(1000) == content(*range(500)).encode()[:1000]
        s3.put("drop/1/c_2026-05-01.csv", content(*range(500, 1000)))
        with pytest.raises(ConnectorError, match="PreconditionFailed"):
            stream.read()
    assert source.digest is None
    assert [found.batch_id != batch.batch_id for found in connector.batches(frozenset())] == [True]


def test_every_version_is_a_delivery_where_the_contract_says_so(s3, connect):
    key = "drop/1/c_2026-05-01.csv"
    s3.put(key, content(1))
    s3.put(key, content(2, 3))
    s3.delete(key)
    assert connect().batches(frozenset()) == []
    connector = connect(versions=True)
    batches = connector.batches(frozenset())
    heights = sorted(pl.concat(connector.open(batch)).height for batch in batches)
    assert heights == [1, 2]
    assert len({batch.batch_id for batch in batches}) == 2
    assert not set("".join(batch.batch_id for batch in batches)) & set("?= /")


def test_the_walk_lands_a_bucket_and_keeps_what_it_stops(plain_house: House, s3: FakeS3):
    house = plain_house
    house.documents[CALLS] = bucket_feed()
    s3.put("drop/1/c_2026-05-01.csv", content(1, 2, 3))
    body = (CALL_HEADER + ",surprise\n" + call(9) + ",s\n").encode()
    s3.put("drop/1/c_2026-05-02.csv", body)
    contract = house.contract(CALLS)
    connector = connector_for(contract, credentials=s3.credentials, places={})
    context = LandingContext(house.lake, house.city(), house.keys, "run", None, accept)
    outcome = land_feed(contract, connector, context)
    assert (outcome.batches, outcome.accepted) == (2, 3)
    logged = house.log_rows(CALLS)
    assert logged["digest"].to_list()[0] == hashlib.sha256(content(1, 2, 3).encode()).hexdigest()
    from ingestion.sealing import open_sealed

    path = house.quarantine(CALLS)["sealed_path"].item()
    assert open_sealed(house.lake.get(path), house.keys.folder) == body


def test_a_contract_that_cannot_work_is_told(tmp_path):
    document = bucket_feed(sealed=True)
    document["servers"][0]["location"] = "https://police/x"
    del document["servers"][0]["customProperties"][0]["value"]["connection_id"]
    path = tmp_path / f"{CALLS}.odcs.yaml"
    path.write_text(yaml.safe_dump(document))
    told = "\n".join(check_contract(path))
    for words in ("needs location, such as s3://", "needs connection_id", "sealed drops need agency_key"):
        assert words in told
    with pytest.raises(ConnectorError, match="connection police_s3 has no uri"):
        document = bucket_feed()
        path.write_text(yaml.safe_dump(document))
        connector_for(load_contract(path), credentials={}, places={})
