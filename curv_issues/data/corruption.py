"""Plant known label errors, so that anyone can measure a detector on their own data."""

from __future__ import annotations

import numbers

import numpy as np

from curv_issues.errors import UsageError


def flip_labels(labels: np.ndarray, rate: float, *, num_classes: int | None = None, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Uniform label noise: the same share of every class gets another class, each other class alike likely.

    Args:
        labels: integers in [0, num_classes), shape (n,). Left as they are.
        rate: share of each class to flip, in [0, 1]; of a class with m samples, round(rate * m) are flipped.
        num_classes: number of classes k; default: the largest label + 1.
        seed: of the choice.

    Returns:
        The noisy labels, int64 (n,), and the truth: bool (n,), True where the label was flipped.

    Raises:
        UsageError: labels are not integers in [0, num_classes), rate is not in [0, 1], or there are fewer than 2 classes.

    Example:
        >>> import numpy as np
        >>> noisy, is_flipped = flip_labels(np.repeat([0, 1, 2], 100), 0.1, seed=0)
        >>> int(is_flipped.sum()), bool((noisy[is_flipped] == np.repeat([0, 1, 2], 100)[is_flipped]).any())
        (30, False)
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise UsageError(f"labels must be a one-dimensional array of integers, got {labels.dtype} {labels.shape}.")
    labels = labels.astype(np.int64)  # a copy, and of a type that holds -1
    num_classes = int(labels.max(initial=-1)) + 1 if num_classes is None else num_classes
    if num_classes < 2 or labels.min(initial=0) < 0 or labels.max(initial=0) >= num_classes:
        raise UsageError(f"labels must lie in [0, {num_classes}), with at least two classes.")
    if isinstance(rate, bool) or not isinstance(rate, numbers.Real) or not 0 <= rate <= 1:
        raise UsageError(f"rate must be between 0 and 1, got {rate!r}.")
    generator = np.random.default_rng(seed)
    noisy, is_flipped = labels.copy(), np.zeros(len(labels), dtype=bool)
    for label in range(num_classes):
        members = np.flatnonzero(labels == label)
        chosen = generator.choice(members, size=round(rate * len(members)), replace=False)
        other = generator.integers(0, num_classes - 1, size=len(chosen))
        noisy[chosen] = other + (other >= label)
        is_flipped[chosen] = True
    return noisy, is_flipped
