"""Storage of decoded pixels: memory, or a temporary file for large datasets."""

from __future__ import annotations

import os
import tempfile

import numpy as np

from curv_issues.errors import AuditError

_MEMORY_LIMIT = 10**9  # bytes of pixels; more go to a file
_CHUNK = 10_000_000  # bytes copied at a time


def allocate_pixels(shape: tuple[int, ...]) -> np.ndarray:
    """Return a uint8 array of zeros; above 1 GB, a memory map of an unnamed temporary file.

    Raises:
        AuditError: the file system of the temporary folder has too little space.
    """
    size = int(np.prod(shape))
    if size <= _MEMORY_LIMIT:
        return np.zeros(shape, dtype=np.uint8)
    try:
        with tempfile.TemporaryFile(prefix="curv-issues-") as file:
            if hasattr(os, "posix_fallocate"):  # otherwise a full disk kills the process on a write to the map
                os.posix_fallocate(file.fileno(), 0, size)
            return np.memmap(file, dtype=np.uint8, mode="w+", shape=shape)
    except OSError as error:
        raise AuditError(
            f"The decoded images need {size / 1e9:.1f} GB in {tempfile.gettempdir()}, which has too little space "
            f"({error.strerror or error}); free space there, set TMPDIR to another folder, or use --max-samples."
        ) from error


def take_pixels(images: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Return the images at `index` (m,), from uint8 (n, h, w, c); large parts of a memory map stay on disk.

    Raises:
        AuditError: the file system of the temporary folder has too little space.
    """
    if not isinstance(images, np.memmap):
        return images[index]
    taken = allocate_pixels((len(index), *images.shape[1:]))
    step = max(1, _CHUNK // max(1, int(np.prod(images.shape[1:]))))
    for start in range(0, len(index), step):
        taken[start : start + step] = images[index[start : start + step]]
    return taken
