"""What a wrong label would look like: the margin of each sample under another label, drawn at random."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Tracker


class ReferenceMargin(Tracker):
    """Mean over the epochs of the margin of a random other class in the training pass; no score, but a yardstick.

    Nothing is trained on that class, so this is how low the margin of a uniformly wrong label lies that the probe has not
    memorised. The cut-off compares the margins of the given labels with it.
    """

    name = "reference_margin"
    needs = Need.TRAINING

    def __init__(self, num_samples: int, num_epochs: int) -> None:
        super().__init__(num_samples, num_epochs)
        self._draw = torch.rand(num_samples, generator=torch.Generator().manual_seed(num_samples))

    def measure(self, batch: Observation) -> Tensor:
        """Logit of the sample's random other class minus the largest logit beside it, (b,)."""
        k = batch.logits.shape[1]
        offset = 1 + (self._draw[batch.index] * (k - 1)).long().clamp_(max=k - 2)
        other = (batch.labels + offset.to(batch.labels.device)) % k
        return Observation(index=batch.index, labels=other, logits=batch.logits).margins

    def reduce(self, history: np.ndarray) -> np.ndarray:
        """Mean over the epochs."""
        return history.mean(axis=1)

    def percentiles(self) -> dict[str, list[float]]:
        """The 90th and 99th percentile of the mean up to each epoch, as "p90" and "p99", one value an epoch."""
        epochs = np.arange(1, self.history.shape[1] + 1)
        running = np.cumsum(self.history, axis=1, dtype=np.float64) / epochs
        p90, p99 = np.percentile(running, (90, 99), axis=0)
        return {"p90": p90.tolist(), "p99": p99.tolist()}
