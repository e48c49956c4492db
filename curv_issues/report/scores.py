"""The list of all scores: which end is suspect, what each costs, where it is from."""

from __future__ import annotations

import io
import json
import shutil
import sys
from typing import Any

from curv_issues.errors import UsageError
from curv_issues.trackers import SCORES

COLUMNS = ("score", "suspect", "measured", "cost", "source", "description")


def list_scores() -> list[dict[str, Any]]:
    """One entry a score, with the columns above; `measured` is "always" or "on demand"."""
    return [
        {
            "score": name,
            "suspect": info.direction,
            "measured": "on demand" if info.on_demand else "always",
            "cost": info.cost,
            "source": info.source,
            "description": info.description,
        }
        for name, info in SCORES.items()
    ]


def render_scores(format: str) -> str:
    """The list as "table" or "json".

    Raises:
        UsageError: another format.
    """
    if format == "json":
        return json.dumps(list_scores(), indent=2)
    if format != "table":
        raise UsageError(f"Unknown format {format!r}; choose one of: table, json.")
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for column in COLUMNS:
        table.add_column(column, overflow="fold", no_wrap=column in ("score", "suspect", "measured"))
    for entry in list_scores():
        table.add_row(*(entry[column] for column in COLUMNS))
    stream = io.StringIO()
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else 1_000
    Console(file=stream, width=width, color_system=None, markup=False).print(table)
    return "\n".join(line.rstrip() for line in stream.getvalue().splitlines())
