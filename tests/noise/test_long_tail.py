from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import curv_issues
import curv_issues.noise.long_tail
from curv_issues.errors import UsageError
from curv_issues.noise.long_tail import long_tailed, plant
from tests.small import make_data


def test_class_sizes_fall_geometrically() -> None:
    data = make_data(300, 3)
    part = long_tailed(data, 100)
    assert np.bincount(part.labels).tolist() == [100, 10, 1]
    assert (np.diff(part.rows) > 0).all()
    np.testing.assert_array_equal(part.labels, data.labels[part.rows])
    np.testing.assert_array_equal(part.images, data.images[part.rows])
    assert part.class_names == data.class_names
    np.testing.assert_array_equal(np.asarray(part.image(-1)), data.images[part.rows[-1], ..., 0])


def test_ratio_one_keeps_everything() -> None:
    data = make_data(30, 3)
    np.testing.assert_array_equal(long_tailed(data, 1).rows, data.rows)


def test_classes_keep_a_sample_and_empty_ones_stay_empty() -> None:
    data = make_data(40, 4)
    labels = np.repeat([0, 1, 3], [20, 15, 5])
    part = long_tailed(replace(data, labels=labels), 1e6)
    assert np.bincount(part.labels).tolist() == [20, 1, 0, 1]


def test_subset_depends_on_the_seed() -> None:
    data = make_data(300, 3)
    rows = [long_tailed(data, 10, seed=seed).rows.tolist() for seed in (0, 0, 1)]
    assert rows[0] == rows[1] != rows[2]


def test_no_errors_are_planted() -> None:
    data = make_data(300, 3)
    planted = plant(data, 10, seed=1)
    np.testing.assert_array_equal(planted.data.rows, long_tailed(data, 10, seed=1).rows)
    assert planted.is_error.shape == (len(planted.data),)
    assert not planted.is_error.any()


@pytest.mark.parametrize("ratio", [0.5, 0, -1, float("nan"), float("inf"), "100", True, None])
def test_invalid_ratios_are_refused(ratio: Any) -> None:
    with pytest.raises(UsageError, match=rf"^ratio must be a finite number >= 1, got {ratio!r}\.$"):
        long_tailed(make_data(), ratio)


def test_one_class_has_no_tail() -> None:
    data = replace(make_data(6, 2), labels=np.zeros(6, np.int64), class_names=("only",))
    with pytest.raises(UsageError, match=r"^A long tail needs at least two classes; arrays has 1\.$"):
        long_tailed(data, 10)


def test_invalid_seeds_are_refused() -> None:
    with pytest.raises(UsageError, match=re.escape("seed must be an integer >= 0, got -1.")):
        long_tailed(make_data(), 10, seed=-1)


def test_function_is_public() -> None:
    assert curv_issues.long_tailed is long_tailed
