from __future__ import annotations

import functools
import importlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from scipy.stats import rankdata
from sklearn.datasets import load_digits
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn

import curv_issues
from curv_issues import AuditInterrupted, AuditResult, DatasetError, UsageError, audit, flip_labels, from_arrays
from curv_issues.auditing.notes import notes_on
from curv_issues.auditing.summary import versions
from curv_issues.findings.null_margin import compare_with_null
from curv_issues.findings.ranking import rank_by_default
from curv_issues.option import option_names
from curv_issues.options import FindingOptions, TrainingOptions
from curv_issues.progress import Progress
from curv_issues.trackers import ISOLATION_SCORES, LABEL_NOISE_SCORES, SCORES, ScoreInfo
from curv_issues.trackers.base import Need, Observation, Tracker
from tests.small import make_arrays, make_data, mlp_probe

MODULE = importlib.import_module("curv_issues.auditing.audit")  # the attribute of the package is the function


@functools.cache
def digits() -> tuple[AuditResult, np.ndarray, np.ndarray]:
    """Return a quick audit of digits with 5% wrong labels, which labels are wrong, and the original labels."""
    loaded = load_digits()
    noisy, is_flipped = flip_labels(loaded.target, 0.05, seed=0)
    data = from_arrays((loaded.images * 255 / 16).round().astype(np.uint8), noisy, resolution=8)
    return audit(data, epochs=5, cut_off="5%", measure="all"), is_flipped, loaded.target


def test_planted_errors_are_found() -> None:
    result, is_flipped, clean = digits()
    assert roc_auc_score(is_flipped, result.scores["suspicion"]) > 0.98
    flagged = result.scores["flagged"].to_numpy()
    assert is_flipped[flagged].mean() > 0.85
    right = result.scores["suggested"].to_numpy()[is_flipped & flagged] == clean[is_flipped & flagged].astype(str)
    assert right.mean() > 0.9  # the suggested class is the true one


@pytest.mark.parametrize(("classes", "rate"), [((3, 8), 0.2), pytest.param((1, 4, 7, 9), 0.2, marks=pytest.mark.slow)])
def test_automatic_flags_are_the_wrong_labels(classes: Sequence[int], rate: float) -> None:
    # so few easy samples are memorised in the end; with two classes, the random label of a wrong sample is always right
    loaded = load_digits()
    part = np.isin(loaded.target, classes)
    noisy, is_flipped = flip_labels(loaded.target[part], rate, seed=0)
    data = from_arrays((loaded.images[part] * 255 / 16).round().astype(np.uint8), noisy, resolution=8)
    result = audit(data, epochs=30, duplicates=False)
    flagged = result.scores["flagged"].to_numpy()
    assert (is_flipped & flagged).sum() >= max(0.7 * is_flipped.sum(), 0.9 * flagged.sum())


@pytest.mark.parametrize("name", SCORES)
def test_every_score_ranks_planted_errors_high(name: str) -> None:
    result, is_flipped, _ = digits()
    sign = 1 if result.score_metadata[name]["direction"] == "high" else -1
    floor = 0.65 if name == "learning_time" else 0.85  # only two epochs are scored here
    assert roc_auc_score(is_flipped, sign * result.scores[name]) > floor


def test_contents_of_the_result() -> None:
    result, _, _ = digits()
    noisy = flip_labels(load_digits().target, 0.05, seed=0)[0]
    scores, n = result.scores, 1797
    fixed = ["row", "split", "path", "given", "suggested", "suspicion", "flagged", "verdict"]
    assert list(scores.columns) == [*fixed, *SCORES, *LABEL_NOISE_SCORES, *ISOLATION_SCORES, "conflict_similarity"]
    assert scores["row"].tolist() == list(range(n))
    assert scores["split"].isna().all()
    assert scores["path"].isna().all()
    assert scores["given"].tolist() == [str(label) for label in noisy]
    assert (scores["given"] != scores["suggested"]).all()
    assert scores["suspicion"].between(0, 1).all()
    assert scores[list(SCORES)].notna().all().all()
    wrong = compare_with_null(result.trajectories["margin"], result.summary["reference_margin"])
    ranking = rank_by_default(result.trajectories["margin"], wrong.unmemorised_epochs, scores, on_features=False)
    np.testing.assert_allclose(scores["suspicion"], ranking.suspicion)
    memorised = (scores["final_margin"][wrong.below_null] > 0).mean()
    assert result.summary["ranking"] == {
        "score": "default",
        "epochs": ranking.epochs,
        "parts": ["late_margin", "class_confusion", "p_wrong"],
        "memorised_fraction": memorised,
    }
    assert (result.summary["input"], result.summary["pred_probs"]) == ("images", "in-sample")

    assert result.findings["suspicion"].is_monotonic_decreasing
    findings = result.findings[result.findings["kind"] == "label_issue"]
    assert set(findings["row"]) == set(scores.loc[scores["flagged"], "row"])
    merged = findings.merge(scores, on="row", suffixes=("", "_score"))
    for column in ("given", "suggested", "suspicion"):
        assert (merged[column] == merged[f"{column}_score"]).all()
    assert findings["image_sha256"].tolist() == result.images.set_index("row").loc[findings["row"], "image_sha256"].tolist()

    assert result.pred_probs.shape == (n, 10)
    assert len(result.embeddings) == n
    assert set(result.trajectories) == {"loss", "margin", "training_gradient", "input_curvature", "label_contrast"}
    assert all(values.shape == (n, 5) for values in result.trajectories.values())
    assert result.images[["height", "width"]].drop_duplicates().to_numpy().tolist() == [[8, 8]]
    of_search = result.score_metadata["conflict_similarity"]
    assert (of_search["direction"], of_search["source"]) == ("high", "new here")
    infos = {**SCORES, **LABEL_NOISE_SCORES, **ISOLATION_SCORES}
    assert result.score_metadata == {**{name: info.metadata() for name, info in infos.items()}, "conflict_similarity": of_search}
    assert result.contact_sheet is not None
    assert result.contact_sheet.startswith(b"\x89PNG")


def test_contents_of_the_summary() -> None:
    result, _, _ = digits()
    summary = result.summary
    assert result.complete is True
    assert summary["epochs_done"] == summary["recipe"]["epochs"] == summary["options"]["epochs"] == 5
    duplicate_options = {"duplicates", "duplicate_threshold"}
    assert set(summary["options"]) == set(option_names(TrainingOptions)) | set(option_names(FindingOptions)) | duplicate_options
    assert summary["options"]["probe"] == "auto"
    assert summary["seed"] == 0
    kinds = result.findings["kind"].value_counts()
    assert summary["num_findings"] == {
        "label_issue": kinds["label_issue"],
        "duplicate_conflict": kinds.get("duplicate_conflict", 0),
    }
    assert summary["cut_off"]["rule"] == "fraction"
    assert summary["cut_off"]["num_flagged"] == kinds["label_issue"] == 90
    assert summary["notes"] == []
    assert {"load", "train", "score", "estimate", "compare", "find"} == set(summary["seconds"])
    assert all(value >= 0 for value in summary["seconds"].values())
    assert summary["peak_memory"] > 1 << 26
    assert {"python", "torch", "numpy", "datasets", "cleanlab"} <= set(summary["versions"])
    dataset = summary["dataset"]
    assert dataset["classes"] == [str(k) for k in range(10)]
    assert sum(dataset["class_sizes"]) == dataset["n"] == dataset["num_rows"] == 1797
    assert (dataset["resolution"], dataset["channels"], dataset["source"]) == (8, 1, "arrays")
    assert len(dataset["fingerprint"]) == 64


def test_saved_result_is_loaded_unchanged(tmp_path: Path) -> None:
    result, _, _ = digits()
    result.save(tmp_path / "out")
    loaded = AuditResult.load(tmp_path / "out")
    pd.testing.assert_frame_equal(loaded.scores, result.scores)
    pd.testing.assert_frame_equal(loaded.findings, result.findings)
    assert loaded.summary == result.summary


def test_same_seed_gives_the_same_tables() -> None:
    data = make_data(40)
    first, second = audit(data, epochs=2, seed=np.int64(7)), audit(data, epochs=2, seed=7)  # type: ignore[arg-type]
    pd.testing.assert_frame_equal(first.scores, second.scores)
    assert first.summary["seed"] == 7
    assert not first.scores["suspicion"].equals(audit(data, epochs=2, seed=8).scores["suspicion"])
    audit(data, epochs=1, seed=2**32 - 1)


def test_ranking_by_one_score() -> None:
    result = audit(make_data(40), epochs=2, score="loss_sensitivity", cut_off=0.9)
    np.testing.assert_array_equal(rankdata(result.scores["suspicion"]), rankdata(result.scores["loss_sensitivity"]))
    assert (result.scores["flagged"] == (result.scores["suspicion"] >= 0.9)).all()
    assert (result.summary["options"]["score"], result.summary["options"]["cut_off"]) == ("loss_sensitivity", 0.9)


class MyLoss(Tracker):
    """A user-supplied score, which is not in the table of scores."""

    name, needs, trajectory = "my_loss", Need.TRAINING, "my_loss"
    info = ScoreInfo(direction="high", description="d", cost="none", source="me")

    def measure(self, batch: Observation) -> Tensor:
        return batch.losses

    def reduce(self, history: np.ndarray) -> np.ndarray:
        return history.sum(axis=1)


def test_user_supplied_trackers_add_scores() -> None:
    result = audit(make_data(40), epochs=2, trackers=[MyLoss])
    np.testing.assert_allclose(result.scores["my_loss"], result.scores["cumulative_loss"])
    assert result.score_metadata["my_loss"] == {"direction": "high", "description": "d", "cost": "none", "source": "me"}
    np.testing.assert_array_equal(result.trajectories["my_loss"], result.trajectories["loss"])


@pytest.mark.parametrize("probe", [mlp_probe, nn.Sequential(nn.Flatten(), nn.Linear(64, 3))])
def test_user_supplied_probes_are_accepted(probe: Any) -> None:
    result = audit(make_data(40), epochs=2, probe=probe)
    assert result.summary["options"]["probe"] in ("mlp_probe", "Sequential")
    assert result.scores["cumulative_loss"].notna().all()


def interrupt(epoch: int) -> Callable[[Progress], None]:
    def report(progress: Progress) -> None:
        if progress.stage == "train" and progress.epoch == epoch:
            raise KeyboardInterrupt

    return report


def test_ctrl_c_carries_the_ranking_so_far(tmp_path: Path) -> None:
    data = make_data(40)
    with pytest.raises(AuditInterrupted, match="the audit was interrupted") as caught:
        audit(data, epochs=4, progress=interrupt(3))
    result = caught.value.result
    assert result is not None
    assert result.complete is False
    assert result.summary["epochs_done"] == 2
    assert result.summary["recipe"]["epochs"] == 4
    assert result.trajectories["loss"].shape == (40, 2)
    assert result.scores["suspicion"].nunique() > 10
    assert result.scores[["cumulative_loss", "margin", "final_loss"]].notna().all().all()
    result.save(tmp_path / "out")
    assert AuditResult.load(tmp_path / "out").complete is False


def test_ctrl_c_in_the_first_epoch_has_no_result() -> None:
    with pytest.raises(AuditInterrupted) as caught:
        audit(make_data(40), epochs=3, progress=interrupt(1))
    assert caught.value.result is None


def test_ctrl_c_before_the_chosen_score_is_measured_uses_the_default() -> None:
    with pytest.raises(AuditInterrupted) as caught:
        audit(make_data(40), epochs=4, curvature_epochs=1, score="input_curvature", progress=interrupt(2))
    result = caught.value.result
    assert result is not None
    assert result.scores["input_curvature"].isna().all()
    assert result.scores["suspicion"].nunique() > 10
    assert result.summary["options"]["score"] == "default"


FEW = "Only {} samples: expect the ranking and the flags to be rough below 500."


def test_few_samples_are_noted() -> None:
    assert notes_on(make_data(499)) == [FEW.format(499)]
    assert notes_on(make_data(500)) == []


def test_a_class_that_may_mean_no_label_is_noted() -> None:
    result = audit_labels(["-1", "dog"] * 15)
    assert result.summary["notes"][1:-1] == [
        "15 samples carry the label '-1', taken as a class; if it means no label, leave them out."
    ]


def test_class_in_place_of_a_network_is_refused() -> None:
    class Net(nn.Module):
        pass

    with pytest.raises(UsageError, match=r"The probe is the class Net; pass an instance, Net\(\.\.\.\), or a function"):
        audit(make_data(40), probe=Net, epochs=1)


def audit_labels(labels: Sequence[Any], **options: Any) -> AuditResult:
    images = make_arrays(len(labels), 3)[0]
    return audit(from_arrays(images, labels, resolution=8, **options), epochs=2)


def test_a_class_with_one_sample_is_audited_with_a_note() -> None:
    result = audit_labels(["cat", "dog"] * 15 + ["lynx"])
    assert len(result) == 31
    assert result.summary["notes"][:-1] == [
        FEW.format(31),
        "1 of 3 classes has one sample only (lynx): such a class cannot be learned, so its sample looks suspect even if its "
        "label is correct.",
    ]
    assert audit_labels([0, 2] * 15, class_names=["cat", "unused", "dog"]).summary["notes"][:-1] == [FEW.format(30)]
    many = audit_labels(["cat"] * 20 + [f"c{i}" for i in range(7)])
    assert many.summary["notes"][1].startswith("7 of 8 classes have one sample only (c0, c1, c2, c3, c4, ...): ")


def test_left_out_samples_are_noted() -> None:
    data = make_data(10)
    source = data.source.__class__(source="x", unreadable=({"row": 3, "path": None, "reason": "bad"},), num_unlabelled=2)
    changed = data.__class__(**{**vars(data), "source": source})
    assert notes_on(changed) == [
        FEW.format(10),
        "1 image could not be read and was left out.",
        "2 samples without a label were left out.",
    ]


def test_one_class_or_no_samples_are_refused() -> None:
    with pytest.raises(DatasetError, match="All 9 samples of arrays have the label 'cat'; an audit needs samples of"):
        audit_labels(["cat"] * 9)
    with pytest.raises(DatasetError, match="All 3 samples of arrays have the label 'b'"):
        audit_labels([1, 1, 1], class_names=["a", "b"])
    empty = from_arrays(np.zeros((0, 8, 8), np.uint8), [], class_names=["a", "b"], resolution=8)
    with pytest.raises(DatasetError, match="arrays has no samples to audit; expected samples of at least two classes"):
        audit(empty)


@pytest.mark.parametrize("n", [2, 3, 17])
def test_small_datasets_and_a_single_sample_in_the_last_batch(n: int) -> None:
    result = audit(make_data(n, 2), epochs=2, batch_size=16, measure="all")
    assert len(result) == n
    assert result.scores[list(SCORES)].notna().all().all()


def test_a_thousand_classes() -> None:
    result = audit(make_data(2000, 1000), epochs=1, batch_size=512)
    assert result.pred_probs.shape == (2000, 1000)
    assert len(result.class_names) == 1000
    assert (result.scores["given"] != result.scores["suggested"]).all()


def test_identical_images_are_separate_samples() -> None:
    images, labels = make_arrays(30)
    images[7], labels[7] = images[4], labels[4]
    result = audit(from_arrays(images, labels, resolution=8), epochs=2)
    assert result.images.loc[7, "image_sha256"] == result.images.loc[4, "image_sha256"]
    assert result.scores.loc[7, "final_loss"] == pytest.approx(result.scores.loc[4, "final_loss"], rel=0.02)
    assert len(result) == 30


@pytest.mark.parametrize(
    "names",
    [
        ["zebra", "apple", "Mango"],
        ["猫", "собака", "größe ≥ 1"],
        [".", " .", ".\n"],
        ["a\udcff", "[red]b[/red]", "x" * 300],
        ["None", "nan", "1.0"],
    ],
)
def test_unusual_class_names(names: list[str], tmp_path: Path) -> None:
    images, labels = make_arrays(30)
    result = audit(from_arrays(images, labels, class_names=names, resolution=8), epochs=1, cut_off="50%")
    shown = [name.encode("utf-8", "backslashreplace").decode() for name in names]
    assert list(result.class_names) == shown
    assert result.scores["given"].tolist() == [shown[label] for label in labels]
    np.testing.assert_array_equal(result.labels, labels)
    result.save(tmp_path / "out")
    np.testing.assert_array_equal(AuditResult.load(tmp_path / "out").labels, labels)


def test_labels_with_gaps_and_below_zero() -> None:
    labels = [-3, 10, 7] * 10
    result = audit_labels(labels)
    assert list(result.class_names) == ["-3", "7", "10"]
    assert result.scores["given"].tolist() == [str(label) for label in labels]


def test_fingerprint_depends_on_content_only() -> None:
    images, labels = make_arrays(30)
    one = from_arrays(images, labels, description="one", resolution=8).fingerprint
    assert from_arrays(images.copy(), labels.copy(), description="two", resolution=8).fingerprint == one
    assert from_arrays(images, (labels + 1) % 3, resolution=8).fingerprint != one
    images[0, 0, 0, 0] ^= 1
    assert from_arrays(images, labels, resolution=8).fingerprint != one


def test_invalid_options_are_refused_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MODULE, "audit_data", lambda *_args, **_options: pytest.fail("started"))
    for options, message in (
        ({"epochs": -1}, "epochs must be an integer from 0 to 10000, got -1"),
        ({"epochs": 0}, "With --epochs 0 .*, a trained network is scored, but the probe is 'auto'"),
        ({"score": "luck"}, "Unknown score 'luck'"),
        ({"cut_off": "many"}, "cut_off must be 'auto'"),
        ({"preset": "fast"}, "Unknown preset 'fast'"),
    ):
        with pytest.raises(UsageError, match=message):
            audit(make_data(6), **options)


def test_progress_of_an_audit() -> None:
    events: list[Progress] = []
    audit(make_data(20), epochs=2, progress=events.append)
    assert {p.stage for p in events} == {"train", "score", "compare"}
    assert all(0 < p.done <= p.total for p in events)


def test_versions_leave_out_missing_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curv_issues.auditing.summary.PACKAGES", ("torch", "no-such-package"))
    found = versions()
    assert set(found) == {"python", "torch"}
    assert found["torch"] == torch.__version__.split("+")[0] or found["torch"] == torch.__version__


def test_public_names() -> None:
    older = {"find_again": "rejudge", "find_overlap": "find_leakage"}
    for name in set(curv_issues.__all__) - {"__version__"}:
        assert getattr(curv_issues, name).__name__ == older.get(name, name)
    assert set(curv_issues.__all__) <= set(dir(curv_issues))
    with pytest.raises(AttributeError, match="No curv_issues attribute audits"):
        curv_issues.audits  # noqa: B018
