"""Labels of another origin, such as human re-annotations: the dataset's own labels are the truth about them."""

from __future__ import annotations

import math
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curv_issues.data.base import LabeledData
from curv_issues.errors import DatasetError
from curv_issues.noise.base import Planted

if TYPE_CHECKING:
    import pyarrow as pa

ROW = "row"


def labels_from_file(data: LabeledData, path: str | os.PathLike[str], column: str) -> Planted:
    r"""Take a column of a file as the given labels, and the dataset's own labels as the truth.

    The file has one row for each row of the dataset in its order (also where `data` is a part of it), or a column `row` with the
    dataset's row numbers and then at least those of `data`. Labels are class names or codes, that is, indices into
    `data.class_names`; names go first where the class names are numbers themselves, and what fits both ways is refused.

    Args:
        data: n samples. Left as they are.
        path: a .parquet or .csv file.
        column: its column of labels.

    Returns:
        The data with the labels of the file, and the truth: True where they differ from the dataset's own.

    Raises:
        DatasetError: the file cannot be read, has no such column or another number of rows, lacks or repeats a row, or holds
            a label that is missing, no class of the data, or ambiguous.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> import numpy as np
        >>> from curv_issues import from_arrays
        >>> data = from_arrays(np.zeros((4, 8, 8), np.uint8), [0, 1, 1, 0], class_names=["cat", "dog"])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "labels.csv")
        ...     written = path.write_text("mine,yours\ncat,0\ncat,1\ndog,1\ncat,0\n")
        ...     labels_from_file(data, path, "mine").truth.tolist()
        [False, True, False, False]
    """
    name = os.fspath(path)
    table = _read(name, column)
    rows = _find_rows(data, table, name) if ROW in table.column_names and column != ROW else _rows_in_order(data, table, name)
    values = table.column(column).to_pylist()
    codes = _as_codes([_as_text(values[row]) for row in rows], data, origin=f"column {column!r} of {name}")
    return Planted(replace(data, labels=codes), codes != data.labels)


def plant(data: LabeledData, path_and_column: tuple[str, str], *, seed: int) -> Planted:
    """`labels_from_file`; nothing is random here."""
    return labels_from_file(data, *path_and_column)


def _read(name: str, column: str) -> pa.Table:
    """The column of labels, and the column of rows if there is one."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    path = Path(name).expanduser()
    ending = path.suffix.lower()
    if ending not in (".parquet", ".csv"):
        raise DatasetError(f"Expected a .parquet or .csv file of labels, but got {name}.")
    if not path.is_file():
        raise DatasetError(f"There is no file {name}.")
    try:
        if ending == ".parquet":
            with pa.parquet.ParquetFile(path) as file:
                return file.read(columns=_choose(file.schema_arrow.names, column, name))
        with pa.csv.open_csv(path) as reader:
            wanted = _choose(reader.schema.names, column, name)
        # As text, since Arrow would make other things of names such as "true" or "007".
        as_text = pa.csv.ConvertOptions(include_columns=wanted, column_types={column: pa.string()})
        return pa.csv.read_csv(path, convert_options=as_text)
    except (OSError, pa.ArrowException) as error:
        raise DatasetError(f"{name} cannot be read: {str(error).partition(chr(10))[0]}.") from error


def _choose(names: Sequence[str], column: str, name: str) -> list[str]:
    wanted = [column, ROW] if ROW in names and column != ROW else [column]
    for each in wanted:
        if list(names).count(each) != 1:
            has = "has no column" if each not in names else "has more than one column"
            raise DatasetError(f"{name} {has} {each!r}; its columns are: {', '.join(names)}.")
    return wanted


def _find_rows(data: LabeledData, table: pa.Table, name: str) -> list[int]:
    """Where in the table the samples stand, by its column of row numbers."""
    numbers = table.column(ROW).to_pylist()
    if not all(isinstance(number, int) and not isinstance(number, bool) for number in numbers):
        raise DatasetError(f"Column {ROW!r} of {name} holds something else than row numbers; expected integers.")
    position = {number: at for at, number in enumerate(numbers)}
    if len(position) < len(numbers):
        repeated = next(number for at, number in enumerate(numbers) if position[number] != at)
        raise DatasetError(f"Column {ROW!r} of {name} holds row {repeated} more than once.")
    missing = [row for row in data.rows.tolist() if row not in position]
    if missing:
        raise DatasetError(f"{name} has no label for {len(missing)} of {len(data)} samples; the first is row {missing[0]}.")
    return [position[row] for row in data.rows.tolist()]


def _rows_in_order(data: LabeledData, table: pa.Table, name: str) -> list[int]:
    expected = max(data.source.num_rows, int(data.rows.max(initial=-1)) + 1)
    if table.num_rows != expected:
        raise DatasetError(
            f"{name} has {table.num_rows} rows, but {data.source.source} has {expected}; "
            f"expected one for each in the same order, or a column {ROW!r} with row numbers."
        )
    return data.rows.tolist()


def _as_text(value: Any) -> str | None:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    # A column of integers with gaps comes as floats from pandas.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _as_codes(texts: Sequence[str | None], data: LabeledData, *, origin: str) -> np.ndarray:
    """Indices into the class names, int64 (n,), of labels that are all class names or all codes."""
    if None in texts:
        first = data.rows[texts.index(None)]
        raise DatasetError(f"{texts.count(None)} of {len(texts)} samples have no label in {origin}; the first is row {first}.")
    distinct = {text for text in texts if text is not None}
    named = {name: code for code, name in enumerate(data.class_names) if name in distinct}
    coded = {text: int(text) for text in distinct if re.fullmatch("[0-9]{1,18}", text) and int(text) < data.num_classes}
    if len(named) == len(coded) == len(distinct) and named != coded:
        raise DatasetError(
            f"The labels in {origin} can be read as class names of {data.source.source} or as codes of other classes; "
            "give its classes names that are no numbers."
        )
    code_of = named if len(named) >= len(coded) else coded
    for row, text in zip(data.rows, texts, strict=True):
        if text not in code_of:
            raise DatasetError(
                f"The label of row {row} in {origin} is {text!r}, which is no class of {data.source.source}; expected "
                f"its class names ({_shorten(data.class_names)}), or codes from 0 to {data.num_classes - 1}."
            )
    return np.array([code_of[text] for text in texts if text is not None], dtype=np.int64)


def _shorten(names: Sequence[str]) -> str:
    return ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
