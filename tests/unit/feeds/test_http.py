"""Records and files behind an address: every style of paging, what a pull goes on from, what a failing server costs."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
import yaml

from ingestion.connectors import Connector, ConnectorError, connector_for
from ingestion.connectors import http as http_connector
from ingestion.contract import check_contract, load_contract
from ingestion.land import LandingContext, land_feed
from tests.support.landing import CALL_HEADER, CALLS, House, accept, call, call_feed, lines
from tests.support.web_server import Service, service_here

TOKEN = "s3cr/et:t@ken"
CREDENTIALS = {"uri": "http://:s3cr%2Fet%3At%40ken@/", "extra": ""}
STYLES: dict[str, dict[str, Any]] = {
    "page": {"style": "page", "parameter": "page", "records": "data.items"},
    "offset": {"style": "offset", "parameter": "offset", "records": "data.items"},
    "cursor": {"style": "cursor", "parameter": "after", "cursor": "meta.next", "records": "data.items"},
    "next": {"style": "next", "next": "next", "records": "data.items"},
    "link": {"style": "link", "records": "data.items"},
    "all": {"style": "single"},
}
Connect = Callable[..., Connector]


@pytest.fixture
def service() -> Iterator[Service]:
    with service_here() as made:
        yield made


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("web", "resumed"):
        monkeypatch.setattr(f"ingestion.connectors.{module}.PAUSE_SECONDS", 0.001)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)


def web_feed(url: str, form: str = "jsonl", **server: Any) -> dict[str, Any]:
    document = call_feed(connector="http", format={"kind": form}, period={})
    stated = [{"property": "telaga", "value": {"connection_id": "police_api", **server}}]
    document["servers"] = [{"server": "api", "type": "api", "location": url, "customProperties": stated}]
    return document


@pytest.fixture
def connect(tmp_path, service: Service) -> Connect:
    def do(style: str, **server: Any) -> Connector:
        pages = STYLES.get(style)
        append_only = server.pop("append_only", None)
        if pages:
            server["pages"] = pages | ({"append_only": True} if append_only else {})
        path = tmp_path / f"{CALLS}.odcs.yaml"
        path.write_text(yaml.safe_dump(web_feed(f"{service.url}/{style}", "jsonl" if pages else "csv", **server)))
        assert check_contract(path) == []
        return connector_for(load_contract(path), credentials=CREDENTIALS, places={})

    return do


def record(number: int, **changed: Any) -> dict[str, Any]:
    names = CALL_HEADER.split(",")
    return dict(zip(names, call(number).split(","), strict=True)) | {"number": number} | changed


def numbers(connector: Connector, batches: list) -> list[int]:
    return [int(n) for batch in batches for frame in connector.open(batch) for n in frame["number"].to_list()]


def done(batches: list) -> tuple[frozenset[str], str]:
    return frozenset(batch.batch_id for batch in batches), max(batch.position for batch in batches)


@pytest.mark.parametrize("style", STYLES)
def test_every_style_of_paging_is_read_to_its_end(service: Service, connect: Connect, style: str) -> None:
    service.token = f"Bearer {TOKEN}"
    for count in (0, 1, 3, 7, 9):
        service.records = [record(number) for number in range(count)]
        connector = connect(style)
        batches = connector.batches(frozenset())
        assert len(batches) == 1
        assert numbers(connector, batches) == list(range(count))


def test_the_token_goes_in_the_header_that_the_contract_names(service: Service, connect: Connect) -> None:
    service.token, service.header, service.records = TOKEN, "X-Api-Key", [record(1)]
    connector = connect("all", token_header="X-Api-Key")
    assert numbers(connector, connector.batches(frozenset())) == [1]
    with pytest.raises(ConnectorError, match="check the token of connection police_api") as told:
        connect("all").batches(frozenset())
    assert TOKEN not in str(told.value) and "s3cr" not in str(told.value)


def test_a_whole_service_is_a_batch_only_where_something_changed(service: Service, connect: Connect) -> None:
    service.records = [record(number) for number in range(7)]
    first = connect("page").batches(frozenset())
    known, position = done(first)
    assert connect("page").batches(known, position) == []
    service.records[2]["kind"] = "F"
    second = connect("page").batches(known, position)
    assert len(second) == 1 and second[0].position > position
    service.records[2]["kind"] = "K"
    # What comes back to an earlier state is a delivery too.
    known, position = known | done(second)[0], second[0].position
    assert len(connect("page").batches(known, position)) == 1


def test_one_page_is_asked_for_with_its_etag(service: Service, connect: Connect) -> None:
    service.records = [record(1)]
    known, position = done(connect("all").batches(frozenset()))
    service.requests.clear()
    assert connect("all").batches(known, position) == []
    assert len(service.requests) == 1 and "If-None-Match" in service.requests[0]


def test_a_pull_goes_on_with_the_last_page_where_records_are_only_added(service: Service, connect: Connect) -> None:
    service.records = [record(number) for number in range(7)]
    connector = connect("page", append_only=True, batch_rows=3)
    batches = connector.batches(frozenset())
    assert [numbers(connector, [batch]) for batch in batches] == [[0, 1, 2], [3, 4, 5], [6]]
    known, position = done(batches[:2])
    service.requests.clear()
    rest = connect("page", append_only=True, batch_rows=3).batches(known, position)
    assert "page=1" not in " ".join(service.requests)
    assert numbers(connector, rest) == [6]
    known, position = known | done(rest)[0], rest[-1].position
    assert connect("page", append_only=True, batch_rows=3).batches(known, position) == []
    service.records += [record(7), record(8), record(9)]
    connector = connect("page", append_only=True, batch_rows=3)
    more = connector.batches(known, position)
    assert numbers(connector, more) == [6, 7, 8, 9]
    assert min(batch.position for batch in more) > position


def test_a_pull_asks_for_what_changed_since_the_last_one_began(service: Service, connect: Connect) -> None:
    old = "2026-01-01T00:00:00Z"
    service.records = [record(number, changed=old) for number in range(5)]
    since = {"since": {"parameter": "changed_since"}}
    connector = connect("next", batch_rows=3, **since)
    batches = connector.batches(frozenset())
    assert numbers(connector, batches) == [0, 1, 2, 3, 4]
    assert not any("changed_since" in request for request in service.requests)
    # Cut behind the first batch: the pull goes on in the same window.
    known, position = done(batches[:1])
    rest = connect("next", batch_rows=3, **since).batches(known, position)
    assert [batch.batch_id for batch in rest] == [batches[1].batch_id]
    known, position = known | done(rest)[0], rest[-1].position
    service.records += [record(9, changed="2999-01-01T00:00:00Z")]
    connector = connect("next", batch_rows=3, **since)
    assert numbers(connector, connector.batches(known, position)) == [9]
    assert "changed_since=20" in service.requests[-1]
    asked = service.requests[-1].split("changed_since=")[1]
    connect("next", overlap_minutes=60, **since).batches(known, position)
    assert service.requests[-1].split("changed_since=")[1] < asked


def test_an_interval_is_asked_for_by_its_parameters(service: Service, connect: Connect) -> None:
    days = [f"2026-05-0{number}T00:00:00Z" for number in range(1, 8)]
    service.records = [record(number, changed=day) for number, day in enumerate(days)]
    interval = (dt.datetime(2026, 5, 2, tzinfo=dt.UTC), dt.datetime(2026, 5, 5, tzinfo=dt.UTC))
    connector = connect("page", interval={"from": "from", "to": "to"})
    (batch,) = connector.batches(frozenset(), None, interval)
    assert (batch.position, batch.period_from, batch.period_to) == ("", *interval)
    assert numbers(connector, [batch]) == [1, 2, 3]
    with pytest.raises(ConnectorError, match="names no `interval` parameters"):
        connect("page").batches(frozenset(), None, interval)


def test_a_busy_server_is_waited_for_as_it_asks(
    service: Service, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr("ingestion.connectors.web.time.sleep", waits.append)
    service.records = [record(number) for number in range(7)]
    service.faults = [[429, 7], 500, ["cut", 9], [503, "Wed, 21 Oct 2015 07:28:00 GMT"]]
    connector = connect("page")
    batches = connector.batches(frozenset())
    assert waits[0] == 7.0 and waits[3] == 0.0
    assert numbers(connector, batches) == list(range(7))
    service.faults = [[429, 3600]]
    with pytest.raises(ConnectorError, match="asks to wait 3600 s; the next run asks again"):
        connect("page").batches(frozenset())
    service.faults = [500] * 50
    with pytest.raises(ConnectorError, match=r"/page does not answer \(status 500\)"):
        connect("page").batches(frozenset())
    assert len(service.faults) == 45


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ('{"data": {"items": [{"number": 1}', "is no JSON"),
        ("<html>Login</html>", r"/page\?page=1 is no JSON \(near byte 0\)"),
        ('{"error": "nobody secret"}', "holds no list at data.items; correct pages.records"),
        ("[" * 100_000, "is no JSON"),
    ],
)
def test_what_is_no_page_is_told_without_its_content(service: Service, connect: Connect, body: str, words: str) -> None:
    service.faults = [["body", body]]
    with pytest.raises(ConnectorError, match=words) as told:
        connect("page").batches(frozenset())
    assert "secret" not in str(told.value) and "Login" not in str(told.value)


def test_what_stands_before_a_broken_page_is_listed_and_the_break_is_told(service: Service, connect: Connect) -> None:
    service.records = [record(number) for number in range(7)]
    service.faults = [["cut", 10**6], ["body", "{"]]
    connector = connect("cursor", append_only=True)
    batches = connector.batches(frozenset())
    assert numbers(connector, batches[:1]) == [0, 1, 2]
    with pytest.raises(ConnectorError, match="is no JSON"):
        connector.open(batches[1])


def test_a_link_to_another_server_is_not_followed(service: Service, connect: Connect) -> None:
    service.records = [record(1)]
    STYLES["elsewhere"] = {"style": "next", "next": "next", "records": "data.items"}
    try:
        with pytest.raises(ConnectorError, match="links to another server"):
            connect("elsewhere").batches(frozenset())
    finally:
        del STYLES["elsewhere"]


def test_paging_that_does_not_move_is_told(service: Service, connect: Connect, monkeypatch) -> None:
    service.records = [record(number) for number in range(7)]
    monkeypatch.setitem(STYLES, "page", {"style": "page", "parameter": "pge", "records": "data.items"})
    with pytest.raises(ConnectorError, match=r"repeats the one before; correct pages\.parameter"):
        connect("page").batches(frozenset())


def test_bodies_are_held_within_a_bound_and_asked_for_again_beyond(
    service: Service, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.records = [record(number) for number in range(7)]
    monkeypatch.setattr("ingestion.connectors.pages.HELD_BYTES", 1000)
    connector = connect("offset")
    batches = connector.batches(frozenset())
    listed = len(service.requests)
    assert numbers(connector, batches) == list(range(7))
    assert 0 < len(service.requests) - listed < listed
    batches = connect("offset").batches(frozenset())
    connector = connect("offset")
    service.records[5]["kind"] = "F"
    with pytest.raises(ConnectorError, match="changed while they were pulled"):
        numbers(connector, batches)


def test_an_answer_beyond_memory_is_refused(service: Service, connect: Connect, monkeypatch) -> None:
    monkeypatch.setattr("ingestion.connectors.web.LARGEST_ANSWER", 100)
    service.records = [record(1)]
    with pytest.raises(ConnectorError, match="ask for smaller pages"):
        connect("all").batches(frozenset())


def content(*given: int) -> str:
    return lines(CALL_HEADER, [call(number) for number in given])


@pytest.mark.parametrize("has_ranges", [True, False])
def test_a_file_is_read_on_where_it_broke(service: Service, connect: Connect, has_ranges: bool) -> None:
    service.file, service.has_ranges = content(*range(3000)), has_ranges
    connector = connect("file.csv")
    (batch,) = connector.batches(frozenset())
    service.requests.clear()
    service.faults = [["cut", 100_000], 503, ["cut", 150_000], ["cut", 0]]
    delivery = connector.open(batch)
    rows = pl.concat(delivery)
    assert rows["number"].to_list() == [str(number) for number in range(3000)]
    assert delivery.digest == hashlib.sha256(service.file.encode()).hexdigest()
    assert "Range=bytes=100000-" in service.requests[1]


def test_a_file_is_fetched_only_where_it_changed(service: Service, connect: Connect) -> None:
    service.file = content(1)
    first = connect("file.csv").batches(frozenset())
    known, position = done(first)
    service.requests.clear()
    assert connect("file.csv").batches(known, position) == []
    assert "If-None-Match" in service.requests[0]
    ids = [first[0].batch_id]
    for text in (content(1, 2), content(1)):  # and back to what it was
        service.file = text
        (batch,) = connect("file.csv").batches(known, position)
        ids.append(batch.batch_id)
        known, position = known | {batch.batch_id}, max(position, batch.position)
    assert len(set(ids)) == 3


def test_a_file_of_a_server_that_tells_nothing_is_known_by_its_content(service: Service, connect: Connect) -> None:
    service.has_etags, service.has_ranges, service.file = False, False, content(1)
    known, position = done(connect("file.csv").batches(frozenset()))
    assert connect("file.csv").batches(known, position) == []
    service.file = content(2)
    connector = connect("file.csv")
    assert numbers(connector, connector.batches(known, position)) == [2]


def test_a_file_that_is_replaced_while_it_is_read_is_not_mixed(service: Service, connect: Connect) -> None:
    service.file = content(*range(3000))
    connector = connect("file.csv")
    (batch,) = connector.batches(frozenset())
    service.faults = [["cut", 100_000]]
    with connector.original(batch).open() as stream:
        stream.read(50_000)
        service.file = content(*range(3000, 6000))
        with pytest.raises(ConnectorError, match="was replaced while it was read"):
            stream.read()


def test_the_walk_lands_pages_and_keeps_what_it_stops(plain_house: House, service: Service) -> None:
    house = plain_house
    house.documents[CALLS] = web_feed(f"{service.url}/page", pages=STYLES["page"])
    service.records = [record(number) for number in range(7)] + [record(8, kind="?")]

    def land():
        contract = house.contract(CALLS)
        connector = connector_for(contract, credentials=CREDENTIALS, places={})
        house.runs += 1
        context = LandingContext(house.lake, house.city(), house.keys, f"run{house.runs}", None, accept)
        return land_feed(contract, connector, context)

    outcome = land()
    assert (outcome.batches, outcome.accepted, outcome.quarantined) == (1, 7, 1)
    assert land().batches == 0
    service.records[0]["kind"] = "F"
    service.records[0]["changed"] = "2026-05-02 00:00:00"
    assert land().accepted == 1
    service.records[3]["surprise"] = "x"
    assert "new: surprise" in land().reasons[0]
    kept = house.quarantine(CALLS).filter(pl.col("rule") == "schema_drift")
    assert kept.height == 1


def test_a_contract_that_cannot_work_is_told(tmp_path) -> None:
    def told(document: dict[str, Any]) -> str:
        path = tmp_path / f"{CALLS}.odcs.yaml"
        path.write_text(yaml.safe_dump(document))
        return "\n".join(check_contract(path))

    assert "begins with https://" in told(web_feed("http://police.go.id/x", "csv"))
    assert told(web_feed("https://police.go.id/x", "csv")) == ""
    assert "need parameter" in told(web_feed("https://a.b/x", pages={"style": "page"}))
    assert "need cursor" in told(web_feed("https://a.b/x", pages={"style": "cursor", "parameter": "c"}))
    assert "say kind: jsonl" in told(web_feed("https://a.b/x", "csv", pages={"style": "link"}))
    assert "since speaks of pages" in told(web_feed("https://a.b/x", "csv", since={"parameter": "s"}))
    both = {"pages": {"style": "link", "append_only": True}, "since": {"parameter": "s"}}
    assert "choose one" in told(web_feed("https://a.b/x", **both))
    assert "an instant, not a day" in told(
        web_feed("https://a.b/x", pages={"style": "link"}, since={"parameter": "s", "format": "date"})
    )
    assert "sealed drops are read from" in told(web_feed("https://a.b/x", "csv", sealed=True, agency_key="a.pem"))
    with pytest.raises(ConnectorError, match="connection police_api has no uri"):
        path = tmp_path / f"{CALLS}.odcs.yaml"
        path.write_text(yaml.safe_dump(web_feed("https://a.b/x", "csv")))
        connector_for(load_contract(path), credentials={}, places={})


def test_instants_are_written_as_the_service_reads_them() -> None:
    moment, zone = dt.datetime(2026, 5, 1, 17, 30, tzinfo=dt.UTC), ZoneInfo("Asia/Makassar")
    forms = {form: http_connector._form(moment, form, zone) for form in ("iso", "epoch_s", "epoch_ms", "date")}
    assert forms == {
        "iso": "2026-05-01T17:30:00Z",
        "epoch_s": 1777656600,
        "epoch_ms": 1777656600000,
        "date": "2026-05-02",
    }
