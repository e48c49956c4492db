"""From raw scores to suspicion: the one ranking that users see."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.stats import rankdata

from curv_issues.errors import UsageError

# Both come from the training pass, at no cost. Curvature does not join them: see the ablation in benchmarks/.
DEFAULT_SCORES = ("cumulative_loss", "margin")


def suspicion(scores: Mapping[str, np.ndarray], directions: Mapping[str, str], *, score: str = "default") -> np.ndarray:
    """Rank every sample from 0 (clean) to 1 (suspect).

    The default is the mean of the ranks of cumulative loss and margin; a named score is its own rank.
    Ties share their mean rank. Scores that were never measured (NaN throughout, in an interrupted run) are left out.

    Args:
        scores: raw scores by name, each (n,).
        directions: "high" or "low" by name: the end at which a sample is suspect.
        score: "default" or one name.

    Returns:
        float64 (n,) in (0, 1); a ranking, not a probability.

    Raises:
        UsageError: the score asked for was not computed.
    """
    names = DEFAULT_SCORES if score == "default" else (score,)
    usable = [name for name in names if name in scores and not np.isnan(scores[name]).any()]
    if not usable:
        measured = [name for name, values in scores.items() if not np.isnan(values).any()]
        raise UsageError(f"The score {score!r} was not measured in this run; it has: {', '.join(measured)}.")
    ranks = [rankdata(scores[name] if directions[name] == "high" else -scores[name]) for name in usable]
    return (np.mean(ranks, axis=0) - 0.5) / len(ranks[0])
