"""Rank samples by suspicion, by the default or by one score."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curv_issues.confusions.unevenness import unevenness
from curv_issues.errors import UsageError

CLASS_CONFUSION, P_WRONG = "class_confusion", "p_wrong"
LOGISTIC_DEVIATION = math.pi / math.sqrt(3)  # standard deviation of the log-odds of ranks
LEAST_CONFUSION = 1e-6  # differences below are rounding errors
CONFUSION_WEIGHT, PROBABILITY_WEIGHT = 2.25, 2.0  # benchmarks/README.md explains how these were chosen


@dataclass(frozen=True, eq=False)
class Ranking:
    """The suspicion of n samples and what it is based on.

    Attributes:
        suspicion: float64 (n,) in (0, 1); high = suspect; a ranking, not a probability.
        score: "default", or the name of the score that was ranked.
        epochs: number of epochs whose margins count; None: margins do not count.
        parts: with "default", what it joins.
    """

    suspicion: np.ndarray
    score: str
    epochs: int | None = None
    parts: tuple[str, ...] = ()


def rank_by_default(margins: np.ndarray, epochs: int, scores: Mapping[str, np.ndarray], *, on_features: bool) -> Ranking:
    """Rank the samples from 0 (clean) to 1 (suspect) by the default (new here).

    With images, that is the late margin. Without images, it is the cumulative loss, because a probe memorises features sooner.
    If cross-fitting measured losses on features, they are added, as log-odds of ranks, which counts a loss most where it ranks a
    sample near either end. Where the classes are confused unevenly, `class_confusion` is added. `p_wrong` is added too: if margins
    are all there is, as far as classes are confused unevenly, because labels of like classes are memorised; with losses of networks
    that did not see the sample, the more, the more labels are wrong. Curvature is not used: benchmarks/README.md compares the
    default with its combinations.

    Args:
        margins: (n, e), margin of the given label in the training pass by epoch.
        epochs: number of first epochs whose margins count; see `NullComparison.unmemorised_epochs`.
        scores: raw scores by name, each (n,).
        on_features: whether the probe was trained on features.
    """
    if on_features and is_measured(scores, "cumulative_loss"):
        parts, names = {"cumulative_loss": scores["cumulative_loss"]}, ["held_out_loss"]
    else:
        parts, names = {"late_margin": -late_margin(margins, epochs)}, ["fitted_loss", "held_out_loss"]
    parts.update({name: scores[name] for name in names if is_measured(scores, name)})
    suspicions = [_suspicion(part) for part in parts.values()]
    joined = suspicions[0] if len(parts) == 1 else _suspicion(np.sum([_log_odds(part) for part in suspicions], axis=0))
    uneven = 0.0
    if is_measured(scores, CLASS_CONFUSION) and np.ptp(scores[CLASS_CONFUSION]) > LEAST_CONFUSION:
        confusion = parts[CLASS_CONFUSION] = scores[CLASS_CONFUSION]
        uneven = unevenness(confusion)
        joined = _suspicion(_log_odds(joined) + LOGISTIC_DEVIATION * CONFUSION_WEIGHT * uneven * confusion)
    if is_measured(scores, P_WRONG):
        wrong = scores[P_WRONG]
        weight = float(np.mean(wrong)) if "held_out_loss" in parts else 0.0 if on_features else uneven
        if weight > 0:
            parts[P_WRONG] = wrong
            joined = _suspicion(_log_odds(joined) + PROBABILITY_WEIGHT * weight * _log_odds(_suspicion(wrong)))
    return Ranking(joined, "default", epochs if "late_margin" in parts else None, tuple(parts))


def late_margin(margins: np.ndarray, epochs: int) -> np.ndarray:
    """Return the mean of the first `epochs` margins (n, e), weighted 1, 2, ..., float64 (n,); low = suspect.

    The probe knows the classes better in later epochs than in those that AUM (Pleiss et al. 2020) weights equally.
    """
    return np.average(margins[:, :epochs].astype(np.float64), axis=1, weights=np.arange(1, epochs + 1))


def rank_by_score(scores: Mapping[str, np.ndarray], directions: Mapping[str, str], score: str) -> Ranking:
    """Rank the samples from 0 (clean) to 1 (suspect) by one score.

    Args:
        scores: raw scores by name, each (n,).
        directions: "high" or "low" by name: the end at which a sample is suspect.
        score: name of the score to rank by.

    Raises:
        UsageError: the score is missing, or is NaN (in an interrupted run).
    """
    if not is_measured(scores, score):
        measured = ", ".join(name for name in scores if is_measured(scores, name))
        raise UsageError(f"The score {score!r} was not measured in this run; expected one of: {measured}.")
    return Ranking(_suspicion(scores[score] if directions[score] == "high" else -scores[score]), score)


def is_measured(scores: Mapping[str, np.ndarray], name: str) -> bool:
    """Return whether every sample has this score."""
    return name in scores and not np.isnan(scores[name]).any()


def _log_odds(suspicion: np.ndarray) -> np.ndarray:
    return np.log(suspicion) - np.log1p(-suspicion)


def _suspicion(suspect: np.ndarray) -> np.ndarray:
    """Return ranks in (0, 1), high for high values; ties share their mean rank."""
    return (pd.Series(suspect).rank().to_numpy() - 0.5) / len(suspect)
