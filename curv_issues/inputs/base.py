"""The protocol of inputs: all that training and scoring ask of n samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class ProbeSpec:
    """What a probe must fit.

    Attributes:
        num_classes: k, number of logits.
        channels: c, 1 for grey images and 3 for colour.
        resolution: h = w, pixels.
        mean: channel means of the images in [0, 1], length c.
        std: channel standard deviations, length c, > 0.
    """

    num_classes: int
    channels: int
    resolution: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True)
class Augmentation:
    """How samples are varied in training.

    Attributes:
        flip: mirror at random.
        shift: largest random shift, pixels.
    """

    flip: bool
    shift: int


@dataclass(frozen=True, eq=False)
class AugmentedBatch:
    """b samples as the training pass sees them.

    Attributes:
        inputs: float32 (b, ...), on the device of the probe.
        to_samples: maps gradients with respect to `inputs` to those with respect to the un-augmented inputs, both (b, ...).
    """

    inputs: Tensor
    to_samples: Callable[[Tensor], Tensor]


class Inputs(Protocol):
    """n samples, of which any batch can be read."""

    def __len__(self) -> int: ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input, such as (c, h, w)."""

    def spec(self, num_classes: int) -> ProbeSpec:
        """Return what a probe for these inputs must fit."""

    def batch(self, index: Tensor, device: torch.device) -> Tensor:
        """Return the un-augmented inputs of the samples at `index`, int64 (b,), as float32 (b, ...) on the device."""

    def augmented(
        self, index: Tensor, device: torch.device, *, augmentation: Augmentation, generator: torch.Generator
    ) -> AugmentedBatch:
        """Return the samples at `index`, int64 (b,), varied at random; the generator is on the CPU."""

    def mirrored(self, index: Tensor, device: torch.device) -> Tensor:
        """Return the mirror images of the un-augmented inputs, float32 (b, ...)."""
