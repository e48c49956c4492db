"""Convert the tables of a result between pandas and Arrow, and check their columns and types.

Text columns have pandas' own text type (`str` since pandas 3, `object` before), so a table does not change by saving and
loading. Values that were not measured are NaN in memory and null in a file.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any, BinaryIO, TypeVar

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from curv_issues.errors import UsageError
from curv_issues.results.tables import SCORES, ResultTable

_Table = TypeVar("_Table", pd.DataFrame, pd.Series)

TEXT = pd.Series(["text"]).dtype
_TEXT_IS_OBJECT = pd.api.types.is_object_dtype(TEXT)
_CELLS_PER_BYTE = 100


_TYPES = {
    "int64": pa.int64(),
    "int32": pa.int32(),
    "float64": pa.float64(),
    "bool": pa.bool_(),
    "text": pa.string(),
    "binary": pa.binary(),
}


def schema_of(table: ResultTable) -> pa.Schema:
    """Return the Arrow schema of a table of a result."""
    return pa.schema(
        [pa.field(name, _TYPES[kind.rstrip("?")], nullable=kind.endswith("?")) for name, kind in table.columns.items()]
    )


def clean_text(text: str) -> str:
    r"""Return the text with lone surrogates (from file names that are not UTF-8) escaped as `\udcff`, so that it can be saved."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def as_objects(table: _Table) -> _Table:
    """Return a table or a column of Python objects; missing values are None."""
    return table.astype(object).where(table.notna(), None)


def text_column(values: Iterable[object]) -> pd.Series:
    """Return a text column with a `RangeIndex` from any strings and missing values (None or NaN)."""
    if isinstance(values, pd.Series) and values.dtype == TEXT and not _TEXT_IS_OBJECT:
        return values.reset_index(drop=True)  # such a column cannot contain surrogates
    texts = [clean_text(str(value)) if _is_there(value) else None for value in values]
    return pd.Series(texts, dtype=TEXT)


def _is_there(value: object) -> bool:
    return not (value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value)))


def conform(frame: pd.DataFrame, schema: pa.Schema, *, table: str) -> pd.DataFrame:
    """Return the frame with the types of `schema` and a `RangeIndex`.

    Args:
        frame: a table with exactly the columns of the schema, in the same order.
        schema: Arrow schema of text, integer, float and bool columns.
        table: name of the table, for errors.

    Raises:
        UsageError: columns are missing, superfluous or in the wrong order, or contain values of the wrong type.
    """
    if list(frame.columns) != schema.names:
        raise UsageError(
            f"The {table} table has the columns {', '.join(map(str, frame.columns))}; expected exactly {', '.join(schema.names)}."
        )
    columns: dict[str, Any] = {}
    for field in schema:
        try:
            columns[field.name] = _conform_column(frame[field.name], field.type)
        except (TypeError, ValueError) as error:
            raise UsageError(f"Column {field.name} of the {table} table is not of type {field.type}: {error}.") from None
        if not field.nullable and bool(pd.isna(columns[field.name]).any()):
            raise UsageError(f"Column {field.name} of the {table} table has missing values; expected one value per row.")
    return pd.DataFrame(columns)


def _conform_column(column: pd.Series, type_: pa.DataType) -> Any:
    if pa.types.is_string(type_):
        return text_column(column)
    values = column.to_numpy()
    if pa.types.is_binary(type_):
        if not all(isinstance(value, bytes) for value in values):
            raise ValueError("expected bytes")
        return values.astype(object)
    if pa.types.is_boolean(type_) and values.dtype != np.bool_:
        raise ValueError("expected True or False")
    with np.errstate(invalid="ignore"):
        converted = values.astype(type_.to_pandas_dtype())
    if pa.types.is_integer(type_) and not np.array_equal(converted, values):
        raise ValueError("expected integers")
    return converted


def read_table(file: BinaryIO, schema: pa.Schema, *, more: pa.DataType | None = None) -> pa.Table:
    """Read a table of a result from an untrusted parquet file, after checking its declared columns and size.

    Args:
        file: an open regular file.
        schema: the expected columns, in this order. Integers and text may have other sizes.
        more: the type of any further columns, such as raw scores; for a fixed-size list, any size is accepted.

    Raises:
        UsageError: the columns differ, or the file is too small for the declared rows.
        pa.ArrowException, OSError: it is not a parquet file, or it is corrupt.
    """
    size = os.fstat(file.fileno()).st_size
    parquet = pq.ParquetFile(file)
    found, rows = parquet.schema_arrow, parquet.metadata.num_rows
    if len(set(found.names)) < len(found.names) or found.names[: len(schema)] != schema.names:
        raise UsageError(f"The columns are {', '.join(found.names)}; expected {', '.join(schema.names)}")
    if more is None and len(found) > len(schema):
        raise UsageError(f"There are more columns than expected: {', '.join(found.names[len(schema) :])}")
    for number, field in enumerate(found):
        expected = schema.field(number).type if number < len(schema) else more
        if not _is_like(field.type, expected):
            raise UsageError(f"Column {field.name} has the type {field.type}; expected {expected}")
        cells = field.type.list_size if pa.types.is_fixed_size_list(field.type) else 1
        # rows have unique numbers and lists contain measurements, so they cannot be compressed to almost nothing
        if rows > size or rows * cells > _CELLS_PER_BYTE * size:
            raise UsageError(f"{rows:,} rows of {cells:,} values are declared in a file of {size:,} bytes")
    return parquet.read()


def _is_like(found: pa.DataType, expected: pa.DataType) -> bool:
    kinds = pa.types
    if kinds.is_fixed_size_list(expected):
        return kinds.is_fixed_size_list(found) and kinds.is_float32(found.value_type)
    if kinds.is_string(expected):
        return kinds.is_string(found) or kinds.is_large_string(found) or kinds.is_null(found)
    if kinds.is_integer(expected):
        return kinds.is_integer(found)
    return found == expected


def to_arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Return a frame that conforms to the schema as an Arrow table; NaN becomes null."""
    arrays = [pa.array(frame[field.name].to_numpy(), type=field.type, from_pandas=True) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema)


def scores_schema(names: Iterable[str], metadata: Mapping[str, Mapping[str, str]]) -> pa.Schema:
    """Return the schema of scores.parquet with these raw scores, and with `metadata` (by column name) in its fields."""
    fields = [*schema_of(SCORES), *(pa.field(name, pa.float64()) for name in names)]
    return pa.schema([field.with_metadata(dict(metadata.get(field.name, {}))) for field in fields])


def field_metadata(schema: pa.Schema) -> dict[str, dict[str, str]]:
    """Return the metadata that `scores_schema` put into the fields, by column name; columns without metadata are omitted."""
    found = {
        field.name: {
            key.decode(): value.decode()
            for key, value in (field.metadata or {}).items()
            if not key.startswith(b"PARQUET:")  # added by the file format
        }
        for field in schema
    }
    return {name: entries for name, entries in found.items() if entries}


def trajectories_to_arrow(rows: np.ndarray, trajectories: Mapping[str, np.ndarray]) -> pa.Table:
    """Return a table with `row` and one fixed-size list of float32 per quantity, null where not measured.

    Args:
        rows: int64 (n,).
        trajectories: by quantity, float32 (n, epochs), NaN where not measured.
    """
    fields, arrays = [pa.field("row", pa.int64(), nullable=False)], [pa.array(rows, type=pa.int64())]
    for name, values in trajectories.items():
        element = pa.field("element", pa.float32())
        flat = pa.array(np.ascontiguousarray(values, dtype=np.float32).ravel(), from_pandas=True)
        type_ = pa.list_(element, values.shape[1])
        fields.append(pa.field(name, type_))
        arrays.append(pa.FixedSizeListArray.from_arrays(flat, type=type_))
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields))


def trajectories_from_arrow(table: pa.Table) -> dict[str, np.ndarray]:
    """Invert `trajectories_to_arrow`: return float32 (n, epochs) by quantity."""
    found = {}
    for field in table.schema:
        if pa.types.is_fixed_size_list(field.type):
            flat = table.column(field.name).combine_chunks().flatten()
            found[field.name] = flat.to_numpy(zero_copy_only=False).astype(np.float32).reshape(-1, field.type.list_size)
    return found


def json_ready(value: Any) -> Any:
    """Return the value in JSON types, in the same order; NaN and infinity become None.

    Raises:
        UsageError: it contains something that JSON has no type for.
    """
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, np.generic | np.ndarray):
        return json_ready(value.tolist())
    if isinstance(value, PurePath):
        return clean_text(str(value))
    if isinstance(value, Mapping):
        return {clean_text(str(key)): json_ready(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [json_ready(entry) for entry in value]
    raise UsageError(f"A summary may contain JSON values only; {value!r} is a {type(value).__name__}.")
