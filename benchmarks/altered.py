"""Alter copies of images as the web and data pipelines do."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageOps

Alter = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def _image(pixels: np.ndarray) -> Image.Image:
    return Image.fromarray(pixels)


def brightness(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the image, 10% brighter or darker."""
    return np.clip(pixels * rng.choice([0.9, 1.1]), 0, 255).round().astype(np.uint8)


def contrast(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the image with 10% more or less contrast."""
    mean = pixels.mean()
    return np.clip((pixels - mean) * rng.choice([0.9, 1.1]) + mean, 0, 255).round().astype(np.uint8)


def jpeg(pixels: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    """Return the image after JPEG compression at quality 70."""
    stream = io.BytesIO()
    _image(pixels).save(stream, "JPEG", quality=70)
    return np.array(Image.open(stream))


def shift(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the image shifted by 1 or 2 pixels in either or both directions; edges repeated."""
    moves = [(rows, columns) for rows in range(-2, 3) for columns in range(-2, 3) if (rows, columns) != (0, 0)]
    rows, columns = moves[rng.integers(len(moves))]
    side = pixels.shape[0]
    padded = np.pad(pixels, ((2, 2), (2, 2), (0, 0)), mode="edge")
    return padded[2 + rows : 2 + rows + side, 2 + columns : 2 + columns + side].copy()


def crop(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a random crop of 28 of 32 pixels, resized to 32."""
    top, left = rng.integers(0, 5, 2)
    return np.array(_image(pixels).crop((left, top, left + 28, top + 28)).resize((32, 32), Image.Resampling.BILINEAR))


def rotate(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the image rotated by 3 degrees in either direction; edges mirrored."""
    padded = np.pad(pixels, ((4, 4), (4, 4), (0, 0)), mode="reflect")
    turned = _image(padded).rotate(float(rng.choice([-3, 3])), Image.Resampling.BILINEAR)
    return np.array(turned)[4:-4, 4:-4].copy()


def grey(pixels: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    """Return the image in grey."""
    return np.array(_image(pixels).convert("L").convert("RGB"))


def border(pixels: np.ndarray, _rng: np.random.Generator) -> np.ndarray:
    """Return the image at half the side, in a black frame of 8 pixels."""
    framed = np.zeros_like(pixels)
    framed[8:24, 8:24] = np.array(_image(pixels).resize((16, 16), Image.Resampling.BOX))
    return framed


ALTERED: dict[str, Alter] = {
    "exact": lambda pixels, _rng: pixels.copy(),
    "brightness": brightness,
    "contrast": contrast,
    "mirror": lambda pixels, _rng: np.array(ImageOps.mirror(_image(pixels))),
    "jpeg": jpeg,
    "shift": shift,
    "crop": crop,
    "crop with mirror": lambda pixels, rng: np.array(ImageOps.mirror(_image(crop(pixels, rng)))),
    "rotate": rotate,
    "grey": grey,
    "border": border,
}
"""Alterations of uint8 (32, 32, 3) by name; each takes a random generator."""
