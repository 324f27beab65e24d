"""Fixed goalposts: where a harm rate of the base period puts 0 and 100, for every region, level and period alike."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from estimation.shrinkage import marshall

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Goalposts:
    """Harm rates per 100,000 people and year at which a dimension scores 100 (`best`) and 0 (`worst`)."""

    best: float
    worst: float

    def score(self, rate: NDArray[np.floating]) -> Floats:
        """0 - 100, higher is safer: straight in the logarithm of the rate, so halving harm is worth the same anywhere.

        Rates better than `best` score 100, worse than `worst` 0; a rate of 0 scores 100.
        """
        span = np.log(self.worst) - np.log(self.best)
        position = (np.log(self.worst) - np.log(np.maximum(rate, self.best * 1e-9))) / span
        return 100 * np.clip(position, 0, 1)


def weighted_quantile(values: Floats, weights: Floats, share: float) -> float:
    """Smallest value below or at which at least `share` of the weight lies, interpolated between mid-points."""
    order = np.argsort(values, kind="stable")
    sorted_weights = weights[order]
    middle = (np.cumsum(sorted_weights) - 0.5 * sorted_weights) / sorted_weights.sum()
    return float(np.interp(share, middle, values[order]))


def base_goalposts(
    counts: Floats, exposure: Floats, weights: Floats, tail: float = 0.10, margin: float = 2.0
) -> Goalposts | None:
    """Goalposts from the base period alone.

    `counts` [region, category] of the whole base period, `exposure` [region] in 100,000 person-years (> 0), `weights`
    [category] in days. Each category's rates are shrunk (Marshall), weighed and summed; `best` is their
    population-weighted `tail` quantile divided by `margin`, `worst` the opposite one times `margin`, so that a region
    may halve or double beyond its peers before the scale ends. None where the base period holds no harm.
    """
    rates = np.stack([marshall(counts[:, c], exposure) for c in range(counts.shape[1])], axis=1)
    harm = rates @ weights
    if harm.sum() <= 0:
        return None
    positive = harm[harm > 0].min()
    low = max(weighted_quantile(harm, exposure, tail), positive)
    high = weighted_quantile(harm, exposure, 1 - tail)
    return Goalposts(low / margin, high * margin)
