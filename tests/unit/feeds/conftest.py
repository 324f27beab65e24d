"""Commands as a person gives them, on homes and contracts made on the spot."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Callable
from pathlib import Path

import pytest


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
