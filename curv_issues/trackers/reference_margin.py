"""Null distribution of the margin: the margin of each sample under a random other label."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from curv_issues.trackers import Epochs
from curv_issues.trackers.base import Need, Observation, Quantity


class RandomMargin(Quantity):
    """Margin of a random other class in the training pass; the margins of given labels are compared with it.

    The sample is not trained on that class, so this is the margin of a uniformly wrong label that the probe has not
    memorised.
    """

    name = "reference_margin"
    needs = Need.TRAINING

    def __init__(self, num_samples: int, num_epochs: int, epochs: Epochs = "all") -> None:
        super().__init__(num_samples, num_epochs, epochs)
        self._draw = torch.rand(num_samples, generator=torch.Generator().manual_seed(num_samples))

    def measure(self, batch: Observation) -> Tensor:
        """Return the logit of the sample's random other class minus the largest of the remaining logits, (b,)."""
        if self._draw.device != batch.index.device:
            self._draw = self._draw.to(batch.index.device)
        k = batch.logits.shape[1]
        offset = 1 + (self._draw[batch.index] * (k - 1)).long().clamp_(max=k - 2)
        other = (batch.labels + offset.to(batch.labels.device)) % k
        return Observation(index=batch.index, labels=other, logits=batch.logits).margins


class ReferenceMargin(RandomMargin):
    """A `RandomMargin` that keeps only sums over the epochs, and what `null_distribution` returns by epoch."""

    def __init__(self, num_samples: int, num_epochs: int) -> None:
        super().__init__(num_samples, num_epochs, "last")
        self._given: Tensor | None = None  # margins of the given labels in the epoch in progress
        self._sums = np.zeros((2, num_samples))  # sums of the margins of given and random labels
        self._null_distribution = np.empty((0, 3))  # (e, 3): "p90", "p99", "predicted"

    def observe(self, epoch: int, batch: Observation) -> None:
        """Record both margins of one batch."""
        super().observe(epoch, batch)
        values = batch.margins
        if self._given is None:
            self._given = torch.full((self.num_samples,), math.nan, device=values.device)
        self._given[batch.index.to(values.device, non_blocking=True)] = values

    def end_epoch(self) -> None:
        """Compare the margins up to the epoch in progress."""
        super().end_epoch()
        if self._given is not None:
            (other,) = self._columns.values()
            self._sums += np.stack([self._given.cpu().numpy(), other])
            self._given = None
            self._null_distribution = np.vstack(
                [self._null_distribution, _compare(self._sums[0], self._sums[1], other, len(self._null_distribution) + 1)]
            )

    def keep_epochs(self, epochs: int) -> None:
        """Drop all but the first `epochs` epochs; the quantity is read-only afterwards."""
        self._given = None if self._open is None or self._open[0] >= epochs else self._given
        super().keep_epochs(epochs)
        self._null_distribution = self._null_distribution[:epochs]

    def null_distribution(self) -> dict[str, list[float]]:
        """Return the null distribution of the margin by epoch, e values each.

        Samples whose random label has the higher margin sum are excluded, because the random label may be the correct one. With
        two classes, it is for every wrong label.

        "p90" and "p99" are percentiles of the mean margin up to that epoch; "predicted" is the fraction of the random labels
        below "p90" that the probe predicts in that epoch.
        """
        self.end_epoch()
        return _by_name(self._null_distribution)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return the full state after a finished epoch as plain arrays."""
        return {**super().state_dict(), "sums": self._sums.copy(), "null_distribution": self._null_distribution}

    def load_state_dict(self, state: Mapping[str, np.ndarray]) -> None:
        """Load a state with the same number of samples."""
        super().load_state_dict(state)
        self._given, self._sums, self._null_distribution = None, state["sums"].copy(), state["null_distribution"]

    def merge(self, other: Quantity) -> None:
        """Raise NotImplementedError, because the percentiles of shards do not give those of the whole."""
        raise NotImplementedError("reference margins of shards cannot be merged; gather the batches of an epoch instead")


def null_distribution(given: np.ndarray, other: np.ndarray) -> dict[str, list[float]]:
    """Return what `ReferenceMargin.null_distribution` returns, from the margins of all epochs.

    Args:
        given: (n, e), margins of the given labels.
        other: (n, e), margins of the random labels; see `RandomMargin`.
    """
    sums, found = np.zeros((2, len(given))), []
    for epoch in range(given.shape[1]):
        sums += np.stack([given[:, epoch], other[:, epoch]])
        found.append(_compare(sums[0], sums[1], other[:, epoch], epoch + 1))
    return _by_name(np.array(found))


def _by_name(values: np.ndarray) -> dict[str, list[float]]:
    return {name: values[:, column].tolist() for column, name in enumerate(("p90", "p99", "predicted"))}


def _compare(given: np.ndarray, other: np.ndarray, latest: np.ndarray, epochs: int) -> tuple[float, float, float]:
    """Return "p90", "p99" and "predicted" from sums of margins over the epochs and the random labels' latest margins, (n,) each."""
    counted = given > other
    if not counted.any():
        counted[:] = True
    mean = other[counted] / epochs
    p90, p99 = np.percentile(mean, (90, 99))
    below = latest[counted][mean < p90]
    return float(p90), float(p99), float((below > 0).mean()) if len(below) else 0.0
