"""The gate: which findings a rule counts, with and without a baseline."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from curv_issues import AuditResult, check_gate
from curv_issues.errors import UsageError
from tests.gate.results import result_with
from tests.made_up import make_result

OLD = result_with("abcdefgh", flagged=[1, 3], conflicts=[3, 4], leaked=[(0, 5), (0, 6), (2, 7)])


def numbers(result: AuditResult, *rules: str, baseline: object = None) -> list[tuple[int, int | None]]:
    gate = check_gate(result, rules, baseline=baseline)  # type: ignore[arg-type]
    assert {check.num_samples for check in gate.checks} == {len(result)}
    return [(check.count, check.num_known) for check in gate.checks]


def test_rules_count_samples() -> None:
    rules = ("label_issue>9", "duplicate_conflict>9", "any>9", "leakage>9")
    assert numbers(OLD, *rules) == [(2, None), (2, None), (3, None), (2, None)]  # row 3 has two findings, row 0 two leaks


def test_verdict() -> None:
    gate = check_gate(OLD, ["label_issue>1", "any>50%", "duplicate_conflict>=25%"])
    assert [check.passed for check in gate.checks] == [False, True, False]
    assert not gate.passed
    assert [str(check) for check in gate.checks] == [
        "label_issue>1 failed: 2 of 8 samples (25%).",
        "any>50% passed: 3 of 8 samples (37.5%).",
        "duplicate_conflict>=25% failed: 2 of 8 samples (25%).",
    ]
    assert check_gate(OLD, "any>50%").passed
    assert gate.baseline is None
    pd.testing.assert_frame_equal(gate.new_findings, OLD.findings)
    pd.testing.assert_frame_equal(gate.new_leakage, OLD.leakage)
    assert check_gate(result_with("ab"), "any>0").new_leakage is None


def test_only_findings_that_the_baseline_lacks_count() -> None:
    # an added image, "x", moves all others; "h" is flagged too; "c" leaks no more, "x" does
    new = result_with("xhabdcefg", flagged=[1, 3, 4], conflicts=[4, 6], leaked=[(2, 9), (0, 1)])
    rules = ("label_issue>9", "duplicate_conflict>9", "any>9", "leakage>9")
    assert numbers(new, *rules, baseline=OLD) == [(1, 2), (0, 2), (1, 3), (1, 1)]
    gate = check_gate(new, rules, baseline=OLD)
    assert gate.new_findings["row"].tolist() == [1]
    assert gate.new_leakage is not None
    assert gate.new_leakage["row"].tolist() == [0]
    assert str(gate.checks[0]) == "label_issue>9 passed: 1 of 9 samples (11.1%) with new findings, 2 with known ones only."


def test_another_label_or_kind_makes_a_finding_new() -> None:
    relabelled = result_with("abcdefgh", given=["dog", "bird", *["dog"] * 6], flagged=[1, 3])
    assert numbers(relabelled, "label_issue>9", baseline=OLD) == [(1, 1)]
    other_kind = result_with("abcdefgh", flagged=[1], conflicts=[1, 3])
    assert numbers(other_kind, "duplicate_conflict>9", "any>9", baseline=OLD) == [(1, 1), (1, 1)]


def test_copies_of_a_known_image_are_known() -> None:
    copies = result_with("abcdefghbb", given=[*["dog"] * 9, "bird"], flagged=[1, 8, 9])
    assert numbers(copies, "label_issue>9", baseline=OLD) == [(1, 2)]


@pytest.mark.parametrize("what", ["folder", "file", "result"])
def test_kinds_of_baselines(what: str, tmp_path: Path) -> None:
    folder = OLD.save(tmp_path / "old")
    baseline = {"folder": folder, "file": folder / "findings.parquet", "result": OLD}[what]
    new = result_with("abcdefgh", flagged=[1, 2], leaked=[])
    gate = check_gate(new, ["label_issue>0"], baseline=baseline)
    assert [(check.count, check.num_known) for check in gate.checks] == [(1, 1)]
    assert gate.new_findings["row"].tolist() == [2]
    assert gate.baseline == str(baseline)
    assert gate.notes == ()


def test_metadata_of_a_file_changes_nothing(tmp_path: Path) -> None:
    path = OLD.save(tmp_path / "old") / "findings.parquet"
    table = pq.read_table(path)
    index = {"index_columns": ["kind"], "columns": [], "column_indexes": []}  # pandas would take the column out of the table
    pq.write_table(table.replace_schema_metadata({"pandas": json.dumps(index)}), path)
    assert check_gate(OLD, ["any>0"], baseline=path).passed


def test_older_folders_are_upgraded(tmp_path: Path) -> None:
    folder = Path(__file__).parents[1] / "results" / "version_1"
    old = AuditResult.load(folder)
    assert (old.findings["kind"] == "label_issue").any()
    assert check_gate(old, ["label_issue>0", "any>0"], baseline=folder).passed
    with pytest.raises(UsageError, match=r"findings.parquet is not a findings.parquet of schema_version 3 \(The columns are"):
        check_gate(old, ["label_issue>0"], baseline=folder / "findings.parquet")


def test_unusable_baselines(tmp_path: Path) -> None:
    folder = OLD.save(tmp_path / "old")
    (tmp_path / "text.parquet").write_text("no table")
    (tmp_path / "empty").mkdir()
    cases = {
        tmp_path / "nowhere.parquet": "nowhere.parquet does not exist; expected a findings.parquet or a folder of results",
        tmp_path / "text.parquet": "is not a findings.parquet of schema_version 3",
        "": "The baseline is ''; expected the path of",
        7: "The baseline is 7; expected the path of",
        Path("nul\0"): "is not a findings.parquet",
        folder / "scores.parquet": r"is not a findings.parquet of schema_version 3 \(The columns are row, split",
        tmp_path / "empty": "is not a result folder",
    }
    for path, words in cases.items():
        with pytest.raises(UsageError, match=words) as caught:
            check_gate(OLD, ["any>0"], baseline=path)  # type: ignore[arg-type]
        assert "\n" not in str(caught.value)
    (folder / "summary.json").write_text(
        (folder / "summary.json").read_text().replace('"schema_version": 3', '"schema_version": 4')
    )
    with pytest.raises(UsageError, match="has schema_version 4, but this version of curv-issues reads up to 3"):
        check_gate(OLD, ["any>0"], baseline=folder)


def test_leakage_needs_a_baseline_with_leakage(tmp_path: Path) -> None:
    folder = result_with("ab", flagged=[1]).save(tmp_path / "old")
    for baseline in (folder, folder / "findings.parquet"):
        with pytest.raises(UsageError, match="has no table of leakage; expected the folder of results of an audit with --against"):
            check_gate(OLD, ["leakage>0"], baseline=baseline)


def test_results_without_hashes_cannot_be_compared() -> None:
    without = replace(OLD, findings=OLD.findings.assign(image_sha256=["", *OLD.findings["image_sha256"][1:]]))
    assert not check_gate(without, ["any>0"]).passed
    with pytest.raises(UsageError, match="The findings have no image hashes"):
        check_gate(without, ["any>0"], baseline=OLD)
    with pytest.raises(UsageError, match=r"The findings of the baseline .* have no image hashes"):
        check_gate(OLD, ["any>0"], baseline=without)


def test_interrupted_audits_are_refused() -> None:
    for summary in ({"complete": False}, {"duplicates": None}):
        with pytest.raises(UsageError, match="of an interrupted audit, but the gate needs a finished one"):
            check_gate(result_with("ab", **summary), ["any>0"])
    check_gate(result_with("ab", duplicates=None, options={"duplicates": False}), ["any>0"])  # by choice


def test_what_was_not_searched_for_cannot_be_counted() -> None:
    with pytest.raises(UsageError, match="needs an audit with --against"):
        check_gate(result_with("ab"), ["leakage>0"])
    with pytest.raises(UsageError, match="needs an audit that searches for duplicates"):
        check_gate(make_result(), ["duplicate_conflict>0"])
    with pytest.raises(UsageError, match="Expected an AuditResult"):
        check_gate("folder", ["any>0"])  # type: ignore[arg-type]


def test_notes() -> None:
    undecided = {"cut_off": {"note": "The probe is under-trained."}}
    (note,) = check_gate(result_with("ab", **undecided), ["label_issue>0"]).notes
    assert note == "The audit flagged no label automatically, so a rule on label_issue cannot fail; see its notes."
    assert check_gate(result_with("ab", conflicts=[0, 1], **undecided), ["duplicate_conflict>9"]).notes == ()
    assert check_gate(result_with("ab", flagged=[1], **undecided), ["any>9"]).notes == ()
    first, second = check_gate(OLD, ["any>9"], baseline=result_with("ab", complete=False, duplicates=None)).notes
    assert "is of an interrupted audit" in first
    assert "without a search for duplicates, so each duplicate_conflict is new" in second
