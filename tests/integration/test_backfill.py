"""Airflow's own backfill over fourteen days after a contract fix: `telaga airflow backfill create` makes the runs, and
the DAG's steps, run for each of them, replace what those days hold, once.

The runs are those that Airflow made, with their data intervals and conf. Of each day's hours three are run, the first
and the last among them, and their steps are called by this process: a scheduler would take an hour for all of them.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from infra.cli.commands.airflow import with_run_id
from infra.settings import Home
from tests.support.landing import CALL_HEADER, CALLS, COUNTS, House, call, call_feed, lines

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]

DAG = "pull_police_records"
FIRST, DAYS = dt.date(2026, 6, 1), 14
ROWS = 3


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """Sixteen days of calls, of which the contract had a code wrong: the fourteen, and one before and after them."""
    house = House(tmp_path_factory.mktemp("backfill") / "home").with_regions()
    del house.documents[COUNTS]
    for number in range(-1, DAYS + 1):
        day = FIRST + dt.timedelta(days=number)
        rows = [call(f"{day}-{row}", kind="KF"[row % 2], at=f"{day} 10:00:00") for row in range(ROWS)]
        house.deliver(f"calls/c_{day}.csv", lines(CALL_HEADER, rows))
    house.land(CALLS)
    columns = call_feed()["schema"][0]["properties"]
    columns[1]["customProperties"][0]["value"]["codes"] = {"K": "crime", "F": "medical"}
    house.documents[CALLS] = call_feed(columns) | {"version": "1.0.1"}
    house.city()
    Home(house.root).make().claim("testville", house.root / "city")
    return house


@pytest.fixture(scope="module")
def runs(house: House) -> Iterator[list[SimpleNamespace]]:
    """The runs that Airflow made of the command, in the order in which it would run them."""
    from infra.stack import airflow, local
    from infra.stack.metadata import AIRFLOW_DATABASE, metadata_cluster

    home = Home(house.root)
    local.start_databases(home)
    try:
        airflow.bootstrap(home)
        # As a stack does that stays up: the DAG with its clock.
        variables = airflow.environment(home, port=8080, cadence=True)
        # The last hour of the fourteenth day that touches no other day.
        last = f"{FIRST + dt.timedelta(days=DAYS - 1)}T23:00:00+08:00"
        create = ["backfill", "create", "--dag-id", DAG, "--from-date", f"{FIRST}T00:00:00+08:00", "--to-date", last]
        for words in (["dags", "reserialize"], with_run_id(create, dt.datetime(2026, 6, 20, tzinfo=dt.UTC))):
            done = subprocess.run(
                [sys.executable, "-m", "airflow", *words], env=variables, capture_output=True, text=True, timeout=300
            )
            assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        asked = (
            "SELECT run_id, run_type, conf, data_interval_start, data_interval_end FROM dag_run "
            f"WHERE dag_id = '{DAG}' ORDER BY logical_date"
        )
        with (
            contextlib.closing(metadata_cluster(home).connect(AIRFLOW_DATABASE)) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute(asked)
            found = [_run(*row) for row in cursor.fetchall()]
        yield found
    finally:
        local.stop_databases(home)


def _run(run_id: str, run_type: str, conf: Any, start: dt.datetime, end: dt.datetime) -> SimpleNamespace:
    return SimpleNamespace(
        dag_id=DAG,
        run_id=run_id,
        run_type=run_type,
        conf=json.loads(conf) if isinstance(conf, str) else conf,
        data_interval_start=start,
        data_interval_end=end,
    )


def days(table: pl.DataFrame) -> dict[dt.date, list[str]]:
    found = table.sort("received_local_date", "category").group_by("received_local_date", maintain_order=True)
    return {day: rows["category"].to_list() for (day,), rows in found}


def test_the_command_makes_a_run_for_each_hour_and_gives_them_one_id(runs: list[SimpleNamespace]) -> None:
    assert len(runs) == 24 * DAYS - 1
    assert {run.run_type for run in runs} == {"backfill"}
    assert {run.conf["run_id"] for run in runs} == {"backfill-20260620T000000Z"}
    assert all(run.data_interval_end - run.data_interval_start == dt.timedelta(hours=1) for run in runs)


def test_what_those_days_hold_is_replaced_once(
    house: House, runs: list[SimpleNamespace], monkeypatch: pytest.MonkeyPatch
) -> None:
    from infra.airflow import runtime

    monkeypatch.setenv("TELAGA_HOME", str(house.root))
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
    (house.root / "simulation").mkdir(exist_ok=True)
    if not (house.root / "simulation" / "calls").exists():
        (house.root / "simulation" / "calls").symlink_to(house.root / "inbox" / "calls")
    before = house.table("emergency_call")
    assert {tuple(kinds) for kinds in days(before).values()} == {("crime", "crime", "fire")}
    # Local time is eight hours ahead: just after midnight, at noon, late in the evening.
    chosen = [run for run in runs if run.data_interval_start.astimezone(dt.UTC).hour in (16, 4, 14)]
    assert len(chosen) == 3 * DAYS
    outcomes = []
    for run in chosen:
        context = {"dag_run": run}
        outcomes += [runtime.land(feed, context) for feed in runtime.due_feeds(DAG, context)]
    after = days(house.table("emergency_call"))
    asked = {FIRST + dt.timedelta(days=number) for number in range(DAYS)}
    assert len(after) == DAYS + 2
    assert {day for day, kinds in after.items() if kinds == ["crime", "crime", "medical"]} == asked
    assert {tuple(kinds) for day, kinds in after.items() if day not in asked} == {("crime", "crime", "fire")}
    # Once: each delivery by one of the runs, and nothing is doubled.
    taken = [outcome for outcome in outcomes if outcome["batches"]]
    assert [(o["batches"], o["read"], o["accepted"], o["quarantined"]) for o in taken] == [(1, ROWS, ROWS, 0)] * DAYS
    assert sum(outcome["new_versions"] for outcome in outcomes) == DAYS
    assert house.table("emergency_call").height == ROWS * (DAYS + 2)
    # Run a second time it changes nothing.
    version = house.lake.version("minimised", "emergency_call")
    for run in chosen[:6]:
        runtime.land(CALLS, {"dag_run": SimpleNamespace(**{**vars(run), "conf": {"run_id": "backfill-again"}})})
    assert house.lake.version("minimised", "emergency_call") == version


def test_a_conf_of_ones_own_and_other_commands_are_left_alone() -> None:
    now = dt.datetime(2026, 6, 20, tzinfo=dt.UTC)
    own = ["backfill", "create", "--dag-run-conf", "{}"]
    assert with_run_id(own, now) == own
    assert with_run_id(["dags", "list"], now) == ["dags", "list"]
