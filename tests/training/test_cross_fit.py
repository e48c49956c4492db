"""Cross-fitted heads on features."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_wine
from torch.nn import functional

from curv_issues.errors import AuditError
from curv_issues.inputs.features import FeatureInputs
from curv_issues.noise.uniform import flip_labels
from curv_issues.options import TrainingOptions
from curv_issues.trackers import CROSS_FIT_SCORES
from curv_issues.training import cross_fit as module
from curv_issues.training import run
from curv_issues.training.cross_fit import FOLDS, NEVER_HELD_OUT, CrossFit, Heads, adapted, assign_folds, cross_fit
from curv_issues.training.recipe import IMAGE_DECAY, MOST_DECAY, Recipe, make_recipe
from curv_issues.training.run import isolated_rng, run_probe
from tests.small import make_data

WINE = load_wine()
FEATURES = WINE.data.astype(np.float32)
LABELS, IS_FLIPPED = flip_labels(WINE.target, 0.1, num_classes=3, seed=0)


def fit(labels: np.ndarray = LABELS, *, features: np.ndarray = FEATURES, seed: int = 0, **options: float) -> CrossFit:
    training = TrainingOptions(**{"epochs": 12, **options})  # type: ignore[arg-type]
    recipe = make_recipe(training, num_samples=len(labels), shape=features.shape[1:])
    with isolated_rng(seed):
        return cross_fit(
            FeatureInputs(features),
            torch.from_numpy(labels),
            num_classes=3,
            recipe=recipe,
            seed=seed,
            device=torch.device("cpu"),
        )


def test_planted_errors_have_the_largest_losses() -> None:
    found = fit()
    assert list(found.scores) == list(CROSS_FIT_SCORES)
    for values in found.scores.values():
        first = np.argsort(-values)[: IS_FLIPPED.sum()]
        assert IS_FLIPPED[first].mean() > 0.8
    assert (found.suggested[IS_FLIPPED] == WINE.target[IS_FLIPPED]).mean() > 0.8
    assert (found.suggested != LABELS).all()


def test_probabilities_are_those_of_the_held_out_loss() -> None:
    found = fit()
    np.testing.assert_allclose(found.pred_probs.astype(np.float64).sum(1), 1, atol=2e-3)
    given_probability = np.exp(-found.scores["held_out_loss"])
    np.testing.assert_allclose(found.pred_probs[np.arange(len(LABELS)), LABELS], given_probability, atol=1e-3)


def test_no_head_learns_from_the_label_of_its_own_fold(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = LABELS.copy()
    row = 5
    changed[row] = (changed[row] + 1) % 3
    folds = torch.arange(len(LABELS)) % FOLDS  # the same for both, whatever the labels are
    monkeypatch.setattr(module, "assign_folds", lambda labels, generator: folds)
    before, after = fit().pred_probs, fit(changed).pred_probs
    same_fold = (folds == folds[row]).numpy()
    assert np.array_equal(before[same_fold], after[same_fold])
    assert not np.array_equal(before[~same_fold], after[~same_fold])


@pytest.mark.parametrize("num_features", [7, 300])
def test_heads_equal_separate_networks(num_features: int) -> None:
    heads = Heads(num_features, 4).eval()
    inputs = torch.randn(6, num_features)
    for head, logits in enumerate(heads(inputs)):
        units = slice(head * heads.width, (head + 1) * heads.width)
        hidden = functional.linear(inputs, heads.hidden.weight[units], heads.hidden.bias[units])
        hidden = functional.layer_norm(hidden, (heads.width,)).relu()
        torch.testing.assert_close(logits, hidden @ heads.weight[head] + heads.bias[head])
        torch.testing.assert_close(heads(inputs, only=head)[0], logits)


@given(st.lists(st.integers(0, 4), min_size=2, max_size=60), st.integers(0, 3))
def test_folds_split_every_class_evenly(classes: list[int], seed: int) -> None:
    labels = torch.tensor(classes)
    folds = assign_folds(labels, generator=torch.Generator().manual_seed(seed))
    for label in labels.unique():
        own = folds[labels == label]
        if len(own) == 1:
            assert own.item() == NEVER_HELD_OUT
        else:
            counts = torch.bincount(own, minlength=FOLDS)
            assert counts.max() - counts.min() <= 1


def test_only_sample_of_a_class_is_not_held_out(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = np.where(WINE.target == 2, 1, WINE.target)
    labels[0] = 2
    found = fit(labels)
    monkeypatch.setattr(module, "assign_folds", lambda labels, generator: torch.arange(len(labels)) % FOLDS)
    assert found.scores["held_out_loss"][0] < fit(labels).scores["held_out_loss"][0]
    assert np.isfinite(found.scores["held_out_loss"]).all()


def test_same_seed_gives_the_same_scores_and_another_does_not() -> None:
    one, other, again = fit(seed=1), fit(seed=2), fit(seed=1)
    assert np.array_equal(one.scores["held_out_loss"], again.scores["held_out_loss"])
    assert not np.array_equal(one.scores["held_out_loss"], other.scores["held_out_loss"])


def test_labels_to_train_on_may_differ_from_the_given() -> None:
    recipe = make_recipe(TrainingOptions(epochs=12), num_samples=len(LABELS), shape=(13,))
    with isolated_rng(0):
        found = cross_fit(
            FeatureInputs(FEATURES),
            torch.from_numpy(WINE.target),
            num_classes=3,
            recipe=recipe,
            seed=0,
            device=torch.device("cpu"),
            given=torch.from_numpy(LABELS),
        )
    first = np.argsort(-found.scores["fitted_loss"])[: IS_FLIPPED.sum()]
    assert IS_FLIPPED[first].mean() == 1


def test_recipe_of_the_heads() -> None:
    recipe = make_recipe(TrainingOptions(epochs=9, batch_size=30, learning_rate=0.1), num_samples=100, shape=(13,))
    assert (adapted(recipe).epochs, adapted(recipe).batch_size) == (4, 60)
    assert adapted(recipe).learning_rate == pytest.approx(0.1 * 2**0.5)
    assert adapted(make_recipe(TrainingOptions(epochs=1), num_samples=100, shape=(13,))).epochs == 3


def test_diverging_loss_is_reported() -> None:
    with pytest.raises(AuditError, match=r"The loss of the cross-fitted heads became (nan|inf) in epoch"):
        fit(learning_rate=1e12)


def test_beside_images_the_heads_have_the_recipe_of_features(monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_data(60)
    data = replace(data, features=np.random.default_rng(0).normal(size=(60, 40)).astype(np.float32))
    recipes = []

    def keep(*args: Any, recipe: Recipe, **others: Any) -> CrossFit:
        recipes.append(recipe)
        return cross_fit(*args, recipe=recipe, **others)

    monkeypatch.setattr(run, "cross_fit", keep)
    for chosen in ("features", "both"):
        run_probe(data, TrainingOptions(input=chosen, epochs=2))
    assert recipes[0] == recipes[1]
    assert recipes[0].weight_decay == MOST_DECAY > IMAGE_DECAY
