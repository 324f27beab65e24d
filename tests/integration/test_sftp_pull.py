"""Files and sealed drops pulled from a real SFTP server: its key is held to, and a break costs nothing."""

from __future__ import annotations

import datetime as dt
import gzip
import hashlib
import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import paramiko
import polars as pl
import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from infra.cli import envs
from ingestion.connectors import Connector, ConnectorError, connector_for
from ingestion.contract import check_contract, load_contract
from ingestion.land import FeedOutcome, LandingContext, land_feed
from tests.support.landing import CALL_HEADER, CALLS, House, accept, call, call_feed, lines
from tests.support.sealed import SealedHouse

pytestmark = pytest.mark.integration

SERVER = Path(__file__).resolve().parents[1] / "support" / "sftp_server.py"
PASSWORD = "ag:ency/p@ss"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("sftp", "resumed"):
        monkeypatch.setattr(f"ingestion.connectors.{module}.PAUSE_SECONDS", 0.01)


def new_key() -> tuple[str, str]:
    """A private key as OpenSSH writes it, and its public line."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return private, key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


@dataclass(frozen=True)
class Agency:
    """The server's folder and how it is reached."""

    port: int
    root: Path
    control: Path
    host_key: str
    client_key: str

    def put(self, name: str, content: bytes | str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def cut_behind(self, size: int) -> None:
        (self.control / "cut").write_text(str(size))

    def reads(self) -> list[int]:
        return [int(line) for line in (self.control / "reads").read_text().split()]

    def credentials(self, password: str = PASSWORD, **extra: str) -> dict[str, str]:
        stated = {"host_key": self.host_key, **extra}
        return {"uri": f"sftp://agency:{quote(password, safe='')}@/", "extra": json.dumps(stated)}


@pytest.fixture
def agency(tmp_path: Path) -> Iterator[Agency]:
    envs.ensure("peers", print)
    root, control = tmp_path / "sftp", tmp_path / "control"
    root.mkdir(), control.mkdir()
    private, public = new_key()
    (control / "host_ed25519").write_text(private)
    client_private, client_public = new_key()
    (control / "authorized_keys").write_text(f"{client_public}\n")
    process = subprocess.Popen(
        [str(envs.python("peers")), str(SERVER), str(root), str(control)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield Agency(int(process.stdout.readline()), root, control, public, client_private)
    finally:
        process.kill()
        process.wait()


def feed(port: int, pattern: str = "/outbox/*/c_*.csv*", **server: Any) -> dict[str, Any]:
    document = call_feed(connector="sftp")
    stated = [{"property": "telaga", "value": {"connection_id": "police_sftp", **server}}]
    document["servers"] = [
        {
            "server": "outbox",
            "type": "sftp",
            "location": f"sftp://127.0.0.1:{port}{pattern}",
            "customProperties": stated,
        }
    ]
    return document


def connect(tmp_path: Path, agency: Agency, **credentials: Any) -> Connector:
    path = tmp_path / f"{CALLS}.odcs.yaml"
    path.write_text(yaml.safe_dump(feed(agency.port)))
    assert check_contract(path) == []
    return connector_for(load_contract(path), credentials=agency.credentials(**credentials), places={})


def content(*numbers: int) -> str:
    return lines(CALL_HEADER, [call(number) for number in numbers])


def pull(house: House, agency: Agency) -> FeedOutcome:
    house.runs += 1
    contract = house.contract(CALLS)
    places = {"simulation": str(house.root / "inbox")}
    made = connector_for(contract, credentials=agency.credentials(), places=places, keys_dir=house.keys.folder)
    context = LandingContext(house.lake, house.city(), house.keys, f"run{house.runs}", None, accept)
    return land_feed(contract, made, context)


def test_files_are_listed_by_pattern_and_only_what_is_new(agency: Agency, tmp_path: Path) -> None:
    assert connect(tmp_path, agency).batches(frozenset()) == []
    for name in ("outbox/a/c_2026-05-02.csv", "outbox/b/c_2026-05-01.csv.gz"):
        agency.put(name, "x")
    others = ("outbox/c_2026-05-03.csv", "outbox/a/b/c_1.csv", "outbox/a/.c_1.csv", "outbox/a/d_1.csv", "c_1.csv")
    for name in others:
        agency.put(name, "x")
    found = connect(tmp_path, agency).batches(frozenset())
    assert [batch.location for batch in found] == ["b/c_2026-05-01.csv.gz", "a/c_2026-05-02.csv"]
    assert found[0].period_from == dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
    known = frozenset(batch.batch_id for batch in found)
    assert connect(tmp_path, agency).batches(known) == []
    agency.put("outbox/a/c_2026-05-02.csv", "another")
    assert [batch.location for batch in connect(tmp_path, agency).batches(known)] == ["a/c_2026-05-02.csv"]


def test_a_read_that_breaks_off_goes_on_where_it_was(agency: Agency, tmp_path: Path) -> None:
    body = content(*range(40_000)).encode()
    agency.put("outbox/a/c_2026-05-01.csv", body)
    connector = connect(tmp_path, agency)
    (batch,) = connector.batches(frozenset())
    agency.cut_behind(2_000_000)
    delivery = connector.open(batch)
    rows = pl.concat(delivery)
    assert rows["number"].to_list() == [str(number) for number in range(40_000)]
    assert delivery.digest == hashlib.sha256(body).hexdigest()
    assert not (agency.control / "cut").exists()
    # Not from the beginning again: what was read before the break is read once.
    assert agency.reads().count(0) == 1


def test_a_file_that_is_replaced_while_it_is_read_is_not_mixed(agency: Agency, tmp_path: Path) -> None:
    path = agency.put("outbox/a/c_2026-05-01.csv", content(*range(40_000)))
    connector = connect(tmp_path, agency)
    (batch,) = connector.batches(frozenset())
    agency.cut_behind(2_000_000)
    with connector.original(batch).open() as stream:  # type: ignore[attr-defined]
        stream.read(1000)
        path.unlink()
        agency.put("outbox/a/c_2026-05-01.csv", content(*range(50_000)))
        with pytest.raises(ConnectorError, match="was replaced while it was read"):
            stream.read()


def test_only_the_pinned_host_is_spoken_to(agency: Agency, tmp_path: Path) -> None:
    agency.put("outbox/a/c_2026-05-01.csv", content(1))
    other = new_key()[1]
    with pytest.raises(ConnectorError, match="shows another host key than connection police_sftp pins") as told:
        connect(tmp_path, agency, host_key=other).batches(frozenset())
    assert PASSWORD not in str(told.value)
    rsa = paramiko.RSAKey.generate(2048)
    with pytest.raises(ConnectorError, match="no host key of the kind"):
        connect(tmp_path, agency, host_key=f"ssh-rsa {rsa.get_base64()}").batches(frozenset())
    for nothing in ("", "ssh-ed25519", "no key at all"):
        with pytest.raises(ConnectorError, match="pins no host key"):
            connect(tmp_path, agency, host_key=nothing).batches(frozenset())


def test_a_login_is_by_password_or_by_key(agency: Agency, tmp_path: Path) -> None:
    agency.put("outbox/a/c_2026-05-01.csv", content(1))
    assert len(connect(tmp_path, agency, password="", private_key=agency.client_key).batches(frozenset())) == 1
    with pytest.raises(ConnectorError, match="refuses the login; check connection police_sftp"):
        connect(tmp_path, agency, password="wrong").batches(frozenset())
    with pytest.raises(ConnectorError, match="refuses the login"):
        connect(tmp_path, agency, private_key=new_key()[0]).batches(frozenset())
    with pytest.raises(ConnectorError, match="private_key of connection police_sftp is none"):
        connect(tmp_path, agency, private_key="-----BEGIN").batches(frozenset())


def test_a_server_that_is_not_there_is_told(agency: Agency, tmp_path: Path) -> None:
    connector = connect(tmp_path, agency)
    connector._port = 1  # type: ignore[attr-defined]
    with pytest.raises(ConnectorError, match=r"127\.0\.0\.1 cannot be listed"):
        connector.batches(frozenset())


def test_the_walk_lands_files_and_keeps_what_it_stops(agency: Agency, tmp_path: Path) -> None:
    house = House(tmp_path / "home").with_regions()
    house.documents[CALLS] = feed(agency.port)
    agency.put("outbox/a/c_2026-05-01.csv.gz", gzip.compress(content(1, 2, 3).encode()))
    wrong = CALL_HEADER + ",surprise\n" + call(9) + ",s\n"
    agency.put("outbox/a/c_2026-05-02.csv", wrong)
    outcome = pull(house, agency)
    assert (outcome.batches, outcome.accepted) == (2, 3)
    assert house.quarantine(CALLS)["rule"].to_list() == ["schema_drift"]
    assert pull(house, agency).batches == 0


def test_sealed_drops_come_by_sftp_and_forgeries_are_moved_aside(agency: Agency, tmp_path: Path) -> None:
    house = SealedHouse(tmp_path / "home").with_regions()
    sealed = {"sealed": True, "agency_key": "{simulation}/../agency/police.pem"}
    house.documents[CALLS] = feed(agency.port, "/outbox/*", **sealed)
    house_drop = house.drop("c_2026-05-01.csv", [call(1), call(2)], 1)  # type: ignore[attr-defined]
    agency.put("outbox/c_2026-05-01.csv.drop", house_drop)
    agency.put("outbox/c_2026-05-02.csv.drop", house_drop[:-1] + b"x")
    agency.put("outbox/c_2026-05-03.csv.drop", house_drop)
    outcome = pull(house, agency)
    assert (outcome.batches, outcome.accepted, outcome.quarantined) == (3, 2, 0)
    assert sorted("changed" in reason or "repeat" in reason for reason in outcome.reasons) == [True, True]
    assert len(list((agency.root / "outbox" / ".refused").iterdir())) == 2
    logged = house.log_rows(CALLS).filter(pl.col("status") == "landed")
    assert logged["digest"].to_list() == [hashlib.sha256(house_drop).hexdigest()]
    assert pull(house, agency).batches == 0


def test_a_contract_that_cannot_work_is_told(tmp_path: Path) -> None:
    document = feed(22)
    document["servers"][0]["location"] = "sftp://user@host/outbox/*.csv"
    del document["servers"][0]["customProperties"][0]["value"]["connection_id"]
    document["customProperties"][0]["value"]["format"] = {}
    path = tmp_path / f"{CALLS}.odcs.yaml"
    path.write_text(yaml.safe_dump(document))
    told = "\n".join(check_contract(path))
    for words in ("without a user", "needs connection_id", "kind is missing"):
        assert words in told
