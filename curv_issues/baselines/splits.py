"""Split n samples into folds or subsets."""

from __future__ import annotations

import numpy as np


def balanced_subsets(num_samples: int, num_subsets: int, size: int, *, generator: np.random.Generator) -> np.ndarray:
    """Return random subsets of equal size that contain every sample about equally often.

    Each subset excludes the samples excluded least often so far, with ties broken at random. So the numbers of subsets
    that contain any two samples differ by at most one.

    Args:
        num_samples: n.
        num_subsets: m.
        size: samples per subset, 0 to n.
        generator: generator of the choice.

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
