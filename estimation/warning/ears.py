"""EARS C1, C2, C3 and CUSUM: short-memory detectors, with the settings they are published with.

Sources: Hutwagner et al. 2003 (EARS; as in the R package surveillance, whose minimum sigma is Burkom's), Rossi et al.
1999 (CUSUM of transformed Poisson counts; k and h as in surveillance).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BASELINE = 7
# Seven days of a sparse series are often all zero, and their standard deviation with them.
MINIMUM_SIGMA = 0.5
C1_LIMIT, C2_LIMIT, C3_LIMIT = 3.09, 3.09, 1.96
CUSUM_K, CUSUM_H = 1.04, 2.26


@dataclass(frozen=True)
class Alarm:
    """What a detector says of each day, all [series, day]; NaN where it has not enough days before.

    A day is an alarm where `score` exceeds the limit the method is published with.
    """

    expected: Floats
    bound: Floats
    score: Floats


def _baseline(counts: Floats, gap: int, baseline: int, minimum_sigma: float) -> tuple[Floats, Floats]:
    mean = np.full(counts.shape, np.nan)
    sigma = np.full(counts.shape, np.nan)
    lag = baseline + gap
    if counts.shape[-1] > lag:
        windows = np.lib.stride_tricks.sliding_window_view(counts[..., : counts.shape[-1] - gap - 1], baseline, axis=-1)
        mean[..., lag:] = windows.mean(axis=-1)
        sigma[..., lag:] = np.maximum(windows.std(axis=-1, ddof=1), minimum_sigma)
    return mean, sigma


def ears_c1(
    counts: Floats, limit: float = C1_LIMIT, baseline: int = BASELINE, minimum_sigma: float = MINIMUM_SIGMA
) -> Alarm:
    """C1: standard deviations above the mean of the `baseline` days before; alarm above `limit`."""
    mean, sigma = _baseline(counts, 0, baseline, minimum_sigma)
    return Alarm(mean, mean + limit * sigma, (counts - mean) / sigma)


def ears_c2(
    counts: Floats, limit: float = C2_LIMIT, baseline: int = BASELINE, minimum_sigma: float = MINIMUM_SIGMA
) -> Alarm:
    """C2: as C1 with a gap of two days, so that an outbreak does not raise its own baseline."""
    mean, sigma = _baseline(counts, 2, baseline, minimum_sigma)
    return Alarm(mean, mean + limit * sigma, (counts - mean) / sigma)


def ears_c3(
    counts: Floats, limit: float = C3_LIMIT, baseline: int = BASELINE, minimum_sigma: float = MINIMUM_SIGMA
) -> Alarm:
    """C3: today's C2 plus what C2 exceeded one by on the two days before; alarm above `limit`."""
    mean, sigma = _baseline(counts, 2, baseline, minimum_sigma)
    daily = (counts - mean) / sigma
    carried = np.zeros(counts.shape)
    for lag in (1, 2):
        carried[..., lag:] += np.maximum(daily[..., :-lag] - 1, 0)
        carried[..., :lag] = np.nan
    return Alarm(mean, np.maximum(mean + sigma * (limit - carried), 0), daily + carried)


def cusum(counts: Floats, expected: Floats, k: float = CUSUM_K, h: float = CUSUM_H) -> Alarm:
    """CUSUM of Rossi's standardised counts against `expected` [series, day] (> 0); alarm where the sum reaches `h`.

    The sum is never reset: S = C - min(0, running minimum of C), C the running sum of (z - k).
    """
    root = np.sqrt(expected)
    standard = (counts - 3 * expected + 2 * np.sqrt(counts * expected)) / (2 * root)
    running = np.cumsum(standard - k, axis=-1)
    lowest = np.minimum(np.minimum.accumulate(running, axis=-1), 0)
    score = running - lowest
    before = np.zeros(score.shape)
    before[..., 1:] = score[..., :-1]
    # The count at which the sum would reach h today: Rossi's transform solved for the count.
    needed = h + k - before
    bound = np.maximum(-root + np.sqrt(np.maximum(4 * expected + 2 * root * needed, 0)), 0) ** 2
    return Alarm(expected, bound, score)
