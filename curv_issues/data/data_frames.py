"""Read images and labels from a pandas DataFrame."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from curv_issues.data.addresses import column_of_addresses, describe_addresses
from curv_issues.data.image_records import ImageRecords, RecordImages, path_of_cell, read_cell
from curv_issues.data.label_table import LabelTable, label_column_of
from curv_issues.data.table_matching import column_of_files
from curv_issues.errors import DatasetError

if TYPE_CHECKING:
    import pandas as pd

_NAME = "DataFrame"
_NUM_LOOKED_AT = 20


def table_of_frame(frame: pd.DataFrame) -> LabelTable:
    """Return a DataFrame as a LabelTable: values unchanged, missing values as None, index dropped.

    Raises:
        DatasetError: two columns have the same name.
    """
    columns = {name: list_values(values) for name, values in columns_of_frame(frame).items()}
    return LabelTable(_NAME, columns, is_text=False)


def columns_of_frame(frame: pd.DataFrame) -> dict[str, pd.Series]:
    """Return the columns of a DataFrame by name.

    Raises:
        DatasetError: two columns have the same name.
    """
    count = Counter(str(name) for name in frame.columns)
    for name, number in count.items():
        if number > 1:
            raise DatasetError(f"The {_NAME} has several columns named {name!r}; rename them so that names are unique.")
    return {name: frame.iloc[:, at] for at, name in enumerate(count)}


def list_values(series: pd.Series) -> list[Any]:
    """Return the values of a Series as native Python types: categories as their values, missing values as None."""
    from curv_issues.results.arrow import as_objects

    return as_objects(series).tolist()


def records_of_frame(frame: pd.DataFrame, *, image_column: str | None = None, label_column: str | None = None) -> ImageRecords:
    """Return the images and labels in two columns of a DataFrame. Rows are positions; the index is ignored.

    Args:
        frame: n rows. Images are encoded bytes, mappings with `bytes` or `path`, PIL images, or paths relative to the working
            directory.
        image_column: None: the column with in-memory images, else the one with paths of existing files, else the one with
            a file name such as file_name or path.
        label_column: None: the column with a label name, else the only remaining one (see `label_column_of`).

    Raises:
        DatasetError: the column does not exist, or it is not clear which one to use.
    """
    table = table_of_frame(frame)
    table.check_rows()
    images = _image_column(table, image_column)
    if label_column == images:
        raise DatasetError(f"Column {images!r} of the {_NAME} holds the images; expected a different label_column.")
    label = label_column_of(table, label_column=label_column, file_column=images)
    cells = table.columns[images]
    return ImageRecords(
        images=RecordImages(lambda row: read_cell(cells[row]), np.arange(len(cells), dtype=np.int64)),
        labels=table.columns[label],
        class_names=None,
        paths=[path_of_cell(cell) for cell in cells],
        name=_NAME,
        label_origin=f"column {label!r} of the {_NAME}",
    )


def _image_column(table: LabelTable, image_column: str | None) -> str:
    if image_column is not None:
        if image_column not in table.columns:
            raise DatasetError(
                f"The {_NAME} has no column {image_column!r} (image_column); its columns are: {table.list_columns()}."
            )
        return image_column
    column = image_column_of(table.columns) or column_of_files(table)
    addresses = column_of_addresses(table.columns if column is None else {column: table.columns[column]})
    if addresses is not None:
        found = describe_addresses(addresses, table.columns[addresses], f"the {_NAME}")
        raise DatasetError(f"{found}. Expected a column of paths, encoded bytes or PIL images.")
    if column is None:
        raise DatasetError(
            f"The {_NAME} has no image column; expected paths of files, encoded bytes or PIL images, but its "
            f"columns are: {table.list_columns()}."
        )
    return column


def image_column_of(columns: Mapping[str, Sequence[Any]]) -> str | None:
    """Return the column with in-memory images, else the one with paths of existing files; None if there is none.

    Raises:
        DatasetError: there are several.
    """
    in_memory = [name for name, values in columns.items() if any(isinstance(value, _IN_MEMORY) for value in _some(values))]
    candidates = in_memory or [name for name, values in columns.items() if _are_files(_some(values))]
    if len(candidates) > 1:
        raise DatasetError(f"The {_NAME} has several image columns: {', '.join(candidates)}; choose one with image_column.")
    return candidates[0] if candidates else None


_IN_MEMORY = (bytes, bytearray, dict, Image.Image)


def _some(values: Sequence[Any]) -> list[Any]:
    """Return a few evenly spaced non-missing values."""
    present = [value for value in values if value is not None]
    return present[:: max(1, len(present) // _NUM_LOOKED_AT)]


def _are_files(values: Sequence[Any]) -> bool:
    """Return whether most values are paths of existing files."""
    texts = [value for value in values if isinstance(value, str | os.PathLike)]
    return 2 * sum(map(os.path.isfile, texts)) > len(values)
