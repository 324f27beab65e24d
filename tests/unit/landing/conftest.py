"""A house whose regions have landed, fresh for every test."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from tests.support.landing import House


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("prepared")
    House(root).with_regions()
    return root


@pytest.fixture
def house(prepared: Path, tmp_path: Path) -> House:
    root = tmp_path / "home"
    shutil.copytree(prepared, root)
    return House(root)


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power is cut here; what is flushed, and in which order, is for tests/unit/lake/test_sync.py."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
