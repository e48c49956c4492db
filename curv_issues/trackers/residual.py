"""The residual ||p - e_y||: what curvature has to be compared with."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class Residual(Tracker):
    """Sum over the scored epochs of the norm of softmax minus one-hot given label; high = suspect."""

    name = "residual"
    needs = Need.EVALUATION

    def measure(self, batch: Observation) -> Tensor:
        """Norm of the residual, (b,), in [0, sqrt 2]."""
        return batch.residual_norms

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Sum over the scored epochs."""
        return history.sum(axis=1)
