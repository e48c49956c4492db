"""Recognise images: the supported formats, their extensions, and their first bytes."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import stat

from curv_issues.data.unread_types import NO_HEIF, RAW_REASON, UNREAD_ENDINGS, reason_of_head

HEAD_BYTES = 132

# Pillow's name of each supported format -> usual file extensions. Formats that run code (EPS, WMF), videos, documents and
# containers of other data are excluded on purpose.
FORMATS: dict[str, tuple[str, ...]] = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png", ".apng"),
    "WEBP": (".webp",),
    "GIF": (".gif",),
    "BMP": (".bmp",),
    "DIB": (".dib",),
    "TIFF": (".tif", ".tiff"),
    "AVIF": (".avif", ".avifs"),
    "JPEG2000": (".jp2", ".j2k", ".jpc", ".jpf", ".jpx", ".j2c"),
    "MPO": (".mpo",),
    "PPM": (".ppm", ".pgm", ".pbm", ".pnm", ".pfm"),
    "TGA": (".tga",),
    "SGI": (".sgi",),
    "SUN": (".ras",),
    "PCX": (".pcx",),
    "QOI": (".qoi",),
    "DDS": (".dds",),
    "FITS": (".fits", ".fit"),
    "ICO": (".ico",),
}
HEIF_ENDINGS = (".heic", ".heif", ".heics", ".heifs", ".hif")

_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
_MAGIC = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF87a",
    b"GIF89a",
    b"\0\0\0\x0cjP  \r\n\x87\n",  # JPEG 2000 file
    b"\xff\x4f\xff\x51",  # JPEG 2000 codestream
    b"qoif",
    b"DDS \x7c\0\0\0",
    b"SIMPLE  =",  # FITS
    b"\x59\xa6\x6a\x95",  # Sun raster
)
_TIFF_MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
# PPM, PGM, PBM and PFM: the format in its own line, comments, then width and height.
_NETPBM = re.compile(rb"P[1-6Ff][ \t]*\r?\n(?:#[^\n]*\n)*(?:\s*\d+\s+\d+\s|#[^\n]*\Z)")
_SGI = re.compile(rb"\x01\xda[\0\1][\1\2]\0[\1-\3]")
_BMP_HEADER_SIZES = {12, 16, 40, 52, 56, 64, 108, 124}
_BMP_BITS = {1, 2, 4, 8, 16, 24, 32}


@functools.cache
def can_read_heif() -> bool:
    """Return whether pillow-heif is installed, without importing it."""
    return importlib.util.find_spec("pillow_heif") is not None


IMAGE_ENDINGS: frozenset[str] = frozenset(
    ending for endings in (*FORMATS.values(), HEIF_ENDINGS if can_read_heif() else ()) for ending in endings
)
"""Lower-case extensions of supported image files, with the dot."""


def is_image_name(value: object) -> bool:
    """Return whether a value is a string with an image file extension."""
    return isinstance(value, str) and os.path.splitext(value.strip())[1].lower() in IMAGE_ENDINGS


def look_at_file(path: str | os.PathLike[str]) -> tuple[bool, str | None]:
    """Return whether a file starts like a supported image, and if not, why it cannot be read.

    Only formats with an unmistakable signature count, whatever the extension: JPEG, PNG, GIF, WebP, BMP, TIFF, AVIF, JPEG
    2000, PPM, PGM, PBM, PFM, QOI, DDS, FITS, SGI, Sun raster and, with pillow-heif, HEIC. Camera raw files, recognised by
    extension, do not count: their TIFF data is only a thumbnail.

    Args:
        path: a file, of which at most 132 bytes are read; anything but a readable regular file, or a link to one, is judged by
            its extension alone.

    Returns:
        Whether it is an image, and a short reason; the reason is None if it does not look like an image.
    """
    unsupported, head = _unsupported_ending(path), _read_head(path)
    return unsupported != RAW_REASON and is_image_head(head), unsupported or unsupported_head(head)


def find_unread_type(path: str | os.PathLike[str]) -> str | None:
    """Return why a file is of an unsupported type, from its first bytes; None if they do not show it."""
    return reason_of_head(_read_head(path))


def is_image_head(head: bytes) -> bool:
    """Return whether these first bytes (up to 132) are those of a supported image."""
    if head.startswith(_MAGIC) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return True
    if _NETPBM.match(head) or _SGI.match(head):
        return True
    if head.startswith(_TIFF_MAGIC):
        return head[8:10] != b"CR"  # Canon raw files
    brands = _brands(head)
    return _is_bmp(head) or bool(brands & _AVIF_BRANDS) or (can_read_heif() and bool(brands & _HEIF_BRANDS))


def unsupported_head(head: bytes) -> str | None:
    """Return why a file with these first bytes (up to 132) cannot be read; None if it does not look like an image."""
    brands = _brands(head)
    if brands & _HEIF_BRANDS and not brands & _AVIF_BRANDS and not can_read_heif():
        return NO_HEIF
    if b"crx " in brands or (head.startswith(_TIFF_MAGIC) and head[8:10] == b"CR"):
        return RAW_REASON
    return reason_of_head(head)


def _unsupported_ending(path: str | os.PathLike[str]) -> str | None:
    name = os.path.basename(os.fspath(path)).lower()
    ending = name if name.rfind(".") == 0 else os.path.splitext(name)[1]  # splitext sees no extension in ".cr2"
    if ending in HEIF_ENDINGS and not can_read_heif():
        return NO_HEIF
    return UNREAD_ENDINGS.get(ending)


def _read_head(path: str | os.PathLike[str]) -> bytes:
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))  # do not wait on pipes
        try:
            return os.read(descriptor, HEAD_BYTES) if stat.S_ISREG(os.fstat(descriptor).st_mode) else b""
        finally:
            os.close(descriptor)
    except (OSError, ValueError):  # ValueError: a null character in the name
        return b""


def _brands(head: bytes) -> set[bytes]:
    """Return the brands of an ISO media file, such as AVIF or HEIC."""
    if head[4:8] != b"ftyp":
        return set()
    end = min(int.from_bytes(head[:4], "big"), len(head))
    return {head[place : place + 4] for place in (8, *range(16, end, 4))}


def _is_bmp(head: bytes) -> bool:
    """Return whether the BMP header is consistent; text may also start with BM."""
    if len(head) < 30 or head[:2] != b"BM" or head[6:10] != b"\0\0\0\0":
        return False
    pixels, size = (int.from_bytes(head[place : place + 4], "little") for place in (10, 14))
    place = 22 if size == 12 else 26
    planes, bits = (int.from_bytes(head[start : start + 2], "little") for start in (place, place + 2))
    return size in _BMP_HEADER_SIZES and pixels >= 14 + size and planes == 1 and bits in _BMP_BITS
