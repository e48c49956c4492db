"""Feature vectors as inputs: standardised, without augmentation."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import torch
from torch import Tensor

from curv_issues.inputs.base import Augmentation, AugmentedBatch, ProbeSpec
from curv_issues.inputs.heavy_tails import heavy_tailed_columns, sampled_rows
from curv_issues.inputs.normal_scores import NormalScores

_STATISTICS_VALUES = 30_000_000  # values used for mean and deviation
_CHUNK = 10_000  # rows per step


class FeatureInputs:
    """n feature vectors, float (n, d), an array or a memory map, of zero mean and unit variance; see `Inputs`.

    With `ranks`, features with heavy tails become normal scores of their ranks; see `heavy_tailed_columns`.
    """

    def __init__(self, features: np.ndarray, *, ranks: bool = True) -> None:
        self.features = features
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # the tensor is never written to
            self._rows = torch.from_numpy(features)
        mean, std = _mean_and_std(features)
        self._mean, self._scale = torch.from_numpy(mean).float(), torch.from_numpy(1 / std).float()
        self._heavy = heavy_tailed_columns(features) if ranks else np.empty(0, np.int64)
        self._scores = NormalScores(sampled_rows(features)[:, self._heavy]) if len(self._heavy) else None
        self._ranked = self._ranks_of(features)

    def __len__(self) -> int:
        return len(self.features)

    @property
    def shape(self) -> tuple[int, ...]:
        """(d,)."""
        return (self.features.shape[1],)

    def spec(self, num_classes: int) -> ProbeSpec:
        """Return the probe spec."""
        return ProbeSpec(num_classes=num_classes, shape=self.shape)

    def batch(self, index: Tensor, device: torch.device) -> Tensor:
        """Return the features at `index`, float32 (b, d), of zero mean and unit variance over the dataset."""
        found = self._scaled(self._rows.index_select(0, index).to(device, non_blocking=True))
        if self._ranked is not None:
            found[:, self._heavy] = self._ranked[index].to(device, non_blocking=True)
        return found

    def standardise(self, rows: Tensor) -> Tensor:
        """Return other rows (m, d) in the units of these, float32."""
        found = self._scaled(rows)
        if self._scores is not None:
            found[:, self._heavy] = self._scores.of(rows[:, self._heavy])
        return found

    def _scaled(self, rows: Tensor) -> Tensor:
        self._mean, self._scale = self._mean.to(rows.device), self._scale.to(rows.device)
        return (rows.float() - self._mean) * self._scale

    def _ranks_of(self, features: np.ndarray) -> Tensor | None:
        """Return the normal scores of the features with heavy tails, float32 (n, h), which would take time in every epoch."""
        if self._scores is None:
            return None
        parts = [features[start : start + _CHUNK, self._heavy] for start in range(0, len(features), _CHUNK)]
        return torch.cat([self._scores.of(torch.from_numpy(part)) for part in parts])

    def of_others(self, features: np.ndarray) -> FeatureInputs:
        """Return other vectors (m, d) as inputs in the units of these."""
        others = copy.copy(self)
        others.features, others._rows = features, torch.from_numpy(np.array(features))
        others._ranked = self._ranks_of(features)
        return others

    def original(self, rows: Tensor) -> Tensor:
        """Return standardised rows (m, d) in their original units; only without ranks."""
        assert self._scores is None
        self._mean, self._scale = self._mean.to(rows.device), self._scale.to(rows.device)
        return rows / self._scale + self._mean

    def augmented(
        self, index: Tensor, device: torch.device, *, augmentation: Augmentation, generator: torch.Generator
    ) -> AugmentedBatch:
        """Return the features as they are."""
        return AugmentedBatch(self.batch(index, device), lambda gradient: gradient)


def _mean_and_std(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return mean and standard deviation of each feature, (d,), from evenly spaced rows; the deviation of a constant is 1."""
    rows, d = sampled_rows(features, _STATISTICS_VALUES), features.shape[1]
    count, total = 0, np.zeros(d)
    squares = np.zeros(d)
    offset = features[0].astype(np.float64)  # the variance of large numbers would be lost in their squares
    for start in range(0, len(rows), _CHUNK):
        part = rows[start : start + _CHUNK].astype(np.float64) - offset
        count += len(part)
        total += part.sum(axis=0)
        squares += (part**2).sum(axis=0)
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0))
    return mean + offset, np.where(std > 1e-6 * (1e-6 + np.abs(mean + offset)), std, 1.0)
