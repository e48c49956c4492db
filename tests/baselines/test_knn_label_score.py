from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import curv_issues.baselines.knn_label_score
from curv_issues.baselines.knn_label_score import knn_label_score
from curv_issues.errors import AuditError, UsageError
from curv_issues.options import TrainingOptions
from curv_issues.training.run import run_probe
from tests.small import linear_probe, make_data, mlp_probe

DATA = make_data(60)
OPTIONS = TrainingOptions(epochs=3, probe=mlp_probe, seed=2)


def reference_fraction(features: np.ndarray, labels: np.ndarray) -> list[float]:
    """Return the fraction of the ten nearest other samples that have the sample's label."""
    fractions = []
    for i in range(len(labels)):
        others = [j for j in range(len(labels)) if j != i]
        nearest = sorted(others, key=lambda j: float(((features[i] - features[j]) ** 2).sum()))[:10]
        fractions.append(sum(bool(labels[j] == labels[i]) for j in nearest) / 10)
    return fractions


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, np.int64])
def test_matches_the_reference(dtype: Any) -> None:
    features = (np.random.default_rng(0).normal(size=(60, 5)) * 100 + 200 * DATA.labels[:, None]).astype(dtype)
    result = knn_label_score(DATA, OPTIONS, features=features)
    expected = reference_fraction(features.astype(np.float64), DATA.labels)
    np.testing.assert_allclose(result.scores["knn_label_score"], expected, atol=1e-12)
    assert result.trainings == 0


def test_default_features_are_those_of_an_audit() -> None:
    run = run_probe(DATA, OPTIONS)
    assert run is not None
    given, own = knn_label_score(DATA, OPTIONS, features=run.embeddings), knn_label_score(DATA, OPTIONS)
    np.testing.assert_array_equal(own.scores["knn_label_score"], given.scores["knn_label_score"])
    np.testing.assert_array_equal(own.flagged, given.flagged)
    assert own.trainings == 1


def test_it_flags_a_label_that_no_neighbour_shares(capsys: pytest.CaptureFixture[str]) -> None:
    data = make_data(60)
    features = data.labels[:, None] * 10.0 + np.random.default_rng(0).random((60, 2))
    data.labels[7] = (data.labels[7] + 1) % 3
    result = knn_label_score(data, OPTIONS, features=features)
    assert result.flagged is not None
    assert np.flatnonzero(result.flagged).tolist() == [7]
    assert result.scores["knn_label_score"][7] == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "features",
    [np.zeros(60), np.zeros((59, 3)), np.full((60, 2), np.nan), np.full((60, 2), "a"), np.zeros((60, 2, 2))],
    ids=["flat", "short", "nan", "text", "deep"],
)
def test_invalid_features_are_refused(features: np.ndarray) -> None:
    with pytest.raises(UsageError, match=r"features must be finite numbers of shape \(60, d\), got"):
        knn_label_score(DATA, OPTIONS, features=features)


def test_errors_that_datalab_prints_are_raised() -> None:
    with pytest.raises(AuditError, match=r"cleanlab's Datalab could not score the labels from features: Error.*n_neighbors"):
        knn_label_score(make_data(9), TrainingOptions(epochs=1, probe=linear_probe))
    # among identical images, Datalab counts the only image of a class as its own neighbour
    alone = replace(DATA, labels=np.where(np.arange(60) == 59, 2, DATA.labels % 2))
    with pytest.raises(AuditError, match=r"could not score the labels from features: Error.*between 0 and 1"):
        knn_label_score(alone, OPTIONS, features=np.zeros((60, 2)))


def test_given_features_need_no_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(curv_issues.baselines.knn_label_score, "FreshProbes", None)
    knn_label_score(DATA, OPTIONS, features=np.random.default_rng(0).random((60, 2)))
