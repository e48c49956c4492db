"""The format `table`, for people: in colour on a terminal, plain elsewhere."""

from __future__ import annotations

import io
import os
import shutil
import sys
from collections.abc import Sequence

import pandas as pd
from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from curv_issues.report.text import TEXT_COLUMNS, sections, summary_rows
from curv_issues.results.result import AuditResult
from curv_issues.visible import cut_middle, visible

_SHORTEST_PATH = 12  # minimum width of a path in cells
_BESIDE_CONFLICTS = 36  # cells of a line of conflicts without its two columns with paths: similarity, test, commas
_BETWEEN = 2  # cells between columns
_STYLES = {"given": "red", "suspect": "red", "suggested": "green", "right": "green", "path": "dim"}


def render(
    result: AuditResult, *, limit: int | None = None, verbose: bool = False, width: int | None = None, color: bool | None = None
) -> str:
    """Return the findings as a table, or "No findings.", then the confused classes and the conflicting duplicates, if any.

    Args:
        result: the audit.
        limit: maximum number of findings, and of groups; None: 20.
        verbose: also show the main raw scores.
        width: characters per line. If the table is wider, raw scores are omitted, then paths are cut in the middle, then other
            cells are wrapped. None: the width of the terminal; unlimited if stdout is not a terminal.
        color: whether to use colour; None: only if stdout is a terminal and NO_COLOR is not set.
    """
    width, color = _screen(width, color)
    rows = summary_rows(result, limit, verbose=verbose)
    parts = (
        [_table(rows, width, color=color, spare=result.score_names)]
        if len(rows)
        else ["No findings."]
        if result.findings.empty
        else []
    )
    longest_path = max(_SHORTEST_PATH, (width - _BESIDE_CONFLICTS) // 2)
    for section in sections(result, limit, longest_path=longest_path):
        if len(section.rows):
            parts.append(f"{section.title}\n{_table(section.rows, width, color=color)}")
    return "\n\n".join(parts)


def text_table(rows: pd.DataFrame) -> str:
    """Return rows of `visible` text as a table that fits the terminal, with paths cut in the middle if necessary."""
    width, color = _screen(None, None)
    return _table(rows, width, color=color)


def _screen(width: int | None, color: bool | None) -> tuple[int, bool]:
    terminal = sys.stdout.isatty()
    if width is None:
        width = shutil.get_terminal_size().columns if terminal else 1_000_000
    if color is None:
        color = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return width, color


def _fitted(rows: pd.DataFrame, width: int, spare: Sequence[str]) -> pd.DataFrame:
    """Return the rows, made narrower until they fit: kinds on several lines, fewer `spare` columns, shorter paths."""
    if len(rows) == 0:
        return rows
    if "kind" in rows.columns and _least_width(rows) > width:
        rows = rows.assign(kind=[kind.replace(", ", ",\n").replace("_", "_\n") for kind in rows["kind"]])
    for name in reversed(spare):
        if _least_width(rows) > width and name in rows.columns:
            rows = rows.drop(columns=name)
    paths = sorted((name for name in rows.columns if _is_path(name)), key=lambda name: _cells(rows, name))
    room = width - _least_width(rows) + sum(min(_cells(rows, name), _SHORTEST_PATH) for name in paths)
    for number, name in enumerate(paths):  # narrower column first, so that the other gets the width it does not need
        longest = max(_SHORTEST_PATH, room // (len(paths) - number))
        rows = rows.assign(**{name: [cut_middle(path, longest) for path in rows[name]]})
        room -= _cells(rows, name)
    return rows


def _least_width(rows: pd.DataFrame) -> int:
    """Return the width of a line in cells, with paths as short as allowed and nothing wrapped."""
    widths = [min(_cells(rows, name), _SHORTEST_PATH) if _is_path(name) else _cells(rows, name) for name in rows.columns]
    return sum(widths) + _BETWEEN * (len(widths) - 1)


def _cells(rows: pd.DataFrame, name: str) -> int:
    """Return the width of a column in cells, with its header."""
    lines = [*visible(name).split("_"), *(line for text in rows[name] for line in text.split("\n"))]
    return max(map(cell_len, lines))


def _is_path(name: str) -> bool:
    return name.endswith("path")


def _table(rows: pd.DataFrame, width: int, *, color: bool, spare: Sequence[str] = ()) -> str:
    rows = _fitted(rows, width, spare)
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True, header_style="bold")
    for name in rows.columns:
        text = name in TEXT_COLUMNS
        header = Text(visible(name).replace("_", "\n"))  # one word per line, to leave room for names on 80 columns
        style = _STYLES.get(name, "")
        one_line = not text or _is_path(name)  # other text is wrapped first
        table.add_column(header, justify="left" if text else "right", overflow="fold", no_wrap=one_line, style=style)
    for cells in rows.itertuples(index=False):
        table.add_row(*(Text(cell) for cell in cells))  # Text is not parsed as markup, which a class name may contain
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
