from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch

from curv_issues.trackers.base import Observation
from curv_issues.trackers.reference_margin import ReferenceMargin
from curv_issues.trackers.reference_margin import null_distribution as null_distribution_of
from tests import reference


def margins_of(logits: np.ndarray, labels: np.ndarray, *, order: np.ndarray) -> np.ndarray:
    """Return the margins of the random labels, (n, e), from logits (e, n, k)."""
    tracker = ReferenceMargin(len(labels), len(logits))
    found = []
    for epoch, values in enumerate(logits):
        index = torch.from_numpy(order)
        batch = Observation(index=index, labels=torch.from_numpy(labels[order]), logits=torch.from_numpy(values[order]))
        tracker.observe(epoch, batch)
        found.append(tracker.history[:, 0])
    return np.stack(found, axis=1)


@pytest.mark.parametrize("k", [2, 3, 10])
def test_random_label_is_another_class_and_the_same_in_every_epoch(k: int) -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(4, 60, k)).astype(np.float32), rng.integers(0, k, 60)
    measured = margins_of(logits, labels, order=rng.permutation(60))
    for i in range(60):
        others = [c for c in range(k) if c != labels[i]]
        possible = [[reference.margin(logits[e, i].tolist(), c) for e in range(4)] for c in others]
        assert sum(np.allclose(measured[i], margins, atol=1e-5) for margins in possible) == 1
    np.testing.assert_array_equal(margins_of(logits, labels, order=np.arange(60)), measured)


def test_random_labels_are_uniform_over_the_other_classes() -> None:
    k, n = 5, 20_000
    labels = np.arange(n) % k
    logits = np.tile(2.0 ** np.arange(k, dtype=np.float32), (1, n, 1))  # the margin identifies the class
    measured = margins_of(logits, labels, order=np.arange(n))
    margins = {reference.margin(logits[0, 0].tolist(), c): c for c in range(k)}
    drawn = np.array([margins[value] for value in measured[:, 0].tolist()])
    assert not (drawn == labels).any()
    for label in range(k):
        counts = np.bincount(drawn[labels == label], minlength=k)
        np.testing.assert_allclose(np.delete(counts, label), 1000, atol=130)


class Given(ReferenceMargin):
    """Margins set by a test: `history` of the random labels and `margins` of the given labels."""

    def measure(self, batch: Observation) -> torch.Tensor:
        return batch.logits[:, 1]


def show(tracker: ReferenceMargin, history: np.ndarray, margins: np.ndarray, epochs: Sequence[int]) -> ReferenceMargin:
    """Let a tracker observe these margins (n, e)."""
    for epoch in epochs:
        batch = Observation(
            index=torch.arange(len(history)),
            labels=torch.zeros(len(history), dtype=torch.int64),
            logits=torch.from_numpy(np.stack([margins[:, epoch], history[:, epoch]], axis=1).astype(np.float32)),
        )
        batch.__dict__["margins"] = batch.logits[:, 0]
        tracker.observe(epoch, batch)
    return tracker


def null_distribution(history: np.ndarray, margins: np.ndarray) -> dict[str, list[float]]:
    return show(Given(*history.shape), history, margins, range(history.shape[1])).null_distribution()


def test_the_null_distribution_is_that_of_a_slow_twin() -> None:
    rng = np.random.default_rng(0)
    history, margins = rng.normal(-1, 1, (50, 3)).astype(np.float32), rng.normal(0, 1, (50, 3)).astype(np.float32)
    found = null_distribution(history, margins)
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


def test_saved_state_is_continued() -> None:
    rng = np.random.default_rng(0)
    history, margins = rng.normal(-1, 1, (50, 4)).astype(np.float32), rng.normal(0, 1, (50, 4)).astype(np.float32)
    whole, begun = (show(Given(50, 4), history, margins, range(epochs)) for epochs in (4, 2))
    later = Given(50, 4)
    later.load_state_dict(begun.state_dict())
    show(later, history, margins, (2, 3))
    assert later.null_distribution() == whole.null_distribution()
    later.keep_epochs(3)
    assert later.null_distribution() == {name: values[:3] for name, values in whole.null_distribution().items()}


def test_correct_random_labels_do_not_move_the_null_distribution() -> None:
    margins, history = np.full((100, 2), 5.0), np.tile(np.linspace(-9, -1, 100)[:, None], (1, 2))
    margins[:20], history[:20] = -5.0, 5.0  # as with two classes and a fifth of wrong labels
    found = null_distribution(history, margins)
    assert found == null_distribution(history[20:], margins[20:])
    assert found["p90"][1] < found["p99"][1] < 0


def test_all_random_labels_are_used_if_none_is_worse() -> None:
    found = null_distribution(np.arange(101.0)[:, None], np.full((101, 1), -1.0))
    assert found == {"p90": [90.0], "p99": [99.0], "predicted": [pytest.approx(89 / 90)]}
    assert null_distribution(np.full((4, 1), 2.0), np.zeros((4, 1)))["predicted"] == [0.0]


def test_the_null_distribution_of_whole_histories_is_the_same() -> None:
    rng = np.random.default_rng(0)
    history, margins = rng.normal(-1, 1, (50, 3)).astype(np.float32), rng.normal(0, 1, (50, 3)).astype(np.float32)
    assert null_distribution_of(margins, history) == null_distribution(history, margins)
