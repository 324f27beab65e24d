"""A Spark Connect server with Delta, for tests: Spark from the environment `spark`, Delta's jars from Maven.

Starts only where Java 17 and the jars can be had; `Unavailable` says what is missing, for a test to skip with.
The jars are fetched once and kept beside the environments.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.cli import envs
from infra.settings import SettingsError, locked

POM = Path(__file__).parent / "spark" / "pom.xml"
OLDEST_JAVA = 17
MEMORY = "2g"
STARTS_WITHIN = 120  # seconds


class Unavailable(RuntimeError):
    """This machine has no Java 17, no Maven or no way to the jars; the message says which."""


def java() -> str:
    """The Java to run Spark with. Raises Unavailable where there is none of version 17 or later."""
    home = os.environ.get("JAVA_HOME")
    found = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if not found or not Path(found).exists():
        raise Unavailable("Java 17 is not installed")
    said = subprocess.run([found, "-version"], capture_output=True, text=True).stderr
    version = re.search(r'version "(\d+)', said)
    if not version or int(version[1]) < OLDEST_JAVA:
        raise Unavailable(f"Java {version[1] if version else 'of unknown version'} is older than {OLDEST_JAVA}")
    return found


def jars() -> Path:
    """Folder of Delta's jars, fetched at first use. Raises Unavailable where Maven or its repository is missing."""
    digest = hashlib.sha256(POM.read_bytes()).hexdigest()[:12]
    folder = envs.folder() / f"spark-jars-{digest}"
    with locked(envs.folder() / ".spark-jars.lock"):
        if folder.is_dir():
            return folder
        maven = shutil.which("mvn")
        if not maven:
            raise Unavailable("Maven (mvn), which fetches Delta's jars, is not installed")
        new = folder.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        command = [maven, "-q", "-B", "-f", str(POM), "dependency:copy-dependencies", f"-DoutputDirectory={new}"]
        try:
            ended = subprocess.run(command, capture_output=True, timeout=300)
        except subprocess.TimeoutExpired:
            raise Unavailable("Maven did not fetch Delta's jars within 5 minutes") from None
        if ended.returncode or not any(new.glob("delta-spark*.jar")):
            raise Unavailable(f"Maven could not fetch Delta's jars (exit {ended.returncode})")
        new.rename(folder)
    return folder


def spark_home() -> Path:
    """Spark as the package pyspark carries it. Raises Unavailable where the environment cannot be made."""
    try:
        python = envs.ensure("spark", print)
    except SettingsError as error:
        raise Unavailable(str(error)) from None
    found = sorted(python.parents[1].glob("lib/python3.*/site-packages/pyspark"))
    if not found:
        raise Unavailable("environment spark holds no pyspark")
    return found[0]


@contextmanager
def spark_server(folder: Path, *, memory: str = MEMORY) -> Iterator[str]:
    """Runs a server on a free port of this machine alone; yields its SPARK_REMOTE.

    `folder` takes its warehouse, metastore and log. Raises Unavailable, or RuntimeError naming the log where a server
    that should start does not.
    """
    found, delta, home = java(), jars(), spark_home()
    folder.mkdir(parents=True, exist_ok=True)
    port = _free_port()
    settings = {
        "spark.connect.grpc.binding.address": "127.0.0.1",
        "spark.connect.grpc.binding.port": port,
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.extraClassPath": f"{delta}/*",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.warehouse.dir": folder / "warehouse",
        "spark.local.dir": folder / "local",
        "spark.sql.shuffle.partitions": 1,
        "spark.ui.enabled": "false",
        # Small tables: their plans take longer to compile than to run.
        "spark.sql.codegen.wholeStage": "false",
        "spark.sql.codegen.factoryMode": "NO_CODEGEN",
        "spark.sql.adaptive.enabled": "false",
        "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
        "spark.databricks.delta.snapshotPartitions": 1,
    }
    command = [str(home / "bin" / "spark-submit"), "--master", "local[2]", "--driver-memory", memory]
    command += ["--class", "org.apache.spark.sql.connect.service.SparkConnectServer", "--name", "telaga-test"]
    for name, value in settings.items():
        command += ["--conf", f"{name}={value}"]
    variables = {**os.environ, "SPARK_HOME": str(home), "JAVA_HOME": str(Path(found).resolve().parents[1])}
    # The client's own wish would make spark-submit a client.
    variables.pop("SPARK_REMOTE", None)
    log = folder / "spark.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, "spark-internal"],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=variables,
            start_new_session=True,
            preexec_fn=_end_with_me,
        )
    try:
        _wait(process, port, log)
        yield f"sc://127.0.0.1:{port}"
    finally:
        _stop(process)


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + STARTS_WITHIN
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"Spark ended with code {process.returncode} before it listened; see {log}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.5)
    raise RuntimeError(f"Spark did not listen within {STARTS_WITHIN} s; see {log}")


def _end_with_me() -> None:
    """A test run that is killed has no time to stop its server: the kernel does."""
    set_parent_death_signal = 1
    ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGTERM)


def _stop(process: subprocess.Popen[bytes]) -> None:
    # Its own session: the shell of spark-submit and the Java below it.
    for sent in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, sent)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=20)
            return
