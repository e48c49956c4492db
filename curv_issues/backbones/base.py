"""What a backbone is: preprocessing of an image, a function from a batch of images to features, and an identity."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from curv_issues.errors import UsageError, first_line

WRONG_INPUT = (RuntimeError, ValueError, TypeError, IndexError, AttributeError, AssertionError)  # what networks raise on one
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


@dataclass(frozen=True, eq=False)
class Backbone:
    """A pretrained network that turns images into features, with the preprocessing that it needs.

    A plain callable given as `backbone` becomes `Backbone(callable)`; its attributes `resolution`, `mean` and `std` are used
    if it has them.

    Attributes:
        module: maps float32 images (b, 3, r, r) to features (b, d), the inputs of its classifier. An `nn.Module` is copied and
            runs in evaluation mode on the device of the audit; any other callable runs as it is, and gets CPU tensors.
        resolution: side r in pixels. The image is resized to a square, antialiased bicubic.
        mean: channel means that are subtracted from pixels in [0, 1].
        std: channel standard deviations to divide by, > 0.
        preprocess: function from an RGB PIL image to a float tensor (3, h, w), used instead of `resolution`, `mean` and `std`.
        name: name in messages; None: that of the module.
        identity: text that changes whenever the code of the module, or `preprocess`, does. Features are stored under it, the
            weights and the preprocessing. None: the source code of an `nn.Module`; features of another callable are not
            stored without it.
        batch_size: number of images per call if the module takes batches of one size only; None: any size.
    """

    module: Callable[[Tensor], Any]
    resolution: int = 224
    mean: Sequence[float] = IMAGENET_MEAN
    std: Sequence[float] = IMAGENET_STD
    preprocess: Callable[[Image.Image], Tensor] | None = None
    name: str | None = None
    identity: str | None = None
    batch_size: int | None = None

    def __post_init__(self) -> None:
        size = self.resolution
        if not callable(self.module):
            raise UsageError(f"A backbone must be a function from images (b, 3, r, r) to features (b, d), got {self.module!r}.")
        if isinstance(size, bool) or not isinstance(size, int) or size < 1:
            raise UsageError(f"resolution of a backbone must be an integer >= 1, got {size!r}.")
        if len(self.mean) != 3 or len(self.std) != 3 or not all(value > 0 for value in self.std):
            raise UsageError(f"mean and std of a backbone must be three numbers, std > 0, got {self.mean!r} and {self.std!r}.")

    def __call__(self, images: Tensor) -> Any:
        """Return what the module returns for preprocessed images (b, 3, h, w)."""
        return self.module(images)

    @property
    def title(self) -> str:
        """Return the name, for messages and results."""
        return self.name or str(getattr(self.module, "__qualname__", type(self.module).__qualname__))

    def tensor_of(self, image: Image.Image) -> Tensor:
        """Return the preprocessed image, float32 (3, h, w).

        Raises:
            UsageError: the preprocessing failed or returned another shape.
        """
        image = image.convert("RGB")
        if self.preprocess is None:
            return squashed(image, self.resolution, mean=self.mean, std=self.std)
        try:
            tensor = torch.as_tensor(self.preprocess(image))
        except (RuntimeError, ValueError, TypeError, IndexError) as error:
            raise UsageError(f"The preprocessing of the backbone {self.title} failed: {first_line(error)}.") from error
        if tensor.ndim != 3 or len(tensor) != 3:
            raise UsageError(
                f"The preprocessing of the backbone {self.title} must return tensors (3, h, w), got {tuple(tensor.shape)}."
            )
        return tensor.float()


def unread(backbone: Backbone, shape: tuple[int, ...], error: BaseException) -> UsageError:
    """Return the error of a backbone that cannot read images of this shape."""
    return UsageError(f"The backbone {backbone.title} cannot read images of shape {shape}: {first_line(error)}.")


def wrong_output(backbone: Backbone, got: str) -> UsageError:
    """Return the error of a backbone that returns something other than features."""
    return UsageError(f"The backbone {backbone.title} must return float features (b, d), got {got}.")


def squashed(image: Image.Image, side: int, *, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Return an RGB image resized to a square of `side` pixels and normalised, float32 (3, side, side)."""
    resized = image if image.size == (side, side) else image.resize((side, side), Image.Resampling.BICUBIC, reducing_gap=3.0)
    pixels = torch.from_numpy(np.array(resized)).permute(2, 0, 1).float().div_(255)
    return pixels.sub_(torch.tensor(mean).view(3, 1, 1)).div_(torch.tensor(std).view(3, 1, 1))
