"""The format `card`: a block of Markdown for the card or README of the dataset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from curv_issues.counting import counted
from curv_issues.export.base import Export
from curv_issues.export.description import command_line, describe_source
from curv_issues.findings.confusions import describe_count
from curv_issues.report.markdown_text import escape_markdown
from curv_issues.results.kinds import KINDS
from curv_issues.results.result import AuditResult

PROJECT = "https://github.com/curv-issues/curv-issues"


def write(export: Export, folder: Path) -> None:
    """Write `card.md`: a summary for the card of the dataset, with counts, estimate, command and version; without images."""
    (folder / "card.md").write_text(f"{render(export.result)}\n", encoding="utf-8")


def render(result: AuditResult) -> str:
    """Return a short block of Markdown about an audit, for the card of its dataset."""
    summary = result.summary
    version = (_mapping(summary, "versions")).get("curv-issues")
    tool = f"[curv-issues]({PROJECT}){f' {escape_markdown(str(version))}' if version else ''}"
    size = f"{counted(len(result), 'sample')} of {counted(len(result.class_names), 'class', 'classes')}"
    parts = ["## Label audit", f"{tool} audited {size}: {escape_markdown(describe_source(summary))}."]
    if not result.complete:
        parts.append("The audit was interrupted, so these numbers are preliminary.")
    counts = result.findings["kind"].value_counts()
    rows = [
        f"| {name} | {counts.get(name, 0):,} | {info.about.partition('. ')[0].rstrip('.')} |"
        for name, info in KINDS.items()
        if info.has_findings
    ]
    parts.append("\n".join(["| finding | number | meaning |", "| --- | ---: | --- |", *rows]))
    estimate = describe_count(summary.get("estimate"), len(result))
    if estimate is not None:
        parts.append(f"{estimate}.")
    other = _mapping(summary, "other_split")
    if result.leakage is not None and other:
        differing = result.leakage["row"][~result.leakage["agree"]].nunique()
        found = f"{counted(result.leakage['row'].nunique(), 'image')} also in the split {escape_markdown(str(other.get('split')))}"
        parts.append(f"Leakage: {found}, {differing:,} of them with a different label.")
    if result.answers is not None:
        parts.append(f"A person has judged {counted(len(result.answers), 'label')}.")
    parts.append(f"Seed: {escape_markdown(str(summary.get('seed')))}. A flagged label is a suspicion: look before you change it.")
    command = command_line(summary)
    if command is not None:
        parts.append(f"```sh\n{command}\n```")
    return "\n\n".join(parts)


def _mapping(summary: dict[str, Any], name: str) -> dict[str, Any]:
    """Return an entry of the summary that is an object; {} if it is missing or something else."""
    value = summary.get(name)
    return value if isinstance(value, dict) else {}
