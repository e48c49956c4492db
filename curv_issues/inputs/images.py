"""Images as inputs: batching, random shift and flip, conversion from the uint8 array."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from curv_issues.inputs.base import Augmentation, AugmentedBatch, ProbeSpec

SPEC_VALUES = 30_000_000  # values used for mean and deviation: 10,000 colour images of 32 x 32
_SPEC_CHUNK = 1_000  # images per step
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
        """Return the probe spec; means and deviations come from an evenly spaced subset of the images."""
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
            shape=self.shape,
            mean=tuple(mean.tolist()),
            std=tuple(np.maximum(std, _LEAST_STD).tolist()),
        )

    def batch(self, index: Tensor, device: torch.device) -> Tensor:
        """Return the un-augmented images at `index`, float32 (b, c, h, w) in [0, 1]."""
        return to_inputs(self.pixels[index], device)

    def augmented(
        self, index: Tensor, device: torch.device, *, augmentation: Augmentation, generator: torch.Generator
    ) -> AugmentedBatch:
        """Return each image independently shifted, with edges repeated, and mirrored."""
        views = draw_views(
            len(index), *self.images.shape[1:3], shift=augmentation.shift, flip=augmentation.flip, generator=generator
        )
        return AugmentedBatch(to_inputs(views.of(self.pixels, index), device), views.gradient_of_images)

    def mirrored(self, index: Tensor, device: torch.device) -> Tensor:
        """Return the images flipped left to right, float32 (b, c, h, w) in [0, 1]."""
        return self.batch(index, device).flip(3)


def as_pixels(images: np.ndarray) -> Tensor:
    """Return uint8 images (n, h, w, c) as a tensor that shares their memory; only a mirrored view is copied."""
    if any(stride < 0 for stride in images.strides):  # such as images[..., ::-1] from BGR to RGB, which torch cannot represent
        images = np.ascontiguousarray(images)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # the tensor is never written to
        return torch.from_numpy(images)


def split_evenly(order: Tensor, batch_size: int) -> list[Tensor]:
    """Split an order into batches of at most `batch_size` whose sizes differ by at most one.

    No batch has a single sample, which batch normalisation cannot handle: at `batch_size` 2, an odd sample makes a batch of
    three.
    """
    count = min(-(-len(order) // batch_size), len(order) // 2)
    return list(torch.tensor_split(order, max(1, count)))


def to_inputs(pixels: Tensor, device: torch.device) -> Tensor:
    """Convert uint8 (b, h, w, c) to float32 (b, c, h, w) in [0, 1] on the device, in channels-last memory format."""
    return pixels.to(device, non_blocking=True).permute(0, 3, 1, 2).float().div_(255)


@dataclass(frozen=True, eq=False)
class Views:
    """Pixel maps of a batch: pixel (i, j) of a view shows pixel (rows[i], columns[j]) of its image.

    Attributes:
        rows: int64 (b, h).
        columns: int64 (b, w).
    """

    rows: Tensor
    columns: Tensor

    def of(self, images: Tensor, index: Tensor) -> Tensor:
        """Return the views of the samples at `index` (b,), from uint8 (n, h, w, c) to uint8 (b, h, w, c)."""
        return images[index[:, None, None], self.rows[:, :, None], self.columns[:, None, :]]

    def gradient_of_images(self, gradient: Tensor) -> Tensor:
        """Convert gradients with respect to the views into those with respect to the images, both (b, c, h, w).

        A pixel repeated at an edge sums the gradients of all its copies; a pixel outside the view has gradient 0.
        """
        rows, columns = self.rows.to(gradient.device), self.columns.to(gradient.device)
        moved = torch.zeros_like(gradient).scatter_add_(2, rows[:, None, :, None].expand_as(gradient), gradient)
        return torch.zeros_like(gradient).scatter_add_(3, columns[:, None, None, :].expand_as(gradient), moved)


def draw_views(batch: int, height: int, width: int, *, shift: int, flip: bool, generator: torch.Generator) -> Views:
    """Shift each image of a batch at random (edges repeated) and mirror it with probability 1/2.

    Args:
        batch: number of images.
        height: image height, pixels.
        width: image width, pixels.
        shift: maximum shift in either direction and axis, pixels.
        flip: whether to mirror at all.
        generator: source of the random numbers, on the CPU; unused without shift and flip.
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
