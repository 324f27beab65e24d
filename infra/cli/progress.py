"""One line a step, with the seconds since the command began; on a terminal the line lives until the step ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

# Where output goes to a file, a changing step writes a line at most this often (seconds).
QUIET = 15.0


class Step:
    """The step under way; call it with what is known of it now."""

    def __init__(self, progress: Progress, title: str) -> None:
        self._progress = progress
        self._title = title
        self._detail = ""
        self._shown_at = time.monotonic()

    def __call__(self, detail: str) -> None:
        if detail == self._detail:
            return
        self._detail = detail
        if self._progress.live:
            self._progress.draw(self.text)
        elif time.monotonic() - self._shown_at >= QUIET:
            self._progress.write(self.text)
            self._shown_at = time.monotonic()

    @property
    def text(self) -> str:
        return f"{self._title}: {self._detail}" if self._detail else self._title


class Progress:
    """Lines on standard error, so that standard output stays for results."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self.live = self._stream.isatty()
        self._began = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def draw(self, text: str) -> None:
        self._stream.write(f"\r\x1b[2K{self._stamp()} {text[:150]}")
        self._stream.flush()

    def write(self, text: str) -> None:
        start = "\r\x1b[2K" if self.live else ""
        self._stream.write(f"{start}{self._stamp()} {text}\n")
        self._stream.flush()

    def _stamp(self) -> str:
        return f"{self.seconds:6.1f} s "

    @contextmanager
    def step(self, title: str) -> Iterator[Step]:
        """Shows the step while the block runs and keeps one line of how it ended."""
        step = Step(self, title)
        began = time.monotonic()
        if self.live:
            self.draw(title)
        try:
            yield step
        except BaseException:
            self.write(f"{step.text} - failed")
            raise
        self.write(f"{step.text} ({time.monotonic() - began:.1f} s)")
