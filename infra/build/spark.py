"""The engine `spark`: a Spark Connect server at SPARK_REMOTE counts and presents, the lake is written from here.

Spark reads the pinned Delta tables by their path and keeps its results in scratch databases of its own warehouse, as
DuckDB does in its file. What a finished step leaves there is fetched and stored like DuckDB's: a table gets a new
version only where its rows changed, and the server needs no right to write into the lake.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from infra.build.settings import BuildFailed

if TYPE_CHECKING:
    from infra.build.settings import BuildSettings

REMOTE = "SPARK_REMOTE"
CLIENT = Path(__file__).with_name("spark_client.py")
DEFAULT_PORT = 15002
LACKING = 3
TIMEOUT = 1800  # seconds, of one fetch
HOW = (
    "start a Spark Connect server (Spark 4.1 with Delta, Java 17) and set SPARK_REMOTE=sc://HOST:PORT; "
    "docs/engines.md shows the call"
)


def interpreter() -> str:
    """Python of the environment `spark`. Raises BuildFailed where it is not installed."""
    from infra.cli import envs

    if not envs.is_ready("spark"):
        raise BuildFailed("the environment spark is not installed: ./telaga run --engine spark installs it")
    return str(envs.python("spark"))


def reachable() -> None:
    """Asks whether someone listens at SPARK_REMOTE. Raises BuildFailed with what to do.

    Asked first: Spark's own client tries again for many minutes.
    """
    remote = os.environ.get(REMOTE, "")
    if not remote:
        raise BuildFailed(f"{REMOTE} is unset: {HOW}")
    address = urlsplit(remote)
    try:
        at = (address.hostname or "", address.port or DEFAULT_PORT)
    except ValueError:
        at = ("", 0)
    if address.scheme != "sc" or not at[0]:
        # A remote may carry a token: it is not repeated.
        raise BuildFailed(f"{REMOTE} is no address of Spark Connect (sc://HOST:PORT): {HOW}")
    try:
        socket.create_connection(at, timeout=5).close()
    except OSError as error:
        raise BuildFailed(f"nothing answers at {REMOTE} ({at[0]}:{at[1]}, {error.strerror or error}): {HOW}") from None


def check(logs_dir: Path) -> None:
    """A server that answers and reads Delta. Raises BuildFailed with what it lacks."""
    reachable()
    _client(logs_dir, "check")


def schema(settings: BuildSettings) -> str:
    """Prefix of a build's scratch databases. Homes may share a server, and a server without a metastore that was
    killed has forgotten the databases of a run but not their folders."""
    return f"{_home(settings)}_{_digest(settings.run_id)}"


def _home(settings: BuildSettings) -> str:
    return f"telaga_{_digest(str(settings.build_dir.absolute()))}"


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def fetch(settings: BuildSettings, name: str) -> dict[str, Path]:
    """Tables of one schema (intermediate or marts) as Parquet files in the build's scratch: table -> file."""
    folder = settings.build_dir / "spark" / name
    shutil.rmtree(folder, ignore_errors=True)
    _client(settings.logs_dir, "fetch", f"{schema(settings)}_{name}", str(folder))
    return {path.stem: path for path in sorted(folder.glob("*.parquet"))}


def clear(settings: BuildSettings) -> None:
    """Drop the scratch of this home's builds, on the server and here. Raises as `check`."""
    reachable()
    _client(settings.logs_dir, "drop", f"{_home(settings)}_")
    shutil.rmtree(settings.build_dir / "spark", ignore_errors=True)


def _client(logs_dir: Path, *words: str) -> None:
    logs_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = logs_dir / "spark-client.log"
    try:
        with log.open("w", encoding="utf-8") as errors:
            ended = subprocess.run(
                [interpreter(), str(CLIENT), *words],
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                timeout=TIMEOUT,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise BuildFailed(f"Spark took longer than {TIMEOUT} s to {words[0]}; see {log}") from None
    if ended.returncode == LACKING:
        raise BuildFailed(ended.stdout.strip())
    if ended.returncode:
        raise BuildFailed(f"Spark could not {words[0]} (exit {ended.returncode}); see {log}")
