"""Audits of a trained network, without training."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from curv_issues import AuditError, AuditResult, Tracker, UsageError, audit, audit_features, from_features, rejudge
from curv_issues.options import TrainingOptions
from curv_issues.report import FORMATS, render
from curv_issues.trackers import SCORES, ScoreInfo
from curv_issues.trackers.base import Need, Observation
from curv_issues.training.run import run_probe
from curv_issues.training.trained import scores_without_training
from tests.small import make_data, seeded

DATA = make_data(60, 3)


def trained(features: int = 64, k: int = 3) -> nn.Module:
    """Return a network that knows the classes of DATA: logits are similarities with the mean image of each class."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(features, k))
    assert DATA.images is not None
    pixels = DATA.images.reshape(len(DATA), -1) / 255
    means = np.stack([pixels[DATA.labels == code].mean(0) for code in range(k)])
    with torch.no_grad():
        network[1].weight.copy_(torch.from_numpy(means).float())
        network[1].bias.copy_(torch.from_numpy(-0.5 * (means**2).sum(1)).float())
    return network


def audited(**options: Any) -> AuditResult:
    return audit(DATA, **{"epochs": 0, "probe": trained(), "device": "cpu", "progress": False, **options})


def logits_of(network: nn.Module) -> Tensor:
    assert DATA.images is not None
    with torch.no_grad():
        return network(torch.from_numpy(DATA.images / 255).float().permute(0, 3, 1, 2))


@pytest.fixture(scope="module", autouse=True)
def in_float32() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("curv_issues.device.has_bfloat16", lambda device: False)
        yield


@pytest.fixture(scope="module")
def result(in_float32: None) -> AuditResult:
    return audited()


def test_scores_are_those_of_the_logits(result: AuditResult) -> None:
    logits, labels = logits_of(trained()), torch.from_numpy(DATA.labels)
    given = logits.gather(1, labels[:, None])[:, 0]
    others = logits.scatter(1, labels[:, None], -torch.inf).max(1).values
    assert np.allclose(result.scores["final_margin"], given - others, atol=1e-2)
    assert np.allclose(result.scores["final_loss"], nn.functional.cross_entropy(logits, labels, reduction="none"), atol=1e-2)
    assert np.allclose(result.scores["inconfidence"], 1 - logits.softmax(1).gather(1, labels[:, None])[:, 0], atol=1e-2)
    assert np.allclose(result.pred_probs, logits.softmax(1), atol=1e-2)
    order = result.scores["final_margin"].rank(ascending=False)
    assert np.allclose((order - 0.5) / 60, result.scores["suspicion"])


def test_scores_of_the_training_are_absent(result: AuditResult) -> None:
    assert {name for name in result.score_names if name in SCORES} == {
        "input_curvature",
        "final_margin",
        "final_loss",
        "loss_sensitivity",
        "residual",
        "evaluation_loss",
        "inconfidence",
        "max_inconfidence",
    }
    assert not result.scores[list(scores_without_training(tuple(SCORES)))[:3]].isna().any().any()
    assert (result.trajectories, result.summary["epochs_done"], result.complete) == ({}, 0, True)
    assert set(scores_without_training(tuple(SCORES))) - set(result.score_names) == {"label_contrast", "label_contrast_difference"}
    assert "label_contrast" in audited(measure="all").score_names


def test_nothing_is_flagged_without_a_cut_off(result: AuditResult) -> None:
    assert not result.scores["flagged"].any()
    notes = " ".join(result.summary["notes"])
    assert "The network was not trained here. If it was trained on these labels, it may agree with wrong ones" in notes
    assert "100.0% of the given labels" in notes
    assert "images from 0 to 1 at 8 pixels" in notes
    assert "The automatic cut-off needs a training" in notes
    flagged = audited(cut_off="10%")
    assert int(flagged.scores["flagged"].sum()) == 6
    assert "The automatic cut-off" not in " ".join(flagged.summary["notes"])
    assert int(audited(cut_off=0.5).scores["flagged"].sum()) == 30


def test_result_is_saved_judged_again_and_rendered(result: AuditResult, tmp_path: Path) -> None:
    loaded = AuditResult.load(result.save(tmp_path / "out"))
    assert loaded.scores.equals(result.scores)
    assert (loaded.trajectories, loaded.summary["ranking"]["score"]) == ({}, "final_margin")
    again = rejudge(loaded, cut_off="5%")
    assert len(again.findings) == 3
    assert "The automatic cut-off" not in " ".join(again.summary["notes"])
    by_loss = rejudge(loaded, score="final_loss").scores["suspicion"]
    assert by_loss.equals(audited(score="final_loss").scores["suspicion"])
    for name in FORMATS:
        assert render(again, name)


def test_the_network_is_not_changed() -> None:
    network = nn.Sequential(trained(), nn.BatchNorm1d(3), nn.Dropout(0.9), nn.Linear(3, 3)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    first = audited(probe=network)
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())
    assert network.training
    assert first.scores.equals(audited(probe=network).scores)


def test_a_frozen_network_is_scored() -> None:
    assert audited(probe=trained().requires_grad_(False)).scores["final_margin"].notna().all()


def test_features_are_handed_over_as_they_are() -> None:
    values = np.random.default_rng(0).normal(50, 20, (60, 64)).astype(np.float32)
    values[:, 7] = np.random.default_rng(0).lognormal(3, 2, 60)  # of which a probe trained here would see the ranks
    network = seeded(0, lambda: nn.Linear(64, 3))
    result = audit_features(values, DATA.labels, probe=network, epochs=0, device="cpu", progress=False)
    with torch.no_grad():
        logits = network(torch.from_numpy(values))
    assert (result.pred_probs.argmax(1) == logits.argmax(1).numpy()).all()
    assert np.allclose(result.pred_probs, logits.softmax(1), atol=0.05)
    assert "takes the features as they are" in " ".join(result.summary["notes"])


def test_grey_images_are_handed_over_as_rgb_if_needed() -> None:
    grey, rgb = trained(), nn.Sequential(nn.Flatten(), nn.Linear(192, 3))
    with torch.no_grad():
        rgb[1].weight.copy_(grey[1].weight.repeat(1, 3) / 3)  # type: ignore[index, operator, union-attr]
        rgb[1].bias.copy_(grey[1].bias)  # type: ignore[index, arg-type]
    one, three = audited(probe=grey), audited(probe=rgb)
    for name in ("final_margin", "input_curvature", "loss_sensitivity"):
        assert np.allclose(one.scores[name], three.scores[name], rtol=0.05, atol=0.02)


class TrainingOnly(Tracker):
    name = "training_only"
    needs = Need.TRAINING
    info = ScoreInfo(direction="high", description="x", cost="none", source="x")

    def measure(self, batch: Observation) -> Tensor:
        return batch.losses

    def reduce(self, history: np.ndarray) -> np.ndarray:
        return history.mean(1)


class Confidence(TrainingOnly):
    name = "confidence"
    needs = Need.EVALUATION


def test_scores_of_your_own_need_a_scoring_pass() -> None:
    with pytest.raises(UsageError, match=r"^The tracker TrainingOnly needs a training pass, but with epochs=0 there is none\.$"):
        audited(trackers=[TrainingOnly])
    result = audited(trackers=[Confidence], score="confidence")
    assert np.allclose(result.scores["confidence"], result.scores["final_loss"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"probe": "auto"}, "but the probe is 'auto'; pass your own network"),
        ({"probe": "convnet"}, "but the probe is 'convnet'; pass your own network"),
        (
            {"score": "margin"},
            "The score 'margin' needs a training, but with epochs=0 there is none; expected one of: input_curvature",
        ),
        ({"score": "p_wrong"}, "The score 'p_wrong' needs a training, but with epochs=0 there is none"),
        ({"probe": nn.Sequential(nn.Flatten(), nn.Linear(64, 4))}, "must return logits of shape"),
        ({"probe": nn.Sequential(nn.Flatten(), nn.Linear(65, 3))}, "cannot read images of shape"),
    ],
)
def test_what_cannot_be_scored(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message.replace("(", r"\(")):
        audited(**options)


def test_outputs_that_are_nan() -> None:
    network = trained()
    with torch.no_grad():
        network[1].bias[0] = torch.nan  # type: ignore[index, union-attr]
    with pytest.raises(AuditError, match=r"^The network returns NaN for 60 of 60 samples; expected logits\.$"):
        audited(probe=network)


def test_other_runs_need_a_training() -> None:
    data = from_features(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(UsageError, match="expected at least one epoch"):
        run_probe(data, TrainingOptions(epochs=0, probe=nn.Linear(4, 2)))
