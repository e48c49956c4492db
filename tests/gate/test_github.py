"""Annotations and the summary of the job: what they say, and that names from a dataset stay names."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from curv_issues import AuditResult, check_gate, compare_results
from curv_issues.gate.difference_text import render_difference
from curv_issues.gate.github import file_annotations, job_summary
from curv_issues.report import render
from tests.gate.results import result_with
from tests.gate.runner import commands_in

ATTACKS = (
    "::error::x",
    " ::stop-commands::x",
    "##[set-output name=a]b",
    "a\n::add-mask::b",
    "a\r::debug::b",
    "100%0A::error::b",
    "a,title=b::c",
    "<script>alert(1)</script>",
    "[a](javascript:b) ![c](http://d) @org/team | `e`",
    "# a\n\n- b",
)


def test_the_runner_is_imitated() -> None:
    assert commands_in("  ::error file=a%2Cb%3A%25,title=c::d%0A,::e\nx::error::y") == [
        ("error", {"file": "a,b:%", "title": "c"}, "d\n,::e")
    ]
    assert commands_in("x ##[warning]y\rz ##[Set-Output name=a]b\n##[fog]::fog::c") == [
        ("warning", {}, "y"),
        ("Set-Output", {}, "b"),
    ]


def photos(tmp_path: Path, *files: str) -> Path:
    for file in files:
        path = tmp_path / "repository" / "photos" / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "repository" / "photos"


def opened(folder: Path, names: tuple[str, ...] = ("dog", "cat", "bird")) -> dict[str, object]:
    return {"source": "./photos", "classes": list(names), "opened_with": {"dataset": [str(folder)], "options": {}}}


def test_findings_of_broken_rules_are_errors_and_come_first(tmp_path: Path) -> None:
    folder = photos(tmp_path, "dog/1.png", "dog/3.png")
    paths = ["dog/0.png", "dog/1.png", None, "dog/3.png"]
    result = result_with("abcd", flagged=[0, 1, 2], conflicts=[3], leaked=[(1, 8), (1, 9)], paths=paths, dataset=opened(folder))
    rules = ["duplicate_conflict>0", "label_issue>9", "leakage>9"]
    evidence = "given dog, suggested cat. Probability that the label is wrong: 0.90."
    assert file_annotations(check_gate(result, rules), result, str(tmp_path / "repository")) == [
        f"::error file=photos/dog/3.png,title=Duplicate conflict::dog/3.png (row 3): {evidence}",
        f"::warning file=photos/dog/1.png,title=Label issue::dog/1.png (row 1): {evidence}",
        f"::warning title=Label issue::dog/0.png (row 0): {evidence}",
        "::warning file=photos/dog/1.png,title=Leakage::dog/1.png (row 1): given dog; also in the other split: row 8, given cat.",
    ]
    assert levels(result, "any>0") == ["error"] * 3
    assert levels(result, "leakage>0") == ["error", *["warning"] * 3]
    assert levels(result, "any>9") == ["warning"] * 3
    assert levels(result, "any>0", "leakage>9") == [*["error"] * 3, "warning"]


def levels(result: AuditResult, *rules: str) -> list[str]:
    return [name for name, _, _ in commands_in("\n".join(file_annotations(check_gate(result, rules), result, "/")))]


def test_a_sample_is_annotated_once() -> None:
    result = result_with("abc", flagged=[0, 1], conflicts=[1, 2], suggested={2: "dog"}, paths=["a", "b", "c"])
    lines = file_annotations(check_gate(result, ["duplicate_conflict>0"]), result, "/")
    assert [line.partition(". Probability")[0] for line in lines] == [
        "::error title=Duplicate conflict::c (row 2): given dog",
        "::error title=Label issue%2C duplicate conflict::b (row 1): given dog, suggested cat",
        "::warning title=Label issue::a (row 0): given dog, suggested cat",
    ]
    text = job_summary(check_gate(result, ["any>0"]), result)
    assert "3 samples with findings:" in text
    assert "| 1 | label\\_issue, duplicate\\_conflict | b |" in text


def test_only_new_findings_and_at_most_ten() -> None:
    letters = "abcdefghijklmnopqrst"
    paths = [f"{letter}.png" for letter in letters]
    result = result_with(letters, flagged=range(15), paths=paths)
    lines = file_annotations(check_gate(result, ["any>0"]), result, "/")
    assert [line.partition("::error title=Label issue::")[2].split()[0] for line in lines] == [f"{a}.png" for a in letters[14:4:-1]]
    gate = check_gate(result, ["any>0"], baseline=result_with(letters, flagged=range(13)))
    assert [line.split("::")[2].split()[0] for line in file_annotations(gate, result, "/")] == ["o.png", "n.png"]


def test_files_outside_of_the_repository_are_only_named(tmp_path: Path) -> None:
    folder = photos(tmp_path, "in.png")
    (tmp_path / "out.png").touch()
    result = result_with("abc", flagged=[0, 1, 2], paths=["in.png", "../../out.png", "."], dataset=opened(folder))
    found = commands_in("\n".join(file_annotations(check_gate(result, ["any>0"]), result, str(folder.parent))))
    assert [properties.get("file") for _, properties, _ in found] == [None, None, "photos/in.png"]
    table = {"source": "a.parquet", "classes": ["dog", "cat", "bird"], "opened_with": {"dataset": [str(folder / "in.png")]}}
    for dataset in (table, {**table, "opened_with": None}, {**table, "opened_with": {"dataset": [7]}}):
        result = result_with("ab", flagged=[0], paths=[str(folder / "in.png"), None], dataset=dataset)
        (line,) = file_annotations(check_gate(result, ["any>0"]), result, str(folder.parent))
        assert line.startswith("::error file=photos/in.png,")


def test_a_path_that_is_too_long_is_only_named() -> None:
    result = result_with("ab", flagged=[0], paths=["x" * 300, None])
    (line,) = file_annotations(check_gate(result, ["any>0"]), result, "/")
    assert line.startswith("::error title=")


def attacked(folder: Path) -> AuditResult:
    names = ATTACKS
    n = len(names)
    return result_with(
        "abcdefghij"[:n],
        flagged=range(n),
        conflicts=range(n),
        leaked=[(index, index) for index in range(n)],
        given=names,
        suggested={index: names[index - 1] for index in range(n)},
        paths=names,
        names=names,
        dataset=opened(folder, names),
        notes=list(names),
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows allows no such file names")
@pytest.mark.parametrize(
    ("broken", "title"), [("leakage>0", "Leakage"), ("duplicate_conflict>0", "Label issue, duplicate conflict")]
)
def test_names_add_no_commands_to_annotations(broken: str, title: str, tmp_path: Path) -> None:
    result = attacked(photos(tmp_path, *ATTACKS))
    gate = check_gate(result, [broken, "leakage>50"], baseline=None)
    lines = file_annotations(gate, result, str(tmp_path / "repository"))
    assert len(lines) == 10
    found = commands_in("\n".join(lines))
    assert [name for name, _, _ in found] == ["error"] * 10
    assert all(set(properties) == {"file", "title"} and properties["title"] == title for _, properties, _ in found)
    assert sum("100%0A::error::b" in data for _, _, data in found) >= 1  # shown as it is


def test_names_are_text_in_the_summary(tmp_path: Path) -> None:
    result = attacked(tmp_path)
    text = job_summary(check_gate(result, ["any>0", "leakage>0"], baseline=attacked(tmp_path / ATTACKS[0])), result)
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(text)
    kinds = {token.type for token in tokens} | {child.type for token in tokens for child in token.children or []}
    assert kinds & {"link_open", "image", "html_block", "html_inline", "code_inline", "fence", "hr"} == set()
    assert [token.tag for token in tokens if token.type == "heading_open"] == ["h2"]
    assert "@" not in text.replace("&#64;", "")
    assert commands_in(text) == []


def test_the_summary_says_verdict_numbers_and_first_findings() -> None:
    letters = "abcdefghijklmnopqrstuvwxyz"
    result = result_with(letters, flagged=range(24), leaked=[(0, 5)], paths=[f"{a}.png" for a in letters], notes=["Be careful."])
    gate = check_gate(
        result, ["label_issue>50%", "leakage>1"], baseline=result_with(letters, flagged=[23], leaked=[], complete=False)
    )
    text = job_summary(gate, result)
    assert text.startswith("## curv-issues: gate failed\n\norg/made-up train: ")
    for words in (
        "26 samples, 3 classes, 24 label\\_issue findings.",
        "- failed: label\\_issue&#62;50%, 23 of 26 samples (88.5%) with new findings, 1 with known ones only\n",
        "- passed: leakage&#62;1, 1 of 26 samples (3.85%) with new findings, 0 with known ones only\n",
        "Compared with the baseline org/made-up train: 26 samples, 3 classes, 1 label\\_issue finding, incomplete; only",
        "is of an interrupted audit",
        "Note: Be careful.",
        "The first 20 of 23 samples with new findings:\n\n| row | kind | path | given | suggested | suspicion | p\\_wrong |\n",
        "1 new leakage pair:\n\n| row |",
    ):
        assert words in text, text
    rows = [line.split(" | ")[2] for line in text.splitlines() if ".png | dog | cat |" in line]
    assert rows == [f"{a}.png" for a in letters[22:2:-1]]
    passed = job_summary(check_gate(result, ["any>25"]), result)
    assert passed.startswith("## curv-issues: gate passed\n")
    assert "The first 20 of 24 samples with findings:" in passed
    assert "baseline" not in passed


def test_long_names_are_cut() -> None:
    names = ("a" * 10_000, "|" * 10_000, "c")
    result = result_with(
        "x" * 30, flagged=range(30), given=[names[0]] * 30, suggested=dict.fromkeys(range(30), names[1]), names=names
    )
    gate = check_gate(result, ["any>0"])
    assert len(job_summary(gate, result).encode()) < 100_000


@pytest.mark.parametrize("format", ["table", "md", "json"])
def test_no_format_prints_commands(format: str, tmp_path: Path) -> None:
    """CSV keeps its text as it is, so it does not belong in a log."""
    old, new = result_with("abc"), attacked(tmp_path)
    for text in (render(new, format), render_difference(compare_results(old, new), old, new, format)):
        assert commands_in(text) == []
    if format == "json":
        assert [row["given"] for row in json.loads(render(new, "json"))["conflicts"]] == list(ATTACKS)
