"""The result of a Watch lacks probabilities, embeddings, recipe and duplicates, and works everywhere a result does."""

from __future__ import annotations

from pathlib import Path

import datasets
import numpy as np
import pytest
from cleanlab import Datalab
from PIL import Image

import curv_issues
from curv_issues.report import FORMATS, render
from curv_issues.results.result import AuditResult
from tests.callbacks.watching import K, N, observe_all, random_steps
from tests.cli.running import run

NAMES = ["ape", "bee", "cat"]
LABELS = np.arange(N) % K


@pytest.fixture
def result() -> AuditResult:
    return observe_all(curv_issues.Watch(N, K), random_steps(3)).result(LABELS, class_names=NAMES, cut_off="10%")


def test_what_is_absent_is_none(result: AuditResult) -> None:
    assert result.pred_probs is None
    assert result.embeddings is None
    assert result.contact_sheet is None
    assert result.summary["absent"] == ["pred_probs", "embeddings"]
    assert [result.summary[name] for name in ("recipe", "seed", "compute_type", "duplicates")] == [None] * 4
    assert result.images["image_sha256"].eq("").all()


def test_saved_loaded_and_judged_again(result: AuditResult, tmp_path: Path) -> None:
    loaded = AuditResult.load(result.save(tmp_path / "out"))
    np.testing.assert_array_equal(loaded.scores["suspicion"], result.scores["suspicion"])
    again = curv_issues.rejudge(loaded, score="margin", cut_off="20%")
    assert again.scores["flagged"].sum() == 12
    with pytest.raises(curv_issues.UsageError, match="made without a search for duplicates"):
        curv_issues.rejudge(loaded, duplicate_threshold=0.9)


def test_a_short_training_of_ones_own_is_not_called_undertrained() -> None:
    watch = curv_issues.Watch(N, K)
    right = 9.0 * np.eye(K, dtype=np.float32)[LABELS]
    right[:5] = 2 * right[[1, 2, 0, 4, 5]]  # five labels look wrong
    for _ in range(3):  # of the usual 40
        watch.observe(np.arange(N), right, LABELS)
        watch.end_epoch()
    result = watch.result(LABELS)
    assert np.flatnonzero(result.scores["flagged"]).tolist() == [0, 1, 2, 3, 4]
    again = curv_issues.rejudge(result)
    np.testing.assert_array_equal(again.scores["flagged"], result.scores["flagged"])
    assert again.summary["notes"] == result.summary["notes"]


@pytest.mark.parametrize("name", FORMATS)
def test_formats(result: AuditResult, name: str) -> None:
    text = render(result, name, verbose=True)
    assert "ape" in text or "bee" in text or "cat" in text


def test_show(result: AuditResult, tmp_path: Path) -> None:
    result.save(tmp_path / "out")
    shown = run("show", str(tmp_path / "out"), "--cut-off", "20%")
    assert shown.exit_code == 0, shown.stderr
    assert "12 label_issue" in shown.stderr


@pytest.mark.parametrize("with_images", [False, True])
def test_datalab(result: AuditResult, with_images: bool) -> None:
    columns = {"x": list(range(N)), "label": LABELS.tolist()}
    if with_images:
        columns["image"] = [Image.new("L", (8, 8), row) for row in range(N)]
    data = datasets.Dataset.from_dict(columns).cast_column("label", datasets.ClassLabel(names=NAMES))
    lab = Datalab(data, label_name="label", verbosity=0)
    curv_issues.add_to_datalab(lab, result)
    assert lab.get_issues("curvature")["is_curvature_issue"].sum() == 6
    other = Datalab(data.select(range(N - 1)), label_name="label", verbosity=0)
    with pytest.raises(curv_issues.UsageError, match="it has 60 samples, the Datalab 59"):
        curv_issues.add_to_datalab(other, result)
