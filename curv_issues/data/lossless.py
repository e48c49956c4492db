"""Tell from its bytes whether an image is stored without loss."""

from __future__ import annotations

import io

from PIL import Image

_LOSSLESS = (b"\x89PNG\r\n\x1a\n", b"BM", b"qoif", b"\x01\xda", b"\x59\xa6\x6a\x95", b"SIMPLE  =")
_NETPBM = tuple(b"P%c" % kind for kind in b"123456Ff")
_TIFF = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_LOSSY_TIFF = ("jpeg", "tiff_jpeg", "webp")


def is_lossless(encoded: bytes) -> bool:
    """Return whether a readable image is stored without loss: PNG, BMP, PPM, QOI, SGI, Sun, FITS, most TIFF, some WebP files.

    GIF counts as lossy, because it has at most 256 colours. So do the formats that can be either without saying so near their
    start (JPEG 2000, AVIF, HEIC), and those without a signature.
    """
    if encoded.startswith(_TIFF):
        return _is_lossless_tiff(encoded)
    if encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP":
        return _first_image_chunk(encoded) == b"VP8L"
    return encoded.startswith((*_LOSSLESS, *_NETPBM))


def _is_lossless_tiff(encoded: bytes) -> bool:
    try:
        with Image.open(io.BytesIO(encoded), formats=["TIFF"]) as image:
            return image.info.get("compression") not in _LOSSY_TIFF
    except Exception:  # its pixels were decoded, but a damaged header can fail in any way
        return False


def _first_image_chunk(encoded: bytes) -> bytes:
    """Return the name of the first chunk of a WebP file that holds pixels, VP8 (lossy) or VP8L; b"" if there is none."""
    place = 12
    while place + 8 <= len(encoded):
        name, size = encoded[place : place + 4], int.from_bytes(encoded[place + 4 : place + 8], "little")
        if name in (b"VP8 ", b"VP8L"):
            return name
        place += 24 if name == b"ANMF" else 8 + size + size % 2  # the frames of an animation hold their own chunks
    return b""
