"""Correct the probabilities that labels are wrong by a person's answers on some samples (Platt 1999, with a prior)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit, log_expit, logit

from curv_issues.confusions.error_count import ErrorCount

LEAST_PROBABILITY = 1e-5  # lower ones, and higher ones than 1 minus this, are taken as this
SHIFT_DEVIATION, FACTOR_DEVIATION = 3.0, 0.5  # of the normal prior; benchmarks/README.md explains how these were chosen
LEAST_FACTOR = 0.05
GRID, GRID_DEVIATIONS = 81, 8.0  # values of shift and factor, up to so many standard deviations from the most probable ones
NUM_DRAWS = 1000
INTERVAL = (2.5, 97.5)  # percentiles


@dataclass(frozen=True, eq=False)
class Correction:
    """The map from a probability p to sigmoid(shift + factor * logit(p)).

    Attributes:
        shift: 0 for no change.
        factor: at least 0.05; 1 for no change.
        draws: (d, 2), values of shift and factor that the answers leave possible, drawn from their posterior.
    """

    shift: float
    factor: float
    draws: np.ndarray

    def __call__(self, probability: np.ndarray) -> np.ndarray:
        """Return the corrected probabilities, (n,)."""
        return expit(self.shift + self.factor * _log_odds(probability))

    def undo(self, corrected: np.ndarray) -> np.ndarray:
        """Return the probabilities of which these are the correction, (n,)."""
        return expit((logit(corrected) - self.shift) / self.factor)


def fit_correction(probability: np.ndarray, is_wrong: np.ndarray) -> Correction:
    """Return the most probable correction, and draws from its posterior.

    The posterior is computed on a grid. A normal approximation would be too wide: if most answers agree with confident
    probabilities, it has small factors that these answers exclude.

    Args:
        probability: (m,), estimated before the answers.
        is_wrong: bool (m,), the answers.
    """
    design = np.stack([np.ones(len(probability)), _log_odds(probability)], axis=1)
    sign = np.where(is_wrong, 1.0, -1.0)
    mean, precision = np.array([0.0, 1.0]), np.array([SHIFT_DEVIATION, FACTOR_DEVIATION]) ** -2.0

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        odds, gap = sign * (design @ parameters), parameters - mean
        value = 0.5 * (precision * gap**2).sum() - log_expit(odds).sum()
        return float(value), precision * gap - design.T @ (sign * expit(-odds))

    found = minimize(loss, mean, jac=True, method="L-BFGS-B", bounds=[(None, None), (LEAST_FACTOR, None)]).x
    spread = expit(design @ found) * expit(-design @ found)
    reach = GRID_DEVIATIONS * np.sqrt(np.diag(np.linalg.inv(np.diag(precision) + (design.T * spread) @ design)))
    shifts, factors = (np.linspace(low, high, GRID) for low, high in zip(found - reach, found + reach, strict=True))
    factors = factors[factors >= LEAST_FACTOR] if (factors >= LEAST_FACTOR).any() else np.array([LEAST_FACTOR])
    points = np.stack(np.meshgrid(factors, shifts, indexing="ij"), axis=-1)[:, :, ::-1]
    logs = np.stack([log_expit(sign * (shifts[:, None] + factor * design[:, 1])).sum(axis=1) for factor in factors])
    logs -= 0.5 * (precision * (points - mean) ** 2).sum(axis=-1)
    weights = np.exp(logs - logs.max()).ravel()
    drawn = np.random.default_rng(0).choice(len(weights), NUM_DRAWS, p=weights / weights.sum())
    return Correction(float(found[0]), float(found[1]), points.reshape(-1, 2)[drawn])


def count_wrong(correction: Correction, probability: np.ndarray, *, known: int = 0) -> ErrorCount:
    """Return the number of wrong labels among n samples, with an interval for the correction and for which labels are wrong.

    Args:
        correction: of the probabilities.
        probability: (n,), estimated before the answers.
        known: number of further labels that a person has found wrong.
    """
    random = np.random.default_rng(0)
    odds = _log_odds(probability)
    counts = np.empty(len(correction.draws))
    for index, (shift, factor) in enumerate(correction.draws):
        wrong = expit(shift + factor * odds)
        counts[index] = random.normal(wrong.sum(), np.sqrt((wrong * (1 - wrong)).sum()))
    low, high = known + np.clip(np.percentile(counts, INTERVAL), 0, len(probability))
    return ErrorCount(known + float(correction(probability).sum()), float(low), float(high), "answers")


def _log_odds(probability: np.ndarray) -> np.ndarray:
    return logit(np.clip(probability, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY))
