from __future__ import annotations

from typing import Any

import pytest

from curv_issues.data.label_names import (
    LABEL_NAMES,
    alike_names,
    holds_no_labels,
    is_label_name,
    label_names_in,
    looks_like_ids,
    original_column,
    several_labels,
)


@pytest.mark.parametrize("name", [*LABEL_NAMES, "Label", "CLASS", " target "])
def test_label_names(name: str) -> None:
    assert is_label_name(name)


@pytest.mark.parametrize("name", ["", "label2", "my_label", "id", "caption", "x", "__key__"])
def test_other_names_are_not_label_names(name: str) -> None:
    assert not is_label_name(name)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], False),
        (["a"], False),
        (["a", "b"], True),
        (["a", "b", "a"], False),
        ([*"abcdefghi", "a"], True),  # 10 rows: one repeat is "nearly"
        ([*"abcdefgh", "a", "b"], False),
        (list(range(11)) + list(range(9)), True),  # 20 rows of 11 values
        (list(range(10)) * 2, False),
        (["a", "b", None, None], True),  # missing values are not values
        ([["a"], ["b"]], True),  # values that cannot be hashed
        ([0.5, 1.5, 2.5], True),
    ],
)
def test_ids_have_nearly_as_many_values_as_rows(values: list[Any], expected: bool) -> None:
    assert looks_like_ids(values) is expected


@pytest.mark.parametrize("other", ["cat ", " cat", "Cat", "CAT\t"])
def test_nearly_equal_names(other: str) -> None:
    assert alike_names(["cat", "dog", other]) == [("cat", other)]


def test_nearly_equal_names_by_unicode_and_inner_spaces() -> None:
    assert alike_names(["\u00e9", "e\u0301"]) == [("\u00e9", "e\u0301")]
    assert alike_names(["big  cat", "big\u00a0cat", "big cat"]) == [("big  cat", "big\u00a0cat"), ("big  cat", "big cat")]
    assert alike_names(["STRASSE", "straße"]) == [("STRASSE", "straße")]
    assert alike_names(["cat", "bigcat", "big cat", "1", "01"]) == []


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["bird|cat", "cat", "cat|dog", "dog"], ["bird|cat", "cat|dog"]),
        (["a; b", "a; c", "b; c"], ["a; b", "a; c", "b; c"]),
        (["['a']", "['a', 'b']"], ["['a']", "['a', 'b']"]),
        (["tench, Tinca tinca", "goldfish, Carassius auratus", "great white shark, white shark"], []),
        (["Washington, D.C.", "Paris"], []),
        (["cat", "dog"], []),
        (["cat", "dog", "cat dog", "bird", "bird cat"], ["cat dog", "bird cat"]),
        (["red car", "blue car", "red bus", "car"], []),
    ],
)
def test_several_labels_in_one(names, expected):
    assert several_labels(names) == expected


def test_zero_width_characters_do_not_distinguish_names():
    assert alike_names(["a", "a\u200b", "b"]) == [("a", "a\u200b")]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        (["x", "y", "tumor"], []),
        (["image", "y"], ["y"]),
        (["x", "y", "label"], ["label"]),
        (["X", "Y"], []),
        (["file", "class", "target"], ["class", "target"]),
    ],
)
def test_y_beside_x_is_a_coordinate(columns, expected):
    assert label_names_in(columns) == expected


@pytest.mark.parametrize("column", ["label", "fine label", "y"])
def test_old_labels_beside_the_labels_are_not_taken_for_labels(column: str) -> None:
    original = original_column(column)
    assert original == f"{column}_original"
    assert holds_no_labels(original, ["id", column, original])
    assert not holds_no_labels(original, ["id", original])
    assert not holds_no_labels(column, [column, original])
