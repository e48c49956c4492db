"""Feature vectors beside a dataset, one per row in the same order: a file, or an array in memory."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from curv_issues.counting import counted
from curv_issues.data.accounts import shorten
from curv_issues.data.archives import read_start
from curv_issues.data.arrow_numbers import holds_lists, number_type
from curv_issues.data.column_table import table_of_columns
from curv_issues.data.feature_columns import choose_columns, numbers_rows, read_columns
from curv_issues.data.feature_values import as_matrix
from curv_issues.data.features import find_not_finite
from curv_issues.data.label_names import is_label_name
from curv_issues.data.objects import is_frame
from curv_issues.data.parquet import ParquetTable
from curv_issues.data.pixel_storage import take_rows
from curv_issues.data.source_options import SourceOptions
from curv_issues.data.splits import Selection, select_split
from curv_issues.data.table import Table
from curv_issues.errors import DatasetError, UsageError, first_line

ENDINGS = (".npy", ".npz", ".parquet")
_NAMES = ("features", "embeddings")
_PANDAS_INDEX = "__index_level_"


@dataclass(frozen=True, eq=False)
class FeatureRows:
    """n feature vectors that are read on demand.

    Attributes:
        name: name in messages.
        count: n.
        take: rows, int64 (m,) and increasing -> float (m, d); all rows of an array are not copied.
        notes: what a user should know, one line each.
    """

    name: str
    count: int
    take: Callable[[np.ndarray], np.ndarray]
    notes: Sequence[str] = ()


def open_features(features: Any, columns: Sequence[str] = ()) -> FeatureRows:
    """Open a file of features, or wrap an array.

    Args:
        features: .npy file (stays on disk), .npz file with one array or one called features or embeddings, parquet file, or
            whatever `from_features` takes.
        columns: columns of a parquet file or DataFrame, see `choose_columns`; (): the only column of lists, or else all.

    Raises:
        DatasetError: the file is missing or cannot be read, or holds no numbers of shape (n, d).
        UsageError: `columns` are given for an array.
    """
    if columns and is_frame(features):
        return _of_columns(_all_rows(table_of_columns(features)), columns, name="DataFrame")
    if not isinstance(features, str | os.PathLike):
        _refuse(columns, type(features).__name__)
        return _of_matrix(as_matrix(features), "features")
    name = os.fsdecode(features)
    path = Path(name).expanduser()
    if path.suffix.lower() not in ENDINGS:
        raise DatasetError(f"Expected features as a file {', '.join(ENDINGS)}, but got {name}.")
    if not os.path.isfile(path):
        raise DatasetError(f"{name} is not a regular file." if os.path.exists(path) else f"File {name} does not exist.")
    if path.suffix.lower() == ".parquet":
        return _of_parquet(path, name, columns)
    _refuse(columns, name)
    array = _load_array(path, name)
    if array.dtype.kind not in "fiub" or array.ndim != 2 or 0 in array.shape:
        raise DatasetError(f"{name} holds {array.dtype} of shape {array.shape}; expected numbers of shape (n, d).")
    return _of_matrix(as_matrix(array), name)


def _refuse(columns: Sequence[str], what: str) -> None:
    if columns:
        raise UsageError(f"--features-column (features_column) names columns of a table, and the features ({what}) have none.")


def _of_matrix(matrix: np.ndarray, name: str) -> FeatureRows:
    return FeatureRows(name, len(matrix), lambda rows: matrix if len(rows) == len(matrix) else take_rows(matrix, rows))


def _load_array(path: Path, name: str) -> np.ndarray:
    """Return the array of an .npy file as a memory map, or the array of features in an .npz file."""
    try:
        loaded = np.load(path, mmap_mode="r", allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            named = [key for key in loaded.files if key in _NAMES]
            wanted = named if len(loaded.files) > 1 else loaded.files
            if len(wanted) != 1:
                raise DatasetError(
                    f"{name} holds {'the arrays ' + shorten(loaded.files) if loaded.files else 'no arrays'}; expected a single "
                    f"array, or one called {' or '.join(_NAMES)}."
                )
            return loaded[wanted[0]]
    except DatasetError:
        raise
    except Exception as error:  # damaged archives raise many kinds of errors
        reason = first_line(error)
        if not read_start(path).startswith((b"\x93NUMPY", b"PK")):
            raise DatasetError(f"{name} is not a numpy file; expected an array saved with numpy.save or numpy.savez.") from error
        if "ickle" in reason or "Python objects" in reason:
            reason = "it holds Python objects (pickle), which are not loaded; save an array of numbers with numpy.save"
        raise DatasetError(f"{name} cannot be read as a numpy file: {reason}.") from error


def _of_parquet(path: Path, name: str, columns: Sequence[str]) -> FeatureRows:
    table = ParquetTable(path, name=name, folder=path.parent)
    selection = _all_rows(table)
    return _of_columns(selection, columns or _only_features(table), name=name)


def _only_features(table: Table) -> list[str]:
    """Return the only column of lists of numbers, else all columns if they hold numbers.

    Raises:
        DatasetError: it is not clear which columns are the features.
    """
    own = [column for column in table.types if not column.startswith(_PANDAS_INDEX)]
    kinds = {column: next(chunk.type for chunk in table.chunks(column)) for column in own}
    lists = [column for column, kind in kinds.items() if holds_lists(kind) and number_type(kind) is not None]
    if len(lists) == 1:
        return lists
    others = [
        column
        for column in own
        if number_type(kinds[column]) is None or is_label_name(column) or (not lists and numbers_rows(table, column))
    ]
    if lists or others:
        what = "several columns of lists" if lists else "columns that are not features"
        raise DatasetError(
            f"{table.name} holds {what}: {shorten(lists or others)}; choose the features with --features-column (features_column)."
        )
    return own


def _all_rows(table: Table) -> Selection:
    return select_split({"train": [table]}, None, source=table.name)


def _of_columns(selection: Selection, columns: Sequence[str], *, name: str, label: str | None = None) -> FeatureRows:
    """Return columns of a selection as features; `columns` may hold patterns, see `choose_columns`."""
    chosen, notes = choose_columns(selection.pieces[0].table, columns, label=label)
    return FeatureRows(name, len(selection), lambda rows: read_columns(selection, chosen, rows), notes)


def features_of(selection: Selection, options: SourceOptions, label: str, *, name: str) -> FeatureRows:
    """Return the features that the options name, one per row of a selection.

    Args:
        selection: the rows.
        options: `features`, `features_column` or both are given.
        label: the label column.
        name: name of the dataset in messages.

    Raises:
        DatasetError: see `open_features` and `choose_columns`; or the numbers of rows differ.
        UsageError: the options contradict each other or the dataset.
    """
    if options.features is None:
        columns = options.features_column
        what = f"column {columns[0]!r}" if len(columns) == 1 else f"columns {shorten(columns)}"
        return _of_columns(selection, columns, name=f"{what} of {name}", label=label)
    found = open_features(options.features, options.features_column)
    if found.count != len(selection):
        raise DatasetError(
            f"The features ({found.name}) have {counted(found.count, 'row')}, and {name} has {len(selection):,} in the split "
            f"{selection.expression!r}; expected one row of features per row of it, in the same order, whatever is left out later."
        )
    return found


def read_finite(features: FeatureRows, rows: np.ndarray, *, skip_unreadable: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return the features in the given rows (m, d) without those that have NaN or infinite ones, and the rows that are left.

    Raises:
        DatasetError: see `find_not_finite`.
    """
    values = features.take(rows)
    bad = find_not_finite(values, rows, skip_unreadable=skip_unreadable)
    kept = np.delete(np.arange(len(rows)), bad)
    return (take_rows(values, kept), rows[kept]) if len(bad) else (values, rows)


def note_order(features: FeatureRows, files: np.ndarray) -> list[str]:
    """Return a note on how the features are joined with image files, whose order a user may not expect."""
    last = len(files) - 1
    return [
        f"The features ({features.name}) are joined with the images in the order of their paths: row 0 belongs to {files[0]}, row "
        f"{last:,} to {files[last]}. If they were computed in another order, the result is meaningless."
    ]
