"""Nothing is flushed in these tests, but in those that are about flushing."""

from __future__ import annotations

import os

import pytest


@pytest.fixture
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power is cut here; what is flushed, and in which order, is for test_sync.py."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
