"""Changes of a dataset as text."""

from __future__ import annotations

import csv
import io
import json

import pandas as pd
import pytest

from curv_issues.applying.changes import Change, changes_of, changes_table
from curv_issues.errors import UsageError
from curv_issues.report import FORMATS
from curv_issues.report.changes import render_changes

CHANGES = [
    Change(3, "train", "cat/3.png", "cat", "dog", "relabel", "decision"),
    Change(14, "train", "a|b\x1b.png", "<b>", None, "remove", "=1+1"),
]
NOTHING = changes_table([])


def table(number: int) -> pd.DataFrame:
    return changes_table(Change(row, None, None, "a", "b", "relabel", "decision") for row in range(number))


def test_a_table_gives_back_its_changes() -> None:
    assert changes_of(changes_table(CHANGES)) == CHANGES
    assert NOTHING.columns.tolist() == ["row", "split", "path", "given", "label", "action", "reason"]
    assert changes_of(NOTHING) == []


def test_table() -> None:
    lines = render_changes(changes_table(CHANGES), NOTHING).splitlines()
    assert lines[0].split() == ["row", "split", "path", "given", "label", "reason"]
    assert lines[2].split() == ["3", "train", "cat/3.png", "cat", "dog", "decision"]
    assert lines[3].split() == ["14", "train", "a|b\\x1b.png", "<b>", "(removed)", "=1+1"]
    assert render_changes(NOTHING, NOTHING) == "No changes."
    assert "split" not in render_changes(table(2), NOTHING)


def test_markdown() -> None:
    lines = render_changes(changes_table(CHANGES), NOTHING, "md").splitlines()
    assert lines[0] == "| row | split | path | given | label | reason |"
    assert lines[1].split() == ["|", "---:", *["|", "---"] * 5, "|"]
    assert lines[3] == "| 14 | train | a&#124;b&#92;x1b.png | &#60;b&#62; | (removed) | =1+1 |"
    assert render_changes(table(1), NOTHING, "md").splitlines()[1] == "| ---: | --- | --- | --- |"


def test_csv_has_all_columns_and_no_formulas() -> None:
    rows = list(csv.DictReader(io.StringIO(render_changes(changes_table(CHANGES), NOTHING, "csv"))))
    assert rows[0] == {
        "row": "3",
        "split": "train",
        "path": "cat/3.png",
        "given": "cat",
        "label": "dog",
        "action": "relabel",
        "reason": "decision",
    }
    assert (rows[1]["label"], rows[1]["reason"]) == ("", "'=1+1")


def test_json_has_changes_and_what_was_not_applied() -> None:
    found = json.loads(render_changes(changes_table(CHANGES[:1]), changes_table(CHANGES[1:]), "json"))
    assert [entry["row"] for entry in found["changes"]] == [3]
    assert found["not_applied"] == [
        {
            "row": 14,
            "split": "train",
            "path": "a|b\x1b.png",
            "given": "<b>",
            "label": None,
            "action": "remove",
            "reason": "=1+1",
        }
    ]


@pytest.mark.parametrize("format", FORMATS)
def test_formats_are_those_of_findings(format: str) -> None:
    text = render_changes(table(50), NOTHING, format)
    lines = len(json.loads(text)["changes"]) if format == "json" else len(text.splitlines())
    assert lines == {"table": 22, "md": 22, "csv": 51, "json": 50}[format]
    limited = render_changes(table(50), NOTHING, format, limit=3)
    assert limited.count("decision") == 3
    with pytest.raises(UsageError, match="format"):
        render_changes(NOTHING, NOTHING, "xml")
