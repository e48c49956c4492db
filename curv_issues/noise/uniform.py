"""Uniform label noise: labels are flipped to any other class, uniformly at random."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from curv_issues.data.base import LabeledData
from curv_issues.noise.base import Planted
from curv_issues.noise.checks import check_labels, check_rate, make_generator


def flip_labels(labels: np.ndarray, rate: float, *, num_classes: int | None = None, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Flip the same fraction of the labels of every class to another class, uniformly at random.

    Args:
        labels: integers in [0, num_classes), shape (n,). Not modified.
        rate: fraction of each class to flip, in [0, 1]; round(rate * m) labels of a class with m samples.
        num_classes: number of classes k; default: the largest label + 1.
        seed: seed of the random choice, an integer >= 0.

    Returns:
        The noisy labels, int64 (n,), and whether each label was flipped, bool (n,).

    Raises:
        UsageError: labels are not integers in [0, num_classes), rate is not in [0, 1], there are fewer than 2 classes, or
            the seed is not an integer >= 0.

    Example:
        >>> import numpy as np
        >>> noisy, is_flipped = flip_labels(np.repeat([0, 1, 2], 100), 0.1, seed=0)
        >>> int(is_flipped.sum()), bool((noisy[is_flipped] == np.repeat([0, 1, 2], 100)[is_flipped]).any())
        (30, False)
    """
    labels, num_classes = check_labels(labels, num_classes)
    check_rate(rate)
    generator = make_generator(seed)
    noisy, is_flipped = labels.copy(), np.zeros(len(labels), dtype=bool)
    for label in range(num_classes):
        members = np.flatnonzero(labels == label)
        chosen = generator.choice(members, size=round(rate * len(members)), replace=False)
        other = generator.integers(0, num_classes - 1, size=len(chosen))
        noisy[chosen] = other + (other >= label)
        is_flipped[chosen] = True
    return noisy, is_flipped


def plant(data: LabeledData, rate: float, *, seed: int) -> Planted:
    """Return the data with `flip_labels` applied to its labels."""
    labels, is_flipped = flip_labels(data.labels, rate, num_classes=data.num_classes, seed=seed)
    return Planted(replace(data, labels=labels), is_flipped)
