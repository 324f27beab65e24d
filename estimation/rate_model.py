"""Rates of regions, periods and severity classes, shrunk together by a full Bayes count model.

Counts n of region r, class k, period t are Poisson with mean P[r,t] x exp(s[k,t] + v[r,k] + x[r,t]) x g[r,k,t]:

- s: the city's own rate of the class in the period, free but for a weak pull to the class's long-run rate;
- v = region effect + class effect: what holds a region above or below the city, in everything and in one class;
- x: what moves all of a region's classes together in one period;
- g ~ Gamma(kappa, kappa), kappa = 1 / cell_sd^2: what is particular to the region, class and period.

g is integrated exactly (a negative binomial), s, v and x by a Laplace approximation around their joint mode, and the
four standard deviations by importance sampling around theirs, so that an interval holds the error of the estimated
hyperparameters as well. Draws are of rates per class: a weight is applied to a draw, never to a count.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from estimation.seeds import generator

Floats = NDArray[np.float64]
HYPERPARAMETERS = ("region_sd", "class_sd", "period_sd", "cell_sd")


@dataclass(frozen=True)
class Priors:
    """Scales of the half-normal priors of the standard deviations of log rates, and the pull of the city's periods.

    `period_scale`, `cell_scale` and `city_sd` follow what is seen in Chicago's 77 community areas by month of 2022, by
    moments: beyond chance and the city's month no class moves there by more than 0.21 of its own (0.03 - 0.21), classes
    of an area move together by less than 0.07, and the city's classes about their means by 0.07 - 0.35, 0.19 in the
    root mean square. Wider ones leave small cities, whose counts say little of any of them, with intervals of change
    that are too wide.
    """

    region_scale: float = 0.8
    class_scale: float = 0.4
    period_scale: float = 0.15
    cell_scale: float = 0.15
    city_sd: float = 0.19
    points: int = 32

    def log_density(self, log_sd: Floats) -> Floats:
        """Log prior of the logarithms of the standard deviations, [H, 4] -> [H]."""
        scales = np.array([self.region_scale, self.class_scale, self.period_scale, self.cell_scale])
        return (log_sd - 0.5 * (np.exp(log_sd) / scales) ** 2).sum(axis=-1)


@dataclass(frozen=True)
class RateFit:
    """Joint posterior draws of the parts of the rates.

    Draws D, regions R, classes K, periods T. `city` [D, K, T] log rate per unit of exposure; `region` [D, R, K];
    `period` [D, R, T]; `kappa` [D]; `counts` [R, K, T]; `exposure` [R, T]; `hyperparameters` name -> posterior mean.
    """

    city: Floats
    region: Floats
    period: Floats
    kappa: Floats
    counts: Floats
    exposure: Floats
    hyperparameters: dict[str, float]

    def centre(self, r: int) -> Floats:
        """Rates of region `r` but for what is particular to a class and period, [D, K, T], per unit of exposure."""
        return np.exp(self.city + self.region[:, r, :, None] + self.period[:, r, None, :])

    def mean(self, r: int) -> Floats:
        """Posterior mean rates of region `r`, [K, T]: the mean over draws of each draw's exact conditional mean."""
        centre = self.centre(r)
        kappa = self.kappa[:, None, None]
        return ((kappa + self.counts[r]) * centre / (kappa + centre * self.exposure[r])).mean(axis=0)

    def draw(self, r: int, *seed: object) -> Floats:
        """Draws of the rates of region `r`, [D, K, T], per unit of exposure."""
        centre = self.centre(r)
        kappa = self.kappa[:, None, None]
        gamma = generator(*seed).standard_gamma(np.broadcast_to(kappa + self.counts[r], centre.shape))
        return gamma * centre / (kappa + centre * self.exposure[r])


@dataclass(frozen=True)
class _Mode:
    city: Floats  # [H, K, T]
    region: Floats  # [H, R, K]
    period: Floats  # [H, R, T]

    def at(self, index: int) -> _Mode:
        return _Mode(*(part[index : index + 1] for part in (self.city, self.region, self.period)))

    def repeated(self, times: int) -> _Mode:
        return _Mode(*(np.repeat(part, times, axis=0) for part in (self.city, self.region, self.period)))


def fit_rates(
    counts: Floats, exposure: Floats, draws: int, seed: Sequence[object], priors: Priors | None = None
) -> RateFit:
    """Fits the model to `counts` [R, K, T] with `exposure` [R, T] (> 0, any one unit) and draws from the posterior.

    Needs at least one region and one period, and at least one event in all. Raises ValueError otherwise.
    """
    counts = np.asarray(counts, dtype=float)
    exposure = np.asarray(exposure, dtype=float)
    if counts.ndim != 3 or exposure.shape != (counts.shape[0], counts.shape[2]) or 0 in counts.shape:
        raise ValueError("counts must be [region, class, period] and exposure [region, period], none empty")
    if not (exposure > 0).all() or counts.sum() <= 0:
        raise ValueError("every exposure must be positive and at least one event counted")
    priors = priors or Priors()
    model = _Model(counts, exposure, priors)
    points, mode, weight = model.explore()
    # Systematic resampling: each point gets its share of the draws to within one.
    grid = (np.arange(draws) + generator(*seed, "hyper").random()) / draws
    chosen = np.searchsorted(np.cumsum(weight), grid).clip(0, len(points) - 1)
    return model.draw(points, mode, chosen, seed)


@dataclass(frozen=True)
class _System:
    """Blocks of the negative Hessian with x eliminated, then v: `schur` is what is left for s."""

    weight: Floats  # W [H, R, K, T]
    period_precision: Floats  # [H, R, T]
    region_precision: Floats  # [H, R, K, K]
    cross: Floats  # v with s [H, R, K, K * T]
    passed: Floats  # region_precision^-1 cross
    schur: Floats  # [H, K * T, K * T]


class _Model:
    """The likelihood of one set of counts; arrays below have a leading axis H of hyperparameter points."""

    def __init__(self, counts: Floats, exposure: Floats, priors: Priors) -> None:
        self.counts, self.exposure, self.priors = counts, exposure, priors
        self.r, self.k, self.t = counts.shape
        self.log_exposure = np.log(exposure)[None, :, None, :]
        # Pulls a class's periods to their common mean, whose own prior is flat.
        self.pull = (np.eye(self.t) - 1 / self.t) / priors.city_sd**2
        self.jeffreys = 0.5 / self.t  # half an event a class keeps an unseen class's rate finite
        values, inverse = np.unique(counts, return_counts=True)
        self.values, self.value_counts = values, inverse

    def start(self) -> _Mode:
        crude = np.log((self.counts.sum(axis=0) + 0.5) / self.exposure.sum(axis=0))
        return _Mode(crude[None], np.zeros((1, self.r, self.k)), np.zeros((1, self.r, self.t)))

    def explore(self) -> tuple[Floats, _Mode, Floats]:
        """Points of the log standard deviations [H, 4], the mode at each and their posterior weights [H]."""
        from scipy.optimize import minimize
        from scipy.stats import norm, qmc

        size, step = len(HYPERPARAMETERS), 0.08
        offsets = step * np.concatenate([np.zeros((1, size)), np.eye(size), -np.eye(size)])
        low, high = np.log(0.01), np.log(3.0)
        known = self.start()

        def downhill(point: Floats) -> tuple[float, Floats]:
            nonlocal known
            mode, value = self.posterior(point + offsets, known.repeated(len(offsets)))
            known = mode.at(0)
            return -value[0], -(value[1 : 1 + size] - value[1 + size :]) / (2 * step)

        first = np.log([0.4, 0.15, 0.1, 0.1])
        best = minimize(
            downhill,
            first,
            jac=True,
            method="L-BFGS-B",
            bounds=[(low, high)] * size,
            options={"maxiter": 25, "ftol": 1e-7, "gtol": 3e-2},
        ).x
        # Curvature at the best point, by differences; a flat or rising direction is held to one unit of log sd.
        pairs = [(i, j) for i in range(size) for j in range(i)]
        mixed = [step * (np.eye(size)[i] * a + np.eye(size)[j] * b) for i, j in pairs for a in (1, -1) for b in (1, -1)]
        around = np.concatenate([offsets, np.array(mixed)])
        mode, value = self.posterior(best + around, known.repeated(len(around)))
        known = mode.at(0)
        curvature = np.diag(-(value[1 : 1 + size] + value[1 + size : 1 + 2 * size] - 2 * value[0]) / step**2)
        for index, (i, j) in enumerate(pairs):
            a, b, c, d = value[1 + 2 * size + 4 * index : 5 + 2 * size + 4 * index]
            curvature[i, j] = curvature[j, i] = -(a - b - c + d) / (4 * step**2)
        eigenvalues, axes = np.linalg.eigh(curvature)
        root = axes / np.sqrt(np.maximum(eigenvalues, 1.0))
        spread = 1.25
        count = self.priors.points
        normal = norm.ppf(qmc.Sobol(size, scramble=False).random_base2(count.bit_length())[1 : count + 1])
        points = np.clip(best + spread * normal @ root.T, np.log(0.003), np.log(5.0))
        mode, value = self.posterior(points, known.repeated(len(points)))
        weight = value + 0.5 * (normal**2).sum(axis=1)
        weight = np.exp(weight - weight.max())
        return points, mode, weight / weight.sum()

    def posterior(self, points: Floats, start: _Mode) -> tuple[_Mode, Floats]:
        """Mode and log posterior of each point; in blocks, so that memory stays bounded in the number of regions."""
        block = max(1, int(4e6 // (self.r * self.k * self.k * self.t)))
        modes, values = [], []
        for first in range(0, len(points), block):
            rows = slice(first, first + block)
            here = _Mode(start.city[rows], start.region[rows], start.period[rows])
            mode, value = self._laplace(np.exp(points[rows]), here)
            modes.append(mode)
            values.append(value + self.priors.log_density(points[rows]))
        joined = _Mode(*(np.concatenate([getattr(m, part) for m in modes]) for part in ("city", "region", "period")))
        return joined, np.concatenate(values)

    def region_prior(self, sd: Floats) -> Floats:
        """Prior precision of v, [H, K, K]: the region's effect is shared by its classes."""
        shared, own = sd[:, 0] ** 2, sd[:, 1] ** 2
        ones = np.ones((self.k, self.k))
        return np.eye(self.k) / own[:, None, None] - ones * (shared / (own * (own + self.k * shared)))[:, None, None]

    def system(self, weight: Floats, sd: Floats) -> _System:
        h, r, k, t = weight.shape
        period_precision = weight.sum(axis=2) + (1 / sd[:, 2] ** 2)[:, None, None]
        scaled = weight / np.sqrt(period_precision)[:, :, None, :]
        region_precision = -np.matmul(scaled, scaled.transpose(0, 1, 3, 2)) + self.region_prior(sd)[:, None]
        diagonal = np.arange(k)
        region_precision[:, :, diagonal, diagonal] += weight.sum(axis=3)
        cross = -(scaled[:, :, :, None, :] * scaled[:, :, None, :, :])
        cross[:, :, diagonal, diagonal, :] += weight
        same = cross.sum(axis=1)  # s with s within one period, before v is eliminated [H, K, K, T]
        cross = cross.reshape(h, r, k, k * t)
        passed = np.linalg.solve(region_precision, cross)
        schur = -np.matmul(cross.reshape(h, r * k, k * t).transpose(0, 2, 1), passed.reshape(h, r * k, k * t)).reshape(
            h, k, t, k, t
        )
        index = np.arange(t)
        schur[:, :, index, :, index] += same.transpose(3, 0, 1, 2)
        schur[:, diagonal, :, diagonal, :] += self.pull
        return _System(weight, period_precision, region_precision, cross, passed, schur.reshape(h, k * t, k * t))

    def mean(self, mode: _Mode) -> Floats:
        return np.exp(self.log_exposure + mode.city[:, None] + mode.region[..., None] + mode.period[:, :, None, :])

    def _laplace(self, sd: Floats, mode: _Mode) -> tuple[_Mode, Floats]:
        """Joint mode and log marginal likelihood at each point. The log posterior is concave: Newton finds it."""
        h = len(sd)
        kappa = (1 / sd[:, 3] ** 2)[:, None, None, None]
        prior = self.region_prior(sd)[:, None]
        period_prior = (1 / sd[:, 2] ** 2)[:, None, None]
        city, region, period = mode.city, mode.region, mode.period
        for _ in range(40):
            mean = self.mean(_Mode(city, region, period))
            slope = kappa * (self.counts - mean) / (kappa + mean)
            system = self.system((self.counts + kappa) * kappa * mean / (kappa + mean) ** 2, sd)
            weight = system.weight
            period_gradient = slope.sum(axis=2) - period_prior * period
            passed = (period_gradient / system.period_precision)[:, :, None, :]
            region_gradient = (
                slope.sum(axis=3) - np.matmul(prior, region[..., None])[..., 0] - (weight * passed).sum(axis=3)
            )
            city_gradient = slope.sum(axis=1) - np.matmul(city, self.pull) + self.jeffreys
            city_gradient = (city_gradient - (weight * passed).sum(axis=1)).reshape(h, -1)
            city_gradient -= np.matmul(
                system.passed.reshape(h, -1, self.k * self.t).transpose(0, 2, 1), region_gradient.reshape(h, -1, 1)
            )[..., 0]
            city_step = np.linalg.solve(system.schur, city_gradient[..., None])
            region_step = np.linalg.solve(system.region_precision, region_gradient[..., None])[..., 0]
            region_step = region_step - np.matmul(system.passed, city_step[:, None])[..., 0]
            city_step = city_step[..., 0].reshape(h, self.k, self.t)
            both = (weight * (city_step[:, None] + region_step[..., None])).sum(axis=2)
            period_step = (period_gradient - both) / system.period_precision
            largest = max(float(np.abs(step).max()) for step in (city_step, region_step, period_step))
            damp = min(1.0, 2.0 / largest) if largest > 0 else 1.0
            city = city + damp * city_step
            region = region + damp * region_step
            period = period + damp * period_step
            if largest < 1e-3:
                break
        mode = _Mode(city, region, period)
        mean = self.mean(mode)
        likelihood = self._constant(kappa[:, 0, 0, 0]) + (
            self.counts * np.log(mean) - (self.counts + kappa) * np.log(kappa + mean)
        ).sum(axis=(1, 2, 3))
        shared, own = sd[:, 0] ** 2, sd[:, 1] ** 2
        log_prior = (
            -0.5 * (region * np.matmul(prior, region[..., None])[..., 0]).sum(axis=(1, 2))
            - 0.5 * self.r * ((self.k - 1) * np.log(own) + np.log(own + self.k * shared))
            - 0.5 * (period_prior * period**2).sum(axis=(1, 2))
            - self.r * self.t * np.log(sd[:, 2])
            - 0.5 * (city * np.matmul(city, self.pull)).sum(axis=(1, 2))
            + self.jeffreys * city.sum(axis=(1, 2))
        )
        determinant = (
            np.log(system.period_precision).sum(axis=(1, 2))
            + np.linalg.slogdet(system.region_precision)[1].sum(axis=1)
            + np.linalg.slogdet(system.schur)[1]
        )
        return mode, likelihood + log_prior - 0.5 * determinant

    def _constant(self, kappa: Floats) -> Floats:
        from scipy.special import gammaln

        shape = kappa[:, None]
        terms = gammaln(self.values + shape) - gammaln(shape) + shape * np.log(shape)
        return (terms * self.value_counts).sum(axis=1)

    def draw(self, points: Floats, mode: _Mode, chosen: NDArray[np.intp], seed: Sequence[object]) -> RateFit:
        draws = len(chosen)
        city_normal = generator(*seed, "city").standard_normal((draws, self.k * self.t))
        region_normal = generator(*seed, "region").standard_normal((draws, self.r, self.k))
        period_normal = generator(*seed, "period").standard_normal((draws, self.r, self.t))
        city = np.empty((draws, self.k, self.t))
        region, period = np.empty_like(region_normal), np.empty_like(period_normal)
        for point in np.unique(chosen):
            rows = np.flatnonzero(chosen == point)
            sd = np.exp(points[point : point + 1])
            kappa = 1 / sd[0, 3] ** 2
            here = mode.at(point)
            mean = self.mean(here)
            system = self.system((self.counts + kappa) * kappa * mean / (kappa + mean) ** 2, sd)
            city_off = np.linalg.solve(np.linalg.cholesky(system.schur[0]).T, city_normal[rows].T).T
            root = np.linalg.cholesky(system.region_precision[0])
            region_off = np.linalg.solve(root.transpose(0, 2, 1), region_normal[rows].transpose(1, 2, 0)).transpose(
                2, 0, 1
            ) - np.tensordot(city_off, system.passed[0], axes=([1], [2]))
            shaped = city_off.reshape(-1, self.k, self.t)
            weight = system.weight[0]
            both = np.einsum("rkt,dkt->drt", weight, shaped) + np.einsum("rkt,drk->drt", weight, region_off)
            precision = system.period_precision[0]
            period[rows] = here.period + period_normal[rows] / np.sqrt(precision) - both / precision
            city[rows] = here.city + shaped
            region[rows] = here.region + region_off
        sds = np.exp(points[chosen])
        names = dict(zip(HYPERPARAMETERS, sds.mean(axis=0).tolist(), strict=True))
        return RateFit(city, region, period, 1 / sds[:, 3] ** 2, self.counts, self.exposure, names)
