"""One encoded picture -> uint8 RGB pixels at native size, whatever the file is.

What every picture goes through, in this order: its first frame is taken; its EXIF orientation is applied; 16-bit,
32-bit and float grey is scaled to 8 bits; transparency is composed on white; the rest (palette, CMYK, 1-bit, ...)
becomes RGB.
"""

from __future__ import annotations

import functools
import io
import struct
import zlib

import numpy as np
from PIL import ExifTags, Image

# What Pillow's decoders raise for files that are broken in one way or another.
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    MemoryError,
    NotImplementedError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)

# Postscript is a program: decoding it would run it (in Ghostscript).
_REFUSED_FORMATS = frozenset({"EPS", "WMF"})
_COMMON_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")

_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnreadablePictureError(Exception):
    """A picture cannot be decoded; its text is the reason, in a few words. Never leaves `curv_issues.data`."""


def decode_picture(encoded: bytes) -> Image.Image:
    """Decode one picture.

    Args:
        encoded: the bytes of the file.

    Returns:
        The picture, mode RGB, at native size (after EXIF orientation).

    Raises:
        UnreadablePictureError: the bytes are none, no picture, cut off, or far too many pixels.
    """
    if not encoded:
        raise UnreadablePictureError("it is empty (0 bytes)")
    try:
        picture = Image.open(io.BytesIO(encoded), formats=_formats())
        picture.load()
        return _as_rgb(_turn_upright(picture))
    except Image.UnidentifiedImageError as error:
        raise UnreadablePictureError("it is in no known picture format") from error
    except _BROKEN as error:
        raise UnreadablePictureError(_describe(error)) from error


def read_size(encoded: bytes) -> tuple[int, int]:
    """Height and width in pixels from the header alone, before EXIF orientation.

    Raises:
        UnreadablePictureError: the bytes are no picture.
    """
    try:
        picture = Image.open(io.BytesIO(encoded), formats=_formats())
        return picture.height, picture.width
    except _BROKEN as error:
        raise UnreadablePictureError(_describe(error)) from error


@functools.cache
def _formats() -> tuple[str, ...]:
    Image.init()
    known = [name for name in _COMMON_FORMATS if name in Image.OPEN]
    return tuple(known + [name for name in Image.ID if name not in _REFUSED_FORMATS and name not in known])


def _describe(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 120 else text[:117] + "..."


def _turn_upright(picture: Image.Image) -> Image.Image:
    if "exif" not in picture.info and "xmp" not in picture.info:  # Pillow turns TIFF files upright by itself.
        return picture
    try:
        orientation = picture.getexif().get(ExifTags.Base.Orientation)
    except _BROKEN:  # A picture with damaged EXIF data is still a picture.
        return picture
    turn = _TURNS.get(orientation) if isinstance(orientation, int) else None
    return picture if turn is None else picture.transpose(turn)


def _as_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode == "RGB" and "transparency" not in picture.info:
        return picture
    if picture.mode.startswith("I"):
        return Image.fromarray(_integers_to_bytes(np.asarray(picture), picture.format)).convert("RGB")
    if picture.mode == "F":
        return Image.fromarray(_floats_to_bytes(np.asarray(picture))).convert("RGB")
    if picture.has_transparency_data:
        opaque = picture.convert("RGBA")
        white = Image.new("RGBA", opaque.size, "white")
        return Image.alpha_composite(white, opaque).convert("RGB")
    return picture.convert("RGB")


def _integers_to_bytes(values: np.ndarray, file_format: str | None) -> np.ndarray:
    """16-bit grey by 257 (65535 becomes 255); 32-bit grey as 8 or 16 bits where its values fit, else stretched."""
    if values.dtype.itemsize > 2 and file_format not in ("PNG", "PPM"):
        low, high = values.min(), values.max()
        if low < 0 or high > 65535:
            return _stretch(values)
        if high <= 255:
            return values.astype(np.uint8)
    return np.rint(values / 257).astype(np.uint8)


def _floats_to_bytes(values: np.ndarray) -> np.ndarray:
    """Floats in [0, 1] by 255, in [0, 255] as they are, others stretched; NaN and infinities become black."""
    values = np.where(np.isfinite(values), values, 0).astype(np.float64)
    low, high = values.min(), values.max()
    if low < 0 or high > 255:
        return _stretch(values)
    return np.rint(values * 255 if high <= 1 else values).astype(np.uint8)


def _stretch(values: np.ndarray) -> np.ndarray:
    low, high = float(values.min()), float(values.max())
    return np.rint((values.astype(np.float64) - low) * (255 / (high - low))).astype(np.uint8)
