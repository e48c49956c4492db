"""Read parquet files in place: without a cached copy, and with only a few blocks in memory."""

from __future__ import annotations

import os
import threading
import weakref
from collections import OrderedDict
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from curv_issues.data.arrow_types import check_unique, read_types
from curv_issues.data.column_types import ClassType, ColumnType, ValueType, is_integer
from curv_issues.data.decoding import EncodedImage, EncodedImages, count_processors
from curv_issues.data.encoded import read_images
from curv_issues.data.image_types import find_unread_type
from curv_issues.errors import DatasetError, first_line

_BLOCK_BYTES = 8 << 20  # of one column, decompressed
_MOST_ROWS = 10_000  # of one batch
_BLOCKS_KEPT = 8  # minimum; two per decoding thread
_FEW_ROWS = 16  # few, because they may contain images
_CURSORS = 2  # minimum
_BROKEN = (OSError, ValueError, RuntimeError, TypeError, LookupError, NotImplementedError, MemoryError, pa.ArrowException)


class ParquetTable:
    """One parquet file."""

    def __init__(self, path: Path, *, name: str, folder: Path, classes: Mapping[str, ClassType] | None = None) -> None:
        """Read the file's footer.

        Args:
            path: the file.
            name: name of the table in messages.
            folder: the dataset folder; image files named in the table must be inside it.
            classes: types of columns whose class names are defined elsewhere (README.md).

        Raises:
            DatasetError: it cannot be read as a parquet file.
        """
        self.name = name
        self._path = path
        self.folder = folder
        self._named: list[str | None] = []
        try:
            with pq.ParquetFile(path, memory_map=True) as file:
                self._metadata = file.metadata
                _check_rows(file.metadata)
                self.types: Mapping[str, ColumnType] = read_types(file.schema_arrow)
                self._columns: list[str] = file.schema_arrow.names
        except _BROKEN as error:
            raise _unreadable(name, find_unread_type(path) or error) from error
        plain = {column: kind for column, kind in (classes or {}).items() if is_integer(self.types.get(column))}
        self.types = {**self.types, **plain}

    def __len__(self) -> int:
        """Return the number of rows."""
        return self._metadata.num_rows

    @property
    def parts(self) -> list[tuple[Path, int]]:
        """Return the file and its number of rows."""
        return [(self._path, len(self))]

    def values(self, column: str) -> list[Any]:
        """Return all values of a column."""
        check_unique(self._columns, column, self.name)
        try:
            with pq.ParquetFile(self._path, memory_map=True) as file:
                values = file.read(columns=[column]).column(column).to_pylist()
            if len(values) != len(self):
                raise ValueError(f"it has {len(values):,} values, and the file has {len(self):,} rows")
            return values
        except _BROKEN as error:
            raise _unreadable(f"Column {column!r} of {self.name}", error) from error

    def images(self, column: str, rows: np.ndarray) -> EncodedImages:
        """Return the encoded images in the given rows of a column."""
        check_unique(self._columns, column, self.name)
        try:
            return _ParquetImages(_Blocks(self._path, column, self._metadata), rows, self.folder)
        except _BROKEN as error:
            raise _unreadable(f"Column {column!r} of {self.name}", error) from error

    def chunks(self, column: str) -> Iterator[pa.Array]:
        """Yield a column in arrays of at most a few megabytes."""
        check_unique(self._columns, column, self.name)
        groups = [self._metadata.row_group(number).total_byte_size for number in range(self._metadata.num_row_groups)]
        rows = max(1, min(_MOST_ROWS, len(self) * _BLOCK_BYTES // max(1, sum(groups))))
        try:
            with pq.ParquetFile(self._path, metadata=self._metadata, memory_map=True) as file:
                for batch in file.iter_batches(batch_size=rows, columns=[column]):
                    yield batch.column(column)
        except _BROKEN as error:
            raise _unreadable(f"Column {column!r} of {self.name}", error) from error

    def origin(self, column: str) -> str:
        """Return a description of the column and file for messages."""
        return f"column {column!r} of {self.name}"

    def name_files(self, column: str, known: Collection[str]) -> set[str]:
        """Return the known files that rows reference instead of holding the images; `files` then includes them.

        Args:
            column: image column; if any row holds bytes, no file counts.
            known: paths relative to the dataset folder.
        """
        from pyarrow.compute import struct_field  # rarely needed, and takes 0.1 s to import

        if isinstance(self.types[column], ValueType):
            return set()
        try:
            with pq.ParquetFile(self._path, memory_map=True) as file:
                for batch in file.iter_batches(batch_size=_FEW_ROWS, columns=[f"{column}.bytes"]):
                    if struct_field(batch.column(column), "bytes").null_count < len(batch):
                        return set()
                paths = struct_field(file.read(columns=[f"{column}.path"]).column(column), "path").to_pylist()
        except _BROKEN as error:
            raise _unreadable(f"Column {column!r} of {self.name}", error) from error
        real = [None if path is None else os.path.relpath(os.path.normpath(self.folder / path), self.folder) for path in paths]
        self._named = [path if path in known else None for path in real]
        return {path for path in self._named if path is not None}

    def files(self, rows: np.ndarray) -> Sequence[str]:
        """Return the parquet file and the image files that its rows reference."""
        return [self.name, *(path for row in rows if self._named and (path := self._named[row]) is not None)]


class _ParquetImages:
    """Selected rows of one column; thread-safe."""

    def __init__(self, blocks: _Blocks, rows: np.ndarray, folder: Path) -> None:
        self._blocks = blocks
        self._rows = rows
        self._folder = folder

    def __len__(self) -> int:
        return len(self._rows)

    def read(self, indices: range) -> Iterator[EncodedImage]:
        wanted = self._rows[indices.start : indices.stop]
        while len(wanted):
            number = self._blocks.number_of(int(wanted[0]))
            first, stop = self._blocks.bounds(number)
            inside = wanted[wanted < stop]
            wanted = wanted[len(inside) :]
            try:
                block = _READER.read(self._blocks, number)
            except _BROKEN as error:
                reason = f"its part of the parquet file cannot be read ({first_line(error)})"
                yield from (EncodedImage(b"", None, reason) for _ in inside)
                continue
            for row in inside:  # row by row: a copy of all could take gigabytes
                yield from read_images(block.slice(int(row) - first, 1), self._folder)


class _Block(NamedTuple):
    """Consecutive rows of one row group."""

    group: int
    first_of_group: int  # number of the group's first block
    start: int
    stop: int


class _Blocks:
    """One column of a file in blocks of consecutive rows; a block is a row group, or part of a large one."""

    def __init__(self, path: Path, column: str, metadata: pq.FileMetaData) -> None:
        self._path = path
        self._column = column
        self._metadata = metadata
        self.failed: dict[int, tuple[int, Exception]] = {}  # first block of a row group -> its first corrupt block, and why
        self._blocks: list[_Block] = []
        start = 0
        for group in range(metadata.num_row_groups):
            stop = start + metadata.row_group(group).num_rows
            first, step = len(self._blocks), self._rows_in_block(group)
            self._blocks += [_Block(group, first, at, min(at + step, stop)) for at in range(start, stop, step)]
            start = stop
        self._starts = [block.start for block in self._blocks]
        weakref.finalize(self, _READER.forget, id(self))

    def number_of(self, row: int) -> int:
        """Return the number of the block that contains a row."""
        return int(np.searchsorted(self._starts, row, side="right")) - 1

    def bounds(self, number: int) -> tuple[int, int]:
        """Return the first row of a block, and the row after its last."""
        return self._blocks[number].start, self._blocks[number].stop

    def first_of_group(self, number: int) -> int:
        """Return the first block in the row group of a block."""
        return self._blocks[number].first_of_group

    def is_in_group(self, number: int, first: int) -> bool:
        """Return whether a block exists and belongs to the row group that starts with block `first`."""
        return number < len(self._blocks) and self._blocks[number].first_of_group == first

    def open_group(self, first: int) -> Iterator[pa.ChunkedArray]:
        """Return the blocks of a row group, starting with its first block."""
        blocks = [block for block in self._blocks[first:] if block.first_of_group == first]
        lengths = [block.stop - block.start for block in blocks]
        return _read_group(self._path, self._metadata, self._column, blocks[0].group, lengths)

    def _rows_in_block(self, group: int) -> int:
        """Return the block length from the size of all columns: the size of one makes pyarrow abort if a footer is corrupt."""
        metadata = self._metadata.row_group(group)
        return max(1, min(metadata.num_rows, metadata.num_rows * _BLOCK_BYTES // max(1, metadata.total_byte_size)))


def _read_group(
    path: Path, metadata: pq.FileMetaData, column: str, group: int, lengths: Sequence[int]
) -> Iterator[pa.ChunkedArray]:
    """Yield blocks of these lengths from a row group, which stays open meanwhile."""
    with pq.ParquetFile(path, metadata=metadata, memory_map=True) as file:
        batches = file.iter_batches(batch_size=lengths[0], row_groups=[group], columns=[column])
        pending: list[pa.Array] = []
        for length in lengths:
            while sum(map(len, pending)) < length:
                pending.append(next(batches).column(column))
            rows = pa.chunked_array(pending)
            yield rows.slice(0, length)
            pending = rows.slice(length).chunks


class _Cursor:
    """A row group read block by block: parquet cannot start in the middle of one."""

    def __init__(self, owner: int, first: int, blocks: Iterator[pa.ChunkedArray]) -> None:
        self.owner = owner
        self.first = first
        self.next = first  # number of the next block
        self.blocks = blocks


class _Reader:
    """Reads the blocks of all files, and caches the most recently used.

    Threads read at different places of a row group. With a single cursor, each would start the group from the beginning again
    and again; but each cursor holds a decompressed page, which may be large. Each cursor owns its open file, so that a dataset
    may have more files than a process may open.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # for blocks and cursors; reentrant, as garbage collection may call `forget` any time
        self._kept: OrderedDict[tuple[int, int], pa.ChunkedArray] = OrderedDict()
        self._cursors: list[_Cursor] = []  # most recently used last

    def read(self, blocks: _Blocks, number: int) -> pa.ChunkedArray:
        """Return the values of a block."""
        with self._lock:
            key = (id(blocks), number)
            if key not in self._kept:
                self._advance(blocks, number)
            self._kept.move_to_end(key)
            return self._kept[key]

    def forget(self, owner: int) -> None:
        """Drop the cached blocks and cursors of a freed owner."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == owner]:
                del self._kept[key]
            self._cursors = [cursor for cursor in self._cursors if cursor.owner != owner]

    def _advance(self, blocks: _Blocks, number: int) -> None:
        first = blocks.first_of_group(number)
        if first in blocks.failed and number >= blocks.failed[first][0]:
            raise blocks.failed[first][1]
        cursor = self._take_cursor(blocks, first, number)
        most = max(_BLOCKS_KEPT, 2 * count_processors())
        while cursor.next <= number:
            try:
                values = next(cursor.blocks)
            except _BROKEN as error:
                blocks.failed[first] = (cursor.next, error)
                raise
            self._kept[id(blocks), cursor.next] = values
            cursor.next += 1
            while len(self._kept) > most:
                self._kept.popitem(last=False)
        if blocks.is_in_group(cursor.next, first):
            self._cursors = [*self._cursors, cursor][-max(_CURSORS, count_processors() // 4) :]

    def _take_cursor(self, blocks: _Blocks, first: int, number: int) -> _Cursor:
        """Return the closest cursor at or before a block, or a new one at the start of its row group."""
        usable = [
            cursor for cursor in self._cursors if (cursor.owner, cursor.first) == (id(blocks), first) and cursor.next <= number
        ]
        if not usable:
            return _Cursor(id(blocks), first, blocks.open_group(first))
        nearest = max(usable, key=lambda cursor: cursor.next)
        self._cursors.remove(nearest)
        return nearest


_READER = _Reader()


def _check_rows(metadata: pq.FileMetaData) -> None:
    lengths = [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)]
    if min(lengths, default=0) < 0 or sum(lengths) != metadata.num_rows:
        raise ValueError(f"its footer says {metadata.num_rows:,} rows, and its row groups have {sum(lengths):,}")


def _unreadable(what: str, error: BaseException | str) -> DatasetError:
    reason = error if isinstance(error, str) else first_line(error)
    return DatasetError(f"{what} cannot be read as parquet: {reason}.")
