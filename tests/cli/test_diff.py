"""curv-issues diff."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from tests.cli.running import check_error, run
from tests.gate.results import result_with


@pytest.fixture
def folders(here: Path) -> tuple[Path, Path]:
    old = result_with("abcd", flagged=[0, 1]).save(here / "old")
    new = result_with("xabcd", flagged=[1, 3]).save(here / "new")
    return old, new


def test_formats(folders: tuple[Path, Path]) -> None:
    table = run("diff", *folders)
    assert (table.exit_code, table.stderr) == (0, "")
    assert (
        "Findings: 1 new, 1 gone, 1 moved, 0 unchanged\nSamples: 1 added, 0 removed, 0 relabelled\n\n1 new finding:\n"
        in table.stdout
    )
    found = json.loads(run("diff", *folders, "--format", "json").stdout)
    assert [row["row"] for row in found["new_findings"]] == [3]
    assert (found["moved_findings"][0]["old_row"], found["moved_findings"][0]["row"]) == (0, 1)
    rows = list(csv.DictReader(io.StringIO(run("diff", *folders, "--format", "csv").stdout)))
    assert [row["change"] for row in rows] == ["new", "gone", "moved", "added"]
    assert "| 3 | label\\_issue | dog | cat |" in run("diff", *folders, "--format", "md").stdout


def test_notes_go_to_stderr(folders: tuple[Path, Path], here: Path) -> None:
    other = result_with("yz").save(here / "other")
    result = run("diff", folders[0], other)
    assert result.stderr == "Note: The two datasets have no image in common.\n"
    assert run("diff", folders[0], other, "--quiet").stderr == ""


def test_invalid_arguments_are_refused(folders: tuple[Path, Path], here: Path) -> None:
    check_error(run("diff", folders[0], here / "nowhere"), 2, "nowhere does not exist")
    check_error(run("diff", here, folders[1]), 2, "is not a result folder")
    check_error(run("diff", *folders, "--format", "fog"), 2, "Unknown format 'fog'")
