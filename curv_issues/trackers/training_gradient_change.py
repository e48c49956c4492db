"""Change of the training input gradient from epoch to epoch, a cheap relative of curvature.

Curvature compares the input gradients at two inputs under the same weights. The training pass gives, almost for free, the
gradients at two views of the image under the weights of two epochs. Only a few random projections of them are kept: for
directions r of +1 and -1, E[(r . g)^2] = ||g||^2.

New in this package.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from curv_issues.curvature import rademacher_directions
from curv_issues.trackers import Epochs
from curv_issues.trackers.base import Need, Observation, Quantity

NUM_PROJECTIONS = 16


class TrainingGradientChange(Quantity):
    """Norm of the change of the training input gradient since the previous epoch; NaN in the first epoch.

    In addition to the history, it keeps the projections of the previous epoch, float32 (n, 16).
    """

    name = "training_gradient_change"
    needs = Need.TRAINING_GRADIENT

    def __init__(self, num_samples: int, num_epochs: int, epochs: Epochs = "all") -> None:
        super().__init__(num_samples, num_epochs, epochs)
        self._previous = torch.full((num_samples, NUM_PROJECTIONS), math.nan)

    def measure(self, batch: Observation) -> Tensor:
        """Return the estimated norm of the change, (b,), and keep the projections for the next epoch."""
        now = project(batch)
        if self._previous.device != now.device:
            self._previous = self._previous.to(now.device)
        index = batch.index.to(now.device, non_blocking=True)
        before = self._previous[index]
        self._previous[index] = now
        return (now - before).square().mean(1).sqrt()

    @property
    def measured(self) -> tuple[int, ...]:
        """Return the kept epochs, without the first, in which there is no change to measure."""
        return tuple(epoch for epoch in super().measured if not np.isnan(self._columns[epoch]).all())

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return the history and the last projections."""
        return {**super().state_dict(), "previous": self._previous.cpu().numpy().copy()}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Load a state with the same number of samples."""
        super().load_state_dict(state)
        self._previous = torch.from_numpy(state["previous"].copy())

    def merge(self, other: Quantity) -> None:
        """Add what another run measured on other samples."""
        super().merge(other)
        assert isinstance(other, TrainingGradientChange)
        theirs = other._previous.to(self._previous.device)
        self._previous = torch.where(torch.isnan(self._previous), theirs, self._previous)


def project(batch: Observation) -> Tensor:
    """Return the projections of the input gradients on fixed random directions, (b, 16)."""
    assert batch.gradient is not None  # computed by every pass that meets Need.TRAINING_GRADIENT
    gradient = batch.gradient.flatten(1).float()
    generator = torch.Generator().manual_seed(0)
    directions = rademacher_directions(NUM_PROJECTIONS, tuple(gradient.shape[1:]), generator=generator)
    return gradient @ directions.T.to(gradient.device)
