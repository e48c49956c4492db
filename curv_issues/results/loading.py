"""Read the files of an untrusted result folder: the declared content of a file is checked before it is read."""

from __future__ import annotations

import math
import os
import zipfile
from collections.abc import Collection, Mapping
from typing import Any, BinaryIO, Literal

import numpy as np
import pandas as pd
import pyarrow as pa

from curv_issues.errors import UsageError
from curv_issues.regular_files import read_bounded
from curv_issues.results.arrow import field_metadata, read_table, schema_of, trajectories_from_arrow
from curv_issues.results.kinds import ResultTable
from curv_issues.results.older import older_schema, with_added_columns
from curv_issues.results.tables import ARRAYS, FINDINGS, IMAGES, PROBE, SCORES, SHEET, TABLES

LARGEST_SHEET = 64_000_000  # bytes
LARGEST_PROBE = 4_000_000_000  # bytes, also when unpacked
_PNG = b"\x89PNG"
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_parts(files: Mapping[str, BinaryIO], *, version: int, absent: Collection[str], memory_map: bool) -> dict[str, Any]:
    """Return the arguments of an `AuditResult` from the files of a result folder, except the summary.

    Args:
        files: the open files, by name.
        version: `schema_version` of the result.
        absent: names of the arrays that the result does not have.
        memory_map: leave the arrays on disk.

    Raises:
        Exception: a file is missing or has the wrong content. For malicious files, the format readers may raise any type.
    """

    def read(name: str, table: ResultTable, more: pa.DataType | None = None) -> pa.Table:
        schema = schema_of(table)
        return with_added_columns(name, _read_table(files, name, older_schema(name, schema, version), more=more), schema)

    scores = read("scores", SCORES, pa.float64())
    trajectories = _read_table(files, "trajectories", pa.schema([scores.schema.field("row")]), more=pa.list_(pa.float32(), 1))
    if not trajectories.column("row").equals(scores.column("row")):
        raise UsageError("The scores and trajectories tables have different rows; expected the same rows in the same order")
    fixed = {"findings": FINDINGS, "images": IMAGES}
    return {
        "scores": _frame(scores),
        "score_metadata": field_metadata(scores.schema),
        "trajectories": trajectories_from_arrow(trajectories),
        **{name: _frame(read(name, table)) for name, table in fixed.items()},
        "tables": {
            name: _frame(_read_table(files, name, schema_of(table))) for name, table in TABLES.items() if f"{name}.parquet" in files
        },
        **{
            name: None if name in absent else _read_array(files, f"{name}.npy", len(scores), memory_map=memory_map)
            for name in ARRAYS
        },
        "contact_sheet": _read_sheet(files[SHEET]) if SHEET in files else None,
        "probe": _read_probe(files[PROBE]) if PROBE in files else None,
    }


def _read_sheet(file: BinaryIO) -> bytes:
    content = read_bounded(file, limit=LARGEST_SHEET)
    if not content.startswith(_PNG):
        raise UsageError(f"{SHEET} is not a PNG image")
    return content


def _read_probe(file: BinaryIO) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(file) as archive:
        if sum(entry.file_size for entry in archive.infolist()) > LARGEST_PROBE:
            raise UsageError(f"{PROBE} is larger than {LARGEST_PROBE // 10**9} GB")
    file.seek(0)
    with np.load(file, allow_pickle=False) as found:
        return {name: found[name] for name in found.files}


def _read_table(files: Mapping[str, BinaryIO], table: str, schema: pa.Schema, *, more: pa.DataType | None = None) -> pa.Table:
    name = f"{table}.parquet"
    file = _file(files, name)
    try:
        return read_table(file, schema, more=more)
    except Exception as error:  # Arrow does not name the file
        raise UsageError(f"{name}: {error or type(error).__name__}") from error


def _frame(table: pa.Table) -> pd.DataFrame:
    return table.to_pandas(ignore_metadata=True)  # pandas metadata could turn a column into the index


def _file(files: Mapping[str, BinaryIO], name: str) -> BinaryIO:
    if name not in files:
        raise UsageError(f"{name} is missing")
    return files[name]


def _read_array(files: Mapping[str, BinaryIO], name: str, rows: int, *, memory_map: bool) -> np.ndarray:
    """Return a float16 array of shape (rows, any)."""
    file = _file(files, name)
    try:
        shape, is_fortran, dtype = _HEADERS[np.lib.format.read_magic(file)](file)
    except Exception as error:
        raise UsageError(f"{name} is not an array in the numpy format: {error}") from error
    if dtype != np.float16 or len(shape) != 2 or shape[0] != rows:
        raise UsageError(f"{name} has shape {shape} and type {dtype}; expected ({rows}, any) and float16")
    start, needed = file.tell(), math.prod(shape) * dtype.itemsize
    if os.fstat(file.fileno()).st_size - start != needed:
        raise UsageError(f"{name} declares shape {shape}, which does not match its size")
    order: Literal["F", "C"] = "F" if is_fortran else "C"
    if memory_map and needed:
        return np.memmap(file, dtype, "r", offset=start, shape=shape, order=order)
    return np.frombuffer(file.read(needed), dtype).reshape(shape, order=order).copy()
