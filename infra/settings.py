"""Where a home keeps what: folders, its city, its secrets, its lake. The only place that reads TELAGA_* variables.

Standard library only, so that `status`, `down` and `--help` answer without any environment; the lake is imported
when it is asked for.
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingestion.lake import Lake

REPOSITORY = Path(__file__).resolve().parent.parent
FEEDS = REPOSITORY / "ingestion" / "feeds"


class SettingsError(RuntimeError):
    """Something about the home or the command is not as it must be; the message says what to do."""


class OtherCity(SettingsError):
    """The home belongs to another city than the one asked for."""


@dataclass(frozen=True)
class HomeState:
    """What home.json says: the home's city, the folder of its feeds, its clock (None: today in the city)."""

    city: str
    city_dir: Path
    as_of: date | None
    created_at: str


@dataclass(frozen=True)
class Home:
    """One TELAGA_HOME. Paths are absolute; only those that a caller makes exist."""

    root: Path

    @property
    def keys_dir(self) -> Path:
        return self.root / "keys"

    @property
    def lake_dir(self) -> Path:
        return self.root / "lake"

    @property
    def serving_dir(self) -> Path:
        return self.root / "serving"

    @property
    def build_dir(self) -> Path:
        return self.root / "build"

    @property
    def metadata_dir(self) -> Path:
        return self.root / "metadata"

    @property
    def airflow_dir(self) -> Path:
        return self.root / "airflow"

    @property
    def superset_dir(self) -> Path:
        return self.root / "superset"

    @property
    def logs_dir(self) -> Path:
        return self.root / "logs"

    @property
    def run_dir(self) -> Path:
        return self.root / "run"

    @property
    def duckdb_extensions_dir(self) -> Path:
        return self.root / "duckdb_extensions"

    @property
    def simulation_dir(self) -> Path:
        return self.root / "simulation"

    @property
    def summary_path(self) -> Path:
        return self.root / "run-summary.json"

    @property
    def state_path(self) -> Path:
        return self.root / "home.json"

    @property
    def alerts_path(self) -> Path:
        return self.logs_dir / "alerts.jsonl"

    @property
    def secrets_path(self) -> Path:
        return self.keys_dir / "secrets.json"

    def make(self) -> Home:
        """Makes the home's own folders, closed to others (0700: PostgreSQL, keys and logs lie below)."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in (self.keys_dir, self.run_dir, self.logs_dir):
            folder.mkdir(mode=0o700, exist_ok=True)
        self.keys_dir.chmod(0o700)
        return self

    def state(self) -> HomeState | None:
        """The home's city and clock; None while it holds no city yet."""
        try:
            read = json.loads(self.state_path.read_text())
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise SettingsError(f"{self.state_path} is not JSON: repair it or take another TELAGA_HOME") from error
        as_of = date.fromisoformat(read["as_of"]) if read.get("as_of") else None
        return HomeState(read["city"], Path(read["city_dir"]), as_of, read["created_at"])

    def claim(self, city: str, city_dir: Path) -> HomeState:
        """Makes this the home of a city, or confirms that it is; raises OtherCity with the command to use instead."""
        state = self.state()
        if state is None:
            state = HomeState(city, city_dir, None, datetime.now(UTC).isoformat(timespec="seconds"))
            self._write_state(state)
        elif state.city != city:
            named = city if city_dir.parent == FEEDS else str(city_dir)
            raise OtherCity(
                f"{self.root} belongs to {state.city}; use another home for {city}: "
                f"TELAGA_HOME=.telaga-{city} ./telaga run --city {named}"
            )
        elif state.city_dir != city_dir:
            # The same city from a clone or folder that has moved.
            state = HomeState(state.city, city_dir, state.as_of, state.created_at)
            self._write_state(state)
        return state

    def set_clock(self, as_of: date | None) -> None:
        """Sets the day that every step calls today; None for the real one. The home must have its city."""
        state = self.state()
        if state is None:
            raise SettingsError(f"{self.root} holds no city yet: run ./telaga demo or ./telaga run first")
        if state.as_of != as_of:
            self._write_state(HomeState(state.city, state.city_dir, as_of, state.created_at))

    def _write_state(self, state: HomeState) -> None:
        content = {
            "city": state.city,
            "city_dir": str(state.city_dir),
            "as_of": state.as_of.isoformat() if state.as_of else None,
            "created_at": state.created_at,
        }
        _write_private(self.state_path, json.dumps(content, indent=2) + "\n")

    def secret(self, name: str, nbytes: int = 48) -> str:
        """The home's secret of that name: random, URL-safe, made at first use, kept in keys/secrets.json (0600)."""
        return self.secrets(name, nbytes=nbytes)[name]

    def secrets(self, *names: str, nbytes: int = 48) -> dict[str, str]:
        """Several secrets at once, made where they do not exist; safe against another process doing the same."""
        self.make()
        with locked(self.keys_dir / ".lock"):
            known: dict[str, str] = {}
            if self.secrets_path.exists():
                known = json.loads(self.secrets_path.read_text())
            missing = {name: secrets.token_urlsafe(nbytes) for name in names if name not in known}
            if missing:
                _write_private(self.secrets_path, json.dumps({**known, **missing}, indent=2) + "\n")
            return {name: {**known, **missing}[name] for name in names}

    def lake_uri(self, environment: Mapping[str, str] = os.environ) -> str:
        """TELAGA_LAKE (a folder or s3://bucket/prefix), else the folder `lake` of this home."""
        return environment.get("TELAGA_LAKE") or str(self.lake_dir)

    def lake(self) -> Lake:
        """The lake, with the standard AWS_* variables as storage options where it is an object store."""
        from ingestion.lake import Lake

        uri = self.lake_uri()
        if "://" in uri:
            self._trust()
            return Lake(uri, storage_options())
        return Lake(str(Path(uri).absolute()), {})

    def _trust(self) -> None:
        """deltalake and Polars take authorities from SSL_CERT_FILE alone: in this process and what it starts it gets
        those of AWS_CA_BUNDLE beside those that it had."""
        import ssl

        together = self.run_dir / "authorities.pem"
        bundle, known = os.environ.get("AWS_CA_BUNDLE"), os.environ.get("SSL_CERT_FILE")
        if not bundle or known in (bundle, str(together)):
            return
        files = [Path(file) for file in (known or ssl.get_default_verify_paths().cafile, bundle) if file]
        content = "\n".join(file.read_text() for file in files if file.is_file())
        if not together.exists() or together.read_text() != content:
            self.make()
            _write_private(together, content)
        os.environ["SSL_CERT_FILE"] = str(together)


def storage_options(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Options of the lake's object store from the standard AWS_* variables, under the names object_store reads."""
    return {name: value for name, value in environment.items() if name.startswith("AWS_") and value}


def current_home() -> Home:
    """The home that TELAGA_HOME names; `.telaga` in the clone where it is unset."""
    named = os.environ.get("TELAGA_HOME")
    return Home(Path(named).expanduser().absolute() if named else REPOSITORY / ".telaga")


def city_folder(name_or_dir: str) -> Path:
    """Folder of a city's feeds: a shipped city by name, or any folder with a city.yaml."""
    shipped = FEEDS / name_or_dir
    for folder in (shipped, Path(name_or_dir).expanduser().absolute()):
        if (folder / "city.yaml").is_file():
            return folder
    known = ", ".join(sorted(path.parent.name for path in FEEDS.glob("*/city.yaml"))) or "none"
    raise SettingsError(f"no city {name_or_dir}: neither a shipped one ({known}) nor a folder with a city.yaml")


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Holds a file lock; the kernel lets go of it when the process ends, however it ends."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _write_private(path: Path, text: str) -> None:
    # Created closed, not closed afterwards; whole or not at all, also across a power cut.
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
