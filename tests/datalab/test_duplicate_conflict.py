"""The issue type `duplicate_conflict`: it finds planted copies, and shares one training with `curvature`."""

from __future__ import annotations

import io
import re
from contextlib import redirect_stdout
from typing import Any

import numpy as np
import pandas as pd
import pytest
from cleanlab import Datalab
from PIL import Image

import curv_issues
from curv_issues import AuditError, UsageError
from curv_issues.datalab.duplicate_conflict import DuplicateConflictIssueManager
from curv_issues.datalab.shared_run import STATISTIC
from tests.datalab.labs import NAMES, OPTIONS, N, digits, make_lab

COPIED = {60: (3, 1), 61: (5, 0), 62: (8, 2), 63: (8, 0), 64: (11, 0)}
"""Row of the copy -> row of its source, and what is added to its label."""
CONFLICTS = [{3, 60}, {8, 62, 63}]
BOTH = ("curvature", "duplicate_conflict")


def copies() -> dict[str, Any]:
    images, labels = digits()
    images, labels = list(images), labels.tolist()
    for source, more in COPIED.values():
        images.append(Image.fromarray(np.asarray(images[source]).copy()))
        labels.append((labels[source] + more) % 3)
    return {"image": images, "label": [NAMES[label] for label in labels]}


def copied_lab() -> Datalab:
    return make_lab(copies())


def find(lab: Datalab, **options: dict[str, Any]) -> None:
    """Find these issue types, each with its options."""
    lab.find_issues(issue_types=options)


@pytest.fixture(scope="module")
def found() -> Datalab:
    lab = copied_lab()
    find(lab, duplicate_conflict={**OPTIONS, "threshold": 0.999})
    return lab


def test_columns(found: Datalab):
    issues = found.get_issues("duplicate_conflict")
    assert tuple(issues.columns) == DuplicateConflictIssueManager.columns
    members = sorted(set.union(*CONFLICTS))
    assert np.flatnonzero(issues["is_duplicate_conflict_issue"]).tolist() == members
    assert issues["duplicate_conflict_score"].between(0, 1).all()
    assert (issues["duplicate_conflict_score"][members] == 0).all()
    assert issues["duplicate_conflict_score"].drop(members).min() > 0.001
    assert issues["duplicate_conflict_given_class"].tolist() == copies()["label"]
    assert (issues["duplicate_conflict_distance"][members] == 0).all()
    assert (issues["duplicate_conflict_distance"].drop(members) == 1).all()


def test_groups_and_the_other_members(found: Datalab):
    issues = found.get_issues("duplicate_conflict")
    groups = issues.groupby("duplicate_conflict_group").groups
    assert sorted(map(sorted, (set(rows) for number, rows in groups.items() if number >= 0))) == sorted(map(sorted, CONFLICTS))
    for members in CONFLICTS:
        for row in members:
            assert issues["duplicate_conflict_sets"][row].tolist() == sorted(members - {row})
    outside = set(range(len(issues))) - set.union(*CONFLICTS)
    assert all(len(issues["duplicate_conflict_sets"][row]) == 0 for row in outside)
    assert (issues["duplicate_conflict_group"][list(outside)] == -1).all()


def test_suspects_and_suggestions(found: Datalab):
    issues = found.get_issues("duplicate_conflict")
    for members in CONFLICTS:
        part = issues.loc[sorted(members)]
        assert part["duplicate_conflict_suspect"].any()
        suspects = part[part["duplicate_conflict_suspect"]]
        assert (suspects["duplicate_conflict_suggested_class"] != suspects["duplicate_conflict_given_class"]).all()
        assert set(part["duplicate_conflict_suggested_class"]) <= set(part["duplicate_conflict_given_class"])
    outside = issues.drop(sorted(set.union(*CONFLICTS)))
    assert not outside["duplicate_conflict_suspect"].any()
    assert (outside["duplicate_conflict_suggested_class"] == outside["duplicate_conflict_given_class"]).all()


def test_info_and_report(found: Datalab):
    info = found.get_info("duplicate_conflict")
    members = sorted(set.union(*CONFLICTS))
    assert info["num_duplicate_conflict_issues"] == len(members)
    assert (info["threshold"], info["num_groups"], info["num_same_label_groups"]) == (0.999, 2, 2)
    assert sorted(info["groups"]["row"]) == members
    assert sorted(info["same_label_groups"]["row"]) == [5, 11, 61, 64]
    assert info["options"]["epochs"] == OPTIONS["epochs"]
    summary = found.issue_summary.set_index("issue_type").loc["duplicate_conflict"]
    assert summary["score"] == pytest.approx(1 - len(members) / len(found.data))
    assert summary["num_issues"] == len(members)
    for verbosity in range(5):
        printed = io.StringIO()
        with redirect_stdout(printed):
            found.report(verbosity=verbosity)
        assert "duplicate_conflict issues" in printed.getvalue()


def test_no_built_in_view_shows_the_columns(found: Datalab):
    for name in ("label", "near_duplicate", "outlier", "null", "dark", "light", "non_iid", "class_imbalance", "curvature"):
        assert not [column for column in DuplicateConflictIssueManager.columns if name in column], name


def test_issues_are_those_of_an_audit(found: Datalab):
    result = curv_issues.audit(found.data, **OPTIONS, duplicate_threshold=0.999)
    lab = copied_lab()
    curv_issues.add_to_datalab(lab, result)
    pd.testing.assert_frame_equal(lab.get_issues("duplicate_conflict"), found.get_issues("duplicate_conflict"))


def test_saving_and_loading(found: Datalab, tmp_path):
    found.save(tmp_path / "lab", force=True)
    again = Datalab.load(tmp_path / "lab").get_issues("duplicate_conflict")
    pd.testing.assert_frame_equal(again, found.get_issues("duplicate_conflict"))


@pytest.mark.parametrize("threshold", [0, 0.4, 1.1, "0.9", True, float("nan")])
def test_invalid_thresholds_are_refused(threshold: Any):
    with pytest.raises(UsageError, match=re.escape(f"threshold must be a number from 0.5 to 1, got {threshold!r}.")):
        find(copied_lab(), duplicate_conflict={"threshold": threshold})


def test_unknown_options_are_refused():
    text = "Unknown option 'treshold' of the issue type 'duplicate_conflict'; did you mean 'threshold'?"
    with pytest.raises(UsageError, match=re.escape(text)):
        find(copied_lab(), duplicate_conflict={"treshold": 0.9})
    with pytest.raises(UsageError, match="Unknown option 'cut_off' of the issue type 'duplicate_conflict'; choose from: "):
        find(copied_lab(), duplicate_conflict={"cut_off": 0.9})


class TestOneTraining:
    @pytest.mark.parametrize("names", [BOTH, BOTH[::-1]])
    @pytest.mark.parametrize("giver", BOTH)
    def test_both_in_one_call(self, names: tuple[str, str], giver: str, trainings: list[int]):
        lab = copied_lab()
        find(lab, **{name: OPTIONS if name == giver else {} for name in names})
        assert lab.issue_summary["issue_type"].tolist() == list(names)
        assert trainings == [len(lab.data)]
        assert [lab.get_info(name)["options"]["epochs"] for name in names] == [OPTIONS["epochs"]] * 2

    def test_order_of_the_types_does_not_matter(self):
        one, other = copied_lab(), copied_lab()
        find(one, curvature=OPTIONS, duplicate_conflict={})
        find(other, duplicate_conflict={}, curvature=OPTIONS)
        for name in BOTH:
            pd.testing.assert_frame_equal(one.get_issues(name), other.get_issues(name))

    @pytest.mark.parametrize("names", [BOTH, BOTH[::-1]])
    def test_one_after_the_other(self, names: tuple[str, str], trainings: list[int]):
        lab = copied_lab()
        find(lab, **{names[0]: OPTIONS})
        find(lab, **{names[1]: {}})
        assert trainings == [len(lab.data)]
        assert lab.get_info(names[1])["options"]["epochs"] == OPTIONS["epochs"]
        find(lab, duplicate_conflict={"threshold": 0.9})
        find(lab, curvature={"cut_off": "20%"})
        find(lab, **{names[1]: {"epochs": 2}})  # the option given is that of the run
        assert trainings == [len(lab.data)]

    def test_options_of_either_type_apply_to_both(self, trainings: list[int]):
        lab = copied_lab()
        find(lab, curvature={"epochs": 1, "measure": ["training_gradient"]}, duplicate_conflict={**OPTIONS, "epochs": 1, "seed": 3})
        assert trainings == [len(lab.data)]
        for name in BOTH:
            assert {"epochs": 1, "seed": 3, "resolution": 8}.items() <= lab.get_info(name)["options"].items()

    @pytest.mark.parametrize("names", [BOTH, BOTH[::-1]])
    def test_conflicting_options_are_refused(self, names: tuple[str, str], trainings: list[int]):
        lab = copied_lab()
        text = (
            f"The issue types {names[0]!r} and {names[1]!r} are given different values of epochs (2 and 3), but share one training"
        )
        with pytest.raises(UsageError, match=re.escape(text)):
            find(lab, **{names[0]: OPTIONS, names[1]: {"epochs": 3}})
        assert trainings == []
        assert lab.issue_summary.empty
        find(lab, **{names[1]: {**OPTIONS, "epochs": 3}})  # the failed call changed nothing
        assert lab.get_info(names[1])["options"]["epochs"] == 3

    def test_other_options_train_again(self, trainings: list[int]):
        lab = copied_lab()
        find(lab, curvature=OPTIONS)
        find(lab, duplicate_conflict={**OPTIONS, "epochs": 1})
        assert trainings == [len(lab.data)] * 2
        find(lab, curvature={})  # judged by the latest training, also for this type
        assert lab.get_info("curvature")["options"]["epochs"] == 1
        find(lab, curvature={"device": "cpu", "epochs": 2}, duplicate_conflict={"resolution": 8})
        assert trainings == [len(lab.data)] * 3
        assert lab.get_info("duplicate_conflict")["options"]["epochs"] == 2

    def test_changed_label_trains_again(self, trainings: list[int]):
        lab = copied_lab()
        find(lab, curvature=OPTIONS, duplicate_conflict={"threshold": 0.999})
        lab.labels[60] = lab.labels[3]
        find(lab, duplicate_conflict={**OPTIONS, "threshold": 0.999})
        assert trainings == [len(lab.data)] * 2
        assert np.flatnonzero(lab.issues["is_duplicate_conflict_issue"]).tolist() == [8, 62, 63]

    def test_images_are_read_once(self, monkeypatch: pytest.MonkeyPatch):
        from curv_issues.datalab import shared_run

        read: list[int] = []
        load = shared_run.load_samples

        def counted(samples, **options):
            read.append(len(samples.labels))
            return load(samples, **options)

        monkeypatch.setattr(shared_run, "load_samples", counted)
        find(copied_lab(), curvature=OPTIONS, duplicate_conflict={})
        assert read == [len(COPIED) + N]

    def test_failed_training_is_not_repeated(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
        tried: list[int] = []

        def fails(data, *_arguments, **_options):
            tried.append(len(data))
            raise AuditError("the loss became NaN")

        monkeypatch.setattr("curv_issues.auditing.audit.audit_data", fails)
        lab = copied_lab()
        find(lab, curvature=OPTIONS, duplicate_conflict={})
        assert len(tried) == 1
        assert lab.issue_summary.empty
        printed = capsys.readouterr().out
        assert [f"Error in {name}: the loss became NaN" in printed for name in BOTH] == [True, True]

    def test_result_given_to_one_type_applies_to_both(self, trainings: list[int]):
        result = curv_issues.audit(copied_lab().data, **OPTIONS)
        trainings.clear()
        lab = copied_lab()
        find(lab, duplicate_conflict={}, curvature={"result": result})
        assert trainings == []
        assert lab.issues["is_duplicate_conflict_issue"].sum() == len(result.conflicts)
        other = curv_issues.rejudge(result, cut_off="5%")
        with pytest.raises(UsageError, match="are given different values of result, but share one training"):
            find(lab, duplicate_conflict={"result": other}, curvature={"result": result})
        with pytest.raises(UsageError, match="result and epochs do not go together"):
            find(lab, duplicate_conflict={"epochs": 2}, curvature={"result": result})

    def test_both_are_noted_as_served(self, found: Datalab):
        assert found.info["statistics"][STATISTIC]["served"] == {"duplicate_conflict": True}
