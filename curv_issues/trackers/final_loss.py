"""The loss after the last epoch, on clean pictures."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class FinalLoss(Tracker):
    """Cross-entropy after the last scored epoch, evaluation mode; high = suspect."""

    name = "final_loss"
    needs = Need.EVALUATION
    last_only = True

    def measure(self, batch: Observation) -> Tensor:
        """Cross-entropy of the given label, (b,)."""
        return batch.losses

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """The last value."""
        return history[:, -1]
