"""A plain table of text cells, as wide as the terminal, or as wide as needed off one."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text


def plain_table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: bool = False) -> str:
    """Lay out rows of text under a header.

    Args:
        header: names of the columns.
        rows: as many cells each.
        numbers: whether all columns but the first are numbers, and stand to the right.
    """
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for number, name in enumerate(header):
        table.add_column(Text(name), overflow="fold", justify="right" if numbers and number else "left", no_wrap=number == 0)
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))  # Text, so that nothing is read as markup
    stream = io.StringIO()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 1_000
    Console(file=stream, width=width, color_system=None, legacy_windows=False).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())
