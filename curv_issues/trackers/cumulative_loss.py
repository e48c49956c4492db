"""Cumulative sample loss (CSL): Ravikumar et al. 2025."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class CumulativeLoss(Tracker):
    """Sum over the epochs of a sample's cross-entropy in the training pass; high = suspect."""

    name = "cumulative_loss"
    needs = Need.TRAINING
    trajectory = "loss"

    def measure(self, batch: Observation) -> Tensor:
        """Cross-entropy of the given label, (b,)."""
        return batch.losses

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Sum over the epochs."""
        return history.sum(axis=1)
