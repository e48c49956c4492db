from __future__ import annotations

import datasets
import pyarrow as pa
import pytest

from curv_issues.data.arrow_types import read_types
from curv_issues.data.column_types import ClassType, ImageType, OtherType, StructType, ValueType
from curv_issues.data.dataset_table import types_of

PLAIN = ["int8", "uint64", "bool", "string", "large_string", "binary", "large_binary", "float16", "float32", "float64", "null"]


def test_schema_of_the_datasets_library_gives_its_features():
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "label": datasets.ClassLabel(names=["b", "a"]),
            **{name: datasets.Value(name) for name in PLAIN},
            "when": datasets.Value("timestamp[s]"),
            "file": {"bytes": datasets.Value("binary"), "path": datasets.Value("string")},
        }
    )
    assert read_types(features.arrow_schema) == types_of(features)


@pytest.mark.parametrize(
    ("type_", "expected"),
    [
        (pa.dictionary(pa.int8(), pa.string()), ValueType("string")),
        (pa.string_view(), ValueType("string")),
        (pa.list_(pa.int64()), OtherType("list<item: int64>")),
        (pa.struct([("bytes", pa.binary())]), StructType({"bytes": ValueType("binary")})),
        (pa.date32(), ValueType("date32[day]")),
    ],
)
def test_arrow_types(type_, expected):
    assert read_types(pa.schema([("x", type_)])) == {"x": expected}


def test_features_that_contradict_the_arrow_types_are_ignored():
    schema = pa.schema(
        [("image", pa.string()), ("label", pa.string())],
        metadata={
            "huggingface": """{"info": {"features": {
        "image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["a"]}}}}"""
        },
    )
    assert read_types(schema) == {"image": ValueType("string"), "label": ValueType("string")}


def test_declared_images_and_classes_are_used():
    struct = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    schema = pa.schema(
        [("image", struct), ("label", pa.int8())],
        metadata={
            "huggingface": """{"info": {"features": {
        "image": {"_type": "Image"}, "label": {"_type": "ClassLabel", "names": ["a"]}}}}"""
        },
    )
    assert read_types(schema) == {"image": ImageType(), "label": ClassType(("a",))}
