from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from curv_issues.baselines.memorization import memorization, memorization_scores
from curv_issues.errors import UsageError
from curv_issues.options import TrainingOptions
from tests.small import linear_probe, make_data

DATA = make_data(30)
OPTIONS = TrainingOptions(epochs=1, probe=linear_probe)


@given(st.data(), st.integers(2, 8), st.integers(1, 9))
def test_scores_match_the_reference(data: st.DataObject, m: int, n: int) -> None:
    is_correct, is_trained = (data.draw(arrays(np.bool_, (m, n))) for _ in range(2))
    is_trained[0], is_trained[1] = True, False
    scores = memorization_scores(is_correct, is_trained)
    for i in range(n):
        seen = [bool(is_correct[t, i]) for t in range(m) if is_trained[t, i]]
        unseen = [bool(is_correct[t, i]) for t in range(m) if not is_trained[t, i]]
        assert scores[i] == pytest.approx(sum(seen) / len(seen) - sum(unseen) / len(unseen))


def test_scores_by_hand() -> None:
    is_trained = np.array([[1, 1, 1], [1, 1, 0], [0, 0, 0]], dtype=bool)
    is_correct = np.array([[1, 1, 0], [1, 0, 1], [0, 1, 1]], dtype=bool)
    assert memorization_scores(is_correct, is_trained).tolist() == [1.0, -0.5, -1.0]


@pytest.mark.parametrize(("num_models", "ratio"), [(4, 0.7), (10, 0.9), (2, 0.5), (5, 0.2)])
def test_every_sample_is_included_and_excluded_at_least_once(num_models: int, ratio: float) -> None:
    result = memorization(DATA, OPTIONS, num_models=num_models, ratio=ratio)
    is_trained = result.info["is_trained"]
    assert is_trained.sum(axis=1).tolist() == [round(ratio * 30)] * num_models
    assert is_trained.any(axis=0).all()
    assert not is_trained.all(axis=0).any()
    assert result.trainings == num_models
    np.testing.assert_array_equal(result.scores["memorization"], memorization_scores(result.info["is_correct"], is_trained))


def test_wrong_labels_of_separable_images_are_memorised() -> None:
    labels = DATA.labels.copy()
    labels[[4, 11]] = (labels[[4, 11]] + 1) % 3
    data = replace(DATA, labels=labels)
    chosen = TrainingOptions(epochs=40, probe=linear_probe, weight_decay=0.0, learning_rate=1.0)
    result = memorization(data, chosen, num_models=6)
    assert set(np.argsort(result.scores["memorization"])[-2:].tolist()) == {4, 11}
    assert result.scores["memorization"][[4, 11]].min() == 1.0


@pytest.mark.parametrize("ratio", [0, 1, 1.2, -0.5, float("nan"), "half", True])
def test_a_ratio_out_of_range_is_refused(ratio: float) -> None:
    with pytest.raises(UsageError, match=r"ratio must be a number between 0 and 1, got"):
        memorization(DATA, OPTIONS, ratio=ratio)


def test_too_few_networks_are_refused_with_the_number_needed() -> None:
    with pytest.raises(UsageError, match="num_models must be an integer >= 2, got 1"):
        memorization(DATA, OPTIONS, num_models=1)
    with pytest.raises(
        UsageError, match=r"num_models = 3 at ratio 0\.7 cannot include and exclude each of 30 samples .*; use num_models >= 4\."
    ):
        memorization(DATA, OPTIONS, num_models=3)
    memorization(DATA, OPTIONS, num_models=4)
    with pytest.raises(UsageError, match=r"num_models = 3 at ratio 0\.3 cannot .*; use num_models >= 4\."):
        memorization(DATA, OPTIONS, num_models=3, ratio=0.3)
    with pytest.raises(UsageError, match=r"use a ratio closer to 0\.5\."):
        memorization(DATA, OPTIONS, num_models=1000, ratio=0.999)
