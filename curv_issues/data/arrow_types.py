"""Column types of parquet and Arrow files, derived from the files alone.

The datasets library follows file metadata anywhere: to class names in another file, or to a number that expands to millions
of class names. We only take inline class names from it, and whether a column holds images.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeGuard

import pyarrow as pa

from curv_issues.data.column_types import ClassType, ColumnType, ImageType, OtherType, StructType, ValueType, is_integer
from curv_issues.errors import DatasetError

_NUMPY_NAMES = {"halffloat": "float16", "float": "float32", "double": "float64"}


def read_types(schema: pa.Schema) -> dict[str, ColumnType]:
    """Return a mapping of column name to type for a schema."""
    described = _describe_columns(schema.metadata)
    return {field.name: _read_type(field, described.get(field.name)) for field in schema}


def check_unique(names: Sequence[str], column: str, table: str) -> None:
    """Raise DatasetError if several columns of a table share this name, which Arrow files allow."""
    if names.count(column) > 1:
        raise DatasetError(f"{table} has {names.count(column)} columns named {column!r}; rename them so that names are unique.")


def _read_type(field: pa.Field, described: Any) -> ColumnType:
    kind = _convert(field.type)
    if not isinstance(described, dict):
        return kind
    names = described.get("names")
    if described.get("_type") == "ClassLabel" and is_integer(kind) and _are_class_names(names):
        return ClassType(tuple(names))
    is_image = isinstance(kind, StructType) and {"bytes", "path"} <= set(kind.fields)
    return ImageType() if described.get("_type") == "Image" and is_image else kind


def _convert(kind: pa.DataType) -> ColumnType:
    if pa.types.is_dictionary(kind):  # pandas' categories
        kind = kind.value_type
    if pa.types.is_string_view(kind):
        kind = pa.string()
    if pa.types.is_struct(kind):
        return StructType({field.name: _convert(field.type) for field in kind})
    if pa.types.is_nested(kind) or isinstance(kind, pa.BaseExtensionType):
        return OtherType(str(kind))
    return ValueType(_NUMPY_NAMES.get(str(kind), str(kind)))


def _describe_columns(metadata: dict[bytes, bytes] | None) -> dict[str, Any]:
    """Return the column descriptions that the datasets library stores in a file's metadata."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except (LookupError, ValueError, TypeError, RecursionError):  # missing, or written by another program
        return {}
    return features if isinstance(features, dict) else {}


def _are_class_names(names: Any) -> TypeGuard[list[str]]:
    return isinstance(names, list) and all(isinstance(name, str) for name in names) and 0 < len(set(names)) == len(names)
