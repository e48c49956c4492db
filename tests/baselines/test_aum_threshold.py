from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import curv_issues.baselines.fresh
from curv_issues.baselines.aum_threshold import aum_with_threshold_samples, join_trainings, threshold_samples
from curv_issues.errors import DatasetError, UsageError
from curv_issues.options import TrainingOptions
from curv_issues.training.loop import train_probe
from tests.small import linear_probe, make_data

DATA = make_data(43)


@given(st.integers(3, 60), st.integers(2, 8), st.integers(0, 99))
def test_threshold_samples_are_two_disjoint_sets_of_the_papers_size(n: int, k: int, seed: int) -> None:
    if n < k + 1:
        with pytest.raises(DatasetError, match=f"needs more samples than classes, got {n} samples of {k} classes"):
            threshold_samples(n, k, generator=np.random.default_rng(seed))
        return
    chosen = threshold_samples(n, k, generator=np.random.default_rng(seed))
    assert chosen.shape == (2, n)
    assert chosen.sum(axis=1).tolist() == [n // (k + 1)] * 2
    assert not chosen.all(axis=0).any()


def slow_percentile(values: list[float], percentile: float) -> float:
    """Interpolate linearly between the two nearest values."""
    ordered = sorted(values)
    place = (len(ordered) - 1) * percentile / 100
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


@given(st.integers(3, 40), st.integers(2, 4), st.sampled_from([50.0, 99.0, 100.0]), st.integers(0, 99))
def test_joined_trainings_match_the_reference(n: int, k: int, percentile: float, seed: int) -> None:
    rng = np.random.default_rng(seed)
    n = max(n, k + 1)
    aums, chosen = rng.normal(size=(2, n)), threshold_samples(n, k, generator=rng)
    score, flagged, cut_offs = join_trainings(aums, chosen, percentile=percentile)
    for training in (0, 1):
        values = [float(aums[training, i]) for i in range(n) if chosen[training, i]]
        assert cut_offs[training] == pytest.approx(slow_percentile(values, percentile))
    for i in range(n):
        own = [training for training in (0, 1) if not chosen[training, i]]
        assert score[i] == pytest.approx(sum(aums[training, i] for training in own) / len(own))
        assert flagged[i] == all(aums[training, i] < cut_offs[training] for training in own)


def test_each_training_has_an_extra_class_and_its_own_threshold_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[torch.Tensor, torch.Tensor, int]] = []

    def watched(state: Any, inputs: Any, labels: torch.Tensor, *, samples: torch.Tensor, **more: Any) -> None:
        seen.append((labels.clone(), samples, list(state.probe.parameters())[-1].shape[0]))
        train_probe(state, inputs, labels, samples=samples, **more)

    monkeypatch.setattr(curv_issues.baselines.fresh, "train_probe", watched)
    result = aum_with_threshold_samples(DATA, TrainingOptions(epochs=2, probe=linear_probe))
    assert len(seen) == result.trainings == 2
    for (labels, samples, logits), chosen in zip(seen, result.info["is_threshold"], strict=True):
        assert samples.tolist() == list(range(43))
        assert logits == 4
        assert (labels.numpy() == np.where(chosen, 3, DATA.labels)).all()
        assert chosen.sum() == 10
    assert (DATA.labels < 3).all()  # untouched


def test_threshold_samples_have_a_low_margin_and_give_the_cut_off() -> None:
    data = make_data(120)
    result = aum_with_threshold_samples(data, TrainingOptions(epochs=6, probe=linear_probe))
    assert len(result.info["cut_offs"]) == 2
    assert max(result.info["cut_offs"]) < np.median(result.scores["aum"])
    assert result.flagged is not None
    assert result.flagged.mean() < 0.2  # these data have no wrong labels


def test_network_instances_are_refused() -> None:
    with pytest.raises(UsageError, match="needs a probe with one class more than the data; pass its name or a function"):
        aum_with_threshold_samples(DATA, TrainingOptions(probe=torch.nn.Linear(64, 3)))
