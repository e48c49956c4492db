"""Small images for the page of a report, as WebP."""

from __future__ import annotations

import io

from PIL import Image

from curv_issues.report.contact_sheet import as_rgb

CARD, SMALL = "card", "small"
SIDES = {CARD: 128, SMALL: 48}
"""Largest side in pixels."""
SHARP = 48  # images of at most this side are kept as they are, and shown enlarged without interpolation
MIME_TYPE = "image/webp"
_QUALITY = 80


def thumbnail(image: Image.Image, size: str) -> bytes:
    """Return an image as WebP, reduced to fit the square of a size; small images keep every pixel.

    Args:
        image: any size and mode.
        size: a key of `SIDES`.
    """
    image = as_rgb(image)
    side = SIDES[size]
    if max(image.size) > side:
        image.thumbnail((side, side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    stream = io.BytesIO()
    if size == CARD and max(image.size) <= SHARP:
        image.save(stream, format="WEBP", lossless=True)
    else:
        image.save(stream, format="WEBP", quality=_QUALITY)
    return stream.getvalue()
