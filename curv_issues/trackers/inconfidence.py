"""Inconfidence in the given label: Carlini et al. 2019, as Garg, Ravikumar, Roy 2023 use it."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class Inconfidence(Tracker):
    """1 - softmax of the given label after the last scored epoch, clean picture; in [0, 1], high = suspect."""

    name = "inconfidence"
    needs = Need.EVALUATION
    last_only = True

    def measure(self, batch: Observation) -> Tensor:
        """1 - p_y, (b,), exact where p_y is close to 1."""
        return -torch.expm1(-batch.losses)

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """The last value."""
        return history[:, -1]
