"""Images with labels from Python objects: what every such object is turned into, and how one image in it is read."""

from __future__ import annotations

import io
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image, ImageFile, ImageOps

from curv_issues.data.decoding import EncodedImage
from curv_issues.data.encoded import read_image_file

_FAST_MODES = ("L", "RGB")


@dataclass(frozen=True, eq=False)
class ImageRecords:
    """n images with their labels, nothing decoded.

    Attributes:
        images: the n images; row i of the dataset is image i.
        labels: n raw labels for `encode_labels`, None where there is none; with `class_names` they are indices into it.
        class_names: names of the classes, or None.
        paths: file of each image as results name it, None for images in memory.
        name: what results and messages call the object.
        label_origin: where the labels come from, as messages call it.
    """

    images: RecordImages
    labels: list[Any]
    class_names: tuple[str, ...] | None
    paths: list[str | None]
    name: str
    label_origin: str


class RecordImages:
    """Images that are read one by one; safe to read from several threads if the function given is."""

    def __init__(self, read_one: Callable[[int], EncodedImage], rows: np.ndarray) -> None:
        """Take what reads the image of one row, and the rows to read: int64, (n,)."""
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
    """Read an image from what a cell of a table may hold.

    Args:
        value: encoded bytes; a mapping with `bytes` or `path`; a path, relative to the working directory; or a PIL image.

    Returns:
        The encoded image, or the reason why there is none.
    """
    if isinstance(value, dict):
        value = value.get("path") if value.get("bytes") is None else value["bytes"]
    if isinstance(value, bytes | bytearray | memoryview):
        return EncodedImage(bytes(value))
    if isinstance(value, str) and "://" in value:
        return EncodedImage(b"", value, "it is at an address, not in a file on this machine")
    if isinstance(value, str | os.PathLike):
        return read_image_file(value, path_of_cell(value) or "")
    if isinstance(value, Image.Image):
        return encode_image(value)
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return EncodedImage(b"", None, "it is missing (null)")
    return EncodedImage(b"", None, f"it is a {type(value).__name__}, not an image")


def path_of_cell(value: Any) -> str | None:
    """Return the path in a cell as results name it, None if the image itself is in the cell."""
    if isinstance(value, dict):
        value = value.get("path") if value.get("bytes") is None else None
    return os.fspath(value) if isinstance(value, str | os.PathLike) else None


def encode_image(image: Image.Image) -> EncodedImage:
    """Encode an image in memory without loss, upright by its EXIF orientation; what cannot be encoded becomes a reason.

    An image that was opened from a file, but not read yet, is read from that file: it would keep its pixels otherwise.
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
    except Exception as error:  # An image that was opened and not yet read fails in as many ways as its format.
        return EncodedImage(b"", None, describe_error(error))


def describe_error(error: Exception) -> str:
    """Return the reason in an exception of someone else's code, in one short line."""
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:120] if text else type(error).__name__
