"""The result of a Watch, joined with labels or data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import curv_issues
from curv_issues.errors import UsageError
from tests.callbacks.watching import (
    LABELS,
    K,
    N,
    blobs,
    random_steps,
    same_scores,
    watched,
)


def test_labels_with_names() -> None:
    watch = watched(random_steps(2))
    names = ["ape", "bee", "cat"]
    result = watch.result(LABELS, class_names=names)
    assert result.class_names == tuple(names)
    assert result.scores["given"].tolist() == [names[code] for code in LABELS]
    texts = watch.result([names[code] for code in LABELS])
    assert same_scores(texts, result)
    assert same_scores(watch.result(torch.from_numpy(LABELS), class_names=names), result)


def test_data() -> None:
    features, labels, _ = blobs(wrong=0)
    data = curv_issues.from_features(features, labels)
    result = watched(random_steps(2)).result(data, cut_off="10%")
    assert result.summary["dataset"]["num_features"] == features.shape[1]
    assert result.summary["options"] == {
        "score": "default",
        "cut_off": "10%",
        "precision": None,
        "duplicates": False,
        "duplicate_threshold": None,
    }
    assert (result.summary["recipe"], result.summary["seed"], result.summary["epochs_done"]) == (None, None, 2)
    assert result.scores["flagged"].sum() == 6


def test_images_give_a_contact_sheet() -> None:
    images = np.random.default_rng(0).integers(0, 255, (N, 8, 8, 3), dtype=np.uint8)
    sheet = watched(random_steps(2)).result(curv_issues.from_arrays(images, LABELS)).contact_sheet
    assert sheet is not None
    assert sheet.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (
            LABELS[:-1],
            "The Watch is of 60 samples, but the data have 59; expected the dataset that was trained on, in its order",
        ),
        (curv_issues.from_features(np.eye(N), np.arange(N) % 4), "The Watch is of 3 classes, but the data have 4"),
        (
            (LABELS + 1) % K,
            "60 of 60 labels differ from those observed: sample 0 was observed with class 0, but has class 1 in",
        ),
        (["a", "b"] * 30, "The Watch is of 3 classes, but the data have 2"),
    ],
)
def test_another_dataset_is_refused(data: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        watched(random_steps(1)).result(data)


def test_a_score_that_was_not_measured() -> None:
    watch = watched(random_steps(1))
    with pytest.raises(UsageError, match="The score 'input_curvature' was not measured in this run; expected one of: cumulative_"):
        watch.result(LABELS, score="curvature")
    assert watch.result(LABELS, score="margin").summary["ranking"]["score"] == "margin"
