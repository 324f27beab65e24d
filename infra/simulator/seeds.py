"""Random streams: one for each part of the world, so that a change in one part leaves the others as they were."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl


def stream(seed: int, name: str) -> np.random.Generator:
    """The generator of part `name` under `seed`; the same pair always gives the same numbers."""
    digest = hashlib.sha256(name.encode()).digest()
    words = np.frombuffer(digest[:16], dtype="<u4")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *(int(word) for word in words)])))


def largest_remainder(shares: np.ndarray, total: int) -> np.ndarray:
    """Whole numbers in proportion to `shares` that sum to `total` exactly."""
    exact = shares / shares.sum() * total
    whole = np.floor(exact).astype(np.int64)
    left = total - int(whole.sum())
    whole[np.argsort(-(exact - whole), kind="stable")[:left]] += 1
    return whole


def times(moments: np.ndarray) -> pl.Series:
    """Moments as a polars column (it takes no whole seconds from numpy); NaT becomes null."""
    return pl.Series(moments.astype("datetime64[us]"))
