"""Images as inputs: order, random shift and flip, conversion from the uint8 array."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from curv_issues.inputs.base import Augmentation, AugmentedBatch, ProbeSpec

SPEC_VALUES = 30_000_000  # values of which mean and deviation are taken: 10,000 colour images of 32 x 32
_SPEC_CHUNK = 1_000  # images counted at a time
_LEAST_STD = 1e-3


class ImageInputs:
    """n images, uint8 (n, h, w, c), an array or a memory map; see `Inputs`."""

    def __init__(self, images: np.ndarray) -> None:
        self.images = images
        self.pixels = as_pixels(images)

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, ...]:
        """(c, h, w)."""
        height, width, channels = self.images.shape[1:]
        return channels, height, width

    def spec(self, num_classes: int) -> ProbeSpec:
        """Return what a probe must fit; means and deviations are those of an evenly spread part of the images."""
        stride = max(1, -(-self.images.size // SPEC_VALUES))
        counts = np.zeros((self.shape[0], 256), dtype=np.int64)
        for start in range(0, len(self), _SPEC_CHUNK * stride):
            part = self.images[start : start + _SPEC_CHUNK * stride : stride]
            counts += [np.bincount(part[..., channel].ravel(), minlength=256) for channel in range(len(counts))]
        values, fractions = np.arange(256) / 255, counts / counts.sum(axis=1, keepdims=True)
        mean = fractions @ values
        std = np.sqrt((fractions * (values - mean[:, None]) ** 2).sum(axis=1))
        return ProbeSpec(
            num_classes=num_classes,
            channels=self.shape[0],
            resolution=self.shape[1],
            mean=tuple(mean.tolist()),
            std=tuple(np.maximum(std, _LEAST_STD).tolist()),
        )

    def batch(self, index: Tensor, device: torch.device) -> Tensor:
        """float32 (b, c, h, w) in [0, 1]."""
        return to_inputs(self.pixels[index], device)

    def augmented(
        self, index: Tensor, device: torch.device, *, augmentation: Augmentation, generator: torch.Generator
    ) -> AugmentedBatch:
        """Shifted, edges repeated, and mirrored, each image on its own."""
        views = draw_views(
            len(index), *self.images.shape[1:3], shift=augmentation.shift, flip=augmentation.flip, generator=generator
        )
        return AugmentedBatch(to_inputs(views.of(self.pixels, index), device), views.gradient_of_images)

    def mirrored(self, index: Tensor, device: torch.device) -> Tensor:
        """float32 (b, c, h, w) in [0, 1], flipped left to right."""
        return self.batch(index, device).flip(3)


def as_pixels(images: np.ndarray) -> Tensor:
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


@dataclass(frozen=True, eq=False)
class Views:
    """How each image of a batch is seen: pixel (i, j) of the view shows pixel (rows[i], columns[j]) of the image.

    Attributes:
        rows: int64 (b, h).
        columns: int64 (b, w).
    """

    rows: Tensor
    columns: Tensor

    def of(self, images: Tensor, index: Tensor) -> Tensor:
        """The views of the samples at `index` (b,), from uint8 (n, h, w, c) to uint8 (b, h, w, c)."""
        return images[index[:, None, None], self.rows[:, :, None], self.columns[:, None, :]]

    def gradient_of_images(self, gradient: Tensor) -> Tensor:
        """From the gradient with respect to the views to that with respect to the images, both (b, c, h, w).

        A pixel that a view repeats at an edge gathers the gradients of all its copies; one that it does not show has none.
        """
        rows, columns = self.rows.to(gradient.device), self.columns.to(gradient.device)
        moved = torch.zeros_like(gradient).scatter_add_(2, rows[:, None, :, None].expand_as(gradient), gradient)
        return torch.zeros_like(gradient).scatter_add_(3, columns[:, None, None, :].expand_as(gradient), moved)


def draw_views(batch: int, height: int, width: int, *, shift: int, flip: bool, generator: torch.Generator) -> Views:
    """Shift each image of a batch at random (edges repeated) and mirror it with probability 1/2.

    Args:
        batch: number of images.
        height: of the images, pixels.
        width: of the images, pixels.
        shift: largest shift in either direction and axis, pixels.
        flip: whether to mirror at all.
        generator: source of the random numbers, on the CPU; left alone if there is neither shift nor flip.
    """
    rows, columns = torch.arange(height).repeat(batch, 1), torch.arange(width).repeat(batch, 1)
    if flip:
        mirrored = torch.rand(batch, generator=generator) < 0.5
        columns[mirrored] = columns[mirrored].flip(1)
    if shift:
        moves = torch.randint(-shift, shift + 1, (2, batch, 1), generator=generator)
        rows = (rows + moves[0]).clamp_(0, height - 1)
        columns = (columns + moves[1]).clamp_(0, width - 1)
    return Views(rows, columns)
