from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import curv_issues
import curv_issues.noise.instance
from curv_issues.data.folds import stratified_folds
from curv_issues.errors import UsageError
from curv_issues.noise.instance import _confusion, flip_labels_by_instance, plant, pool_pixels
from tests.small import make_arrays, make_data


def three_classes(n: int = 900, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return grey images (n, 8, 8, 1) and labels: classes 0 and 1 are similar, class 2 is far from both."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % 3
    level = np.array([100.0, 103.0, 200.0])[labels]
    images = level[:, None, None, None] + rng.normal(scale=8, size=(n, 8, 8, 1))
    return images.clip(0, 255).astype(np.uint8), labels


@settings(max_examples=25)
@given(
    labels=st.lists(st.integers(0, 5), min_size=2, max_size=40),
    rate=st.floats(0, 1),
    seed=st.integers(0, 1000),
    side=st.integers(1, 11),
)
def test_properties_of_flipped_labels(labels: list[int], rate: float, seed: int, side: int) -> None:
    clean = np.array([0, 1] * 5 + labels)  # at least two classes that can be modelled
    images = np.random.default_rng(seed).integers(0, 256, (len(clean), side, side + 1, 3)).astype(np.uint8)
    noisy, is_flipped = flip_labels_by_instance(images, clean, rate, num_classes=7, seed=seed)
    assert clean.tolist() == [0, 1] * 5 + labels
    assert (noisy.dtype, is_flipped.dtype) == (np.int64, bool)
    np.testing.assert_array_equal(is_flipped, noisy != clean)
    assert is_flipped.sum() == round(rate * len(clean))
    assert (np.bincount(clean, minlength=7)[noisy[is_flipped]] >= 5).all()  # never towards a class that is not modelled
    np.testing.assert_array_equal(flip_labels_by_instance(images, clean, rate, num_classes=7, seed=seed)[0], noisy)


def test_labels_flip_to_confusable_classes() -> None:
    images, labels = three_classes()
    noisy, is_flipped = flip_labels_by_instance(images, labels, 0.2, seed=1)
    moved = np.zeros((3, 3), int)
    np.add.at(moved, (labels[is_flipped], noisy[is_flipped]), 1)
    assert moved[2].sum() + moved[:, 2].sum() < 10  # a class that is easy to separate is rarely affected
    assert moved[0, 1] > 60
    assert moved[1, 0] > 60


def test_hard_samples_are_flipped() -> None:
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], 1000)
    is_blank = np.arange(2000) % 4 == 0
    images = (labels * 100)[:, None, None] + rng.integers(0, 100, (2000, 8, 8))
    images[is_blank] = rng.integers(50, 150, (is_blank.sum(), 8, 8))  # between the classes
    _, is_flipped = flip_labels_by_instance(images.astype(np.uint8), labels, 0.1, seed=0)
    assert is_flipped.sum() == 200
    assert is_blank[is_flipped].mean() > 0.9


def test_choice_and_labels_follow_the_probabilities(monkeypatch: pytest.MonkeyPatch) -> None:
    """Over many seeds: a single draw picks in proportion to 1 - p(label), and its label in proportion to p."""
    others = np.array([[0.0, 0.1, 0.1], [0.3, 0.0, 0.5], [0.6, 0.0, 0.0]])
    monkeypatch.setattr(curv_issues.noise.instance, "FOLDS", 1)  # classes of one sample count as modelled
    monkeypatch.setattr(curv_issues.noise.instance, "_confusion", lambda *_: others)
    images, labels = np.zeros((3, 8, 8)), np.arange(3)
    moved = np.zeros((3, 3))
    for seed in range(4000):
        noisy, is_flipped = flip_labels_by_instance(images, labels, 1 / 3, seed=seed)
        (at,) = np.flatnonzero(is_flipped)
        moved[at, noisy[at]] += 1
    np.testing.assert_allclose(moved / 4000, others / 1.6, atol=0.025)  # 3 deviations


def test_probabilities_are_out_of_fold() -> None:
    """Compare with a slow reference: one model per sample, fitted to the other folds."""
    images, labels = three_classes(60, seed=3)
    labels[labels == 2] = np.arange(20) % 4 + 2  # 5 each of 2 to 5
    labels[59] = 6  # alone, so not modelled
    features = pool_pixels(images)
    others = _confusion(features, labels, 8, np.random.default_rng(4))
    fold_of = stratified_folds(labels, 5, generator=np.random.default_rng(4))
    modelled = [label for label in range(8) if (labels == label).sum() >= 5]
    for i in range(60):
        fitted = (fold_of != fold_of[i]) & np.isin(labels, modelled)
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto").fit(features[fitted], labels[fitted])
        expected = np.zeros(8)
        expected[modelled] = model.predict_proba(features[i : i + 1])[0] + 1e-6
        expected[labels[i]] = 0
        np.testing.assert_allclose(others[i], expected, rtol=1e-4, atol=1e-9)
    assert 6 not in modelled
    assert 7 not in modelled


@pytest.mark.parametrize("shape", [(5, 32, 32, 3), (5, 28, 28, 1), (5, 8, 16, 3), (5, 11, 5, 1), (2, 1, 1, 3)])
def test_pooling_is_the_mean_over_cells(shape: tuple[int, ...]) -> None:
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    n, height, width, channels = shape
    across, down = min(8, width), min(8, height)
    rows = [i * height // down for i in range(down)] + [height]
    columns = [j * width // across for j in range(across)] + [width]
    expected = [
        images[s, rows[i] : rows[i + 1], columns[j] : columns[j + 1], c].mean()
        for s in range(n)
        for i in range(down)
        for j in range(across)
        for c in range(channels)
    ]
    pooled = pool_pixels(images)
    assert pooled.dtype == np.float32
    np.testing.assert_allclose(pooled.ravel(), expected, rtol=1e-5)


def test_pooling_in_blocks_gives_the_same_result(monkeypatch: pytest.MonkeyPatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (10, 9, 9, 3)).astype(np.uint8)
    whole = pool_pixels(images)
    monkeypatch.setattr(curv_issues.noise.instance, "_BLOCK", 4)
    np.testing.assert_array_equal(pool_pixels(images), whole)


def test_rare_classes_are_flipped_as_often_as_others() -> None:
    """The model does not know rare classes, so all their samples would be chosen as hard."""
    images, labels = three_classes(400)
    labels[:40] = np.arange(40) // 4 + 3  # ten classes of four
    counts = [flip_labels_by_instance(images, labels, 0.1, seed=seed)[1][:40].sum() for seed in range(5)]
    assert 5 <= sum(counts) <= 45  # 20 expected


def test_blank_images_and_rate_one() -> None:
    labels = np.arange(40) % 4
    noisy, is_flipped = flip_labels_by_instance(np.zeros((40, 8, 8), np.uint8), labels, 1.0)
    assert is_flipped.all()
    assert (noisy != labels).all()
    certain = labels[:, None, None] * 60 + np.zeros((40, 8, 8), int) + np.arange(40)[:, None, None] % 2
    assert flip_labels_by_instance(certain, labels, 1.0)[1].all()


def test_images_may_be_a_read_only_memory_map(tmp_path: Any) -> None:
    images, labels = three_classes(60)
    np.save(tmp_path / "images.npy", images)
    mapped = np.load(tmp_path / "images.npy", mmap_mode="r")
    expected = flip_labels_by_instance(images, labels, 0.2, seed=1)
    np.testing.assert_array_equal(flip_labels_by_instance(mapped, labels, 0.2, seed=1)[0], expected[0])
    np.testing.assert_array_equal(flip_labels_by_instance(images[..., 0], labels, 0.2, seed=1)[0], expected[0])


def test_rate_zero_needs_no_model() -> None:
    noisy, is_flipped = flip_labels_by_instance(np.zeros((2, 8, 8)), np.array([0, 1]), 0.0)
    assert (noisy.tolist(), is_flipped.tolist()) == ([0, 1], [False, False])


def test_planting() -> None:
    data = make_data(60, 3)
    planted = plant(data, 0.1, seed=2)
    expected, truth = flip_labels_by_instance(data.images, data.labels, 0.1, num_classes=3, seed=2)
    np.testing.assert_array_equal(planted.data.labels, expected)
    np.testing.assert_array_equal(planted.is_error, truth)
    assert planted.data.images is data.images


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": np.zeros(60)}, "labels must be a one-dimensional array of integers, got float64 (60,)."),
        ({"num_classes": 2}, "labels must be in [0, 2), with at least two classes."),
        ({"rate": -0.5}, "rate must be between 0 and 1, got -0.5."),
        ({"seed": "0"}, "seed must be an integer >= 0, got '0'."),
        (
            {"images": np.zeros(60)},
            "images must be an array of numbers of shape (n, h, w, c) or (n, h, w), or features (n, d), got float64 (60,).",
        ),
        (
            {"images": [[[0]]] * 60},
            "images must be an array of numbers of shape (n, h, w, c) or (n, h, w), or features (n, d), got list.",
        ),
        (
            {"images": np.full((60, 8, 8), None)},
            "images must be an array of numbers of shape (n, h, w, c) or (n, h, w), or features (n, d), got object (60, 8, 8).",
        ),
        ({"images": np.zeros((59, 8, 8))}, "Expected one label per image, got 59 images and 60 labels."),
        ({"images": np.zeros((60, 0, 8))}, "images must have at least one pixel, got shape (60, 0, 8)."),
        (
            {"labels": np.arange(60), "num_classes": 60},
            "Instance-dependent noise needs at least two classes with 5 or more samples; found 0.",
        ),
        (
            {"labels": np.repeat([0, 1], [56, 4])},
            "Instance-dependent noise needs at least two classes with 5 or more samples; found 1.",
        ),
    ],
)
def test_invalid_arguments_are_refused(options: dict[str, Any], message: str) -> None:
    images, labels = make_arrays(60)
    chosen = {"images": images, "labels": labels, "rate": 0.1, **options}
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        flip_labels_by_instance(**chosen)


def test_function_is_public() -> None:
    assert curv_issues.flip_labels_by_instance is flip_labels_by_instance
