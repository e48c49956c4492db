"""The format `json`, for programs: the summary and the findings as strict JSON."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from curv_issues.report.text import first_findings
from curv_issues.results.arrow import as_objects
from curv_issues.results.result import AuditResult
from curv_issues.results.tables import TABLES


def render(result: AuditResult, *, limit: int | None = None, verbose: bool = False) -> str:
    """Return the summary with the lists `findings`, most suspect first, `conflicts`, and `leakage` if another split was compared.

    Missing values are null; characters other than ASCII are escaped.

    Args:
        result: the audit.
        limit: maximum number of findings; None: all. Conflicts and leakage are always complete.
        verbose: ignored, because all columns are included.
    """
    tables = {name: result.tables[name] for name, table in TABLES.items() if table.is_listed}
    lists = {name: records(table) for name, table in tables.items() if table is not None}
    findings = first_findings(result, limit).to_dict("records")
    return json_text({**result.summary, "findings": findings, **lists})


def json_text(value: Any) -> str:
    """Return a JSON value as strict, indented ASCII text that a CI log cannot take for a command; see `visible`."""
    return json.dumps(value, indent=2, allow_nan=False).replace("##[", r"##\u005b")  # within strings only; means the same


def records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a table as JSON values."""
    return as_objects(table).to_dict("records")
