"""A stack that stays up: the assets carry a new batch from landing to release, and `down` leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tests.support.walked import ROOT, Walked, processes_of, telaga

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1500)]


def client_of(home: Path) -> Any:
    from infra.settings import Home
    from infra.stack import airflow

    return airflow.connect(Home(home))


def wait_for(condition: Any, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(1)
    return False


@pytest.fixture(scope="module")
def up(nusantara: Walked) -> Any:
    started = telaga(nusantara.home, "up")
    yield nusantara.home, started.stdout
    telaga(nusantara.home, "down", check=False)


def test_up_prints_addresses_users_and_where_passwords_lie_but_none_of_them(up: tuple[Path, str]) -> None:
    home, output = up
    assert "Superset  http://127.0.0.1:" in output and "Airflow   http://127.0.0.1:" in output
    assert str(home / "keys" / "secrets.json") in output
    for secret in json.loads((home / "keys" / "secrets.json").read_text()).values():
        assert secret not in output


def test_status_names_what_runs(up: tuple[Path, str]) -> None:
    home, _ = up
    done = telaga(home, "status")
    assert "airflow   running, on the contracts' cadence" in done.stdout
    assert "superset  running" in done.stdout


def test_every_dag_is_on(up: tuple[Path, str]) -> None:
    home, _ = up
    dags = client_of(home).call("GET", "/dags?limit=100")["dags"]
    assert len(dags) == 7
    assert not [dag["dag_id"] for dag in dags if dag["is_paused"]]


def test_the_four_kinds_of_user_have_their_own_rights(up: tuple[Path, str]) -> None:
    """The viewer reads and cannot start a DAG; the engineer can."""
    home, _ = up
    client = client_of(home)
    from infra.settings import Home

    def trigger(user: str) -> int:
        secret = Home(home).secret(f"airflow_{user}")
        body = json.dumps({"username": user, "password": secret}).encode()
        asked = urllib.request.Request(f"{client.url}/auth/token", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(asked, timeout=30) as answer:
            token = json.load(answer)["access_token"]
        run = urllib.request.Request(
            f"{client.url}/api/v2/dags/maintain_lake/dagRuns",
            json.dumps({"logical_date": None}).encode(),
            {"Content-Type": "application/json", "Authorization": f"Bearer {token}"},
        )
        try:
            with urllib.request.urlopen(run, timeout=30) as answer:
                return int(answer.status)
        except urllib.error.HTTPError as error:
            return error.code

    assert trigger("viewer") == 403
    assert trigger("engineer") in (200, 201)


def test_a_new_batch_reaches_a_release_through_the_assets(up: tuple[Path, str]) -> None:
    home, _ = up
    python = Path(os.environ.get("TELAGA_ENVS", ROOT / ".venvs")) / "main" / "bin" / "python"
    feed = "dishub_balikpapan.camera_events"
    subprocess.run(
        [str(python), "-m", "infra.simulator", "--home", str(home), "--more", feed],
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    link = home / "serving" / "operations" / "current.duckdb"
    before = link.resolve()
    client = client_of(home)
    run_id = client.trigger("pull_camera_events", {})
    ended, failed = client.wait_runs({"pull_camera_events": run_id}, lambda _: None)
    assert failed == [] and ended[0].state == "success"
    assert wait_for(lambda: link.resolve() != before, 400), "no release followed the assets"
    for dag in ("build_marts", "release_marts"):
        newest = client.call("GET", f"/dags/{dag}/dagRuns?limit=1&order_by=-run_after")["dag_runs"][0]
        assert newest["run_type"] == "asset_triggered", dag


def test_down_leaves_no_process(up: tuple[Path, str]) -> None:
    home, _ = up
    telaga(home, "down")
    assert processes_of(home) == []
    assert "stopped" in telaga(home, "status").stdout
