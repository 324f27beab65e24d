"""The audit trail keeps who read what, and nothing of what was asked in free text."""

from __future__ import annotations

import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from infra.superset.audit import Trail, request_entry


def request(**parts: Any) -> SimpleNamespace:
    body = parts.pop("body", None)
    empty: dict[str, Any] = {
        "form": {},
        "args": {},
        "remote_addr": "127.0.0.1",
        "method": "POST",
        "is_json": body is not None,
    }
    return SimpleNamespace(**{**empty, **parts}, get_json=lambda silent: body)


def test_an_entry_names_user_chart_dashboard_and_dataset_but_no_query_string() -> None:
    form = {"dashboardId": 3, "slice_id": 12, "datasource": "1__table"}
    body = {"datasource": {"id": 7, "type": "table"}, "form_data": form}
    asked = request(path="/api/v1/chart/data", full_path="/api/v1/chart/data?name=secret", body=body)
    entry = request_entry(asked, 200, "eksekutif")
    assert entry == {
        "user": "eksekutif",
        "address": "127.0.0.1",
        "method": "POST",
        "path": "/api/v1/chart/data",
        "status": 200,
        "dashboard": 3,
        "chart": 12,
        "dataset": 7,
    }


@pytest.mark.parametrize("text", ["", "no json", "[1]", '{"slice_id": 4}'])
def test_a_map_s_form_is_read_and_a_broken_one_does_no_harm(text: str) -> None:
    entry = request_entry(request(path="/superset/explore_json/", form={"form_data": text}), 403, None)
    assert entry["status"] == 403
    assert "user" not in entry
    assert entry.get("chart") == (4 if "slice_id" in text else None)


def test_lines_are_whole_and_closed_to_others(tmp_path: Path) -> None:
    trail = Trail(tmp_path / "audit")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: trail.write("request", {"number": number, "pad": "x" * 4000}), range(200)))
    (path,) = trail.folder.glob("*.jsonl")
    assert sorted(json.loads(line)["number"] for line in path.read_text().splitlines()) == list(range(200))
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(trail.folder.stat().st_mode) == 0o700


def test_an_entry_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "audit").write_text("a file stands where the folder should")
    with pytest.raises(OSError):
        Trail(tmp_path / "audit").write("request", {})
