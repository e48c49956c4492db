"""Memory-mapped Arrow files, as written by `save_to_disk`."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from curv_issues.data.arrow_types import check_unique, read_types
from curv_issues.data.column_types import ColumnType
from curv_issues.data.decoding import EncodedImage, EncodedImages
from curv_issues.data.encoded import read_images
from curv_issues.data.image_types import find_unread_type
from curv_issues.errors import DatasetError, first_line

_BROKEN = (OSError, ValueError, RuntimeError, TypeError, LookupError, NotImplementedError, MemoryError, pa.ArrowException)


class ArrowTable:
    """The concatenated rows of Arrow files with identical columns.

    Attributes:
        parts: the files, with their numbers of rows.
    """

    def __init__(self, root: Path, paths: Sequence[str], *, name: str, folder: Path) -> None:
        """Map the files.

        Args:
            root: folder of the files.
            paths: at least one, relative to `root`.
            name: name of the table in messages.
            folder: the dataset folder; image files named in the table must be inside it.

        Raises:
            DatasetError: a file cannot be read, or the files have different columns.
        """
        self.name = name
        self._paths = list(paths)
        self.folder = folder
        parts = [_map_file(root / path, path) for path in paths]
        self.parts = [(root / path, part.num_rows) for path, part in zip(paths, parts, strict=True)]
        try:
            self.types: Mapping[str, ColumnType] = read_types(parts[0].schema)
            self._table = pa.concat_tables([part.replace_schema_metadata(None) for part in parts])
            self._table.validate(full=True)  # invalid offsets would crash the process
        except _BROKEN as error:
            raise DatasetError(
                f"{name} cannot be read: its Arrow files are corrupt or have different columns ({first_line(error)})."
            ) from error

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._table.num_rows

    def values(self, column: str) -> list[Any]:
        """Return all values of a column."""
        check_unique(self._table.column_names, column, self.name)
        try:
            return self._table.column(column).to_pylist()
        except _BROKEN as error:
            raise DatasetError(f"Column {column!r} of {self.name} cannot be read: {first_line(error)}.") from error

    def images(self, column: str, rows: np.ndarray) -> EncodedImages:
        """Return the encoded images in the given rows of a column."""
        check_unique(self._table.column_names, column, self.name)
        return _ArrowImages(self._table.column(column), rows, self.folder)

    def chunks(self, column: str) -> Iterator[pa.Array]:
        """Yield a column as it lies in the mapped files."""
        check_unique(self._table.column_names, column, self.name)
        yield from self._table.column(column).chunks

    def origin(self, column: str) -> str:
        """Return a description of the column for messages."""
        return f"column {column!r} of {self.name}"

    def files(self, rows: np.ndarray) -> Sequence[str]:
        """Return the paths of all files."""
        return self._paths


class _ArrowImages:
    """Selected rows of one column; thread-safe."""

    def __init__(self, column: pa.ChunkedArray, rows: np.ndarray, folder: Path) -> None:
        self._column = column
        self._rows = rows
        self._folder = folder

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, indices: range) -> Iterator[EncodedImage]:
        for row in self._rows[indices.start : indices.stop].tolist():
            yield from read_images(self._column.slice(row, 1), self._folder)


def _map_file(path: Path, shown: str) -> pa.Table:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would block until something writes to it
            raise ValueError("it is not a regular file")
        source = pa.memory_map(os.fspath(path))
        try:
            return pa.ipc.open_stream(source).read_all()
        except pa.ArrowInvalid:
            source.seek(0)
            return pa.ipc.open_file(source).read_all()
    except _BROKEN as error:
        raise DatasetError(f"{shown} cannot be read as an Arrow file: {find_unread_type(path) or first_line(error)}.") from error
