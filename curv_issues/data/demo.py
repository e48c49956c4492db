"""Scikit-learn's handwritten digits with planted wrong labels: real pictures that need no download."""

from __future__ import annotations

import numpy as np

from curv_issues.data.arrays import from_arrays
from curv_issues.data.base import LabeledData
from curv_issues.noise.uniform import flip_labels


def digits_with_errors(*, rate: float = 0.05, seed: int = 0) -> tuple[LabeledData, np.ndarray]:
    """1,797 grey 8x8 digits of 10 classes, a share of each under a wrong label.

    Returns:
        The data, its pictures at 16x16, and the truth: bool (n,), True where the label was flipped.
    """
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = np.round(digits.images * (255 / 16)).astype(np.uint8)
    labels, is_flipped = flip_labels(digits.target, rate, num_classes=10, seed=seed)
    names = [str(digit) for digit in range(10)]
    return from_arrays(pixels, labels, class_names=names, description="scikit-learn digits", resolution=16), is_flipped
