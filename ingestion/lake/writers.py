"""Who writes which table now: file locks of a home, shared by writers, taken alone by maintenance.

A lock is the kernel's (flock), so it goes with its process, however that ends. The name of a lock is a table
(`minimised/police_record`) or a whole kind (`control`), for work that writes several tables of one.
"""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from ingestion.lake import KINDS


@dataclass(frozen=True)
class Writers:
    """The locks of one home, as empty files in `folder`. All processes that write a lake must name the same folder."""

    folder: Path

    @contextmanager
    def writing(self, *names: str) -> Iterator[None]:
        """Hold while writing; waits while maintenance has one of the tables. Raises ValueError for a wrong name."""
        with ExitStack() as held:
            # In one order everywhere: two writers that wait can never wait for each other.
            for name in sorted(set(names)):
                self._take(held, name, fcntl.LOCK_SH)
            yield

    @contextmanager
    def alone(self, kind: str, name: str) -> Iterator[bool]:
        """Whether nobody writes the table; while True is held, writers wait. Never waits itself."""
        with ExitStack() as held:
            try:
                for lock in (kind, f"{kind}/{name}"):
                    self._take(held, lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held.close()
                yield False
            else:
                yield True

    def _take(self, held: ExitStack, name: str, how: int) -> None:
        kind, _, table = name.partition("/")
        if kind not in KINDS or "/" in table:
            raise ValueError(f"no lock {name!r}: name a kind of table or kind/table")
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = held.enter_context((self.folder / f"{name.replace('/', '.')}.lock").open("a"))
        fcntl.flock(file, how)
