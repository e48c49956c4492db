"""Open untrusted files safely: regular files of bounded size only, without waiting for a writer."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file, or a link to one, for reading.

    Raises:
        OSError: the file does not exist, cannot be read, or is a folder, device, pipe or socket.
    """
    _check(os.stat(path), path)  # before opening, which has side effects on some devices
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    try:
        _check(os.fstat(descriptor), path)  # again, as the file may have been replaced
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def read_bounded(file: BinaryIO, *, limit: int) -> bytes:
    """Return the content of an open regular file; OSError if it has more than `limit` bytes."""
    if (size := os.fstat(file.fileno()).st_size) > limit:
        raise OSError(f"a file has {size:,} bytes; expected at most {limit:,}")
    return file.read(size)


def _check(found: os.stat_result, path: Path) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(f"{path.name} is not a regular file")
