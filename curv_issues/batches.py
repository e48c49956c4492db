"""Batches of pictures from the uint8 array: order, random shift and flip, conversion."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from torch import Tensor


def as_pictures(images: np.ndarray) -> Tensor:
    """The uint8 array or memory map (n, h, w, c) as a tensor that shares its memory; a copy only of a mirrored view."""
    if any(stride < 0 for stride in images.strides):  # images[..., ::-1], from BGR to RGB: torch has no such tensors
        images = np.ascontiguousarray(images)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # nobody writes to it
        return torch.from_numpy(images)


def split_evenly(order: Tensor, batch_size: int) -> list[Tensor]:
    """Cut an order into batches of at most `batch_size` that differ by at most one sample.

    None is left with a single sample, of which batch normalisation could make nothing: at `batch_size` 2 an odd sample
    makes a batch of three.
    """
    count = min(-(-len(order) // batch_size), len(order) // 2)
    return list(torch.tensor_split(order, max(1, count)))


def to_inputs(pixels: Tensor, device: torch.device) -> Tensor:
    """uint8 (b, h, w, c) -> float32 (b, c, h, w) in [0, 1] on the device, channels last in memory."""
    return pixels.to(device, non_blocking=True).permute(0, 3, 1, 2).float().div_(255)


def augmented(pictures: Tensor, index: Tensor, *, shift: int, flip: bool, generator: torch.Generator) -> Tensor:
    """Gather samples, each shifted at random (edges repeated) and mirrored with probability 1/2.

    Args:
        pictures: uint8 (n, h, w, c).
        index: (b,) int64.
        shift: largest shift in either direction and axis, pixels.
        flip: whether to mirror at all.
        generator: source of the random numbers, on the CPU.

    Returns:
        uint8 (b, h, w, c).
    """
    if not shift and not flip:
        return pictures[index]
    batch = len(index)
    height, width = pictures.shape[1:3]
    rows, columns = torch.arange(height).repeat(batch, 1), torch.arange(width).repeat(batch, 1)
    if flip:
        mirrored = torch.rand(batch, generator=generator) < 0.5
        columns[mirrored] = columns[mirrored].flip(1)
    if shift:
        moves = torch.randint(-shift, shift + 1, (2, batch, 1), generator=generator)
        rows = (rows + moves[0]).clamp_(0, height - 1)
        columns = (columns + moves[1]).clamp_(0, width - 1)
    return pictures[index[:, None, None], rows[:, :, None], columns[:, None, :]]
