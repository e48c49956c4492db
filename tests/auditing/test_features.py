"""Audits of feature vectors."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import logit
from sklearn.datasets import load_digits

from curv_issues import (
    AuditResult,
    DatasetError,
    UsageError,
    audit,
    audit_features,
    flip_labels,
    from_arrays,
    from_features,
    rejudge,
)
from curv_issues.baselines import BASELINES
from curv_issues.options import TrainingOptions
from curv_issues.plugins import load_attribute
from curv_issues.progress import Progress
from curv_issues.report import FORMATS, render
from curv_issues.results.interrupted import AuditInterrupted
from curv_issues.trackers import ALL_SCORES
from tests.small import linear_probe, make_data

DIGITS = load_digits()
LABELS, IS_FLIPPED = flip_labels(DIGITS.target[:900], 0.05, num_classes=10, seed=0)


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return audit_features(DIGITS.data[:900], LABELS, measure="all", progress=False, device="cpu")


def test_planted_errors_are_ranked_first(result: AuditResult) -> None:
    count = int(IS_FLIPPED.sum())
    first = np.argsort(-result.scores["suspicion"].to_numpy())[:count]
    assert IS_FLIPPED[first].mean() > 0.85
    assert list(result.score_names) == [*ALL_SCORES, "conflict_similarity"]
    assert not result.scores[list(ALL_SCORES)].isna().any().any()


@pytest.mark.parametrize("k", [2, 10])
def test_labels_drawn_at_random_are_not_counted(k: int) -> None:
    labels = np.random.default_rng(0).integers(0, k, 600)
    found = audit_features(DIGITS.data[:600], labels, duplicates=False, progress=False, device="cpu")
    assert found.summary["estimate"] is None
    assert found.summary["cut_off"]["num_flagged"] == 0
    assert any("Check that labels and features belong to the same rows" in note for note in found.summary["notes"])


def test_default_joins_cumulative_and_held_out_loss(result: AuditResult) -> None:
    assert result.summary["ranking"]["parts"] == ["cumulative_loss", "held_out_loss", "class_confusion", "p_wrong"]
    losses = sum(logit((result.scores[name].rank() - 0.5) / 900) for name in ("cumulative_loss", "held_out_loss"))
    confusion = result.scores["class_confusion"]
    weight = 2.25 * np.pi / 3**0.5 / (1 + (0.45 / confusion.std(ddof=0)) ** 4)
    joined = logit((losses.rank() - 0.5) / 900) + weight * confusion
    wrong = result.scores["p_wrong"]
    odds = logit((joined.rank() - 0.5) / 900) + 2 * wrong.mean() * logit((wrong.rank() - 0.5) / 900)
    assert np.array_equal(np.argsort(odds, kind="stable"), np.argsort(result.scores["suspicion"], kind="stable"))
    assert rejudge(result).scores["suspicion"].equals(result.scores["suspicion"])
    by_name = rejudge(result, score="held_out_loss").scores
    assert np.array_equal(by_name["suspicion"].rank(), by_name["held_out_loss"].rank())


def test_probabilities_are_out_of_sample(result: AuditResult) -> None:
    assert (result.summary["input"], result.summary["pred_probs"]) == ("features", "out-of-sample")
    predicted = result.pred_probs.argmax(1)
    assert (predicted[IS_FLIPPED] == LABELS[IS_FLIPPED]).mean() < 0.15  # a network that saw these labels learns some of them
    assert (predicted == DIGITS.target[:900]).mean() > 0.9
    of_given = result.pred_probs[np.arange(900), LABELS]
    np.testing.assert_allclose(of_given, np.exp(-result.scores["held_out_loss"]), atol=1e-3)


@pytest.mark.parametrize("score", ["default", "held_out_loss"])
@pytest.mark.parametrize(("stage", "complete"), [("cross_fit", True), ("score", False)])
def test_ctrl_c_before_cross_fitting_ranks_by_the_cumulative_loss(score: str, stage: str, complete: bool) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.stage == stage and (stage == "cross_fit" or progress.done > 200):
            raise KeyboardInterrupt

    with pytest.raises(AuditInterrupted) as caught:
        audit_features(DIGITS.data[:200], LABELS[:200], epochs=2, score=score, progress=interrupt, device="cpu")
    found = caught.value.result
    assert found is not None
    assert found.complete == complete
    assert found.summary["ranking"]["parts"] == ["cumulative_loss", "class_confusion"]
    assert found.summary["pred_probs"] == "in-sample"
    assert "held_out_loss" not in found.score_names


def test_scores_of_cross_fitting_need_features() -> None:
    images = make_data(20, 2, seed=0)
    both = replace(images, features=np.zeros((20, 2)))
    for data, options, uses in (
        (images, {}, "images only"),
        (both, {"input": "images"}, "images only"),
        (both, {"epochs": 0, "probe": linear_probe}, "no training"),
        (both, {"score": "fitted_loss", "pred_probs": np.full((20, 2), 0.5)}, "pred_probs instead"),
    ):
        with pytest.raises(UsageError, match=f"is measured by cross-fitting on features, but this audit uses {uses}"):
            audit(data, **{"score": "held_out_loss", "progress": False, **options})  # type: ignore[arg-type]


def test_summary_tells_features_from_images(result: AuditResult) -> None:
    dataset = result.summary["dataset"]
    assert (dataset["source"], dataset["n"], dataset["num_features"]) == ("features", 900, 64)
    assert (dataset["resolution"], dataset["channels"]) == (None, None)
    assert result.summary["options"]["probe"] == "auto"
    assert (result.summary["recipe"]["flip"], result.summary["recipe"]["shift"]) == (False, 0)
    assert result.contact_sheet is None


def test_result_is_saved_judged_again_and_rendered(result: AuditResult, tmp_path: Path) -> None:
    loaded = AuditResult.load(result.save(tmp_path / "out"))
    assert loaded.scores.equals(result.scores)
    assert len(rejudge(loaded, cut_off="10%").findings) >= 90
    for name in FORMATS:
        assert render(loaded, name)


def test_same_seed_gives_the_same_scores() -> None:
    def scores(**options: Any) -> np.ndarray:
        found = audit_features(DIGITS.data[:200], LABELS[:200], epochs=2, progress=False, device="cpu", **options)
        return found.scores["cumulative_loss"].to_numpy()

    assert np.array_equal(scores(), scores())
    assert not np.array_equal(scores(), scores(seed=1))


@pytest.mark.parametrize("name", BASELINES)
def test_baselines_take_features(name: str) -> None:
    data = from_features(DIGITS.data[:200], LABELS[:200])
    settings = {"num_models": 4} if name == "memorization" else {}
    found = load_attribute(BASELINES[name].target)(data, TrainingOptions(epochs=2, device="cpu"), **settings)
    for score in found.scores.values():
        assert score.shape == (200,)
        assert np.isfinite(score).all()


def test_invalid_input() -> None:
    with pytest.raises(DatasetError, match="All 5 samples of features have the label"):
        audit_features(DIGITS.data[:5], [1] * 5)
    with pytest.raises(UsageError, match="epochs must be an integer"):
        audit_features(DIGITS.data[:5], LABELS[:5], epochs=-1)
    with pytest.raises(TypeError, match="unexpected keyword argument 'split'"):
        audit_features(DIGITS.data[:5], LABELS[:5], split="train")  # type: ignore[call-arg]
    with pytest.raises(UsageError, match=r"cannot read features of shape \(64,\)"):
        audit_features(DIGITS.data[:50], LABELS[:50], probe="convnet", progress=False, device="cpu")


def test_audit_of_a_table_is_that_of_its_numbers(tmp_path: Path) -> None:
    features, labels = DIGITS.data[:200].astype(np.float32), LABELS[:200]
    np.save(tmp_path / "x.npy", features)
    pd.DataFrame({"emb": list(features), "label": labels}).to_parquet(tmp_path / "x.parquet")
    options: dict[str, Any] = {"epochs": 2, "progress": False, "device": "cpu"}
    expected = audit_features(features, labels, **options)
    for result in (
        audit(tmp_path / "x.parquet", features_column="emb", **options),
        audit(tmp_path / "x.parquet", features=tmp_path / "x.npy", **options),
    ):
        assert result.scores.drop(columns="split").equals(expected.scores.drop(columns="split"))
        assert np.array_equal(result.embeddings, expected.embeddings)
        assert result.conflicts.drop(columns="split").equals(expected.conflicts.drop(columns="split"))


def test_features_beside_images_are_audited_and_the_images_are_shown(tmp_path: Path) -> None:
    images = np.round(DIGITS.images[:120] * (255 / 16)).astype(np.uint8)
    data = replace(from_arrays(images, LABELS[:120], resolution=8), features=DIGITS.data[:120])
    result = audit(data, input="features", epochs=2, progress=False, device="cpu")
    alone = audit_features(DIGITS.data[:120], LABELS[:120], epochs=2, progress=False, device="cpu")
    assert np.array_equal(result.scores["margin"], alone.scores["margin"])
    assert result.contact_sheet is not None
    dataset = result.summary["dataset"]
    assert (dataset["resolution"], dataset["num_features"]) == (8, 64)
    assert result.images["height"].tolist() == [8] * 120
    assert result.images["image_sha256"].tolist() == data.image_sha256.tolist()


def test_another_split_is_compared_by_features(tmp_path: Path) -> None:
    features, labels = DIGITS.data[:120], LABELS[:120]
    for name, rows in (("train", slice(0, 80)), ("test", slice(70, 120))):
        pd.DataFrame({"emb": list(features[rows]), "label": labels[rows]}).to_parquet(tmp_path / f"{name}.parquet")
    result = audit(tmp_path, features_column="emb", against="test", epochs=1, progress=False, device="cpu")
    copies = result.leakage[result.leakage["test"] == "identical features"]
    assert copies["row"].tolist() == list(range(70, 80))
    with pytest.raises(UsageError, match=r"^Without images, samples are compared by their features, and those of 'test'"):
        audit(tmp_path, features=features[:80], against="test", epochs=1, progress=False, device="cpu")
