"""Read feature vectors from whatever holds them in memory as one array (n, d)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from curv_issues.errors import DatasetError
from curv_issues.inputs.heavy_tails import FEW_ROWS, MANY_COLUMNS

_CHUNK = 30_000_000  # values checked at a time


def as_matrix(features: Any) -> np.ndarray:
    """Return feature vectors as a float array (n, d); float16, float32 and float64 arrays and memory maps are not copied.

    Args:
        features: array or memory map (n, d), torch tensor, DataFrame of numbers, pandas or Arrow column of lists, sparse matrix,
            or a sequence of n sequences of d numbers.

    Raises:
        DatasetError: they are not numbers, or not of shape (n, d) with n and d >= 1.
    """
    values = _as_array(features)
    if values.dtype == object or values.ndim == 1:
        values = _stacked(values)
    if values.dtype.kind not in "fiub" or values.ndim != 2 or 0 in values.shape:
        raise DatasetError(f"Expected features as numbers of shape (n, d), got {values.dtype} {values.shape}.")
    return values if values.dtype in (np.float16, np.float32, np.float64) else values.astype(np.float32)


def rows_not_finite(features: np.ndarray) -> np.ndarray:
    """Return the positions of the rows with NaN or infinite values, int64 (m,)."""
    step = max(1, _CHUNK // features.shape[1])
    bad = [start + np.flatnonzero(~np.isfinite(features[start : start + step]).all(1)) for start in range(0, len(features), step)]
    return np.concatenate(bad)


def constant_columns(features: np.ndarray) -> int:
    """Return how many features have the same value in all rows."""
    step = max(1, _CHUNK // features.shape[1])
    is_constant = np.ones(features.shape[1], dtype=bool)
    for start in range(0, len(features), step):
        is_constant &= (features[start : start + step] == features[0]).all(0)
    return int(is_constant.sum())


def numbering_columns(features: np.ndarray) -> np.ndarray:
    """Return the positions of features that are whole numbers and rise from each row to the next, as row numbers do, int64 (m,)."""
    columns = np.arange(features.shape[1] if len(features) >= FEW_ROWS else 0)
    step = max(2, _CHUNK // features.shape[1])
    for start in range(0, len(features), step):
        part = features[max(0, start - 1) : start + step, columns]
        columns = columns[((np.diff(part, axis=0) > 0).all(0)) & (part == np.floor(part)).all(0)]
    return columns


def label_columns(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the positions of features that tell the label of every row, int64 (m,); none if there are more than 100 features.

    All rows with the same value of such a feature have the same label, and there are at least ten rows per value on average.

    Args:
        features: (n, d).
        labels: int64 (n,), of at least two classes; else none is returned.
    """
    if features.shape[1] > MANY_COLUMNS or len(np.unique(labels)) < 2:
        return np.empty(0, np.int64)
    found = []
    for column in range(features.shape[1]):
        values, places = np.unique(features[:, column], return_inverse=True)
        if len(values) <= len(labels) / 10 and len(np.unique(places * (labels.max() + 1) + labels)) == len(values):
            found.append(column)
    return np.array(found, np.int64)


def as_numpy(values: Any) -> np.ndarray | None:
    """Return an array unchanged and a torch tensor as an array; None for anything else."""
    if isinstance(values, np.ndarray):
        return values
    if hasattr(values, "detach"):  # a torch tensor, perhaps with gradients, on a GPU or in bfloat16, which numpy lacks
        values = values.detach().cpu()
        return (values if str(values.dtype) != "torch.bfloat16" else values.float()).numpy()
    return None


def _as_array(features: Any) -> np.ndarray:
    if (array := as_numpy(features)) is not None:
        return array
    if hasattr(features, "toarray"):
        raise DatasetError(
            "Sparse features are not supported: reduce them to a few hundred dense ones, such as with "
            "sklearn.decomposition.TruncatedSVD."
        )
    if hasattr(features, "to_pylist") and hasattr(features, "type"):  # Arrow
        return features.to_numpy(zero_copy_only=False)
    if hasattr(features, "to_numpy"):  # pandas
        return features.to_numpy()
    return _from_sequence(features)


def _from_sequence(features: Any) -> np.ndarray:
    if isinstance(features, str | bytes) or not hasattr(features, "__iter__"):
        raise DatasetError(f"Expected features as numbers of shape (n, d), got {type(features).__name__}.")
    rows = list(features)
    found = np.empty(len(rows), dtype=object)
    for position, row in enumerate(rows):
        found[position] = row
    return found


def _stacked(rows: np.ndarray) -> np.ndarray:
    """Return an object array of n vectors as (n, d)."""
    if rows.ndim != 1 or rows.dtype != object:
        return rows
    vectors = list(_vectors(rows))
    lengths = [len(vector) for vector in vectors]
    for position, length in enumerate(lengths):
        if length != lengths[0]:
            raise DatasetError(f"Expected {lengths[0]} features in every row, as in row 0, but row {position} has {length}.")
    return np.stack(vectors) if vectors else np.empty((0, 0), dtype=np.float32)


def _vectors(rows: Sequence[Any] | np.ndarray) -> Iterator[np.ndarray]:
    for position, row in enumerate(rows):
        vector = _as_array(row) if hasattr(row, "detach") else np.asarray(row)
        if vector.ndim != 1 or vector.dtype.kind not in "fiub":
            shown = "no features" if row is None else f"{vector.dtype} {vector.shape}"
            raise DatasetError(f"Expected a vector of numbers in every row, but row {position} has {shown}.")
        yield vector
