"""Read estimates of memorization by other people."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curv_issues.data.accounts import shorten
from curv_issues.data.label_names import label_names_in
from curv_issues.data.table_matching import names_files
from curv_issues.errors import DatasetError, first_line
from curv_issues.results.folder import is_result

if TYPE_CHECKING:
    import pandas as pd


MEMORIZATION_KEYS = ("memorization", "tr_mem", "mem")
CONSISTENCY_KEYS = ("scores",)
"""Of C-scores (Jiang et al. 2021), which are high for regular samples: they are read as 1 - score."""
LABEL_KEYS = ("tr_labels", "labels", "given")
"""Used before columns with other label names, see `is_label_name`."""
FILE_KEYS = ("tr_filenames",)
"""Used besides columns with file column names, see `names_files`."""
ROW = "row"
_EXPECTED = "expected an .npz, .npy, parquet or CSV file with one number per sample."


@dataclass(frozen=True, eq=False)
class Reference:
    """Values of m samples, high = memorized.

    Attributes:
        name: what they are, for people.
        values: float64 (m,).
        rows: int64 (m,), row numbers of the dataset; None: not known.
        labels: (m,), class numbers or class names; None: not known.
        files: (m,), names of image files; None: not known.
        texts: (m,), further columns of text, by name; one of them may name image files.
        notes: what a user should know, one line each.
    """

    name: str
    values: np.ndarray
    rows: np.ndarray | None = None
    labels: np.ndarray | None = None
    files: Sequence[str] | None = None
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read_reference(path: str | Path) -> Reference:
    """Read values per sample from an `.npz`, `.npy`, parquet or CSV file.

    The files of Feldman and Zhang (2020: `tr_mem`, with `tr_labels` or `tr_filenames`) and of Jiang et al. (2021: `scores`) are
    read as they are published.

    Args:
        path: the file, or FILE:COLUMN to choose a column or key.

    Raises:
        DatasetError: the file or the column does not exist, or its values are not one number per sample.
    """
    file, column = _parse(os.fspath(path))
    if not file.is_file():
        what = f"{file} is not a regular file" if file.exists() else f"The file {file} does not exist"
        what = f"{file} is a folder" if file.is_dir() else what
        advice = f" To compare with a score of that result, use {file / 'scores.parquet'}:SCORE." if is_result(file) else ""
        raise DatasetError(f"{what}; {_EXPECTED}{advice}")
    columns = _read_columns(file)
    found = _choose(columns, column, file)
    values = np.asarray(columns[found])
    if values.ndim != 1 or not len(values) or values.dtype.kind not in "fiub":
        raise DatasetError(
            f"{file.name}: expected one number per sample in {found!r}, got {_type(values)} of shape {values.shape}."
        )
    values = values.astype(np.float64)
    is_consistency = column is None and found in CONSISTENCY_KEYS
    notes = (
        (f"{file.name}: {found!r} is read as C-scores, high for regular samples; 1 - score is compared.",) if is_consistency else ()
    )
    rows = columns.get(ROW) if found != ROW else None
    if rows is not None:
        rows = np.asarray(rows)
        if rows.dtype.kind not in "iu" or rows.shape != values.shape or len(np.unique(rows)) < len(rows):
            raise DatasetError(f"{file.name}: expected different row numbers in {ROW!r}, one for each of {len(values):,} values.")
        rows = rows.astype(np.int64)
    others = {name: column for name, column in columns.items() if name != found and column.shape == values.shape}
    labels = next(iter(_label_columns(others)), None)
    file_columns = _file_columns(others)
    texts = {name: texts_of(column) for name, column in others.items() if name in file_columns or _is_text(column)}
    texts = {name: column for name, column in texts.items() if name != labels and any(column)}
    files = next((texts.pop(name) for name in file_columns if name in texts), None)
    return Reference(
        name=f"{file.name}:{found}",
        values=1 - values if is_consistency else values,
        rows=rows,
        labels=None if labels is None else others[labels],
        files=files,
        texts=texts,
        notes=notes,
    )


def _parse(text: str) -> tuple[Path, str | None]:
    path = Path(text).expanduser()
    if not path.exists() and ":" in text:
        before, _, column = text.rpartition(":")
        if before and column and Path(before).expanduser().exists():
            return Path(before).expanduser(), column
    return path, None


def _read_columns(file: Path) -> dict[str, Any]:
    """Return the arrays of a file by key; pickled ones, which could run code, are left out."""
    ending = file.suffix.lower()
    try:
        if ending == ".npy":
            return {"values": np.load(file, allow_pickle=False)}
        if ending == ".npz":
            with np.load(file, allow_pickle=False) as archive:
                return {name: values for name in archive.files if (values := _plain(archive, name)) is not None}
        import pandas as pd

        frame = pd.read_csv(file) if ending in (".csv", ".tsv", ".txt") else pd.read_parquet(file)
        return {str(name): frame[name].to_numpy() for name in frame}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DatasetError(f"{file.name} cannot be read as an .npz, .npy, parquet or CSV file: {first_line(error)}.") from None


def _plain(archive: Any, name: str) -> np.ndarray | None:
    try:
        return np.asarray(archive[name])
    except ValueError:  # it would have to be unpickled
        return None


def _choose(columns: dict[str, Any], column: str | None, file: Path) -> str:
    if column is not None:
        if column not in columns:
            raise DatasetError(f"{file.name} has no column {column!r}; it has {shorten(columns, 20)}.")
        return column
    for name in (*MEMORIZATION_KEYS, *CONSISTENCY_KEYS):
        if name in columns:
            return name
    others = (ROW, *_label_columns(columns), *_file_columns(columns))
    numbers = [name for name, values in columns.items() if name not in others and values.dtype.kind in "fiub"]
    if len(numbers) == 1:
        return numbers[0]
    if numbers:
        raise DatasetError(f"{file.name} has the columns {shorten(columns, 20)}; choose one: {file}:COLUMN.")
    types = [f"{name} ({_type(values)})" for name, values in columns.items()]
    besides = " besides rows, labels and file names" if any(name in columns for name in others) else ""
    raise DatasetError(f"{file.name} has no numeric column{besides}, but {shorten(types, 20) or 'nothing'}; {_EXPECTED}")


def _type(values: np.ndarray) -> str:
    return "text" if _is_text(values) else str(values.dtype)


def _is_text(values: np.ndarray) -> bool:
    return values.dtype.kind in "SUO"


def _label_columns(columns: Mapping[str, np.ndarray]) -> list[str]:
    """Return the columns that have class numbers or class names, by their names."""
    names = dict.fromkeys((*LABEL_KEYS, *label_names_in(columns)))
    return [name for name in names if name in columns and (_is_text(columns[name]) or _is_whole(columns[name]))]


def _file_columns(columns: Mapping[str, np.ndarray]) -> list[str]:
    """Return the columns that name image files, by their names."""
    return [
        name
        for name, values in columns.items()
        if (name in FILE_KEYS or names_files(name)) and (_is_text(values) or values.dtype.kind in "iu")
    ]


def _is_whole(values: np.ndarray) -> bool:
    """Return whether the values are integers, also as floats, with NaN where some are missing."""
    if values.dtype.kind == "f":
        return bool((np.isnan(values) | (values == np.round(values))).all())
    return values.dtype.kind in "iub"


def texts_of(values: np.ndarray | pd.Series) -> list[str]:
    """Return labels or names of files as text; "" where one is missing."""
    return [_text(value) for value in values.tolist()]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, float) and value.is_integer():  # integers become floats where some are missing
        value = int(value)
    return str(value) if isinstance(value, str | int) else ""
