"""The default probe for feature vectors: one hidden layer."""

from __future__ import annotations

import math

from torch import Tensor, nn

from curv_issues.probes.base import Normalise, ProbeSpec

WIDTH = 256
DROPOUT = 0.5


class MLP(nn.Module):
    """A hidden layer of 256 units with batch normalisation and dropout, linear head. Images are flattened."""

    def __init__(self, spec: ProbeSpec) -> None:
        super().__init__()
        self.normalise = Normalise(spec) if spec.mean else nn.Identity()  # features are standardised already
        self.hidden = nn.Sequential(
            nn.Linear(math.prod(spec.shape), WIDTH), nn.BatchNorm1d(WIDTH), nn.ReLU(inplace=True), nn.Dropout(DROPOUT)
        )
        self.head = nn.Linear(WIDTH, spec.num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits (b, k) for standardised features (b, d), or images (b, c, h, w) in [0, 1]."""
        return self.head(self.hidden(self.normalise(inputs).flatten(1)))
