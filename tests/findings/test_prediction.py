"""Whether labels can be predicted."""

from __future__ import annotations

import numpy as np
import pytest

from curv_issues.findings.prediction import are_predicted


def probabilities(labels: np.ndarray, k: int, *, knows: float, seed: int = 0) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(size=(len(labels), k)) * 2
    logits[np.arange(len(labels)), labels] += knows
    return np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)


@pytest.mark.parametrize("k", [2, 10, 300])
def test_labels_of_their_own_samples_are_predicted_and_shuffled_ones_are_not(k: int) -> None:
    random = np.random.default_rng(1)
    labels = random.integers(0, k, 1000)
    found = probabilities(labels, k, knows=2.0)
    assert are_predicted(found, labels)
    assert not any(are_predicted(found, random.permutation(labels)) for _ in range(50))


def test_the_frequencies_of_classes_are_no_prediction() -> None:
    labels = (np.random.default_rng(2).random(2000) < 0.05).astype(np.int64)
    frequencies = np.tile([0.95, 0.05], (2000, 1))
    assert not are_predicted(frequencies, labels)
    informed = np.where(labels[:, None] == 1, [0.8, 0.2], [0.97, 0.03])  # the frequent class is always the most probable
    assert are_predicted(informed, labels)
    assert not are_predicted(np.where(labels[:, None] == 1, [0.97, 0.03], [0.8, 0.2]), labels)
