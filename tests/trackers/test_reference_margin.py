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


def filled(history: np.ndarray) -> ReferenceMargin:
    tracker = ReferenceMargin(*history.shape)
    tracker.history[:] = history
    return tracker


def test_the_yardstick_is_that_of_a_slow_twin() -> None:
    rng = np.random.default_rng(0)
    history, margins = rng.normal(-1, 1, (50, 3)).astype(np.float32), rng.normal(0, 1, (50, 3)).astype(np.float32)
    found = filled(history).yardstick(margins)
    assert set(found) == {"p90", "p99", "predicted"}
    for epoch in range(3):
        given, other = ([float(np.mean(row[: epoch + 1], dtype=float)) for row in rows] for rows in (margins, history))
        wrong = [i for i in range(50) if given[i] > other[i]]
        assert 20 < len(wrong) < 50
        p90 = np.percentile([other[i] for i in wrong], 90)
        assert found["p90"][epoch] == pytest.approx(p90)
        assert found["p99"][epoch] == pytest.approx(np.percentile([other[i] for i in wrong], 99))
        low = [i for i in wrong if other[i] < p90]
        assert found["predicted"][epoch] == pytest.approx(np.mean([history[i, epoch] > 0 for i in low]))
    assert 0 < found["predicted"][2] < 0.5
    np.testing.assert_allclose(filled(history).score(), history.mean(axis=1), rtol=1e-6)


def test_random_labels_that_are_the_right_ones_do_not_move_the_yardstick() -> None:
    margins, history = np.full((100, 2), 5.0), np.tile(np.linspace(-9, -1, 100)[:, None], (1, 2))
    margins[:20], history[:20] = -5.0, 5.0  # as of two classes, of which a fifth of the labels is wrong
    found = filled(history).yardstick(margins)
    assert found == filled(history[20:]).yardstick(margins[20:])
    assert found["p90"][1] < found["p99"][1] < 0


def test_all_random_labels_count_where_none_does_worse_than_the_given_one() -> None:
    found = filled(np.arange(101.0)[:, None]).yardstick(np.full((101, 1), -1.0))
    assert found == {"p90": [90.0], "p99": [99.0], "predicted": [pytest.approx(89 / 90)]}
    assert filled(np.full((4, 1), 2.0)).yardstick(np.zeros((4, 1)))["predicted"] == [0.0]
