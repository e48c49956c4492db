from __future__ import annotations

import numpy as np
import torch

from curv_issues.trackers.base import Observation
from curv_issues.trackers.class_history import ClassHistory, fits


def observed(logits: np.ndarray, *, samples: np.ndarray) -> ClassHistory:
    """Return a history of 5 samples that observed some of them, in two batches per epoch; `logits` (e, 5, k)."""
    tracker = ClassHistory(5, len(logits), logits.shape[2])
    for epoch, values in enumerate(logits):
        for index in np.array_split(samples, 2):
            batch = Observation(
                index=torch.from_numpy(index),
                labels=torch.zeros(len(index), dtype=torch.long),
                logits=torch.from_numpy(values[index]),
            )
            tracker.observe(epoch, batch)
    return tracker


LOGITS = np.random.default_rng(0).normal(scale=3, size=(3, 5, 4)).astype(np.float32)


def test_history_holds_the_log_probability_of_each_class_by_sample_and_epoch() -> None:
    history = observed(LOGITS, samples=np.array([3, 0, 4, 2, 1])).history
    assert history.shape == (5, 3, 4)
    assert history.dtype == np.float16
    expected = LOGITS - np.log(np.exp(LOGITS.astype(np.float64)).sum(2, keepdims=True))
    np.testing.assert_allclose(history, expected.transpose(1, 0, 2), rtol=2e-3, atol=1e-4)


def test_state_merges_and_loads() -> None:
    whole = observed(LOGITS, samples=np.arange(5))
    part, other = observed(LOGITS, samples=np.array([4, 1])), observed(LOGITS, samples=np.array([0, 2, 3]))
    assert np.isnan(part.history[0]).all()
    part.merge(other)
    np.testing.assert_array_equal(part.history, whole.history)
    loaded = ClassHistory(5, 3, 4)
    loaded.load_state_dict(whole.state_dict())
    np.testing.assert_array_equal(loaded.history, whole.history)


def test_an_interrupted_epoch_is_dropped() -> None:
    tracker = observed(LOGITS, samples=np.array([0, 1, 2]))
    tracker.keep_epochs(2)
    assert tracker.history.shape == (5, 2, 4)
    assert ClassHistory(5, 3, 4).history.shape == (5, 0, 4)


def test_a_history_of_more_than_a_gigabyte_does_not_fit() -> None:
    assert fits(50_000, 8, 100)
    assert not fits(1_281_167, 3, 1_000)
