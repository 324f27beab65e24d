"""Rounded parts still add up, and a band gives no small count away."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from estimation.rounding import count_band, largest_remainder


def test_the_largest_remainders_get_what_is_left() -> None:
    assert largest_remainder([1.26, 1.25, 1.49], 4.0).tolist() == [1.3, 1.2, 1.5]
    assert largest_remainder([47, 16, 15.8, 12, 6.1, 3.1], 10, 0).tolist() == [5, 2, 1, 1, 1, 0]  # Hamilton's method


def test_ties_go_to_the_earlier_part() -> None:
    assert largest_remainder([1, 1, 1], 1.0).tolist() == [0.4, 0.3, 0.3]


def test_parts_are_scaled_to_the_total_first() -> None:
    assert largest_remainder([2, 2], 10.0).tolist() == [5, 5]
    assert largest_remainder([0, 0], 1.0).tolist() == [0.5, 0.5]
    assert largest_remainder([], 0.0).size == 0


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30), st.integers(0, 1000), st.integers(0, 2))
def test_the_sum_is_exact_and_no_part_moves_a_unit(parts: list[float], units: int, decimals: int) -> None:
    total = units / 10**decimals
    rounded = largest_remainder(parts, total, decimals)
    assert round(float(rounded.sum()) * 10**decimals) == units
    assert sum(round(part * 10**decimals) for part in rounded) == units
    if sum(parts) > 0:
        exact = np.array(parts) / np.sum(parts) * total
        assert (np.abs(rounded - exact) <= 10**-decimals + 1e-6).all()


def test_what_cannot_be_shared_is_refused() -> None:
    with pytest.raises(ValueError, match="no parts"):
        largest_remainder([], 1.0)
    with pytest.raises(ValueError, match="negative"):
        largest_remainder([1, -1], 1.0)


@pytest.mark.parametrize(
    ("count", "band"), [(0, "0"), (1, "<8"), (7, "<8"), (8, "10"), (12, "10"), (13, "15"), (1002, "1000")]
)
def test_bands(count: int, band: str) -> None:
    assert count_band(count) == band
