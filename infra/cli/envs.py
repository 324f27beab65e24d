"""Python environments from hash-locked requirement files: made at first use, kept, refreshed when their lock changes.

Runs on a bare Python 3.11 or 3.12: standard library only. All lie in TELAGA_ENVS (default: `.venvs` in the clone):
`bootstrap` holds uv, `main` Airflow, dbt and the lake, `superset` Superset, `test` the tools laid over `main`, `peers`
the servers that tests speak to, `spark` dbt's client of Spark Connect.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from infra.settings import REPOSITORY, SettingsError, locked

REQUIREMENTS = REPOSITORY / "infra" / "requirements"
STAMP = "telaga.stamp"
# Lock files of each environment; the first is what it holds, a change of any refreshes it.
LOCKS: Mapping[str, tuple[str, ...]] = {
    "bootstrap": ("bootstrap.txt",),
    "main": ("main.txt",),
    "superset": ("superset.txt",),
    "test": ("test.txt", "main.txt"),
    "peers": ("peers.txt",),
    "spark": ("spark.txt",),
}
SIZES = {"main": "1.3 GB", "superset": "0.9 GB", "test": "0.2 GB", "peers": "0.6 GB", "spark": "0.9 GB"}


def folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Folder of all environments."""
    named = environment.get("TELAGA_ENVS")
    return Path(named).expanduser().absolute() if named else REPOSITORY / ".venvs"


def python(name: str) -> Path:
    """The environment's interpreter, whether it exists or not."""
    return folder() / name / "bin" / "python"


def is_inside(name: str) -> bool:
    """Whether this process runs in that environment, up to date."""
    return Path(sys.prefix) == folder().resolve() / name and is_ready(name)


def digest(name: str) -> str:
    """What an up-to-date environment's stamp says: its locks and the Python version it was made with."""
    found = hashlib.sha256()
    for lock in LOCKS[name]:
        found.update((REQUIREMENTS / lock).read_bytes())
    return f"{found.hexdigest()}\n"


def is_ready(name: str) -> bool:
    """Whether the environment can be used as it stands."""
    stamp = folder() / name / STAMP
    try:
        # The interpreter is a link to the system's, which an upgrade may have taken away.
        return stamp.read_text() == digest(name) and python(name).exists()
    except OSError:
        return False


def ensure(name: str, tell: Callable[[str], None]) -> Path:
    """Makes or refreshes the environment if need be; returns its interpreter.

    Safe against a second command doing the same (it waits) and against having been killed (it is done again).
    Raises SettingsError naming the step that failed; the tool's own words are on standard error.
    """
    if is_ready(name):
        return python(name)
    with locked(folder() / f".{name}.lock"):
        if is_ready(name):
            return python(name)
        (folder() / name / STAMP).unlink(missing_ok=True)
        if name == "bootstrap":
            _make_bootstrap(tell)
        else:
            _make_with_uv(name, tell)
        (folder() / name / STAMP).write_text(digest(name))
    return python(name)


def _make_bootstrap(tell: Callable[[str], None]) -> None:
    tell("making the installer's environment (uv)")
    home = folder() / "bootstrap"
    shutil.rmtree(home, ignore_errors=True)
    _run("python3 -m venv", [sys.executable, "-m", "venv", str(home)])
    install = [
        str(python("bootstrap")),
        "-m",
        "pip",
        "install",
        "--quiet",
        "--require-hashes",
        "--only-binary",
        ":all:",
    ]
    _run("pip install uv", [*install, "--disable-pip-version-check", "-r", str(REQUIREMENTS / "bootstrap.txt")])


def _make_with_uv(name: str, tell: Callable[[str], None]) -> None:
    base = str(ensure("main", tell)) if name == "test" else sys.executable
    ensure("bootstrap", tell)
    uv = str(folder() / "bootstrap" / "bin" / "uv")
    variables = _uv_environment()
    tell(f"installing environment {name} (about {SIZES[name]}) into {folder() / name}")
    if not _works(python(name)):
        shutil.rmtree(folder() / name, ignore_errors=True)
        _run("uv venv", [uv, "venv", "--quiet", "--python", _base_of(base), str(folder() / name)], variables)
    # sync, not install: a lock made with an override holds no hash for what the override took out.
    sync = [uv, "pip", "sync", "--require-hashes", "--compile-bytecode", "--python", str(python(name))]
    _run("uv pip sync", [*sync, str(REQUIREMENTS / LOCKS[name][0])], variables)
    if name == "test":
        _see_main()


def _see_main() -> None:
    main, test = (_site_packages(name) for name in ("main", "test"))
    # Last by name, so that the tools' own versions come first on the path.
    (test / "zz_main.pth").write_text(f"{main}\n")


def _site_packages(name: str) -> Path:
    found = sorted((folder() / name / "lib").glob("python3.*/site-packages"))
    if not found:
        raise SettingsError(f"environment {name} in {folder()} is broken: remove that folder and run again")
    return found[0]


def _base_of(interpreter: str) -> str:
    # An environment made from another one's interpreter would break when that one is made anew.
    code = "import sys; print(getattr(sys, '_base_executable', None) or sys.executable)"
    return subprocess.run([interpreter, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _works(interpreter: Path) -> bool:
    try:
        return subprocess.run([interpreter, "-c", ""], capture_output=True, timeout=60).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _uv_environment() -> dict[str, str]:
    """uv reads neither pip's settings nor its variables: a site's own index and certificates are handed on."""
    variables = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "" if sys.stderr.isatty() else "1"}
    variables = {name: value for name, value in variables.items() if value}
    if not any(name in variables for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX")):
        index = variables.get("PIP_INDEX_URL") or _pip_setting("index-url")
        if index:
            variables["UV_DEFAULT_INDEX"] = index
    certificate = variables.get("PIP_CERT") or _pip_setting("cert")
    if certificate and "SSL_CERT_FILE" not in variables:
        variables["SSL_CERT_FILE"] = certificate
    return variables


def _pip_setting(name: str) -> str | None:
    asked = [str(python("bootstrap")), "-m", "pip", "config", "get", f"global.{name}"]
    done = subprocess.run(asked, capture_output=True, text=True)
    return done.stdout.strip() or None if done.returncode == 0 else None


def _run(title: str, command: list[str], variables: Mapping[str, str] | None = None) -> None:
    # The tools' words go to standard error, where the progress is.
    done = subprocess.run(command, stdout=sys.stderr, env=dict(variables) if variables else None)
    if done.returncode != 0:
        raise SettingsError(f"{title} failed (exit {done.returncode}); is the package index reachable? Then run again")
