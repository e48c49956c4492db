from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from curv_issues.baselines.confident_learning import confident_learning
from curv_issues.data.base import LabeledData
from curv_issues.errors import DatasetError, UsageError
from curv_issues.options import TrainingOptions
from curv_issues.probes.base import ProbeSpec
from tests.small import linear_probe, make_data, mlp_probe

DATA = make_data(60)
OPTIONS = TrainingOptions(epochs=2, probe=linear_probe)


class Memoriser(nn.Module):
    """Memorise the training images: logit 9 for the label of a seen image, 0 everywhere else."""

    def __init__(self, spec: ProbeSpec, answers: dict[bytes, int]) -> None:
        super().__init__()
        self.answers, self.k = answers, spec.num_classes
        self.seen: set[bytes] = set()
        self.head = nn.Linear(1, spec.num_classes)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        keys = [image.mul(255).round().byte().numpy().tobytes() for image in inputs]
        if self.training:
            self.seen.update(keys)
        logits = torch.zeros(len(keys), self.k)
        for row, key in enumerate(keys):
            if key in self.seen:
                logits[row, self.answers[key]] = 9
        return logits + 0 * self.head(torch.ones(len(keys), 1))


def memoriser_for(data: LabeledData) -> Any:
    keys = [np.ascontiguousarray(image.transpose(2, 0, 1)).tobytes() for image in data.images]
    answers = dict(zip(keys, data.labels.tolist(), strict=True))
    return lambda spec: Memoriser(spec, answers)


def test_predictions_are_out_of_sample() -> None:
    result = confident_learning(DATA, TrainingOptions(epochs=1, probe=memoriser_for(DATA), shift=0), folds=4)
    np.testing.assert_allclose(result.info["pred_probs"], 1 / 3)  # in-sample it would be nearly one-hot


def test_scores_follow_from_the_probabilities() -> None:
    result = confident_learning(DATA, OPTIONS)
    pred_probs = result.info["pred_probs"].tolist()
    own = [row[label] for row, label in zip(pred_probs, DATA.labels, strict=True)]
    other = [max(p for k, p in enumerate(row) if k != label) for row, label in zip(pred_probs, DATA.labels, strict=True)]
    np.testing.assert_allclose(result.scores["cl_self_confidence"], own, rtol=1e-9)
    expected = [(a - b + 1) / 2 for a, b in zip(own, other, strict=True)]
    np.testing.assert_allclose(result.scores["cl_normalized_margin"], expected, rtol=1e-9)
    assert result.info["pred_probs"].dtype == np.float64
    np.testing.assert_allclose(result.info["pred_probs"].sum(1), 1)


def test_folds_are_stratified_and_each_trains_one_network() -> None:
    result = confident_learning(DATA, OPTIONS, folds=4)
    counts = np.zeros((4, 3), dtype=int)
    np.add.at(counts, (result.info["fold"], DATA.labels), 1)
    assert (counts == 5).all()
    assert result.trainings == 4


def test_classes_smaller_than_the_number_of_folds_and_without_samples() -> None:
    labels = np.where(np.arange(60) < 57, DATA.labels % 2, 2)
    labels[59] = 4
    data = replace(DATA, labels=labels, class_names=("a", "b", "c", "none", "single"))
    result = confident_learning(data, TrainingOptions(epochs=3, probe=mlp_probe))
    assert result.info["pred_probs"].shape == (60, 5)
    assert np.isfinite(result.scores["cl_self_confidence"]).all()
    assert result.flagged is not None
    assert result.flagged.shape == (60,)
    # never seen by the network that judges it
    assert result.scores["cl_self_confidence"][59] < np.median(result.scores["cl_self_confidence"])


def test_invalid_folds_and_data_are_refused() -> None:
    for folds in (1, 61, 2.0, True):
        with pytest.raises(UsageError, match=f"folds must be an integer from 2 to 60, got {folds}"):
            confident_learning(DATA, OPTIONS, folds=folds)  # type: ignore[arg-type]
    with pytest.raises(DatasetError, match="would train a network on 1 sample;"):
        confident_learning(make_data(3), OPTIONS, folds=2)
    with pytest.raises(DatasetError, match="at least two classes"):
        confident_learning(make_data(9, 1), OPTIONS)
