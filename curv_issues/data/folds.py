"""Stratified folds."""

from __future__ import annotations

import numpy as np


def stratified_folds(labels: np.ndarray, num_folds: int, *, generator: np.random.Generator) -> np.ndarray:
    """Return stratified round-robin folds; works for classes smaller than `num_folds`.

    Args:
        labels: integers, (n,).
        num_folds: number of folds, >= 1.
        generator: of the order within a class.

    Returns:
        Fold of each sample, int64 (n,). The sizes of any two folds differ by at most one, and so do the numbers of
        samples that they hold of any class.
    """
    shuffled = generator.permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    folds = np.empty(len(labels), dtype=np.int64)
    folds[by_class] = np.arange(len(labels)) % num_folds
    return folds
