"""Show progress on stderr and, for the commands, the messages that the package logs."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bars
from rich.text import Text

from curv_issues.progress import Progress, ProgressCallback
from curv_issues.visible import visible

LOGGER = "curv_issues"

SECONDS_WITHOUT_LINES, SECONDS_BETWEEN_LINES = 10, 30
"""If stderr is not a terminal."""

SECONDS_BETWEEN_UPDATES = 0.2
"""In a notebook."""

STAGES = {
    "cells": "cells",
    "load": "loading images",
    "features": "computing features",
    "train": "training",
    "score": "measuring curvature",
    "cross_fit": "cross-fitting",
    "compare": "comparing samples",
    "write": "writing",
    "export": "exporting images",
}


@contextmanager
def live_progress(*, quiet: bool = False, messages: bool = True) -> Iterator[ProgressCallback | None]:
    """Yield a callback that shows progress on stderr; None if `quiet` is set.

    On a terminal, progress is a live line. Elsewhere, a line is printed at the start of each stage and every 30 seconds, after the
    first 10 seconds, so that logs show that the run is alive. With `messages`, messages of the logger "curv_issues" at INFO and
    above are printed on stderr too, one line each, unless `quiet` is set.
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


def default_progress(progress: ProgressCallback | bool | None) -> AbstractContextManager[ProgressCallback | None]:
    """Return a context that yields the progress callback of `audit(progress=...)`, or None.

    Args:
        progress: a callback; True: show progress on stderr; False: do not; None: show it on a terminal or in a notebook.
    """
    if callable(progress):
        return nullcontext(progress)
    if progress is None:
        progress = _in_notebook() or (sys.stderr is not None and sys.stderr.isatty())
    if progress and _in_notebook():
        return _notebook_line()
    return live_progress(quiet=not progress, messages=False)


def _in_notebook() -> bool:
    get_ipython = getattr(sys.modules.get("IPython"), "get_ipython", None)
    return get_ipython is not None and hasattr(get_ipython(), "kernel")


@contextmanager
def _notebook_line() -> Iterator[ProgressCallback]:
    """Yield a callback that rewrites one line on stderr; rich would need ipywidgets for this."""
    width, shown = 0, 0.0

    def show(progress: Progress) -> None:
        nonlocal width, shown
        now = time.monotonic()
        if now - shown < SECONDS_BETWEEN_UPDATES:
            return
        text = f"{_describe(progress)}{_percent(progress)}"
        print(f"\r{text:{width}}", end="", file=sys.stderr, flush=True)
        width, shown = len(text), now

    try:
        yield show
    finally:
        print("\r" + " " * width, end="\r", file=sys.stderr, flush=True)


def _percent(progress: Progress) -> str:
    return f" ({progress.done / progress.total:.0%})" if progress.total else ""


def _describe(progress: Progress) -> str:
    """Return the stage, with epoch and loss during training."""
    text = STAGES[progress.stage]
    if progress.epoch is None:
        return text
    return f"{text}, epoch {progress.epoch} of {progress.epochs}, loss {progress.loss:.3f}"


class _LinePrinter:
    """Print a line at the start of each stage and every 30 seconds, but nothing in the first 10 seconds."""

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
        self._console.print(Text(f"{_describe(progress)}{_percent(progress)}"), soft_wrap=True)


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
    """Log handler that prints each record as one `visible` line, which rich keeps above the live line."""

    def __init__(self, console: Console) -> None:
        super().__init__(logging.INFO)
        self._console = console

    def emit(self, record: logging.LogRecord) -> None:
        self._console.print(Text(visible(record.getMessage())), soft_wrap=True)


@contextmanager
def _log_to(console: Console) -> Iterator[None]:
    """Print the messages of the package on a console within this context."""
    logger, handler = logging.getLogger(LOGGER), _ConsoleHandler(console)
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
