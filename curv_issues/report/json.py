"""Strict JSON for programs: the summary, and the findings as a list."""

from __future__ import annotations

import json

from curv_issues.report.text import first_findings
from curv_issues.result import AuditResult


def render(result: AuditResult, *, limit: int | None = None) -> str:
    """The summary with the list `findings`, most suspect first; missing is null, characters beyond ASCII are escaped.

    Args:
        result: the audit.
        limit: at most that many findings; None means all.
    """
    findings = first_findings(result, limit).to_dict("records")
    return json.dumps({**result.summary, "findings": findings}, indent=2, allow_nan=False)
