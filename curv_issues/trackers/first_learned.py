"""Learning time as the first epoch in which the given label is predicted: the code of Ravikumar et al. 2025."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class FirstLearned(Tracker):
    """First epoch (from 0) whose training pass predicts the given label; the number of epochs if none does; high = suspect."""

    name = "first_learned"
    needs = Need.TRAINING

    def measure(self, batch: Observation) -> Tensor:
        """1 where the given label has the largest logit, else 0, (b,)."""
        return (batch.margins > 0).float()

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Position of the first 1, in [0, e]."""
        learned = history > 0
        return np.where(learned.any(axis=1), learned.argmax(axis=1), history.shape[1]).astype(np.float64)
