from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curv_issues.data.sampling import stratified_sample
from curv_issues.errors import UsageError


def test_class_fractions_are_kept():
    labels = np.repeat([7, 3, 5], [600, 300, 100])
    chosen = stratified_sample(labels, 50, seed=0)
    assert {label: int((labels[chosen] == label).sum()) for label in (7, 3, 5)} == {7: 30, 3: 15, 5: 5}


def test_largest_remainders_are_rounded_up():
    labels = np.repeat([0, 1, 2], [50, 30, 20])  # exact quotas of 11: 5.5, 3.3, 2.2
    assert np.bincount(labels[stratified_sample(labels, 11, seed=0)]).tolist() == [6, 3, 2]


def test_rare_classes_keep_a_sample_at_the_cost_of_the_largest():
    labels = np.repeat([0, 1, 2, 3], [997, 1, 1, 1])
    assert np.bincount(labels[stratified_sample(labels, 10, seed=0)]).tolist() == [7, 1, 1, 1]


def test_fewer_samples_than_classes():
    labels = np.arange(100) % 50
    chosen = stratified_sample(labels, 20, seed=0)
    assert len(chosen) == len(set(labels[chosen])) == 20


def test_sample_depends_on_the_seed():
    labels = np.arange(1000) % 3
    first = stratified_sample(labels, 100, seed=1)
    assert first.tolist() == stratified_sample(labels, 100, seed=1).tolist()
    assert first.tolist() != stratified_sample(labels, 100, seed=2).tolist()


def test_samples_are_drawn_uniformly_within_a_class():
    labels = np.zeros(20, dtype=int)
    counts = sum(np.bincount(stratified_sample(labels, 10, seed=seed), minlength=20) for seed in range(400))
    assert (np.abs(counts - 200) < 60).all()  # 6 standard deviations of a binomial(400, 1/2)


@given(st.lists(st.integers(-3, 8), min_size=1, max_size=60), st.integers(1, 80), st.integers(0, 3))
def test_size_order_and_quotas(values, size, seed):
    labels = np.array(values)
    chosen = stratified_sample(labels, size, seed=seed)
    assert len(chosen) == min(size, len(labels))
    assert chosen.dtype == np.int64
    assert (np.diff(chosen) > 0).all()
    assert set(chosen.tolist()) <= set(range(len(labels)))
    classes, counts = np.unique(labels, return_counts=True)
    taken = np.array([(labels[chosen] == label).sum() for label in classes])
    if size >= len(classes):
        assert (taken >= 1).all()
    else:
        assert (taken <= np.ceil(counts * size / len(labels))).all()


@pytest.mark.parametrize("size", [0, -1])
def test_sizes_below_one_are_refused(size):
    with pytest.raises(UsageError, match=rf"^--max-samples \(max_samples\) must be an integer >= 1, got {size}\.$"):
        stratified_sample(np.zeros(3, dtype=int), size, seed=0)
