"""Turn scores of classes into probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import softmax

MOST_FITTED = 10_000  # samples; there are only k + 1 parameters
LEAST_FITTED, MOST_VALUES = 500, 1_000_000  # samples, and samples times classes, which take the time
PRIOR = 1e-4  # keeps the shifts of rare classes small
LEAST_LIKELIHOOD = 1e-7
ITERATIONS, LEAST_ITERATIONS = 60, 15  # fewer above 100 classes, where each takes longer
MOST_CLASSES = 100  # with all iterations
LEAST_FACTOR = 0.1  # at unit variance: a class with a higher score is never the less probable one


@dataclass(frozen=True, eq=False)
class Calibration:
    """The map from scores of k classes to probabilities, softmax(factor * scores + shifts).

    Attributes:
        factor: an inverse temperature (Guo et al. 2017, ICML), > 0.
        shifts: (k,).
    """

    factor: float
    shifts: np.ndarray

    def __call__(self, scores: np.ndarray) -> np.ndarray:
        """Return probabilities of the classes, (n, k), for scores (n, k)."""
        return softmax(self.factor * scores + self.shifts, axis=1)


def part_to_fit(scores: np.ndarray, most: int) -> np.ndarray | slice:
    """Return positions of samples to fit to: all, or `most` of n if n is larger, chosen at random with a fixed seed.

    With more than 100 classes, there are fewer, at least 500.

    Args:
        scores: (n, k).
        most: number of samples.
    """
    n, k = scores.shape
    most = min(most, max(LEAST_FITTED, most * MOST_VALUES // (MOST_FITTED * k)))
    return np.sort(np.random.default_rng(0).permutation(n)[:most]) if n > most else slice(None)


def calibrate(
    scores: np.ndarray, given: np.ndarray, transition: np.ndarray, *, start: Calibration | None = None, clarity: float = 0.0
) -> Calibration:
    """Return the calibration whose probabilities of the true classes explain the given labels best (maximum likelihood).

    Args:
        scores: float (n, k), log-probabilities, or other scores that are higher for better classes.
        given: int64 (n,), the given classes.
        transition: (k, k), probability of each given class (column) for each true class (row).
        start: where the search starts; None: at unit variance, without shifts.
        clarity: weight of the mutual information of samples and classes (Krause, Perona, Gomes 2010, NeurIPS, eq. 3), which is
            subtracted from the mean negative log-likelihood. Labels cannot tell samples that are unclear from labels that are
            confused; the higher it is, the more is put down to confusion.
    """
    part = part_to_fit(scores, MOST_FITTED)
    fitted, likelihoods = np.ascontiguousarray(scores[part].T), transition[:, given[part]]  # (k, m): sums over k are fast
    unit = float(fitted.std()) or 1.0  # of the scores, so that all parameters are of order one
    fitted = fitted / unit

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        factor, shifts = parameters[0], parameters[1:, None]
        logs = factor * fitted  # changed in place, as most of the time goes into reading and writing these values
        logs += shifts
        logs -= logs.max(axis=0)
        prior = np.exp(logs)
        sums = prior.sum(axis=0)
        prior /= sums
        joint = prior * likelihoods
        likelihood = joint.sum(axis=0)
        total = likelihood + LEAST_LIKELIHOOD
        joint /= total
        slope = prior * (likelihood / total)  # of -log(total), by factor * fitted + shifts
        slope -= joint
        value = PRIOR * (shifts**2).mean() - np.log(total).mean()
        if clarity:
            logs -= np.log(sums)
            entropy = -(prior * logs).sum(axis=0)
            mean = np.log(prior.mean(axis=1) + LEAST_LIKELIHOOD)  # of the classes
            slope -= clarity * prior * (logs + entropy - mean[:, None] + mean @ prior)
            value += clarity * (entropy.mean() + (np.exp(mean) * mean).sum())
        by_shift = slope.mean(axis=1) + 2 * PRIOR * shifts[:, 0] / len(shifts)
        return float(value), np.concatenate([[np.vdot(slope, fitted) / fitted.shape[1]], by_shift])

    first = np.concatenate([[1.0], np.zeros(scores.shape[1])] if start is None else [[start.factor * unit], start.shifts])
    bounds = [(LEAST_FACTOR, None)] + [(None, None)] * scores.shape[1]
    iterations = max(LEAST_ITERATIONS, min(ITERATIONS, ITERATIONS * MOST_CLASSES // scores.shape[1]))
    found = minimize(loss, first, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": iterations}).x
    return Calibration(float(found[0] / unit), found[1:])
