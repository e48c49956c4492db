"""Bring arrays of images into one layout: uint8, channels last, grey or RGB; never by guessing."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

from curv_issues.data.feature_values import as_numpy
from curv_issues.data.pixel_storage import allocate_pixels
from curv_issues.errors import DatasetError

CHANNELS = (1, 3, 4)
_FULL_RANGE = 127.5  # numbers from 0 to 255 reach at least this; smaller ones could have any range, such as 0 to 16
_CHUNK = 10_000_000  # values converted at a time
_ADVICE = "scale them to [0, 1], or pass uint8 values from 0 to 255"


def as_pixels(images: Any, *, channels_first: bool | None = None) -> tuple[np.ndarray, list[str]]:
    """Return images as uint8 (n, h, w, c), c = 1 or 3, and a note if numbers were scaled; uint8 is not copied.

    Args:
        images: array or torch tensor (n, h, w), (n, h, w, c) or (n, c, h, w); c = 1, 3, or 4 with alpha, composed on white.
            uint8; or other numbers in [0, 1], or in [0, 255] with a maximum above 127.5.
        channels_first: whether the layout is (n, c, h, w); None: from the shape.

    Raises:
        DatasetError: the shape, the type or the range of the values is none of these, or the layout is ambiguous.
    """
    values = as_numpy(images)
    if values is None:
        raise DatasetError(f"Expected the images as a numpy array or torch tensor, but got a {type(images).__name__}.")
    values = _channels_last(values, channels_first)
    notes = []
    if values.dtype != np.uint8:
        given = values.dtype
        values, low, high, white = _to_bytes(values)
        notes = [f"The pixels are {given} from {low:g} to {high:g}, read as 0 (black) to {white} (white)."]
    return (_on_white(values) if values.shape[-1] == 4 else values), notes


def as_image(pixels: Any) -> Image.Image:
    """Return one array or tensor, (h, w), (h, w, c) or (c, h, w), as an image; numbers other than uint8 must be in [0, 1].

    The range of a single image cannot tell [0, 1] from [0, 255].

    Raises:
        DatasetError: see `as_pixels`.
    """
    values = as_numpy(pixels)
    assert values is not None
    if values.ndim not in (2, 3):
        raise DatasetError(
            f"Expected an image of shape (h, w), (h, w, c) or (c, h, w) with c = 1, 3 or 4 channels, but got {values.shape}."
        )
    if values.dtype != np.uint8 and not (values.dtype.kind == "f" and values.size and values.min() >= 0 and values.max() <= 1):
        raise DatasetError(
            f"Expected pixels of type uint8, or numbers in [0, 1], but got {values.dtype} {_range(values)}; remove a "
            f"normalisation, or {_ADVICE}."
        )
    image, _ = as_pixels(values[np.newaxis])
    return Image.fromarray(image[0, ..., 0] if image.shape[-1] == 1 else image[0])


def _channels_last(values: np.ndarray, channels_first: bool | None) -> np.ndarray:
    """Return (n, h, w, c)."""
    given = values.shape
    if values.ndim == 3:
        values = values[..., np.newaxis]
        channels_first = False
    shape = values.shape
    if values.ndim == 2:
        raise DatasetError(
            f"Expected images, but got an array of shape {given}; reshape it to (n, h, w), or use curv_issues.audit_features for "
            "feature vectors."
        )
    if values.ndim != 4 or 0 in shape[1:] or not (shape[1] in CHANNELS or shape[3] in CHANNELS):
        raise DatasetError(
            f"Expected images of shape (n, h, w), (n, h, w, c) or (n, c, h, w) with c = 1, 3 or 4 channels, but got {given}."
        )
    if channels_first is None:
        if shape[1] in CHANNELS and shape[3] in CHANNELS:
            raise DatasetError(
                f"Images of shape {shape} may have their channels first or last; use curv_issues.from_arrays with "
                "channels_first=True for (n, c, h, w), or False for (n, h, w, c)."
            )
        channels_first = shape[1] in CHANNELS
    if shape[1 if channels_first else 3] not in CHANNELS:
        layout = "(n, c, h, w)" if channels_first else "(n, h, w, c)"
        raise DatasetError(f"Expected images of shape {layout} with c = 1, 3 or 4 channels, but got {shape}.")
    return np.moveaxis(values, 1, 3) if channels_first else values


def _to_bytes(values: np.ndarray) -> tuple[np.ndarray, float, float, int]:
    """Return numbers as uint8, their minimum and maximum, and the value of white.

    Raises:
        DatasetError: they are no numbers in [0, 1] or [0, 255].
    """
    if values.dtype.kind not in "fiu":
        raise DatasetError(f"Expected images as uint8 or other numbers, but got {values.dtype}.")
    step = max(1, _CHUNK // max(1, values[:1].size))
    starts = range(0, len(values), step)
    low = float(np.min([values[start : start + step].min() for start in starts] or [0]))  # NaN if any value is
    high = float(np.max([values[start : start + step].max() for start in starts] or [0]))
    white = 1 if values.dtype.kind == "f" and high <= 1 else 255
    if not (low >= 0 and (white == 1 or _FULL_RANGE < high <= 255)):  # also for NaN
        raise DatasetError(
            f"Expected pixel values in [0, 1], or in [0, 255] with a maximum above {_FULL_RANGE:g}, but got {values.dtype} from "
            f"{low:g} to {high:g}; {_ADVICE}."
        )
    found = allocate_pixels(values.shape)
    for start in starts:
        found[start : start + step] = np.rint(values[start : start + step].astype(np.float32) * (255 // white))
    return found, low, high, white


def _on_white(values: np.ndarray) -> np.ndarray:
    """Compose RGBA (n, h, w, 4) on white."""
    found = allocate_pixels((*values.shape[:3], 3))
    white = Image.new("RGBA", (values.shape[2], values.shape[1]), "white")
    for target, image in zip(found, values, strict=True):
        target[:] = np.asarray(Image.alpha_composite(white, Image.fromarray(np.ascontiguousarray(image))).convert("RGB"))
    return found


def _range(values: np.ndarray) -> str:
    return (
        f"from {values.min():g} to {values.max():g}" if values.size and values.dtype.kind in "fiu" else f"of shape {values.shape}"
    )
