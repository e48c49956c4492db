"""Scikit-learn's handwritten digits with planted errors: real images that need no download."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from curv_issues.data.arrays import from_arrays
from curv_issues.data.base import LabeledData
from curv_issues.noise.uniform import flip_labels

COPIES = 20
PALER = 0.8  # contrast of every second copy


class Demo(NamedTuple):
    """Digits with planted errors.

    Attributes:
        data: n images of 16x16 pixels, of 10 classes.
        is_flipped: bool (n,), whether the label was flipped.
        is_copy: bool (n,), whether the image is a copy of another one, with a different label.
    """

    data: LabeledData
    is_flipped: np.ndarray
    is_copy: np.ndarray


def digits_with_errors(*, rate: float = 0.05, copies: int = 0, seed: int = 0) -> Demo:
    """Return 1,797 grey 8x8 digits with wrong labels, followed by copies of some digits with a different label.

    Args:
        rate: fraction of each class whose label is flipped.
        copies: number of copies of images whose label was not flipped; every second copy is paler.
        seed: seed of flips and copies.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.round(digits.images * (255 / 16)).astype(np.uint8)
    labels, is_flipped = flip_labels(digits.target, rate, num_classes=10, seed=seed)
    generator = np.random.default_rng(seed)
    sources = generator.choice(np.flatnonzero(~is_flipped), size=copies, replace=False)
    copied = pixels[sources].copy()
    copied[1::2] = np.round(copied[1::2] * PALER)
    wrong = (labels[sources] + generator.integers(1, 10, size=copies)) % 10
    names = [str(digit) for digit in range(10)]
    data = from_arrays(
        np.concatenate([pixels, copied]),
        np.concatenate([labels, wrong]),
        class_names=names,
        description="scikit-learn digits",
        resolution=16,
    )
    is_copy = np.arange(len(data)) >= len(labels)
    return Demo(data, np.concatenate([is_flipped, np.zeros(copies, dtype=bool)]), is_copy)
