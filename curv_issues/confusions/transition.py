"""Estimate how often labels of one class are given to another, from what a network says and the given labels alone."""

from __future__ import annotations

import numpy as np

from curv_issues.confusions.calibration import Calibration, calibrate, part_to_fit
from curv_issues.confusions.posterior import class_posterior

MOST_FITTED = 20_000  # samples
ITERATIONS = 12  # benchmarks/README.md explains how these were chosen
START = 0.2  # error rate to start from
PRIOR = 2.0  # weight of the mean error rate, in samples
LEAST_RIGHT = 0.05  # fraction of right labels of a class
LEAST_PRIOR, MOST_PRIOR = 5.0, 1e6


def flat_transition(num_classes: int, rate: float) -> np.ndarray:
    """Return the transition matrix (k, k) of errors with this rate that go to all other classes alike."""
    return _with_diagonal(np.full((num_classes, num_classes), rate / (num_classes - 1)))


def fit_transition(scores: np.ndarray, given: np.ndarray, *, clarity: float = 0.0) -> np.ndarray:
    """Return the transition matrix (k, k) that, together with a calibration of the scores, explains the given labels best.

    This is expectation maximisation (Dawid and Skene 1979, for annotators). A calibrated network that knows nothing of the errors
    would find such labels improbable; the matrix explains them. Where the counts of errors between pairs of classes vary no more
    than by chance, the rates are drawn to their mean: the matrix is flat.

    Args:
        scores: float (n, k), log-probabilities of the classes, preferably of a network that has not memorised the labels.
        given: int64 (n,), the given classes.
        clarity: see `calibrate`.
    """
    part = part_to_fit(scores, MOST_FITTED)
    scores, given = scores[part], given[part]
    transition = flat_transition(scores.shape[1], START)
    calibration: Calibration | None = None
    for iteration in range(ITERATIONS + 1):
        calibration = calibrate(scores, given, transition, start=calibration, clarity=clarity)
        counts = _counts(class_posterior(calibration(scores), transition, given), given)
        transition = shrunk(counts) if iteration == ITERATIONS else _drawn_to_mean(counts, PRIOR)
    return transition


def _counts(posterior: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the expected number of samples of each true class (row) with each given label (column), (k, k)."""
    k = posterior.shape[1]
    return np.stack([np.bincount(given, weights=column, minlength=k) for column in posterior.T])


def shrunk(counts: np.ndarray) -> np.ndarray:
    """Return the transition matrix of these counts with error rates drawn to their mean, the more the less they differ.

    The weight of the mean is that of a gamma distribution of the rates with the mean and variance of those observed, less the
    variance of Poisson counts (empirical Bayes by moments).
    """
    off = ~np.eye(len(counts), dtype=bool)
    sizes = np.broadcast_to(counts.sum(axis=1, keepdims=True), counts.shape)[off]
    mean = (counts[off].sum() + 0.5) / max(sizes.sum(), 1)
    rates = counts[off] / np.maximum(sizes, 1e-9)
    by_chance = mean / np.maximum(sizes, 1)
    variance = np.average((rates - mean) ** 2 - by_chance, weights=sizes + 1e-9)
    return _drawn_to_mean(counts, float(np.clip(mean / max(variance, 1e-9), LEAST_PRIOR, MOST_PRIOR)))


def _drawn_to_mean(counts: np.ndarray, weight: float) -> np.ndarray:
    """Return the transition matrix of these counts and of `weight` samples per class with the mean error rate."""
    off = ~np.eye(len(counts), dtype=bool)
    mean = counts[off].sum() / max(counts.sum(), 1e-9) / (len(counts) - 1)
    return _with_diagonal((counts + weight * mean) / (counts.sum(axis=1, keepdims=True) + weight))


def _with_diagonal(rates: np.ndarray) -> np.ndarray:
    """Return a transition matrix with these rates off the diagonal."""
    found = np.where(np.eye(len(rates), dtype=bool), 0.0, rates)
    np.fill_diagonal(found, np.maximum(1 - found.sum(axis=1), LEAST_RIGHT))
    return found / found.sum(axis=1, keepdims=True)
