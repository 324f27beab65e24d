"""Commands as a person gives them, on homes and contracts made on the spot."""

from __future__ import annotations

import argparse
import importlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.landing import House
from tests.support.sealed import SealedHouse


@pytest.fixture
def telaga(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple]:
    """Runs `telaga COMMAND ...` in a home of its own; gives exit code, standard output, standard error."""
    monkeypatch.setenv("TELAGA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("TELAGA_LAKE", raising=False)

    def do(command: str, *given: object) -> tuple[int, str, str]:
        module = importlib.import_module(f"infra.cli.commands.{command}")
        parser = argparse.ArgumentParser(allow_abbrev=False)
        module.configure(parser)
        capsys.readouterr()
        code = module.run(parser.parse_args([str(part) for part in given]))
        told = capsys.readouterr()
        return code, told.out, told.err

    return do


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("prepared")
    SealedHouse(root).with_regions()
    return root


@pytest.fixture
def house(prepared: Path, tmp_path: Path) -> SealedHouse:
    """A house whose regions have landed and whose calls come as sealed drops of `police`."""
    root = tmp_path / "home"
    shutil.copytree(prepared, root)
    return SealedHouse(root)


@pytest.fixture
def plain_house(prepared: Path, tmp_path: Path) -> House:
    """The same house with every feed in plain files; its root is the home that `telaga` works on."""
    root = tmp_path / "home"
    shutil.copytree(prepared, root)
    return House(root)


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """No power is cut here; what is flushed, and in which order, is for tests/unit/lake/test_sync.py."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)
