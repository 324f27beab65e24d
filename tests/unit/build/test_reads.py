"""What each estimate is made of, told by the code that makes it."""

from __future__ import annotations

from pathlib import Path

from infra.build.estimate import ESTIMATES
from infra.build.reads import estimates_read


def test_every_estimate_is_spoken_for() -> None:
    read = estimates_read()
    assert set(read) == set(ESTIMATES)
    assert read["pattern_time_modus"] == ("int_incidents__hour_modus",)
    assert "int_incidents__hour_modus" not in read["region_index"]
    # Through functions that its maker calls.
    assert "int_incidents__region_day" in read["patrol_priorities"]


def test_an_aggregate_whose_name_is_not_written_there_leaves_the_estimate_untold(tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text(
        "def helper(settings, name):\n    return aggregate(settings, name)\n"
        "def open_frames(settings):\n    return {'risk_surface': helper(settings, 'int_x')}\n"
        "def cells(found):\n    return {'city_cells': found}\n"
        "def cell_frames(settings):\n    return cells(aggregate(settings, 'int_y'))\n"
    )
    assert estimates_read(tmp_path) == {"city_cells": ("int_y",)}
