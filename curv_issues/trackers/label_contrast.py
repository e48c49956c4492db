"""Label-contrast curvature, as a ratio: new here, see `curv_issues.contrast`."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class LabelContrast(Tracker):
    """Mean over the scored epochs of log C_y - log C_k, the curvature under given and strongest other label; high = suspect."""

    name = "label_contrast"
    needs = Need.CONTRAST
    trajectory = "label_contrast"

    def measure(self, batch: Observation) -> Tensor:
        """Logarithm of the ratio, (b,); 0 where both curvatures vanish."""
        assert batch.curvature is not None  # a pass that serves Need.CONTRAST computes them
        assert batch.rival_curvature is not None
        least = torch.finfo(torch.float32).tiny
        return batch.curvature.float().clamp_min(least).log() - batch.rival_curvature.float().clamp_min(least).log()

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Mean over the scored epochs."""
        return history.mean(axis=1)
