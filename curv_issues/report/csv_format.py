"""The format `csv`: comma-separated values (RFC 4180), for spreadsheets and programs."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd

from curv_issues.report.text import first_findings
from curv_issues.results.result import AuditResult
from curv_issues.visible import visible

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""First characters of cells that spreadsheets run as formulas (also full-width), and the apostrophe that disarms them."""


def render(result: AuditResult, *, limit: int | None = None, verbose: bool = False) -> str:
    """Return the columns of findings.parquet, with a header; text is quoted; missing text is empty.

    An apostrophe is put before text that a spreadsheet would run as a formula, and before text that begins with an apostrophe:
    programs get the original by removing one leading apostrophe. On a terminal, text is `visible`.

    Args:
        result: the audit.
        limit: maximum number of findings; None: all.
        verbose: ignored, because all columns are included.
    """
    return csv_text(first_findings(result, limit))


def csv_text(rows: pd.DataFrame) -> str:
    """Return rows of Python objects as CSV with a header; see `render`."""
    show = visible if sys.stdout.isatty() else str
    return csv_lines(list(rows.columns), rows.itertuples(index=False), show=show)


def csv_lines(header: Sequence[str], rows: Iterable[Iterable[Any]], *, show: Callable[[str], str] = str) -> str:
    """Return rows as comma-separated values with a header; text is quoted and defused, see `render`; None is an empty cell."""
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
    writer.writerow(header)
    for row in rows:
        writer.writerow([show(_defuse(value)) if isinstance(value, str) else value for value in row])
    return stream.getvalue().removesuffix("\n")


def _defuse(text: str) -> str:
    """Return text that no spreadsheet runs as a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text
