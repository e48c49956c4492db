"""Storage of decoded pixels: memory, or a temporary file for large datasets."""

from __future__ import annotations

import os
import tempfile

import numpy as np
from numpy.typing import DTypeLike

from curv_issues.errors import AuditError

_MEMORY_LIMIT = 10**9  # bytes of pixels; more go to a file
_CHUNK = 10_000_000  # bytes copied at a time


def allocate_pixels(shape: tuple[int, ...]) -> np.ndarray:
    """Return a uint8 array of zeros; above 1 GB, a memory map of an unnamed temporary file.

    Raises:
        AuditError: the file system of the temporary folder has too little space.
    """
    return allocate(shape, np.uint8)


def allocate(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """Return an array of zeros; see `allocate_pixels`."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size <= _MEMORY_LIMIT:
        return np.zeros(shape, dtype=dtype)
    try:
        with tempfile.TemporaryFile(prefix="curv-issues-") as file:
            if hasattr(os, "posix_fallocate"):  # otherwise a full disk kills the process on a write to the map
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype=dtype, mode="w+", shape=shape)
    except OSError as error:
        raise AuditError(
            f"The data need {size / 1e9:.1f} GB in {tempfile.gettempdir()}, which has too little space "
            f"({error.strerror or error}); free space there, set TMPDIR to another folder, or use --max-samples."
        ) from error


def take_rows(array: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return the rows at `index` (m,), from (n, ...); large parts of a memory map stay on disk.

    Raises:
        AuditError: the file system of the temporary folder has too little space.
    """
    if not isinstance(array, np.memmap):
        return array[index]
    taken = allocate((len(index), *array.shape[1:]), array.dtype)
    step = max(1, _CHUNK // max(1, int(np.prod(array.shape[1:])) * array.itemsize))
    for start in range(0, len(index), step):
        taken[start : start + step] = array[index[start : start + step]]
    return taken
