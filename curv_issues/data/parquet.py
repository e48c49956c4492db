"""Parquet files, read in place: no copy in a cache, and never more than a few blocks in memory."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curv_issues.data.decoding import EncodedPicture, EncodedPictures
from curv_issues.data.encoded import read_images
from curv_issues.errors import DatasetError

_BLOCK_BYTES = 32 << 20  # of one column, decompressed
_BLOCKS_KEPT = 4
_BROKEN = (OSError, ValueError, RuntimeError, TypeError, LookupError, NotImplementedError, MemoryError, pa.ArrowException)


class ParquetTable:
    """One parquet file."""

    def __init__(self, path: Path, *, name: str, folder: Path, classes: Mapping[str, datasets.ClassLabel] | None = None) -> None:
        """Read the file's footer.

        Args:
            path: the file.
            name: what messages call it.
            folder: the dataset's folder, from which alone image files that the table names are read.
            classes: columns whose class names are written elsewhere (README.md) -> their type.

        Raises:
            DatasetError: it cannot be read as a parquet file.
        """
        self.name = name
        self._path = path
        self._folder = folder
        try:
            with pq.ParquetFile(path, memory_map=True) as file:
                self._num_rows = file.metadata.num_rows
                self.features: Mapping[str, Any] = _read_features(file.schema_arrow)
        except _BROKEN as error:
            raise _unreadable(name, error) from error
        plain = {column: kind for column, kind in (classes or {}).items() if _is_integer(self.features.get(column))}
        self.features = {**self.features, **plain}

    def __len__(self) -> int:
        """Number of rows."""
        return self._num_rows

    def values(self, column: str) -> list[Any]:
        """All values of a column."""
        try:
            with pq.ParquetFile(self._path, memory_map=True) as file:
                return file.read(columns=[column]).column(column).to_pylist()
        except _BROKEN as error:
            raise _unreadable(f"Column {column!r} of {self.name}", error) from error

    def images(self, column: str, rows: np.ndarray) -> EncodedPictures:
        """The encoded images in chosen rows of a column."""
        return _ParquetImages(_Blocks(self._path, column), rows, self._folder)

    def origin(self, column: str) -> str:
        """The column and the file."""
        return f"column {column!r} of {self.name}"

    def files(self, rows: np.ndarray) -> Sequence[str]:
        """The file itself."""
        return [self.name]


class _ParquetImages:
    """Chosen rows of one column; read from several threads."""

    def __init__(self, blocks: _Blocks, rows: np.ndarray, folder: Path) -> None:
        self._blocks = blocks
        self._rows = rows
        self._folder = folder

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, indices: range) -> Iterator[EncodedPicture]:
        wanted = self._rows[indices.start : indices.stop]
        while len(wanted):
            try:
                first, block = self._blocks.holding(int(wanted[0]))
            except _BROKEN as error:
                yield EncodedPicture(b"", None, f"its part of the parquet file cannot be read ({_first_line(error)})")
                wanted = wanted[1:]
                continue
            inside = wanted[wanted < first + len(block)]
            wanted = wanted[len(inside) :]
            for row in inside:  # one by one, since a copy of all could take gigabytes
                yield from read_images(block.slice(int(row) - first, 1), self._folder)


class _Block(NamedTuple):
    """Consecutive rows of one row group."""

    group: int
    first_of_group: int  # number of the group's first block
    start: int
    stop: int


class _Blocks:
    """One column of a file as blocks of consecutive rows, the last few of them kept.

    A block is a row group, or a part of a large one. Parts are read one after another by a cursor, since parquet has no
    way to begin in the middle of a row group.
    """

    def __init__(self, path: Path, column: str) -> None:
        self._column = column
        self._lock = threading.Lock()
        self._kept: OrderedDict[int, pa.ChunkedArray] = OrderedDict()
        self._file = pq.ParquetFile(path, memory_map=True)
        self._blocks: list[_Block] = []
        start = 0
        for group in range(self._file.metadata.num_row_groups):
            stop = start + self._file.metadata.row_group(group).num_rows
            first, step = len(self._blocks), self._rows_in_block(group)
            self._blocks += [_Block(group, first, at, min(at + step, stop)) for at in range(start, stop, step)]
            start = stop
        self._starts = [block.start for block in self._blocks]
        self._next = 0  # the block that the cursor gives next
        self._cursor: Iterator[pa.ChunkedArray] = iter(())

    def holding(self, row: int) -> tuple[int, pa.ChunkedArray]:
        """First row and values of the block that holds a row."""
        number = int(np.searchsorted(self._starts, row, side="right")) - 1
        with self._lock:
            if number not in self._kept:
                self._read(number)
            self._kept.move_to_end(number)
            return self._starts[number], self._kept[number]

    def _rows_in_block(self, group: int) -> int:
        metadata = self._file.metadata.row_group(group)
        columns = [metadata.column(index) for index in range(metadata.num_columns)]
        size = sum(column.total_uncompressed_size for column in columns if column.path_in_schema.split(".")[0] == self._column)
        return max(1, min(metadata.num_rows, metadata.num_rows * _BLOCK_BYTES // max(1, size)))

    def _read(self, number: int) -> None:
        wanted = self._blocks[number]
        if not wanted.first_of_group < self._next <= number:  # the cursor is in another group, or has passed
            self._next = wanted.first_of_group
            self._cursor = self._read_group(self._next)
        while self._next <= number:
            try:
                self._kept[self._next] = next(self._cursor)
            except BaseException:
                self._next = 0  # of no use any more
                raise
            self._next += 1
            while len(self._kept) > _BLOCKS_KEPT:
                self._kept.popitem(last=False)

    def _read_group(self, first: int) -> Iterator[pa.ChunkedArray]:
        """The blocks of a row group, from its first one."""
        blocks = [block for block in self._blocks[first:] if block.first_of_group == first]
        size = blocks[0].stop - blocks[0].start
        batches = self._file.iter_batches(batch_size=size, row_groups=[blocks[0].group], columns=[self._column])
        pending: list[pa.Array] = []
        for block in blocks:
            length = block.stop - block.start
            while sum(map(len, pending)) < length:
                pending.append(next(batches).column(0))
            rows = pa.chunked_array(pending)
            yield rows.slice(0, length)
            pending = rows.slice(length).chunks


def _read_features(schema: pa.Schema) -> dict[str, Any]:
    """Column name -> type of the datasets library, or Arrow's own where that has none."""
    try:
        return dict(datasets.Features.from_arrow_schema(schema))
    except _BROKEN:  # a type that the library does not know: column by column
        return {field.name: _read_feature(field) for field in schema.remove_metadata()}


def _read_feature(field: pa.Field) -> Any:
    if pa.types.is_dictionary(field.type):  # pandas' categories
        field = field.with_type(field.type.value_type)
    try:
        return datasets.Features.from_arrow_schema(pa.schema([field]))[field.name]
    except _BROKEN:
        return field.type


def _is_integer(feature: Any) -> bool:
    return isinstance(feature, datasets.Value) and feature.dtype.startswith(("int", "uint"))


def _unreadable(what: str, error: BaseException) -> DatasetError:
    return DatasetError(f"{what} cannot be read as parquet: {_first_line(error)}.")


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__
