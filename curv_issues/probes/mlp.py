"""The default probe for feature vectors: one hidden layer."""

from __future__ import annotations

import math

from torch import Tensor, nn

from curv_issues.probes.base import Normalise, ProbeSpec

FEW_FEATURES, WIDTH, NARROW = 256, 256, 128
DROPOUT = 0.5


class MLP(nn.Module):
    """A hidden layer of 256 units (128 for more than 256 features), batch normalisation, dropout, linear head; flattens images."""

    def __init__(self, spec: ProbeSpec) -> None:
        super().__init__()
        self.normalise = Normalise(spec) if spec.mean else nn.Identity()  # features are standardised already
        width = width_for(spec.shape)
        self.hidden = nn.Sequential(
            nn.Linear(math.prod(spec.shape), width), nn.BatchNorm1d(width), nn.ReLU(inplace=True), nn.Dropout(DROPOUT)
        )
        self.head = nn.Linear(width, spec.num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits (b, k) for standardised features (b, d), or images (b, c, h, w) in [0, 1]."""
        return self.head(self.hidden(self.normalise(inputs).flatten(1)))


def width_for(shape: tuple[int, ...]) -> int:
    """Return the number of hidden units for inputs of this shape: fewer for many features, which is no worse and twice as fast."""
    return NARROW if len(shape) == 1 and shape[0] > FEW_FEATURES else WIDTH
