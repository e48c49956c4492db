"""Images with labels from Python objects, in one common form."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageFile, ImageOps

from curv_issues.data.array_pixels import as_image
from curv_issues.data.decoding import EncodedImage
from curv_issues.data.encoded import read_image_file
from curv_issues.data.feature_values import as_numpy
from curv_issues.errors import DatasetError

_FAST_MODES = ("L", "RGB")


@dataclass(frozen=True, eq=False)
class ImageRecords:
    """n undecoded images with their labels.

    Attributes:
        images: the n images; row i of the dataset is image i.
        labels: n raw labels for `encode_labels`, None if missing; with `class_names`, indices into it.
        class_names: class names, or None.
        paths: file of each image in results, None for in-memory images.
        name: name of the object in results and messages.
        label_origin: source of the labels in messages.
    """

    images: RecordImages
    labels: list[Any]
    class_names: tuple[str, ...] | None
    paths: list[str | None]
    name: str
    label_origin: str


class RecordImages:
    """Images read one by one; thread-safe if the given function is."""

    def __init__(self, read_one: Callable[[int], EncodedImage], rows: np.ndarray) -> None:
        """Store the function that reads the image of one row, and the rows to read: int64, (n,)."""
        self._read_one = read_one
        self._rows = rows

    def __len__(self) -> int:
        """Return the number of images."""
        return len(self._rows)

    def read(self, indices: range) -> Iterator[EncodedImage]:
        """Yield the images at these indices, in order."""
        for row in self._rows[indices.start : indices.stop].tolist():
            yield self._read_one(row)

    def select(self, index: np.ndarray) -> RecordImages:
        """Return the images at `index`: int64, (m,)."""
        return RecordImages(self._read_one, self._rows[index])


def read_cell(value: Any) -> EncodedImage:
    """Return an image from a table cell.

    Args:
        value: encoded bytes; a mapping with `bytes` or `path`; a path, relative to the working directory; a PIL image; or an
            array or torch tensor, see `as_image`.

    Returns:
        The encoded image, or the reason why there is none.
    """
    if isinstance(value, dict):
        value = value.get("path") if value.get("bytes") is None else value["bytes"]
    if isinstance(value, bytes | bytearray | memoryview):
        return EncodedImage(bytes(value))
    if isinstance(value, str) and "://" in value:
        return EncodedImage(b"", value, "it is a URL, not a file on this machine")
    if isinstance(value, str | os.PathLike):
        return read_image_file(value, path_of_cell(value) or "")
    if isinstance(value, Image.Image):
        return encode_image(value)
    if as_numpy(value) is not None:
        try:
            return encode_image(as_image(value))
        except DatasetError as error:
            return EncodedImage(b"", None, str(error).rstrip("."))
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return EncodedImage(b"", None, "it is missing (null)")
    return EncodedImage(b"", None, f"it is a {type(value).__name__}, not an image")


def path_of_cell(value: Any) -> str | None:
    """Return the path in a cell as results show it, None if the cell holds the image itself."""
    if isinstance(value, dict):
        value = value.get("path") if value.get("bytes") is None else None
    return os.fspath(value) if isinstance(value, str | os.PathLike) else None


def encode_image(image: Image.Image) -> EncodedImage:
    """Encode an in-memory image losslessly with its EXIF orientation applied; on failure, `problem` says why.

    An image opened from a file but not yet loaded is read from that file: loading it here would keep its pixels in memory.
    """
    try:
        if isinstance(image, ImageFile.ImageFile) and image.tile and image.tell() == 0 and os.path.isfile(image.filename):
            path = os.fsdecode(image.filename)
            return read_image_file(path, path)
        upright = ImageOps.exif_transpose(image)
        if upright.has_transparency_data:
            upright = upright.convert("RGBA")
        buffer = io.BytesIO()
        upright.save(buffer, "PPM" if upright.mode in _FAST_MODES else "TIFF")
        return EncodedImage(buffer.getvalue(), is_stored=False)
    except Exception as error:  # loading a lazily opened image can fail in any way
        return EncodedImage(b"", None, describe_error(error))


def describe_error(error: Exception) -> str:
    """Return a one-line description of an exception from foreign code."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:120] if text else type(error).__name__
