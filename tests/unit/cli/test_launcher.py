"""`./telaga` itself: what it needs, and what it says where that is missing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
TOOLS = ("sh", "dirname", "readlink", "env")


def launch(path: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(ROOT / "telaga"), *words],
        env={"PATH": str(path), "HOME": str(path), **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with a shell's tools and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        found = next(Path(place) / name for place in ("/usr/bin", "/bin") if (Path(place) / name).exists())
        (folder / name).symlink_to(found)
    return folder


def script(path: Path, text: str) -> None:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def test_without_python_one_line_says_what_is_missing(tools: Path) -> None:
    done = launch(tools, "status")
    assert done.returncode == 3
    assert done.stderr.splitlines() == ["telaga: missing: python3 3.11 or 3.12: install it, or put it first on PATH"]


def test_a_python_that_is_too_old_is_passed_over(tools: Path) -> None:
    script(tools / "python3", "echo version >&2; exit 1")
    done = launch(tools, "status")
    assert done.returncode == 3
    assert "3.11 or 3.12" in done.stderr


def test_a_python_without_venv_names_the_package(tools: Path) -> None:
    script(tools / "python3", "echo venv >&2; exit 1")
    done = launch(tools, "status")
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "python3-venv" in done.stderr


def test_the_next_python_is_taken_where_the_first_does_not_do(tools: Path, tmp_path: Path) -> None:
    script(tools / "python3", "echo version >&2; exit 1")
    (tools / "python3.11").symlink_to(sys.executable)
    done = launch(tools, "status", TELAGA_HOME=str(tmp_path / "home"))
    assert done.returncode == 0, done.stderr
    assert "none yet" in done.stdout


def test_it_works_through_a_link_and_from_elsewhere(tmp_path: Path) -> None:
    link = tmp_path / "telaga"
    link.symlink_to(ROOT / "telaga")
    done = subprocess.run([link, "--help"], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert "./telaga demo" in done.stdout


@pytest.mark.parametrize("command", ["demo", "run", "up", "down", "status", "test", "bench", "airflow", "lint"])
def test_every_command_has_its_own_help_without_any_environment(command: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [ROOT / "telaga", command, "--help"],
        env={**os.environ, "TELAGA_ENVS": str(tmp_path / "none"), "TELAGA_HOME": str(tmp_path / "home")},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    assert "example:" in done.stdout or "./telaga" in done.stdout
    assert not (tmp_path / "none").exists()
    assert not (tmp_path / "home").exists()


def test_a_wrong_day_is_refused_with_the_form_that_is_wanted() -> None:
    from infra.cli.walk import day
    from infra.settings import SettingsError

    with pytest.raises(SettingsError, match="2026-06-30"):
        day("30 June")
