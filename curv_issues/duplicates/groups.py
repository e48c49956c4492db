"""Group duplicate images from their pairs."""

from __future__ import annotations

import numpy as np

from curv_issues.duplicates.base import TESTS, ComparedImages


def group_images(pairs: ComparedImages, num_samples: int) -> np.ndarray:
    """Return the group of each image; images linked by a chain of pairs form one group.

    Args:
        pairs: duplicates within one dataset of n samples.
        num_samples: n.

    Returns:
        int64 (n,): number of each image's group, from 0 in the order of first members; -1: not in a group.
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
    """Return the best link of each image to its group.

    Returns:
        Similarity to the most similar other member, float32 (n,), and the strongest test, object (n,); NaN and None for images
        that are not in a group.
    """
    similarity = np.full(num_samples, np.nan, dtype=np.float32)
    strength = np.full(num_samples, len(TESTS))
    of_pair = np.array([TESTS.index(test) for test in pairs.test], dtype=np.int64)
    for side in (pairs.first, pairs.second):
        np.fmax.at(similarity, side, pairs.similarity)
        np.minimum.at(strength, side, of_pair)
    names = np.array([*TESTS, None], dtype=object)
    return similarity, names[strength]
