from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import curv_issues
import curv_issues.noise.duplicates
from curv_issues.data.base import PER_SAMPLE, LabeledData
from curv_issues.errors import UsageError
from curv_issues.noise.duplicates import plant_conflicting_duplicates
from tests.small import make_data


def named_data(n: int = 40, k: int = 4) -> LabeledData:
    """Return data whose arrays identify the sample."""
    return replace(
        make_data(n, k),
        rows=np.arange(n) * 10,
        paths=np.array([f"{i}.png" for i in range(n)], dtype=object),
        splits=np.array(["train", "test"] * (n // 2), dtype=object),
        file_sha256=np.array([f"{i:064x}" for i in range(n)], dtype=object),
        sizes=np.arange(2 * n, dtype=np.int32).reshape(n, 2),
        open_image=lambda index: f"image {range(n)[index]}",  # type: ignore[arg-type, return-value]
    )


@settings(max_examples=30)
@given(half=st.integers(1, 20), pairs=st.integers(1, 20), k=st.integers(2, 6), seed=st.integers(0, 1000))
def test_properties_of_planted_pairs(half: int, pairs: int, k: int, seed: int) -> None:
    n, pairs = 2 * max(half, k), min(half, pairs)
    data = replace(named_data(n, k), features=np.arange(2.0 * n).reshape(n, 2), pred_probs=np.arange(3.0 * n).reshape(n, 3))
    before = {name: getattr(data, name).copy() for name in PER_SAMPLE}
    planted = plant_conflicting_duplicates(data, pairs, seed=seed)
    noisy = planted.data
    for name in PER_SAMPLE:
        np.testing.assert_array_equal(getattr(data, name), before[name])  # the input is unchanged
        assert getattr(noisy, name).dtype == before[name].dtype

    assert planted.pairs is not None
    assert (planted.pairs.shape, planted.pairs.dtype, planted.is_error.dtype) == ((pairs, 2), np.int64, bool)
    assert len(np.unique(planted.pairs)) == 2 * pairs  # no sample twice
    assert set(np.flatnonzero(planted.is_error)) == set(planted.pairs.ravel())
    source_of = dict(planted.pairs.tolist())
    for i in range(n):
        source = source_of.get(i, i)
        for name in ("images", "features", "pred_probs", "image_sha256", "file_sha256", "sizes"):
            np.testing.assert_array_equal(getattr(noisy, name)[i], before[name][source])
        for name in ("rows", "splits", "paths"):
            assert getattr(noisy, name)[i] == before[name][i]
        assert noisy.image(i) == f"image {source}"
        if i in source_of:
            assert noisy.labels[i] != before["labels"][source]
            assert 0 <= noisy.labels[i] < k
        else:
            assert noisy.labels[i] == before["labels"][i]
    again = plant_conflicting_duplicates(data, pairs, seed=seed)
    np.testing.assert_array_equal(again.pairs, planted.pairs)
    np.testing.assert_array_equal(again.data.labels, noisy.labels)


def test_pairs_and_labels_are_uniform() -> None:
    data = make_data(4, 4)
    replaced, labels = np.zeros((4, 4)), np.zeros((4, 4))
    for seed in range(3000):
        planted = plant_conflicting_duplicates(data, 1, seed=seed)
        assert planted.pairs is not None
        ((a, b),) = planted.pairs
        replaced[a, b] += 1
        labels[b, planted.data.labels[a]] += 1  # the class of sample i is i
    even = (1 - np.eye(4)) / 12
    np.testing.assert_allclose(replaced / 3000, even, atol=0.02)
    np.testing.assert_allclose(labels / 3000, even, atol=0.02)


def test_memory_map_is_unchanged(tmp_path: Path) -> None:
    data = make_data(20)
    np.save(tmp_path / "images.npy", data.images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r+")
    planted = plant_conflicting_duplicates(replace(data, images=mapped), 5)
    assert planted.pairs is not None
    np.testing.assert_array_equal(mapped, data.images)
    np.testing.assert_array_equal(np.load(tmp_path / "images.npy"), data.images)
    assert not np.shares_memory(planted.data.images, mapped)
    a, b = planted.pairs.T
    np.testing.assert_array_equal(planted.data.images[a], data.images[b])


def test_pixels_are_shown_if_there_is_no_source_image() -> None:
    data = replace(make_data(20), open_image=None)
    planted = plant_conflicting_duplicates(data, 5)
    assert planted.data.open_image is None
    assert planted.pairs is not None
    for a, b in planted.pairs:
        np.testing.assert_array_equal(np.asarray(planted.data.image(a)), data.images[b, ..., 0])


@pytest.mark.parametrize("pairs", [0, -1, 11, 2.0, "3", True, None])
def test_invalid_numbers_of_pairs_are_refused(pairs: Any) -> None:
    message = f"pairs must be an integer from 1 to 10 (half of the 21 samples, as pairs are disjoint), got {pairs!r}."
    with pytest.raises(UsageError) as caught:
        plant_conflicting_duplicates(make_data(21), pairs)
    assert str(caught.value) == message


def test_one_class_cannot_conflict() -> None:
    data = replace(make_data(6, 2), labels=np.zeros(6, np.int64), class_names=("only",))
    with pytest.raises(UsageError, match=r"^Conflicting duplicates need at least two classes; arrays has 1\.$"):
        plant_conflicting_duplicates(data, 1)


def test_invalid_seeds_are_refused() -> None:
    with pytest.raises(UsageError, match=r"^seed must be an integer >= 0, got 0\.5\.$"):
        plant_conflicting_duplicates(make_data(), 1, seed=0.5)  # type: ignore[arg-type]


def test_function_is_public() -> None:
    assert curv_issues.plant_conflicting_duplicates is plant_conflicting_duplicates
