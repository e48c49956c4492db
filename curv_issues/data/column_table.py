"""A DataFrame, or a file of rows such as CSV, as a table of labels and features."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from curv_issues.data.column_types import ColumnType, ImageType, OtherType, ValueType
from curv_issues.data.data_frames import columns_of_frame, image_column_of, list_values
from curv_issues.data.decoding import EncodedImages
from curv_issues.data.image_records import RecordImages, read_cell
from curv_issues.data.label_table import LabelTable, plain_labels
from curv_issues.data.labels import is_missing
from curv_issues.errors import DatasetError, first_line


class ColumnTable:
    """Columns in memory."""

    def __init__(
        self,
        columns: Mapping[str, Sequence[Any] | pd.Series],
        *,
        name: str,
        source: LabelTable | None = None,
        images: str | None = None,
    ) -> None:
        """Store the columns without copying them.

        Args:
            columns: column name -> n values.
            name: name of the table in messages.
            source: the file that the columns are from; None: a DataFrame.
            images: name of the column with images; None: there is none.
        """
        self.name = name
        self._columns = columns
        self._source = source
        self.types: Mapping[str, ColumnType] = {
            column: ImageType() if column == images else _type_of(values) for column, values in columns.items()
        }

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(next(iter(self._columns.values()), ()))

    @property
    def parts(self) -> list[tuple[Path, int]]:
        """Return the file and its number of rows; [] for a DataFrame."""
        return [] if self._source is None or self._source.path is None else [(self._source.path, len(self))]

    def values(self, column: str) -> list[Any]:
        """Return all values of a column; text that spells integers becomes integers."""
        if self._source is not None:
            self._source.check_labels(column)
        values = self._columns[column]
        listed = list_values(values) if isinstance(values, pd.Series) else list(values)
        return plain_labels(listed) if self._source is not None and self._source.is_text else listed

    def images(self, column: str, rows: np.ndarray) -> EncodedImages:
        """Return the images in the given rows of a column."""
        cells = self._columns[column]
        return RecordImages(lambda row: read_cell(cells.iloc[row] if isinstance(cells, pd.Series) else cells[row]), rows)

    def chunks(self, column: str) -> Iterator[pa.Array]:
        """Yield a column as one array; text is read as numbers or as JSON lists of numbers."""
        values = self._columns[column]
        if self._source is not None and self._source.is_text:
            values = [self._number(cell, row, column) for row, cell in enumerate(values)]
        try:
            yield pa.array(values, from_pandas=True)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            raise DatasetError(
                f"Column {column!r} of {self.name} cannot be read as numbers or lists of numbers: {first_line(error)}."
            ) from error

    def origin(self, column: str) -> str:
        """Return a description of the column for messages."""
        return f"column {column!r} of {self.name if self._source is not None else f'the {self.name}'}"

    def files(self, rows: np.ndarray) -> Sequence[str]:
        """Return []: there is no dataset folder."""
        return []

    def _number(self, cell: str | None, row: int, column: str) -> Any:
        number = as_number(cell)
        if cell is not None and number is None:
            assert self._source is not None
            shown = cell if len(cell) <= 40 else f"{cell[:37]}..."
            raise DatasetError(
                f"Column {column!r} of {self.name} has {shown!r} in {self._source.where(row)}; expected a number, or a list such "
                "as [0.1, 0.2]."
            )
        return number


def table_of_rows(table: LabelTable) -> ColumnTable:
    """Return a file of rows as a table without images."""
    table.check_rows()
    return ColumnTable(table.columns, name=table.name, source=table)


def table_of_columns(frame: pd.DataFrame, *, image_column: str | None = None) -> ColumnTable:
    """Return a DataFrame as a table, with its column of images if it has one; the index is ignored.

    Raises:
        DatasetError: two columns have the same name, or it has no rows.
    """
    columns = columns_of_frame(frame)
    if not len(frame):
        listed = ", ".join(columns) or "none"
        raise DatasetError(f"The DataFrame has no rows (its columns are: {listed}); expected one row per sample.")
    if image_column is None:
        others = {name: values for name, values in columns.items() if not pd.api.types.is_numeric_dtype(values)}
        image_column = image_column_of({name: list_values(values) for name, values in others.items()})
    return ColumnTable(columns, name="DataFrame", images=image_column)


def as_number(cell: str | None) -> Any:
    """Return text as a number, or as a list of numbers in JSON; None for anything else."""
    if cell is None or "_" in cell:  # Python reads 1_000 as a number
        return None
    try:
        return json.loads(cell) if cell.lstrip().startswith("[") else float(cell)
    except (ValueError, RecursionError):
        return None


def _type_of(values: Sequence[Any] | pd.Series) -> ColumnType:
    """Return the type of a column, judging columns of Python objects by their first value that is not missing."""
    if isinstance(values, pd.Series) and values.dtype != object:
        kind = values.cat.categories.dtype if isinstance(values.dtype, pd.CategoricalDtype) else values.dtype
        name = str(kind).lower()
        return ValueType("string" if name in ("str", "object") or name.startswith("string") else name)
    first = next((value for value in values if not is_missing(value)), None)
    if isinstance(first, bool | np.bool_):
        return ValueType("bool")
    if isinstance(first, int | np.integer):
        return ValueType("int64")
    if isinstance(first, float | np.floating):
        return ValueType("float64")
    return ValueType("string") if isinstance(first, str) else OtherType(type(first).__name__ if first is not None else "null")
