"""Area under the margin (AUM): Pleiss et al. 2020."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class Margin(Tracker):
    """Mean over the epochs of given-class logit minus largest other logit in the training pass; low = suspect."""

    name = "margin"
    needs = Need.TRAINING
    trajectory = "margin"

    def measure(self, batch: Observation) -> Tensor:
        """Margin of the given class, (b,)."""
        return batch.margins

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Mean over the epochs."""
        return history.mean(axis=1)
