"""Columns of a dataset that the report shows for each sample, such as its text."""

from __future__ import annotations

import json
from collections.abc import Sequence

import numpy as np

from curv_issues.data.column_types import ClassType, ColumnType, ImageType, StructType, ValueType
from curv_issues.data.splits import Selection
from curv_issues.errors import DatasetError

LONGEST_TEXT = 500  # characters


def read_shown(selection: Selection, names: Sequence[str], rows: np.ndarray) -> dict[str, np.ndarray]:
    """Return the values of columns as text of at most 500 characters, object (n,) by name of the column.

    Args:
        selection: of the samples.
        names: of the columns.
        rows: int64 (n,), positions in the selection.

    Raises:
        DatasetError: a column does not exist, or contains images.
    """
    found = {}
    for name in names:
        values: list[str] = []
        for piece in selection.pieces:
            kind = piece.table.types.get(name)
            if kind is None or not _can_be_shown(kind):
                there = [column for column, other in piece.table.types.items() if _can_be_shown(other)]
                raise DatasetError(
                    f"{piece.table.name} has no column {name!r} that can be shown (--show-column, show_column); "
                    f"its columns are {', '.join(there) or '(none)'}."
                )
            whole = piece.table.values(name)
            names_of_classes = kind.names if isinstance(kind, ClassType) else None
            values += [_text(whole[row], names_of_classes) for row in piece.rows.tolist()]
        found[name] = np.array(values, dtype=object)[rows]
    return found


def _can_be_shown(kind: ColumnType) -> bool:
    return not isinstance(kind, ImageType | StructType) and not (isinstance(kind, ValueType) and "binary" in kind.dtype)


def _text(value: object, names: Sequence[str] | None) -> str:
    if names is not None and isinstance(value, int) and 0 <= value < len(names):
        return names[value][:LONGEST_TEXT]
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_TEXT else f"{text[: LONGEST_TEXT - 3]}..."
