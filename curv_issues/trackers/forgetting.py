"""Forgetting events: Toneva et al. 2019."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class Forgetting(Tracker):
    """How often the training pass loses the given label again; never learned counts most; high = suspect."""

    name = "forgetting"
    needs = Need.TRAINING

    def measure(self, batch: Observation) -> Tensor:
        """1 where the given label has the largest logit, else 0, (b,)."""
        return (batch.margins > 0).float()

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Number of changes from right to wrong, in [0, e / 2]; e, the number of epochs, where it was never right."""
        learned = history > 0
        events = (learned[:, :-1] & ~learned[:, 1:]).sum(axis=1).astype(np.float64)
        return np.where(learned.any(axis=1), events, float(history.shape[1]))
