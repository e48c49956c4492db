"""The default probe: a small residual convolutional network that trains quickly on a CPU."""

from __future__ import annotations

from torch import Tensor, nn

from curv_issues.probes.base import Normalise, ProbeSpec


def _block(channels_in: int, channels_out: int, *, pool: bool = False) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(channels_in, channels_out, 3, padding=1, bias=False)]
    if pool:  # before the normalisation, which then has a quarter of the work; the same result for positive scales
        layers.append(nn.MaxPool2d(2))
    return nn.Sequential(*layers, nn.BatchNorm2d(channels_out), nn.ReLU(inplace=True))


class ConvNet(nn.Module):
    """Strided 4x4 stem, two pooled 3x3 stages with a residual block in between, global max-pooling, linear head.

    About 19 million multiply-adds at 32x32 and 245,000 weights with ten classes; accepts resolutions of 8x8 and above.
    """

    def __init__(self, spec: ProbeSpec) -> None:
        super().__init__()
        self.normalise = Normalise(spec)
        # halve the resolution at once: full-resolution feature maps would cost more than all other layers together
        self.stem = nn.Sequential(
            nn.Conv2d(spec.channels, 32, 4, stride=2, padding=1, bias=False),
            nn.BatchNorm2d(32),
            nn.ReLU(inplace=True),
        )
        self.stage1 = _block(32, 64, pool=True)
        self.residual = nn.Sequential(_block(64, 64), _block(64, 64))
        self.stage2 = _block(64, 256, pool=True)
        self.pool = nn.Sequential(nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.head = nn.Linear(256, spec.num_classes)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits (b, k) for inputs (b, c, h, w) in [0, 1]."""
        hidden = self.stage1(self.stem(self.normalise(inputs)))
        hidden = hidden + self.residual(hidden)
        return self.head(self.pool(self.stage2(hidden)))
