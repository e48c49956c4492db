from __future__ import annotations

import numpy as np
import pytest
import torch

from curv_issues.trackers.base import Observation
from curv_issues.trackers.reference_margin import ReferenceMargin
from tests import reference


def observe(tracker: ReferenceMargin, logits: np.ndarray, labels: np.ndarray, *, order: np.ndarray) -> None:
    for epoch, values in enumerate(logits):
        index = torch.from_numpy(order)
        tracker.observe(
            epoch, Observation(index=index, labels=torch.from_numpy(labels[order]), logits=torch.from_numpy(values[order]))
        )


@pytest.mark.parametrize("k", [2, 3, 10])
def test_it_is_the_margin_of_another_class_the_same_in_every_epoch(k: int) -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(4, 60, k)).astype(np.float32), rng.integers(0, k, 60)
    tracker = ReferenceMargin(60, 4)
    observe(tracker, logits, labels, order=rng.permutation(60))
    for i in range(60):
        others = [c for c in range(k) if c != labels[i]]
        possible = [[reference.margin(logits[e, i].tolist(), c) for e in range(4)] for c in others]
        assert sum(np.allclose(tracker.history[i], margins, atol=1e-5) for margins in possible) == 1
    again = ReferenceMargin(60, 4)
    observe(again, logits, labels, order=np.arange(60))
    np.testing.assert_array_equal(again.history, tracker.history)


def test_every_other_class_is_drawn_alike_often() -> None:
    k, n = 5, 20_000
    labels = np.arange(n) % k
    logits = np.tile(2.0 ** np.arange(k, dtype=np.float32), (1, n, 1))  # the margin tells the class
    tracker = ReferenceMargin(n, 1)
    observe(tracker, logits, labels, order=np.arange(n))
    margins = {reference.margin(logits[0, 0].tolist(), c): c for c in range(k)}
    drawn = np.array([margins[value] for value in tracker.history[:, 0].tolist()])
    assert not (drawn == labels).any()
    for label in range(k):
        counts = np.bincount(drawn[labels == label], minlength=k)
        np.testing.assert_allclose(np.delete(counts, label), 1000, atol=130)


def test_percentiles_are_of_the_mean_up_to_each_epoch() -> None:
    tracker = ReferenceMargin(50, 3)
    tracker.history[:] = np.random.default_rng(0).normal(size=(50, 3))
    found = tracker.percentiles()
    assert set(found) == {"p90", "p99"}
    for epoch in range(3):
        mean = tracker.history[:, : epoch + 1].astype(float).mean(axis=1)
        assert found["p90"][epoch] == pytest.approx(np.percentile(mean, 90))
        assert found["p99"][epoch] == pytest.approx(np.percentile(mean, 99))
    np.testing.assert_allclose(tracker.score(), tracker.history.mean(axis=1), rtol=1e-6)
