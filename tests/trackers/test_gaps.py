from __future__ import annotations

import numpy as np

from curv_issues.trackers.gaps import fill_gaps

NAN = np.nan


def test_a_missing_value_is_that_of_the_epoch_before_or_the_first_one() -> None:
    history = np.array([[1, NAN, NAN, 4], [NAN, NAN, 3, NAN], [1, 2, 3, 4], [NAN] * 4], np.float32)
    filled = fill_gaps(history)
    np.testing.assert_array_equal(filled, [[1, 1, 1, 4], [3, 3, 3, 3], [1, 2, 3, 4], [NAN] * 4])
    assert filled.dtype == np.float32
    assert np.isnan(history[0, 1])


def test_a_complete_history_is_returned_as_it_is() -> None:
    history = np.ones((3, 2), np.float32)
    assert fill_gaps(history) is history


def test_all_values_of_an_epoch_are_filled_together() -> None:
    history = np.arange(12, dtype=np.float16).reshape(2, 3, 2)
    history[0, 1] = history[1, 0] = NAN
    filled = fill_gaps(history)
    np.testing.assert_array_equal(filled[0], [[0, 1], [0, 1], [4, 5]])
    np.testing.assert_array_equal(filled[1], [[8, 9], [8, 9], [10, 11]])
    assert filled.dtype == np.float16
