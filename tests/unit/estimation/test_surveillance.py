"""EARS and Farrington Flexible against the R package surveillance: its alarms on made series, kept as small tables.

tests/support/surveillance holds the script that made them, and the version.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.stats import norm

from estimation.warning.ears import Alarm, ears_c1, ears_c2, ears_c3
from estimation.warning.farrington import farrington_flexible

KEPT = Path(__file__).resolve().parents[2] / "support/surveillance"
DAILY, WEEKLY = ("busy", "rare", "burst"), ("level", "season", "spread", "past")


def table(name: str) -> pl.DataFrame:
    return pl.read_csv(KEPT / name, null_values="NA")


def ears(series: str, method: str) -> tuple[np.ndarray, np.ndarray, pl.DataFrame]:
    """The counts, the places of the judged days in them, and what the package says of those."""
    said = table("ears.csv").filter(series=series, method=method)
    return table("input_daily.csv")[series].to_numpy().astype(float)[None], said["day"].to_numpy() - 1, said


def test_the_version_is_told() -> None:
    assert (KEPT / "version.txt").read_text().splitlines()[1] == "surveillance 1.20.3"


@pytest.mark.parametrize("series", DAILY)
@pytest.mark.parametrize(("method", "detector"), [("C1", ears_c1), ("C2", ears_c2)])
def test_c1_and_c2_are_those_of_the_package(series: str, method: str, detector: Callable[..., Alarm]) -> None:
    counts, days, said = ears(series, method)
    limit = float(norm.isf(0.001))
    found = detector(counts, limit)
    assert found.bound[0, days] == pytest.approx(said["bound"].to_numpy())
    assert ((found.score[0, days] > limit) == (said["alarm"].to_numpy() == 1)).all()
    assert said["alarm"].sum() > 0


@pytest.mark.parametrize("series", DAILY)
def test_c3_carries_what_the_package_carries(series: str) -> None:
    """The package's documentation puts the bound so far above the baseline's mean, as the published formula does; its
    code (1.20.3) puts it above the day's own count. What is added is the same."""
    counts, days, said = ears(series, "C3")
    found = ears_c3(counts, float(norm.isf(0.025)))
    ours = found.bound[0, days] - found.expected[0, days]
    theirs = said["bound"].to_numpy() - counts[0, days]
    whole = (found.bound[0, days] > 0) & (said["bound"].to_numpy() > 0)
    assert whole.sum() > 70
    assert ours[whole] == pytest.approx(theirs[whole])


@pytest.mark.parametrize("series", WEEKLY)
def test_farrington_flexible_is_that_of_the_package(series: str) -> None:
    said = table("farrington.csv").filter(series=series)
    weekly = table("input_weekly.csv")[series].to_numpy().astype(float)
    daily = np.zeros((1, 7 * len(weekly)))
    daily[0, 6::7] = weekly
    first = int(said["week"][0]) - 1
    found = farrington_flexible(daily, 7 * first)
    ends = (said["week"].to_numpy() - 1 - first) * 7 + 6
    assert found.expected[0, ends] == pytest.approx(said["expected"].to_numpy(), rel=5e-4)
    assert (found.bound[0, ends] == said["bound"].to_numpy()).all()
    assert ((found.score[0, ends] > 1) == (said["alarm"].to_numpy() == 1)).all()
    assert said["alarm"].sum() >= 3
