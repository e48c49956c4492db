"""Show the changes of a dataset as text: a table for people, JSON, CSV or Markdown."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from curv_issues.plugins import look_up
from curv_issues.report.csv_format import csv_lines
from curv_issues.report.markdown import markdown_lines
from curv_issues.report.plain import plain_table
from curv_issues.report.text import TOP
from curv_issues.visible import visible

if TYPE_CHECKING:
    import pandas as pd

REMOVED = "(removed)"
_SHOWN = ("row", "split", "path", "given", "label", "reason")


def render_changes(changes: pd.DataFrame, not_applied: pd.DataFrame, format: str = "table", *, limit: int | None = None) -> str:
    """Return changes as text.

    Args:
        changes: see `curv_issues.applying.apply.Applied`.
        not_applied: the same, for decisions that could not be applied; only in JSON.
        format: "table", "json", "csv" or "md".
        limit: maximum number of changes; None: 20 in a table or Markdown, all in JSON and CSV.

    Raises:
        UsageError: the format is unknown.
    """
    return look_up(_FORMATS, format, "format")(changes, not_applied, limit)


def _records(changes: pd.DataFrame, limit: int | None) -> list[dict[str, Any]]:
    """Return changes as JSON values."""
    from curv_issues.results.arrow import as_objects

    shown = changes if limit is None else changes.head(limit)
    return as_objects(shown).to_dict("records")


def _cells(changes: pd.DataFrame, limit: int | None) -> tuple[list[str], list[list[str]]]:
    """Return a header and rows of `visible` text, without columns that are empty."""
    names = [name for name in _SHOWN if name not in ("split", "path") or changes[name].notna().any()]
    records = _records(changes, TOP if limit is None else limit)
    rows = [[_cell(record[name], REMOVED if name == "label" else "") for name in names] for record in records]
    return names, rows


def _cell(value: Any, missing: str) -> str:
    return missing if value is None else visible(str(value))


def _table(changes: pd.DataFrame, _: pd.DataFrame, limit: int | None) -> str:
    return plain_table(*_cells(changes, limit)) if len(changes) else "No changes."


def _markdown(changes: pd.DataFrame, _: pd.DataFrame, limit: int | None) -> str:
    return markdown_lines(*_cells(changes, limit), align=["---:", *["---"] * (len(_SHOWN) - 1)])


def _csv(changes: pd.DataFrame, _: pd.DataFrame, limit: int | None) -> str:
    rows = [list(record.values()) for record in _records(changes, limit)]
    return csv_lines(list(changes.columns), rows, show=visible if sys.stdout.isatty() else str)


def _json(changes: pd.DataFrame, not_applied: pd.DataFrame, limit: int | None) -> str:
    found = {"changes": _records(changes, limit), "not_applied": _records(not_applied, limit)}
    return json.dumps(found, indent=2, allow_nan=False)


_FORMATS: dict[str, Callable[[Any, Any, int | None], str]] = {"table": _table, "json": _json, "csv": _csv, "md": _markdown}
