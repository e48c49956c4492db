from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from curv_issues.baselines.splits import balanced_subsets
from curv_issues.data.folds import stratified_folds


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(1, 9), st.integers(0, 99))
def test_folds_are_balanced_overall_and_in_each_class(labels: list[int], num_folds: int, seed: int) -> None:
    folds = stratified_folds(np.array(labels), num_folds, generator=np.random.default_rng(seed))
    assert folds.shape == (len(labels),)
    assert set(folds.tolist()) <= set(range(num_folds))
    for chosen in [set(labels), *({label} for label in labels)]:
        counts = Counter(int(fold) for fold, label in zip(folds, labels, strict=True) if label in chosen)
        sizes = [counts[fold] for fold in range(num_folds)]
        assert max(sizes) - min(sizes) <= 1


def test_folds_are_random_and_follow_the_generator() -> None:
    labels = np.arange(40) % 4
    first, again, other = (stratified_folds(labels, 5, generator=np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    assert (first != np.arange(40) // 4 % 5).any()
    drawn = [stratified_folds(labels, 5, generator=np.random.default_rng(seed))[0] for seed in range(200)]
    assert set(drawn) == set(range(5))


@given(st.integers(1, 30), st.integers(1, 12), st.data())
def test_subsets_have_one_size_and_use_samples_equally_often(n: int, m: int, data: st.DataObject) -> None:
    size = data.draw(st.integers(0, n))
    members = balanced_subsets(n, m, size, generator=np.random.default_rng(0))
    assert members.shape == (m, n)
    assert [sum(row) for row in members.tolist()] == [size] * m
    times = [sum(column) for column in members.T.tolist()]
    assert max(times) - min(times) <= 1


def test_subsets_are_random_and_follow_the_generator() -> None:
    first, again, other = (balanced_subsets(50, 6, 35, generator=np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first[0] != other[0]).any()
    assert len({row.tobytes() for row in first}) == 6
    out = np.mean([~balanced_subsets(8, 3, 6, generator=np.random.default_rng(seed))[0] for seed in range(400)], axis=0)
    np.testing.assert_allclose(out, 2 / 8, atol=0.1)  # no position is preferred
