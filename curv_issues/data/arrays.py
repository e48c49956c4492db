"""Load images and labels from in-memory arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from curv_issues.counting import counted
from curv_issues.data.array_pixels import as_pixels
from curv_issues.data.base import DataSource, LabeledData, hash_pixels
from curv_issues.data.decoding import choose_resolution, squash
from curv_issues.data.labels import encode_labels
from curv_issues.data.raw_labels import as_list_of_labels
from curv_issues.errors import DatasetError


def from_arrays(
    images: Any,
    labels: Any,
    *,
    class_names: Sequence[str] | None = None,
    channels_first: bool | None = None,
    description: str = "arrays",
    resolution: int | None = None,
) -> LabeledData:
    """Return LabeledData for an array of images and their labels.

    Args:
        images: array or torch tensor, (n, h, w), (n, h, w, c) or (n, c, h, w) with c = 1 (grey), 3 (RGB) or 4 (RGBA, composed
            on white). uint8, which is not copied; or other numbers, all in [0, 1] or all in [0, 255], with a note.
        labels: n integers or strings; with `class_names`, indices into it.
        class_names: names of classes 0, 1, ...; None: the sorted unique labels.
        channels_first: whether the shape is (n, c, h, w); None: from the shape, which must not be ambiguous.
        description: name of this dataset in results.
        resolution: side in pixels of the square images for the probe; None: 32 for thumbnails, else 48.

    Returns:
        n samples, rows 0 to n - 1, without splits, paths or file hashes.

    Raises:
        DatasetError: wrong shape, type or range of `images`, different lengths, or a missing or unknown label.
    """
    pixels, notes = as_pixels(images, channels_first=channels_first)
    raw = as_list_of_labels(labels)
    if len(raw) != len(pixels):
        raise DatasetError(
            f"Expected one label per image, but got {counted(len(pixels), 'image')} and {counted(len(raw), 'label')}."
        )
    encoded = encode_labels(raw, names=class_names, skip_unlabelled=True)
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
        num_bytes=np.zeros(n, dtype=np.int64),
        is_lossless=np.zeros(n, dtype=bool),
        source=DataSource(source=description, num_rows=n, notes=tuple(notes)),
        open_image=lambda index: _as_image(pixels[index]),
    )


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
