"""Read estimates of memorization by other people, and match them to the samples of a result."""

from __future__ import annotations

import os
import zipfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from curv_issues.data.accounts import shorten
from curv_issues.errors import DatasetError, UsageError, first_line

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult

MEMORIZATION_KEYS = ("memorization", "tr_mem", "mem")
CONSISTENCY_KEYS = ("scores",)
"""Of C-scores (Jiang et al. 2021), which are high for regular samples: they are read as 1 - score."""
LABEL_KEYS = ("tr_labels", "labels")
FILE_KEYS = ("tr_filenames", "filenames")
ROW = "row"
LEAST_AGREEMENT = 0.5
"""Fraction of labels that must agree between the file and the result; with fewer, its order is another one."""


@dataclass(frozen=True, eq=False)
class Reference:
    """Values of m samples, high = memorized.

    Attributes:
        name: what they are, for people.
        values: float64 (m,).
        rows: int64 (m,), row numbers of the dataset; None: not known.
        labels: (m,), class numbers; None: not known.
        files: (m,), names of image files; None: not known.
        notes: what a user should know, one line each.
    """

    name: str
    values: np.ndarray
    rows: np.ndarray | None = None
    labels: np.ndarray | None = None
    files: Sequence[str] | None = None
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
        raise DatasetError(f"The file {file} does not exist; expected .npz, .npy, parquet or CSV with one number per sample.")
    columns = _read_columns(file)
    found = _choose(columns, column, file)
    values = np.asarray(columns[found])
    if values.ndim != 1 or not len(values) or values.dtype.kind not in "fiub":
        raise DatasetError(f"{file.name}: expected one number per sample in {found!r}, got {values.dtype} of shape {values.shape}.")
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
    return Reference(
        name=f"{file.name}:{found}",
        values=1 - values if is_consistency else values,
        rows=rows,
        labels=_first(columns, LABEL_KEYS, len(values), "iu"),
        files=_names(_first(columns, FILE_KEYS, len(values), "SUO")),
        notes=notes,
    )


def match(reference: Reference, result: AuditResult) -> tuple[np.ndarray, list[str]]:
    """Return the value of each sample of a result, float64 (n,), NaN where the file has none, and notes.

    Samples are matched by row number, else by the name of the image file, else by position, if the file has as many values as the
    audited dataset has rows, or as the result has samples.

    Raises:
        DatasetError: the samples cannot be matched, or the labels show that the order is another one.
    """
    rows = result.scores[ROW].to_numpy()
    n, m = len(rows), len(reference.values)
    num_rows = result.summary["dataset"].get("num_rows")
    places: np.ndarray | None = None
    if reference.rows is not None:
        places = _places_by(dict(zip(reference.rows.tolist(), range(m), strict=True)), rows.tolist())
    elif reference.files is not None and result.scores["path"].notna().all():
        places = _places_by_file(reference.files, result.scores["path"].tolist())
    elif num_rows in (None, m) and n and rows.max() < m:
        places = rows
    elif m == n:
        places = np.arange(n)
    if places is None:
        whole = "" if num_rows in (None, n) else f" of {num_rows:,} rows"
        raise DatasetError(
            f"{reference.name} has {m:,} values, but the result has {n:,} samples{whole}; add a column {ROW!r} with "
            "the row numbers."
        )
    known = places >= 0
    if not known.any():
        raise DatasetError(
            f"{reference.name} has none of the {n:,} samples of the result; compare their row numbers or file names."
        )
    values = np.full(n, np.nan)
    values[known] = reference.values[places[known]]
    notes = [*reference.notes]
    if not known.all():
        notes.append(f"{reference.name} has no value for {n - int(known.sum()):,} of {n:,} samples; they are left out.")
    return values, notes + _check_labels(reference, result, places, known)


def _check_labels(reference: Reference, result: AuditResult, places: np.ndarray, known: np.ndarray) -> list[str]:
    """Return a note if some labels differ.

    Raises:
        DatasetError: most of them differ.
    """
    if reference.labels is None or reference.rows is not None:
        return []
    agree = float((reference.labels[places[known]] == result.labels[known]).mean())
    if agree < LEAST_AGREEMENT:
        raise DatasetError(
            f"The labels in {reference.name} agree with those of the result for only {agree:.0%} of the samples, so their order is "
            f"another one; add a column {ROW!r} with the row numbers."
        )
    return [] if agree == 1 else [f"The labels in {reference.name} agree with those of the result for {agree:.1%} of the samples."]


def _parse(text: str) -> tuple[Path, str | None]:
    path = Path(text).expanduser()
    if not path.exists() and ":" in text:
        before, _, column = text.rpartition(":")
        if before and column and Path(before).expanduser().is_file():
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
    others = (ROW, *LABEL_KEYS, *FILE_KEYS)
    numbers = [name for name, values in columns.items() if name not in others and np.asarray(values).dtype.kind in "fiub"]
    if len(numbers) == 1:
        return numbers[0]
    raise DatasetError(f"{file.name} has the columns {shorten(columns, 20)}; choose one: {file}:COLUMN.")


def _first(columns: dict[str, Any], names: Sequence[str], length: int, kinds: str) -> np.ndarray | None:
    for name in names:
        if name in columns:
            values = np.asarray(columns[name])
            if values.shape == (length,) and values.dtype.kind in kinds:
                return values
    return None


def _names(values: np.ndarray | None) -> list[str] | None:
    if values is None:
        return None
    return [name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name) for name in values.tolist()]


def _places_by(place_of: dict[Any, int], keys: Sequence[Any]) -> np.ndarray:
    return np.array([place_of.get(key, -1) for key in keys], dtype=np.int64)


def _places_by_file(files: Sequence[str], paths: Sequence[str]) -> np.ndarray:
    """Match by the last part of the names, which must be unique in both."""
    ours = [Path(path).name for path in paths]
    theirs = [Path(name).name for name in files]
    for names in (ours, theirs):
        ((name, most),) = Counter(names).most_common(1)
        if most > 1:
            raise UsageError(f"Files cannot be matched by name: {most} files are called {name}; add a column {ROW!r}.")
    return _places_by(dict(zip(theirs, range(len(theirs)), strict=True)), ours)
