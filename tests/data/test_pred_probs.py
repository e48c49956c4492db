"""Out-of-sample probabilities of a user-supplied model."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from curv_issues import AuditResult, DatasetError, UsageError, audit, audit_features, from_arrays
from curv_issues.data.pred_probs import with_pred_probs
from curv_issues.findings.null_margin import compare_with_null
from curv_issues.findings.ranking import rank_by_default
from tests.small import linear_probe, make_data

DATA = make_data(60, 3, seed=0)
PROBABILITIES = np.random.default_rng(1).dirichlet(np.ones(3), size=60).astype(np.float32)


def run(**options: Any) -> AuditResult:
    return audit(DATA, pred_probs=PROBABILITIES, epochs=2, progress=False, device="cpu", **options)


def test_they_join_the_ranking() -> None:
    result = run()
    assert result.summary["ranking"]["parts"] == ["late_margin", "held_out_loss", "p_wrong"]  # classes are confused evenly
    assert result.summary["pred_probs"] == "out-of-sample"
    losses = -np.log(PROBABILITIES[np.arange(60), DATA.labels])
    np.testing.assert_allclose(result.scores["held_out_loss"], losses, rtol=1e-6)
    np.testing.assert_allclose(result.pred_probs, PROBABILITIES, atol=1e-3)
    assert "fitted_loss" not in result.score_names
    margins = result.trajectories["margin"]
    epochs = compare_with_null(margins, result.summary["reference_margin"]).unmemorised_epochs
    scores = {"held_out_loss": losses, **{name: result.scores[name].to_numpy() for name in ("class_confusion", "p_wrong")}}
    expected = rank_by_default(margins, epochs, scores, on_features=False)
    np.testing.assert_allclose(result.scores["suspicion"], expected.suspicion)


def test_suggested_is_the_most_probable_other_class() -> None:
    other = np.where(np.arange(60) < 6, (DATA.labels + 1) % 3, DATA.labels)
    sure = 0.9 * np.eye(3)[other] + 0.1 / 3
    features = np.random.default_rng(0).normal(size=(60, 4))
    result = audit_features(features, DATA.labels, pred_probs=sure, epochs=2, progress=False, device="cpu")
    assert result.scores["suggested"].tolist()[:6] == [str(code) for code in other[:6]]
    assert (result.scores["suggested"] != result.scores["given"]).all()


def test_they_replace_cross_fitting_of_features() -> None:
    features = np.random.default_rng(0).normal(size=(60, 4))
    result = audit_features(features, DATA.labels, pred_probs=PROBABILITIES, epochs=2, progress=False, device="cpu")
    assert result.summary["ranking"]["parts"] == ["cumulative_loss", "held_out_loss", "class_confusion", "p_wrong"]
    assert "cross_fit" not in result.summary["seconds"]


def test_a_probability_of_zero_gives_a_finite_loss() -> None:
    certain = np.eye(3)[(DATA.labels + 1) % 3]
    result = audit(DATA, pred_probs=certain, epochs=2, progress=False, device="cpu")
    np.testing.assert_allclose(result.scores["held_out_loss"], -np.log(1e-7), rtol=1e-6)


def test_containers_and_rows_of_the_whole_dataset() -> None:
    for values in (torch.from_numpy(PROBABILITIES), pd.DataFrame(PROBABILITIES), PROBABILITIES.astype(np.float16)):
        np.testing.assert_allclose(with_pred_probs(DATA, values).pred_probs, PROBABILITIES, atol=1e-3)
    pixels = np.zeros((60, 8, 8), dtype=np.uint8)
    part = from_arrays(pixels, DATA.labels).take(np.arange(0, 60, 2))
    found = with_pred_probs(part, PROBABILITIES)
    assert np.array_equal(found.pred_probs, PROBABILITIES[::2])
    assert np.array_equal(found.take(np.array([3, 4])).pred_probs, PROBABILITIES[[6, 8]])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (PROBABILITIES[:, :2], r"must be probabilities of shape \(n, 3\), columns in the order of the classes \(.*\), got float32"),
        (PROBABILITIES[:9], r"^pred_probs has 9 rows; expected one per sample, 60\.$"),
        (PROBABILITIES.argmax(1), r"got int64 \(60,\)"),
        (PROBABILITIES * 2, r"60 rows of pred_probs are not probabilities that sum to 1 \(the first is row 0, with sum 2\)"),
        (np.where(np.arange(60)[:, None] == 4, np.nan, PROBABILITIES), r"^1 row of pred_probs is not .* row 4, with sum nan"),
        (PROBABILITIES + np.array([[-1.5, 1.5, 0]]), "are not probabilities"),
    ],
)
def test_unusable_values_are_an_error(values: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        audit(DATA, pred_probs=values, progress=False)


def test_not_with_a_trained_network() -> None:
    with pytest.raises(UsageError, match="pred_probs join the ranking of a training, but with epochs=0 there is none"):
        audit(DATA, pred_probs=PROBABILITIES, probe=linear_probe, epochs=0, progress=False)
