"""Input-loss curvature averaged over training: Garg, Ravikumar, Roy 2023."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class InputCurvature(Tracker):
    """Mean over the scored epochs of the trace of the squared input Hessian; high = suspect.

    The estimate of each epoch is `curv_issues.curvature.input_loss_curvature`.
    """

    name = "input_curvature"
    needs = Need.CURVATURE
    trajectory = "input_curvature"

    def measure(self, batch: Observation) -> Tensor:
        """Curvature of each sample, (b,), >= 0."""
        assert batch.curvature is not None  # a pass that serves Need.CURVATURE computes it
        return batch.curvature

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Mean over the scored epochs (equation 6)."""
        return history.mean(axis=1)
