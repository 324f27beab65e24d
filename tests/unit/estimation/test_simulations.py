"""What the benchmarks of the estimates are measured on, and with."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.early_warning import outcome
from benchmarks.index import EXPECTED, REGIONS, TRUTHS, draw_truth, wilson
from benchmarks.simulated_signals import DAYS, SCORED, SIGNALS, Signal, simulate
from estimation.seeds import generator


def test_sixteen_daily_and_twenty_eight_weekly_signals() -> None:
    names = [signal.name for signal in SIGNALS]
    assert len(set(names)) == 44
    assert sum(name.startswith("daily") for name in names) == 16
    # Noufaily's first set without trend and season: exp(0.1) a week.
    first = next(signal for signal in SIGNALS if signal.name == "weekly 1")
    assert first.mean() == pytest.approx(np.full(DAYS, np.exp(0.1) / 7))


def test_background_has_its_mean_and_dispersion() -> None:
    runs = simulate(Signal("test", 2.0, phi=3.0), 20, (3.0,))
    background = (runs.counts - runs.outbreak)[0]
    assert background.mean() == pytest.approx(np.exp(2), rel=0.02)
    assert background.var() / background.mean() == pytest.approx(3, rel=0.05)


def test_one_outbreak_of_the_stated_size_in_the_scored_days() -> None:
    runs = simulate(Signal("test", 3.0), 300, (2.0, 5.0))
    assert not runs.outbreak[:, :, : DAYS - SCORED].any()
    started = runs.outbreak.argmax(axis=2) < DAYS - 40  # not cut off by the end
    for s, size in enumerate((2.0, 5.0)):
        cases = runs.outbreak[s].sum(axis=1)[started[s] & (runs.outbreak[s, :, -40:].sum(axis=1) == 0)]
        assert cases.mean() == pytest.approx(size * 7 * np.exp(1.5), rel=0.05)
    assert (simulate(Signal("rare", -6.0), 20, (2.0,)).outbreak.sum(axis=2) >= 1).all()


def test_the_same_seeds_give_the_same_runs() -> None:
    again = [simulate(SIGNALS[4], 2, (3.0,)).counts for _ in range(2)]
    assert (again[0] == again[1]).all()
    assert (again[0][0, 0] != again[0][0, 1]).any()


def test_closed_days_are_empty_and_holidays_marked() -> None:
    five = next(signal for signal in SIGNALS if signal.open_days == 5)
    runs = simulate(five, 1, (3.0,), holidays=True)
    assert not runs.counts[..., np.arange(DAYS) % 7 >= 5].any()
    assert runs.holidays.any() and not runs.counts[..., runs.holidays].any()


def test_rates_by_hand() -> None:
    outbreak = np.zeros((2, 6))
    outbreak[:, 2:4] = 1
    alarm = np.zeros((2, 6), dtype=bool)
    alarm[0, 3] = alarm[0, 5] = alarm[1, 0] = True
    found = outcome(alarm, outbreak)
    assert found.fpr == 2 / 8  # two alarms on eight days without cases
    assert found.pod == 0.5
    assert found.timeliness == (0.5 + 1) / 2  # on the second of two days, and missed


@pytest.mark.parametrize("kind", TRUTHS)
def test_cities_have_the_stated_median(kind: str) -> None:
    for regions in REGIONS:
        for expected in EXPECTED:
            truth = draw_truth(regions, expected, kind, generator("test", regions, expected))
            typical = np.median(truth.population) * truth.rates.sum(axis=1).mean() / 1e5 / 4
            assert 0.5 * expected < typical < 2 * expected
            assert truth.harm.shape == truth.exposure.shape == (regions, 5)


def test_wilson_by_hand() -> None:
    """45 of 50: (0.786, 0.957), as in textbooks."""
    assert wilson(45, 50) == pytest.approx((0.786, 0.957), abs=1e-3)
    assert wilson(0, 0) == (0.0, 1.0)
