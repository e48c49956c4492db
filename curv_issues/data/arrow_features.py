"""Types of the columns of parquet and Arrow files, from the files alone.

The datasets library would follow the metadata of a file anywhere: to a list of class names in another file, or to millions
of class names that only a number stands for. Only two things are taken from them: class names, and that a column is of images.
"""

from __future__ import annotations

import json
from typing import Any

import datasets
import pyarrow as pa

_UNKNOWN = (OSError, ValueError, RuntimeError, TypeError, LookupError, AttributeError, NotImplementedError, pa.ArrowException)


def read_features(schema: pa.Schema) -> dict[str, Any]:
    """Return column name -> type of the datasets library, or Arrow's own type where that has none."""
    described = _describe_columns(schema.metadata)
    return {field.name: _read_feature(field, described.get(field.name)) for field in schema}


def is_integer(feature: Any) -> bool:
    """Return whether a column holds plain integers."""
    return isinstance(feature, datasets.Value) and feature.dtype.startswith(("int", "uint"))


def _read_feature(field: pa.Field, described: Any) -> Any:
    kind = field.type
    if pa.types.is_dictionary(kind):  # pandas' categories
        kind = kind.value_type
    if pa.types.is_string_view(kind):
        kind = pa.string()
    try:
        feature = datasets.Features.from_arrow_schema(pa.schema([pa.field("column", kind)]))["column"]
    except _UNKNOWN:
        return kind
    if not isinstance(described, dict):
        return feature
    names = described.get("names")
    if described.get("_type") == "ClassLabel" and is_integer(feature) and _are_class_names(names):
        return datasets.ClassLabel(names=names)
    is_image = isinstance(feature, dict) and {"bytes", "path"} <= set(feature)
    return datasets.Image(decode=False) if described.get("_type") == "Image" and is_image else feature


def _describe_columns(metadata: dict[bytes, bytes] | None) -> dict[str, Any]:
    """What the datasets library writes of each column into a file."""
    try:
        features = json.loads((metadata or {})[b"huggingface"])["info"]["features"]
    except _UNKNOWN:  # absent, or written by someone else
        return {}
    return features if isinstance(features, dict) else {}


def _are_class_names(names: Any) -> bool:
    return isinstance(names, list) and all(isinstance(name, str) for name in names) and 0 < len(set(names)) == len(names)
