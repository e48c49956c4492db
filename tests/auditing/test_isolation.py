"""The isolation of samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from curv_issues.auditing import isolation as module
from curv_issues.auditing.isolation import isolation, with_isolation
from curv_issues.data.arrays import from_arrays
from curv_issues.data.base import LabeledData
from curv_issues.data.features import from_features
from tests.auditing.test_label_noise import record

CPU = torch.device("cpu")


def reference(vectors: np.ndarray, gallery: np.ndarray) -> np.ndarray:
    """Return what `isolation` returns, one sample at a time."""
    fifth = []
    for index, vector in enumerate(vectors):
        others = [np.linalg.norm(vector - vectors[other]) for other in gallery if other != index]
        fifth.append(sorted(others)[4])
    lower, upper = np.quantile(fifth, [0.25, 0.75])
    return (np.array(fifth) - upper) / (upper - lower)


@pytest.mark.parametrize("most", [5_000, 60])
def test_is_that_of_the_slow_twin(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 70)
    vectors = np.random.default_rng(0).normal(size=(200, 3))
    gallery = np.sort(np.random.default_rng(0).permutation(200)[:most])
    found = isolation(200, lambda index: torch.from_numpy(vectors).float()[index], gallery=most, device=CPU)
    np.testing.assert_allclose(found, reference(vectors, gallery), atol=2e-3)


def smooth(n: int) -> np.ndarray:
    """Return n images that are brighter towards one side."""
    random = np.random.default_rng(1)
    x, y = np.meshgrid(np.linspace(-1, 1, 16), np.linspace(-1, 1, 16))
    angle = random.uniform(0, 2 * np.pi, (n, 1, 1))
    return (127 + 100 * (np.cos(angle) * x + np.sin(angle) * y) + random.normal(0, 5, (n, 16, 16))).clip(0, 255).astype(np.uint8)


def test_noise_among_images_is_isolated() -> None:
    images = smooth(120)
    images[[3, 50]] = np.random.default_rng(2).integers(0, 256, (2, 16, 16))
    found = scores(from_arrays(images, np.arange(120) % 2))
    assert set(np.argsort(-found)[:2]) == {3, 50}
    assert found[[3, 50]].min() > 2


def test_a_wild_row_of_a_table_is_isolated_whatever_the_units() -> None:
    table = np.random.default_rng(3).normal(size=(120, 4)) * [1, 1000, 0.001, 5]
    table[7, 2] = 0.1
    assert scores(from_features(table, np.arange(120) % 2)).argmax() == 7


def test_a_constant_column_changes_nothing() -> None:
    table = np.random.default_rng(3).normal(size=(1_000, 4))
    table[7, 2] = 50
    found = scores(from_features(table, np.arange(1_000) % 2))
    with_constant = np.hstack([table, np.full((1_000, 2), [0.1, 7.3])])
    np.testing.assert_allclose(scores(from_features(with_constant, np.arange(1_000) % 2)), found, rtol=1e-3, atol=1e-3)


def test_equal_and_few_samples_have_no_isolation() -> None:
    for data in (from_features(np.ones((20, 2)), np.arange(20) % 2), from_features(np.eye(5), np.arange(5) % 2)):
        assert with_isolation(record(), data).scores == {}


def scores(data: LabeledData) -> np.ndarray:
    return with_isolation(record(), data).scores["isolation"]
