from __future__ import annotations

import pytest
from datasets import ClassLabel, Features, Image, List, Value

from curv_issues.data.column_types import ImageType, OtherType
from curv_issues.data.columns import Columns, find_columns
from curv_issues.data.dataset_table import types_of
from curv_issues.errors import DatasetError

STRUCT = {"bytes": Value("binary"), "path": Value("string")}
ANIMALS = ClassLabel(names=["zebra", "ant"])


@pytest.mark.parametrize(
    "image",
    [
        Image(),
        STRUCT,
        {"bytes": Value("large_binary"), "path": Value("null")},
        {"bytes": Value("null"), "path": Value("string")},
        {**STRUCT, "width": Value("int32")},
        Value("binary"),
        Value("large_binary"),
    ],
)
def test_kinds_of_image_columns(image):
    assert find_columns(types_of({"x": image, "y": ANIMALS})) == Columns("x", "y", ("zebra", "ant"))


@pytest.mark.parametrize("kind", ["int8", "int64", "uint16", "bool", "string", "large_string", "float32", "float64"])
def test_kinds_of_label_columns(kind):
    assert find_columns(types_of({"x": Image(), "y": Value(kind)})) == Columns("x", "y", None)


def test_preferred_types_win():
    features = Features({"raw": Value("binary"), "s": STRUCT, "x": Image(), "id": Value("int64"), "y": ANIMALS})
    assert find_columns(types_of(features)) == Columns("x", "y", ("zebra", "ant"))
    assert find_columns(types_of({"raw": Value("binary"), "s": STRUCT, "label": Value("int64")})).image == "s"


@pytest.mark.parametrize("name", ["label", "labels", "Label", "class", "TARGETS", "category", "y"])
def test_column_with_a_label_name_wins(name):
    assert find_columns(types_of({"x": Image(), "id": Value("int64"), name: Value("string")})).label == name
    assert find_columns(types_of({"x": Image(), "camera": ANIMALS, name: Value("string")})).label == name
    assert find_columns(types_of({"x": Image(), "camera": ANIMALS, name: ANIMALS})).label == name


def test_column_named_label_of_another_type_is_not_ignored():
    features = Features({"x": Image(), "camera": ANIMALS, "label": List(ANIMALS)})
    with pytest.raises(DatasetError, match=r"^Column 'label' holds List, which cannot be read as labels; .*multi-label data"):
        find_columns(types_of(features))


@pytest.mark.parametrize("kind", ["list<item: string>", "large_list<item: int64>", "fixed_size_list<item: bool>[3]"])
def test_list_labels_are_reported_as_multi_label_data(kind):
    types = {"x": ImageType(), "label": OtherType(kind)}
    with pytest.raises(DatasetError, match=r"Several labels per image \(multi-label data\) are not supported: give one class"):
        find_columns(types)
    with pytest.raises(DatasetError) as caught:
        find_columns(types, image_column="label")
    assert "multi-label" not in str(caught.value)


@pytest.mark.parametrize("name", ["__key__", "__url__", "__index_level_0__"])
def test_columns_added_by_libraries_are_not_labels(name):
    with pytest.raises(DatasetError, match=r"^No label column found"):
        find_columns(types_of({"x": Image(), name: Value("string")}))


def test_pandas_index_is_not_a_label():
    features = Features({"x": Image(), "y": Value("int64"), "__index_level_0__": Value("int64")})
    assert find_columns(types_of(features)).label == "y"


def test_several_label_columns_are_listed_with_the_option():
    features = Features({"img": Image(), "fine_label": ANIMALS, "coarse_label": ANIMALS})
    with pytest.raises(DatasetError) as caught:
        find_columns(types_of(features))
    assert str(caught.value) == (
        "Several columns may hold the labels: fine_label, coarse_label; "
        "choose one with --label-column fine_label or --label-column coarse_label."
    )
    assert find_columns(types_of(features), label_column="coarse_label").label == "coarse_label"


def test_two_label_names_are_ambiguous():
    with pytest.raises(
        DatasetError, match="Several columns may hold the labels: class, target; choose one with --label-column class or"
    ):
        find_columns(types_of({"x": Image(), "class": ANIMALS, "target": Value("string")}))


def test_label_and_labels_are_ambiguous():
    with pytest.raises(DatasetError, match="Several columns may hold the labels: label, labels;"):
        find_columns(types_of({"x": Image(), "label": ANIMALS, "labels": ANIMALS}))


def test_several_image_columns_are_listed_with_the_option():
    features = Features({"image": Image(), "mask": Image(), "label": ANIMALS})
    with pytest.raises(DatasetError) as caught:
        find_columns(types_of(features))
    assert str(caught.value) == (
        "Several columns may hold the images: image, mask; choose one with --image-column image or --image-column mask."
    )
    assert find_columns(types_of(features), image_column="mask").image == "mask"


def test_chosen_columns_win():
    features = Features({"x": Image(), "raw": Value("binary"), "label": ANIMALS, "id": Value("string")})
    assert find_columns(types_of(features), image_column="raw", label_column="id") == Columns("raw", "id", None)


def test_no_image_column():
    with pytest.raises(DatasetError) as caught:
        find_columns(types_of({"text": Value("string"), "label": ANIMALS, "tags": List(Value("string"))}))
    assert str(caught.value) == (
        "No image column found; expected images (Image), structs of bytes and path, or encoded images as binary, "
        "but the dataset has text (string), label (ClassLabel), tags (List)."
    )


def test_no_label_column():
    with pytest.raises(DatasetError) as caught:
        find_columns(types_of({"x": Image(), "tags": List(Value("string")), "when": Value("timestamp[s]")}))
    assert str(caught.value) == (
        "No label column found; expected classes (ClassLabel), integers or strings, "
        "but the dataset has x (Image), tags (List), when (timestamp[s])."
    )


def test_chosen_column_does_not_exist():
    features = Features({"x": Image(), "y": ANIMALS})
    with pytest.raises(DatasetError) as caught:
        find_columns(types_of(features), label_column="label")
    assert str(caught.value) == (
        "--label-column (label_column) names column 'label', which does not exist; the dataset has x (Image), y (ClassLabel)."
    )
    with pytest.raises(DatasetError, match=r"^--image-column \(image_column\) names column 'img', .*; the dataset has x "):
        find_columns(types_of(features), image_column="img")


def test_chosen_column_has_another_type():
    features = Features({"x": Image(), "y": ANIMALS, "tags": List(Value("string"))})
    with pytest.raises(DatasetError, match=r"^Column 'tags' holds List, which cannot be read as labels; expected classes"):
        find_columns(types_of(features), label_column="tags")
    with pytest.raises(DatasetError, match=r"^Column 'y' holds ClassLabel, which cannot be read as images; expected images"):
        find_columns(types_of(features), image_column="y")
    with pytest.raises(DatasetError, match=r"^Column 'x' holds Image, which cannot be read as labels") as caught:
        find_columns(types_of(features), label_column="x")
    assert "multi-label" not in str(caught.value)
