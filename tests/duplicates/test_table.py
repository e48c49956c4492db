from __future__ import annotations

import numpy as np

from curv_issues.duplicates.base import BYTES, NEAR, ComparedImages
from curv_issues.duplicates.table import compared_images, pairs_table


def compared(threshold: float) -> ComparedImages:
    return ComparedImages(
        first=np.array([0, 1, 2, 0]),
        second=np.array([3, 2, 3, 1]),
        similarity=np.array([0.7, 0.49, 1.0, 0.3], np.float32),
        test=np.array([NEAR, NEAR, BYTES, NEAR], dtype=object),
        mirrored=np.array([True, False, False, False]),
        turns=np.zeros(4, dtype=np.int64),
        threshold=threshold,
    )


ROWS = np.array([10, 11, 15, 12])


def test_similar_pairs_are_kept_in_descending_order() -> None:
    table = pairs_table(compared(0.9), ROWS)
    assert table.to_numpy().tolist() == [[15, 12, 1.0, BYTES, False], [10, 12, np.float32(0.7), NEAR, True]]


def test_low_threshold_keeps_more_pairs() -> None:
    table = pairs_table(compared(0.4), ROWS)
    assert list(zip(table["first"], table["second"], strict=True)) == [(15, 12), (10, 12), (11, 15)]


def test_pairs_are_read_back() -> None:
    for threshold in (0.9, 0.2):
        back = compared_images(pairs_table(compared(threshold), ROWS), ROWS, 0.6)
        expected = compared(0.6).same()
        order = np.argsort(-expected.similarity)
        same = back.same()
        assert back.threshold == 0.6
        for name in ("first", "second", "similarity", "test", "mirrored"):
            assert getattr(same, name).tolist() == getattr(expected, name)[order].tolist()


def test_no_pairs() -> None:
    nothing = compared(0.9).taken(np.zeros(4, dtype=bool))
    assert len(compared_images(pairs_table(nothing, ROWS), ROWS, 0.9)) == 0
