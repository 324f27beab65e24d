"""Long-running processes of one home: started in a session of their own, recorded, found again, and stopped whole.

Airflow's tasks leave their process group (each calls setpgid) but not their session, so a session is what is stopped.
A process id alone is never trusted: ids are given again, so a record also carries the kernel's start time.
Only the standard library is needed here, so that `down` and `status` work with a bare Python. Linux only (/proc).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

# Carried by every process the stack starts and by all that these start; unlike TELAGA_HOME, no user's shell has it.
MARK = "TELAGA_STACK_HOME"
PROC = Path("/proc")


@dataclass(frozen=True)
class ProcessRecord:
    """One started process: its id, its start in clock ticks since boot, its session, and where it logs and listens."""

    name: str
    pid: int
    started: int
    session: int
    log: str
    port: int | None = None


@dataclass(frozen=True)
class _Stat:
    state: str
    parent: int
    session: int
    started: int


def _stat(pid: int) -> _Stat | None:
    try:
        text = (PROC / str(pid) / "stat").read_text()
    except OSError:
        return None
    # The command stands in parentheses and may hold spaces and parentheses itself: read after the last one.
    fields = text[text.rindex(")") + 2 :].split()
    return _Stat(state=fields[0], parent=int(fields[1]), session=int(fields[3]), started=int(fields[19]))


def started_at(pid: int) -> int | None:
    """Start of the process in clock ticks since boot; None when there is no such process."""
    stat = _stat(pid)
    return stat.started if stat else None


def is_alive(pid: int, started: int | None = None) -> bool:
    """Whether the process runs (a zombie does not) and, when its start is given, is still the same one."""
    stat = _stat(pid)
    return stat is not None and stat.state not in "ZX" and (started is None or stat.started == started)


def record_alive(record: ProcessRecord) -> bool:
    return is_alive(record.pid, record.started)


def _pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()]


def own_ancestry() -> frozenset[int]:
    """This process and all above it: never to be stopped by a clean-up."""
    pid, found = os.getpid(), set()
    while pid > 0 and pid not in found:
        found.add(pid)
        stat = _stat(pid)
        pid = stat.parent if stat else 0
    return frozenset(found)


def session_members(session: int) -> list[int]:
    """Ids of all live processes of a session."""
    members = []
    for pid in _pids():
        stat = _stat(pid)
        if stat and stat.session == session and stat.state not in "ZX":
            members.append(pid)
    return members


def marked_members(home: Path) -> list[int]:
    """Ids of all live processes that this home's stack started, directly or not, even where the parent is gone."""
    wanted = f"{MARK}={home}".encode()
    spared = own_ancestry()
    found = []
    for pid in _pids():
        if pid in spared:
            continue
        with contextlib.suppress(OSError):
            if wanted in (PROC / str(pid) / "environ").read_bytes().split(b"\0") and is_alive(pid):
                found.append(pid)
    return found


def working_in(folder: Path) -> list[int]:
    """Ids of live processes whose working folder is `folder` (PostgreSQL's processes stand in their data folder)."""
    wanted, found = str(folder.resolve()), []
    for pid in _pids():
        with contextlib.suppress(OSError):
            if str((PROC / str(pid) / "cwd").readlink()) == wanted and is_alive(pid):
                found.append(pid)
    return found


def send(pids: Iterable[int], number: signal.Signals) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def wait_until(condition: Callable[[], bool], seconds: float, pause: float = 0.1) -> bool:
    """Polls until the condition holds; False when the time has run out."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(pause)
    return True


def start(
    name: str,
    command: Sequence[str],
    *,
    home: Path,
    run_dir: Path,
    log: Path,
    environment: Mapping[str, str],
    cwd: Path,
    port: int | None = None,
) -> ProcessRecord:
    """Starts a process in its own session, output to `log` (appended), and records it in `run_dir/<name>.json`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as output:
        process = subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**environment, MARK: str(home)},
            cwd=cwd,
            start_new_session=True,
        )
    record = ProcessRecord(name, process.pid, started_at(process.pid) or 0, process.pid, str(log), port)
    write_json(run_dir / f"{name}.json", asdict(record))
    # The handle is dropped on purpose: the record is what stops it, from this process or a later one.
    _reap_later(process)
    return record


_STARTED: list[subprocess.Popen[bytes]] = []


def _reap_later(process: subprocess.Popen[bytes]) -> None:
    # Keeps the handle so that Python warns of no abandoned child; poll() reaps those that ended.
    for other in _STARTED:
        other.poll()
    _STARTED.append(process)


def records(run_dir: Path) -> list[ProcessRecord]:
    """All recorded processes, alive or not; files that are no record are passed over."""
    found = []
    for path in sorted(run_dir.glob("*.json")):
        with contextlib.suppress(ValueError, TypeError, OSError):
            found.append(ProcessRecord(**json.loads(path.read_text())))
    return found


def forget(run_dir: Path, name: str) -> None:
    (run_dir / f"{name}.json").unlink(missing_ok=True)


def stop(
    record: ProcessRecord, run_dir: Path, *, grace: float, number: signal.Signals = signal.SIGTERM, pause: float = 0.1
) -> bool:
    """Asks the process to end, waits `grace` seconds, then kills what is left of its session.

    Returns whether it ended by itself. A record whose process is gone still has its session cleared of what it left
    behind, but only of processes that carry this stack's mark: the session number may be another's by now.
    """
    ended = True
    if record_alive(record):
        send([record.pid], number)
        ended = wait_until(lambda: not record_alive(record), grace, pause)
    leftovers = [pid for pid in session_members(record.session) if pid == record.pid or _is_marked(pid)]
    if leftovers:
        send(leftovers, signal.SIGKILL)
        wait_until(lambda: not any(is_alive(pid) for pid in leftovers), 5, pause)
    for process in _STARTED:
        process.poll()
    forget(run_dir, record.name)
    return ended


def _is_marked(pid: int) -> bool:
    try:
        return f"{MARK}=".encode() in (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False


def write_json(path: Path, content: object, mode: int = 0o600) -> None:
    """Writes a small JSON file whole or not at all, readable by its owner only unless told otherwise."""
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2, default=str)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
