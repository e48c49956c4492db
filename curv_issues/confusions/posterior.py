"""The probability of each class, and that a label is wrong, by Bayes' rule."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit


def class_posterior(prior: np.ndarray, transition: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the probability of each true class when the given label is known, (n, k).

    Args:
        prior: (n, k), probability of each true class from the sample alone.
        transition: (k, k), probability of each given class (column) for each true class (row).
        given: int64 (n,), the given classes.
    """
    joint = prior * transition[:, given].T
    return joint / np.maximum(joint.sum(axis=1, keepdims=True), np.finfo(float).tiny)


def probability_wrong(posterior: np.ndarray, given: np.ndarray) -> np.ndarray:
    """Return the probability that the true class is another than the given one, (n,) in [0, 1], accurate near 0."""
    others = posterior.copy()
    others[np.arange(len(given)), given] = 0
    return np.minimum(others.sum(axis=1), 1.0)


def log_odds(probability: np.ndarray) -> np.ndarray:
    """Return the log-odds of probabilities, finite also for 0 and 1."""
    return np.log(probability + LEAST_PROBABILITY) - np.log(1 - probability + LEAST_PROBABILITY)


def with_mean(probability: np.ndarray, mean: float) -> np.ndarray:
    """Return the probabilities (n,) after the shift of their log-odds that brings their mean to this one, in (0, 1)."""
    odds = logit(np.clip(probability, np.finfo(float).tiny, 1 - np.finfo(float).eps))
    most = float(np.abs(odds).max()) + MOST_ODDS
    return expit(odds + brentq(lambda shift: expit(odds + shift).mean() - mean, -most, most))


LEAST_PROBABILITY = 1e-9
MOST_ODDS = 40.0  # the log-odds of the least and the highest mean that can be asked for
