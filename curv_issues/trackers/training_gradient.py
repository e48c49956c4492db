"""The input gradient of the training pass: nearly free, while loss sensitivity needs a pass of its own."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class TrainingGradient(Tracker):
    """Sum over the epochs of the norm of the training pass's input gradient; high = suspect."""

    name = "training_gradient"
    needs = Need.TRAINING_GRADIENT
    trajectory = "training_gradient"

    def measure(self, batch: Observation) -> Tensor:
        """Euclidean norm, (b,)."""
        return batch.gradient_norms

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Sum over the epochs."""
        return history.sum(axis=1)
