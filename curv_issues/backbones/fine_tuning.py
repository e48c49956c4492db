"""A pretrained network with a new head, as a probe on images: its first layers change the least."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import Parameter, functional

from curv_issues.backbones.base import WRONG_INPUT, Backbone, unread, wrong_output
from curv_issues.backbones.identity import network_of
from curv_issues.errors import UsageError
from curv_issues.inputs.base import ProbeSpec

TRUNK_RATE = 0.1  # learning rate of the last layers of the network, as a fraction of that of the head
FIRST_RATE = 0.01  # of its first layers; geometric in between
RATES = 10  # different rates, so that the optimiser can update many weights at once


class FineTuned(nn.Module):
    """A copy of a pretrained network, and a linear head on its features, each standardised over the batch.

    Images are normalised as the preprocessing of the backbone does, and enlarged or reduced to `side` pixels.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, backbone: Backbone, spec: ProbeSpec, *, side: int | None) -> None:
        """Copy the network.

        Args:
            backbone: its module is an `nn.Module`, or a method of one.
            spec: of the images and classes.
            side: resolution that the network gets, pixels; None: that of the images.

        Raises:
            UsageError: the network cannot be trained, or cannot read the images.
        """
        super().__init__()
        self.trunk, call = _copied(backbone)
        self._call = call
        self._side = side
        mean, std = normalisation(backbone)
        self.register_buffer("mean", torch.tensor(mean, dtype=torch.float32).view(1, 3, 1, 1))
        self.register_buffer("std", torch.tensor(std, dtype=torch.float32).view(1, 3, 1, 1))
        self.eval()
        try:
            with torch.no_grad():
                features = self._features(torch.zeros(2, *spec.shape))
        except WRONG_INPUT as error:
            shape = (3, *(spec.shape[1:] if side is None else (side, side)))
            raise unread(backbone, shape, error) from error
        if not isinstance(features, Tensor) or features.ndim != 2:
            got = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
            raise wrong_output(backbone, f"{got} for 2 images")
        self.standardise = nn.BatchNorm1d(features.shape[1], affine=False)
        self.head = nn.Linear(features.shape[1], spec.num_classes)
        self.train()

    def forward(self, inputs: Tensor) -> Tensor:
        """Return logits (b, k) for images (b, c, h, w) in [0, 1], grey or RGB."""
        return self.head(self.standardise(self._features(inputs)))

    def rate_factors(self) -> dict[Parameter, float]:
        """Return the learning rate of each weight of the network, as a fraction of that of the head."""
        layers = [own for part in self.trunk.modules() if (own := list(part.parameters(recurse=False)))]
        exponents = [round((RATES - 1) * index / max(1, len(layers) - 1)) / (RATES - 1) for index in range(len(layers))]
        rates = [FIRST_RATE * (TRUNK_RATE / FIRST_RATE) ** exponent for exponent in exponents]
        return {weight: rate for own, rate in zip(layers, rates, strict=True) for weight in own}

    def _features(self, images: Tensor) -> Any:
        rgb = images.expand(-1, 3, -1, -1)
        if self._side is not None and rgb.shape[-2:] != (self._side, self._side):
            size = (self._side, self._side)
            rgb = functional.interpolate(rgb, size, mode="bicubic", antialias=True, align_corners=False)
        output = self._call(self.trunk)((rgb - self.mean) / self.std)
        return getattr(output, "logits", output)  # Inception and GoogLeNet have more outputs in training


def fine_tuned(backbone: Backbone, *, resolution: int | None) -> Callable[[ProbeSpec], FineTuned]:
    """Return a function from `ProbeSpec` to the network with a new head.

    Args:
        backbone: a backbone.
        resolution: the resolution that the user wants; None: that of the backbone.
    """
    side = input_side(backbone) if resolution is None else None
    return lambda spec: FineTuned(backbone, spec, side=side)


def input_side(backbone: Backbone) -> int:
    """Return the side of the images that the preprocessing of a backbone returns, pixels.

    Raises:
        UsageError: they are not square.
    """
    height, width = backbone.tensor_of(Image.new("RGB", (256, 256))).shape[1:]
    if height != width:
        raise UsageError(f"The backbone {backbone.title} reads images of {height} x {width} pixels; --fine-tune needs square ones.")
    return int(height)


def normalisation(backbone: Backbone) -> tuple[list[float], list[float]]:
    """Return the mean and the standard deviation with which a backbone normalises each channel of images in [0, 1].

    They are read off three uniform images, because preprocessing may be any function.

    Raises:
        UsageError: the preprocessing does something else.
    """
    black, grey, white = (backbone.tensor_of(Image.new("RGB", (256, 256), (level,) * 3)).numpy() for level in (0, 51, 255))
    low, high = black.mean((1, 2)), white.mean((1, 2))
    expected = (low + (high - low) * 0.2)[:, None, None]
    if not (high > low).all() or any(
        not np.allclose(found, wanted, rtol=1e-3, atol=1e-3 * float((high - low).max()))
        for found, wanted in ((black, low[:, None, None]), (grey, expected), (white, high[:, None, None]))
    ):
        raise UsageError(
            f"The preprocessing of the backbone {backbone.title} is not a normalisation of each channel, so --fine-tune "
            "(fine_tune) cannot apply it to the images of the probe."
        )
    std = 1 / (high - low)
    return (-low * std).tolist(), std.tolist()


def check_trainable(backbone: Backbone) -> nn.Module:
    """Return the network of a backbone that can be fine-tuned.

    Raises:
        UsageError: it cannot, because it is not an `nn.Module`, has no trainable weights, or its preprocessing is not a
            normalisation of square images.
    """
    network = network_of(backbone.module)
    if network is None or backbone.batch_size is not None or not any(weight.requires_grad for weight in network.parameters()):
        raise UsageError(
            f"The backbone {backbone.title} cannot be trained; --fine-tune (fine_tune) needs an nn.Module with trainable weights, "
            "such as timm:..., torchvision:... or hf:..."
        )
    input_side(backbone)
    normalisation(backbone)
    return network


def _copied(backbone: Backbone) -> tuple[nn.Module, Callable[[nn.Module], Callable[[Tensor], Any]]]:
    """Return a copy of the network, and a function from the network to what is called: itself, or its method."""
    network = check_trainable(backbone)
    copied = copy.deepcopy(network)
    if network is backbone.module:
        return copied, lambda trunk: trunk
    name = backbone.module.__name__
    return copied, lambda trunk: getattr(trunk, name)
