"""Compare feature vectors that may be duplicates, where there are no pixels to compare."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from curv_issues.duplicates.base import NEAR, ComparedImages
from curv_issues.duplicates.candidates import NEIGHBOURS, search_of
from curv_issues.duplicates.feature_threshold import choose_feature_threshold

FEW_COLUMNS = 6  # up to which a tree is fast, and many vectors have nearly the same direction
QUERIES = 3_000  # vectors whose neighbours the threshold is chosen from
_VALUES = 2**23  # compared at a time
_RANDOM_VALUES = 2**19  # number of random pairs times number of columns
_LEAST_RANDOM = 256  # random pairs, however many columns there are
_BELOW_ONE = np.nextafter(np.float32(1), np.float32(0))


def compare_vectors(
    vectors: Tensor, others: Tensor | None = None, *, threshold: float | None, device: torch.device
) -> ComparedImages:
    """Return pairs of similar vectors, within one set or between two, each pair once, most similar first.

    Candidates are the ten nearest neighbours of each vector: by distance up to six columns, by cosine above. The similarity of two
    vectors is 2 a.b / (|a|^2 + |b|^2): their cosine if they have the same length, and 1 only if they are equal.

    Args:
        vectors: float32 (n, d), standardised.
        others: float32 (m, d), in the same units; None: pairs within `vectors`.
        threshold: minimum similarity of duplicates; None: choose it from the data.
        device: where to compute.
    """
    second = vectors if others is None else others
    if threshold is None:
        rng = np.random.default_rng(0)
        some = rng.permutation(len(vectors))[:QUERIES]
        found = _as_pairs(some, nearest_by_distance(vectors, others, some))
        squared, differences = (values.reshape(len(some), -1) for values in compare_rows(vectors, second, found))
        threshold = choose_feature_threshold(
            squared,
            differences,
            _column_squares(vectors, others, rng),
            num_pairs=len(vectors) if others is not None else len(vectors) / 2,
        )
    pairs = _as_pairs(np.arange(len(vectors)), neighbours(vectors, others, device))
    if others is None:
        pairs.sort(axis=1)
    else:
        back = _as_pairs(np.arange(len(others)), neighbours(others, vectors, device))
        pairs = np.concatenate([pairs, back[:, ::-1]])
    keys = np.unique(pairs[:, 0] * len(second) + pairs[:, 1])
    pairs = np.stack([keys // len(second), keys % len(second)], axis=1)
    values = as_similarity(*compare_rows(vectors, second, pairs))
    order = np.argsort(-values, kind="stable")
    return ComparedImages(
        first=pairs[order, 0],
        second=pairs[order, 1],
        similarity=values[order],
        test=np.full(len(order), NEAR, dtype=object),
        mirrored=np.zeros(len(order), dtype=bool),
        turns=np.zeros(len(order), dtype=np.int64),
        threshold=threshold,
    )


def neighbours(vectors: Tensor, others: Tensor | None, device: torch.device) -> np.ndarray:
    """Return positions of the nearest neighbours of each vector in `others`, or among the other vectors, int64 (n, k <= 10)."""
    if vectors.shape[1] <= FEW_COLUMNS:
        return nearest_by_distance(vectors, others, np.arange(len(vectors)))
    units = functional.normalize(vectors, dim=1)
    if others is None:
        return search_of(units, device)(units, torch.arange(len(units)))[0].numpy()
    return search_of(functional.normalize(others, dim=1), device)(units, None)[0].numpy()


def nearest_by_distance(vectors: Tensor, others: Tensor | None, chosen: np.ndarray) -> np.ndarray:
    """Return positions of the nearest neighbours of chosen vectors in `others`, or among the other vectors, int64 (q, k <= 10)."""
    gallery = vectors if others is None else others
    k = min(NEIGHBOURS, len(gallery) - (others is None))
    if k <= 0 or len(chosen) == 0:
        return np.empty((len(chosen), 0), np.int64)
    from sklearn.neighbors import NearestNeighbors  # takes most of a second to import

    search = NearestNeighbors(n_neighbors=k + (others is None)).fit(gallery.numpy())
    rows = search.kneighbors(vectors[chosen].numpy(), return_distance=False)
    if others is not None:
        return rows
    kept = rows != chosen[:, None]
    kept[kept.all(axis=1), -1] = False  # more vectors than k are equal to it
    return rows[kept].reshape(len(chosen), k)


def _as_pairs(positions: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.stack([np.repeat(positions, rows.shape[1]), rows.ravel()], axis=1)


def _column_squares(vectors: Tensor, others: Tensor | None, rng: np.random.Generator) -> np.ndarray:
    """Return the squared differences in each column of random pairs of different rows, float32 (p, d)."""
    second = vectors if others is None else others
    count = max(_LEAST_RANDOM, _RANDOM_VALUES // max(1, vectors.shape[1])) if len(vectors) and len(second) else 0
    one, other = (rng.integers(0, max(1, len(rows)), count) for rows in (vectors, second))
    kept = one != other if others is None else slice(None)
    return (vectors[one[kept]] - second[other[kept]]).square().numpy()


def compare_rows(one: Tensor, other: Tensor, pairs: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the squared distance and the difference, 1 - similarity, of each pair, both float64 (p,); see `compare_vectors`."""
    found = []
    for part in torch.from_numpy(pairs).split(max(1, _VALUES // one.shape[1])):
        a, b = one[part[:, 0]], other[part[:, 1]]
        squared = (a - b).square().sum(1)
        found.append((squared, squared / (a.square().sum(1) + b.square().sum(1)).clamp_min(torch.finfo(torch.float32).tiny)))
    all_squared, all_differences = (torch.cat(values).double().numpy() for values in zip(*found, strict=True))
    return all_squared, all_differences


def as_similarity(squared: np.ndarray, differences: np.ndarray) -> np.ndarray:
    """Return 1 - differences as float32 (p,), which is 1 only where the distance is 0."""
    return np.where(squared > 0, np.minimum((1 - differences).astype(np.float32), _BELOW_ONE), np.float32(1))
