"""Rank samples by suspicion, from their margins or one score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curv_issues.errors import UsageError


@dataclass(frozen=True, eq=False)
class Ranking:
    """The suspicion of n samples and what it is based on.

    Attributes:
        suspicion: float64 (n,) in (0, 1); high = suspect; a ranking, not a probability.
        score: "default", or the name of the score that was ranked.
        epochs: with "default", number of epochs whose margins count; None for a named score.
    """

    suspicion: np.ndarray
    score: str
    epochs: int | None = None


def rank_by_margins(margins: np.ndarray, epochs: int) -> Ranking:
    """Rank the samples from 0 (clean) to 1 (suspect) by the late margin, the default (new here).

    The late margin averages the training margin over epochs as AUM does (Pleiss et al. 2020), but with weights 1, 2, 3, ...,
    because the probe knows the classes better in later epochs. Epochs in which it memorises labels that look wrong do not
    count. Curvature is not used: benchmarks/README.md compares the default with its combinations.

    Args:
        margins: (n, e), margin of the given label in the training pass by epoch.
        epochs: number of first epochs that count; see `NullComparison.unmemorised_epochs`.
    """
    return Ranking(_suspicion(-late_margin(margins, epochs)), "default", epochs)


def late_margin(margins: np.ndarray, epochs: int) -> np.ndarray:
    """Return the mean of the first `epochs` margins (n, e), weighted 1, 2, ..., float64 (n,); low = suspect."""
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


def _suspicion(suspect: np.ndarray) -> np.ndarray:
    """Return ranks in (0, 1), high for high values; ties share their mean rank."""
    return (pd.Series(suspect).rank().to_numpy() - 0.5) / len(suspect)
