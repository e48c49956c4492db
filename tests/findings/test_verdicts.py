"""Verdicts on suspect samples."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from curv_issues.findings.judgement import Evidence
from curv_issues.findings.verdicts import find_verdicts

N = 60


def evidence(**changes: Any) -> Evidence:
    """60 samples of two classes; sample 0 is suspect, as its label is wrong with probability 0.9."""
    scores = {
        "p_wrong": np.where(np.arange(N) == 0, 0.9, 0.0),
        "given_probability": np.full(N, changes.pop("given_probability", 0.001)),
        "suggested_probability": np.full(N, changes.pop("suggested_probability", 0.9)),
        "isolation": np.full(N, changes.pop("isolation", 0.0)),
    }
    known = {
        "samples": pd.DataFrame({"row": np.arange(N)}),
        "image_sha256": np.full(N, "", dtype=object),
        "class_names": ("a", "b"),
        "labels": np.arange(N) % 2,
        "scores": scores,
        **changes,
    }
    return Evidence(**known)


NOT_FLAGGED = np.zeros(N, dtype=bool)
FOUND_WRONG = np.where(np.arange(N) == 0, 1.0, np.nan)
CONFLICTS = pd.DataFrame({"row": [0, 1], "suspect": [True, False]})


@pytest.mark.parametrize(
    ("changes", "conflicts", "expected"),
    [
        ({}, None, "mislabeled"),
        ({"given_probability": 0.05}, None, "ambiguous"),
        ({"given_probability": 0.5, "suggested_probability": 0.02}, None, "ambiguous"),
        ({"given_probability": 0.99, "suggested_probability": 0.01}, None, None),
        ({"given_probability": 0.99, "suggested_probability": 0.01, "isolation": 2.5}, None, "outlier"),
        ({"given_probability": 0.99, "suggested_probability": 0.01, "answers": FOUND_WRONG}, None, "mislabeled"),
        ({"suggested_probability": 0.3}, None, "rare"),
        ({"labels": np.where(np.arange(N) < 3, 1, 0)}, None, "rare"),
        ({"isolation": 2.5}, None, "outlier"),
        ({"isolation": 2.5}, CONFLICTS, "conflict"),
        ({"answers": np.where(np.arange(N) == 0, 0.0, np.nan)}, None, None),
        ({"answers": np.where(np.arange(N) == 0, 0.0, np.nan)}, CONFLICTS, None),
    ],
)
def test_each_verdict(changes: dict[str, Any], conflicts: pd.DataFrame | None, expected: str | None) -> None:
    found = find_verdicts(evidence(**changes), NOT_FLAGGED, conflicts)
    assert found[0] == expected
    assert all(verdict is None for verdict in found[1:])


def test_flagged_labels_and_those_a_person_found_wrong_are_suspect() -> None:
    answers = np.full(N, np.nan)
    answers[5] = 1
    found = find_verdicts(evidence(answers=answers), np.arange(N) == 7, None)
    assert np.flatnonzero([verdict is not None for verdict in found]).tolist() == [0, 5, 7]


def test_without_probabilities_only_outliers_and_conflicts_are_told() -> None:
    known = evidence(isolation=2.5)
    scores = {"isolation": np.where(np.arange(N) < 2, 2.5, 0.0)}
    found = find_verdicts(evidence(scores=scores), np.arange(N) < 3, CONFLICTS)
    assert found[:3].tolist() == ["conflict", "outlier", None]
    assert find_verdicts(evidence(scores={}), np.arange(N) < 3, None)[:3].tolist() == [None] * 3
    assert known.scores["isolation"][0] == 2.5
