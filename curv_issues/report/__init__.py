"""Output formats for results, one per file. To add one, add it to the table below.

A format is a function `render(result, *, limit=None, verbose=False) -> str`. Its text has no notes and no trailing newline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from curv_issues.errors import UsageError
from curv_issues.plugins import load_attribute, look_up

if TYPE_CHECKING:
    from curv_issues.results.result import AuditResult

FORMATS: dict[str, str] = {
    "table": "curv_issues.report.table:render",
    "json": "curv_issues.report.json_format:render",
    "csv": "curv_issues.report.csv_format:render",
    "md": "curv_issues.report.markdown:render",
}


def render(result: AuditResult, format: str = "table", *, limit: int | None = None, verbose: bool = False) -> str:
    """Return the findings of a result as text, most suspect first.

    Args:
        result: a finished or interrupted audit.
        format: a key of `FORMATS`: "table" (for people), "json" (the summary with the findings), "csv" or "md".
        limit: maximum number of findings; None: 20 in a table or Markdown, all in JSON and CSV.
        verbose: also show some raw scores in a table or Markdown: cumulative loss, margin, training gradient.

    Raises:
        UsageError: the format is unknown, or the limit negative.
    """
    if limit is not None and limit < 0:
        raise UsageError(f"The limit of findings to show is {limit}; expected 0 or more.")
    return load_attribute(look_up(FORMATS, format, "format"))(result, limit=limit, verbose=verbose)
