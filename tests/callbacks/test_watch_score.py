"""Scoring passes of a Watch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from curv_issues.callbacks.watch import Watch
from curv_issues.errors import UsageError
from curv_issues.results.result import AuditResult
from curv_issues.trackers import LABEL_NOISE_SCORES, SCORES
from tests import reference
from tests.callbacks.watching import (
    LABELS,
    OF_TRAINING,
    K,
    N,
    blobs,
    loader_of,
    observe_all,
    random_steps,
    same_scores,
    small_network,
    watched,
)

FEATURES, GIVEN, _ = blobs(wrong=0)


def scored(**options: Any) -> AuditResult:
    watch = watched(random_steps(2))
    watch.score(small_network(), loader_of(FEATURES, GIVEN), **options)
    return watch.result(LABELS)


def test_all_scores_of_a_scoring_pass() -> None:
    expected = {name for name, info in SCORES.items() if not info.on_demand and info.quantity != "training_gradient"}
    expected |= set(LABEL_NOISE_SCORES)
    result = scored()
    assert set(result.score_names) == expected
    assert not result.scores[list(expected)].isna().any(axis=None)
    assert np.isnan(result.trajectories["input_curvature"][:, 0]).all()
    network = small_network().eval()
    logits = network(FEATURES).detach().numpy()
    np.testing.assert_allclose(result.scores["final_loss"], reference.cumulative_loss(logits[None], LABELS), rtol=1e-4)


def test_chosen_scores() -> None:
    assert set(scored(scores=["curvature"]).score_names) == OF_TRAINING | {"input_curvature"}
    assert set(scored(scores="final_margin").score_names) == OF_TRAINING | {"final_margin"}


def test_final_scores_are_those_after_the_last_epoch() -> None:
    watch, epochs = Watch(N, K), random_steps(2)
    observe_all(watch, epochs[:1])
    watch.score(small_network(), loader_of(FEATURES, GIVEN))
    assert "final_loss" in watch.result(LABELS).score_names
    observe_all(watch, epochs[1:])
    names = watch.result(LABELS).score_names
    assert "final_loss" not in names
    assert "input_curvature" in names


def test_samples_that_were_not_scored_are_nan() -> None:
    watch = watched(random_steps(2))
    watch.score(small_network(), list(loader_of(FEATURES, GIVEN))[:-1])
    result = watch.result(LABELS)
    missing = list(range(48, N))
    for name in set(result.score_names) - OF_TRAINING:
        assert result.scores.index[result.scores[name].isna()].tolist() == missing, name


def test_the_network_is_unchanged() -> None:
    network, watch = small_network(), watched(random_steps(1))
    network[0].weight.requires_grad_(False)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    watch.score(network, loader_of(FEATURES, GIVEN))
    assert network.training
    assert not network[0].weight.requires_grad
    assert network[3].weight.requires_grad
    assert all(torch.equal(before[name], value) for name, value in network.state_dict().items())


def test_mappings_and_outputs_with_logits() -> None:
    class Output:
        def __init__(self, logits: torch.Tensor) -> None:
            self.logits = logits

    class Named(nn.Module):
        def __init__(self, *, scale: bool) -> None:
            super().__init__()
            self.inner = small_network()

        def forward(self, *, values: torch.Tensor, scale: torch.Tensor | None = None) -> Output:
            return Output(self.inner(values if scale is None else values * scale))

    plain = scored()
    watch = watched(random_steps(2))
    batches = [{"values": x, "labels": y, "index": i} for x, y, i in loader_of(FEATURES, GIVEN)]
    watch.score(Named(scale=False), batches)
    assert same_scores(watch.result(LABELS), plain)
    several = watched(random_steps(2))
    several.score(Named(scale=True), [{**batch, "scale": torch.ones(1)} for batch in batches])
    found = several.result(LABELS)
    np.testing.assert_array_equal(found.scores["final_loss"], plain.scores["final_loss"])
    assert "input_curvature" not in found.score_names


@pytest.mark.parametrize(
    ("batches", "options", "message"),
    [
        ([], {}, "The loader has no batches to score"),
        (
            [(torch.zeros(2, 5), torch.tensor([0, 1]))],
            {},
            r"Expected batches of \(inputs, labels, index\), got a sequence of 2",
        ),
        ([torch.zeros(2, 5)], {}, "got a Tensor"),
        ([{"x": torch.zeros(2, 5)}], {}, "A batch has the keys x; expected 'index' and 'labels' or 'label'"),
        ([(torch.zeros(1, 5), torch.tensor([0]), torch.tensor([60]))], {}, "The indices run from 60 to 60; expected 0 to 59"),
        ([(torch.zeros(1, 5), torch.tensor([3]), torch.tensor([0]))], {}, "The labels run from 3 to 3; expected 0 to 2"),
        (
            [(torch.zeros(1, 5), torch.tensor([2]), torch.tensor([0]))],
            {},
            "Sample 0 was observed with class 0, but has class 2",
        ),
        (
            [(torch.zeros(1, 5), torch.tensor([0]), torch.tensor([0]))],
            {"scores": ["margin"]},
            "Unknown score of a scoring pass",
        ),
        ([(torch.zeros(1, 5), torch.tensor([0]), torch.tensor([0]))], {"scores": []}, "scores names no score"),
        (
            [(torch.zeros(1, 5).long(), torch.tensor([0]), torch.tensor([0]))],
            {"scores": ["input_curvature"]},
            "The score 'input_curvature' needs input gradients",
        ),
    ],
)
def test_wrong_batches_are_refused(batches: list[Any], options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        watched(random_steps(1)).score(small_network(), batches, **options)


def test_a_network_without_logits_is_refused() -> None:
    with pytest.raises(UsageError, match=r"The network must return logits of shape \(b, 3\), got \(16, 5\)"):
        watched(random_steps(1)).score(nn.Identity(), loader_of(FEATURES, GIVEN))


def test_an_open_epoch_is_refused() -> None:
    watch = watched(random_steps(1))
    watch.observe(*random_steps(1)[0][0])
    with pytest.raises(UsageError, match="call end_epoch"):
        watch.score(small_network(), loader_of(FEATURES, GIVEN))
