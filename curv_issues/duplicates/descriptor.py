"""Describe images by coarse luminance and colour, without training, to find near-duplicate candidates."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from curv_issues.device import parallel_map
from curv_issues.duplicates.frames import without_frames
from curv_issues.duplicates.orientation import oriented
from curv_issues.inputs.images import to_inputs

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601
LIGHT, COLOUR = 6, 3  # cells per side
OF_LIGHT = LIGHT * LIGHT  # number of luminance columns, which come first
COLOUR_WEIGHT = 0.7  # 1 misses grey copies, 0 misses more crops
BATCH = 1_024
_LEAST_DEVIATION = 1e-3


def describe(images: Tensor, index: Tensor, *, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return descriptors of images and of their mirror images.

    A descriptor holds the mean luminance in 6x6 cells, centred and at unit length, then red and blue minus luminance in 3x3
    cells, in units of the luminance's deviation. It is invariant to brightness and contrast, and changes little with a shift
    of a pixel or two.

    Args:
        images: uint8 (m, h, w, c), c = 1 or 3; may be memory-mapped.
        index: int64 (n,), positions of the images to describe.
        device: where to compute.

    Returns:
        Two float32 (n, 54) on the CPU, of the images and of their mirror images: rows of unit length, or zeros for images of
        a single colour.
    """

    def describe_batch(part: Tensor) -> tuple[Tensor, Tensor]:
        light, colour = _cells(without_frames(to_inputs(images[part], device)))
        # the grid of cells is symmetric, so flipping the cells describes the mirror image
        return _joined(light, colour).cpu(), _joined(light.flip(2), colour.flip(3)).cpu()

    plain, mirrored = zip(*parallel_map(describe_batch, index.split(BATCH), device), strict=True)
    return torch.cat(plain), torch.cat(mirrored)


def describe_oriented(descriptions: Tensor, *, mirrored: bool, turns: int) -> Tensor:
    """Return the descriptors of the same images in another orientation: float32 (n, 54) -> (n, 54)."""
    light = descriptions[:, :OF_LIGHT].unflatten(1, (LIGHT, LIGHT))
    colour = descriptions[:, OF_LIGHT:].unflatten(1, (2, COLOUR, COLOUR))
    parts = [oriented(part, mirrored=mirrored, turns=turns).flatten(1) for part in (light, colour)]
    return torch.cat(parts, 1)


def luminance(inputs: Tensor) -> Tensor:
    """Return the luminance: (b, c, h, w) -> (b, 1, h, w)."""
    if inputs.shape[1] == 1:
        return inputs
    return (inputs * inputs.new_tensor(LUMINANCE)[:, None, None]).sum(1, keepdim=True)


def _cells(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return luminance (b, 6, 6) at unit length and colour differences (b, 2, 3, 3); zeros for images of a single colour."""
    light = luminance(inputs)
    cells = functional.adaptive_avg_pool2d(light, LIGHT)[:, 0]
    cells = cells - cells.mean((1, 2), keepdim=True)
    cells = cells / cells.flatten(1).norm(dim=1).clamp(min=1e-12)[:, None, None]
    pixels = light.flatten(1)
    lengths = (pixels - pixels.mean(1, keepdim=True)).norm(dim=1)[:, None, None, None]
    deviation = lengths / max(1, pixels.shape[1] - 1) ** 0.5
    if inputs.shape[1] == 1:
        colour = cells.new_zeros(len(cells), 2, COLOUR, COLOUR)
    else:
        colour = functional.adaptive_avg_pool2d(inputs[:, [0, 2]] - light, COLOUR)
        colour = colour / (deviation + _LEAST_DEVIATION) / COLOUR * COLOUR_WEIGHT
    flat = deviation < _LEAST_DEVIATION
    return cells.masked_fill(flat[:, 0], 0.0), colour.masked_fill(flat, 0.0)


def _joined(light: Tensor, colour: Tensor) -> Tensor:
    return functional.normalize(torch.cat([light.flatten(1), colour.flatten(1)], 1), dim=1)


__all__ = ["describe", "describe_oriented", "luminance"]
