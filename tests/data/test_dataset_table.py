from __future__ import annotations

from datasets import Audio, ClassLabel, Image, List, Value

from curv_issues.data.column_types import ClassType, ImageType, OtherType, StructType, ValueType
from curv_issues.data.dataset_table import types_of


def test_types_of_features():
    features = {
        "image": Image(),
        "label": ClassLabel(names=["b", "a"]),
        "count": ClassLabel(num_classes=2),
        "x": Value("float32"),
        "file": {"bytes": Value("binary"), "path": Value("string")},
        "tags": List(Value("string")),
        "sound": Audio(),
    }
    assert types_of(features) == {
        "image": ImageType(),
        "label": ClassType(("b", "a")),
        "count": ClassType(("0", "1")),
        "x": ValueType("float32"),
        "file": StructType({"bytes": ValueType("binary"), "path": ValueType("string")}),
        "tags": OtherType("List"),
        "sound": OtherType("Audio"),
    }
