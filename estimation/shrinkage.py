"""Published estimators of small-area rates and their intervals.

Sources: Marshall 1991 (empirical Bayes rates), Clayton and Kaldor 1987 (Gamma-Poisson), Wilson and Hilferty 1931
(quantile of a gamma), Fay and Feuer 1997 (interval of a weighted sum of Poisson counts).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def marshall(counts: Floats, exposure: Floats) -> Floats:
    """Empirical Bayes rate of each area: b + a (p - b) / (a + b / x).

    `counts` and `exposure` (> 0) of shape [area]; the result has the unit of counts / exposure.
    """
    total = exposure.sum()
    overall = counts.sum() / total
    if overall == 0:
        return np.zeros_like(exposure, dtype=float)
    rate = counts / exposure
    spread = (exposure * (rate - overall) ** 2).sum() / total
    between = max(0.0, spread - overall / exposure.mean())
    return overall + between * (rate - overall) / (between + overall / exposure)


@dataclass(frozen=True)
class GammaPrior:
    """Relative risk theta ~ Gamma(shape, rate): mean shape / rate."""

    shape: float
    rate: float

    @property
    def mean(self) -> float:
        return self.shape / self.rate


def clayton_kaldor(observed: Floats, expected: Floats, iterations: int = 20) -> GammaPrior:
    """The Gamma prior of relative risks by Clayton and Kaldor's moments.

    `observed`, `expected` (> 0) of shape [area], at least two areas. Where the areas differ by no more than chance the
    variance equation has no positive solution; the prior is then held at a variance of 1e-6 around its mean.
    """
    if observed.size < 2:
        raise ValueError("a prior of relative risks needs at least two areas")
    mean = max(observed.sum() / expected.sum(), 1e-12)
    shape, rate = mean**2 / 0.1, mean / 0.1
    for _ in range(iterations):
        theta = (observed + shape) / (expected + rate)
        mean = max(theta.mean(), 1e-12)
        variance = ((1 + rate / expected) * (theta - mean) ** 2).sum() / (observed.size - 1)
        variance = max(variance, 1e-6)
        rate = mean / variance
        shape = mean * rate
    return GammaPrior(float(shape), float(rate))


def wilson_hilferty(shape: Floats | float, rate: Floats | float, z: float) -> Floats:
    """Quantile of Gamma(shape, rate) at the standard normal deviate `z`: poor at the lower end for shapes below 2."""
    k = np.asarray(shape, dtype=float)
    root = 1 - 1 / (9 * k) + z / (3 * np.sqrt(k))
    return k / np.asarray(rate, dtype=float) * np.maximum(root, 0) ** 3


def fay_feuer(counts: Floats, weights: Floats, level: float = 0.90) -> tuple[float, float]:
    """Interval of sum(weights x expected counts) from Poisson `counts`, after Fay and Feuer.

    Shapes [class]; the unit is that of `weights`. With no event the lower bound is 0.
    """
    from scipy.special import gammaincinv

    tail = (1 - level) / 2
    value = float((weights * counts).sum())
    variance = float((weights**2 * counts).sum())
    largest = float(weights.max())
    lower = 0.0
    if value > 0:
        lower = float(gammaincinv(value**2 / variance, tail)) * variance / value
    above, wider = value + largest, variance + largest**2
    upper = float(gammaincinv(above**2 / wider, 1 - tail)) * wider / above
    return lower, upper
