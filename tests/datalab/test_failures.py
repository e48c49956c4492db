"""Failures inside find_issues leave a consistent Datalab, without old results of a failed type."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pandas as pd
import pytest
from cleanlab import Datalab
from torch import nn

import curv_issues
from curv_issues import AuditInterrupted, DatasetError
from tests.datalab.labs import OPTIONS, N, digits, find, make_lab


def test_a_failed_training_is_printed_and_leaves_no_results(capsys: pytest.CaptureFixture[str]):
    lab = make_lab()
    find(lab, learning_rate=1e30, epochs=3)
    printed = capsys.readouterr().out
    assert "Error in curvature: The loss became nan in epoch 1" in printed
    assert "Failed to check for these issue types: [CurvatureIssueManager]" in printed
    assert lab.issue_summary.empty
    assert lab.issues.empty
    assert "curvature" not in lab.info


def test_a_failed_rerun_leaves_no_old_results(trained: Datalab):
    features = np.random.default_rng(0).normal(size=(N, 4))
    trained.find_issues(features=features, issue_types={"outlier": {}})
    find(trained, learning_rate=1e30, epochs=3)
    assert trained.issue_summary["issue_type"].tolist() == ["outlier"]
    assert not [column for column in trained.issues.columns if "curvature" in column]
    assert trained.issues.index.equals(pd.RangeIndex(N))
    assert "curvature" not in trained.info
    assert trained.info["statistics"]["health_score"] == trained.issue_summary["score"][0]
    trained.report()
    with pytest.raises(ValueError, match="No columns found for issue type 'curvature'"):
        trained.get_issues("curvature")


def test_invalid_option_keeps_the_old_results(trained: Datalab):
    before = trained.issues.copy()
    with pytest.raises(curv_issues.UsageError, match="Unknown option"):
        find(trained, epoch=3)
    assert trained.issues.equals(before)


class Interrupting(nn.Module):
    """Raises KeyboardInterrupt once, in training pass number `at`."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
        self.at, self.passes, self.raised = at, 0, False

    def forward(self, images: Any) -> Any:
        if self.training:
            self.passes += 1
            if self.passes > self.at and not self.raised:
                self.raised = True
                raise KeyboardInterrupt
        return self.layers(images)


def test_ctrl_c_propagates_with_the_ranking_so_far(trained: Datalab):
    outlier = {"outlier": {"features": np.random.default_rng(0).normal(size=(N, 4))}}
    with pytest.raises(AuditInterrupted) as caught:
        trained.find_issues(
            issue_types={**outlier, "curvature": {**OPTIONS, "epochs": 5, "batch_size": N, "probe": Interrupting(at=3)}}
        )
    assert trained.issue_summary["issue_type"].tolist() == ["outlier"]
    assert not [column for column in trained.issues.columns if "curvature" in column]
    so_far = caught.value.result
    assert so_far is not None
    curv_issues.add_to_datalab(trained, so_far)
    assert trained.get_info("curvature")["complete"] is False
    assert trained.get_info("curvature")["epochs_done"] == 3
    np.testing.assert_array_equal(trained.issues["curvature_score"], 1 - so_far.scores["suspicion"])


def test_ctrl_c_before_the_first_epoch_ends():
    lab = make_lab()
    with pytest.raises(AuditInterrupted) as caught:
        find(lab, batch_size=20, probe=Interrupting(at=1))
    assert caught.value.result is None
    assert lab.issue_summary.empty
    find(lab)
    assert lab.issue_summary["issue_type"].tolist() == ["curvature"]


def test_interrupted_run_is_not_reused(trainings: list[int]):
    lab = make_lab()
    probe = Interrupting(at=3)
    for _ in range(2):
        with pytest.raises(AuditInterrupted):
            find(lab, epochs=5, batch_size=N, probe=probe)
    assert trainings == [N, N]


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "it is empty (0 bytes)"), (b"no image at all", "its format is not a known image format")]
)
def test_unreadable_images(tmp_path: Path, content: bytes, reason: str):
    """Raised, not swallowed: images are read before Datalab starts to catch errors."""
    files = []
    for row, image in enumerate(digits()[0]):
        files.append(str(tmp_path / f"{row:02}.png"))
        image.save(files[-1])
    data = datasets.Dataset.from_dict({"image": files, "label": digits()[1].tolist()}).cast_column("image", datasets.Image())
    lab = make_lab(data)
    Path(files[3]).write_bytes(content)
    with pytest.raises(DatasetError) as caught:
        find(lab)
    assert str(caught.value) == (
        f"The image in row 3 ({files[3]}) cannot be read: {reason}. "
        "Every row of a Datalab needs a score: repair it, or make the Datalab without it."
    )
    Path(files[5]).unlink()
    with pytest.raises(DatasetError, match=r"row 3 .*; 2 of 60 cannot\. Every row"):
        find(lab)


def test_no_warnings_are_used():
    """Importing cleanlab disables all warnings, so users would not see ours."""
    package = Path(curv_issues.__file__).parent
    for path in (package / "datalab").glob("*.py"):
        assert "warnings" not in path.read_text(encoding="utf-8").replace("`register` would print a warning", "")
