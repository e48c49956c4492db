"""EL2N: Paul et al. 2021."""

from __future__ import annotations

import math

import numpy as np
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker

EARLY_SHARE = 0.2  # of the epochs; the paper takes epochs 10 to 20 of 200 and the mean over several networks


class EL2N(Tracker):
    """Mean over the first fifth of the epochs of the norm of softmax minus one-hot label in the training pass; high = suspect."""

    name = "el2n"
    needs = Need.TRAINING

    def measure(self, batch: Observation) -> Tensor:
        """Norm of the residual, (b,), in [0, sqrt 2]."""
        return batch.residual_norms

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Mean over the first fifth of the epochs, rounded up."""
        return history[:, : math.ceil(EARLY_SHARE * history.shape[1])].mean(axis=1)
