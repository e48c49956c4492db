"""Compare feature vectors that may be duplicates, where there are no pixels to compare."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from curv_issues.duplicates.base import NEAR, ComparedImages
from curv_issues.duplicates.candidates import as_pairs, search_of, unique_pairs
from curv_issues.duplicates.threshold import choose_threshold

_PAIRS = 100_000  # compared at a time


def compare_vectors(
    vectors: Tensor, others: Tensor | None = None, *, threshold: float | None, device: torch.device
) -> ComparedImages:
    """Return pairs of similar vectors, within one set or between two, each pair once, most similar first.

    Candidates are the ten nearest neighbours of each vector by cosine. The similarity of two vectors is
    2 a.b / (|a|^2 + |b|^2): their cosine if they have the same length, and 1 only if they are equal.

    Args:
        vectors: float32 (n, d), standardised.
        others: float32 (m, d), in the same units; None: pairs within `vectors`.
        threshold: minimum similarity of duplicates; None: choose it from the data.
        device: where to compute.
    """
    units = functional.normalize(vectors, dim=1)
    if others is None:
        itself = torch.arange(len(units))
        found = [as_pairs(search_of(units, device)(units, itself), False, symmetric=True)]
    else:
        units_2 = functional.normalize(others, dim=1)
        pairs, ranks, _ = as_pairs(search_of(units, device)(units_2, None), False, symmetric=False)
        found = [as_pairs(search_of(units_2, device)(units, None), False, symmetric=False), (pairs.flip(1), ranks, False)]
    second = vectors if others is None else others
    candidates = unique_pairs(found, len(second))
    values = torch.cat(
        [vector_similarity(vectors[part[:, 0]], second[part[:, 1]]) for part in candidates.pairs.split(_PAIRS)]
    ).numpy()
    if threshold is None:
        threshold = choose_threshold(values[candidates.far.numpy()], len(values))
    order = np.argsort(-values, kind="stable")
    chosen = candidates.pairs.numpy()[order]
    return ComparedImages(
        first=chosen[:, 0],
        second=chosen[:, 1],
        similarity=values[order],
        test=np.full(len(order), NEAR, dtype=object),
        mirrored=np.zeros(len(order), dtype=bool),
        turns=np.zeros(len(order), dtype=np.int64),
        threshold=float(threshold),
    )


def vector_similarity(one: Tensor, other: Tensor) -> Tensor:
    """Return the similarity of each pair of rows, (p,), in [-1, 1]; see `compare_vectors`."""
    lengths = one.square().sum(1) + other.square().sum(1)
    return 2 * (one * other).sum(1) / lengths.clamp_min(torch.finfo(torch.float32).tiny)
