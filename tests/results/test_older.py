"""Results of schema_version 1, read by this version. The folder was written by the previous version."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd

from curv_issues.auditing.rejudge import rejudge
from curv_issues.results.result import AuditResult
from tests.cli.running import run

FOLDER = Path(__file__).parent / "version_1"
SUMMARY = json.loads((FOLDER / "summary.json").read_text())


def test_version_1_is_read_with_the_current_names() -> None:
    assert SUMMARY["schema_version"] == 1
    result = AuditResult.load(FOLDER)
    assert result.summary["schema_version"] == 3
    old = pd.read_parquet(FOLDER / "findings.parquet")["kind"].value_counts()
    found = result.findings["kind"].value_counts()
    assert found.to_dict() == {"label_issue": old["label_error"], "duplicate_conflict": old["duplicate_conflict"]}
    assert result.summary["num_findings"] == found.to_dict()
    pd.testing.assert_frame_equal(result.leakage, pd.read_parquet(FOLDER / "overlap.parquet"), check_dtype=False)
    assert result.summary["other_split"] == SUMMARY["against"]
    assert result.summary["cut_off"]["rule"] == "fraction"
    assert result.summary["ranking"]["memorised_fraction"] == SUMMARY["ranking"]["memorised_share"]
    assert not {"against", "overlap"} & set(result.summary)


def test_version_1_can_be_rejudged_and_shown() -> None:
    again = rejudge(AuditResult.load(FOLDER), cut_off="25%")
    assert again.summary["num_findings"]["label_issue"] == 6
    shown = run("show", FOLDER, "--kind", "label_issue", "--format", "csv")
    assert shown.exit_code == 0
    assert len(shown.stdout.splitlines()) == 1 + SUMMARY["num_findings"]["label_error"]


def test_saving_again_updates_the_version_and_removes_old_files(tmp_path: Path) -> None:
    folder = shutil.copytree(FOLDER, tmp_path / "out")
    result = AuditResult.load(folder)
    result.save(folder, overwrite=True)
    assert not (folder / "overlap.parquet").exists()
    pd.testing.assert_frame_equal(AuditResult.load(folder).leakage, result.leakage)
    assert json.loads((folder / "summary.json").read_text())["schema_version"] == 3
