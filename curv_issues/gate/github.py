"""Show the gate on GitHub: annotations of files, and a summary for the page of the job.

Names come from strangers. In annotations, control characters become visible escapes, and what ends a value of a workflow command
is escaped as GitHub's toolkit does it: `%`, CR and LF, in properties also `:` and `,`
(https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts). In the summary, no name is rendered as Markdown.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from curv_issues.counting import counted
from curv_issues.data.reopening import opened_names
from curv_issues.gate.check import Gate
from curv_issues.gate.rules import ANY
from curv_issues.report.markdown import markdown_table
from curv_issues.report.markdown_text import escape_markdown
from curv_issues.report.text import TOP, as_text, by_sample
from curv_issues.results.kinds import KINDS, LEAKAGE
from curv_issues.results.result import AuditResult
from curv_issues.visible import cut_middle, visible

MOST_ANNOTATIONS = 10
"""Annotations of a gate; GitHub shows at most 10 errors and 10 warnings per step."""

_WIDEST, _LONGEST_NOTE = 100, 1_000  # terminal cells of a name and of a note; a summary may have 1 MiB
_DATA = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY = {**_DATA, ":": "%3A", ",": "%2C"}


class _Annotation(NamedTuple):
    kinds: str
    path: str
    message: str


def file_annotations(gate: Gate, result: AuditResult, workspace: str) -> list[str]:
    """Return workflow commands that annotate the first samples with new findings and a path, one per line of output.

    Samples with a finding that breaks a rule are errors and come first; others are warnings. Each names its path; if that file is
    in the repository, GitHub shows the annotation with it.

    Args:
        gate: the checked rules.
        result: what they were checked on.
        workspace: folder of the repository.
    """
    broken = {check.rule.kind for check in gate.checks if not check.passed}
    broken |= set(KINDS) - {LEAKAGE} if ANY in broken else set()
    found = [(not broken.isdisjoint(one.kinds.split(", ")), one) for one in _annotated(gate)]
    found.sort(key=lambda pair: not pair[0])
    folder = _dataset_folder(result)
    return [
        _command("error" if is_error else "warning", one, _file_in(workspace, os.path.join(folder, one.path)))
        for is_error, one in found[:MOST_ANNOTATIONS]
    ]


def _annotated(gate: Gate) -> Iterator[_Annotation]:
    findings = by_sample(gate.new_findings[gate.new_findings["path"].notna()])
    for row in findings.groupby("kind", sort=False).head(MOST_ANNOTATIONS).itertuples():
        probability = "" if pd.isna(row.p_wrong) else f" Probability that the label is wrong: {row.p_wrong:.2f}."
        verdict = "" if pd.isna(row.verdict) else f" Verdict: {_short(row.verdict)}."
        suggested = "" if row.suggested == row.given else f", suggested {_short(row.suggested)}"  # the right side of a conflict
        labels = f"given {_short(row.given)}{suggested}"
        yield _Annotation(row.kind, row.path, f"{_short(row.path)} (row {row.row}): {labels}.{probability}{verdict}")
    if gate.new_leakage is not None and any(check.rule.kind == LEAKAGE for check in gate.checks):
        leakage = gate.new_leakage[gate.new_leakage["path"].notna()].drop_duplicates("row").head(MOST_ANNOTATIONS)
        for row in leakage.itertuples():
            place = f"row {row.other_row}" if pd.isna(row.other_path) else f"{_short(row.other_path)} (row {row.other_row})"
            labels = f"given {_short(row.given)}; also in the other split: {place}, given {_short(row.other_given)}"
            yield _Annotation(LEAKAGE, row.path, f"{_short(row.path)} (row {row.row}): {labels}.")


def _dataset_folder(result: AuditResult) -> str:
    """Return the folder that the paths of a result are relative to; "" if it was not a single folder."""
    names = opened_names(result.summary["dataset"])
    return names[0] if len(names) == 1 and os.path.isdir(names[0]) else ""


def _file_in(workspace: str, path: str) -> str | None:
    """Return the path of an existing file relative to the workspace, with slashes; None if it is not in it."""
    file, root = Path(os.path.abspath(path)), Path(os.path.abspath(workspace))
    is_file = os.path.isfile(file)  # unlike Path.is_file, it is False for a name that is too long
    return file.relative_to(root).as_posix() if file.is_relative_to(root) and is_file else None


def _command(level: str, one: _Annotation, file: str | None) -> str:
    properties = {"file": file, "title": one.kinds.replace("_", " ").capitalize()}
    given = ",".join(f"{name}={_escaped(visible(value), _PROPERTY)}" for name, value in properties.items() if value is not None)
    return f"::{level} {given}::{_escaped(one.message, _DATA)}"


def _escaped(text: str, escapes: dict[str, str]) -> str:
    return "".join(escapes.get(character, character) for character in text)


def _short(text: str) -> str:
    return cut_middle(visible(text), _WIDEST)


def job_summary(gate: Gate, result: AuditResult) -> str:
    """Return the gate as Markdown: the verdict, each rule, the number of findings by kind, and the first new ones."""
    new = "" if gate.baseline is None else "new "
    rules = [
        f"- {'passed' if check.passed else 'failed'}: {escape_markdown(f'{check.rule}, {check.numbers}')}" for check in gate.checks
    ]
    parts = [
        f"## curv-issues: gate {'passed' if gate.passed else 'failed'}",
        f"{escape_markdown(_short(str(result)))}.",
        "\n".join(rules),
    ]
    if gate.baseline is not None:
        parts.append(f"Compared with the baseline {escape_markdown(_short(gate.baseline))}; only findings that it lacks count.")
    notes = (*gate.notes, *result.summary.get("notes", []))
    parts += [f"Note: {escape_markdown(cut_middle(visible(note), _LONGEST_NOTE))}" for note in notes]
    if len(gate.new_findings):
        samples = by_sample(gate.new_findings)
        parts += [_first(len(samples), "sample", f" with {new}findings"), _table(_summary_columns(samples.head(TOP)))]
    if gate.new_leakage is not None and len(gate.new_leakage):
        columns = ["row", "path", "given", "other_row", "other_path", "other_given", "similarity", "test"]
        parts += [_first(len(gate.new_leakage), f"{new}leakage pair", ""), _table(gate.new_leakage.head(TOP)[columns])]
    return "\n\n".join(parts) + "\n\n"


def _first(number: int, noun: str, what: str) -> str:
    return f"{f'The first {TOP} of ' if number > TOP else ''}{counted(number, noun)}{what}:"


def _summary_columns(findings: pd.DataFrame) -> pd.DataFrame:
    """Return the columns for people, without those that have no values."""
    names = ["row", "kind", "path", "given", "suggested", "suspicion", "p_wrong", "verdict"]
    return findings[[name for name in names if findings[name].notna().any()]]


def _table(rows: pd.DataFrame) -> str:
    return markdown_table(as_text(rows).map(lambda cell: cut_middle(cell, _WIDEST)))


def append_summary(text: str, path: str) -> None:
    """Append text to the file of a job summary.

    Raises:
        OSError: it cannot be written.
    """
    with open(path, "a", encoding="utf-8", errors="backslashreplace") as file:
        file.write(text)
