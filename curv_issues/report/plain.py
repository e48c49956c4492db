"""Lay out text as a plain table that fits the terminal and is at most 100 characters wide."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

WIDEST = 100


def table_width() -> int:
    """Return the maximum width of a table in characters: 100, or the width of a narrower terminal."""
    return min(WIDEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDEST


def plain_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False) -> str:
    """Return rows of text as a table with a header; text that does not fit is wrapped between words.

    Args:
        header: names of the columns.
        rows: one cell per column each; the first cell is never wrapped.
        numbers: whether all columns but the first are numbers, which are aligned to the right.
    """
    padding = 0 if numbers else 1  # in addition to the space between columns
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, padding), collapse_padding=True)
    for number, name in enumerate(header):
        table.add_column(Text(name), overflow="fold", justify="right" if numbers and number else "left", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text is not parsed as markup
    stream = io.StringIO()
    Console(file=stream, width=table_width(), color_system=None, legacy_windows=False).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())
