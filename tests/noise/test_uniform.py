from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import curv_issues
import curv_issues.noise.uniform
from curv_issues.errors import UsageError
from curv_issues.noise.uniform import flip_labels, plant
from tests.small import make_data


@given(
    labels=st.lists(st.integers(0, 5), min_size=1, max_size=60),
    extra=st.integers(0, 2),
    rate=st.floats(0, 1),
    seed=st.integers(0, 1000),
)
def test_properties_of_flipped_labels(labels: list[int], extra: int, rate: float, seed: int) -> None:
    clean = np.array(labels, dtype=np.int32)
    k = max(2, max(labels) + 1 + extra)
    noisy, is_flipped = flip_labels(clean, rate, num_classes=k, seed=seed)
    assert clean.tolist() == labels
    assert noisy.dtype == np.int64
    assert is_flipped.dtype == bool
    np.testing.assert_array_equal(is_flipped, noisy != clean)  # the truth, and never the same class
    assert noisy.min() >= 0
    assert noisy.max() < k
    for label in set(labels):
        members = clean == label
        assert is_flipped[members].sum() == round(rate * members.sum())
    again = flip_labels(clean, rate, num_classes=k, seed=seed)
    np.testing.assert_array_equal(again[0], noisy)
    np.testing.assert_array_equal(again[1], is_flipped)


def test_other_classes_are_equally_likely() -> None:
    clean = np.repeat(np.arange(4), 9000)
    noisy, is_flipped = flip_labels(clean, 1.0)
    assert is_flipped.all()
    for label in range(4):
        counts = np.bincount(noisy[clean == label], minlength=4)
        assert counts[label] == 0
        np.testing.assert_allclose(np.delete(counts, label), 3000, atol=200)  # about 4.5 deviations


def test_flips_depend_on_the_seed_and_not_on_global_state() -> None:
    clean = np.repeat(np.arange(3), 100)
    state: Any = np.random.get_state()
    first = flip_labels(clean, 0.1, seed=1)
    assert not np.array_equal(first[1], flip_labels(clean, 0.1, seed=2)[1])
    after: Any = np.random.get_state()
    np.testing.assert_array_equal(after[1], state[1])
    assert after[2:] == state[2:]


def test_read_only_and_other_integer_types() -> None:
    clean = np.repeat(np.arange(2, dtype=np.uint8), 10)
    clean.flags.writeable = False
    noisy, is_flipped = flip_labels(clean, 0.5)
    assert is_flipped.sum() == 10
    np.testing.assert_array_equal(noisy[is_flipped], 1 - clean[is_flipped].astype(int))
    assert flip_labels(clean.tolist(), 0.5)[0].tolist() == noisy.tolist()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("labels", "rate", "num_classes", "message"),
    [
        ([0.0, 1.0], 0.1, None, r"labels must be a one-dimensional array of integers, got float64 \(2,\)"),
        ([[0, 1]], 0.1, None, r"labels must be a one-dimensional array of integers, got int64 \(1, 2\)"),
        (["a", "b"], 0.1, None, "labels must be a one-dimensional array of integers, got <U1"),
        ([True, False], 0.1, None, "labels must be a one-dimensional array of integers, got bool"),
        ([0, -1], 0.1, None, r"labels must be in \[0, 1\), with at least two classes"),
        ([1, -1], 0.1, None, r"labels must be in \[0, 2\), with at least two classes"),
        ([0, 3], 0.1, 3, r"labels must be in \[0, 3\), with at least two classes"),
        ([0, 0], 0.1, None, r"labels must be in \[0, 1\), with at least two classes"),
        ([0, 1], -0.1, None, "rate must be between 0 and 1, got -0.1"),
        ([0, 1], 1.1, None, "rate must be between 0 and 1, got 1.1"),
        ([0, 1], float("nan"), None, "rate must be between 0 and 1, got nan"),
        ([0, 1], "10%", None, "rate must be between 0 and 1, got '10%'"),
        ([0, 1], True, None, "rate must be between 0 and 1, got True"),
    ],
)
def test_invalid_arguments_are_refused(labels: Any, rate: Any, num_classes: int | None, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        flip_labels(np.array(labels), rate, num_classes=num_classes)


def test_invalid_seeds_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^seed must be an integer >= 0, got -1\.$"):
        flip_labels(np.array([0, 1]), 0.5, seed=-1)


def test_planting_uses_classes_without_samples() -> None:
    data = replace(make_data(60, 3), class_names=("a", "b", "c", "d"))
    planted = plant(data, 0.5, seed=2)
    expected, truth = flip_labels(data.labels, 0.5, num_classes=4, seed=2)
    assert 3 in expected
    np.testing.assert_array_equal(planted.data.labels, expected)
    np.testing.assert_array_equal(planted.is_error, truth)
    assert planted.pairs is None
    assert planted.data.images is data.images


def test_function_is_public() -> None:
    assert curv_issues.flip_labels is flip_labels
