"""The issue types on feature vectors: text, tables, audio, embeddings."""

from __future__ import annotations

import copy
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from cleanlab import Datalab
from sklearn.datasets import load_digits

from curv_issues import add_to_datalab, audit_features, flip_labels
from curv_issues.errors import DatasetError, UsageError
from tests.datalab.labs import OPTIONS, TYPE, class_label_dataset, digits, find, make_lab

N = 400
X = load_digits().data[:N].astype(np.float32)
X[5] = X[4]
LABELS, IS_FLIPPED = flip_labels(load_digits().target[:N], 0.05, num_classes=10, seed=0)
LABELS[5] = (LABELS[4] + 1) % 10
TEXT = [f"class {label}" for label in LABELS]
FEW = {"epochs": 4, "device": "cpu"}


def text_lab() -> Datalab:
    """A Datalab without images."""
    return Datalab({"text": [f"document {row}" for row in range(N)], "label": TEXT}, label_name="label", verbosity=0)


def test_features_given_to_the_host_are_used_without_images(trainings: list[int]) -> None:
    lab = text_lab()
    lab.find_issues(features=X, issue_types={"curvature": {"device": "cpu"}, "duplicate_conflict": {}})
    assert trainings == [N]
    first = lab.get_issues("curvature")["curvature_score"].to_numpy().argsort()[: IS_FLIPPED.sum()]
    assert IS_FLIPPED[first].mean() > 0.7
    assert lab.issues["curvature_given_class"].tolist() == TEXT
    conflicts = lab.get_issues("duplicate_conflict")
    assert set(np.flatnonzero(conflicts["is_duplicate_conflict_issue"])) >= {4, 5}


def test_features_as_an_option_of_the_type() -> None:
    hosted, own = text_lab(), text_lab()
    hosted.find_issues(features=X, issue_types={"curvature": dict(FEW)})
    own.find_issues(issue_types={"curvature": {**FEW, "features": X}})
    assert hosted.issues.equals(own.issues)


def test_other_types_of_the_host_run_beside_ours() -> None:
    lab = text_lab()
    lab.find_issues(features=X, issue_types={"curvature": dict(FEW), "outlier": {}})
    assert {"is_curvature_issue", "is_outlier_issue"} <= set(lab.issues.columns)
    default = text_lab()
    default.find_issues(features=X)
    assert not any("curvature" in column for column in default.issues.columns)


def test_same_features_do_not_train_again(trainings: list[int]) -> None:
    lab = text_lab()
    find_features(lab, X)
    find_features(lab, X.copy(), cut_off="5%")
    assert trainings == [N]
    changed = X.copy()
    changed[7, 0] += 1
    find_features(lab, changed)
    assert trainings == [N, N]


def find_features(lab: Datalab, features: Any, **options: Any) -> None:
    lab.find_issues(features=features, issue_types={"curvature": {**FEW, **options}})


def test_features_are_preferred_to_images(trained: Datalab, trainings: list[int]) -> None:
    pixels = np.stack([np.asarray(image, dtype=np.float32).ravel() for image in digits()[0]])
    lab = make_lab(class_label_dataset())
    lab.find_issues(features=pixels, issue_types={TYPE: dict(OPTIONS)})
    assert lab.get_info(TYPE)["recipe"]["shift"] == 0
    find(trained)  # the run on images is still that of images
    assert trainings == [len(pixels)]
    trained.find_issues(features=pixels, issue_types={TYPE: dict(OPTIONS)})
    assert trainings == [len(pixels)] * 2


def test_images_and_features_together(trainings: list[int]) -> None:
    images = digits()[0]
    pixels = np.stack([np.asarray(image, dtype=np.float32).ravel() for image in images])

    def shift_and_parts(features: np.ndarray, chosen: str) -> tuple[str, list[str]]:
        lab.find_issues(features=features, issue_types={TYPE: {**OPTIONS, "input": chosen}})
        summary = lab.info["statistics"]["curv_issues_run"]["result"]["summary"]
        return summary["input"], summary["ranking"]["parts"]

    lab = make_lab(class_label_dataset())
    of_images = ("both", ["late_margin", "fitted_loss", "held_out_loss", "class_confusion", "p_wrong"])
    assert shift_and_parts(pixels, "both") == of_images
    assert shift_and_parts(pixels.copy(), "both") == of_images  # not trained again
    assert trainings == [len(images)]
    assert shift_and_parts(pixels[:, :9].copy(), "both") == of_images  # other features
    assert trainings == [len(images)] * 2
    assert shift_and_parts(pixels, "images") == ("images", ["late_margin", "class_confusion", "p_wrong"])
    assert shift_and_parts(pixels, "features") == ("features", ["cumulative_loss", "held_out_loss", "class_confusion", "p_wrong"])


def test_missing_features_are_an_error() -> None:
    lab = make_lab(class_label_dataset())
    with pytest.raises(UsageError, match=r"input='both' needs features; give find_issues\(features=\.\.\.\) or a backbone\."):
        lab.find_issues(issue_types={TYPE: {**OPTIONS, "input": "both"}})


def test_finished_audits_of_features() -> None:
    result = audit_features(X, TEXT, progress=False, **FEW)
    lab, checked = text_lab(), text_lab()
    add_to_datalab(lab, result)
    checked.find_issues(features=X, issue_types={"curvature": {"result": result}})
    assert lab.get_issues("curvature").equals(checked.get_issues("curvature"))
    other = X.copy()
    other[3, 1] += 1
    with pytest.raises(UsageError, match="not of this Datalab's data: the features of row 3 differ"):
        text_lab().find_issues(features=other, issue_types={"curvature": {"result": result}})


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (X[:9], r"^Expected one row of features per sample, got 9 rows for 400 samples\.$"),
        (np.where(X[2, 3] == X, np.nan, X), r"have NaN or infinite values \(the first is row 0\)\. Every row of a Datalab"),
        (X[:, 0], r"^Expected features as numbers of shape \(n, d\), got float32 \(400,\)\.$"),
    ],
)
def test_features_that_cannot_be_used(features: np.ndarray, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        text_lab().find_issues(issue_types={"curvature": {"features": features}})


def test_types_with_different_features_are_refused() -> None:
    with pytest.raises(UsageError, match="are given different values of features, but share one training"):
        text_lab().find_issues(issue_types={"curvature": {"features": X}, "duplicate_conflict": {"features": copy.deepcopy(X)}})


def test_without_features_the_image_column_is_missed() -> None:
    with pytest.raises(DatasetError, match="image"):
        text_lab().find_issues(issue_types={"curvature": {}})


@pytest.mark.parametrize("first", ["curv_issues", "cleanlab"])
def test_features_are_handed_over_in_either_order_of_imports(first: str) -> None:
    program = (
        f"import {first}, curv_issues\n"
        "from cleanlab import Datalab\n"
        "from cleanlab.datalab.internal import issue_finder\n"
        "assert issue_finder._CLASSIFICATION_ARGS_DICT['curvature'] == ['features']\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
