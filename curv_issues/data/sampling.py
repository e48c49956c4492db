"""Draw a stratified sample of a dataset."""

from __future__ import annotations

import numpy as np

from curv_issues.errors import UsageError


def stratified_sample(labels: np.ndarray, size: int, *, seed: int) -> np.ndarray:
    """Return `size` samples drawn at random, from each class in proportion to its size.

    Fractions are rounded by largest remainder. If `size` is at least the number of classes present, every class keeps at
    least one sample.

    Args:
        labels: integers, (n,): the class of each sample.
        size: number of samples, >= 1; n or more returns all.
        seed: random seed of the draw.

    Returns:
        int64, (min(size, n),): indices of the drawn samples, increasing.

    Raises:
        UsageError: `size` is below 1.
    """
    if size < 1:
        raise UsageError(f"--max-samples (max_samples) must be an integer >= 1, got {size}.")
    if size >= len(labels):
        return np.arange(len(labels), dtype=np.int64)

    _, codes, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    quota = _share(counts, size)
    generator = np.random.default_rng(seed)
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])
    chosen = [generator.choice(rows, size=take, replace=False) for rows, take in zip(members, quota, strict=True)]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _share(counts: np.ndarray, size: int) -> np.ndarray:
    """Return the number of samples per class: `size` in all, at most `counts`, at least one each if possible."""
    quota, remainder = np.divmod(counts.astype(np.int64) * size, counts.sum())
    quota[np.argsort(-remainder, kind="stable")[: size - quota.sum()]] += 1
    if size >= len(counts):
        # Each rare class without a sample gets one from the class that currently has most.
        for index in np.flatnonzero(quota == 0):
            quota[np.argmax(quota)] -= 1
            quota[index] += 1
    return quota
