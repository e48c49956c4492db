"""Held-out samples that are measured with the training, and how well the two are distinguished."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from curv_issues.auditing.audit import audit_data
from curv_issues.auditing.features import audit_features
from curv_issues.data.arrays import from_arrays
from curv_issues.data.base import LabeledData
from curv_issues.data.features import from_features
from curv_issues.inputs.features import FeatureInputs
from curv_issues.options import DuplicateOptions, FindingOptions, TrainingOptions
from curv_issues.training.held_out import MOST_HELD_OUT, choose_held_out, describe_unusable, membership_auroc, with_interval
from curv_issues.training.run import ProbeRun, run_probe
from tests.small import make_arrays


def split_in_two(n: int = 240, *, channels: int = 1) -> tuple[LabeledData, LabeledData]:
    """Return training and held-out samples of the same classes; one label in three is random, so it must be memorized."""
    images, labels = make_arrays(n, channels=channels)
    random = np.random.default_rng(0)
    labels = np.where(random.random(n) < 1 / 3, random.integers(0, 3, n), labels)
    names = ["a", "b", "c"]
    parts = [from_arrays(images[part::2], labels[part::2], class_names=names, resolution=8) for part in (0, 1)]
    return parts[0], parts[1]


def run(data: LabeledData, others: LabeledData, **options: Any) -> ProbeRun:
    held_out = choose_held_out(data, others, seed=0)
    found = run_probe(data, TrainingOptions(**{"device": "cpu", "epochs": 4, "curvature_epochs": 4, **options}), held_out=held_out)
    assert found is not None
    return found


def test_auroc_is_how_often_a_training_sample_has_the_lower_value() -> None:
    random = np.random.default_rng(0)
    trained, held_out = random.normal(size=40).round(1), random.normal(0.5, size=30).round(1)
    slow = np.mean([(a < b) + 0.5 * (a == b) for a in trained for b in held_out])
    assert membership_auroc(trained, held_out) == pytest.approx(slow)
    assert membership_auroc(np.zeros(3), np.ones(3)) == 1
    assert np.isnan(membership_auroc(np.array([np.nan, 1]), np.ones(2)))


def test_the_interval_covers_the_truth() -> None:
    """P(a < b) of unit normal variables half a deviation apart is .638; about 95 of 100 intervals contain it."""
    covered = 0
    for seed in range(100):
        random = np.random.default_rng(seed)
        found = with_interval(membership_auroc(random.normal(size=200), random.normal(0.5, size=60)), 200, 60)
        assert found["low"] <= found["value"] <= found["high"]
        covered += found["low"] <= 0.638 <= found["high"]
    assert 88 <= covered <= 100


class TestChoice:
    def test_copies_and_other_classes_are_left_out(self) -> None:
        data, others = split_in_two()
        images, labels = others.images, others.labels.copy()
        assert images is not None
        assert data.images is not None
        images = np.concatenate([images, data.images[:5]])
        names = ["c", "b", "a", "unknown"]
        given = np.concatenate([2 - labels, [0] * 5])
        given[:7] = 3
        found = choose_held_out(data, from_arrays(images, given, class_names=names, resolution=8), seed=0)
        assert found is not None
        assert found.data.rows.tolist() == list(range(7, len(others)))
        assert found.labels.tolist() == labels[7:].tolist()

    def test_as_many_as_are_needed(self) -> None:
        data = from_features(np.random.default_rng(0).normal(size=(30, 2)), [0, 1] * 15)
        others = from_features(np.random.default_rng(1).normal(size=(3_000, 2)), [0, 1] * 1_500)
        found = choose_held_out(data, others, seed=0)
        assert found is not None
        assert len(found.labels) == MOST_HELD_OUT
        assert found.labels.tolist() == others.labels[found.data.rows].tolist()
        again = choose_held_out(data, others, seed=1)
        assert again is not None
        assert again.data.rows.tolist() != found.data.rows.tolist()

    def test_too_few_or_unreadable_samples(self) -> None:
        data, others = split_in_two()
        assert choose_held_out(data, others.take(np.arange(10)), seed=0) is None
        assert choose_held_out(data, split_in_two(channels=3)[1], seed=0) is None


def test_training_is_not_changed_by_held_out_samples() -> None:
    data, others = split_in_two()
    plain = run_probe(data, TrainingOptions(device="cpu", epochs=4, curvature_epochs=4))
    assert plain is not None
    found = run(data, others)
    assert plain.membership is None
    assert found.membership is not None
    for name, values in plain.scores.items():
        assert np.array_equal(values, found.scores[name]), name


def test_a_network_that_memorizes_gives_its_samples_away() -> None:
    data, others = split_in_two()
    found = run(data, others, epochs=60, curvature_epochs=3).membership
    assert found is not None
    assert found["num_held_out"] == len(others)
    assert found["epochs"] == [20, 40, 60]
    assert found["auroc"]["loss"]["low"] > 0.6
    loss = found["by_epoch"]["loss"]
    assert loss["training"][-1] < loss["training"][0]
    assert loss["held_out"][-1] > 2 * loss["training"][-1]
    assert loss["auroc"][-1] == found["auroc"]["loss"]["value"] > loss["auroc"][0]


def test_samples_that_were_not_trained_on_cannot_be_told_apart() -> None:
    """A network that has seen neither half."""
    data, others = split_in_two(1_200)
    torch.manual_seed(0)  # one network in ten is outside one of the two intervals
    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 3))
    result = audit_data(
        data,
        TrainingOptions(epochs=0, probe=network, device="cpu", input="images"),
        FindingOptions(),
        DuplicateOptions(duplicates=False),
        others=others,
        images=False,
    )
    found = result.summary["membership"]
    assert found["epochs"] == [1]
    assert found["auroc"]["loss"]["low"] < 0.5 < found["auroc"]["loss"]["high"]
    assert found["auroc"]["curvature"]["low"] < 0.5 < found["auroc"]["curvature"]["high"]


def test_grey_samples_are_read_by_a_network_for_colours() -> None:
    data, _ = split_in_two(channels=3)
    _, others = split_in_two()
    assert run(data, others, epochs=1, curvature_epochs=1).membership is not None


def test_features_are_in_the_units_of_the_training() -> None:
    random = np.random.default_rng(0)
    rows = random.normal(5, 3, (50, 4)).astype(np.float32)
    inputs = FeatureInputs(rows)
    other = inputs.of_others(rows[10:20])
    index = torch.arange(10)
    assert torch.equal(other.batch(index, torch.device("cpu")), inputs.batch(index + 10, torch.device("cpu")))
    assert (len(other), len(inputs)) == (10, 50)


def test_a_summary_has_the_comparison_and_a_note() -> None:
    data, others = split_in_two()
    result = audit_data(data, TrainingOptions(epochs=2, device="cpu"), FindingOptions(), others=others, images=False)
    found = result.summary["membership"]
    assert (found["source"], found["split"], found["num_held_out"]) == (others.source.source, others.source.split, len(others))
    (note,) = (note for note in result.summary["notes"] if note.startswith("Samples of the training are distinguished from"))
    assert f"its loss with AUROC {found['auroc']['loss']['value']:.2f}" in note
    assert audit_features(np.ones((20, 2)), [0, 1] * 10, epochs=1, device="cpu", progress=False).summary.get("membership") is None


def test_nothing_is_compared_without_usable_samples() -> None:
    data, others = split_in_two()
    few = others.take(np.arange(10))
    result = audit_data(data, TrainingOptions(epochs=1, device="cpu"), FindingOptions(), others=few, images=False)
    assert result.summary["membership"] is None
    where = f"Samples of the training are not compared with those of {few.source.source} (membership)"
    assert result.summary["notes"][-1] == (
        f"{where}: of 10 samples, 0 are left out as copies of training samples and 0 as samples of unknown classes, so 10 remain; "
        "at least 20 are needed."
    )


def test_features_that_are_not_given_are_the_reason() -> None:
    data, others = split_in_two()
    on_features = replace(data, features=np.random.default_rng(0).normal(size=(len(data), 4)).astype(np.float32))
    options = TrainingOptions(epochs=1, device="cpu", input="features")
    result = audit_data(on_features, options, FindingOptions(), others=others, images=False)
    assert result.summary["membership"] is None
    assert "the training is on features, which are not given for them" in result.summary["notes"][-1]


def test_the_reason_is_given_if_no_sample_is_usable() -> None:
    data, others = split_in_two(channels=3)
    assert describe_unusable(data, others) is None
    names = ["a", "b", "unknown"]
    mixed = from_arrays(np.concatenate([others.images, data.images]), [2] * 120 + [0] * 120, class_names=names, resolution=8)
    found = describe_unusable(data, mixed)
    assert found is not None
    assert "of 240 samples, 120 are left out as copies of training samples and 120 as samples of unknown classes, so 0" in found
    assert describe_unusable(split_in_two()[0], others) == "the network cannot read them"
