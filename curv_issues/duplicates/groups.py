"""Groups of images that show the same, from pairs."""

from __future__ import annotations

import numpy as np

from curv_issues.duplicates.base import TESTS, ComparedImages


def group_images(pairs: ComparedImages, num_samples: int) -> np.ndarray:
    """Join pairs to groups: whatever is linked by a chain of pairs is one group.

    Args:
        pairs: within one dataset of n samples.
        num_samples: n.

    Returns:
        int64 (n,): number of each image's group, counted from 0 in the order of their first members; -1: in none.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components  # takes a third of a second to import

    links = coo_matrix((np.ones(len(pairs), bool), (pairs.first, pairs.second)), shape=(num_samples, num_samples))
    _, component = connected_components(links, directed=False)
    sizes = np.bincount(component, minlength=1)
    member = sizes[component] > 1
    groups = np.full(num_samples, -1, dtype=np.int64)
    _, first, inverse = np.unique(component[member], return_index=True, return_inverse=True)
    groups[member] = np.argsort(np.argsort(first))[inverse]
    return groups


def best_links(pairs: ComparedImages, num_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """How each image is linked to its group at best.

    Returns:
        Similarity to the most similar other member, float32 (n,), and the strongest test, object (n,); NaN and None for images in
        no group.
    """
    similarity = np.full(num_samples, np.nan, dtype=np.float32)
    strength = np.full(num_samples, len(TESTS))
    of_pair = np.array([TESTS.index(test) for test in pairs.test], dtype=np.int64)
    for side in (pairs.first, pairs.second):
        np.fmax.at(similarity, side, pairs.similarity)
        np.minimum.at(strength, side, of_pair)
    names = np.array([*TESTS, None], dtype=object)
    return similarity, names[strength]
