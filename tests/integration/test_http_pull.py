"""A paged service and a file behind HTTPS, in a process of their own: pulled, landed, cut, and pulled on."""

from __future__ import annotations

import datetime as dt
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ingestion.connectors import ConnectorError, connector_for
from ingestion.land import FeedOutcome, LandingContext, land_feed
from tests.support.landing import CALL_HEADER, CALLS, House, accept, call, call_feed, lines
from tests.support.object_store import make_certificates

pytestmark = pytest.mark.integration

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"style": "next", "next": "next", "records": "data.items"}


@dataclass(frozen=True)
class Agency:
    """The service's process: its address, its authority's certificate."""

    port: int
    scheme: str = "http"
    ca_file: str = ""

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    def put(self, **state: Any) -> None:
        asked = urllib.request.Request(f"{self.url}/_state", json.dumps(state).encode(), method="PUT")
        urllib.request.urlopen(asked, timeout=10).read()

    def log(self) -> list[str]:
        found: list[str] = json.loads(urllib.request.urlopen(f"{self.url}/_log", timeout=10).read())
        return found


def started(*given: str) -> tuple[subprocess.Popen[str], int]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.web_server", *given],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert process.stdout is not None
    return process, int(process.stdout.readline())


@pytest.fixture
def agency() -> Iterator[Agency]:
    process, port = started()
    try:
        yield Agency(port)
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path / "home").with_regions()


def feed(url: str, form: str = "jsonl", **server: Any) -> dict[str, Any]:
    document = call_feed(connector="http", format={"kind": form}, period={})
    stated = [{"property": "telaga", "value": {"connection_id": "police_api", **server}}]
    document["servers"] = [{"server": "api", "type": "api", "location": url, "customProperties": stated}]
    return document


def pull(house: House, extra: str = "", interval: tuple[dt.datetime, dt.datetime] | None = None) -> FeedOutcome:
    house.runs += 1
    contract = house.contract(CALLS)
    connector = connector_for(contract, credentials={"uri": "http://:t0ken@", "extra": extra}, places={})
    context = LandingContext(house.lake, house.city(), house.keys, f"run{house.runs}", None, accept)
    return land_feed(contract, connector, context, interval=interval)


def record(number: int, **changed: Any) -> dict[str, Any]:
    return dict(zip(CALL_HEADER.split(","), call(number).split(","), strict=True)) | changed


def test_a_service_that_fails_in_every_way_loses_nothing(house: House, agency: Agency) -> None:
    house.documents[CALLS] = feed(f"{agency.url}/next", pages=PAGES | {"append_only": True}, batch_rows=4)
    agency.put(
        records=[record(number) for number in range(20)],
        size=4,
        token="Bearer t0ken",
        faults=[[429, 1], 500, ["cut", 10], 503],
    )
    outcome = pull(house)
    assert (outcome.batches, outcome.read, outcome.accepted) == (5, 20, 20)
    assert pull(house).batches == 0
    agency.put(records=[record(number) for number in range(26)], faults=[*[["cut", 10**6]] * 2, ["body", "{"]])
    # The page before the broken one lands, the run fails and says why, the next one goes on.
    with pytest.raises(ConnectorError, match="is no JSON"):
        pull(house)
    assert house.table("emergency_call").height == 20 + 4
    assert pull(house).accepted == 2
    assert house.table("emergency_call")["record_key"].n_unique() == 26


def test_changes_are_pulled_by_time_and_an_interval_is_replaced(house: House, agency: Agency) -> None:
    stated: dict[str, Any] = {"since": {"parameter": "changed_since"}, "interval": {"from": "from", "to": "to"}}
    house.documents[CALLS] = feed(f"{agency.url}/page", pages={**PAGES, "style": "page", "parameter": "page"}, **stated)
    rows = [record(number, changed=f"2026-05-0{number + 1} 00:00:00") for number in range(5)]
    agency.put(records=rows)
    assert pull(house).accepted == 5
    later = [record(7, changed="2026-06-29 00:00:00"), record(0, kind="F", changed="2026-06-29 00:00:00")]
    # The service's own clock decides what is new, and it stands long behind these: nothing of the old comes again.
    assert pull(house).batches == 0
    agency.put(records=[*rows[1:], *later])
    may = (dt.datetime(2026, 5, 1, tzinfo=dt.UTC), dt.datetime(2026, 7, 1, tzinfo=dt.UTC))
    assert pull(house, interval=may).read == 6
    held = house.table("emergency_call")
    assert held.height == 6 and held["category"].to_list().count("fire") == 1


def test_a_file_lands_through_breaks_and_only_when_it_changed(house: House, agency: Agency) -> None:
    house.documents[CALLS] = feed(f"{agency.url}/file.csv", "csv")
    agency.put(file=lines(CALL_HEADER, [call(number) for number in range(5000)]))
    assert pull(house).accepted == 5000
    assert pull(house).batches == 0
    agency.put(
        file=lines(CALL_HEADER, [call(number) for number in range(5001)]), faults=[304, ["cut", 90_000], ["cut", 8]]
    )
    assert pull(house).batches == 0
    agency.put(faults=[["cut", 0], ["cut", 90_000], ["cut", 8], 500])
    outcome = pull(house)
    assert (outcome.accepted, outcome.duplicate) == (1, 5000)
    assert any("Range=bytes=90" in request for request in agency.log())


def test_a_private_authority_is_trusted_where_it_is_named_and_only_there(house: House, tmp_path: Path) -> None:
    folder = make_certificates(tmp_path / "certificates")
    process, port = started(str(folder / "public.crt"), str(folder / "private.key"))
    try:
        house.documents[CALLS] = feed(f"https://127.0.0.1:{port}/all", pages={"style": "single"})
        with pytest.raises(ConnectorError, match="is not trusted; name its authority in ca_file"):
            pull(house)
        outcome = pull(house, json.dumps({"ca_file": str(folder / "ca.crt")}))
        assert (outcome.batches, outcome.read) == (1, 0)
    finally:
        process.kill()
        process.wait()
