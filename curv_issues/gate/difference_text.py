"""Show what has changed between two results as text: for people, and for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pandas as pd

from curv_issues.counting import counted
from curv_issues.gate.difference import ResultDifference
from curv_issues.plugins import look_up
from curv_issues.report.csv_format import csv_text
from curv_issues.report.json_format import json_text, records
from curv_issues.report.markdown import markdown_table
from curv_issues.report.markdown_text import escape_markdown
from curv_issues.report.table import table_text
from curv_issues.report.text import TOP, as_text
from curv_issues.results.arrow import as_objects
from curv_issues.results.result import AuditResult
from curv_issues.visible import visible

SCHEMA_VERSION = 1
"""Version of the JSON and CSV formats."""


class _Part(NamedTuple):
    change: str
    noun: str
    table: str
    hidden: tuple[str, ...]  # columns that are not for people


_PARTS = (
    _Part("new", "new finding", "new_findings", ("split", "image_sha256")),
    _Part("gone", "gone finding", "gone_findings", ("split", "image_sha256")),
    _Part("moved", "moved finding", "moved_findings", ("suspicion", "image_sha256")),
    _Part("added", "added sample", "added_samples", ("split", "image_sha256")),
    _Part("removed", "removed sample", "removed_samples", ("split", "image_sha256")),
    _Part("relabelled", "relabelled sample", "relabelled_samples", ("image_sha256",)),
)


def render_difference(difference: ResultDifference, old: AuditResult, new: AuditResult, format: str = "table") -> str:
    """Return a difference as text.

    Args:
        difference: of the two results.
        old: the earlier result.
        new: the later result.
        format: "table" or "md": the counts, and the first 20 rows of each table; "json" or "csv": everything.

    Raises:
        UsageError: the format is unknown.
    """
    return look_up(_RENDERERS, format, "format")(difference, old, new)


def _table(difference: ResultDifference, old: AuditResult, new: AuditResult) -> str:
    shown = [f"{title}:\n{table_text(rows)}" for title, rows in _sections(difference)]
    return "\n\n".join(["\n".join(map(visible, _summary(difference, old, new))), *shown])


def _markdown(difference: ResultDifference, old: AuditResult, new: AuditResult) -> str:
    shown = [f"{title}:\n\n{markdown_table(rows)}" for title, rows in _sections(difference)]
    return "\n\n".join([*map(escape_markdown, _summary(difference, old, new)), *shown])


def _summary(difference: ResultDifference, old: AuditResult, new: AuditResult) -> list[str]:
    counts = {part.change: len(getattr(difference, part.table)) for part in _PARTS}
    findings = f"{counts['new']:,} new, {counts['gone']:,} gone, {counts['moved']:,} moved, {difference.num_unchanged:,} unchanged"
    samples = f"{counts['added']:,} added, {counts['removed']:,} removed, {counts['relabelled']:,} relabelled"
    return [f"Old: {old}", f"New: {new}", f"Findings: {findings}", f"Samples: {samples}"]


def _sections(difference: ResultDifference) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield title and first rows, as text, of each table that is not empty."""
    for part in _PARTS:
        rows: pd.DataFrame = getattr(difference, part.table)
        if len(rows):
            first = rows.head(TOP)
            columns = [name for name in rows.columns if name not in part.hidden and first[name].notna().any()]
            more = f" (the first {TOP})" if len(rows) > TOP else ""
            yield f"{counted(len(rows), part.noun)}{more}", as_text(first[columns])


def _json(difference: ResultDifference, old: AuditResult, new: AuditResult) -> str:
    tables = {part.table: records(getattr(difference, part.table)) for part in _PARTS}
    described = {"schema_version": SCHEMA_VERSION, "old": _describe(old), "new": _describe(new), "notes": list(difference.notes)}
    return json_text({**described, "num_unchanged": difference.num_unchanged, **tables})


def _describe(result: AuditResult) -> dict[str, Any]:
    dataset = {name: result.summary["dataset"].get(name) for name in ("source", "split", "revision", "fingerprint")}
    entries = {name: result.summary.get(name) for name in ("seed", "versions", "complete")}
    return {**dataset, "n": len(result), "num_findings": len(result.findings), **entries}


def _csv(difference: ResultDifference, old: AuditResult, new: AuditResult) -> str:
    tables = [getattr(difference, part.table).astype(object).assign(change=part.change) for part in _PARTS]
    columns = ["change", *dict.fromkeys(name for table in tables for name in table.columns if name != "change")]
    rows = pd.concat([table.reindex(columns=columns).astype(object) for table in tables], ignore_index=True)
    return csv_text(as_objects(rows))


_RENDERERS = {"table": _table, "json": _json, "csv": _csv, "md": _markdown}
