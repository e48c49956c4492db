"""ResNet18 for small images, as in the curvature papers (He et al. 2016; 3x3 stem, no max-pooling)."""

from __future__ import annotations

from torch import Tensor, nn
from torchvision.models import resnet18

from curv_issues.probes.base import Normalise, ProbeSpec


class ResNet18(nn.Module):
    """torchvision's ResNet18 with a 3x3 stride-1 stem and without the first max-pooling; about 560 M multiply-adds."""

    def __init__(self, spec: ProbeSpec) -> None:
        super().__init__()
        self.normalise = Normalise(spec)
        self.trunk = resnet18(weights=None)
        self.trunk.conv1 = nn.Conv2d(spec.channels, 64, 3, padding=1, bias=False)
        self.trunk.maxpool = nn.Identity()
        self.head = nn.Linear(self.trunk.fc.in_features, spec.num_classes)
        self.trunk.fc = nn.Identity()

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits (b, k) for inputs (b, c, h, w) in [0, 1]."""
        return self.head(self.trunk(self.normalise(inputs)))
