"""A person's decisions in the result of an audit."""

from __future__ import annotations

import numpy as np

from curv_issues.auditing.decided import LEAST_JUDGED, with_decisions
from curv_issues.auditing.review import review_sample
from curv_issues.results.result import AuditResult
from curv_issues.review.decisions import Decision
from tests.auditing.test_audit_duplicates import planted
from tests.auditing.test_review import DIGITS, IS_WRONG, audited


def decide(result: AuditResult, row: int, action: str | None = None) -> Decision:
    """Return the decision of somebody who knows the truth, or another action."""
    sample = result.scores.set_index("row").loc[row]
    action = action or ("relabel" if IS_WRONG[row] else "keep")
    label = str(DIGITS.target[row] if IS_WRONG[row] else (DIGITS.target[row] + 1) % 10) if action == "relabel" else None
    sha = result.images.set_index("row")["image_sha256"][row]
    return Decision(sha, sample["given"], action, label, row=row)


def rows_of(result: AuditResult, kind: str = "label_issue") -> set[int]:
    return set(result.findings["row"][result.findings["kind"] == kind])


def test_kept_labels_are_not_flagged_and_wrong_ones_are() -> None:
    result = audited()
    flagged = result.findings["row"][0]
    unflagged = int(result.scores.sort_values("suspicion")["row"].iloc[0])
    decisions = [decide(result, flagged, "keep"), decide(result, unflagged, "relabel")]
    found = with_decisions(result, decisions)
    assert flagged not in rows_of(found)
    assert unflagged in rows_of(found)
    scores = found.scores.set_index("row")["p_wrong"]
    assert (scores[flagged], scores[unflagged]) == (0, 1)
    others = ~found.scores["row"].isin([flagged, unflagged])
    assert np.array_equal(found.scores["p_wrong"][others], result.scores["p_wrong"][others])
    assert found.summary["estimate"] == result.summary["estimate"]
    note = f"Decisions of a person count for 2 samples; the probabilities are corrected by them after {LEAST_JUDGED} judged labels"
    assert found.summary["notes"][-1] == f"{note} (2 so far)."


def test_enough_judged_labels_correct_the_probabilities() -> None:
    result = audited()
    rows = review_sample(result, LEAST_JUDGED)["row"]
    found = with_decisions(result, [decide(result, row) for row in rows])
    expected = result.with_answers({row: IS_WRONG[row] for row in rows})
    assert found.summary["estimate"] == expected.summary["estimate"]
    assert found.scores.equals(expected.scores)
    fewer = with_decisions(result, [decide(result, row) for row in rows[1:]])
    assert fewer.summary["estimate"] == result.summary["estimate"]


def test_unsure_and_removed_samples_say_nothing_about_the_label() -> None:
    result = audited()
    rows = result.findings["row"][:2]
    found = with_decisions(result, [decide(result, rows[0], "unsure"), decide(result, rows[1], "remove")])
    assert found.scores.equals(result.scores)
    assert found.summary["decisions"]["num_rows"] == 2


def test_decisions_that_fit_nothing_are_told() -> None:
    result = audited()
    gone = Decision("gone", "3", "keep", row=5, path="5.png")
    found = with_decisions(result, [gone])
    assert found.summary["notes"][-1].endswith("1 decision fits no sample: 5.png: no sample has this content any more.")
    assert rows_of(found) == rows_of(result)


def test_decisions_again_replace_the_note() -> None:
    result = audited()
    first = with_decisions(result, [decide(result, result.findings["row"][0], "keep")])
    second = with_decisions(first, [decide(result, result.findings["row"][0], "keep")])
    assert sum("Decisions of a person" in note for note in second.summary["notes"]) == 1


def test_a_result_with_decisions_is_saved_and_loaded(tmp_path: object) -> None:
    result = audited()
    found = with_decisions(result, [decide(result, row) for row in result.findings["row"][:3]])
    loaded = AuditResult.load(found.save(f"{tmp_path}/result"))
    assert loaded.answers.equals(found.answers)
    assert rows_of(loaded) == rows_of(found)


def test_groups_are_dropped_if_all_labels_were_kept() -> None:
    result = planted()
    conflicts = result.conflicts
    group = conflicts[conflicts["group"] == conflicts["group"].iloc[0]]
    sha = result.images.set_index("row")["image_sha256"]
    keep = [Decision(sha[row], given, "keep", row=row) for row, given in zip(group["row"], group["given"], strict=True)]
    found = with_decisions(result, keep)
    assert set(conflicts["row"]) - set(found.conflicts["row"]) == set(group["row"])
    assert rows_of(found, "duplicate_conflict") == set(found.conflicts["row"])
    assert found.summary["num_findings"]["duplicate_conflict"] == len(found.conflicts)
    assert set(with_decisions(result, keep[:1]).conflicts["row"]) == set(conflicts["row"])


def test_labels_given_by_an_applied_decision_are_right() -> None:
    result = audited()
    sample = result.findings.iloc[0]
    other = next(name for name in result.class_names if name != sample["given"])
    applied = Decision(sample["image_sha256"], other, "relabel", sample["given"], row=int(sample["row"]))
    found = with_decisions(result, [applied])
    assert sample["row"] not in rows_of(found)
    assert found.summary["decisions"]["unmatched"] == []
    assert found.summary["decisions"]["num_rows"] == 1


def test_a_removed_sample_is_not_missed() -> None:
    removed = Decision("gone", "3", "remove", row=5)
    assert with_decisions(audited(), [removed]).summary["decisions"]["unmatched"] == []
