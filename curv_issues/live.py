"""The live line on a terminal: stage, epoch, loss and time left. Nothing off a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from curv_issues.progress import Progress, ProgressCallback

STAGES = {
    "cells": "cells",
    "load": "reading pictures",
    "train": "training",
    "score": "measuring curvature",
    "compare": "comparing pictures",
}


@contextmanager
def live_progress(*, quiet: bool = False) -> Iterator[ProgressCallback | None]:
    """Give a callback that shows progress on stderr, or None if stderr is no terminal or `quiet` is set."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def show(progress: Progress) -> None:
            text = STAGES[progress.stage]
            if progress.epoch is not None:
                text = f"{text}, epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.3f}"
            if progress.stage not in tasks:
                tasks[progress.stage] = bars.add_task(text, total=progress.total)
            bars.update(tasks[progress.stage], description=text, completed=progress.done, total=progress.total)

        yield show
