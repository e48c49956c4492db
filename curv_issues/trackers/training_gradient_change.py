"""How much the input gradient of the training pass changes from epoch to epoch: a cheap relative of curvature.

Curvature compares the input gradients at two inputs under the same weights. The training pass gives, at hardly any cost, those
at two views of the picture under the weights of two epochs. Instead of whole gradients, a few random projections are kept: with
directions r of +1 and -1, E[(r . g)^2] = ||g||^2.

New in this package.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from curv_issues.curvature import rademacher_directions
from curv_issues.trackers.base import Need, Observation, Tracker

NUM_PROJECTIONS = 16


class TrainingGradientChange(Tracker):
    """Sum over the epochs of the norm of the change of the input gradient since the epoch before; high = suspect.

    The first epoch has none. Beside the history, `previous`, float32 (n, 16), holds the projections of the epoch before.
    """

    name = "training_gradient_change"
    needs = Need.TRAINING_GRADIENT

    def __init__(self, num_samples: int, num_epochs: int) -> None:
        super().__init__(num_samples, num_epochs)
        self.previous = np.full((num_samples, NUM_PROJECTIONS), np.nan, dtype=np.float32)

    def measure(self, batch: Observation) -> Tensor:
        """Estimated norm of the change, (b,); NaN for a sample's first epoch."""
        before = torch.from_numpy(self.previous[batch.index.numpy()])
        return (project(batch) - before).square().mean(1).sqrt()

    def observe(self, epoch: int, batch: Observation) -> None:
        """Record the change, and keep the projections for the next epoch."""
        super().observe(epoch, batch)
        self.previous[batch.index.numpy()] = project(batch).numpy()

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Sum over the epochs from the second on."""
        return history.sum(axis=1)

    def state_dict(self) -> dict[str, np.ndarray]:
        """History and last projections."""
        return {**super().state_dict(), "previous": self.previous}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over a state of the same shape."""
        super().load_state_dict(state)
        self.previous = state["previous"].copy()

    def merge(self, other: Tracker) -> None:
        """Take over what another tracker measured of other samples."""
        super().merge(other)
        assert isinstance(other, TrainingGradientChange)
        self.previous = np.where(np.isnan(self.previous), other.previous, self.previous)


def project(batch: Observation) -> Tensor:
    """The input gradients on the fixed directions, (b, 16), on the CPU."""
    assert batch.gradient is not None  # a pass that serves Need.TRAINING_GRADIENT computes it
    gradient = batch.gradient.flatten(1).float()
    generator = torch.Generator().manual_seed(0)
    directions = rademacher_directions(NUM_PROJECTIONS, tuple(gradient.shape[1:]), generator=generator)
    return (gradient @ directions.T.to(gradient.device)).cpu()
