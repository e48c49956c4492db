"""Read feature vectors from columns of tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase

import numpy as np
import pyarrow as pa

from curv_issues.counting import counted
from curv_issues.data.accounts import shorten
from curv_issues.data.arrow_numbers import RaggedError, as_vectors, holds_lists, number_type
from curv_issues.data.column_types import ClassType
from curv_issues.data.label_names import holds_no_labels, is_id_name, is_label_name
from curv_issues.data.pixel_storage import allocate
from curv_issues.data.splits import Piece, Selection
from curv_issues.data.table import FileTable, RecordTable, Table
from curv_issues.errors import DatasetError, UsageError
from curv_issues.inputs.heavy_tails import FEW_ROWS

_FLOATS = (np.float16, np.float32, np.float64)
_NAMED, _NO_NUMBERS, _NUMBERING = _REASONS = (
    "labels, splits or an index by name",
    "no numbers: encode categories to use them",
    "row numbers or ids",
)


def choose_columns(table: Table, wanted: Sequence[str], *, label: str | None = None) -> tuple[list[str], list[str]]:
    """Return the feature columns of a table, in its order, and a note on those that a pattern has chosen.

    Args:
        table: the table.
        wanted: names of columns, or patterns such as `emb_*`. A pattern matches columns of numbers only, and no column that
            is named like labels, a split or the index of a table, or that `numbers_rows`.
        label: the label column.

    Raises:
        DatasetError: a column does not exist or holds no numbers, or a pattern matches none.
        UsageError: the table has no columns, or a column is the label column.
    """
    if isinstance(table, FileTable | RecordTable):
        raise UsageError(
            f"--features-column (features_column) is for tables; {table.name} is a list of images: pass --features FILE (features)."
        )
    chosen: set[str] = set()
    left_out: dict[str, str] = {}
    has_pattern = False
    for name in wanted:
        if name == label:
            raise UsageError(f"Column {name!r} holds the labels; expected another --features-column (features_column).")
        if name in table.types:
            _check_numbers(table, name)
            chosen.add(name)
            continue
        matching = [column for column in table.types if fnmatchcase(column, name) and column != label]
        reasons = {column: _why_not(table, column) for column in matching}
        found = [column for column, reason in reasons.items() if reason is None]
        if not found:
            shown = shorten((f"{column} ({kind})" for column, kind in table.types.items()), 20)
            what = "matches no column of numbers" if "*" in name or "?" in name else "does not exist"
            raise DatasetError(f"Column {name!r} (--features-column, features_column) {what}; {table.name} has {shown}.")
        has_pattern = True
        chosen.update(found)
        left_out |= {column: reason for column, reason in reasons.items() if reason is not None}
    columns = [column for column in table.types if column in chosen]
    if not has_pattern:
        return columns, []
    groups = {reason: [column for column, why in left_out.items() if why == reason and column not in chosen] for reason in _REASONS}
    shown = "; ".join(f"{shorten(names)} ({reason})" for reason, names in groups.items() if names)
    note = f"The features are {len(columns):,} columns: {shorten(columns, 10)}"
    return columns, [f"{note}; left out: {shown}." if shown else f"{note}."]


def read_columns(selection: Selection, columns: Sequence[str], rows: np.ndarray) -> np.ndarray:
    """Return the features in the given rows of a selection, float (m, d); missing ones are NaN; above 1 GB, on disk.

    Args:
        selection: rows of one table or several, each with all columns.
        columns: columns of numbers, or of lists of numbers, which are joined.
        rows: int64 (m,), increasing.

    Raises:
        DatasetError: a column is missing, holds no numbers, or has rows of different length.
    """
    parts = list(_parts(selection, rows))
    for table in dict.fromkeys(piece.table for piece, _ in parts):
        for column in columns:
            if column not in table.types:
                raise DatasetError(f"{table.name} has no column {column!r}; its columns are {shorten(table.types, 20)}.")
    types = {_check_numbers(piece.table, column) for piece, _ in parts for column in columns}
    joined = np.result_type(*types)
    ends = np.cumsum([0, *(_width(parts, column) for column in columns)])
    features = allocate((len(rows), int(ends[-1])), joined if joined in _FLOATS else np.float32)
    first = 0
    for piece, wanted in parts:
        for column, start, stop in zip(columns, ends[:-1], ends[1:], strict=True):
            for place, vectors in _vectors(piece.table, column, wanted):
                if vectors.shape[1] != stop - start:
                    raise _ragged(piece.table, column, int(wanted[place]), vectors.shape[1], int(stop - start))
                features[first + place : first + place + len(vectors), start:stop] = vectors
        first += len(wanted)
    return features


def _why_not(table: Table, column: str) -> str | None:
    """Return why a pattern does not choose a column, one of `_REASONS`; None if it does."""
    if isinstance(table.types[column], ClassType) or is_label_name(column) or holds_no_labels(column, table.types):
        return _NAMED
    try:
        _check_numbers(table, column)
    except DatasetError:
        return _NO_NUMBERS
    return _NUMBERING if numbers_rows(table, column) else None


def numbers_rows(table: Table, column: str) -> bool:
    """Return whether a column tells rows apart, as row numbers and ids do, judging by 20 rows or more.

    That is a column of whole numbers that rise from each row to the next, or that all differ and are named like ids.
    """
    parts = []
    for chunk in table.chunks(column):
        if holds_lists(chunk.type) or number_type(chunk.type) is None:
            return False
        parts.append(as_vectors(chunk)[:, 0])
        if (parts[-1] != np.floor(parts[-1])).any():  # most columns need not be read to the end
            return False
    values = np.concatenate([np.empty(0), *parts])
    if len(values) < FEW_ROWS:
        return False
    return bool((values[1:] > values[:-1]).all()) or (is_id_name(column) and len(np.unique(values)) == len(values))


def _check_numbers(table: Table, column: str) -> np.dtype:
    """Return the type of the numbers in a column.

    Raises:
        DatasetError: it holds something else.
    """
    kind = next((chunk.type for chunk in table.chunks(column)), pa.null())
    found = None if isinstance(table.types[column], ClassType) else number_type(kind)
    if found is None:
        shown = table.types[column] if isinstance(table.types[column], ClassType) else kind
        raise DatasetError(
            f"Column {column!r} of {table.name} holds {shown}; expected numbers or lists of numbers as features. Encode text and "
            "categories as numbers first."
        )
    return found


def _parts(selection: Selection, rows: np.ndarray) -> Iterator[tuple[Piece, np.ndarray]]:
    """Yield each piece with the rows of its table that are wanted."""
    start = 0
    for piece in selection.pieces:
        stop = start + len(piece.rows)
        inside = rows[(rows >= start) & (rows < stop)] - start
        if len(inside):
            yield piece, piece.rows[inside]
        start = stop


def _vectors(table: Table, column: str, wanted: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Yield position in `wanted` and vectors of consecutive parts of the wanted rows; parts of missing rows are left out."""
    start = done = 0
    for chunk in table.chunks(column):
        stop = start + len(chunk)
        end = int(np.searchsorted(wanted, stop))
        if end > done:
            part = chunk if end - done == len(chunk) else chunk.take(pa.array(wanted[done:end] - start))
            try:
                vectors = as_vectors(part)
            except RaggedError as error:
                raise _ragged(table, column, int(wanted[done + error.row]), error.length, error.expected) from error
            if part.null_count < len(part):
                yield done, vectors
            done = end
        start = stop
        if done == len(wanted):
            return


def _width(parts: Sequence[tuple[Piece, np.ndarray]], column: str) -> int:
    """Return the length of the first vector in a column that is not missing."""
    for piece, wanted in parts:
        for _, vectors in _vectors(piece.table, column, wanted):
            if vectors.shape[1] == 0:
                raise DatasetError(f"The lists in column {column!r} of {piece.table.name} are empty; expected numbers.")
            return vectors.shape[1]
    raise DatasetError(f"Column {column!r} of {parts[0][0].table.name} has no values; expected numbers or lists of numbers.")


def _ragged(table: Table, column: str, row: int, length: int, expected: int) -> DatasetError:
    return DatasetError(
        f"Row {row} of {table.name} has {counted(length, 'number')} in column {column!r}; expected {expected:,} in every row, "
        "as in the first."
    )
