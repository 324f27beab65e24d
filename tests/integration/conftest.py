"""Servers that several integration tests speak to, started once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.object_store import KINDS, NoServer, ObjectStore, object_store


@pytest.fixture(scope="session", params=KINDS)
def store(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    """An S3 server, each kind in turn; skipped, with how to get it, where this machine has none."""
    yield from _started(request.param, tls=False)


@pytest.fixture(scope="session", params=KINDS)
def tls_store(request: pytest.FixtureRequest) -> Iterator[ObjectStore]:
    """The same behind TLS, under an authority that nobody else trusts."""
    yield from _started(request.param, tls=True)


def _started(kind: str, *, tls: bool) -> Iterator[ObjectStore]:
    try:
        server = object_store(kind, tls=tls)
        running = server.__enter__()
    except NoServer as reason:
        pytest.skip(str(reason))
    try:
        yield running
    finally:
        server.__exit__(None, None, None)
