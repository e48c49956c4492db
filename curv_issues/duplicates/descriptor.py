"""A short description of each picture that needs no training, for finding candidates of near-duplicates."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from curv_issues.batches import to_inputs

LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601
LIGHT, COLOUR = 6, 3  # cells a side
COLOUR_WEIGHT = 0.7  # at 1 grey copies are missed, at 0 more crops
BATCH = 4_096
_LEAST_DEVIATION = 1e-3


def describe(pictures: Tensor, index: Tensor, *, device: torch.device) -> tuple[Tensor, Tensor]:
    """Describe pictures by their coarse light and colour.

    Mean luminance in 6x6 cells, minus its mean, at unit length; then the differences of red and of blue to luminance in 3x3
    cells, in units of the luminance's deviation. So it does not change with brightness and contrast, and hardly with a
    shift by a pixel or two.

    Args:
        pictures: uint8 (m, h, w, c), c = 1 or 3; may be a memory map's.
        index: int64 (n,), which of them to describe.
        device: where to compute.

    Returns:
        Of the pictures and of their mirror images, float32 (n, 54) each, on the CPU: rows of unit length, or zeros where a
        picture is of one colour.
    """
    plain, mirrored = [], []
    for part in index.split(BATCH):
        inputs = to_inputs(pictures[part], device)
        plain.append(_describe(inputs).cpu())
        mirrored.append(_describe(inputs.flip(3)).cpu())
    return torch.cat(plain), torch.cat(mirrored)


def luminance(inputs: Tensor) -> Tensor:
    """(b, c, h, w) -> (b, 1, h, w)."""
    if inputs.shape[1] == 1:
        return inputs
    return (inputs * inputs.new_tensor(LUMINANCE)[:, None, None]).sum(1, keepdim=True)


def _describe(inputs: Tensor) -> Tensor:
    light = luminance(inputs)
    cells = functional.adaptive_avg_pool2d(light, LIGHT).flatten(1)
    cells = functional.normalize(cells - cells.mean(1, keepdim=True), dim=1)
    pixels = light.flatten(1)
    lengths = (pixels - pixels.mean(1, keepdim=True)).norm(dim=1, keepdim=True)
    deviation = lengths / max(1, pixels.shape[1] - 1) ** 0.5
    if inputs.shape[1] == 1:
        colour = cells.new_zeros(len(cells), 2 * COLOUR**2)
    else:
        colour = functional.adaptive_avg_pool2d(inputs[:, [0, 2]] - light, COLOUR).flatten(1)
        colour = colour / (deviation + _LEAST_DEVIATION) / COLOUR * COLOUR_WEIGHT
    flat = deviation < _LEAST_DEVIATION
    return functional.normalize(torch.cat([cells, colour], 1).masked_fill(flat, 0.0), dim=1)


__all__ = ["describe", "luminance"]
