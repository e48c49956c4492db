"""Ways to cut n samples into parts."""

from __future__ import annotations

import numpy as np


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
