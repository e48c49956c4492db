"""The protocol of inputs: what training and scoring need from n samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor


@dataclass(frozen=True)
class ProbeSpec:
    """Shape and statistics that a probe must fit.

    Attributes:
        num_classes: k, number of logits.
        shape: (c, h, w) of images, where c is 1 for grey images and 3 for colour images; (d,) of feature vectors.
        mean: channel means of the images in [0, 1], length c; empty for features, which are standardised.
        std: channel standard deviations of the images, length c, > 0; empty for features.
    """

    num_classes: int
    shape: tuple[int, ...]
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()

    @property
    def channels(self) -> int:
        """Number of channels of the images, 1 or 3."""
        return self.shape[0]

    @property
    def resolution(self) -> int:
        """Height and width of the images, pixels."""
        return self.shape[-1]

    @property
    def num_features(self) -> int:
        """Number of features d."""
        return self.shape[0]


@dataclass(frozen=True)
class Augmentation:
    """Random augmentation of the training samples.

    Attributes:
        flip: mirror with probability 1/2.
        shift: largest random shift, pixels.
    """

    flip: bool
    shift: int


@dataclass(frozen=True, eq=False)
class AugmentedBatch:
    """b augmented samples of a training batch.

    Attributes:
        inputs: float32 (b, ...), on the device of the probe.
        to_samples: maps gradients with respect to `inputs` to those with respect to the un-augmented inputs, both (b, ...).
    """

    inputs: Tensor
    to_samples: Callable[[Tensor], Tensor]


class Inputs(Protocol):
    """n samples that can be read in arbitrary batches."""

    def __len__(self) -> int: ...

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input, such as (c, h, w)."""

    def spec(self, num_classes: int) -> ProbeSpec:
        """Return the spec that a probe for these inputs must fit."""

    def batch(self, index: Tensor, device: torch.device) -> Tensor:
        """Return the un-augmented inputs of the samples at `index`, int64 (b,), as float32 (b, ...) on the device."""

    def augmented(
        self, index: Tensor, device: torch.device, *, augmentation: Augmentation, generator: torch.Generator
    ) -> AugmentedBatch:
        """Return the samples at `index`, int64 (b,), randomly augmented; the generator is on the CPU."""
