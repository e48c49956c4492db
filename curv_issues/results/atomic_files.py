"""Write single files so that each is complete or unchanged. Whole results are replaced by `replacing`."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path


def write_files(directory: Path, contents: Mapping[str, bytes]) -> None:
    """Write or replace files in an existing folder; none is replaced before all have found space on the disk.

    A killed process may leave `partial_file(directory, name)` behind.

    Raises:
        OSError: a file cannot be written; all are unchanged.
    """
    try:
        for name, content in contents.items():
            with partial_file(directory, name).open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())  # so that "no space" errors occur now
        for name in contents:
            os.replace(partial_file(directory, name), directory / name)
    finally:
        remove_partial_files(directory, contents)


def write_shared_file(path: Path, content: bytes) -> None:
    """Write or replace a file that several processes may write at the same time; the last one wins.

    Raises:
        OSError: the file cannot be written; it is unchanged.
    """
    descriptor, partial = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".partial", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise


def partial_file(directory: Path, name: str) -> Path:
    """Return the path under which a file is first written."""
    return directory / f".{name}.partial"


def remove_partial_files(directory: Path, names: Iterable[str]) -> None:
    """Remove what is left of files that were not finished."""
    for name in names:
        with contextlib.suppress(OSError):
            partial_file(directory, name).unlink()
