"""Duplicates in audits."""

from __future__ import annotations

import functools
import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from curv_issues import AuditInterrupted, AuditResult, audit, from_arrays
from curv_issues.auditing.rejudge import rejudge
from curv_issues.data.base import LabeledData
from curv_issues.duplicates.base import NEAR, PIXELS
from curv_issues.findings.duplicate_conflict import SCORE, SCORE_METADATA
from curv_issues.progress import Progress
from tests.duplicates.images import brighter, recompressed, textured
from tests.small import make_data

MODULE = importlib.import_module("curv_issues.auditing.audit")  # the attribute of the package is the function
DIFFERENT = 90
NAMES = ["dog", "cat", "bird"]

# Copies that follow the different images: index of the original, whether it is altered, and the shift of its label.
COPIES = [
    (4, False, 1),
    (10, False, 0),
    (20, True, 1),
    (31, True, 0),
    (42, False, 0),
    (42, False, 0),
    (42, False, 2),
]
CONFLICTS = {(4, 90), (20, 92), (42, 94, 95, 96)}
SAME_LABEL = {(10, 91), (31, 93)}


@functools.cache
def planted_data() -> LabeledData:
    """Textured images of three classes that differ in their channels, and copies of some."""
    labels = np.arange(DIFFERENT) % 3
    originals = textured(DIFFERENT, seed=5) - 50
    originals[np.arange(DIFFERENT), :, :, labels] += 60
    images = list(originals)
    for source, is_changed, _ in COPIES:
        images.append(recompressed(brighter(originals[source]))[:, ::-1] if is_changed else originals[source])
    given = [*labels, *((labels[i] + step) % 3 for i, _, step in COPIES)]
    return from_arrays(np.stack(images), np.array(given), class_names=NAMES, resolution=32)


@functools.cache
def planted() -> AuditResult:
    return audit(planted_data(), epochs=3, cut_off="10%", duplicates=True)


def groups_of(table: pd.DataFrame) -> set[tuple[int, ...]]:
    return {tuple(group["row"]) for _, group in table.groupby("group")}


def test_copies_with_another_label_are_conflicts() -> None:
    result = planted()
    assert groups_of(result.conflicts) == CONFLICTS
    assert groups_of(result.duplicates) == SAME_LABEL
    tests = result.conflicts.set_index("row")["test"]
    assert tests[[4, 90, 42, 94, 95, 96]].tolist() == [PIXELS] * 6
    assert tests[[20, 92]].tolist() == [NEAR] * 2
    assert result.duplicates.set_index("row")["test"].to_dict() == {10: PIXELS, 91: PIXELS, 31: NEAR, 93: NEAR}
    assert result.conflicts["group"].tolist() == [0, 0, 1, 1, 1, 1, 2, 2]  # the near pair is last
    assert result.duplicates["group"].tolist() == [0, 0, 1, 1]


def test_members_have_the_columns_of_the_scores_table() -> None:
    result = planted()
    for table in (result.conflicts, result.duplicates):
        own = result.scores.set_index("row").loc[table["row"]].reset_index()
        pd.testing.assert_frame_equal(table[["row", "split", "path", "given"]], own[["row", "split", "path", "given"]])
    conflicts = result.conflicts.set_index("row")
    assert conflicts.loc[[42, 94, 95, 96], "majority"].tolist() == [0.75, 0.75, 0.75, 0.25]
    assert conflicts.loc[[4, 90, 20, 92], "majority"].tolist() == [0.5] * 4
    assert conflicts[["probability", "neighbours"]].notna().all().all()
    assert conflicts["neighbours"].between(0, 1).all()
    assert conflicts["neighbours"].nunique() > 2
    assert (conflicts.loc[[20, 92], "similarity"] < 1).all()


def test_label_supported_by_the_evidence_is_suggested() -> None:
    conflicts = planted().conflicts.set_index("row")
    copies = conflicts.loc[[4, 90, 42, 94, 95, 96]]
    assert copies.index[copies["suspect"]].tolist() == [90, 96]
    assert copies["suggested"].tolist() == [NAMES[4 % 3]] * 2 + [NAMES[42 % 3]] * 4
    assert (copies["probability"] > 0.5).tolist() == (~copies["suspect"]).tolist()


def test_conflicts_are_findings_beside_the_label_issues() -> None:
    result = planted()
    findings, scores = result.findings, result.scores
    errors, conflicts = (findings[findings["kind"] == kind] for kind in ("label_issue", "duplicate_conflict"))
    assert len(errors) + len(conflicts) == len(findings)
    assert sorted(conflicts["row"]) == sorted(result.conflicts["row"])
    assert set(errors["row"]) == set(scores.loc[scores["flagged"], "row"])
    assert findings["suspicion"].is_monotonic_decreasing
    merged = conflicts.merge(scores, on="row", suffixes=("", "_score")).merge(result.conflicts, on="row", suffixes=("", "_group"))
    assert (merged["suspicion"] == merged["suspicion_score"]).all()
    assert (merged["suggested"] == merged["suggested_group"]).all()
    assert (merged["given"] == merged["given_score"]).all()
    hashes = result.images.set_index("row")["image_sha256"]
    assert conflicts["image_sha256"].tolist() == hashes[conflicts["row"]].tolist()


def test_comparison_does_not_change_flags_and_suspicion(monkeypatch: pytest.MonkeyPatch) -> None:
    result = planted()
    monkeypatch.setattr(MODULE, "compare_images", lambda *_, **__: None)
    without = audit(planted_data(), epochs=3, cut_off="10%", duplicates=True)
    suspects = result.conflicts["row"][result.conflicts["suspect"]]
    assert set(result.scores.set_index("row").loc[suspects, "verdict"]) == {"conflict"}
    pd.testing.assert_frame_equal(without.scores.drop(columns="verdict"), result.scores.drop(columns=[SCORE, "verdict"]))
    flagged = result.scores.set_index("row").loc[result.conflicts["row"], "flagged"]
    assert not flagged.all()  # a conflict alone is not a label issue
    assert (len(without.conflicts), len(without.duplicates), without.summary["duplicates"]) == (0, 0, None)


def test_conflict_similarity_is_a_score_like_others() -> None:
    result = planted()
    assert result.score_names[-1] == SCORE == "conflict_similarity"
    assert result.score_metadata[SCORE] == SCORE_METADATA
    assert SCORE_METADATA["direction"] == "high"
    values = result.scores.set_index("row")[SCORE]
    assert values.between(0, 1).all()
    in_conflict = values.index.isin(result.conflicts["row"])
    threshold = result.summary["duplicates"]["threshold"]
    assert (values[in_conflict] >= threshold).all()
    assert (values[~in_conflict] < threshold).all()
    np.testing.assert_array_equal(values[[4, 90, 42, 96]], 1.0)
    assert (values[~in_conflict] > 0).any()  # images that were compared and found to differ


def test_summary_counts_the_duplicates() -> None:
    result = planted()
    flagged = int(result.scores["flagged"].sum())
    assert 9 <= flagged <= 13  # a tenth; copies may tie
    assert result.summary["num_findings"] == {"label_issue": flagged, "duplicate_conflict": 8}
    counts = dict(result.summary["duplicates"])
    assert counts.pop("threshold") >= 0.9
    assert counts.pop("pairs_compared") >= DIFFERENT
    assert counts == {"conflict_groups": 3, "same_label_groups": 2, "same_label_rows": 4, "pairs_kept_from": 0.5}
    assert result.summary["seconds"]["compare"] > 0


def test_loading_and_rejudging_keep_the_duplicates(tmp_path: Path) -> None:
    result = planted()
    result.save(tmp_path / "out")
    loaded = AuditResult.load(tmp_path / "out")
    again = rejudge(loaded, cut_off="20%")
    for table in ("conflicts", "duplicates", "pairs"):
        pd.testing.assert_frame_equal(getattr(loaded, table), getattr(result, table))
        pd.testing.assert_frame_equal(getattr(again, table), getattr(result, table))
    assert loaded.score_metadata == result.score_metadata
    more = int(again.scores["flagged"].sum())
    assert more > result.scores["flagged"].sum()
    assert again.summary["num_findings"] == {"label_issue": more, "duplicate_conflict": 8}
    assert again.findings["kind"].value_counts().to_dict() == {"label_issue": more, "duplicate_conflict": 8}


def test_different_images_have_no_duplicates() -> None:
    data = from_arrays(textured(40, seed=6), np.arange(40) % 2, class_names=["a", "b"], resolution=32)
    result = audit(data, epochs=1, cut_off="10%", duplicates=True)
    assert (len(result.conflicts), len(result.duplicates)) == (0, 0)
    assert (result.findings["kind"] == "label_issue").all()
    assert result.summary["num_findings"] == {"label_issue": len(result.findings), "duplicate_conflict": 0}
    counts = result.summary["duplicates"]
    assert [counts[kind] for kind in ("conflict_groups", "same_label_groups", "same_label_rows")] == [0, 0, 0]
    assert (result.scores[SCORE] < counts["threshold"]).all()


def check_without_comparison(result: AuditResult | None, folder: Path) -> AuditResult:
    """Check that a result holds nothing on duplicates and can be saved; return it."""
    assert result is not None
    assert (len(result.conflicts), len(result.duplicates)) == (0, 0)
    assert (result.findings["kind"] == "label_issue").all()
    assert result.summary["duplicates"] is None
    assert result.summary["num_findings"] == {"label_issue": len(result.findings), "duplicate_conflict": 0}
    assert SCORE not in result.score_names
    assert SCORE not in result.score_metadata
    result.save(folder)
    pd.testing.assert_frame_equal(AuditResult.load(folder).conflicts, result.conflicts)
    return result


def test_ctrl_c_in_the_comparison_keeps_the_ranking(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(MODULE, "compare_images", interrupt)
    with pytest.raises(AuditInterrupted) as caught:
        audit(make_data(40), epochs=2, cut_off="10%", duplicates=True)
    result = check_without_comparison(caught.value.result, tmp_path / "out")
    assert 0 < len(result.findings) < 20
    assert result.summary["epochs_done"] == 2
    assert result.contact_sheet is not None


def test_after_ctrl_c_in_training_nothing_is_compared(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def report(progress: Progress) -> None:
        if progress.stage == "train" and progress.epoch == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(MODULE, "compare_images", lambda *_, **__: pytest.fail("compared"))
    with pytest.raises(AuditInterrupted) as caught:
        audit(make_data(40), epochs=4, cut_off="10%", duplicates=True, progress=report)
    result = check_without_comparison(caught.value.result, tmp_path / "out")
    assert result.complete is False


def test_other_split_uses_the_threshold_of_the_duplicates(monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[float | None] = []
    compare_with_split = MODULE.compare_with_split

    def recorded(*data: LabeledData, **options: Any) -> Any:
        used.append(options["threshold"])
        return compare_with_split(*data, **options)

    monkeypatch.setattr(MODULE, "compare_with_split", recorded)
    result = audit(planted_data(), against=planted_data(), epochs=1)
    audit(planted_data(), against=planted_data(), epochs=1, duplicates=False)
    audit(planted_data(), against=planted_data(), epochs=1, duplicate_threshold=0.77)
    assert used == [result.summary["duplicates"]["threshold"], None, 0.77]
    assert result.summary["other_split"]["threshold"] == used[0]
