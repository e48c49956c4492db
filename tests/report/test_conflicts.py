from __future__ import annotations

import json
import math
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from curv_issues.findings import duplicate_conflict
from curv_issues.report import render, table
from curv_issues.report.text import merged_findings, sections
from curv_issues.results.result import AuditResult
from tests.made_up import result_of, result_parts


def with_conflicts() -> AuditResult:
    """Rows 10, 40 and 50 have suspect labels; 10 (cat) is a duplicate of 20 and 70 (bird, cat), and 40 of 30 (a tie)."""
    parts = result_parts()
    scores = parts["scores"].set_index("row")
    members = pd.DataFrame(
        {
            "group": [0, 0, 0, 1, 1],
            "row": [10, 20, 70, 30, 40],
            "suspect": [True, False, True, True, True],
            "suggested": ["bird", "bird", "bird", "cat", "dog"],
            "similarity": [1.0, 1.0, 0.93, 0.97, 0.97],
            "test": ["identical bytes", "identical bytes", "near", "near", "near"],
            "majority": [2 / 3, 1 / 3, 2 / 3, 0.5, 0.5],
            "probability": [0.1, 0.8, 0.1, 0.4, 0.4],
            "neighbours": [0.0, 1.0, 0.0, 0.5, 0.5],
        }
    )
    place = scores.loc[members["row"], ["split", "path", "given"]].reset_index(drop=True)
    conflicts = pd.concat([members, place], axis=1)
    columns = ["group", "row", "split", "path", "given", "suspect", "suggested", "similarity", "test"]
    conflicts = conflicts[[*columns, "majority", "probability", "neighbours"]]
    found = conflicts.merge(scores[["suspicion"]].reset_index(), on="row").merge(parts["images"][["row", "image_sha256"]], on="row")
    more = found.assign(kind="duplicate_conflict", p_wrong=math.nan, verdict=None)[parts["findings"].columns]
    return result_of({**parts, "findings": pd.concat([parts["findings"], more]), "conflicts": conflicts})


@pytest.mark.parametrize(("labels", "end"), [(4, "d: 23"), (5, "d: 23; 1 other label"), (900, "d: 23; 896 other labels")])
def test_of_many_labels_the_first_are_shown(labels: int, end: str) -> None:
    given = [*"abcd", *map(str, range(labels - 4))]
    table = pd.DataFrame({"given": given, "row": range(20, 20 + labels), "group": 0, "suspect": True, "path": None})
    result: Any = SimpleNamespace(conflicts=table.assign(similarity=1.0, test="identical features"))
    found = duplicate_conflict.section(result, 5, None).rows
    assert found["suspect"].tolist() == [f"a: 20; b: 21; c: 22; {end}"]


def conflict_rows(result: AuditResult, limit: int | None) -> pd.DataFrame:
    """Return the rows that show the conflicts."""
    return sections(result, limit)[1].rows


def test_suspect_rows_are_listed_once_and_right_ones_are_not() -> None:
    merged = merged_findings(with_conflicts()).set_index("row")
    assert merged.index.tolist() == [70, 50, 40, 30, 10]
    assert merged.loc[10, "kind"] == merged.loc[40, "kind"] == "label_issue, duplicate_conflict"
    assert (merged.loc[50, "kind"], merged.loc[70, "kind"]) == ("label_issue", "duplicate_conflict")
    assert (merged.loc[10, "suggested"], merged.loc[40, "suggested"]) == ("bird", "dog")  # what the conflict suggests


def test_groups_show_right_and_suspect_labels() -> None:
    lines = conflict_rows(with_conflicts(), None).to_dict("records")
    assert lines == [
        {"similarity": "1.000", "test": "identical bytes", "right": "bird: 20", "suspect": "cat: 10, 70"},
        {"similarity": "0.970", "test": "near", "right": "", "suspect": "dog: 30; cat: 40"},
    ]
    assert len(conflict_rows(with_conflicts(), 1)) == 1
    assert conflict_rows(AuditResult(**result_parts()), None).empty


def test_remark_reports_more_groups() -> None:
    assert sections(with_conflicts(), 2)[1].remark is None
    section = sections(with_conflicts(), 1)[1]
    assert (section.remark, section.file) == ("The first 1 of 2 groups of duplicates", "conflicts.parquet")


def test_paths_are_shown_if_there_are_any() -> None:
    result = with_conflicts()
    result.conflicts.loc[result.conflicts["row"] == 20, "path"] = "bird/\n2.png"
    assert conflict_rows(result, 1).iloc[0]["right"] == "bird: 20 bird/\\n2.png"


def test_narrow_tables_cut_paths_in_the_middle() -> None:
    result = with_conflicts()
    path = "animals/birds/of_the_north/0123456789abcdef.png"
    result.conflicts["path"] = result.findings["path"] = path
    lines = table.render(result, width=80).splitlines()
    shown = [word for line in lines for word in line.split() if "..." in word]
    assert len(shown) == 5 + 5
    assert all(path.endswith(word.rstrip(",;").split("...")[1]) and "." in word[-5:] for word in shown)
    assert max(map(len, lines)) <= 80
    assert table.render(result, width=1_000).count(path) == 5 + 5


def test_narrow_tables_fold_kinds_and_drop_raw_scores() -> None:
    result = with_conflicts()
    wide = table.render(result, width=200, verbose=True).splitlines()
    assert {"cumulative", "training"} <= set(wide[0].split())
    narrow = table.render(result, width=62, verbose=True).splitlines()
    assert max(map(len, narrow)) <= 62
    column = narrow[1].index("kind")
    assert [line[column:].split()[0] for line in narrow[3:5]] == ["duplicate_", "conflict"]
    assert "cumulative" in narrow[0]
    assert "training" not in narrow[0]


def test_long_groups_are_cut() -> None:
    parts = result_parts(n=30, flagged=())
    conflicts = parts["scores"][["row", "split", "path", "given"]].assign(
        group=0, suspect=True, suggested="dog", similarity=1.0, test="near", majority=1 / 3, probability=None, neighbours=None
    )
    names = ["group", "row", "split", "path", "given", "suspect", "suggested", "similarity", "test"]
    conflicts = conflicts[[*names, "majority", "probability", "neighbours"]]
    findings = parts["scores"].assign(kind="duplicate_conflict", p_wrong=math.nan, image_sha256=parts["images"]["image_sha256"])
    result = result_of({**parts, "findings": findings[parts["findings"].columns], "conflicts": conflicts})
    (line,) = conflict_rows(result, None).to_dict("records")
    assert line["suspect"].startswith("dog: 0, 30, 60, 90, 120, 150, 180, 210, ...; cat: 10, 40, ")


def test_every_format_shows_conflicts() -> None:
    result = with_conflicts()
    table = render(result, "table")
    assert "Duplicates with conflicting labels:" in table
    assert "bird: 20" in table.splitlines()[-2]
    assert "identical bytes" in render(result, "md").splitlines()[-2]
    conflicts = json.loads(render(result, "json"))["conflicts"]
    assert [member["row"] for member in conflicts] == [10, 20, 70, 30, 40]
    assert conflicts[0]["suspect"] is True
    assert conflicts[0]["split"] == "train"
    assert "duplicate_conflict" in render(result, "csv")
    assert "conflicting labels" not in render(AuditResult(**result_parts()), "table")
