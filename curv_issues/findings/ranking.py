"""From margins or a raw score to suspicion: the one ranking that users see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from curv_issues.errors import UsageError


@dataclass(frozen=True, eq=False)
class Ranking:
    """An order of the samples and how it was made.

    Attributes:
        suspicion: float64 (n,) in (0, 1); high = suspect; a ranking, not a probability.
        score: "default" or the name of the score whose rank it is.
        epochs: of the default, the number of epochs whose margins count; None for a named score.
    """

    suspicion: np.ndarray
    score: str
    epochs: int | None = None


def rank_by_margins(margins: np.ndarray, epochs: int) -> Ranking:
    """The default: rank every sample from 0 (clean) to 1 (suspect) by the late margin, new here.

    That is the margin in training averaged over the epochs as in AUM (Pleiss et al. 2020), but with weights 1, 2, 3, ...: in later
    epochs the probe knows the classes better. The epochs in which it memorises labels that look wrong do not count.
    Curvature does not join: see the default joined with single scores in benchmarks/README.md.

    Args:
        margins: (n, e), margin of the given label in the training pass by epoch.
        epochs: the first so many count; see `NullComparison.unmemorised_epochs`.
    """
    return Ranking(_suspicion(-late_margin(margins, epochs)), "default", epochs)


def late_margin(margins: np.ndarray, epochs: int) -> np.ndarray:
    """Mean of the margins (n, e) of the first epochs with weights 1, 2, ..., `epochs`, float64 (n,); low = suspect."""
    return np.average(margins[:, :epochs].astype(np.float64), axis=1, weights=np.arange(1, epochs + 1))


def rank_by_score(scores: Mapping[str, np.ndarray], directions: Mapping[str, str], score: str) -> Ranking:
    """Rank every sample from 0 (clean) to 1 (suspect) by one score.

    Args:
        scores: raw scores by name, each (n,).
        directions: "high" or "low" by name: the end at which a sample is suspect.
        score: its name.

    Raises:
        UsageError: the score was not computed; it is missing, or NaN (in an interrupted run).
    """
    if not is_measured(scores, score):
        there = ", ".join(name for name in scores if is_measured(scores, name))
        raise UsageError(f"The score {score!r} was not measured in this run; it has: {there}.")
    return Ranking(_suspicion(scores[score] if directions[score] == "high" else -scores[score]), score)


def is_measured(scores: Mapping[str, np.ndarray], name: str) -> bool:
    """Whether every sample has this score."""
    return name in scores and not np.isnan(scores[name]).any()


def _suspicion(suspect: np.ndarray) -> np.ndarray:
    """Ranks in (0, 1), high where the values are high; ties share their mean rank."""
    return (pd.Series(suspect).rank().to_numpy() - 0.5) / len(suspect)
