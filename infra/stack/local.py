"""Everything that runs for one home: its PostgreSQL, the simulated police database, Airflow, Superset.

One command at a time changes a home (`alone`). What a killed command left behind is found by its mark and ended.
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from infra.settings import Home, SettingsError
from infra.stack import airflow, airflow_client, processes
from infra.stack.metadata import metadata_cluster, start_metadata

CONNECTION_OF_POLICE = "polri_records"


class HomeBusy(SettingsError):
    """Another command works in this home."""


def _silent(_: str) -> None:
    """The default teller: nobody listens."""


@contextmanager
def alone(home: Home) -> Iterator[None]:
    """Holds the home for one command. Raises HomeBusy at once where another holds it; a killed one holds nothing."""
    home.make()
    path = home.run_dir / "command.lock"
    with path.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise HomeBusy(
                f"another command ({file.read().strip() or 'unknown'}) works in {home.root}; wait for it, "
                "or take another TELAGA_HOME"
            ) from None
        file.truncate(0)
        file.write(f"process {os.getpid()}")
        file.flush()
        yield


def keeps_cadence(home: Home) -> bool:
    """Whether Airflow of this home runs on the contracts' cadence (`./telaga up`), not for one command."""
    try:
        mode = json.loads((home.run_dir / "airflow-mode.json").read_text())
    except (OSError, ValueError):
        return False
    return bool(mode.get("cadence")) and airflow_client.running(home)


def clear_killed(home: Home) -> int:
    """Ends what a killed command left running in this home; returns how many processes. Call it inside `alone`."""
    airflow.stop(home, grace=0)
    leftovers = processes.marked_members(home.root)
    processes.send(leftovers, signal.SIGKILL)
    processes.wait_until(lambda: not any(map(processes.is_alive, leftovers)), 5)
    return len(leftovers)


def start_databases(home: Home) -> None:
    """The home's own metadata and, where the agencies are simulated, the police's database."""
    start_metadata(home)
    if has_simulated_police(home):
        from infra.simulator import police_cluster

        police_cluster(home).start()


def has_simulated_police(home: Home) -> bool:
    return (home.simulation_dir / "simulation.json").exists() and (home.simulation_dir / "police_db").exists()


def start_airflow(home: Home, *, cadence: bool, tell: Callable[[str], None] = _silent) -> airflow_client.Client:
    """Airflow, set up and healthy, knowing the connections of the simulated agencies. The databases must run."""
    tell("metadata and users")
    airflow.bootstrap(home)
    airflow.abandon_unfinished(home)
    client = airflow.start(home, cadence=cadence, tell=tell)
    if has_simulated_police(home):
        set_police_connection(home, client)
    return client


def set_police_connection(home: Home, client: airflow_client.Client) -> None:
    """Hands the reading role of the simulated police database to Airflow, which keeps it encrypted."""
    from infra.simulator import DATABASE, READER, police_cluster
    from infra.simulator.police_db import passwords

    client.set_connection(
        CONNECTION_OF_POLICE,
        {
            "conn_type": "postgres",
            "host": str(police_cluster(home).socket_dir),
            "login": READER,
            "password": passwords(home)[READER],
            "schema": DATABASE,
            "description": "SINTETIS: the police database that the simulator plays",
        },
    )


def stop(home: Home, tell: Callable[[str], None] = _silent) -> None:
    """Stops everything of this home; no process of it is left. Safe to call at any time."""
    from infra.superset import stack as superset

    tell("Superset")
    superset.stop(home)
    stop_airflow(home, tell)
    tell("PostgreSQL")
    stop_databases(home)
    leftovers = processes.marked_members(home.root)
    processes.send(leftovers, signal.SIGKILL)


def stop_airflow(home: Home, tell: Callable[[str], None] = _silent, grace: float = 12) -> None:
    """Stops Airflow in order; with a short `grace` where nothing is under way that could be cut."""
    tell("Airflow")
    airflow.stop(home, grace)
    (home.run_dir / "airflow-mode.json").unlink(missing_ok=True)


def stop_databases(home: Home) -> None:
    if (home.simulation_dir / "police_db").exists():
        from infra.simulator import police_cluster

        police_cluster(home).stop()
    metadata_cluster(home).stop()
