"""Choose the minimum similarity of duplicate feature vectors from the distances to their neighbours."""

from __future__ import annotations

import numpy as np

from curv_issues.duplicates.threshold import EXPECTED, LEAST

NEAR_RANK = 5  # nearer neighbours may be duplicates, so they do not count for the dimension
COPIES = 0.01  # fraction of the rows, those with the nearest neighbours, that may be copies; they count as no denser than the next
DENSE = 0.1  # fraction of the rows, the next, that the dimension is estimated from: most random near pairs are among them
SMALLEST = 1e-6  # difference that float32 similarities can show; below, only equal rows are duplicates


def choose_feature_threshold(squared_distances: np.ndarray, differences: np.ndarray, *, num_pairs: float) -> float:
    """Return the similarity that about three pairs of different rows are expected to reach.

    Around each row, the density is taken to be constant up to its k-th neighbour, in a space of D dimensions: a row has
    k (x / x_k)^(D/2) neighbours up to a difference of x. Their sum over all rows is solved for x. D is estimated from the
    logarithms of the ratios of distances (Levina and Bickel 2004), of the ranks 5 to k of the rows in the densest places, where
    most random near pairs are.

    Args:
        squared_distances: (n, k), to the k nearest neighbours of n rows.
        differences: (n, k), 1 - similarity of the same pairs.
        num_pairs: how many pairs there are if each row has one neighbour: half of all rows within a set, all rows between two
            sets; the n rows may be a sample of them.

    Returns:
        A threshold in [0.9, 1]; 1, so that only equal rows are duplicates, if there are too few rows or columns to tell.
    """
    squared, greatest = np.sort(squared_distances, axis=1), differences.max(axis=1, initial=0)
    if len(squared) == 0 or squared.shape[1] <= NEAR_RANK:
        return 1.0
    apart = squared[:, NEAR_RANK - 1] > 0
    num_pairs *= apart.mean()
    order = np.argsort(greatest[apart], kind="stable")
    squared, greatest = squared[apart][order], greatest[apart][order]
    copies, k = int(COPIES * len(squared)), squared.shape[1]
    dense = squared[copies : copies + max(NEAR_RANK, int(DENSE * len(squared)))]
    if len(dense) == 0 or (dense[:, -1] == dense[:, NEAR_RANK - 1]).all():
        return 1.0
    ratios = np.log(dense[:, -1:] / dense[:, NEAR_RANK - 1 : -1]).sum(axis=1).mean()
    ratios_of_exponent_1 = sum(1 / rank for low in range(NEAR_RANK, k) for rank in range(low, k))
    exponent = ratios_of_exponent_1 / ratios  # D / 2
    logs = np.log(np.maximum(greatest, greatest[copies]))
    pairs_up_to_1 = np.log(num_pairs * k / len(logs)) + np.logaddexp.reduce(-exponent * logs)
    difference = np.exp((np.log(EXPECTED) - pairs_up_to_1) / exponent)
    return 1.0 if difference < SMALLEST else float(max(LEAST, 1 - difference))
