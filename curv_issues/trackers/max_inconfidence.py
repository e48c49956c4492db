"""Inconfidence in whatever is predicted: the form in the code of the cumulative-loss paper."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class MaxInconfidence(Tracker):
    """1 - largest softmax after the last scored epoch, clean picture; in [0, 1), high = suspect. It does not see the label."""

    name = "max_inconfidence"
    needs = Need.EVALUATION
    last_only = True

    def measure(self, batch: Observation) -> Tensor:
        """1 - max p, (b,): the sum of all other probabilities."""
        probabilities = batch.logits.softmax(1)
        largest = probabilities.argmax(1, keepdim=True)
        return probabilities.scatter(1, largest, 0.0).sum(1)

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """The last value."""
        return history[:, -1]
