"""Print a finished result again, in whole or in part, without training."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.auditing.test_audit_duplicates import planted
from tests.cli.running import check_error, run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return planted().save(tmp_path_factory.mktemp("shown") / "out")


def shown(folder: Path, *options: str) -> dict:
    result = run("show", folder, "--format", "json", *options)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_complete_result(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.iterdir()}
    found = shown(folder)
    expected = planted()
    assert [entry["row"] for entry in found["findings"]] == expected.findings["row"].tolist()
    assert len(found["conflicts"]) == len(expected.conflicts)
    table = run("show", folder)
    assert table.exit_code == 0
    listed = re.findall(r"^ *(\d+) +(?:label_issue|duplicate_conflict)", table.stdout, flags=re.MULTILINE)
    label_issues = expected.findings["row"][expected.findings["kind"] == "label_issue"]
    suspects = expected.conflicts["row"][expected.conflicts["suspect"]]
    assert sorted(map(int, listed)) == sorted({*label_issues, *suspects})
    assert f"Results: {folder}" in table.stdout
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("kind", ["label_issue", "duplicate_conflict"])
def test_one_kind(folder: Path, kind: str) -> None:
    found = shown(folder, "--kind", kind)
    expected = planted().findings
    assert [entry["row"] for entry in found["findings"]] == expected["row"][expected["kind"] == kind].tolist()
    assert {entry["kind"] for entry in found["findings"]} == {kind}
    assert bool(found["conflicts"]) == (kind == "duplicate_conflict")


def test_another_cut_off_and_score(folder: Path) -> None:
    more = shown(folder, "--cut-off", "50%", "--kind", "label_issue")["findings"]
    assert len(more) >= planted().scores["flagged"].sum() * 4
    other = shown(folder, "--score", "cumulative_loss", "--kind", "label_issue")["findings"]
    losses = planted().scores.set_index("row")["cumulative_loss"]
    assert other[0]["row"] == losses.idxmax()
    assert "findings.parquet" not in run("show", folder, "--cut-off", "50%").stdout


def test_raw_scores_are_shown_with_verbose(folder: Path) -> None:
    for format in ("table", "md"):
        words = [run("show", folder, "--format", format, *more).stdout.split() for more in ((), ("--verbose",))]
        assert ["margin" in shown for shown in words] == [False, True]


def test_invalid_arguments_are_refused(folder: Path, tmp_path: Path) -> None:
    check_error(run("show", tmp_path / "nowhere"), 2, "does not exist")
    check_error(run("show", tmp_path), 2, "is not a result folder")
    check_error(run("show", folder, "--kind", "fog"), 2, "Unknown kind of finding 'fog'")
    check_error(run("show", folder, "--format", "fog"), 2, "Unknown format 'fog'")
    check_error(run("show", folder, "--cut-off", "7"), 2, "cut_off must be")
    check_error(run("show", folder, "--cut-off", ""), 2, "cut_off must be")
    check_error(run("show", folder, "--score", "fog"), 2, "Unknown score 'fog'")
