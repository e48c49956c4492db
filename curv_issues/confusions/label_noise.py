"""What one source of class probabilities says about the noise of the labels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from curv_issues.confusions.calibration import calibrate, part_to_fit
from curv_issues.confusions.posterior import class_posterior, log_odds, probability_wrong
from curv_issues.confusions.transition import MOST_FITTED, fit_transition, flat_transition
from curv_issues.confusions.unevenness import unevenness

MOST_VALUES = 50_000_000  # n times k
CLARITY = 0.1  # where classes are confused unevenly; benchmarks/README.md explains how these were chosen
LEAST_CLARITY = 1e-3  # less changes nothing
LEAST_LIKELIHOOD = 1e-30  # of a class


@dataclass(frozen=True, eq=False)
class LabelNoise:
    """The noise of n labels.

    Attributes:
        transition: (k, k), estimated probability of each given class (column) for each true class (row).
        prior: float32 (n, k), probability of each true class from the sample alone.
        wrong: float64 (n,), probability that the label is wrong.
        gain: float64 (n,), how much more wrong the label looks because some classes are confused more often than others: the
            log-odds beyond those with a flat transition matrix, in units of the standard deviation of the latter.
    """

    transition: np.ndarray
    prior: np.ndarray
    wrong: np.ndarray
    gain: np.ndarray


def estimate_noise(scores: np.ndarray, given: np.ndarray) -> LabelNoise:
    """Estimate the noise of the given labels.

    Args:
        scores: float (n, k), log-probabilities of the classes, or other scores that are higher for better classes, preferably of
            a network that has not memorised the labels.
        given: int64 (n,), the given classes.
    """
    scores = np.asarray(scores, dtype=np.float64)
    transition, prior, gain = fit_confusions(scores, given)
    clarity = CLARITY * unevenness(gain)
    if clarity > LEAST_CLARITY:
        transition = fit_transition(scores, given, clarity=clarity)
        prior = calibrate(scores, given, transition, clarity=clarity)(scores)
    wrong = probability_wrong(class_posterior(prior, transition, given), given)
    return LabelNoise(transition, prior.astype(np.float32), wrong, gain)


def suggest_class(noise: LabelNoise, given: np.ndarray) -> np.ndarray:
    """Return the most probable class of each sample other than the given one, int64 (n,).

    By Bayes' rule, but with the log of the transition matrix times the `unevenness`: where classes are confused evenly, its entries
    differ only by chance.

    Args:
        noise: of n labels of k classes.
        given: int64 (n,), the given classes.
    """
    likelihood = np.log(noise.transition[:, given].T + LEAST_LIKELIHOOD)
    scores = np.log(noise.prior + LEAST_LIKELIHOOD) + unevenness(noise.gain) * likelihood
    scores[np.arange(len(given)), given] = -np.inf
    return scores.argmax(axis=1)


def fit_confusions(scores: np.ndarray, given: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the transition matrix (k, k), the prior (n, k) and the gain (n,) of these scores; see `LabelNoise`."""
    transition = fit_transition(scores, given)
    prior = calibrate(scores, given, transition)(scores)
    wrong = probability_wrong(class_posterior(prior, transition, given), given)
    flat = flat_transition(len(transition), rate=float((prior @ (1 - np.diag(transition))).mean()))
    usual = log_odds(probability_wrong(class_posterior(calibrate(scores, given, flat)(scores), flat, given), given))
    return transition, prior, (log_odds(wrong) - usual) / max(float(usual.std()), 1e-9)


def error_rate(scores: np.ndarray, given: np.ndarray) -> float:
    """Return the estimated fraction of wrong labels, from at most 20,000 samples; see `estimate_noise`."""
    part = part_to_fit(scores, MOST_FITTED)
    return float(estimate_noise(scores[part], given[part]).wrong.mean())


def late_mean(history: np.ndarray, epochs: int) -> np.ndarray:
    """Return the mean of the first `epochs` log-probabilities (n, e, k), weighted 1, 2, ..., float64 (n, k); see `late_margin`."""
    weights = np.arange(1, epochs + 1) / (epochs * (epochs + 1) / 2)
    total = np.zeros((history.shape[0], history.shape[2]))
    for epoch, weight in enumerate(weights):
        total += weight * history[:, epoch]
    return total
