from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import Tensor

from curv_issues.errors import UsageError
from curv_issues.trackers import ScoreInfo
from curv_issues.trackers.base import Need, Observation, Tracker, check_trackers
from curv_issues.trackers.quantities import Margin
from curv_issues.trackers.scores import score_of
from tests import reference

INFO = ScoreInfo(direction="low", description="d", cost="none", source="me")


class Confidence(Tracker):
    """A user-supplied tracker."""

    name = "confidence"
    needs = Need.EVALUATION
    info = INFO

    def measure(self, batch: Observation) -> Tensor:
        return batch.logits.softmax(1).gather(1, batch.labels[:, None])[:, 0]

    def reduce(self, history: np.ndarray) -> np.ndarray:
        return history.min(axis=1)


def variant(**changes: Any) -> type[Tracker]:
    return type("Variant", (Confidence,), changes)


@given(
    logits=hnp.arrays(np.float32, (4, 3), elements=st.floats(-50, 50, width=32)),
    labels=st.lists(st.integers(0, 2), min_size=4, max_size=4),
)
def test_quantities_of_a_batch_match_the_reference(logits: np.ndarray, labels: list[int]) -> None:
    batch = Observation(index=torch.arange(4), labels=torch.tensor(labels), logits=torch.from_numpy(logits))
    for got, quantity in (
        (batch.losses, reference.loss),
        (batch.margins, reference.margin),
        (batch.residual_norms, reference.residual),
    ):
        expected = [quantity(row, label) for row, label in zip(logits.tolist(), labels, strict=True)]
        np.testing.assert_allclose(got.numpy(), expected, rtol=1e-4, atol=1e-5)
    assert (batch.losses >= 0).all()
    assert (batch.residual_norms <= 2**0.5 + 1e-6).all()


def test_each_quantity_is_computed_once() -> None:
    batch = Observation(index=torch.arange(2), labels=torch.tensor([0, 1]), logits=torch.rand(2, 3))
    assert batch.losses is batch.losses
    assert batch.margins is batch.margins
    assert batch.residual_norms is batch.residual_norms


def test_user_supplied_tracker_stores_values_by_index() -> None:
    check_trackers([Confidence])
    tracker = Confidence(3, 2)
    logits = torch.tensor([[0.0, 1.0], [2.0, 0.0]])
    tracker.observe(0, Observation(index=torch.tensor([2, 0]), labels=torch.tensor([1, 1]), logits=logits))
    np.testing.assert_allclose(tracker.history[:, 0], [1 / (1 + np.e**2), np.nan, np.e / (1 + np.e)], rtol=1e-6)


def test_bfloat16_measurements_are_stored_exactly() -> None:
    class Half(Confidence):
        def measure(self, batch: Observation) -> Tensor:
            return batch.logits[:, 0].bfloat16()

    tracker = Half(1, 1)
    tracker.observe(0, Observation(index=torch.tensor([0]), labels=torch.tensor([0]), logits=torch.tensor([[1.5, 0.0]])))
    assert score_of(tracker).tolist() == [1.5]


class NoMeasure(Tracker):
    name = "margin"
    needs = Need.TRAINING

    def reduce(self, history: np.ndarray) -> np.ndarray:
        return history[:, 0]


class NoName(Tracker):
    needs = Need.TRAINING

    def measure(self, batch: Observation) -> Tensor:
        return batch.losses

    def reduce(self, history: np.ndarray) -> np.ndarray:
        return history[:, 0]


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["margin"], "Expected a subclass of Tracker, got 'margin'"),
        ([int], "Expected a subclass of Tracker, got <class 'int'>"),
        ([Margin(2, 2)], "Expected a subclass of Tracker, got <curv_issues"),
        ([NoMeasure], "NoMeasure must define measure"),
        ([NoName], r"NoName must set `name` \(a string\) and `needs` \(a Need\)"),
        ([variant(name=3)], "Variant must set `name`"),
        ([variant(needs=1)], "Variant must set `name`"),
        ([variant(info=None)], r"Variant must set `info` \(a ScoreInfo\)\."),
        (
            [variant(info=ScoreInfo(direction="up", description="", cost="", source=""))],  # type: ignore[arg-type]
            "The direction of Variant must be 'high' or 'low', got 'up'",
        ),
        ([variant(name="margin")], "Several trackers have a score named 'margin'; choose unique names"),
        ([variant(trajectory="margin")], "Several trackers have a trajectory named 'margin'"),
        ([variant(name="suspicion")], "The score name 'suspicion' is already the name of a column"),
        ([variant(name="conflict_similarity")], "The score name 'conflict_similarity' is already the name of a column"),
        ([variant(trajectory="row")], "The trajectory name 'row' is already the name of a column"),
    ],
)
def test_invalid_trackers_are_refused(classes: list[Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_trackers(classes, trajectories=["margin"])
