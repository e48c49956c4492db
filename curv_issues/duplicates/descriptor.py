"""A short description of each image that needs no training, for finding candidates of near-duplicates."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from curv_issues.device import parallel_map
from curv_issues.duplicates.frames import without_frames
from curv_issues.inputs.images import to_inputs

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601
LIGHT, COLOUR = 6, 3  # cells a side
OF_LIGHT = LIGHT * LIGHT  # first columns of a description
COLOUR_WEIGHT = 0.7  # at 1 grey copies are missed, at 0 more crops
BATCH = 1_024
_LEAST_DEVIATION = 1e-3


def describe(images: Tensor, index: Tensor, *, device: torch.device) -> tuple[Tensor, Tensor]:
    """Describe images by their coarse light and colour.

    Mean luminance in 6x6 cells, minus its mean, at unit length; then the differences of red and of blue to luminance in 3x3
    cells, in units of the luminance's deviation. So it does not change with brightness and contrast, and hardly with a
    shift by a pixel or two.

    Args:
        images: uint8 (m, h, w, c), c = 1 or 3; may be a memory map's.
        index: int64 (n,), which of them to describe.
        device: where to compute.

    Returns:
        Of the images and of their mirror images, float32 (n, 54) each, on the CPU: rows of unit length, or zeros where a
        image is of one colour.
    """

    def describe_batch(part: Tensor) -> tuple[Tensor, Tensor]:
        light, colour = _cells(without_frames(to_inputs(images[part], device)))
        return _joined(light, colour).cpu(), _joined(light.flip(2), colour.flip(3)).cpu()  # the cells lie symmetrically

    plain, mirrored = zip(*parallel_map(describe_batch, index.split(BATCH), device), strict=True)
    return torch.cat(plain), torch.cat(mirrored)


def luminance(inputs: Tensor) -> Tensor:
    """(b, c, h, w) -> (b, 1, h, w)."""
    if inputs.shape[1] == 1:
        return inputs
    return (inputs * inputs.new_tensor(LUMINANCE)[:, None, None]).sum(1, keepdim=True)


def _cells(inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Light (b, 6, 6) at unit length and differences of colour (b, 2, 3, 3); zeros where an image is of one colour."""
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


__all__ = ["describe", "luminance"]
