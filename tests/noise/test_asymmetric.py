from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import curv_issues
import curv_issues.noise.asymmetric
from curv_issues.errors import UsageError
from curv_issues.noise.asymmetric import CIFAR10, flip_labels_asymmetric, plant
from tests.small import make_data


@given(
    labels=st.lists(st.integers(0, 5), min_size=1, max_size=60),
    targets=st.dictionaries(st.integers(0, 6), st.integers(0, 6), min_size=1),
    rate=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_properties_of_flipped_labels(labels: list[int], targets: dict[int, int], rate: float, seed: int) -> None:
    mapping: dict[str | int, str | int] = {source: target for source, target in targets.items() if source != target}
    if not mapping:
        return
    clean = np.array(labels, dtype=np.int32)
    noisy, is_flipped = flip_labels_asymmetric(clean, rate, num_classes=7, mapping=mapping, seed=seed)
    assert clean.tolist() == labels
    assert (noisy.dtype, is_flipped.dtype) == (np.int64, bool)
    np.testing.assert_array_equal(is_flipped, noisy != clean)
    for label in range(7):
        members = clean == label
        assert is_flipped[members].sum() == (round(rate * members.sum()) if label in mapping else 0)
        assert set(noisy[members & is_flipped].tolist()) <= {mapping.get(label)}
    backwards = dict(reversed(mapping.items()))
    again = flip_labels_asymmetric(clean, rate, num_classes=7, mapping=backwards, seed=seed)
    np.testing.assert_array_equal(again[0], noisy)


def flows(labels: np.ndarray, noisy: np.ndarray, names: tuple[str, ...]) -> dict[tuple[str, str], int]:
    wrong = labels != noisy
    pairs = [(names[a], names[b]) for a, b in zip(labels[wrong], noisy[wrong], strict=True)]
    return {pair: pairs.count(pair) for pair in set(pairs)}


@pytest.mark.parametrize("names", [CIFAR10, tuple(reversed(CIFAR10))])
def test_cifar10_mapping_uses_class_names(names: tuple[str, ...]) -> None:
    labels = np.arange(500) % 10
    noisy, _ = flip_labels_asymmetric(labels, 0.4, class_names=names, seed=1)
    assert flows(labels, noisy, names) == {
        ("truck", "automobile"): 20,
        ("bird", "airplane"): 20,
        ("deer", "horse"): 20,
        ("cat", "dog"): 20,
        ("dog", "cat"): 20,
    }


@pytest.mark.parametrize("class_names", [None, ("cat", "dog", "eel")])
def test_default_mapping_is_to_the_next_class(class_names: tuple[str, ...] | None) -> None:
    labels = np.repeat([0, 1, 2], [10, 20, 30])
    noisy, _ = flip_labels_asymmetric(labels, 0.2, class_names=class_names)
    assert flows(labels, noisy, ("a", "b", "c")) == {("a", "b"): 2, ("b", "c"): 4, ("c", "a"): 6}


def test_ten_other_classes_have_no_special_mapping() -> None:
    labels = np.arange(100) % 10
    noisy, is_flipped = flip_labels_asymmetric(labels, 1.0, class_names=list("abcdefghij"))
    assert is_flipped.all()
    np.testing.assert_array_equal(noisy, (labels + 1) % 10)


def test_mapping_by_name_equals_mapping_by_index() -> None:
    labels = np.repeat([0, 1, 2], 50)
    names = ["cat", "dog", "eel"]
    by_name = flip_labels_asymmetric(labels, 0.3, class_names=names, mapping={"eel": "cat", "cat": 1}, seed=4)
    by_index = flip_labels_asymmetric(labels, 0.3, num_classes=3, mapping={0: 1, np.int64(2): 0}, seed=4)  # type: ignore[dict-item]
    np.testing.assert_array_equal(by_name[0], by_index[0])
    assert flows(labels, by_name[0], tuple(names)) == {("eel", "cat"): 15, ("cat", "dog"): 15}
    np.testing.assert_array_equal(by_name[1], by_name[0] != labels)


def test_flips_depend_on_the_seed() -> None:
    labels = np.repeat([0, 1, 2], 50)
    truths = [flip_labels_asymmetric(labels, 0.3, seed=seed)[1].tolist() for seed in (0, 0, 1)]
    assert truths[0] == truths[1] != truths[2]


def test_planting_uses_the_class_names_of_the_data() -> None:
    data = make_data(60, 3)
    planted = plant(data, 0.1, seed=2)
    expected, truth = flip_labels_asymmetric(data.labels, 0.1, num_classes=3, seed=2)
    np.testing.assert_array_equal(planted.data.labels, expected)
    np.testing.assert_array_equal(planted.is_error, truth)
    assert planted.data.images is data.images


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": [0.5]}, "labels must be a one-dimensional array of integers, got float64 (1,)."),
        ({"labels": [0, 3], "class_names": ["a", "b", "c"]}, "labels must be in [0, 3), with at least two classes."),
        ({"rate": 1.5}, "rate must be between 0 and 1, got 1.5."),
        ({"seed": -1}, "seed must be an integer >= 0, got -1."),
        (
            {"class_names": ["a", "b"], "num_classes": 3},
            "num_classes is 3, but there are 2 class_names; pass only one of them.",
        ),
        ({"mapping": {}}, "mapping must map at least one class to another, got {}."),
        ({"mapping": ["a"]}, "mapping must map at least one class to another, got ['a']."),
        ({"mapping": {"a": 1}}, "mapping names the class 'a', but there are no class_names; pass them, or use indices."),
        ({"mapping": {"c": "a"}, "class_names": ["a", "b"]}, "mapping names the unknown class 'c'; expected one of: a, b."),
        ({"mapping": {0: 2}}, "mapping contains 2; expected a class name or an index from 0 to 1."),
        ({"mapping": {-1: 0}}, "mapping contains -1; expected a class name or an index from 0 to 1."),
        ({"mapping": {True: 0}}, "mapping contains True; expected a class name or an index from 0 to 1."),
        ({"mapping": {0: 1.0}}, "mapping contains 1.0; expected a class name or an index from 0 to 1."),
        ({"mapping": {1: 1}}, "mapping maps class 1 to itself; expected another class."),
        ({"mapping": {"a": 0}, "class_names": ["a", "b"]}, "mapping maps class 'a' to itself; expected another class."),
        (
            {"mapping": {0: 1, "a": 1}, "class_names": ["a", "b"]},
            "mapping has class 'a' twice, by name and by index.",
        ),
    ],
)
def test_invalid_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    given_options = {"labels": [0, 1], "rate": 0.1, **options}
    labels, rate = np.array(given_options.pop("labels")), given_options.pop("rate")
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        flip_labels_asymmetric(labels, rate, **given_options)


def test_function_is_public() -> None:
    assert curv_issues.flip_labels_asymmetric is flip_labels_asymmetric
