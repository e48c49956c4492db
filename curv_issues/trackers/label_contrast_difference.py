"""Label-contrast curvature, as a difference: new here, see `curv_issues.contrast`."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class LabelContrastDifference(Tracker):
    """Mean over the scored epochs of C_y - C_k, the curvature under given and strongest other label; high = suspect."""

    name = "label_contrast_difference"
    needs = Need.CONTRAST

    def measure(self, batch: Observation) -> Tensor:
        """The difference, (b,)."""
        assert batch.curvature is not None  # a pass that serves Need.CONTRAST computes them
        assert batch.rival_curvature is not None
        return batch.curvature - batch.rival_curvature

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Mean over the scored epochs."""
        return history.mean(axis=1)
