"""From raw scores to suspicion: the one ranking that users see."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy.stats import rankdata

from curv_issues.errors import UsageError

# Curvature does not join them: see the ablation in README.md.
DEFAULT_SCORES = ("cumulative_loss", "margin", "final_margin")
MOST_MEMORISED = 0.15  # chosen on CIFAR-100, see benchmarks/README.md


@dataclass(frozen=True)
class Ranking:
    """An order of the samples and how it was made.

    Attributes:
        suspicion: float64 (n,) in (0, 1); high = suspect; a ranking, not a probability.
        scores: names of the scores whose ranks were averaged.
        memorised_share: of the labels that looked wrong in training, the share that the probe gives back in the end;
            None where it was not asked for or no label looked wrong.
    """

    suspicion: np.ndarray
    scores: tuple[str, ...]
    memorised_share: float | None = None


def rank_samples(
    scores: Mapping[str, np.ndarray],
    directions: Mapping[str, str],
    *,
    score: str = "default",
    looked_wrong: np.ndarray | None = None,
) -> Ranking:
    """Rank every sample from 0 (clean) to 1 (suspect).

    The default is the mean of the ranks of cumulative loss, margin and final margin. The final margin is left out once
    the probe has memorised wrong labels, for then it calls them right: if, of the labels that looked wrong in training, 15%
    or more are predicted in the end. A named score is its own rank. Ties share their
    mean rank. Scores that were never measured (NaN, in an interrupted run) are left out.

    Args:
        scores: raw scores by name, each (n,).
        directions: "high" or "low" by name: the end at which a sample is suspect.
        score: "default" or one name.
        looked_wrong: bool (n,), the labels that looked wrong in training; None: leave the final margin out.

    Raises:
        UsageError: the score asked for was not computed.
    """
    names, memorised = ((score,), None) if score != "default" else _default_scores(scores, looked_wrong)
    usable = tuple(name for name in names if _is_measured(scores, name))
    if not usable:
        there = ", ".join(name for name in scores if _is_measured(scores, name))
        raise UsageError(f"The score {score!r} was not measured in this run; it has: {there}.")
    ranks = [rankdata(scores[name] if directions[name] == "high" else -scores[name]) for name in usable]
    return Ranking((np.mean(ranks, axis=0) - 0.5) / len(ranks[0]), usable, memorised)


def _default_scores(scores: Mapping[str, np.ndarray], looked_wrong: np.ndarray | None) -> tuple[tuple[str, ...], float | None]:
    memorised = memorised_share(scores, looked_wrong)
    return (DEFAULT_SCORES if memorised is not None and memorised < MOST_MEMORISED else DEFAULT_SCORES[:2]), memorised


def memorised_share(scores: Mapping[str, np.ndarray], looked_wrong: np.ndarray | None) -> float | None:
    """Of the labels that looked wrong in training, the share that the probe predicts in the end; None if that is not known."""
    if looked_wrong is None or not looked_wrong.any() or not _is_measured(scores, "final_margin"):
        return None
    return float((scores["final_margin"][looked_wrong] > 0).mean())


def _is_measured(scores: Mapping[str, np.ndarray], name: str) -> bool:
    return name in scores and not np.isnan(scores[name]).any()
