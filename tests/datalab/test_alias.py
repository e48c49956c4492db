"""The issue type `training_dynamics`: the findings of `curvature` under a second name."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pandas as pd
import pytest
from cleanlab import Datalab
from cleanlab.datalab.internal.adapter.constants import DEFAULT_CLEANVISION_ISSUES
from cleanlab.datalab.internal.issue_manager_factory import REGISTRY
from cleanlab.datalab.internal.task import Task

from curv_issues.datalab.register import CurvatureIssueManager, TrainingDynamicsIssueManager
from tests.datalab.labs import OPTIONS, make_lab

NAME = "training_dynamics"


@pytest.fixture(scope="module")
def lab() -> Datalab:
    lab = make_lab()
    lab.find_issues(issue_types={"curvature": {**OPTIONS, "cut_off": "10%"}, NAME: {"cut_off": "10%"}})
    return lab


def test_both_names_have_the_same_findings_from_one_training(trainings: list[int]):
    lab = make_lab()
    lab.find_issues(issue_types={"curvature": {**OPTIONS, "cut_off": "10%"}, NAME: {"cut_off": "10%"}})
    assert len(trainings) == 1
    one, other = lab.get_issues("curvature"), lab.get_issues(NAME)
    assert tuple(one.columns) == CurvatureIssueManager.columns
    assert tuple(other.columns) == TrainingDynamicsIssueManager.columns
    assert other.columns[:2].tolist() == ["is_training_dynamics_issue", "training_dynamics_score"]
    pd.testing.assert_frame_equal(other.set_axis(one.columns, axis=1), one)
    assert one["is_curvature_issue"].sum() >= 6
    scores = lab.issue_summary.set_index("issue_type")["score"]
    assert scores["curvature"] == scores[NAME] < 1


def test_a_second_call_under_the_other_name_does_not_train(lab: Datalab, trainings: list[int]):
    lab.find_issues(issue_types={NAME: {"cut_off": "20%"}})
    assert trainings == []
    assert lab.get_issues(NAME)["is_training_dynamics_issue"].sum() >= 12
    assert lab.get_issues("curvature")["is_curvature_issue"].sum() < 12


def test_report_and_info(lab: Datalab):
    with redirect_stdout(io.StringIO()) as out:
        lab.report(verbosity=3)
    assert "training_dynamics issues" in out.getvalue()
    info = lab.get_info(NAME)
    assert info["num_training_dynamics_issues"] == lab.get_issues(NAME)["is_training_dynamics_issue"].sum()
    assert list(info["flagged_pairs"]) == ["training_dynamics_given_class", "training_dynamics_suggested_class", "num_flagged"]


def test_no_view_of_another_type_shows_its_columns():
    others = {name for task in Task for name in REGISTRY[task]} - {NAME} | set(DEFAULT_CLEANVISION_ISSUES)
    assert [(name, column) for name in others for column in TrainingDynamicsIssueManager.columns if name in column] == []
    assert [name for name in others if NAME in name] == []
    shown = {
        column
        for manager in (CurvatureIssueManager, REGISTRY[Task.CLASSIFICATION]["duplicate_conflict"])
        for column in manager.columns
    }
    assert [column for column in shown if NAME in column] == []
