from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curv_issues.data.labels import encode_labels
from curv_issues.errors import DatasetError


def names_of(values, **options):
    encoded = encode_labels(values, **options)
    return [encoded.class_names[code] for code in encoded.codes]


def test_integers_are_sorted_as_numbers():
    encoded = encode_labels([10, 2, -3, 10])
    assert encoded.class_names == ("-3", "2", "10")
    assert encoded.codes.tolist() == [2, 1, 0, 2]
    assert encoded.codes.dtype == np.int64
    assert not encoded.unlabelled.any()


def test_minus_one_is_a_plain_label_without_class_names():
    assert encode_labels([-1, 0, -1]).class_names == ("-1", "0")


@pytest.mark.parametrize("values", [[2.0, 0.0, 2.0], np.array([2, 0, 2], dtype=np.float32), np.array([2, 0, 2], np.uint8)])
def test_whole_floats_are_integers(values):
    encoded = encode_labels(values)
    assert encoded.class_names == ("0", "2")
    assert encoded.codes.tolist() == [1, 0, 1]


def test_strings_are_sorted():
    encoded = encode_labels(["zebra", "Äpfel", "猫", "zebra"])
    assert encoded.class_names == ("zebra", "Äpfel", "猫")
    assert encoded.codes.tolist() == [0, 1, 2, 0]


def test_booleans():
    encoded = encode_labels(np.array([True, False, True]))
    assert encoded.class_names == ("False", "True")
    assert encoded.codes.tolist() == [1, 0, 1]


def test_class_names_keep_their_order_and_empty_classes():
    encoded = encode_labels([2, 0], names=["zoo", "ant", "bee"])
    assert encoded.class_names == ("zoo", "ant", "bee")
    assert encoded.codes.tolist() == [2, 0]


def test_class_label_values_may_be_names():
    assert encode_labels(["bee", "zoo"], names=["zoo", "ant", "bee"]).codes.tolist() == [2, 0]


def test_a_thousand_classes():
    encoded = encode_labels(list(range(1000)) * 2)
    assert len(encoded.class_names) == 1000
    assert encoded.codes.tolist() == list(range(1000)) * 2


@given(st.lists(st.integers(-(2**40), 2**40) | st.none(), min_size=1).filter(lambda v: any(x is not None for x in v)))
def test_every_integer_keeps_its_own_name(values):
    encoded = encode_labels(values, skip_unlabelled=True)
    for value, code, missing in zip(values, encoded.codes, encoded.unlabelled, strict=True):
        assert missing == (value is None)
        assert (code == -1) if missing else (encoded.class_names[code] == str(value))
    assert [int(name) for name in encoded.class_names] == sorted({v for v in values if v is not None})


@given(st.lists(st.text().filter(str.strip), min_size=1))
def test_every_string_keeps_its_own_name(values):
    assert names_of(values) == values


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ([0, None, 1, None], None),
        ([0.0, float("nan"), 1.0, np.nan], None),
        (["a", None, "b", float("nan")], None),
        (["a", "", "b", " \t"], None),
        (["a", "", "b", ""], ["a", "b"]),
        ([0, 2, 1, 2], ["a", "b", ""]),
        ([0, -1, 1, -1], ["a", "b"]),
        ([0, None, 1, -1], ["a", "b"]),
    ],
)
def test_missing_labels_are_an_error_or_skipped(values, names):
    with pytest.raises(DatasetError) as caught:
        encode_labels(values, names=names, origin="column 'y'")
    assert str(caught.value) == (
        "2 of 4 samples have no label in column 'y' (rows 1, 3); label them, "
        "or leave them out with --skip-unlabelled (skip_unlabelled=True)."
    )
    encoded = encode_labels(values, names=names, skip_unlabelled=True)
    assert encoded.unlabelled.tolist() == [False, True, False, True]
    assert encoded.codes.tolist() == [0, -1, 1, -1]


def test_first_rows_without_label_are_listed():
    with pytest.raises(DatasetError, match=r"^7 of 8 samples have no label in the labels \(rows 1, 2, 3, 4, 5, \.\.\.\); "):
        encode_labels([1] + [None] * 7)
    with pytest.raises(DatasetError, match=r"^1 of 2 samples have no label in the labels \(row 1\); "):
        encode_labels([1, None])


def test_no_label_at_all():
    with pytest.raises(DatasetError, match=r"^None of the 2 samples has a label in the labels; expected one label per sample\.$"):
        encode_labels([None, None], skip_unlabelled=True)


def test_no_samples_give_no_classes():
    encoded = encode_labels([])
    assert (len(encoded.codes), encoded.class_names) == (0, ())


@pytest.mark.parametrize("value", [1.5, float("inf"), -float("inf")])
def test_fractional_numbers_are_refused(value):
    with pytest.raises(DatasetError) as caught:
        encode_labels([0.0, None, value], origin="column 'y'", skip_unlabelled=True)
    assert str(caught.value) == (
        f"The label in row 2 of column 'y' is {value}, which is not a class; expected integers or strings."
    )


@pytest.mark.parametrize(("value", "kind"), [([1], "list"), (b"cat", "bytes"), ({"a": 1}, "dict")])
def test_other_values_are_refused(value, kind):
    with pytest.raises(DatasetError, match=rf"^The label in row 1 of the labels is a {kind} \(.*\); expected one integer"):
        encode_labels([0, value])


def test_a_long_value_is_shortened():
    with pytest.raises(DatasetError, match=r"is a list \(\[0, 0, [0, ]*\.\.\.\); expected"):
        encode_labels([[0] * 1000])


def test_mixed_types_are_refused():
    with pytest.raises(DatasetError, match=r"^Column 'y' mixes numbers and strings; expected labels of one type\.$"):
        encode_labels([0, "a"], origin="column 'y'")


@pytest.mark.parametrize(("value", "shown"), [(2, "2"), (-2, "-2"), ("cow", "'cow'")])
def test_values_outside_the_class_names_are_refused(value, shown):
    with pytest.raises(DatasetError) as caught:
        encode_labels([value, value], names=["ant", "bee"], origin="column 'y'")
    assert str(caught.value) == (
        f"The label in row 0 of column 'y' is {shown}, which is not one of its 2 classes; expected 0 to 1, or -1 for no label."
    )


@pytest.mark.parametrize("names", [["a", "a"], [0, 1]])
def test_class_names_must_be_distinct_strings(names):
    with pytest.raises(DatasetError, match="Expected class names that are distinct strings, but got"):
        encode_labels([0, 1], names=names)


@pytest.mark.parametrize("label", [["a", "b"], ("a",), {"a"}, np.array([0, 1])])
def test_several_labels_per_image_are_reported_as_multi_label_data(label: Any) -> None:
    with pytest.raises(DatasetError, match=r"in row 1 .*; expected one integer or string per sample\. Several .*multi-label data"):
        encode_labels(["a", label])
    with pytest.raises(DatasetError) as caught:
        encode_labels(["a", b"b"])
    assert "multi-label" not in str(caught.value)
