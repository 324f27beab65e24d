"""Superset of a throw-away home over the fixture release, and a browser to look at it with.

Run `python -m tests.support.superset_home PICTURE.png` to draw the picture of the README again, or with
`--url http://127.0.0.1:PORT --password PASSWORD` to take it from a Superset that runs already.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from infra.settings import Home, city_folder
from infra.stack.metadata import start_metadata
from infra.superset import stack
from tests.support.fixture_release import make


@dataclass(frozen=True)
class Served:
    """A running Superset: its home and address."""

    home: Home
    url: str

    def password(self, user: str) -> str:
        return self.home.secret(stack.secret_name(user))


@contextmanager
def served(root: Path) -> Iterator[Served]:
    """Superset over the fixture release in `root`, set up and running; stopped with its PostgreSQL afterwards."""
    home = Home(root).make()
    home.claim("nusantara", city_folder("nusantara"))
    make(home.serving_dir)
    cluster = start_metadata(home)
    try:
        stack.bootstrap(home)
        yield Served(home, stack.start(home))
    finally:
        stack.stop(home)
        cluster.stop()
