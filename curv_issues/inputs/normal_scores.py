"""Normal scores of the ranks of features, for features with heavy tails."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

KNOTS = 1_001  # at most; ranks between them are interpolated


class NormalScores:
    """The standard normal quantile of the rank of each feature among those of some rows, scaled to unit variance.

    Equal values get their mean rank; values beyond those of the rows get the rank of the nearest.
    """

    def __init__(self, features: np.ndarray) -> None:
        """Store quantiles of the features, (n, h)."""
        ordered = np.sort(features.astype(np.float32), axis=0)
        places = np.linspace(0, len(ordered) - 1, min(KNOTS, len(ordered))).round().astype(int)
        self._knots = torch.from_numpy(ordered[places].T.copy())
        self._mean, self._std = torch.zeros(len(self._knots)), torch.ones(len(self._knots))
        scores = self.of(torch.from_numpy(ordered))
        self._mean, self._std = scores.mean(0), scores.std(0, correction=0)

    def of(self, rows: Tensor) -> Tensor:
        """Return the scores of rows (m, h), float32."""
        knots = self._knots = self._knots.to(rows.device)
        values = rows.float().T.contiguous()
        left, right = torch.searchsorted(knots, values), torch.searchsorted(knots, values, right=True)
        below, above = (place.clamp(0, knots.shape[1] - 1) for place in (left - 1, left))
        low, high = knots.gather(1, below), knots.gather(1, above)
        between = below + (values - low) / (high - low).clamp_min(torch.finfo(torch.float32).tiny)
        ranks = torch.where(left < right, (left + right - 1) / 2, between.clamp(0, knots.shape[1] - 1))
        scores = math.sqrt(2) * torch.erfinv((2 * ranks + 1) / knots.shape[1] - 1).T  # MPS has no ndtri
        return (scores - self._mean.to(rows.device)) / self._std.to(rows.device)
