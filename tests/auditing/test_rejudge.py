from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import curv_issues
from curv_issues.auditing.rejudge import only_kind, rejudge
from curv_issues.errors import UsageError
from curv_issues.results.result import AuditResult
from tests.small import make_data

FIXED = ["row", "split", "path", "given", "suggested"]


@pytest.fixture(scope="module")
def result() -> AuditResult:
    return curv_issues.audit(make_data(50), epochs=2, cut_off="10%")


@pytest.fixture(autouse=True)
def _no_training(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    request.getfixturevalue("result")  # only this audit may train
    for target in ("run.train_probe", "run.run_probe", "loop.train_probe", "scoring.scoring_pass"):
        monkeypatch.setattr(f"curv_issues.training.{target}", lambda *_args, **_options: pytest.fail("computed"))


def test_same_options_give_the_same_result(result: AuditResult) -> None:
    again = rejudge(result, cut_off="10%")
    pd.testing.assert_frame_equal(again.scores, result.scores)
    pd.testing.assert_frame_equal(again.findings, result.findings)
    assert again.summary == result.summary
    assert again.contact_sheet is None


@pytest.mark.parametrize(("cut_off", "count"), [("0%", 0), ("2%", 1), ("50%", 25), ("100%", 50), (1.0, 0), (0.0, 50)])
def test_another_cut_off_changes_flags_and_findings_only(result: AuditResult, cut_off: str | float, count: int) -> None:
    before = copy.deepcopy(result.summary)
    again = rejudge(result, cut_off=cut_off)
    assert again.scores["flagged"].sum() == len(again.findings) == count
    flagged = again.scores[again.scores["flagged"]]
    assert set(flagged["row"]) == set(again.findings["row"])
    if 0 < count < 50:
        assert flagged["suspicion"].min() >= again.scores.loc[~again.scores["flagged"], "suspicion"].max()
    same = [*FIXED, "suspicion", *result.score_names]
    pd.testing.assert_frame_equal(again.scores[same], result.scores[same])
    np.testing.assert_array_equal(again.pred_probs, result.pred_probs)
    assert again.summary["num_findings"]["label_issue"] == count
    assert again.summary["options"] == {**before["options"], "cut_off": cut_off}
    assert again.summary["cut_off"]["num_flagged"] == count
    assert result.summary == before  # the original is unchanged
    assert result.scores["flagged"].sum() == 5


def test_another_score_changes_the_ranking(result: AuditResult) -> None:
    again = rejudge(result, score="final_loss", cut_off="10%")
    loss = again.scores["final_loss"]
    assert (again.scores["suspicion"].rank() == loss.rank()).all()
    assert again.scores.loc[again.scores["flagged"], "final_loss"].min() >= loss.nlargest(5).min()
    assert again.summary["options"]["score"] == "final_loss"
    low = rejudge(result, score="margin", cut_off="10%")
    assert (low.scores["suspicion"].rank() == (-low.scores["margin"]).rank()).all()
    pd.testing.assert_frame_equal(again.scores[[*FIXED, *result.score_names]], result.scores[[*FIXED, *result.score_names]])


def test_loaded_result_is_rejudged_alike(result: AuditResult, tmp_path: Path) -> None:
    result.save(tmp_path / "out")
    loaded = rejudge(AuditResult.load(tmp_path / "out"), score="residual", cut_off=0.7)
    direct = rejudge(result, score="residual", cut_off=0.7)
    pd.testing.assert_frame_equal(loaded.findings, direct.findings)
    pd.testing.assert_frame_equal(loaded.scores, direct.scores)


def test_invalid_options_are_refused(result: AuditResult) -> None:
    with pytest.raises(UsageError, match="Unknown score 'luck'; choose one of: default"):
        rejudge(result, score="luck")
    with pytest.raises(UsageError, match="cut_off must be 'auto'"):
        rejudge(result, cut_off=2)


def test_reliability_note_belongs_to_the_automatic_cut_off(result: AuditResult) -> None:
    automatic = rejudge(result)
    note = automatic.summary["cut_off"]["note"]
    assert note.startswith(("The probe is under-trained (2 of the usual 40 epochs)", "More than half of the labels"))
    assert automatic.summary["notes"] == [*result.summary["notes"], note]
    assert rejudge(automatic).summary["notes"] == automatic.summary["notes"]
    assert rejudge(automatic, cut_off="10%").summary["notes"] == result.summary["notes"]


@pytest.fixture(scope="module")
def copied() -> AuditResult:
    """Two copies with another label, one exact and one noisy; only the exact one reaches the threshold."""
    data = make_data(50)
    images = np.concatenate([data.images, data.images[[3, 8]]])
    images[51] = np.clip(images[51].astype(int) + np.random.default_rng(0).integers(-6, 7, images[51].shape), 0, 255)
    labels = np.concatenate([data.labels, (data.labels[[3, 8]] + 1) % data.num_classes])
    return curv_issues.audit(curv_issues.from_arrays(images, labels), epochs=2, duplicate_threshold=0.9999)


class TestAnotherThreshold:
    @pytest.fixture(autouse=True)
    def _trained(self, copied: AuditResult) -> None:
        assert sorted(copied.conflicts["row"]) == [3, 50]

    @staticmethod
    def similarity(result: AuditResult) -> float:
        pair = result.pairs[(result.pairs["first"] == 8) & (result.pairs["second"] == 51)]
        return float(pair["similarity"].iloc[0])

    def test_lower_threshold_adds_conflicts(self, copied: AuditResult) -> None:
        before = copy.deepcopy(copied.summary)
        again = rejudge(copied, cut_off="10%", duplicate_threshold=self.similarity(copied) - 1e-6)
        assert {3, 8, 50, 51} <= set(again.conflicts["row"])
        found = again.findings[again.findings["kind"] == "duplicate_conflict"]
        assert set(found["row"]) == set(again.conflicts["row"])
        assert again.summary["num_findings"]["duplicate_conflict"] == len(found)
        assert again.summary["duplicates"]["threshold"] == self.similarity(copied) - 1e-6
        assert again.summary["duplicates"]["conflict_groups"] == again.conflicts["group"].nunique() >= 2
        assert again.summary["duplicates"]["pairs_compared"] == before["duplicates"]["pairs_compared"]
        assert again.summary["options"]["duplicate_threshold"] == self.similarity(copied) - 1e-6
        assert copied.summary == before
        back = rejudge(again, duplicate_threshold=0.9999)
        pd.testing.assert_frame_equal(back.conflicts, copied.conflicts)
        pd.testing.assert_frame_equal(back.findings, copied.findings)

    def test_without_a_threshold_the_groups_are_kept(self, copied: AuditResult) -> None:
        pd.testing.assert_frame_equal(rejudge(copied, cut_off="50%").conflicts, copied.conflicts)

    def test_saved_result_can_be_rejudged(self, copied: AuditResult, tmp_path: Path) -> None:
        copied.save(tmp_path)
        threshold = self.similarity(copied) - 1e-6
        again = rejudge(AuditResult.load(tmp_path), duplicate_threshold=threshold)
        pd.testing.assert_frame_equal(again.conflicts, rejudge(copied, duplicate_threshold=threshold).conflicts)

    def test_threshold_below_the_kept_pairs_is_refused(self, copied: AuditResult) -> None:
        with pytest.raises(
            UsageError, match=r"duplicate_threshold must be at least 0\.5 here, as less similar pairs were not kept"
        ):
            rejudge(copied, duplicate_threshold=0.4)
        with pytest.raises(UsageError, match="duplicate_threshold must be a number > 0 and <= 1, got 2"):
            rejudge(copied, duplicate_threshold=2)

    def test_audit_without_a_search_is_refused(self, result: AuditResult) -> None:
        changed = copy.deepcopy(result)
        changed.summary["duplicates"] = None
        with pytest.raises(UsageError, match="made without a search for duplicates; audit again with duplicates=True"):
            rejudge(changed, duplicate_threshold=0.9)


def test_findings_of_one_kind(copied: AuditResult) -> None:
    both = rejudge(copied, cut_off="10%")
    count = dict(both.findings["kind"].value_counts())
    assert count.keys() == {"label_issue", "duplicate_conflict"}
    errors, conflicts = (only_kind(both, kind) for kind in ("label_issue", "duplicate_conflict"))
    assert errors.findings["kind"].tolist() == ["label_issue"] * count["label_issue"]
    assert errors.conflicts.empty
    assert conflicts.findings["kind"].tolist() == ["duplicate_conflict"] * count["duplicate_conflict"]
    pd.testing.assert_frame_equal(conflicts.conflicts, both.conflicts)
    assert not conflicts.scores["flagged"].any()
    with pytest.raises(UsageError, match="Unknown kind of finding 'blur'"):
        only_kind(both, "blur")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reference_margin", None),
        ("reference_margin", {"p90": [0.1], "p99": [0.2], "predicted": [0.0]}),  # of fewer epochs
        ("reference_margin", {"p90": ["a", "b"], "p99": [0.1, 0.2], "predicted": [0.0, 0.0]}),
        ("reference_margin", {"p90": [0.1, "b"], "p99": [0.1, 0.2], "predicted": [0.0, 0.0]}),
        ("options", []),
        ("num_findings", 3),
        ("cut_off", "auto"),
        ("notes", [{}]),
        ("duplicates", {"threshold": 0.9}),
    ],
)
def test_incomplete_summary_is_refused(result: AuditResult, name: str, value: object) -> None:
    hostile = result.with_extras(**{name: value})
    with pytest.raises(UsageError, match=r"^(This result|The summary of this result) lacks .*run the audit again"):
        rejudge(hostile, duplicate_threshold=0.95 if name == "duplicates" else None)


def test_result_without_margins_is_refused(result: AuditResult) -> None:
    hostile = dataclasses.replace(result, trajectories={"loss": result.trajectories["loss"]})
    with pytest.raises(UsageError, match="lacks the margins"):
        rejudge(hostile)


@pytest.mark.parametrize("wrong", [None, 5, b"out", "out"])
def test_other_objects_are_refused(wrong: object) -> None:
    with pytest.raises(UsageError, match=rf"^Expected an AuditResult, .* but got {type(wrong).__name__}\.$"):
        rejudge(wrong)  # type: ignore[arg-type]
