"""The core of the risk surface, on grids where the truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from estimation.hotspots import (
    Events,
    Grid,
    HotspotModel,
    Record,
    expected_total,
    fit,
    forecast,
    near_repeats,
    rate_interval,
    surroundings,
)

SIDE = 20
SIZE = SIDE * SIDE
TODAY = 1000
MODEL = HotspotModel(window=600)


def square_grid() -> Grid:
    place = np.arange(SIZE).reshape(SIDE, SIDE)
    across = np.stack([place[:, :-1].ravel(), place[:, 1:].ravel()], axis=1)
    down = np.stack([place[:-1].ravel(), place[1:].ravel()], axis=1)
    return Grid.from_links(SIZE, np.concatenate([across, down]), 4)


GRID = square_grid()


def events(cells: NDArray[np.int64], days: NDArray[np.int64]) -> Events:
    return Events(cells.astype(np.int64), days.astype(np.int64), np.ones(len(cells)))


def steady(rate: NDArray[np.float64], days: int = 400, seed: int = 1) -> Events:
    """Events of a rate per cell and week that never changes, over the `days` before TODAY + 7."""
    random = np.random.default_rng(seed)
    count = random.poisson(rate * days / 7)
    cells = np.repeat(np.arange(SIZE), count)
    return events(cells, random.integers(TODAY + 7 - days, TODAY + 7, len(cells)))


@pytest.fixture(scope="module")
def rate() -> NDArray[np.float64]:
    return np.random.default_rng(11).gamma(0.5, 0.6, SIZE)


def test_diffusion_loses_no_event_and_keeps_what_is_even() -> None:
    spike = np.zeros((SIZE, 1))
    spike[0] = 8.0
    spread = GRID.diffused(spike, 5)
    assert spread.sum() == pytest.approx(8)
    assert spread[0] < 8 and spread[1] == pytest.approx(spread[SIDE]) and (spread >= 0).all()
    assert GRID.diffused(np.ones((SIZE, 1)), 9) == pytest.approx(np.ones((SIZE, 1)))


def test_a_forecast_reads_no_day_from_its_origin_on(rate: NDArray[np.float64]) -> None:
    own = steady(rate)
    past = own.between(0, TODAY)
    found, blind = fit(GRID, own, [], TODAY, MODEL), fit(GRID, past, [], TODAY, MODEL)
    assert np.array_equal(found.surroundings, blind.surroundings) and np.array_equal(found.shares, blind.shares)
    assert np.array_equal(forecast(GRID, own, [], TODAY, found).mean, forecast(GRID, past, [], TODAY, blind).mean)


def test_the_expectation_comes_near_the_true_rate(rate: NDArray[np.float64]) -> None:
    own = steady(rate)
    found = forecast(GRID, own, [], TODAY, fit(GRID, own, [], TODAY, MODEL)).mean
    raw = own.between(0, TODAY).by_cell(SIZE) / (393 / 7)
    assert np.corrcoef(found, rate)[0, 1] > 0.97
    assert found.sum() == pytest.approx(rate.sum(), rel=0.1)
    assert ((found - rate) ** 2).mean() < 1.3 * ((raw - rate) ** 2).mean()


def test_thin_records_lean_on_their_surroundings() -> None:
    """Smooth truth, an event a cell a year: neighbours know more than the cell's own record."""
    x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    truth = 0.04 * np.exp(-((x - 6.0) ** 2 + (y - 12.0) ** 2) / 40).ravel() + 0.002
    own = steady(truth, days=500, seed=3)
    found = forecast(GRID, own, [], TODAY, fit(GRID, own, [], TODAY, MODEL)).mean
    raw = own.between(0, TODAY).by_cell(SIZE) / (493 / 7)
    assert ((found - truth) ** 2).sum() < 0.5 * ((raw - truth) ** 2).sum()


def test_other_kinds_tell_where_this_kind_will_be(rate: NDArray[np.float64]) -> None:
    rare = steady(rate / 60, seed=4)
    common = steady(rate, seed=5)
    alone = forecast(GRID, rare, [], TODAY, fit(GRID, rare, [], TODAY, MODEL)).mean
    helped = forecast(GRID, rare, [common], TODAY, fit(GRID, rare, [common], TODAY, MODEL)).mean
    assert np.corrcoef(helped, rate)[0, 1] > np.corrcoef(alone, rate)[0, 1] + 0.2


def test_near_repeats_get_a_share_only_where_there_are_any(rate: NDArray[np.float64]) -> None:
    random = np.random.default_rng(6)
    weeks = np.arange(TODAY - 399, TODAY, 7)
    centre = np.repeat(random.integers(0, SIZE - 1, len(weeks)), 12)
    day = np.repeat(weeks, 12) + random.integers(0, 14, len(centre))
    bursts = events(centre + random.integers(0, 2, len(centre)), day)
    calm = fit(GRID, steady(rate), [], TODAY, MODEL).shares[2:].sum()
    restless = fit(GRID, bursts, [], TODAY, MODEL).shares[2:].sum()
    assert calm < 0.1 < 0.4 < restless


def test_a_city_that_moves_is_remembered_for_less_long(rate: NDArray[np.float64]) -> None:
    own = steady(rate)
    moved = np.where(own.day < TODAY - 120, (own.cell + SIZE // 2) % SIZE, own.cell)
    assert fit(GRID, own, [], TODAY, MODEL).half_life >= 365
    assert fit(GRID, Events(moved, own.day, own.n), [], TODAY, MODEL).half_life <= 90


def test_memory_by_hand() -> None:
    """Four events in 10 days in one cell, none in the other; the surroundings expect half of them in each."""
    pair = Grid.from_links(2, np.array([[0, 1]]), 1)
    own = events(np.zeros(4, dtype=np.int64), np.full(4, TODAY - 10))
    record = Record.before(pair, own, TODAY, MODEL, np.inf)
    assert record.exposure == 10
    found = record.given(np.array([0.5, 0.5]), 2.0)
    rates = np.array([(2 + 4) / (2 / 0.2 + 10), (2 + 0) / (2 / 0.2 + 10)])
    assert found == pytest.approx(rates / rates.sum())


def test_the_surroundings_of_a_cell_know_nothing_of_its_own_record() -> None:
    lone = events(np.full(50, 210), np.full(50, TODAY - 40))
    parts = surroundings(GRID, lone, [], TODAY, MODEL)
    assert parts.shape == (SIZE, 2 * len(MODEL.spreads) + 1)
    assert parts.sum(axis=0) == pytest.approx(np.ones(parts.shape[1]))
    assert parts[210].max() < 0.3 and parts[211, 0] == pytest.approx(parts[210, 0])
    near = near_repeats(GRID, events(np.array([210]), np.array([TODAY - 1])), TODAY, MODEL)
    assert near[210, 0] == 1 and near[211, 0] == 0 < near[211, 1] and near[212, 1] == 0 < near[212, 2]


def test_the_level_is_a_weekly_mean_that_fades() -> None:
    day = np.concatenate([np.arange(TODAY - 100, TODAY), np.arange(TODAY - 30, TODAY)])
    own = events(np.zeros(len(day), dtype=np.int64), day)
    assert expected_total(own, TODAY, MODEL, np.inf) == pytest.approx(130 / 100 * 7)
    assert 13 < expected_total(own, TODAY, MODEL, 7.0) < 14
    assert expected_total(own.between(0, 1), TODAY, MODEL, 7.0) == 0


def test_the_variance_is_found() -> None:
    """Weekly rates that jump by a Gamma of shape 4 (b = 1/4) around a known truth."""
    random = np.random.default_rng(8)
    truth = np.where(np.arange(SIZE) % 20 == 0, 6.0, 0.5)
    weeks = np.arange(TODAY - 40 * 7, TODAY, 7)
    count = random.poisson(truth * random.gamma(4, 0.25, (len(weeks), SIZE)))
    cells = np.concatenate([np.repeat(np.arange(SIZE), row) for row in count])
    days = np.concatenate([np.full(row.sum(), week + 3) for week, row in zip(weeks, count, strict=True)])
    found = fit(GRID, events(cells, days), [], TODAY, replace(MODEL, weeks=30))
    variance = found.a * 6 + found.b * 36
    assert variance == pytest.approx(9, rel=0.3)


def test_no_events_and_few_events_still_give_a_forecast() -> None:
    nothing = events(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64))
    found = forecast(GRID, nothing, [], TODAY, fit(GRID, nothing, [], TODAY, MODEL))
    assert (found.mean == 0).all()
    one = events(np.array([7]), np.array([TODAY - 3]))
    found = forecast(GRID, one, [], TODAY, fit(GRID, one, [], TODAY, MODEL))
    assert np.isfinite(found.mean).all() and (found.mean > 0).all() and found.mean.argmax() == 7


def test_rate_intervals_are_those_of_the_gamma_and_hold_the_mean() -> None:
    low, high = rate_interval(np.array([5.0, 0.0, 1e-4]), np.array([5.0, 0.0, 1.0]), 0.90)
    assert (low[0], high[0]) == pytest.approx((1.970, 9.154), abs=1e-3)
    assert low[1] == high[1] == 0
    assert low[2] <= 1e-4 <= high[2]
