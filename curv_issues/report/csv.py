"""Comma-separated values, as RFC 4180 has them, for spreadsheets and programs."""

from __future__ import annotations

import csv
import io

from curv_issues.report.text import first_findings
from curv_issues.result import AuditResult


def render(result: AuditResult, *, limit: int | None = None) -> str:
    """The columns of findings.parquet, with a header; text is quoted and may hold anything; missing text is empty.

    Args:
        result: the audit.
        limit: at most that many findings; None means all.
    """
    findings = first_findings(result, limit)
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(findings.columns)
    writer.writerows(findings.itertuples(index=False))
    return stream.getvalue().removesuffix("\n")
