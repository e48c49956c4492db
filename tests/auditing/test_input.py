"""Images and features together: which of them are trained on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from curv_issues import AuditResult, LabeledData, UsageError, audit, from_features, rejudge
from curv_issues.baselines.fresh import FreshProbes
from curv_issues.options import TrainingOptions
from curv_issues.trackers import CROSS_FIT_SCORES
from tests.small import make_data

IMAGES = make_data(60, 3, seed=0)
ROWS = np.random.default_rng(0).normal(size=(60, 5)).astype(np.float32) + IMAGES.labels[:, None]
BOTH = replace(IMAGES, features=ROWS)
OPTIONS = {"epochs": 2, "progress": False, "device": "cpu", "duplicates": False}


def run(data: LabeledData = BOTH, **options: str) -> AuditResult:
    return audit(data, **OPTIONS, **options)  # type: ignore[arg-type]


def test_images_and_features_are_joined() -> None:
    result = run(input="both")
    assert run().scores["suspicion"].equals(result.scores["suspicion"])  # the default
    assert result.summary["ranking"]["parts"] == [
        "late_margin",
        "fitted_loss",
        "held_out_loss",
        "p_wrong",
    ]  # classes are confused evenly
    assert (result.summary["input"], result.summary["pred_probs"]) == ("both", "out-of-sample")
    assert result.scores["margin"].equals(run(IMAGES).scores["margin"])  # the probe is that of the images
    assert rejudge(result).scores["suspicion"].equals(result.scores["suspicion"])


def test_images_alone_if_wanted() -> None:
    result, expected = run(input="images"), run(IMAGES)
    assert not set(CROSS_FIT_SCORES) & set(result.score_names)
    assert result.scores["suspicion"].equals(expected.scores["suspicion"])
    assert result.summary["input"] == "images"


def test_features_alone_if_wanted() -> None:
    result, expected = run(input="features"), run(from_features(ROWS, IMAGES.labels))
    assert result.summary["input"] == "features"
    assert result.scores["suspicion"].equals(expected.scores["suspicion"])


def test_a_trained_network_needs_to_know_its_input() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(5, 3))
    with pytest.raises(
        UsageError, match=r"^With --epochs 0 \(epochs=0\), say which input the network takes: --input images or feat"
    ):
        audit(BOTH, **{**OPTIONS, "epochs": 0}, probe=network)
    assert len(audit(BOTH, **{**OPTIONS, "epochs": 0}, probe=network, input="features")) == 60


def test_baselines_take_the_features_of_both() -> None:
    for chosen, shape in (("both", (5,)), ("auto", (5,)), ("features", (5,)), ("images", (3, 8, 8))):
        trainings = FreshProbes(BOTH, TrainingOptions(input=chosen, device="cpu"))  # type: ignore[arg-type]
        assert trainings.inputs.shape[-1] == shape[-1]


@pytest.mark.parametrize("chosen", ["features", "both"])
def test_missing_features_are_an_error(chosen: str) -> None:
    with pytest.raises(UsageError, match=rf"^--input {chosen} \(input='{chosen}'\) needs features; add --backbone or --features"):
        run(IMAGES, input=chosen)


@pytest.mark.parametrize("chosen", ["images", "both"])
def test_missing_images_are_an_error(chosen: str) -> None:
    with pytest.raises(UsageError, match=rf"^--input {chosen} \(input='{chosen}'\) needs images, but features has features only"):
        run(from_features(ROWS, IMAGES.labels), input=chosen)


def test_unknown_input_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"^Unknown input 'pixels'; choose one of: auto, images, features, both\.$"):
        TrainingOptions(input="pixels")  # type: ignore[arg-type]
