"""A sealed drop is followed by its digest: received, landed, built, released."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime

import polars as pl
import pytest

from governance.access_log import AccessLog
from governance.chained_log import ChainedLog
from governance.custody import receiver, trace
from infra.build.pin import LOG_SCHEMA
from infra.settings import Home, SettingsError
from ingestion.land import LandingContext, land_feed
from tests.support.landing import CALLS, accept, call
from tests.support.sealed import SealedHouse


def land(house: SealedHouse, log: AccessLog, run_id: str) -> None:
    contract = house.contract(CALLS)
    received = receiver(log, contract, f"pull/{run_id}")
    context = LandingContext(house.lake, house.city(), house.keys, run_id, None, accept, received=received)
    land_feed(contract, house.connector(CALLS), context)


def test_a_drop_is_followed_from_its_arrival_to_the_release(house: SealedHouse, telaga) -> None:
    home = Home(house.root)
    log, releases = AccessLog(home.serving_dir / "access.jsonl"), ChainedLog(home.serving_dir / "releases.jsonl")
    drop = house.drop("c_2026-05-01.csv", [call(1), call(2)], 1)
    house.deliver_drop("c_2026-05-01.csv.drop", drop)
    house.deliver_drop("c_2026-05-02.csv.drop", drop[:-1] + b"?")
    land(house, log, "r1")
    digest = hashlib.sha256(drop).hexdigest()
    entries = list(log.entries())
    # What was refused was never opened, and is in nobody's custody: it lies aside, as the batch log says.
    assert [(entry["action"], entry["content_digest"]) for entry in entries] == [("receive", digest)]
    assert entries[0]["subject"].startswith(f"{CALLS}/c_2026-05-01.csv.drop.")
    version = house.lake.version("minimised", "emergency_call")
    built = {"run_id": "b1", "event": "outcome", "inputs": json.dumps({"minimised__emergency_call": version}),
             "outputs": json.dumps({"response_times": 7}), "logged_at": datetime.now(UTC)}  # fmt: skip
    before = {**built, "run_id": "b0", "inputs": "{}"}
    house.lake.append("control", "build_log", pl.DataFrame([before, built], schema=LOG_SCHEMA))
    for marts in ([], [{"mart": "response_times", "rows": 3, "delta_version": 7}]):
        releases.append({"event": "released", "audience": "operations", "release": f"r{len(marts)}", "marts": marts})
    told = [link.what for link in trace(house.lake, log, releases, digest[:12])]
    assert [what.split()[0] for what in told] == ["received", "landed", "built", "released"]
    assert f"version {version} of minimised/emergency_call: read 2, accepted 2" in told[1]
    assert told[2:] == ["built by run b1 into 1 marts", "released to operations as r1, 1 marts"]
    batch = entries[0]["subject"].split("/", 1)[1]
    assert [link.what for link in trace(house.lake, log, releases, batch)] == told
    assert trace(house.lake, log, releases, "0" * 64) == [] == trace(house.lake, log, releases, digest[:4])


def test_the_command_shows_the_chain(house: SealedHouse, telaga, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELAGA_HOME", str(house.root))
    drop = house.drop("c_2026-05-01.csv", [call(1)], 1)
    house.deliver_drop("c_2026-05-01.csv.drop", drop)
    land(house, AccessLog(Home(house.root).serving_dir / "access.jsonl"), "r1")
    code, out, _ = telaga("batch", "trace", hashlib.sha256(drop).hexdigest())
    assert code == 0 and "received police.calls/" in out and "landed in version" in out
    with pytest.raises(SettingsError, match="no sealed drop of that digest"):
        telaga("batch", "trace", "f" * 64)
