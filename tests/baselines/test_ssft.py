from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import curv_issues.baselines.fresh
from curv_issues.baselines.ssft import forgetting_time, second_split_forgetting
from curv_issues.errors import DatasetError, UsageError
from curv_issues.options import TrainingOptions
from curv_issues.training.loop import train_probe
from tests.small import linear_probe, make_data, mlp_probe


def reference_forgetting_time(learned: bool, is_correct: list[bool]) -> int:
    states = [learned, *is_correct]
    for epoch in range(len(states)):
        if not any(states[epoch:]):
            return epoch
    return len(states)


def curves(epochs: int) -> st.SearchStrategy[tuple[bool, list[bool]]]:
    return st.tuples(st.booleans(), st.lists(st.booleans(), min_size=epochs, max_size=epochs))


@given(st.integers(1, 6).flatmap(lambda epochs: st.lists(curves(epochs), min_size=1, max_size=9)))
def test_forgetting_time_matches_the_reference(samples: list[tuple[bool, list[bool]]]) -> None:
    learned, is_correct = (np.array(part) for part in zip(*samples, strict=True))
    times = forgetting_time(learned, is_correct)
    assert times.dtype == np.int64
    assert times.tolist() == [reference_forgetting_time(*sample) for sample in samples]


def test_forgetting_time_by_hand() -> None:
    is_correct = np.array([[1, 1, 1], [1, 0, 0], [1, 0, 1], [0, 0, 0], [0, 0, 0], [0, 1, 0]], dtype=bool)
    learned = np.array([1, 1, 1, 1, 0, 0], dtype=bool)
    assert forgetting_time(learned, is_correct).tolist() == [4, 2, 4, 1, 0, 3]


class Watch:
    """Record the samples and the network of each call of the training loop."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.parts: list[list[int]] = []
        self.networks: list[int] = []
        self.kept: list[Any] = []

        def watched(state: Any, *args: Any, samples: torch.Tensor, **more: Any) -> None:
            self.parts.append(sorted(samples.tolist()))
            self.kept.append(state.probe)
            self.networks.append(id(state.probe))
            train_probe(state, *args, samples=samples, **more)

        monkeypatch.setattr(curv_issues.baselines.fresh, "train_probe", watched)


def test_each_half_is_tracked_while_the_other_is_trained(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(monkeypatch)
    data = make_data(31)
    result = second_split_forgetting(data, TrainingOptions(epochs=2, probe=linear_probe), seeds=2)
    assert len(watch.parts) == 8
    for first in (0, 4):
        a, b, b_again, a_again = watch.parts[first : first + 4]
        assert (a, b) == (a_again, b_again)
        assert sorted(a + b) == list(range(31))
        one, same, other, same_other = watch.networks[first : first + 4]
        assert one == same != other == same_other
    assert watch.parts[0] != watch.parts[4]
    assert result.trainings == 4
    assert result.info["epochs"] == 2


def test_seeds_are_averaged() -> None:
    data = make_data(40)
    data.labels[::4] = (data.labels[::4] + 1) % 3
    options = TrainingOptions(epochs=2, probe=mlp_probe)
    one, two = (second_split_forgetting(data, options, seeds=seeds) for seeds in (1, 2))
    assert (one.scores["ssft"] % 1 == 0).all()
    second = 2 * two.scores["ssft"] - one.scores["ssft"]
    assert set(second.tolist()) <= {0.0, 1.0, 2.0, 3.0}
    assert (second != one.scores["ssft"]).any()
    assert set(two.info["learned"].tolist()) <= {0.0, 0.5, 1.0}


def test_invalid_seeds_and_data_are_refused() -> None:
    for seeds in (0, 1.5, True):
        with pytest.raises(UsageError, match="seeds must be an integer >= 1, got"):
            second_split_forgetting(make_data(20), TrainingOptions(), seeds=seeds)  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="would train a network on 1 sample;"):
        second_split_forgetting(make_data(3), TrainingOptions(epochs=1, probe=linear_probe))
