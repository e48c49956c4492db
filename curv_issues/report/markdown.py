"""The format `md`: tables in GitHub's Markdown, for issues, pull requests and job summaries."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pandas as pd

from curv_issues.report.markdown_text import escape_markdown
from curv_issues.report.text import TEXT_COLUMNS, sections, summary_rows
from curv_issues.results.result import AuditResult


def render(result: AuditResult, *, limit: int | None = None, verbose: bool = False) -> str:
    """Return the findings as a table with a header, then the confused classes and the duplicates with conflicting labels, if any.

    Args:
        result: the audit.
        limit: maximum number of findings; None: 20.
        verbose: also show the main raw scores.
    """
    more = [f"{section.title}\n\n{markdown_table(section.rows)}" for section in sections(result, limit) if len(section.rows)]
    return "\n\n".join([markdown_table(summary_rows(result, limit, verbose=verbose)), *more])


def markdown_table(rows: pd.DataFrame) -> str:
    """Return rows of text as a table with a header."""
    align = ["---" if name in TEXT_COLUMNS else "---:" for name in rows.columns]
    return markdown_lines(list(rows.columns), rows.itertuples(index=False), align=align)


def markdown_lines(header: Sequence[str], rows: Iterable[Iterable[str]], *, align: Sequence[str]) -> str:
    """Return rows of text as a table; `align` has at least one of "---" and "---:" per column."""
    lines = [_line(map(escape_markdown, header)), _line(align[: len(header)])]
    lines += [_line(map(escape_markdown, cells)) for cells in rows]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
