"""Strict JSON for programs: the summary, and the findings as a list."""

from __future__ import annotations

import json

from curv_issues.report.text import first_findings
from curv_issues.result import AuditResult


def render(result: AuditResult, *, limit: int | None = None) -> str:
    """The summary with the lists `findings`, most suspect first, and `conflicts`; missing is null, only ASCII unescaped.

    Args:
        result: the audit.
        limit: at most that many findings; None means all; conflicts are always all there.
    """
    findings = first_findings(result, limit).to_dict("records")
    conflicts = result.conflicts.astype(object).where(result.conflicts.notna(), None).to_dict("records")
    return json.dumps({**result.summary, "findings": findings, "conflicts": conflicts}, indent=2, allow_nan=False)
