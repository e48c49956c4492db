"""What Datalab users see: columns, summary, info, views and reports, as for a built-in type."""

from __future__ import annotations

import io
import json
import pickle
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cleanlab import Datalab
from cleanlab.datalab.internal.adapter.constants import DEFAULT_CLEANVISION_ISSUES
from cleanlab.datalab.internal.issue_manager_factory import REGISTRY

import curv_issues
from curv_issues.datalab.register import CurvatureIssueManager
from curv_issues.datalab.shared_run import STATISTIC
from tests.datalab.labs import NAMES, WRONG_ROW, N, class_label_dataset, digits, find, make_lab

BUILT_IN = sorted({name for task in REGISTRY.values() for name in task} - {"curvature"}) + sorted(DEFAULT_CLEANVISION_ISSUES)


def test_columns(trained: Datalab, result: curv_issues.AuditResult):
    issues = trained.issues
    assert tuple(issues.columns) == CurvatureIssueManager.columns
    assert issues.index.equals(pd.RangeIndex(N))
    assert issues["is_curvature_issue"].dtype == np.bool_
    assert issues["curvature_score"].dtype == np.float64
    np.testing.assert_array_equal(issues["curvature_score"], 1 - result.scores["suspicion"])
    np.testing.assert_array_equal(issues["is_curvature_issue"], result.scores["flagged"])
    assert issues["curvature_given_class"].tolist() == [NAMES[label] for label in digits()[1]]
    assert issues["curvature_suggested_class"].tolist() == result.scores["suggested"].tolist()
    assert issues["curvature_p_wrong"].tolist() == result.scores["p_wrong"].tolist()
    assert issues["curvature_verdict"].tolist() == result.scores["verdict"].astype(object).fillna("").tolist()
    info = trained.get_info("curvature")
    assert info["estimate"] == (result.summary["estimate"] or "none")
    pd.testing.assert_frame_equal(info["confusions"], result.confusions)
    assert not (issues["curvature_given_class"] == issues["curvature_suggested_class"]).any()


def test_flagged_samples_have_low_scores_and_include_the_wrong_label():
    lab = make_lab()
    find(lab, epochs=12, cut_off="10%")
    issues = lab.get_issues("curvature")
    flagged = issues["is_curvature_issue"]
    assert 6 <= flagged.sum() < 10  # ties at the threshold are flagged together
    assert issues["curvature_score"][flagged].max() < issues["curvature_score"][~flagged].min()
    assert issues["curvature_score"].between(0, 1).all()
    assert flagged[WRONG_ROW]
    assert issues.loc[WRONG_ROW, ["curvature_given_class", "curvature_suggested_class"]].tolist() == ["ant", "zebra"]


@pytest.mark.parametrize("name", BUILT_IN)
def test_names_do_not_appear_in_built_in_views(name: str):
    """Datalab assigns to a type all columns whose names contain its name."""
    assert not [column for column in CurvatureIssueManager.columns if name in column]
    assert "curvature" not in name
    assert name not in "curvature"


def test_views_of_built_in_types_do_not_show_our_columns(trained: Datalab):
    features = np.stack([np.asarray(image).ravel() for image in digits()[0]]).astype(float)
    trained.find_issues(features=features)
    assert "curvature" in set(trained.issue_summary["issue_type"])
    for name in set(trained.issue_summary["issue_type"]) - {"curvature"}:
        assert not [column for column in trained.get_issues(name).columns if "curvature" in column]
    assert tuple(trained.get_issues("curvature").columns) == CurvatureIssueManager.columns


def test_summary(trained: Datalab, result: curv_issues.AuditResult):
    flagged = int(result.scores["flagged"].sum())  # findings hold conflicts too
    score = pytest.approx(1 - flagged / N)
    assert flagged == result.summary["num_findings"]["label_issue"]
    assert 6 <= flagged < N
    assert trained.issue_summary.to_dict("records") == [{"issue_type": "curvature", "score": score, "num_issues": flagged}]
    assert trained.get_issue_summary("curvature")["score"].tolist() == [score]
    assert trained.info["statistics"]["health_score"] == score
    find(trained, cut_off="0%")
    assert trained.issue_summary.to_dict("records") == [{"issue_type": "curvature", "score": 1.0, "num_issues": 0}]


def test_info(trained: Datalab, result: curv_issues.AuditResult):
    info = trained.get_info("curvature")
    assert info["num_curvature_issues"] == result.summary["num_findings"]["label_issue"]
    assert info["cut_off"]["num_flagged"] == result.scores["flagged"].sum()
    assert info["cut_off"]["rule"] == "fraction"
    assert info["options"]["epochs"] == 2
    assert info["recipe"]["epochs"] == 2
    assert (info["seed"], info["complete"], info["epochs_done"], info["device"]) == (0, True, 2, "cpu")
    names = list(result.score_names)
    pd.testing.assert_frame_equal(info["raw_scores"], result.scores[names])
    assert {name: entry["direction"] for name, entry in info["score_metadata"].items()} == {
        name: result.score_metadata[name]["direction"] for name in names
    }
    flagged = trained.issues[trained.issues["is_curvature_issue"]]
    pairs = {
        (row.curvature_given_class, row.curvature_suggested_class): row.num_flagged for row in info["flagged_pairs"].itertuples()
    }
    counted: dict[tuple[str, str], int] = {}
    for pair in zip(flagged["curvature_given_class"], flagged["curvature_suggested_class"], strict=True):
        counted[pair] = counted.get(pair, 0) + 1
    assert pairs == counted
    assert info["flagged_pairs"]["num_flagged"].is_monotonic_decreasing


def is_plain(value: Any) -> bool:
    """Return whether a value unpickles without this package and holds no numpy scalars, which JSON refuses."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and is_plain(entry) for key, entry in value.items())
    if isinstance(value, list):
        return all(is_plain(entry) for entry in value)
    return value is None or type(value) in (bool, int, float, str, pd.DataFrame, np.ndarray)


def test_info_is_plain(trained: Datalab):
    for name, entry in trained.get_info("curvature").items():
        assert is_plain(entry), name
        if isinstance(entry, dict):
            json.dumps(entry)
    assert is_plain(trained.info["statistics"][STATISTIC])
    assert b"curv_issues." not in pickle.dumps([trained.issues, trained.info])


def test_info_holds_no_empty_list(trained: Datalab):
    """The report of Datalab recurses forever on an empty list or array."""
    for name, entry in trained.get_info("curvature").items():
        assert not (isinstance(entry, list | np.ndarray) and len(entry) == 0), name


def test_info_notes():
    lab = make_lab(class_label_dataset(labels=[2] + [label % 2 for label in digits()[1].tolist()[1:]]))
    find(lab)
    assert "1 of 3 classes has one sample only (moth)" in lab.get_info("curvature")["notes"]


def report_of(lab: Datalab, **options: Any) -> str:
    printed = io.StringIO()
    with redirect_stdout(printed):
        lab.report(**options)
    return printed.getvalue()


@pytest.mark.parametrize("described", [True, False])
@pytest.mark.parametrize("verbosity", [0, 1, 2, 3, 4])
def test_report_works_at_every_verbosity(trained: Datalab, verbosity: int, described: bool):
    text = report_of(trained, verbosity=verbosity, include_description=described, show_summary_score=True)
    assert "curvature issues" in text
    flagged = trained.issues["is_curvature_issue"].sum()
    assert f"Number of examples with this issue: {flagged}\n" in text
    assert f"Overall dataset quality in terms of this issue: {1 - flagged / N:.4f}" in text
    worst = trained.issues["curvature_score"].idxmin()
    assert f"\n{worst} " in text
    assert "curvature_suggested_class" in text
    assert ("About this issue" in text) == described
    assert ("a ranking and not a probability" in text) == (described and verbosity > 0)
    assert ("flagged_pairs" in text) == (verbosity >= 2)
    assert ("learning_rate" in text) == (verbosity >= 3)
    assert ("raw_scores" in text) == (verbosity == 4)


def test_report_works_when_nothing_is_flagged(trained: Datalab):
    find(trained, cut_off="0%")
    assert report_of(trained).startswith("No issues found in the data.")
    text = report_of(trained, show_all_issues=True, verbosity=4)
    assert "Number of examples with this issue: 0" in text


def test_every_key_of_the_verbosity_levels_is_in_info(trained: Datalab):
    levels = CurvatureIssueManager.verbosity_levels
    assert sorted(levels) == [0, 1, 2, 3]
    assert {key for keys in levels.values() for key in keys} <= set(trained.get_info("curvature"))


def test_type_runs_only_if_requested(trainings: list[int]):
    lab = make_lab()
    lab.find_issues(features=np.random.default_rng(0).normal(size=(N, 4)))
    assert "label" in set(lab.issue_summary["issue_type"])
    assert "curvature" not in set(lab.issue_summary["issue_type"])
    assert "curvature" not in lab.list_default_issue_types()
    assert "curvature" in lab.list_possible_issue_types()
    assert trainings == []


def test_a_rerun_replaces_the_results(trained: Datalab):
    before = trained.issues["is_curvature_issue"].sum()
    find(trained, cut_off="50%")
    assert tuple(trained.issues.columns) == CurvatureIssueManager.columns
    assert trained.issue_summary["issue_type"].tolist() == ["curvature"]
    assert trained.issue_summary["num_issues"].tolist() == [trained.issues["is_curvature_issue"].sum()]
    assert trained.issues["is_curvature_issue"].sum() >= 30 > before
    assert trained.issues.index.equals(pd.RangeIndex(N))
