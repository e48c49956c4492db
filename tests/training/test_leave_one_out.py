"""Class scores by ridge regression on all other samples."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_wine
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from curv_issues.inputs.features import FeatureInputs
from curv_issues.noise.uniform import flip_labels
from curv_issues.training import leave_one_out as module
from curv_issues.training.leave_one_out import PENALTIES, leave_one_out

CPU = torch.device("cpu")


def scores(features: np.ndarray, labels: np.ndarray, num_classes: int = 3) -> np.ndarray | None:
    return leave_one_out(FeatureInputs(features.astype(np.float32)), torch.from_numpy(labels), num_classes=num_classes, device=CPU)


def best_without_themselves(rows: np.ndarray, targets: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the best penalty, and its predictions without each sample, by as many regressions as samples and penalties."""
    found = []
    for penalty in np.array(PENALTIES) * len(rows):
        model, predicted = Ridge(alpha=penalty, fit_intercept=False), np.empty_like(targets)
        for index in range(len(rows)):
            rest = np.arange(len(rows)) != index
            predicted[index] = model.fit(rows[rest], targets[rest]).predict(rows[[index]])[0]
        found.append((penalty, predicted))
    return min(found, key=lambda pair: float(((pair[1] - targets) ** 2).mean()))


@pytest.mark.parametrize("num_features", [4, 60])
def test_scores_are_those_of_regressions_without_the_sample(num_features: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNK", 17)
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 40)
    features = random.normal(size=(40, num_features)) + labels[:, None]
    frequencies = np.bincount(labels) / 40
    _, expected = best_without_themselves(StandardScaler().fit_transform(features), np.eye(3)[labels] - frequencies)
    np.testing.assert_allclose(scores(features, labels), expected + frequencies, atol=2e-3)


def test_samples_that_were_not_fitted_are_predicted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LEAST_FITTED", 30)
    monkeypatch.setattr(module, "FITTED_PER_FEATURE", 1)
    random = np.random.default_rng(0)
    labels = random.integers(0, 3, 50)
    features = random.normal(size=(50, 4)) + labels[:, None]
    found = scores(features, labels)
    assert found is not None
    order = np.random.default_rng(0).permutation(50)
    fitted, others = order[:30], order[30:]
    frequencies = np.bincount(labels) / 50
    rows, targets = StandardScaler().fit_transform(features), np.eye(3)[labels] - frequencies
    penalty, expected = best_without_themselves(rows[fitted], targets[fitted])
    np.testing.assert_allclose(found[fitted], expected + frequencies, atol=2e-3)
    expected = Ridge(alpha=penalty, fit_intercept=False).fit(rows[fitted], targets[fitted]).predict(rows[others])
    np.testing.assert_allclose(found[others], expected + frequencies, atol=2e-3)


def test_features_that_say_nothing_give_the_frequencies_whatever_the_label() -> None:
    labels = np.array([0] * 20 + [1] * 30)
    np.testing.assert_allclose(scores(np.ones((50, 4)), labels, num_classes=2), np.tile([0.4, 0.6], (50, 1)), atol=1e-3)


def test_wrong_labels_are_not_memorised() -> None:
    wine = load_wine()
    labels, is_flipped = flip_labels(wine.target, 0.3, num_classes=3, seed=0)
    found = scores(wine.data, labels)
    assert found is not None
    assert (found.argmax(1) == wine.target)[is_flipped].mean() > 0.85


def test_too_many_samples_and_features_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    features, labels = np.random.default_rng(0).normal(size=(12, 11)), np.arange(12) % 3
    for most, is_left_out in ((10, True), (11, False)):
        monkeypatch.setattr(module, "MOST_AXES", most)
        assert (scores(features, labels) is None) == is_left_out


@settings(max_examples=30, deadline=None)
@given(st.integers(2, 9), st.integers(1, 9), st.integers(0, 3), st.integers(0, 100))
def test_scores_are_finite_with_constant_features_copies_and_single_classes(n: int, d: int, copies: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    features = np.repeat(random.normal(size=(n, d)) * 10.0 ** random.integers(-3, 4), copies + 1, axis=0)
    features[:, 0] = 5
    found = scores(features, random.integers(0, 3, len(features)))
    assert found is not None
    assert found.shape == (len(features), 3)
    assert np.isfinite(found).all()
