"""Bytes that stay: objects and files of the lake, on disk before a call returns.

On a local folder every new file and the folders that name it are flushed (fsync); S3 answers only when it has stored.
What S3 leaves unanswered is asked again, a bounded number of times.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import random
import re
import time
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from ingestion.lake import Lake


T = TypeVar("T")

BUFFER_BYTES = 2**20
# Of what deltalake has already tried again itself, where it could: it gives up on an answer that breaks off.
TRIES = 5
LONGEST_SECONDS = 120.0


class LakeUnreachable(OSError):
    """The lake's storage did not answer, or refused. What was acknowledged stands; the same call may be made again."""


def patiently(lake: Lake, what: str, action: Callable[[], T]) -> T:
    """Do to `what` (a table, a path) what may be done twice; on S3 again after an error, at most TRIES times and not
    begun after LONGEST_SECONDS, then raises LakeUnreachable. That something is not there is an answer.
    """
    began = time.monotonic()
    for attempt in range(1, TRIES + 1):
        try:
            return action()
        except FileNotFoundError:
            raise
        except OSError as error:
            if lake.is_local:
                raise
            if _refusal(error) or attempt == TRIES or time.monotonic() - began > LONGEST_SECONDS:
                raise unreachable(lake, what, error) from None
        time.sleep(random.uniform(0, 0.1 * 2**attempt))
    raise AssertionError("every turn returns or raises")


def unreachable(lake: Lake, what: str, error: Exception) -> LakeUnreachable:
    """The error to raise: the end of an object store's story is its cause, which may say where, and no value."""
    refusal = _refusal(error)
    plain = re.sub(r"\x1b\[[0-9;]*m|\u21b3|<.*", "", str(error))
    cause = ": ".join(line.strip(" :") for line in plain.splitlines() if line.strip(" :"))[-160:]
    said = f"refuses ({refusal})" if refusal else f"does not answer ({cause})"
    return LakeUnreachable(
        f"{what}: the lake {lake.uri} {said}; check the AWS_* variables and the object store, then run it again"
    )


def _refusal(error: Exception) -> str | None:
    """What S3 calls its reason where it has refused, and would again."""
    text = str(error)
    found = re.search(r"<Code>(AccessDenied|InvalidAccessKeyId|SignatureDoesNotMatch|NoSuchBucket)</Code>", text)
    return found[1] if found else "AccessDenied" if re.search(r"\b403 Forbidden\b", text) else None


@dataclass(frozen=True)
class StoredObject:
    """One object of the lake: `path` relative to it, `size` in bytes, `modified` UTC by the storage's own clock."""

    path: str
    size: int
    modified: dt.datetime


def sync_file(path: Path) -> None:
    """Flush a file's content to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(path: Path) -> None:
    """Flush a folder's entries (the names of new files) to disk."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Create a folder and its parents, each new name flushed in its parent."""
    missing = []
    step = path
    while not step.exists():
        missing.append(step)
        step = step.parent
    for folder in reversed(missing):
        folder.mkdir(exist_ok=True)
        sync_folder(folder.parent)


def write_synced(path: Path, content: bytes | memoryview) -> None:
    """Write a file so that it is either whole or absent after a power cut."""
    make_folder(path.parent)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_log(table_uri: str, versions: Iterable[int]) -> None:
    """Flush the log entries (and checkpoints) of `versions` of a local Delta table."""
    log = Path(table_uri) / "_delta_log"
    for version in versions:
        for path in log.glob(f"{version:020d}.*"):
            # A rival's attempt at the same version lies beside it for a moment, as <name>#<number>.
            with contextlib.suppress(FileNotFoundError):
                sync_file(path)
    last = log / "_last_checkpoint"
    if last.exists():
        sync_file(last)
    sync_folder(log)


def _filesystem(lake: Lake) -> Any:
    from deltalake.fs import DeltaStorageHandler
    from pyarrow.fs import PyFileSystem

    return PyFileSystem(DeltaStorageHandler(lake.uri, lake.options))


def put_object(lake: Lake, path: str, content: bytes | memoryview) -> str:
    """Store one object at `path`, relative to the lake; returns its URI."""
    if lake.is_local:
        write_synced(Path(lake.uri) / path, content)
    else:
        patiently(lake, path, lambda: _upload(lake, path, content))
    return f"{lake.uri.rstrip('/')}/{path}"


def _upload(lake: Lake, path: str, content: bytes | memoryview) -> None:
    # In pieces smaller than the buffer: what passes it by reaches deltalake as a buffer of pyarrow's, which its writer
    # refuses (it takes bytes alone).
    whole, piece = memoryview(content), BUFFER_BYTES // 2
    with _filesystem(lake).open_output_stream(path, buffer_size=BUFFER_BYTES) as stream:
        for start in range(0, len(whole), piece):
            stream.write(whole[start : start + piece])


def get_object(lake: Lake, path: str) -> bytes:
    """Content of one object; FileNotFoundError when it is absent."""
    if lake.is_local:
        return (Path(lake.uri) / path).read_bytes()

    def read() -> bytes:
        with _filesystem(lake).open_input_file(path) as file:
            return bytes(file.read())

    return patiently(lake, path, read)


def delete_folder(lake: Lake, path: str) -> None:
    """Delete every object under `path`; nothing there is no error."""
    for found in list_objects(lake, path):
        delete_object(lake, found.path)


def delete_object(lake: Lake, path: str) -> None:
    """Delete one object; one that is absent is no error."""
    if lake.is_local:
        (Path(lake.uri) / path).unlink(missing_ok=True)
        return
    with contextlib.suppress(FileNotFoundError):
        patiently(lake, path, lambda: _filesystem(lake).delete_file(path))


def list_objects(lake: Lake, path: str) -> list[StoredObject]:
    """Every object under `path`, by path; nothing there gives none. One that vanishes meanwhile is left out."""
    if lake.is_local:
        root = Path(lake.uri)
        files = sorted(file for file in (root / path).rglob("*") if file.is_file() and not file.is_symlink())
        return [found for file in files if (found := _stored(file, file.relative_to(root).as_posix())) is not None]
    return [
        StoredObject(info.path, info.size or 0, info.mtime)
        for info in sorted(_listed(lake, path, recursive=True), key=lambda info: info.path)
        if info.is_file
    ]


def list_folders(lake: Lake, path: str) -> list[str]:
    """Names of the folders right under `path`, in order; nothing there gives none."""
    if lake.is_local:
        folder = Path(lake.uri) / path
        return sorted(child.name for child in folder.iterdir() if child.is_dir()) if folder.is_dir() else []
    return sorted(info.base_name for info in _listed(lake, path, recursive=False) if not info.is_file)


def _stored(file: Path, path: str) -> StoredObject | None:
    try:
        stat = file.stat()
    except FileNotFoundError:
        return None
    return StoredObject(path, stat.st_size, dt.datetime.fromtimestamp(stat.st_mtime, dt.UTC))


def _listed(lake: Lake, path: str, *, recursive: bool) -> list[Any]:
    from pyarrow.fs import FileSelector

    chosen = FileSelector(path, allow_not_found=True, recursive=recursive)
    return patiently(lake, path, lambda: list(_filesystem(lake).get_file_info(chosen)))
