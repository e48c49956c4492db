"""A table for people, in colour on a terminal and plain elsewhere."""

from __future__ import annotations

import io
import os
import shutil
import sys

import pandas as pd
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from curv_issues.report.text import TEXT_COLUMNS, sections, telling_rows
from curv_issues.result import AuditResult
from curv_issues.visible import cut_middle, visible

_SHORTEST_PATH = 16  # cells that paths are not cut below
_BESIDE_CONFLICTS = 32  # cells of a line of conflicts beside its two columns with paths: similarity, test, commas
_STYLES = {"given": "red", "suspect": "red", "suggested": "green", "right": "green", "path": "dim"}


def render(result: AuditResult, *, limit: int | None = None, width: int | None = None, color: bool | None = None) -> str:
    """The findings as a table, or "No findings.", and below it the groups of the same picture under different labels, if any.

    Args:
        result: the audit.
        limit: at most that many findings, and groups; None means 20.
        width: characters a line; paths that do not fit are cut in the middle, other cells are folded. None: as wide as the
            terminal, or as wide as needed where stdout is no terminal.
        color: whether to use colour; None: if stdout is a terminal and NO_COLOR is not set.
    """
    terminal = sys.stdout.isatty()
    if width is None:
        width = shutil.get_terminal_size().columns if terminal else 1_000_000
    if color is None:
        color = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    rows = telling_rows(result, limit)
    parts = [_table(rows, width, color=color)] if len(rows) else ["No findings."] if result.findings.empty else []
    longest_path = max(_SHORTEST_PATH, (width - _BESIDE_CONFLICTS) // 2)
    for section in sections(result, limit, longest_path=longest_path):
        if len(section.rows):
            parts.append(f"{section.title}\n{_table(section.rows, width, color=color)}")
    return "\n\n".join(parts)


def _with_short_paths(rows: pd.DataFrame, width: int) -> pd.DataFrame:
    """Cut the paths so that all columns fit the width side by side, as far as the other columns leave room."""
    paths = [name for name in rows.columns if name.endswith("path")]
    if not paths or rows.empty:
        return rows
    widths = {name: max(map(cell_len, [*name.split("_"), *rows[name]])) for name in rows.columns}
    room = width - sum(widths[name] for name in rows.columns if name not in paths) - 2 * (len(rows.columns) - 1)
    for name in sorted(paths, key=lambda name: widths[name]):
        longest = max(_SHORTEST_PATH, room // len(paths))
        rows = rows.assign(**{name: [cut_middle(path, longest) for path in rows[name]]})
        room -= min(widths[name], longest)  # a column of short paths leaves more to the other
        paths = paths[1:]
    return rows


def _table(rows: pd.DataFrame, width: int, *, color: bool) -> str:
    rows = _with_short_paths(rows, width)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True, header_style="bold")
    for name in rows.columns:
        text = name in TEXT_COLUMNS
        header = Text(visible(name).replace("_", "\n"))  # narrow, so that a terminal of 80 columns has room for the names
        style = _STYLES.get(name, "")
        table.add_column(header, justify="left" if text else "right", overflow="fold", no_wrap=not text, style=style)
    for cells in rows.itertuples(index=False):
        table.add_row(*(Text(cell) for cell in cells))  # Text, so that nobody's class name is read as markup
    stream = io.StringIO()
    console = Console(
        file=stream,
        width=width,
        force_terminal=color,
        color_system="standard" if color else None,
        no_color=not color,
        legacy_windows=False,
    )
    console.print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())
