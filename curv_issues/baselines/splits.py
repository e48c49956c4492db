"""Ways to cut n samples into parts."""

from __future__ import annotations

import numpy as np


def stratified_folds(labels: np.ndarray, num_folds: int, *, generator: np.random.Generator) -> np.ndarray:
    """Deal samples to folds, class by class and one after another, so that any class size works.

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


def balanced_subsets(num_samples: int, num_subsets: int, size: int, *, generator: np.random.Generator) -> np.ndarray:
    """Random subsets of one size in which every sample is about equally often.

    Each subset leaves out the samples that were left out least often so far, ties broken at random; so the numbers of
    subsets that any two samples are in differ by at most one.

    Args:
        num_samples: n.
        num_subsets: m.
        size: samples in each subset, 0 to n.
        generator: of the choice.

    Returns:
        Membership, bool (m, n).
    """
    members = np.ones((num_subsets, num_samples), dtype=bool)
    times_out = np.zeros(num_samples, dtype=np.int64)
    for subset in members:
        left_out = np.lexsort((generator.random(num_samples), times_out))[: num_samples - size]
        subset[left_out] = False
        times_out[left_out] += 1
    return members
