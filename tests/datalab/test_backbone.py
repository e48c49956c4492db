"""The issue types with a pretrained backbone."""

from __future__ import annotations

import numpy as np
import pytest

from curv_issues import Backbone, UsageError, add_to_datalab, audit
from tests.backbones.stand_ins import Strips
from tests.datalab.labs import OPTIONS, class_label_dataset, find, make_lab


def test_types_share_one_training_which_is_kept(trainings: list[int]) -> None:
    lab, own = make_lab(), Backbone(Strips(), resolution=16)
    types = {"curvature": {**OPTIONS, "backbone": own}, "duplicate_conflict": {}}
    lab.find_issues(issue_types=types)
    lab.find_issues(issue_types=types)
    assert trainings == [60]
    kept = lab.info["statistics"]["curv_issues_run"]["result"]
    assert kept["summary"]["dataset"]["num_features"] == 6
    find(lab, backbone=Backbone(Strips(seed=1), resolution=16))
    assert trainings == [60, 60]


def test_finished_audit_is_attached(trainings: list[int]) -> None:
    result = audit(class_label_dataset(), **OPTIONS, backbone=Backbone(Strips(), resolution=16), progress=False)
    lab = make_lab()
    add_to_datalab(lab, result)
    assert trainings == [60]
    given = lab.get_issues("curvature")["curvature_score"].to_numpy()
    np.testing.assert_allclose(given, 1 - result.scores["suspicion"], atol=1e-6)


def test_wrong_backbones_are_reported_before_the_training(trainings: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=r"Unknown backbone 'torchvision:resnet_18'; similar names: torchvision:resnet18"):
        find(make_lab(verbosity=1), backbone="torchvision:resnet_18")
    assert "Reading" not in capsys.readouterr().out
    with pytest.raises(UsageError, match="backbone and features do not go together"):
        find(make_lab(), backbone=Strips(), features=np.zeros((60, 3), np.float32))
    assert trainings == []


def test_fine_tuning(trainings: list[int]) -> None:
    lab, own = make_lab(), Backbone(Strips(), resolution=16)
    for _ in range(2):
        find(lab, backbone=own, fine_tune=True, resolution=None)
    assert trainings == [60]
    summary = lab.info["statistics"]["curv_issues_run"]["result"]["summary"]
    assert (summary["dataset"]["resolution"], summary["input"]) == (16, "images")
    with pytest.raises(UsageError, match="cannot be trained"):
        find(make_lab(), backbone=Backbone(lambda images: images.mean((2, 3))), fine_tune=True)
    assert trainings == [60]
