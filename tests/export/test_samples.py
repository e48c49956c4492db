"""Which samples an export contains, and what it says about them."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from curv_issues.auditing.rejudge import only_kind
from curv_issues.export.samples import ATTRIBUTES, COLUMNS, list_samples
from curv_issues.results.result import AuditResult
from curv_issues.results.tables import TABLES
from tests.made_up import make_result


def test_samples_with_findings_most_suspect_first(result: AuditResult) -> None:
    found = list_samples(result)
    assert [(sample.row, sample.kinds) for sample in found] == [
        (7, ("label_issue",)),
        (5, ("label_issue", "duplicate_conflict")),
        (2, ("label_issue",)),
        (1, ("duplicate_conflict",)),
    ]
    assert [sample.row for sample in list_samples(result, all_samples=True)] == list(range(8, -1, -1))


def test_a_sample_has_what_the_tables_say(result: AuditResult) -> None:
    (sample,) = (sample for sample in list_samples(result) if sample.row == 7)
    scores, images = result.scores.iloc[7], result.images.iloc[7]
    assert (sample.path, sample.given, sample.suggested) == (scores["path"], scores["given"], scores["suggested"])
    assert (sample.suspicion, sample.p_wrong, sample.verdict) == (7 / 8, scores["p_wrong"], "mislabeled")
    assert (sample.height, sample.width) == (13, 6)
    assert (sample.image_sha256, sample.file_sha256) == (images["image_sha256"], images["file_sha256"])
    assert sample.split is None
    assert dict(zip(COLUMNS, sample.table_row(), strict=True))["kinds"] == "label_issue"
    assert set(sample.attributes()) == set(ATTRIBUTES) - {"conflict_group"}


def test_only_doubted_labels_have_a_suggestion(result: AuditResult) -> None:
    found = {sample.row: sample for sample in list_samples(result, all_samples=True)}
    assert {row for row, sample in found.items() if sample.suggested is not None} == {2, 5, 7}
    assert found[1].proposed == found[1].given  # the right one of two duplicates
    assert found[1].attributes()["suspect"] is False
    assert "suggested" not in found[1].attributes()
    assert found[0].kinds == ()
    assert found[0].p_wrong == result.scores["p_wrong"][0]


def test_the_label_of_a_duplicate_is_the_better_suggestion(result: AuditResult) -> None:
    (sample,) = (sample for sample in list_samples(result) if sample.row == 5)
    assert result.scores["suggested"][5] != result.scores["given"][1]
    assert sample.suggested == sample.proposed == result.scores["given"][1]
    assert sample.conflict_group == 0


@pytest.mark.parametrize(("kind", "rows"), [("label_issue", [7, 5, 2]), ("duplicate_conflict", [5, 1]), ("leakage", [])])
def test_one_kind(result: AuditResult, kind: str, rows: list[int]) -> None:
    found = list_samples(only_kind(result, kind), kind=kind)
    assert [sample.row for sample in found] == rows
    assert {sample.kinds for sample in found} <= {(kind,)}


def test_images_in_another_split(result: AuditResult) -> None:
    pair = {"split": None, "path": None, "given": "cat", "other_split": "test", "other_path": None, "other_given": "cat"}
    pair |= {"similarity": 1.0, "test": "near", "mirrored": False, "agree": True}
    leakage = pd.DataFrame([{**pair, "row": row, "other_row": other} for row, other in ((4, 1), (4, 2), (0, 3))])
    both = replace(result, tables={**result.tables, "leakage": leakage[TABLES["leakage"].names]})
    found = list_samples(only_kind(both, "leakage"), kind="leakage")
    assert [(sample.row, sample.kinds, sample.suggested) for sample in found] == [(4, ("leakage",), None), (0, ("leakage",), None)]
    assert len(list_samples(both)) == 4


def test_results_without_probabilities_and_with_unknown_kinds() -> None:
    plain = make_result()
    assert {sample.p_wrong for sample in list_samples(plain)} == {None}
    other = replace(plain, findings=pd.concat([plain.findings, plain.findings.assign(kind="new")]))
    assert [sample.kinds for sample in list_samples(other)] == [("label_issue", "new")] * 3
