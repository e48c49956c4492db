"""Null distribution of the margin: each sample's margin under another label, drawn at random."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from curv_issues.trackers.base import Need, Observation, Quantity


class ReferenceMargin(Quantity):
    """Margin of a random other class in the training pass: no score, but what the margins of given labels are compared with.

    Nothing is trained on that class, so this is how low the margin of a uniformly wrong label lies that the probe has not
    memorized. Kept are sums over the epochs, and by epoch what `yardstick` returns.
    """

    name = "reference_margin"
    needs = Need.TRAINING

    def __init__(self, num_samples: int, num_epochs: int) -> None:
        super().__init__(num_samples, num_epochs, "last")
        self._draw = torch.rand(num_samples, generator=torch.Generator().manual_seed(num_samples))
        self._given: Tensor | None = None  # margins of the given labels in the epoch that is being measured
        self._sums = np.zeros((2, num_samples))  # of the margins of given and random labels
        self._yardstick = np.empty((0, 3))  # (e, 3): "p90", "p99", "predicted"

    def measure(self, batch: Observation) -> Tensor:
        """Logit of the sample's random other class minus the largest logit beside it, (b,)."""
        k = batch.logits.shape[1]
        offset = 1 + (self._draw[batch.index] * (k - 1)).long().clamp_(max=k - 2)
        other = (batch.labels + offset.to(batch.labels.device)) % k
        return Observation(index=batch.index, labels=other, logits=batch.logits).margins

    def observe(self, epoch: int, batch: Observation) -> None:
        """Record both margins of one batch."""
        super().observe(epoch, batch)
        values = batch.margins
        if self._given is None:
            self._given = torch.full((self.num_samples,), math.nan, device=values.device)
        self._given[batch.index.to(values.device, non_blocking=True)] = values

    def end_epoch(self) -> None:
        """Compare the margins up to the epoch that was being measured."""
        super().end_epoch()
        if self._given is not None:
            (other,) = self._columns.values()
            self._sums += np.stack([self._given.cpu().numpy(), other])
            self._given = None
            self._yardstick = np.vstack([self._yardstick, _compare(self._sums[0], self._sums[1], other, len(self._yardstick) + 1)])

    def keep_epochs(self, epochs: int) -> None:
        """Forget all but the first `epochs` epochs; only to be read from afterwards."""
        self._given = None if self._open is None or self._open[0] >= epochs else self._given
        super().keep_epochs(epochs)
        self._yardstick = self._yardstick[:epochs]

    def yardstick(self) -> dict[str, list[float]]:
        """Return the null distribution of the margin by epoch, e values each.

        Samples whose random label does better than the given one are left out, for there the random label may be the right
        one: of two classes it is so for every wrong label.

        "p90" and "p99" are percentiles of the mean margin up to that epoch; "predicted" is, of the random labels below "p90", the
        fraction that the probe predicts in that epoch.
        """
        self.end_epoch()
        return {name: self._yardstick[:, column].tolist() for column, name in enumerate(("p90", "p99", "predicted"))}

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return the whole state of a finished epoch as plain arrays."""
        return {**super().state_dict(), "sums": self._sums.copy(), "yardstick": self._yardstick}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Take over a state of as many samples."""
        super().load_state_dict(state)
        self._given, self._sums, self._yardstick = None, state["sums"].copy(), state["yardstick"]

    def merge(self, other: Quantity) -> None:
        """Percentiles of parts are not those of the whole."""
        raise NotImplementedError("reference margins of shards cannot be merged; gather the batches of an epoch instead")


def _compare(given: np.ndarray, other: np.ndarray, latest: np.ndarray, epochs: int) -> tuple[float, float, float]:
    """Return "p90", "p99" and "predicted" from sums of margins over the epochs and the random labels' latest margins, (n,) each."""
    counted = given > other
    if not counted.any():
        counted[:] = True
    mean = other[counted] / epochs
    p90, p99 = np.percentile(mean, (90, 99))
    below = latest[counted][mean < p90]
    return float(p90), float(p99), float((below > 0).mean()) if len(below) else 0.0
