"""Convert Arrow columns of numbers, or of lists of numbers, to numpy."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from curv_issues.errors import DatasetError


def number_type(kind: pa.DataType) -> np.dtype | None:
    """Return the numpy type of the numbers in a column of numbers or of (nested) lists of numbers; None for other columns."""
    kind = _stored(kind)
    while _is_list(kind):
        kind = _stored(kind.value_type)
    is_number = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    return np.dtype(kind.to_pandas_dtype()) if is_number else None


def holds_lists(kind: pa.DataType) -> bool:
    """Return whether a column holds lists."""
    return _is_list(_stored(kind))


def as_vectors(array: pa.Array) -> np.ndarray:
    """Return one vector per row, (m, d): d = 1 for numbers; nested lists are flattened; missing rows and numbers are NaN.

    Args:
        array: a column for which `number_type` is not None.

    Raises:
        RaggedError: the lists differ in length.
    """
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    if not _is_list(array.type):
        if pa.types.is_boolean(array.type):
            array = array.cast(pa.uint8())
        return array.to_numpy(zero_copy_only=False)[:, np.newaxis]
    present = array.drop_null() if array.null_count else array
    lengths = np.diff(present.offsets.to_numpy()) if hasattr(present, "offsets") else np.full(len(present), array.type.list_size)
    if len(present) and (lengths != lengths[0]).any():
        row = int(np.flatnonzero(lengths != lengths[0])[0])
        place = np.flatnonzero(array.is_valid().to_numpy(zero_copy_only=False))[row]
        raise RaggedError(int(place), int(lengths[row]), int(lengths[0]))
    inner = as_vectors(present.flatten())
    vectors = inner.reshape(len(present), -1) if len(present) else np.empty((0, 0), inner.dtype)
    if not array.null_count:
        return vectors
    found = np.full((len(array), vectors.shape[1]), np.nan, np.result_type(vectors, np.float16))
    found[array.is_valid().to_numpy(zero_copy_only=False)] = vectors
    return found


class RaggedError(DatasetError):
    """Rows of a column differ in length.

    Attributes:
        row: first row of another length than the first.
        length: its length.
        expected: length of the first row.
    """

    def __init__(self, row: int, length: int, expected: int) -> None:
        super().__init__(f"Row {row} has {length} numbers; expected {expected}, as in the first.")
        self.row, self.length, self.expected = row, length, expected


def _is_list(kind: pa.DataType) -> bool:
    return pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)


def _stored(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind
