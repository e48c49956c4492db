"""A smaller dataset with the same class proportions."""

from __future__ import annotations

import numpy as np

from curv_issues.errors import UsageError


def stratified_sample(labels: np.ndarray, size: int, *, seed: int) -> np.ndarray:
    """Choose `size` samples, of each class in proportion to its own size.

    Shares are rounded by largest remainder. As long as `size` is at least the number of classes present, every class
    keeps one sample or more.

    Args:
        labels: integers, (n,): the class of each sample.
        size: number of samples wanted, 1 or more; n or more takes all of them.
        seed: of the generator that chooses within the classes.

    Returns:
        int64, (min(size, n),): indices of the chosen samples, increasing.

    Raises:
        UsageError: `size` is below 1.
    """
    if size < 1:
        raise UsageError(f"--max-samples (max_samples) is {size}; expected 1 or more.")
    if size >= len(labels):
        return np.arange(len(labels), dtype=np.int64)

    _, codes, counts = np.unique(np.asarray(labels), return_inverse=True, return_counts=True)
    quota = _share(counts, size)
    generator = np.random.default_rng(seed)
    members = np.split(np.argsort(codes, kind="stable"), np.cumsum(counts)[:-1])
    chosen = [generator.choice(rows, size=take, replace=False) for rows, take in zip(members, quota, strict=True)]
    return np.sort(np.concatenate(chosen)).astype(np.int64)


def _share(counts: np.ndarray, size: int) -> np.ndarray:
    """Samples to take of each class: `size` in all, never more than `counts`, at least one each if that is possible."""
    quota, remainder = np.divmod(counts.astype(np.int64) * size, counts.sum())
    quota[np.argsort(-remainder, kind="stable")[: size - quota.sum()]] += 1
    if size >= len(counts):
        # Rare classes got nothing: each takes one from the class that has the most at that moment.
        for index in np.flatnonzero(quota == 0):
            quota[np.argmax(quota)] -= 1
            quota[index] += 1
    return quota
