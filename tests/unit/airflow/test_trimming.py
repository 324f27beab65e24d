"""Logs are trimmed by age and size, and a component that is writing its log goes on."""

from __future__ import annotations

import datetime as dt
import os
from pathlib import Path

import pytest

from infra.airflow import trimming
from infra.airflow.trimming import TABLES, trim_logs
from infra.settings import Home
from infra.stack.airflow_client import task_logs

NOW = dt.datetime.now(dt.UTC)
BEFORE = NOW - dt.timedelta(days=90)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home").make()


def write(path: Path, days: float, content: str = "a line\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    then = NOW.timestamp() - days * 86400
    for each in (path, path.parent):
        os.utime(each, (then, then))
    return path


def test_old_task_logs_go_and_young_ones_stay(home: Home) -> None:
    folder = task_logs(home) / "dag_id=pull_camera_events"
    old = write(folder / "run_id=1" / "attempt=1.log", 91)
    young = write(folder / "run_id=2" / "attempt=1.log", 89)
    parsed = write(home.logs_dir / "dag_processor" / "2026" / "build_marts.py.log", 120)
    assert trim_logs(home, BEFORE).deleted == 2
    assert (old.exists(), young.exists(), parsed.exists()) == (False, True, False)


def test_a_folder_that_stood_empty_for_as_long_goes_as_well(home: Home) -> None:
    old = write(task_logs(home) / "run_id=1" / "attempt=1.log", 91)
    trim_logs(home, BEFORE)
    assert old.parent.is_dir(), "just emptied: a task may be about to write there"
    os.utime(old.parent, (0, 0))
    trim_logs(home, BEFORE)
    assert not old.parent.exists()


def test_what_a_link_leads_to_is_left_alone(home: Home, tmp_path: Path) -> None:
    outside = write(tmp_path / "elsewhere" / "file.log", 200)
    task_logs(home).mkdir(parents=True)
    (task_logs(home) / "latest").symlink_to(outside.parent)
    assert trim_logs(home, BEFORE).deleted == 0
    assert outside.exists()


def test_alerts_and_component_logs_of_ordinary_size_stay_whatever_their_age(home: Home) -> None:
    kept = [write(home.alerts_path, 200), write(home.logs_dir / "scheduler.log", 200)]
    trimmed = trim_logs(home, BEFORE)
    assert (trimmed.deleted, trimmed.cut) == (0, 0)
    assert all(path.exists() for path in kept)


def test_a_component_log_that_grew_too_large_keeps_its_newest_lines_and_its_writer(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trimming, "COMPONENT_LOG_BYTES", 1000)
    monkeypatch.setattr(trimming, "COMPONENT_LOG_KEPT", 200)
    path = home.logs_dir / "scheduler.log"
    with path.open("ab", buffering=0) as component:
        for number in range(500):
            component.write(f"line {number}\n".encode())
        assert trim_logs(home, BEFORE).cut == 1
        component.write(b"line 500\n")
    lines = path.read_text().splitlines()
    assert lines[-2:] == ["line 499", "line 500"]
    assert lines == [f"line {number}" for number in range(501 - len(lines), 501)]
    assert path.stat().st_size <= 300


def test_a_home_without_logs_is_no_error(home: Home) -> None:
    assert trim_logs(home, BEFORE).deleted == 0


def test_the_dags_themselves_are_never_trimmed() -> None:
    assert not {"dag", "dag_version"} & set(TABLES)
