"""Log-linear regression of many count series on one design: quasi-Poisson, by iterated weighted least squares."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
# Bounds of the linear predictor: an all-empty weekday or series must not run to minus infinity.
LOWEST, HIGHEST = -12.0, 16.0


class Regression:
    """One design [day, term], shared by every series that is fitted with it.

    `ridge` [term] is the penalty of each squared coefficient, in units of log likelihood (1 / prior variance).
    """

    def __init__(self, design: Floats, ridge: Floats) -> None:
        self.design, self.ridge = design, ridge
        terms = design.shape[1]
        self._upper = np.triu_indices(terms)
        # Products of terms once: every Gram matrix of every series is then a single matrix product.
        self._products = design[:, self._upper[0]] * design[:, self._upper[1]]

    def fit(
        self,
        counts: Floats,
        *,
        weights: Floats | None = None,
        exposure: Floats | None = None,
        start: Floats | None = None,
        iterations: int = 25,
        tolerance: float = 1e-5,
    ) -> Floats:
        """Coefficients [series, term] of `counts` [series, day].

        `weights` [series, day] (default 1), `exposure` [series, day] multiplies the mean (0: the day says nothing),
        `start` [series, term] a guess. Ends when no coefficient moves by more than `tolerance`.
        """
        offset = 0.0 if exposure is None else np.log(np.maximum(exposure, 1e-300))
        used = weights if exposure is None else np.where(exposure > 0, 1.0 if weights is None else weights, 0.0)
        coefficients = self._first(counts, used, exposure) if start is None else start.copy()
        for _ in range(iterations):
            mean = np.exp(np.clip(coefficients @ self.design.T + offset, LOWEST, HIGHEST))
            slope, curvature = counts - mean, mean
            if used is not None:
                slope, curvature = slope * used, mean * used
            gradient = slope @ self.design - coefficients * self.ridge
            step = np.linalg.solve(self.gram(curvature), gradient[..., None])[..., 0]
            largest = np.abs(step).max(axis=1, keepdims=True)
            coefficients += step * np.minimum(1.0, 2.0 / np.maximum(largest, 1e-12))
            if largest.max() < tolerance:
                break
        return coefficients

    def gram(self, curvature: Floats) -> Floats:
        """Weighted cross products plus the ridge, [series, term, term], from `curvature` [series, day]."""
        terms = self.design.shape[1]
        flat = curvature @ self._products
        gram = np.empty((len(curvature), terms, terms))
        gram[:, self._upper[0], self._upper[1]] = flat
        gram[:, self._upper[1], self._upper[0]] = flat
        # A trace of ridge keeps a term solvable that no day speaks of.
        gram[:, np.arange(terms), np.arange(terms)] += self.ridge + 1e-9
        return gram

    def leverage(self, curvature: Floats) -> Floats:
        """Diagonal of the hat matrix, [series, day]."""
        inverse = np.linalg.inv(self.gram(curvature))
        flat = inverse[:, self._upper[0], self._upper[1]]
        flat = np.where(self._upper[0] == self._upper[1], flat, 2 * flat)
        return (flat @ self._products.T) * curvature

    def predict(self, coefficients: Floats, design: Floats | None = None) -> Floats:
        """Means [series, day] per unit of exposure."""
        rows = self.design if design is None else design
        return np.exp(np.clip(coefficients @ rows.T, LOWEST, HIGHEST))

    def _first(self, counts: Floats, weights: Floats | None, exposure: Floats | None) -> Floats:
        """The rate of the whole series on the intercept, which is the first term."""
        days = counts.shape[1] if exposure is None else np.maximum(exposure.sum(axis=1), 1e-12)
        coefficients = np.zeros((len(counts), self.design.shape[1]))
        coefficients[:, 0] = np.log((counts.sum(axis=1) + 0.5) / days)
        return coefficients
