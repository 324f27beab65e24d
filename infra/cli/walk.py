"""The main job of one home, driven through Airflow's REST API: pull, build, release, and a summary of it.

A run that was cut keeps its id in `run/current-run.json`: the same command goes on with it, and its summary counts
the whole run. Builds and releases are asked for here, once, after every pull, with the run's own clock; on the
contracts' cadence (`./telaga up`) they follow the assets instead.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from infra.build.settings import Engine
from infra.cli import summary as summaries
from infra.cli.progress import Progress
from infra.settings import Home, SettingsError
from infra.stack import local, processes
from infra.stack.airflow_client import AirflowError, Client, DagRun

if TYPE_CHECKING:
    from ingestion.city import City

SPATIAL = "pull_city_spatial"
PLACES_TASK = "land_places"
OTHER_PULLS = ("pull_camera_events", "pull_police_records")
FOLLOWING = ("build_marts", "release_marts")
# A backlog of thousands of drops is taken in rounds: a task is bounded in batches and time.
MOST_ROUNDS = 200


@dataclass(frozen=True)
class Asked:
    """What a run is asked for. `as_of` and the interval are days of the city; the interval's end is excluded.

    `engine` is what counts and presents.
    """

    as_of: date | None = None
    start: date | None = None
    end: date | None = None
    extra_dags: tuple[str, ...] = ()
    engine: Engine = "duckdb"

    def conf(self, run_id: str) -> dict[str, Any]:
        """What every DAG run of this run is given."""
        stated: dict[str, object] = {"run_id": run_id, "as_of": self.as_of, "from": self.start, "to": self.end}
        if self.engine != "duckdb":
            stated["engine"] = self.engine
        return {name: str(value) for name, value in stated.items() if value is not None}


def walk(
    home: Home,
    city: City,
    asked: Asked,
    progress: Progress,
    beside: Sequence[Callable[[], object]] = (),
) -> dict[str, Any]:
    """Runs the main job and returns its summary, which run-summary.json then holds too. Call it inside `local.alone`.

    `beside`: work to do while the DAGs run (their failure is this call's). Raises AirflowError naming DAG, task and
    log where a run failed; what could go on has gone on, and the summary is written all the same.
    """
    began = time.monotonic()
    run_id, is_resumed = _run_id(home, asked)
    if is_resumed:
        progress.write(f"going on with run {run_id}, which was cut")
    before = _release_files(home)
    borrowed = local.keeps_cadence(home)
    failures: list[str] = []
    helpers = _Beside(beside)
    try:
        client = _client(home, borrowed, progress)
        helpers.start()
        _pull(client, asked, run_id, progress, failures)
        if asked.extra_dags:
            _driven(client, asked.extra_dags, asked, run_id, progress, "govern, maintain", failures)
        if (home.lake().version("minimised", "region")) is None:
            failures.append("no regions have landed: nothing can be counted; see the failures above")
        else:
            _build_and_release(client, asked, run_id, progress, failures)
        helpers.join(progress)
    finally:
        if not borrowed:
            with progress.step("stopping Airflow") as step:
                # Every DAG run has ended, or this command is being cut: there is nothing to wait for.
                local.stop_airflow(home, step, grace=3)
    published = _release_files(home) != before
    summary = summaries.summarise(home, city, run_id, time.monotonic() - began, published, failures)
    summaries.write(home, summary)
    if failures:
        raise AirflowError("\n        ".join(failures))
    (home.run_dir / "current-run.json").unlink(missing_ok=True)
    return summary


def _client(home: Home, borrowed: bool, progress: Progress) -> Client:
    from infra.stack import airflow

    if borrowed:
        return airflow.connect(home)
    with progress.step("databases and Airflow") as step:
        local.start_databases(home)
        client = local.start_airflow(home, cadence=False, tell=step)
        client.pause(FOLLOWING, True)
    return client


def _pull(client: Client, asked: Asked, run_id: str, progress: Progress, failures: list[str]) -> None:
    """Regions and places first (they say where things happened, and where they did not), then all feeds side by side,
    in rounds while any is left."""
    with progress.step("regions and places") as step:
        started = _start(client, (SPATIAL,), asked, run_id)
        client.wait_task(SPATIAL, started[SPATIAL], PLACES_TASK, step)
    wanted: tuple[str, ...] = OTHER_PULLS
    for _ in range(MOST_ROUNDS):
        with progress.step("layers, events and records") as step:
            started |= _start(client, wanted, asked, run_id)
            ended, failed = client.wait_runs(started, step)
        failures += failed
        wanted = tuple(run.dag_id for run in ended if run.state == "success" and _batches_left(client, run))
        started = {}
        if not wanted:
            return


def _batches_left(client: Client, run: DagRun) -> int:
    counts = client.result(run.dag_id, run.run_id, "settle")
    return int((counts or {}).get("batches_left", 0))


def _driven(
    client: Client,
    dags: Sequence[str],
    asked: Asked,
    run_id: str,
    progress: Progress,
    title: str,
    failures: list[str],
) -> list[DagRun]:
    """Starts a run of each DAG and waits for all; a failure is noted, and does not keep what comes next from trying."""
    with progress.step(title) as step:
        ended, failed = client.wait_runs(_start(client, dags, asked, run_id), step)
    failures += failed
    return ended


def _start(client: Client, dags: Sequence[str], asked: Asked, run_id: str) -> dict[str, str]:
    client.pause(dags, False)
    return {dag: client.trigger(dag, asked.conf(run_id), note=f"./telaga, run {run_id}") for dag in dags}


def _build_and_release(client: Client, asked: Asked, run_id: str, progress: Progress, failures: list[str]) -> None:
    for dag, title in zip(FOLLOWING, ("counts, estimates, marts", "disclosure control and release"), strict=True):
        noted = len(failures)
        _driven(client, (dag,), asked, run_id, progress, title, failures)
        if len(failures) > noted:
            return  # a release of a build that failed would tell yesterday's numbers as today's


def _run_id(home: Home, asked: Asked) -> tuple[str, bool]:
    """The id of an unfinished run of the same command, else a new one; (id, whether it is resumed)."""
    path = home.run_dir / "current-run.json"
    wanted = {name: value for name, value in asked.conf("").items() if name != "run_id"}
    try:
        known = json.loads(path.read_text())
        if known["asked"] == wanted:
            return str(known["run_id"]), True
    except (OSError, ValueError, KeyError):
        pass
    run_id = f"run-{datetime.now(UTC):%Y%m%dT%H%M%S}"
    processes.write_json(path, {"run_id": run_id, "asked": wanted})
    return run_id, False


def _release_files(home: Home) -> dict[str, str]:
    from governance.release import current

    return {audience: release.id for audience, release in current(home.serving_dir).items()}


class _Beside:
    """Work in threads while the DAGs run; `join` waits and raises the first error."""

    def __init__(self, jobs: Sequence[Callable[[], object]]) -> None:
        self._errors: list[BaseException] = []
        self._threads = [threading.Thread(target=self._run, args=(job,), daemon=True) for job in jobs]

    def _run(self, job: Callable[[], object]) -> None:
        try:
            job()
        except BaseException as error:
            self._errors.append(error)

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self, progress: Progress) -> None:
        if any(thread.is_alive() for thread in self._threads):
            with progress.step("what is done beside"):
                for thread in self._threads:
                    thread.join()
        if self._errors:
            raise self._errors[0]


def day(text: str) -> date:
    """A day as the command line takes it. Raises SettingsError with the form that is wanted."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(f"{text!r} is no day; write it like 2026-06-30") from None


def check_city_data(city: City) -> None:
    """Raises SettingsError where a feed's folder needs TELAGA_CITY_DATA and it is unset or no folder."""
    import os

    needs = any(
        "{city_data}" in json.dumps([dict(each.server), dict(each.format)], default=str) for each in city.contracts
    )
    named = os.environ.get("TELAGA_CITY_DATA")
    if needs and (not named or not Path(named).is_dir()):
        raise SettingsError(
            f"{city.name}'s files lie in TELAGA_CITY_DATA, which is {'no folder' if named else 'unset'}: "
            f"TELAGA_CITY_DATA=<folder> ./telaga run --city {city.name}"
        )
