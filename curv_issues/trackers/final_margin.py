"""The margin after the last epoch, on clean pictures."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class FinalMargin(Tracker):
    """Given-class logit minus largest other logit after the last scored epoch, evaluation mode; low = suspect."""

    name = "final_margin"
    needs = Need.EVALUATION
    last_only = True

    def measure(self, batch: Observation) -> Tensor:
        """Margin of the given class, (b,)."""
        return batch.margins

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """The last value."""
        return history[:, -1]
