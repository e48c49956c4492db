"""Cumulative sample loss from evaluation passes: Ravikumar et al. 2025."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class EvaluationLoss(Tracker):
    """Sum over the scored epochs of a sample's cross-entropy on its clean picture, evaluation mode; high = suspect."""

    name = "evaluation_loss"
    needs = Need.EVALUATION

    def measure(self, batch: Observation) -> Tensor:
        """Cross-entropy of the given label, (b,)."""
        return batch.losses

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Sum over the scored epochs."""
        return history.sum(axis=1)
