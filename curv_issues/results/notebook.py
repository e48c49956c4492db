"""A result as HTML, for notebooks: the counts and a small table of the first findings."""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

import pandas as pd

from curv_issues.visible import visible

SHOWN = 10
_COLUMNS = ("row", "split", "path", "kind", "given", "suggested", "suspicion")


def render_html(description: str, findings: pd.DataFrame) -> str:
    """Return the description of a result and its first findings as an HTML fragment; all text is escaped."""
    parts = [f"<p>{_text(description)}</p>"]
    first = findings.head(SHOWN)
    if len(first):
        columns = [name for name in _COLUMNS if first[name].notna().any()]
        rows = [f"<tr>{_cells('th', columns)}</tr>"]
        rows += [f"<tr>{_cells('td', map(_shown, row))}</tr>" for row in first[columns].itertuples(index=False)]
        parts.append(f"<table>{''.join(rows)}</table>")
    if len(findings) > SHOWN:
        parts.append(f"<p>The first {SHOWN} of {len(findings):,} findings; all of them are in <code>findings</code>.</p>")
    return "\n".join(parts)


def _cells(tag: str, values: Iterable[object]) -> str:
    return "".join(f"<{tag}>{_text(value)}</{tag}>" for value in values)


def _shown(value: object) -> object:
    return f"{value:.4f}" if isinstance(value, float) else "" if pd.isna(value) else value


def _text(value: object) -> str:
    return escape(visible(str(value)))
