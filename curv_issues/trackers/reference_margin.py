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

    def yardstick(self, margins: np.ndarray) -> dict[str, list[float]]:
        """How wrong labels that nobody trains on fare, epoch by epoch.

        Samples whose random label does better than the given one are left out, for there the random label may be the right
        one: of two classes it is so for every wrong label.

        Args:
            margins: (n, e), margin of the given label in the training pass by epoch.

        Returns:
            e values each: "p90" and "p99", percentiles of the mean margin up to that epoch, and "predicted", of the random labels
            below "p90" the share that the probe predicts in that epoch.
        """
        found: dict[str, list[float]] = {"p90": [], "p99": [], "predicted": []}
        given, other = np.zeros(len(margins)), np.zeros(len(margins))
        for epoch in range(self.history.shape[1]):
            given += margins[:, epoch]
            other += self.history[:, epoch]
            counted = given > other
            if not counted.any():
                counted[:] = True
            mean = other[counted] / (epoch + 1)
            p90, p99 = np.percentile(mean, (90, 99))
            below = self.history[counted, epoch][mean < p90]
            found["p90"].append(float(p90))
            found["p99"].append(float(p99))
            found["predicted"].append(float((below > 0).mean()) if len(below) else 0.0)
        return found
