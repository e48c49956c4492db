"""A plain table of text cells that fits the terminal, and is at most 100 columns wide."""

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
    """Return the columns that a table may take here: 100, or those of a narrower terminal."""
    return min(WIDEST, shutil.get_terminal_size().columns) if sys.stdout.isatty() else WIDEST


def plain_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False) -> str:
    """Lay out rows of text under a header; what does not fit is folded between words.

    Args:
        header: names of the columns.
        rows: as many cells each; the first one is never folded.
        numbers: whether all columns but the first are numbers, and stand to the right.
    """
    padding = 0 if numbers else 1  # beside a space that stands between columns anyway
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, padding), collapse_padding=True)
    for number, name in enumerate(header):
        table.add_column(Text(name), overflow="fold", justify="right" if numbers and number else "left", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text, so that nothing is read as markup
    stream = io.StringIO()
    Console(file=stream, width=table_width(), color_system=None, legacy_windows=False).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())
