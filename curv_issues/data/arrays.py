"""Load images and labels from in-memory arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from curv_issues.counting import counted
from curv_issues.data.base import DataSource, LabeledData, hash_pixels
from curv_issues.data.decoding import choose_resolution, squash
from curv_issues.data.labels import encode_labels
from curv_issues.errors import DatasetError


def from_arrays(
    images: np.ndarray,
    labels: Sequence[Any] | np.ndarray,
    *,
    class_names: Sequence[str] | None = None,
    description: str = "arrays",
    resolution: int | None = None,
) -> LabeledData:
    """Return LabeledData for an array of images and their labels.

    Args:
        images: uint8, (n, h, w), (n, h, w, 1) or (n, h, w, 3), in [0, 255]; not copied.
        labels: n integers or strings; with `class_names`, indices into it.
        class_names: names of classes 0, 1, ...; None: the sorted unique labels.
        description: name of this dataset in results.
        resolution: side in pixels of the square images for the probe; None: 32 for thumbnails, else 48.

    Returns:
        n samples, rows 0 to n - 1, without splits, paths or file hashes.

    Raises:
        DatasetError: wrong shape or type of `images`, different lengths, or a missing or unknown label.
    """
    pixels = _check_pixels(images)
    if len(labels) != len(pixels):
        raise DatasetError(
            f"Expected one label per image, but got {counted(len(pixels), 'image')} and {counted(len(labels), 'label')}."
        )
    encoded = encode_labels(labels, names=class_names, skip_unlabelled=True)
    if encoded.unlabelled.any():
        first = int(np.flatnonzero(encoded.unlabelled)[0])
        raise DatasetError(
            f"{int(encoded.unlabelled.sum())} of {len(pixels)} samples have no label (the first is row {first}); "
            "expected one label per image: remove those samples from both arrays."
        )

    n, height, width, _ = pixels.shape
    side = choose_resolution([(height, width)]) if resolution is None else resolution
    nothing = np.full(n, None, dtype=object)
    return LabeledData(
        images=_squash(pixels, side),
        labels=encoded.codes,
        class_names=encoded.class_names,
        rows=np.arange(n, dtype=np.int64),
        splits=nothing,
        paths=nothing.copy(),
        image_sha256=np.array([hash_pixels(_as_rgb(image)) for image in pixels], dtype=object),
        file_sha256=np.full(n, "", dtype=object),
        sizes=np.tile(np.array([height, width], dtype=np.int32), (n, 1)),
        source=DataSource(source=description, num_rows=n),
        open_image=lambda index: _as_image(pixels[index]),
    )


def _check_pixels(images: np.ndarray) -> np.ndarray:
    if not isinstance(images, np.ndarray):
        raise DatasetError(f"Expected the images as a numpy array, but got a {type(images).__name__}.")
    if images.dtype != np.uint8:
        raise DatasetError(
            f"Expected images of type uint8 (0 to 255), but got {images.dtype}; "
            "for values in [0, 1] pass (images * 255).round().astype(numpy.uint8)."
        )
    if images.ndim == 3:
        images = images[..., np.newaxis]
    if images.ndim != 4 or images.shape[-1] not in (1, 3) or 0 in images.shape[1:]:
        raise DatasetError(f"Expected images of shape (n, h, w), (n, h, w, 1) or (n, h, w, 3), but got {images.shape}.")
    return images


def _squash(pixels: np.ndarray, side: int) -> np.ndarray:
    if pixels.shape[1:3] == (side, side):
        return pixels
    squashed = np.empty((len(pixels), side, side, pixels.shape[-1]), dtype=np.uint8)
    for target, image in zip(squashed, pixels, strict=True):
        target[:] = np.asarray(squash(_as_image(image), side)).reshape(target.shape)
    return squashed


def _as_image(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def _as_rgb(image: np.ndarray) -> np.ndarray:
    return np.repeat(image, 3, axis=-1) if image.shape[-1] == 1 else image
