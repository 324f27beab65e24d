"""Rounding that keeps sums, and bands that give no small count away."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def largest_remainder(parts: Sequence[float] | Floats, total: float, decimals: int = 1) -> Floats:
    """Rounds non-negative `parts` to `decimals` so that they sum to `total` (itself on that grid) exactly.

    Parts are scaled to `total` first; the units that rounding down leaves over go to the largest remainders, ties to
    the earlier part. All-zero parts with a positive total are shared evenly. Raises ValueError on a negative part or
    an empty list with a positive total.
    """
    values = np.asarray(parts, dtype=float)
    unit = 10**decimals
    units = round(total * unit)
    if values.size == 0:
        if units:
            raise ValueError("a positive total cannot be shared among no parts")
        return values
    if (values < 0).any() or units < 0:
        raise ValueError("parts and total must not be negative")
    if values.sum() <= 0:
        values = np.ones_like(values)
    exact = values / values.sum() * units
    whole = np.floor(exact)
    left = int(units - whole.sum())
    # A remainder a rounding error below a whole unit counts as that unit, whichever order the sum ran in.
    order = np.argsort(-np.round(exact - whole, 9), kind="stable")
    whole[order[:left]] += 1
    return whole / unit


def count_band(count: int) -> str:
    """How a count is shown: '0', '<8' for 1 - 7, otherwise rounded to the nearest 5."""
    if count <= 0:
        return "0"
    return "<8" if count < 8 else str(5 * ((count + 2) // 5))
