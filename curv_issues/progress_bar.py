"""What the commands write to stderr during a run: progress, and the messages that the package logs."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from curv_issues.progress import Progress, ProgressCallback
from curv_issues.visible import visible

LOGGER = "curv_issues"

SECONDS_WITHOUT_LINES, SECONDS_BETWEEN_LINES = 10, 30
"""Off a terminal."""

STAGES = {
    "cells": "cells",
    "load": "loading images",
    "train": "training",
    "score": "measuring curvature",
    "compare": "comparing images",
}


@contextmanager
def live_progress(*, quiet: bool = False, messages: bool = True) -> Iterator[ProgressCallback | None]:
    """Give a callback that shows progress on stderr, or None if `quiet` is set.

    On a terminal that is a live line; elsewhere a line at the start of each stage and every 30 seconds, from the tenth second, so
    that logs show that the run is alive.
    With `messages`, those of the logger "curv_issues" at INFO and above go to stderr too, one line each, unless `quiet` is set.
    """
    if quiet:
        yield None
        return
    console = Console(stderr=True)
    with _log_to(console) if messages else nullcontext():
        if not console.is_terminal:
            yield _LinePrinter(console)
            return
        with _bars(console) as bars:
            tasks: dict[str, TaskID] = {}

            def show(progress: Progress) -> None:
                text = _describe(progress)
                if progress.stage not in tasks:
                    tasks[progress.stage] = bars.add_task(text, total=progress.total)
                bars.update(tasks[progress.stage], description=text, completed=progress.done, total=progress.total)

            yield show


def _describe(progress: Progress) -> str:
    text = STAGES[progress.stage]
    if progress.epoch is None:
        return text
    return f"{text}, epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.3f}"


class _LinePrinter:
    """Print a line at the start of each stage, and when the last one is 30 seconds old; nothing of short runs."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._stages: set[str] = set()
        self._printed = time.monotonic()
        self._begin = self._printed + SECONDS_WITHOUT_LINES

    def __call__(self, progress: Progress) -> None:
        now = time.monotonic()
        is_due = progress.stage not in self._stages or now - self._printed >= SECONDS_BETWEEN_LINES
        if now < self._begin or not is_due:
            return
        self._stages.add(progress.stage)
        self._printed = now
        percent = f" ({progress.done / progress.total:.0%})" if progress.total else ""
        self._console.print(Text(f"{_describe(progress)}{percent}"), soft_wrap=True)


def _bars(console: Console) -> Bars:
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    return Bars(*columns, console=console, transient=True)


class _ConsoleHandler(logging.Handler):
    """Write each log record as one visible line; rich keeps it above the live line."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(Text(visible(record.getMessage())), soft_wrap=True)


@contextmanager
def _log_to(console: Console) -> Iterator[None]:
    logger, handler = logging.getLogger(LOGGER), _ConsoleHandler(console)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
