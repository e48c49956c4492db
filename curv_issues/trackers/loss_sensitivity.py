"""Loss sensitivity: Arpit et al. 2017."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class LossSensitivity(Tracker):
    """Mean over the scored epochs of the norm of the input gradient of the loss; high = suspect."""

    name = "loss_sensitivity"
    needs = Need.GRADIENT

    def measure(self, batch: Observation) -> Tensor:
        """Euclidean norm of the input gradient, (b,)."""
        return batch.gradient_norms

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Mean over the scored epochs."""
        return history.mean(axis=1)
