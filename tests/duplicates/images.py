"""Generated images with the spectrum of photos, and functions that make near-duplicates of them."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import torch
from PIL import Image
from torch import Tensor

MARGIN = 4  # pixels around an image that a shift brings into view


def textured(n: int, *, side: int = 32, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Random fields whose amplitude falls with the frequency, uint8 (n, side, side, channels), from 50 to 200."""
    rng = np.random.default_rng(seed)
    size = 2 * side  # the fields are periodic, so half of one is shown
    frequency = np.hypot(np.fft.fftfreq(size)[:, None], np.fft.fftfreq(size)) + 1 / size
    spectrum = np.fft.fft2(rng.normal(size=(n, channels, size, size))) / frequency**1.3
    fields = np.fft.ifft2(spectrum).real[:, :, :side, :side]
    fields += fields.mean(1, keepdims=True)  # the channels of a photo are correlated
    low, high = fields.min((1, 2, 3), keepdims=True), fields.max((1, 2, 3), keepdims=True)
    return (50 + 150 * (fields - low) / (high - low)).round().astype(np.uint8).transpose(0, 2, 3, 1)


def canvases(n: int, *, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Textured images with a margin that `cut` leaves out."""
    return textured(n, side=32 + 2 * MARGIN, channels=channels, seed=seed)


def cut(canvas: np.ndarray, rows: int = 0, columns: int = 0) -> np.ndarray:
    """Return the 32 x 32 pixels of canvases (..., 40, 40, c), shifted from the middle."""
    return canvas[..., MARGIN + rows : MARGIN + rows + 32, MARGIN + columns : MARGIN + columns + 32, :]


def brighter(image: np.ndarray) -> np.ndarray:
    return (image + 40).astype(np.uint8)


def paler(image: np.ndarray) -> np.ndarray:
    """Halve the contrast."""
    return (image // 2 + 60).astype(np.uint8)


def recompressed(image: np.ndarray) -> np.ndarray:
    """Compress with JPEG and decode."""
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, format="JPEG", quality=75)
    return np.asarray(Image.open(buffer))


def enlarged_crop(image: np.ndarray, top: int, left: int, height: int, width: int) -> np.ndarray:
    """Return a part of an image (h, w, 3), resized to the size of the image."""
    part = Image.fromarray(image).crop((left, top, left + width, top + height))
    return np.asarray(part.resize(image.shape[1::-1], Image.Resampling.BILINEAR))


def rows_of(n: int, d: int, *, seed: int = 0) -> Tensor:
    """Return rows of standard normal values, float32 (n, d)."""
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))
