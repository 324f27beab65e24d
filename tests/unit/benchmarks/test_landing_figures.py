"""The landing benchmark says MISSED where an aim is missed, and compares round by round."""

from __future__ import annotations

from benchmarks.landing import figures
from benchmarks.report import table


def told(landing: list[float], bare: list[float], peak: float) -> dict[str, list[dict[str, float]]]:
    return {
        "landing": [{"seconds": seconds, "peak_gb": peak, "rows": 1000} for seconds in landing],
        "bare": [{"seconds": seconds, "peak_gb": 0.5, "rows": 1000} for seconds in bare],
    }


def test_the_ratio_is_the_median_of_the_rounds_own() -> None:
    made = {figure.cell: figure for figure in figures(told([4, 40, 6], [2, 20, 2], 1.0), 1000)}
    assert made["landing to bare, time"].value == 2.0 and made["landing to bare, time"].met
    assert made["landing, rows/s"].value == 1000 / 6
    assert made["landing, peak memory in GB"].met


def test_a_missed_aim_is_told() -> None:
    made = figures(told([9], [2], 3.0), 1000)
    assert [figure.met for figure in made if figure.aim] == [False, False]
    assert table(made).count("MISSED") == 2
