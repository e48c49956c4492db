"""Decode any encoded image to uint8 RGB pixels at native size.

Every image goes through these steps, in order: take the first frame; apply the EXIF orientation; map more than 8 bits per
channel to 8 with the dataset's value range (see `value_range.py`); compose transparency on white; convert everything else
(palette, CMYK, 1-bit, ...) to RGB. Images above the pixel limit are rejected from their header.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import io
import re
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from PIL import ExifTags, Image, ImageFile

from curv_issues.data.image_types import FORMATS, HEAD_BYTES, can_read_heif, is_image_head, unsupported_head
from curv_issues.data.jpeg import decode_jpeg
from curv_issues.data.range_finder import RangeFinder
from curv_issues.data.unread_types import RAW_REASON
from curv_issues.data.value_range import ValueRanges, is_float, to_bytes
from curv_issues.memory import total_memory

_BYTES_PER_PIXEL = 8  # of memory to decode an image: Pillow's pixels (4), a copy (3), and what resizing needs
_LARGEST_BY_DEFAULT = 64_000_000  # pixels
_STRIP_PIXELS = 1 << 20  # pixels converted at a time

_TIFF_SUBFILE_TYPE, _TIFF_DNG_VERSION = 254, 50706
_WIDE_MODES = re.compile(r"(?:RGB|RGBA|RGBX);16([LBN])")

_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}

_pixel_limit_lock = threading.Lock()
_pixel_limit_users = 0
_pixel_limit_of_pillow: int | None = None


class UnreadableImageError(Exception):
    """An image cannot be decoded; the text is a short reason. It never leaves `curv_issues.data`."""


@functools.cache
def default_max_pixels() -> int:
    """Return the default pixel limit per image: 64 million, or fewer if an eighth of the memory holds fewer."""
    memory = total_memory()
    return _LARGEST_BY_DEFAULT if memory is None else min(_LARGEST_BY_DEFAULT, memory // 8 // _BYTES_PER_PIXEL)


def decode_image(encoded: bytes, *, value_ranges: ValueRanges | None = None, max_pixels: int | None = None) -> Image.Image:
    """Decode one image.

    Args:
        encoded: the bytes of the file.
        value_ranges: value ranges that map more than 8 bits per channel to 8; None: from this image alone.
        max_pixels: pixel limit; None: the default of this machine.

    Returns:
        The image in mode RGB at native size, with EXIF orientation applied.

    Raises:
        UnreadableImageError: the bytes are empty, not an image or truncated, or there are too many pixels.
    """
    values = decode_values(encoded, max_pixels=max_pixels)
    if values.dtype != np.uint8:
        values = to_rgb(values, RangeFinder(value_ranges or ValueRanges()).add(colours_of(values)))
    return Image.fromarray(values)


def decode_values(
    encoded: bytes, *, max_pixels: int | None = None, reserve: Callable[[int], None] = lambda pixels: None
) -> np.ndarray:
    """Decode one image, keeping original values of more than 8 bits.

    Args:
        encoded: the bytes of the file.
        max_pixels: pixel limit; None: the default of this machine.
        reserve: called with the number of pixels before decoding; may block.

    Returns:
        uint8, (h, w, 3): RGB pixels. Or uint16, int32 or float32, (h, w, c): original values; c = 1 grey, 2 grey and alpha,
        3 colour, 4 colour and alpha. See `to_rgb`.

    Raises:
        UnreadableImageError: the bytes are empty, not an image or truncated, there are too many pixels, or no value is finite.
    """
    if not encoded:
        raise UnreadableImageError("it is empty (0 bytes)")
    try:
        with _opened(encoded) as image:
            _check_size(image, max_pixels)
            reserve(image.width * image.height)
            values = np.ascontiguousarray(_decode(image, encoded))
    except UnreadableImageError:
        raise
    except MemoryError as error:
        raise UnreadableImageError("it does not fit in memory") from error
    except Exception as error:  # decoders raise anything for corrupt files
        raise UnreadableImageError(_describe(error, encoded)) from error
    if is_float(values) and not np.isfinite(values).any():
        raise UnreadableImageError("all its values are NaN or infinite")
    return values


def read_size(encoded: bytes) -> tuple[int, int]:
    """Return height and width in pixels from the header alone, before EXIF orientation.

    Raises:
        UnreadableImageError: the bytes are not an image.
    """
    try:
        with _opened(encoded) as image:
            return image.height, image.width
    except Exception as error:
        raise UnreadableImageError(_describe(error, encoded)) from error


def read_format(encoded: bytes) -> str:
    """Return Pillow's name of an image's format, from the header alone.

    Raises:
        UnreadableImageError: the bytes are not an image.
    """
    try:
        with _opened(encoded) as image:
            return image.format or ""
    except Exception as error:
        raise UnreadableImageError(_describe(error, encoded)) from error


def colours_of(values: np.ndarray) -> np.ndarray:
    """Return values from `decode_values` without the alpha channel."""
    return values[..., :-1] if values.shape[2] in (2, 4) else values


def to_rgb(values: np.ndarray, value_range: tuple[float, float]) -> np.ndarray:
    """Map values from `decode_values` to uint8 RGB, (h, w, 3), composing transparency on white."""
    pixels = to_bytes(colours_of(values), value_range)
    if values.shape[2] in (2, 4):
        pixels = _on_white(pixels, values[..., -1:])
    return pixels if pixels.shape[2] == 3 else np.repeat(pixels, 3, axis=2)


@contextlib.contextmanager
def _opened(encoded: bytes) -> Iterator[Image.Image]:
    """Open an image and read only its header, without a pixel limit."""
    with _without_pillow_limit(), Image.open(io.BytesIO(encoded), formats=_formats()) as image:
        yield image


@contextlib.contextmanager
def _without_pillow_limit() -> Iterator[None]:
    """Lift Pillow's own pixel limit, a global variable, while any thread is inside: `max_pixels` decides."""
    global _pixel_limit_users, _pixel_limit_of_pillow
    with _pixel_limit_lock:
        if _pixel_limit_users == 0:
            _pixel_limit_of_pillow, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        _pixel_limit_users += 1
    try:
        yield
    finally:
        with _pixel_limit_lock:
            _pixel_limit_users -= 1
            if _pixel_limit_users == 0:
                Image.MAX_IMAGE_PIXELS = _pixel_limit_of_pillow


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()
    if can_read_heif():
        with contextlib.suppress(Exception):  # a broken installation: HEIC stays an unknown format
            importlib.import_module("pillow_heif").register_heif_opener()
    return tuple(name for name in (*FORMATS, "HEIF") if name in Image.OPEN)


def _describe(error: Exception, encoded: bytes) -> str:
    if isinstance(error, Image.UnidentifiedImageError):
        head = encoded[:HEAD_BYTES]
        if is_image_head(head):
            return "its header is corrupt or of an unsupported kind"
        return unsupported_head(head) or "its format is not a known image format"
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."


def _check_size(image: Image.Image, max_pixels: int | None) -> None:
    limit = default_max_pixels() if max_pixels is None else max_pixels
    if image.width * image.height > limit:
        raise UnreadableImageError(
            f"it has {image.width:,} x {image.height:,} pixels; the limit is {limit:,} (--max-pixels, max_pixels)"
        )


def _decode(image: Image.Image, encoded: bytes) -> np.ndarray:
    tags = getattr(image, "tag_v2", {})
    if tags.get(_TIFF_DNG_VERSION) or tags.get(_TIFF_SUBFILE_TYPE) in (1, 5):  # a reduced version of another image
        raise UnreadableImageError(RAW_REASON)
    pixels = decode_jpeg(encoded, image)
    if pixels is None:
        is_wide = _has_wide_channels(image)
        image.load()
        pixels = _wide_values(image, encoded) if is_wide else _as_array(image)
    return _turn_upright(pixels, image)


def _has_wide_channels(image: Image.Image) -> bool:
    """Return whether there are several channels of 16 bits, of which Pillow keeps only the high bytes."""
    modes = [_raw_mode(tile.args) for tile in getattr(image, "tile", ())]
    return bool(modes) and all(mode == "LA;16B" or _WIDE_MODES.fullmatch(mode) for mode in modes)


def _raw_mode(arguments: Any) -> str:
    first = arguments[0] if isinstance(arguments, tuple) and arguments else arguments
    return first if isinstance(first, str) else ""


def _wide_values(image: Image.Image, encoded: bytes) -> np.ndarray:
    """Return 16-bit values of several channels: Pillow's high bytes, and the low ones decoded in the other byte order."""
    with _opened(encoded) as other:
        assert isinstance(other, ImageFile.ImageFile)  # true for all images opened from files
        is_grey = _raw_mode(other.tile[0].args) == "LA;16B"
        other.tile = [tile._replace(args=_swap_bytes(tile.args)) for tile in other.tile]
        other.load()
        low = np.asarray(other)
    if is_grey:  # decoded as four channels: both bytes of grey, both bytes of alpha
        return low[..., 0::2].astype(np.uint16) << 8 | low[..., 1::2]
    return np.asarray(image).astype(np.uint16) << 8 | low


def _swap_bytes(arguments: Any) -> Any:
    mode = _raw_mode(arguments)
    not_native = "B" if sys.byteorder == "little" else "L"
    swapped = "RGBA" if mode == "LA;16B" else mode[:-1] + {"L": "B", "B": "L", "N": not_native}[mode[-1]]
    return (swapped, *arguments[1:]) if isinstance(arguments, tuple) else swapped


def _turn_upright(pixels: np.ndarray, image: Image.Image) -> np.ndarray:
    if "exif" not in image.info and "xmp" not in image.info:  # Pillow itself applies the orientation of TIFF files
        return pixels
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # corrupt EXIF data does not make the pixels unreadable
        return pixels
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return pixels if turn is None else turn(pixels)


def _as_array(image: Image.Image) -> np.ndarray:
    if image.mode.startswith("I"):
        return _smallest_integers(np.asarray(image))[..., np.newaxis]
    if image.mode == "F":
        return np.asarray(image)[..., np.newaxis]
    on_white = image.has_transparency_data
    width, height = image.size
    if width * height <= _STRIP_PIXELS:
        return np.asarray(_strip_to_rgb(image, on_white=on_white))
    pixels = np.empty((height, width, 3), dtype=np.uint8)
    step = max(1, _STRIP_PIXELS // width)  # limits the memory of intermediate copies
    for top in range(0, height, step):
        bottom = min(top + step, height)
        pixels[top:bottom] = np.asarray(_strip_to_rgb(image.crop((0, top, width, bottom)), on_white=on_white))
    return pixels


def _strip_to_rgb(image: Image.Image, *, on_white: bool) -> Image.Image:
    if on_white:
        opaque = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", opaque.size, "white"), opaque)
    return image if image.mode == "RGB" else image.convert("RGB")


def _smallest_integers(values: np.ndarray) -> np.ndarray:
    """Return the values as uint16 if they fit, else int32, so that equal values have the same type in any file format."""
    if values.dtype.itemsize > 2 and (values.min() < 0 or values.max() > 65535):
        return values.astype(np.int32)
    return values.astype(np.uint16)


def _on_white(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """Return 8-bit pixels (h, w, c) composed on white with 16-bit alpha (h, w, 1)."""
    step = max(1, _STRIP_PIXELS // max(1, pixels.shape[1]))
    for top in range(0, len(pixels), step):
        opacity = alpha[top : top + step].astype(np.float32) / 65535
        pixels[top : top + step] = np.rint(pixels[top : top + step] * opacity + 255 * (1 - opacity))
    return pixels
