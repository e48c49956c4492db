"""Comma-separated values, as RFC 4180 has them, for spreadsheets and programs."""

from __future__ import annotations

import csv
import io
import sys

from curv_issues.report.text import first_findings
from curv_issues.results.result import AuditResult
from curv_issues.visible import visible

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""Starts of a cell that a spreadsheet runs as a formula (also in full width), and the apostrophe, so that programs can undo it."""


def render(result: AuditResult, *, limit: int | None = None, verbose: bool = False) -> str:
    """Return the columns of findings.parquet, with a header; text is quoted; missing text is empty.

    Text that a spreadsheet would take for a formula has an apostrophe in front, and so has text that begins with one:
    a program gets the original by removing one leading apostrophe. On a terminal, text is `visible`.

    Args:
        result: the audit.
        limit: at most that many findings; None means all.
        verbose: ignored, as all columns are there.
    """
    findings = first_findings(result, limit)
    show = visible if sys.stdout.isatty() else str
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(findings.columns)
    for row in findings.itertuples(index=False):
        writer.writerow([show(_defuse(value)) if isinstance(value, str) else value for value in row])
    return stream.getvalue().removesuffix("\n")


def _defuse(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
