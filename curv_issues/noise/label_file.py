"""Take labels from a file, such as human annotations; the dataset's own labels count as correct."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from curv_issues.counting import counted
from curv_issues.data.base import LabeledData, check_type
from curv_issues.data.label_table import LabelTable, plain_labels, read_table
from curv_issues.data.labels import is_missing
from curv_issues.data.table_matching import column_of_files, find_column_of_names, match_rows
from curv_issues.errors import DatasetError
from curv_issues.noise.base import Planted

ROW = "row"


def labels_from_file(data: LabeledData, path: str | os.PathLike[str], column: str) -> Planted:
    r"""Return data with the labels in a column of a file; the dataset's own labels count as correct.

    Rows are matched with images by a column of file names (`file_name`, `path`, ...) if `data` has paths, else by a column
    `row` with the dataset's row numbers. A file with neither must have one row per row of the dataset, in the same order
    (also if `data` is a part of the dataset). Rows of other images are ignored.

    Labels are class names or codes (indices into `data.class_names`). If class names are numbers, names take precedence;
    labels that fit both ways are refused. Codes of a ClassLabel column in a parquet file are read as the names it gives them.

    Args:
        data: n samples. Not modified.
        path: a table: CSV, TSV, JSON lines or parquet (see `curv_issues.data.label_table.read_table`).
        column: name of the label column.

    Returns:
        The data with the labels of the file, and `is_error`: True where they differ from the dataset's own.

    Raises:
        DatasetError: the file cannot be read, has no such column or a wrong number of rows, names files although `data` has no
            paths, has no label or two labels for a sample, or contains a missing, unknown or ambiguous label.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from curv_issues import from_arrays
        >>> data = from_arrays(np.zeros((4, 8, 8), np.uint8), [0, 1, 1, 0], class_names=["cat", "dog"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "labels.csv")
        ...     written = path.write_text("mine,yours\ncat,0\ncat,1\ndog,1\ncat,0\n")
        ...     labels_from_file(data, path, "mine").is_error.tolist()
        [False, True, False, False]
    """
    check_type(data)
    table = read_table(path)
    if column not in table.columns:
        raise DatasetError(f"{table.name} has no column {column!r}; its columns are: {table.list_columns()}.")
    table.check_labels(column)
    values = table.columns[column]
    codes = _as_codes(
        [_as_text(values[row]) for row in _find_rows(data, table, column)], data, f"column {column!r} of {table.name}"
    )
    return Planted(replace(data, labels=codes), codes != data.labels)


def plant(data: LabeledData, path_and_column: tuple[str, str], *, seed: int) -> Planted:
    """Return `labels_from_file`; the seed is not used."""
    return labels_from_file(data, *path_and_column)


def _find_rows(data: LabeledData, table: LabelTable, column: str) -> list[int]:
    """Return the table row of each sample, matched by path, else by row number, else by position."""
    files = column_of_files(table, besides=column)
    has_rows = ROW in table.columns and column != ROW
    has_paths = all(path is not None for path in data.paths)
    if has_paths and files is None and not has_rows:
        files = find_column_of_names(table, data.paths.tolist(), root=data.source.source, besides=column)
    if files is not None and has_paths:
        return _rows_by_path(data, table, column, files)
    if has_rows:
        return _rows_by_number(data, table)
    if files is not None:
        raise DatasetError(
            f"Column {files!r} of {table.name} names files, but the images of {data.source.source} have no paths to compare; "
            f"add a column {ROW!r} with row numbers, or remove {files!r} if the rows are in the order of the dataset."
        )
    return _rows_by_position(data, table)


def _rows_by_path(data: LabeledData, table: LabelTable, column: str, files: str) -> list[int]:
    advice = f"correct its paths, or remove {files!r} and add a column {ROW!r} with row numbers"
    matched = match_rows(table, data.paths.tolist(), root=data.source.source, file_column=files, label_column=column, advice=advice)
    _refuse_missing(data, table, matched.row_of_image >= 0)
    return matched.row_of_image.tolist()


def _rows_by_number(data: LabeledData, table: LabelTable) -> list[int]:
    position: dict[int, int] = {}
    for at, number in enumerate(plain_labels(table.columns[ROW])):
        if not isinstance(number, int) or isinstance(number, bool):
            raise DatasetError(f"Column {ROW!r} of {table.name} contains {number!r}; expected integer row numbers.")
        if number in position:
            raise DatasetError(f"Column {ROW!r} of {table.name} contains row {number} more than once; keep one of them.")
        position[number] = at
    _refuse_missing(data, table, np.array([row in position for row in data.rows.tolist()], dtype=bool))
    return [position[row] for row in data.rows.tolist()]


def _rows_by_position(data: LabeledData, table: LabelTable) -> list[int]:
    expected = max(data.source.num_rows, int(data.rows.max(initial=-1)) + 1)
    if len(table) != expected:
        raise DatasetError(
            f"{table.name} has {counted(len(table), 'row')}, but {data.source.source} has {expected}; expected the same rows in "
            f"the same order, or a column {ROW!r} with row numbers, or a column of file names."
        )
    return data.rows.tolist()


def _refuse_missing(data: LabeledData, table: LabelTable, found: np.ndarray) -> None:
    """Raise DatasetError unless all samples are found, bool (n,)."""
    if not found.all():
        first = int(np.flatnonzero(~found)[0])
        where = f"row {data.rows[first]}" + ("" if data.paths[first] is None else f" ({data.paths[first]})")
        raise DatasetError(f"{table.name} has no label for {int((~found).sum())} of {len(data)} samples; the first is {where}.")


def _as_text(value: Any) -> str | None:
    if is_missing(value):
        return None
    # Pandas reads a column of integers with missing values as floats.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _as_codes(texts: Sequence[str | None], data: LabeledData, origin: str) -> np.ndarray:
    """Return indices into the class names, int64 (n,), from labels that are all class names or all codes."""
    if None in texts:
        first = data.rows[texts.index(None)]
        raise DatasetError(f"{texts.count(None)} of {len(texts)} samples have no label in {origin}; the first is row {first}.")
    distinct = {text for text in texts if text is not None}
    named = {name: code for code, name in enumerate(data.class_names) if name in distinct}
    coded = {text: int(text) for text in distinct if re.fullmatch("[0-9]{1,18}", text) and int(text) < data.num_classes}
    if len(named) == len(coded) == len(distinct) and named != coded:
        raise DatasetError(
            f"The labels in {origin} can be read as class names of {data.source.source} or as codes of other classes; "
            "use class names that are not numbers."
        )
    code_of = named if len(named) >= len(coded) else coded
    for row, text in zip(data.rows, texts, strict=True):
        if text not in code_of:
            raise DatasetError(
                f"The label of row {row} in {origin} is {text!r}, which is not a class of {data.source.source}; expected "
                f"its class names ({_shorten(data.class_names)}), or codes from 0 to {data.num_classes - 1}."
            )
    return np.array([code_of[text] for text in texts if text is not None], dtype=np.int64)


def _shorten(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
