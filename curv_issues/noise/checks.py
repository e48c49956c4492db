"""Argument checks that the noise kinds share."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from curv_issues.errors import UsageError


def check_labels(labels: Any, num_classes: int | None) -> tuple[np.ndarray, int]:
    """Return the labels as a new int64 array, and the number of classes (default: the largest label + 1).

    Raises:
        UsageError: labels are not integers in [0, num_classes) of shape (n,), or there are fewer than 2 classes.
    """
    labels = np.asarray(labels)
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise UsageError(f"labels must be a one-dimensional array of integers, got {labels.dtype} {labels.shape}.")
    labels = labels.astype(np.int64)  # a copy, in a type that can hold -1
    num_classes = int(labels.max(initial=-1)) + 1 if num_classes is None else num_classes
    if num_classes < 2 or labels.min(initial=0) < 0 or labels.max(initial=0) >= num_classes:
        raise UsageError(f"labels must be in [0, {num_classes}), with at least two classes.")
    return labels, num_classes


def check_rate(rate: Any) -> None:
    """Raise UsageError unless `rate` is a number from 0 to 1."""
    if isinstance(rate, bool) or not isinstance(rate, numbers.Real) or not 0 <= float(rate) <= 1:
        raise UsageError(f"rate must be between 0 and 1, got {rate!r}.")


def make_generator(seed: Any) -> np.random.Generator:
    """Return a generator with this seed; raise UsageError unless it is an integer >= 0."""
    if isinstance(seed, bool) or not isinstance(seed, numbers.Integral) or seed < 0:
        raise UsageError(f"seed must be an integer >= 0, got {seed!r}.")
    return np.random.default_rng(int(seed))
