from __future__ import annotations

import numpy as np
import pytest

from curv_issues.confusions.error_count import ErrorCount
from curv_issues.errors import UsageError
from curv_issues.findings import label_issue
from curv_issues.findings.label_issue import describe_decision, find_label_issues
from curv_issues.findings.ranking import rank_by_default, rank_by_score
from curv_issues.options import FindingOptions
from tests.findings.test_judgement import TRAINED, evidence


def judge(score: str, cut_off: str | float) -> tuple[np.ndarray, np.ndarray, int]:
    margin = np.array([4.0, -3.0, 2.0, 1.0])
    loss = np.array([0.1, 2.0, 0.3, 5.0])
    judged = find_label_issues(
        {"margin": margin, "final_loss": loss},
        {"margin": "low", "final_loss": "high"},
        margin[:, None],
        {"p90": [-1.0], "p99": [0.0], "predicted": [0.0]},
        options=FindingOptions(score=score, cut_off=cut_off),
        standard_epochs=1,
    )
    expected = rank_by_score({"margin": margin, "final_loss": loss}, {"margin": "low", "final_loss": "high"}, score)
    np.testing.assert_array_equal(judged.ranking.suspicion, expected.suspicion)
    return judged.ranking.suspicion, judged.flagged, judged.cut_off.num_flagged


def test_rank_and_cut_off_follow_the_options() -> None:
    assert judge("margin", "25%")[1].tolist() == [False, True, False, False]
    assert judge("final_loss", "25%")[1].tolist() == [False, False, False, True]
    assert judge("margin", 0.6)[1].tolist() == [False, True, False, True]
    assert judge("margin", 0.6)[2] == 2
    assert judge("margin", "0%")[1].any() == np.False_
    with pytest.raises(UsageError, match="The score 'residual' was not measured in this run; expected one of: margin, final_loss"):
        judge("residual", 0.5)


def test_many_wrong_labels_between_like_classes_of_features_may_be_overlap() -> None:
    random = np.random.default_rng(0)
    labels = random.integers(0, 10, 1_000)
    likely = np.where(random.random(1_000) < 0.2, labels ^ 1, labels)  # pairs of like classes
    probabilities = 0.7 * np.eye(10)[likely] + 0.2 * np.eye(10)[likely ^ 1] + 0.01
    known = {"labels": labels, "pred_probs": probabilities, "on_features": True}

    def note(rate: float, basis: str = "held-out", **changes: object) -> str | None:
        found = evidence(**{**known, **changes})
        return label_issue.overlap_note(found, ErrorCount(rate * 1_000, 0, 1_000, basis))

    text = note(0.2)
    assert text is not None
    assert text.startswith("20% of the labels count as wrong. Labels alone cannot tell")
    assert note(0.04) is note(0.2, "answers") is note(0.2, on_features=False) is note(0.2, pred_probs=None) is None
    anywhere = np.where(random.random(1_000) < 0.2, (labels + random.integers(1, 10, 1_000)) % 10, labels)
    assert note(0.2, labels=anywhere, pred_probs=0.8 * np.eye(10)[labels] + random.random((1_000, 10)) / 50) is None
    assert label_issue.overlap_note(evidence(**known), None) is None


# 5 wrong labels, low until they are memorised in the fourth epoch; 95 right ones
MEMORISED = np.concatenate([np.tile([0.0, 6.0, 9.0, 9.0, 9.0], (95, 1)), np.tile([-9.0, -9.0, -9.0, 9.0, 9.0], (5, 1))])


def test_default_ranks_by_margins_before_labels_are_memorised() -> None:
    reference = {"p90": [-1.0] * 5, "p99": [1.0] * 5, "predicted": [0.0] * 5}
    final = MEMORISED[:, -1].copy()
    final[95:98] = -1.0, 0.0, 0.1  # of the five wrong labels, one is not predicted, one ties, one is barely predicted
    scores = {"margin": MEMORISED.mean(axis=1), "final_margin": final}
    judged = find_label_issues(scores, {}, MEMORISED, reference, options=FindingOptions(), standard_epochs=5)
    np.testing.assert_array_equal(judged.ranking.suspicion, rank_by_default(MEMORISED, 3, {}, on_features=False).suspicion)
    assert judged.flagged.tolist() == [False] * 95 + [True] * 5
    assert judged.memorised_fraction == 0.6
    assert describe_decision(judged)["ranking"] == {
        "score": "default",
        "epochs": 3,
        "parts": ("late_margin",),
        "memorised_fraction": 0.6,
    }


def test_memorised_fraction_is_unknown_if_no_label_looks_wrong() -> None:
    reference = {"p90": [-9.0] * 5, "p99": [-8.0] * 5, "predicted": [0.0] * 5}
    scores = {"final_margin": MEMORISED[:, -1]}
    assert (
        find_label_issues(scores, {}, MEMORISED, reference, options=FindingOptions(), standard_epochs=5).memorised_fraction is None
    )


def test_without_learned_classes_no_number_of_errors_is_estimated() -> None:
    options = FindingOptions()
    assert label_issue.judge(evidence(**TRAINED), options).summary["estimate"]["num_errors"] == 2.5
    undertrained = label_issue.judge(evidence(**{**TRAINED, "standard_epochs": 40.0}), options)
    assert undertrained.summary["estimate"] is None
    assert undertrained.tables == {}
    asked = label_issue.judge(evidence(**{**TRAINED, "standard_epochs": 40.0, "answers": np.full(6, np.nan)}), options)
    assert asked.summary["estimate"]["num_errors"] == 2.5
